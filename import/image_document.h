/* image_document.h - the JSON documents that images are described by, read whole and verified, and the descriptors in
 * them (OCI image specification, descriptor.md). JSON is jansson's here: these are documents of some kilobytes, written
 * by machines that keep to RFC 8259.
 */
#ifndef IMPORT_IMAGE_DOCUMENT_H
#define IMPORT_IMAGE_DOCUMENT_H

#include "base/buffer.h"
#include "base/digest.h"
#include "base/error.h"
#include "import/members.h"

#include <jansson.h>

#define DOCUMENT_SIZE_MAX (4u << 20) /* bytes; what registries take of a manifest */
/* Values in one of them, some 300 bytes of memory each at worst. An index of 4,096 images has some 50,000. */
#define DOCUMENT_VALUES_MAX (1u << 17)
/* Bytes of all that are read from one source, where many may name the same one: some ten seconds. Each image has some
 * 10 KiB, which are read up to three times. */
#define DOCUMENTS_SIZE_MAX (1ull << 30)
#define MEDIA_TYPE_MAX 255 /* bytes (RFC 6838) */
#define BLOB_NAME_SIZE (sizeof "blobs/sha256/" + 2 * DIGEST_SIZE)

static inline void cleanup_json_fn(json_t **json)
{
    json_decref(*json);
}

#define cleanup_json __attribute__((cleanup(cleanup_json_fn)))

/* What a media type stands for. */
enum image_media {
    MEDIA_OTHER,
    MEDIA_INDEX,
    MEDIA_MANIFEST,
    MEDIA_SCHEMA1, /* docker's first manifests, which name no config and no diffIDs */
    MEDIA_CONFIG,
    MEDIA_LAYER,
};

struct image_descriptor {
    enum image_media media;
    char media_type[MEDIA_TYPE_MAX + 1];
    struct digest digest;
    uint64_t size; /* bytes */
};

/* The member of a layout that holds a blob. */
void blob_name(char name[BLOB_NAME_SIZE], const struct digest *digest);

/* "sha256:" and 64 lower-case digits. `what` and `where` are for the message. */
int document_digest(struct digest *digest, const char *text, const char *what, const struct members *members,
                    const char *where, struct error *err);

/* A descriptor in the document `where`. */
int document_descriptor(struct image_descriptor *descriptor, const json_t *json, const struct members *members,
                        const char *where, struct error *err);

/* Read a member as JSON, which must have no name twice in an object. `bytes` (NULL: not wanted) takes the text. */
int document_read(json_t **document, struct buffer *bytes, struct members *members, const char *name,
                  struct error *err);

/* The same for the blob of a descriptor, whose digest and size it must have; what it says of its own media type too. */
int document_read_blob(json_t **document, struct buffer *bytes, struct members *members,
                       const struct image_descriptor *descriptor, struct error *err);

/* The text of an object's member; NULL: it is missing, or no text. */
const char *document_text(const json_t *object, const char *name);

#endif
