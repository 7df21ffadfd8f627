/* meta.c - "/meta/<id>": the frame as received, the manifest, sums, the features by type, and of an image its config
 * and its layers.
 *
 *     /meta/<id>/frame                    read from the store by ranges
 *                manifest.jsonl           rendered, as are the next three
 *                sha256sums
 *                features/<type>.jsonl
 *                xattrs                   where the tree has any: that it has none is known when nothing was rendered
 *                config.json              blobs of the image that it is, or was joined with
 *                layers.json
 *
 * Files have numbers, which their handles carry. Those of features follow the order of the types in the snapshot, which
 * its id covers, so they are the same on every replica. A rendered file's handle also carries the version of what
 * renders it: bytes that a later version renders otherwise are another file, and the old handle is STALE.
 *
 * Nothing here ever changes, so mtimes are the time when the snapshot was published.
 */
#include "nfsd/meta.h"

#include "db/blob.h"
#include "db/frame.h"
#include "db/image.h"
#include "db/snapshot.h"
#include "nfsd/kind.h"
#include "nfsd/renderings.h"
#include "nfsd/virtual.h"
#include "tree/features.h"
#include "tree/manifest.h"
#include "tree/sums.h"
#include "tree/xattrs_dump.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* To be raised when the bytes of any rendered file become others for a snapshot that exists. */
#define RENDER_VERSION 2u

/* In a handle's number: the file in the low bits, the version above. These never change. */
enum {
    META_SELF = 0,
    META_FRAME = 1,
    META_MANIFEST = 2,
    META_SUMS = 3,
    META_FEATURES = 4,
    META_XATTRS = 5,
    META_CONFIG = 6,
    META_LAYERS = 7,
    META_TYPE_FIRST = 64, /* and the place of a type among those of the snapshot */
    META_FILE_BITS = 24,
    META_FILE_MASK = (1 << META_FILE_BITS) - 1,
};

#define TYPE_SUFFIX ".jsonl"

/* --- Rendering ---------------------------------------------------------------------------------------------------- */

static int render_manifest(struct tree_reader *reader, const struct snapshot *snapshot, uint32_t file, render_sink sink,
                           void *arg, struct error *err)
{
    (void)file;
    return manifest_write(reader, snapshot, sink, arg, err);
}

static int render_sums(struct tree_reader *reader, const struct snapshot *snapshot, uint32_t file, render_sink sink,
                       void *arg, struct error *err)
{
    (void)file;
    return sums_write(reader, snapshot, sink, arg, err);
}

static int render_xattrs(struct tree_reader *reader, const struct snapshot *snapshot, uint32_t file, render_sink sink,
                         void *arg, struct error *err)
{
    (void)file;
    return xattrs_dump(reader, snapshot, sink, arg, err);
}

static int render_type(struct tree_reader *reader, const struct snapshot *snapshot, uint32_t file, render_sink sink,
                       void *arg, struct error *err)
{
    struct feature_types types = {0};
    char type[ENTRY_NAME_MAX + 1] = "";
    int result = feature_types_get(&types, tree_reader_store(reader), snapshot->features.id, err);
    size_t size = sizeof type;

    if (result == 0 && file - META_TYPE_FIRST < types.count) {
        const char *name = feature_types_name(&size, &types, file - META_TYPE_FIRST);
        if (size < sizeof type)
            memcpy(type, name, size);
    }
    feature_types_free(&types);
    if (result == 0 && size >= sizeof type)
        return error_system(err, EIO, "no features have the number %u", (unsigned)file);
    return result < 0 ? result : features_write(tree_reader_store(reader), snapshot->features.id, type, sink, arg, err);
}

/* The files and directories of a snapshot, in the order of a listing; cookies are COOKIE_FIRST + their number. */
static const struct meta_file {
    uint32_t number;
    const char *name;
    uint32_t mode;
    int (*render)(struct tree_reader *reader, const struct snapshot *snapshot, uint32_t file, render_sink sink,
                  void *arg, struct error *err);
} files[] = {
    {META_FRAME, "frame", S_IFREG | 0400, NULL},
    {META_MANIFEST, "manifest.jsonl", S_IFREG | 0400, render_manifest},
    {META_SUMS, "sha256sums", S_IFREG | 0400, render_sums},
    {META_FEATURES, "features", S_IFDIR | 0500, NULL},
    {META_XATTRS, "xattrs", S_IFREG | 0400, render_xattrs},
    {META_CONFIG, "config.json", S_IFREG | 0400, NULL},
    {META_LAYERS, "layers.json", S_IFREG | 0400, NULL},
};
static const struct meta_file self = {META_SELF, "", S_IFDIR | 0500, NULL};
static const struct meta_file of_type = {META_TYPE_FIRST, "", S_IFREG | 0400, render_type};

/* NULL: no file has this number. */
static const struct meta_file *find_file(uint32_t number)
{
    if (number == META_SELF)
        return &self;
    if (number >= META_TYPE_FIRST)
        return number - META_TYPE_FIRST < FEATURE_TYPES_MAX ? &of_type : NULL;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (files[i].number == number)
            return &files[i];
    return NULL;
}

int meta_render(struct tree_reader *reader, const struct rendered *what, render_sink sink, void *arg, struct error *err)
{
    const struct meta_file *file = find_file(what->file);
    struct snapshot snapshot;
    int result = snapshot_find(&snapshot, tree_reader_store(reader), what->id, err);

    if (result == -ENOENT)
        return error_refused(err, ENOENT, "a snapshot was removed while a file of /meta was rendered");
    return result < 0 ? result : file->render(reader, &snapshot, what->file, sink, arg, err);
}

/* --- Objects ------------------------------------------------------------------------------------------------------ */

static bool is_of_image(uint32_t number)
{
    return number == META_CONFIG || number == META_LAYERS;
}

static bool exists(const struct meta_file *file, const struct served_tree *snapshot)
{
    if (is_of_image(file->number))
        return snapshot->image;
    return file->number != META_FRAME || snapshot->frame;
}

static uint32_t nlink_of(const struct meta_file *file)
{
    return !S_ISDIR(file->mode) ? 1 : file->number == META_SELF ? 2 + 1 : 2;
}

/* A blob of the snapshot's image: its row and size. */
static int find_blob(struct own_file *own, struct nfsd_worker *worker, const struct served_tree *snapshot,
                     uint32_t number)
{
    struct image image;
    struct blob blob;
    int found = image_find_number(&image, worker->store, snapshot->image, &worker->err);

    if (found == 0) {
        own->row = number == META_CONFIG ? image.config_blob : image.layers_blob;
        found = blob_find(&blob, worker->store, own->row, &worker->err);
    }
    if (found == 0)
        own->size = blob.size;
    return found;
}

static struct rendered rendered_of(const uint8_t *id, uint32_t number)
{
    struct rendered what = {.kind = HANDLE_META, .file = number};

    memcpy(what.id, id, SNAPSHOT_ID_SIZE);
    return what;
}

/* Its size, and the row of what is not rendered. */
static int find_content(struct own_file *own, struct nfsd_worker *worker, const struct served_tree *snapshot,
                        const struct meta_file *file, uint32_t number)
{
    const struct rendered what = rendered_of(snapshot->id, number);

    own->size = ENTRY_DIRECTORY_SIZE;
    if (file->render)
        return renderings_find(&own->size, NULL, worker->app->renderings, &what, &worker->err);
    if (is_of_image(number))
        return find_blob(own, worker, snapshot, number);
    if (number != META_FRAME)
        return 0;
    own->row = snapshot->frame;
    return frame_size(&own->size, worker->store, own->row, &worker->err);
}

/* The file with this number. The object is good but for its size when this fails. -ENOENT: it would be empty, and is
 * not there then. */
static int meta_object(struct object *object, struct nfsd_worker *worker, const struct served_tree *snapshot,
                       uint32_t number)
{
    const struct meta_file *file = find_file(number);

    *object = (struct object){
        .kind = HANDLE_META,
        .fsid = worker->virtual_fsid,
        .own = {.number = number | (file->render ? RENDER_VERSION << META_FILE_BITS : 0),
                .mode = file->mode,
                .nlink = nlink_of(file),
                .mtime = snapshot->imported,
                .fileid =
                    number == META_SELF ? FILEID_META(snapshot->number) : FILEID_META_FILE(snapshot->number, number)},
    };
    memcpy(object->id, snapshot->id, SNAPSHOT_ID_SIZE);
    int result = find_content(&object->own, worker, snapshot, file, number);
    return result == 0 && number == META_XATTRS && object->own.size == 0 ? -ENOENT : result;
}

static int find_snapshot(struct served_tree *snapshot, struct nfsd_worker *worker, const uint8_t *id)
{
    return served_trees_find(snapshot, &worker->trees, worker->store, HANDLE_SNAPSHOT, id, &worker->err);
}

static int meta_resolve(struct object *object, struct nfsd_worker *worker, const struct handle *handle)
{
    uint32_t number = handle->number & META_FILE_MASK, version = handle->number >> META_FILE_BITS;
    const struct meta_file *file = find_file(number);
    struct served_tree snapshot;

    if (!file || (version && !file->render))
        return -EBADF;
    int found = find_snapshot(&snapshot, worker, handle->id);
    if (found == -ENOENT || (found == 0 && file->render && version != RENDER_VERSION))
        return -ESTALE;
    if (found < 0)
        return found;
    found = exists(file, &snapshot) ? meta_object(object, worker, &snapshot, number) : -ENOENT;
    return found == -ENOENT ? -ESTALE : found;
}

/* --- "/meta" ------------------------------------------------------------------------------------------------------ */

int meta_lookup_snapshot(struct object *child, struct nfsd_worker *worker, const char *name, size_t size)
{
    struct served_tree snapshot;
    uint8_t id[SNAPSHOT_ID_SIZE];

    if (!name_is_hex(id, sizeof id, name, size))
        return -ENOENT;
    int found = find_snapshot(&snapshot, worker, id);
    if (found < 0)
        return found;
    /* What a listing of it will have to know; begun here, since most are looked at right after. */
    meta_object(child, worker, &snapshot, META_XATTRS);
    return meta_object(child, worker, &snapshot, META_SELF);
}

struct meta_listing {
    struct nfsd_worker *worker;
    listing_visit visit;
    void *arg;
};

static int visit_snapshot(void *arg, const struct snapshot *snapshot)
{
    struct meta_listing *listing = arg;
    struct served_tree served = {.number = snapshot->number, .imported = snapshot->imported};
    char name[SNAPSHOT_ID_HEX_SIZE];
    struct object object;

    memcpy(served.id, snapshot->id, SNAPSHOT_ID_SIZE);
    meta_object(&object, listing->worker, &served, META_SELF);
    hex_encode(name, snapshot->id, SNAPSHOT_ID_SIZE);
    const struct listing_entry entry = {name, SNAPSHOT_ID_HEX_SIZE - 1, listing_cookie(snapshot->number),
                                        object.own.fileid, &object};
    return listing->visit(listing->arg, &entry);
}

int meta_list_snapshots(struct nfsd_worker *worker, int64_t after, listing_visit visit, void *arg)
{
    struct meta_listing listing = {worker, visit, arg};

    return snapshot_visit(worker->store, after, visit_snapshot, &listing, &worker->err);
}

/* --- Below it ----------------------------------------------------------------------------------------------------- */

/* "<type>.jsonl", where that can be a name: what it is else is in the frame only, as are the importer's own notes,
 * which are in the manifest too. */
static size_t type_file_name(char name[ENTRY_NAME_MAX + 1], const struct feature_types *types, unsigned i)
{
    size_t size;
    const char *type = feature_types_name(&size, types, i);

    if (size + strlen(TYPE_SUFFIX) > ENTRY_NAME_MAX || memchr(type, '/', size) || memchr(type, '\0', size) ||
        name_is(type, size, FEATURE_NOTE))
        return 0;
    memcpy(name, type, size);
    memcpy(name + size, TYPE_SUFFIX, sizeof TYPE_SUFFIX);
    return size + strlen(TYPE_SUFFIX);
}

static int lookup_type(struct object *child, struct nfsd_worker *worker, const struct served_tree *snapshot,
                       const char *name, size_t size)
{
    char each[ENTRY_NAME_MAX + 1];
    int result = feature_types_get(&worker->types, worker->store, snapshot->features, &worker->err);

    for (unsigned i = 0; result == 0 && i < worker->types.count; i++)
        if (type_file_name(each, &worker->types, i) == size && memcmp(each, name, size) == 0)
            return meta_object(child, worker, snapshot, META_TYPE_FIRST + i);
    return result < 0 ? result : -ENOENT;
}

static int meta_lookup(struct object *child, struct nfsd_worker *worker, const struct object *directory,
                       const char *name, size_t size)
{
    struct served_tree snapshot;
    int found = find_snapshot(&snapshot, worker, directory->id);

    if (found < 0)
        return found == -ENOENT ? -ESTALE : found;
    if (directory->own.number == META_FEATURES)
        return name_is(name, size, "..") ? meta_object(child, worker, &snapshot, META_SELF)
                                         : lookup_type(child, worker, &snapshot, name, size);
    if (name_is(name, size, ".."))
        return virtual_object(child, worker, VIRTUAL_META);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (name_is(name, size, files[i].name) && exists(&files[i], &snapshot))
            return meta_object(child, worker, &snapshot, files[i].number);
    return -ENOENT;
}

/* An entry; without attributes as long as it is being made, which to ask for them begins. Only one of which nobody
 * knows yet whether it is there makes the listing wait. */
static int visit_file(struct nfsd_worker *worker, const struct served_tree *snapshot, uint32_t number, const char *name,
                      listing_visit visit, void *arg)
{
    struct object object;
    int found = meta_object(&object, worker, snapshot, number);
    const struct listing_entry entry = {name, strlen(name), listing_cookie(number), object.own.fileid,
                                        found == 0 ? &object : NULL};

    if (found == -ENOENT)
        return 0;
    return found == -EBUSY && number == META_XATTRS ? found : visit(arg, &entry);
}

static int list_types(struct nfsd_worker *worker, const struct served_tree *snapshot, int64_t after,
                      listing_visit visit, void *arg)
{
    char name[ENTRY_NAME_MAX + 1];
    int result = feature_types_get(&worker->types, worker->store, snapshot->features, &worker->err);

    for (unsigned i = 0; result == 0 && i < worker->types.count; i++)
        if (META_TYPE_FIRST + (int64_t)i > after && type_file_name(name, &worker->types, i))
            result = visit_file(worker, snapshot, META_TYPE_FIRST + i, name, visit, arg);
    return result;
}

static int meta_list(struct nfsd_worker *worker, const struct object *directory, uint64_t cookie, listing_visit visit,
                     void *arg)
{
    struct served_tree snapshot;
    int64_t after = listing_row(cookie);
    int result = find_snapshot(&snapshot, worker, directory->id);

    if (result == 0 && directory->own.number == META_FEATURES)
        return list_types(worker, &snapshot, after, visit, arg);
    for (size_t i = 0; result == 0 && i < sizeof files / sizeof *files; i++)
        if (files[i].number > after && exists(&files[i], &snapshot))
            result = visit_file(worker, &snapshot, files[i].number, files[i].name, visit, arg);
    return result;
}

static ssize_t read_frame(void *out, struct nfsd_worker *worker, const struct content *content, uint64_t offset,
                          size_t size)
{
    return frame_read_range(out, worker->store, content->row, offset, size, &worker->err);
}

static int meta_open(struct content *content, struct nfsd_worker *worker, const struct object *file, uint64_t offset)
{
    if (is_of_image(file->own.number))
        return content_of_blob(content, worker, file->own.row, offset);
    *content = (struct content){.size = file->own.size, .fd = -1, .read = read_frame, .row = file->own.row};
    if (file->own.row)
        return 0;
    const struct rendered what = rendered_of(file->id, file->own.number & META_FILE_MASK);
    return content_of_rendering(content, worker, &what);
}

const struct export_kind kind_meta = {
    .needs = EXPORT_META,
    .resolve = meta_resolve,
    .lookup = meta_lookup,
    .list = meta_list,
    .open = meta_open,
};
