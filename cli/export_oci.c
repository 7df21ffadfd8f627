/* export_oci.c - config, manifest and index around one layer (OCI image specification 1.1). */
#include "cli/export_oci.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/timestamp.h"
#include "db/image.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#define CONFIG_SIZE_MAX (16u << 20) /* bytes of an image's config that is read again */
#define PIECE_SIZE (1u << 18)       /* bytes of the layer at once */
#define NAME_SIZE (sizeof "sha256:" + DIGEST_HEX_SIZE)
#define ANNOTATION_NAME "org.opencontainers.image.ref.name"

/* A blob of the layout. */
struct piece {
    char name[NAME_SIZE]; /* "sha256:…" */
    uint64_t size;
};

struct layout {
    struct view *view;
    struct archive *archive;
    struct archive_entry *entry;
    struct sha256 *sha;
    int layer_fd;
    struct piece layer, config, manifest;
    struct error *err;
};

static void name_piece(struct piece *piece, const struct digest *digest, uint64_t size)
{
    memcpy(piece->name, "sha256:", sizeof "sha256:");
    hex_encode(piece->name + strlen("sha256:"), digest->bytes, DIGEST_SIZE);
    piece->size = size;
}

/* --- The layer ---------------------------------------------------------------------------------------------------- */

static int keep_layer(void *arg, const void *bytes, size_t size, struct error *err)
{
    struct layout *l = arg;
    int result = file_write_all(l->layer_fd, bytes, size, l->layer.size);

    if (result < 0)
        return error_system(err, -result, "a temporary file");
    sha256_add(l->sha, bytes, size);
    l->layer.size += size;
    return 0;
}

static int make_layer(struct export_count *count, struct layout *l, const struct export_options *given)
{
    struct export_options options = *given;
    struct digest digest;

    options.layer = true;
    int result = export_tar(count, l->view, &options, keep_layer, l, l->err);
    if (result < 0)
        return result;
    sha256_final(&digest, l->sha);
    name_piece(&l->layer, &digest, l->layer.size);
    return 0;
}

/* --- Documents ---------------------------------------------------------------------------------------------------- */

/* The config of the image that the snapshot is, or was joined with; or one that tells nothing. */
static json_t *load_config(struct layout *l)
{
    struct store *store = l->view->store;
    struct image image;
    struct blob blob;
    json_t *config = NULL;

    if (l->view->snapshot.image && image_find_number(&image, store, l->view->snapshot.image, l->err) == 0 &&
        blob_find(&blob, store, image.config_blob, l->err) == 0 && blob.size <= CONFIG_SIZE_MAX) {
        cleanup_free char *text = malloc(blob.size + 1);
        size_t size = 0;
        ssize_t got = 1;

        while (text && size < blob.size && got > 0) {
            got = blob_read(text + size, store, &blob, size, blob.size - size, l->err);
            size += got > 0 ? (size_t)got : 0;
        }
        config = text && got > 0 ? json_loadb(text, size, JSON_ALLOW_NUL, NULL) : NULL;
        blob_rest(store);
    }
    if (json_is_object(config))
        return config;
    json_decref(config);
    return json_pack("{s:s, s:s}", "architecture", "unknown", "os", "linux");
}

/* NULL: out of memory. */
static char *make_config(struct layout *l)
{
    char created[TIMESTAMP_TEXT_SIZE];
    json_t *config = load_config(l);
    char *text = NULL;

    timestamp_format(created, l->view->snapshot.time);
    if (config &&
        json_object_set_new(config, "rootfs", json_pack("{s:s, s:[s]}", "type", "layers", "diff_ids", l->layer.name)) ==
            0 &&
        json_object_set_new(config, "history",
                            json_pack("[{s:s, s:s}]", "created", created, "created_by", "confuse export")) == 0 &&
        json_object_set_new(config, "created", json_string(created)) == 0)
        text = json_dumps(config, JSON_COMPACT);
    json_decref(config);
    return text;
}

static json_t *descriptor(const char *type, const struct piece *piece)
{
    return json_pack("{s:s, s:s, s:I}", "mediaType", type, "digest", piece->name, "size", (json_int_t)piece->size);
}

/* Takes the object over. */
static char *dump(json_t *document)
{
    char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;

    json_decref(document);
    return text;
}

static char *make_manifest(const struct layout *l)
{
    return dump(json_pack("{s:i, s:s, s:o, s:[o]}", "schemaVersion", 2, "mediaType",
                          "application/vnd.oci.image.manifest.v1+json", "config",
                          descriptor("application/vnd.oci.image.config.v1+json", &l->config), "layers",
                          descriptor("application/vnd.oci.image.layer.v1.tar", &l->layer)));
}

static int keep_tag(void *arg, const char *tag)
{
    snprintf(arg, TAG_SIZE_MAX + 1, "%s", tag);
    return 1;
}

/* A snapshot with a tag is called by that. */
static char *make_index(const struct layout *l)
{
    json_t *manifest = descriptor("application/vnd.oci.image.manifest.v1+json", &l->manifest);
    const struct snapshot *s = &l->view->snapshot;
    char tag[TAG_SIZE_MAX + 1], name[NAMESPACE_SIZE_MAX + TAG_SIZE_MAX + 2];

    if (manifest && image_visit_tags(l->view->store, s->number, keep_tag, tag, l->err) == 1) {
        snprintf(name, sizeof name, "%s:%s", s->namespace, tag);
        json_object_set_new(manifest, "annotations", json_pack("{s:s%}", ANNOTATION_NAME, name, strlen(name)));
    }
    return dump(json_pack("{s:i, s:s, s:[o]}", "schemaVersion", 2, "mediaType",
                          "application/vnd.oci.image.index.v1+json", "manifests", manifest));
}

/* --- The tar around it -------------------------------------------------------------------------------------------- */

static int failed(const struct layout *l)
{
    return error_system(l->err, archive_errno(l->archive) ? archive_errno(l->archive) : EIO,
                        "cannot write an image: %s", archive_error_string(l->archive));
}

static int begin_member(struct layout *l, const char *name, uint64_t size)
{
    archive_entry_clear(l->entry);
    archive_entry_copy_pathname(l->entry, name);
    archive_entry_set_mode(l->entry, S_IFREG | 0644);
    archive_entry_set_size(l->entry, (la_int64_t)size);
    archive_entry_set_mtime(l->entry, (time_t)(l->view->snapshot.time / NANOSECONDS), 0);
    return archive_write_header(l->archive, l->entry) == ARCHIVE_OK ? 0 : failed(l);
}

static int write_bytes(struct layout *l, const void *bytes, size_t size)
{
    return archive_write_data(l->archive, bytes, size) == (la_ssize_t)size ? 0 : failed(l);
}

static int write_text(struct layout *l, const char *name, const char *text)
{
    int result = text ? begin_member(l, name, strlen(text)) : error_system(l->err, ENOMEM, "an image");

    return result == 0 ? write_bytes(l, text, strlen(text)) : result;
}

static void member_of(char name[sizeof "blobs/sha256/" + DIGEST_HEX_SIZE], const struct piece *piece)
{
    snprintf(name, sizeof "blobs/sha256/" + DIGEST_HEX_SIZE, "blobs/sha256/%s", piece->name + strlen("sha256:"));
}

/* Name a document, and write it. */
static int write_document(struct layout *l, struct piece *piece, const char *text)
{
    char name[sizeof "blobs/sha256/" + DIGEST_HEX_SIZE];
    struct digest digest;

    if (!text)
        return error_system(l->err, ENOMEM, "an image");
    sha256_of(&digest, l->sha, text, strlen(text));
    name_piece(piece, &digest, strlen(text));
    member_of(name, piece);
    return write_text(l, name, text);
}

static int write_layer(struct layout *l)
{
    cleanup_free uint8_t *bytes = malloc(PIECE_SIZE);
    char name[sizeof "blobs/sha256/" + DIGEST_HEX_SIZE];
    uint64_t at = 0;

    member_of(name, &l->layer);
    int result = bytes ? begin_member(l, name, l->layer.size) : error_system(l->err, ENOMEM, "an image");
    while (result == 0 && at < l->layer.size) {
        ssize_t got = pread(l->layer_fd, bytes, PIECE_SIZE, (off_t)at);

        if (got <= 0)
            return error_system(l->err, got < 0 ? errno : EIO, "a temporary file");
        result = write_bytes(l, bytes, (size_t)got);
        at += (uint64_t)got;
    }
    return result;
}

static int write_documents(struct layout *l)
{
    static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
    int result = write_text(l, "oci-layout", version);

    if (result == 0)
        result = write_layer(l);
    if (result == 0) {
        cleanup_free char *config = make_config(l);
        result = write_document(l, &l->config, config);
    }
    if (result == 0) {
        cleanup_free char *manifest = make_manifest(l);
        result = write_document(l, &l->manifest, manifest);
    }
    if (result == 0) {
        cleanup_free char *index = make_index(l);
        result = write_text(l, "index.json", index);
    }
    return result;
}

static int write_layout(struct layout *l, int fd)
{
    if (archive_write_set_format_pax_restricted(l->archive) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(l->archive, 1) != ARCHIVE_OK ||
        archive_write_open_fd(l->archive, fd) != ARCHIVE_OK)
        return failed(l);
    int result = write_documents(l);
    return result == 0 && archive_write_close(l->archive) != ARCHIVE_OK ? failed(l) : result;
}

int export_oci(struct export_count *count, struct view *view, const struct export_options *options, int fd,
               struct error *err)
{
    const char *directory = getenv("TMPDIR");
    struct layout l = {.view = view,
                       .archive = archive_write_new(),
                       .entry = archive_entry_new(),
                       .sha = sha256_new(),
                       .layer_fd = file_open_unnamed(directory && *directory ? directory : "/var/tmp"),
                       .err = err};
    int result = l.archive && l.entry && l.sha ? 0 : error_system(err, ENOMEM, "an image");

    if (result == 0 && l.layer_fd < 0)
        result =
            error_system(err, -l.layer_fd, "a temporary file in %s", directory && *directory ? directory : "/var/tmp");
    if (result == 0)
        result = make_layer(count, &l, options);
    if (result == 0)
        result = write_layout(&l, fd);
    if (l.layer_fd >= 0)
        close(l.layer_fd);
    if (l.archive) {
        archive_write_fail(l.archive);
        archive_write_free(l.archive);
    }
    archive_entry_free(l.entry);
    sha256_free(l.sha);
    return result;
}
