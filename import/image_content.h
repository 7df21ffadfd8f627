/* image_content.h - what one image consists of: its config, and where each of its layers is. Private to
 * import/image_*.c.
 */
#ifndef IMPORT_IMAGE_CONTENT_H
#define IMPORT_IMAGE_CONTENT_H

#include "import/image_document.h"
#include "import/image_platform.h"

/* docker takes 127, overlayfs 500. */
#define IMAGE_LAYERS_MAX 1024
#define IMAGE_WHY_SIZE (MEDIA_TYPE_MAX + 32) /* a media type and some words */

struct image_layer {
    char *member;                     /* that holds it */
    bool has_blob;                    /* the manifest tells its digest */
    struct image_descriptor blob;     /* as it is in the source */
    struct digest diffid, chain;      /* of its uncompressed tar; of it and those below */
    const char *created, *created_by; /* NULL: not known; borrowed from the config */
};

/* All zero holds nothing. */
struct image_content {
    struct buffer bytes; /* of the config, as received */
    struct digest config;
    json_t *document; /* the config */
    struct image_platform platform;
    uint64_t created;           /* ns; 0: not told, or before 2000, when it means nothing */
    struct image_layer *layers; /* bottom first */
    size_t count;
    char no_image[IMAGE_WHY_SIZE]; /* why it is none; "": it is one */
};

/* Take a config, whose text is in content->bytes, over into the other members. The layers have no members yet. `where`
 * is the member that it stands in. */
int image_content_read(struct image_content *content, json_t *document, const struct members *members,
                       const char *where, struct error *err);

/* There must be as many layers as diffIDs. `where` names the layers. */
int image_content_expect(const struct image_content *content, size_t layers, const struct members *members,
                         const char *where, struct error *err);

/* The member that holds a layer (copied). */
int image_content_set_member(struct image_content *content, size_t layer, const char *member, struct error *err);

void image_content_free(struct image_content *content);

#define cleanup_image_content __attribute__((cleanup(image_content_free)))

#endif
