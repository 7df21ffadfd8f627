/* image_document.c - nothing is believed before its digest was taken. */
#include "import/image_document.h"

#include "base/cleanup.h"
#include "base/quote.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *type;
    enum image_media media;
} MEDIA[] = {
    {"application/vnd.oci.image.index.v1+json", MEDIA_INDEX},
    {"application/vnd.docker.distribution.manifest.list.v2+json", MEDIA_INDEX},
    {"application/vnd.oci.image.manifest.v1+json", MEDIA_MANIFEST},
    {"application/vnd.docker.distribution.manifest.v2+json", MEDIA_MANIFEST},
    {"application/vnd.docker.distribution.manifest.v1+json", MEDIA_SCHEMA1},
    {"application/vnd.docker.distribution.manifest.v1+prettyjws", MEDIA_SCHEMA1},
    {"application/vnd.oci.image.config.v1+json", MEDIA_CONFIG},
    {"application/vnd.docker.container.image.v1+json", MEDIA_CONFIG},
    {"application/vnd.oci.image.layer.v1.tar", MEDIA_LAYER},
    {"application/vnd.oci.image.layer.v1.tar+gzip", MEDIA_LAYER},
    {"application/vnd.oci.image.layer.v1.tar+zstd", MEDIA_LAYER},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar", MEDIA_LAYER},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", MEDIA_LAYER},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", MEDIA_LAYER},
    {"application/vnd.docker.image.rootfs.diff.tar", MEDIA_LAYER},
    {"application/vnd.docker.image.rootfs.diff.tar.gzip", MEDIA_LAYER},
    {"application/vnd.docker.image.rootfs.diff.tar.zstd", MEDIA_LAYER},
    {"application/vnd.docker.image.rootfs.foreign.diff.tar", MEDIA_LAYER},
    {"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", MEDIA_LAYER},
};

static enum image_media media_of(const char *type)
{
    for (size_t i = 0; i < sizeof MEDIA / sizeof *MEDIA; i++)
        if (strcmp(type, MEDIA[i].type) == 0)
            return MEDIA[i].media;
    return MEDIA_OTHER;
}

/* --- Descriptors -------------------------------------------------------------------------------------------------- */

void blob_name(char name[BLOB_NAME_SIZE], const struct digest *digest)
{
    strcpy(name, "blobs/sha256/");
    hex_encode(name + strlen(name), digest->bytes, DIGEST_SIZE);
}

/* Letters, digits and a few signs: such a text can be shown as it is. */
static bool is_plain(const char *text, size_t size_max)
{
    size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$&-^_.+/:;= ");

    return size > 0 && size <= size_max && text[size] == '\0';
}

int document_digest(struct digest *digest, const char *text, const char *what, const struct members *members,
                    const char *where, struct error *err)
{
    static const char sha256[] = "sha256:";
    char hex[DIGEST_HEX_SIZE];
    size_t size = sizeof sha256 - 1;

    if (!text || !is_plain(text, MEDIA_TYPE_MAX) || !strchr(text, ':'))
        return members_refuse(err, members, where, "%s without a digest", what);
    if (strncmp(text, sha256, size) != 0)
        return members_refuse(err, members, where, "%s has a digest of \"%.*s\", only sha256 is known", what,
                              (int)strcspn(text, ":"), text);
    if (!hex_decode(digest->bytes, DIGEST_SIZE, text + size, strlen(text + size)))
        return members_refuse(err, members, where, "%s has the digest \"%s\", which is none", what, text);
    hex_encode(hex, digest->bytes, DIGEST_SIZE);
    if (strcmp(hex, text + size) != 0)
        return members_refuse(err, members, where, "%s has a digest in upper case", what);
    return 0;
}

const char *document_text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

int document_descriptor(struct image_descriptor *descriptor, const json_t *json, const struct members *members,
                        const char *where, struct error *err)
{
    const char *type = document_text(json, "mediaType");
    const json_t *size = json_object_get(json, "size");

    if (!json_is_object(json))
        return members_refuse(err, members, where, "a descriptor is missing, or no object");
    if (!type || !is_plain(type, MEDIA_TYPE_MAX))
        return members_refuse(err, members, where, "a descriptor without a media type");
    if (!json_is_integer(size) || json_integer_value(size) < 0)
        return members_refuse(err, members, where, "a descriptor without a size");
    descriptor->media = media_of(type);
    strcpy(descriptor->media_type, type);
    descriptor->size = (uint64_t)json_integer_value(size);
    return document_digest(&descriptor->digest, document_text(json, "digest"), "a descriptor", members, where, err);
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

static int read_all(struct buffer *bytes, struct members *members, const char *name, struct error *err)
{
    struct input *input;
    const uint8_t *block;
    uint64_t size;
    ssize_t got;
    int rc = members_input(&input, &size, members, name, err);

    if (rc < 0)
        return rc;
    if (size > DOCUMENT_SIZE_MAX) {
        input_close(input);
        return members_refuse(err, members, name, "more than %u MiB, which no such document has",
                              DOCUMENT_SIZE_MAX >> 20);
    }
    if (members_count_bytes(members, size) > DOCUMENTS_SIZE_MAX) {
        input_close(input);
        return members_refuse(err, members, name, "with it more than %llu MiB of documents were read",
                              DOCUMENTS_SIZE_MAX >> 20);
    }
    while ((got = input_peek(&block, input, 1, err)) > 0) {
        buffer_add(bytes, block, (size_t)got);
        input_skip(input, (size_t)got);
    }
    input_close(input);
    if (bytes->failed)
        return error_system(err, ENOMEM, "%s", members_name(members));
    return (int)got;
}

/* No more than that: each is behind one of these, which texts may hold as well. */
static size_t count_values(const struct buffer *bytes)
{
    size_t count = 0;

    for (size_t i = 0; i < bytes->size; i++)
        count += bytes->bytes[i] == ',' || bytes->bytes[i] == '[' || bytes->bytes[i] == '{';
    return count;
}

/* Some of what jansson does without memory looks like another document, or a broken one. */
static _Thread_local bool lacks_memory;

static void *json_memory(size_t size)
{
    void *memory = malloc(size);

    lacks_memory |= !memory;
    return memory;
}

/* jansson's own words, with what it read in them. */
static int parse(json_t **document, const struct buffer *bytes, const struct members *members, const char *name,
                 struct error *err)
{
    cleanup_buffer struct buffer text = {0};
    json_error_t why;

    if (count_values(bytes) > DOCUMENT_VALUES_MAX)
        return members_refuse(err, members, name, "more than %u values, which no such document has",
                              DOCUMENT_VALUES_MAX);
    json_set_alloc_funcs(json_memory, free);
    lacks_memory = false;
    *document = json_loadb(bytes->size ? (const char *)bytes->bytes : "", bytes->size, JSON_REJECT_DUPLICATES, &why);
    if (lacks_memory) {
        json_decref(*document);
        *document = NULL;
        return error_system(err, ENOMEM, "%s", members_name(members));
    }
    if (*document)
        return 0;
    quote_text(&text, why.text, strlen(why.text));
    buffer_add_byte(&text, '\0');
    return members_refuse(err, members, name, "broken JSON in line %d: %s", why.line,
                          text.failed ? "" : (const char *)text.bytes);
}

int document_read(json_t **document, struct buffer *bytes, struct members *members, const char *name, struct error *err)
{
    cleanup_buffer struct buffer own = {0};
    int rc = read_all(bytes ? bytes : &own, members, name, err);

    return rc < 0 ? rc : parse(document, bytes ? bytes : &own, members, name, err);
}

static int verify(const struct buffer *bytes, const struct members *members, const char *name,
                  const struct image_descriptor *descriptor, struct error *err)
{
    struct sha256 *sha = sha256_new();
    struct digest digest;

    if (!sha)
        return error_system(err, ENOMEM, "%s", members_name(members));
    sha256_of(&digest, sha, bytes->bytes, bytes->size);
    sha256_free(sha);
    if (bytes->size != descriptor->size)
        return members_refuse(err, members, name, "it has %zu bytes, its descriptor says %llu", bytes->size,
                              (unsigned long long)descriptor->size);
    if (!digest_equal(&digest, &descriptor->digest))
        return members_refuse(err, members, name, "its SHA-256 is another");
    return 0;
}

int document_read_blob(json_t **document, struct buffer *bytes, struct members *members,
                       const struct image_descriptor *descriptor, struct error *err)
{
    cleanup_buffer struct buffer own = {0};
    cleanup_json json_t *found = NULL;
    struct buffer *text = bytes ? bytes : &own;
    char name[BLOB_NAME_SIZE];

    blob_name(name, &descriptor->digest);
    int rc = read_all(text, members, name, err);
    if (rc == 0)
        rc = verify(text, members, name, descriptor, err);
    if (rc == 0)
        rc = parse(&found, text, members, name, err);
    if (rc < 0)
        return rc;
    const char *type = document_text(found, "mediaType");
    if (type && strcmp(type, descriptor->media_type) != 0)
        return members_refuse(err, members, name, "it says another media type than its descriptor");
    *document = take(found);
    return 0;
}
