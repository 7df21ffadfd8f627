/* image_source.h - a source of images while it is read: private to import/image_*.c.
 *
 *     image_source_open()      which kind it is
 *     kind->list()             what it offers: manifests with their names and platforms (image_layout.c,
 *                              image_archive.c, image_legacy.c)
 *     image_select()           which of these are wanted (image_select.c)
 *     kind->load()             one image: its config and where its layers are (image_content.h)
 *     image_store()            its layers into the store, its snapshots (image_store.h)
 */
#ifndef IMPORT_IMAGE_SOURCE_H
#define IMPORT_IMAGE_SOURCE_H

#include "import/image_content.h"
#include "import/image_document.h"
#include "import/image_platform.h"
#include "import/image_reference.h"
#include "import/import.h"

/* Manifests and indexes that are looked at, and names that they have. Mirrors of registries hold some thousand. */
#define IMAGE_OFFERS_MAX 4096
#define IMAGE_NAMES_MAX 8192
/* Indexes inside one another. Real ones have one or two. */
#define IMAGE_DEPTH_MAX 8

/* --- What is offered ---------------------------------------------------------------------------------------------- */

struct image_name {
    struct image_reference reference; /* both parts "": the text is none */
    const char *text, *alias;         /* as the source has it; what it is called there too, NULL: nothing */
    bool left_out;                    /* --ref asks for others */
};

/* Names that were added one after the other. */
struct image_names {
    size_t first, count;
};

/* One manifest, or what stands for one. */
struct image_offer {
    struct digest identity; /* equal ones are one image; of its manifest, or what its kind has instead */
    unsigned group;         /* offers of one group are one image for several platforms */
    struct image_names names;
    struct image_platform platform;   /* os "": not told, so its config has to */
    struct image_descriptor manifest; /* image_layout */
    const json_t *item;               /* image_archive: of manifest.json */
    const char *id;                   /* image_legacy */
    bool stands_alone;                /* image_layout: in index.json itself */
    bool chosen, taken;
    bool is_main; /* of those chosen of its group the one that tags stand at */
};

struct image_source {
    const struct import_options *options;
    struct members *members;
    const struct image_kind *kind;
    json_t *kept; /* an array: documents and texts that are borrowed as long as the source is open */
    struct image_offer *offers;
    struct image_name *names;
    size_t offer_count, name_count;
    unsigned groups, looked_at; /* so far; looked_at: manifests and indexes */
    uint64_t skipped;           /* offers that are no images */
    char first_skipped[512];    /* which one, and why */
};

/* The members are the source's from now on (also when this fails). -ENOENT (err not filled): IMAGE_ANY, and there are
 * no images in it. */
int image_source_open(struct image_source **source, struct members *members, enum image_format format,
                      const struct import_options *options, struct error *err);
void image_source_close(struct image_source *source);

/* Keep a document or a text (the reference is the source's from now on, also when this fails). */
int image_source_keep(struct image_source *source, json_t *json, struct error *err);

/* One more name; its texts are kept ones. */
int image_source_add_name(struct image_source *source, const struct image_name *name, struct error *err);

/* One more offer. */
int image_source_add_offer(struct image_source *source, const struct image_offer *offer, struct error *err);

/* It is no image: passed over, counted, and told in one warning. */
void image_source_skip(struct image_source *source, const struct image_offer *offer, const char *why);

/* --- Kinds of sources --------------------------------------------------------------------------------------------- */

struct image_kind {
    const char *format; /* of snapshots */
    /* Has it what every source of this kind has? And is that of the right shape? */
    bool (*has)(const struct members *members);
    bool (*likes)(struct members *members);
    int (*list)(struct image_source *source, struct error *err);
    /* Fills content, or only content->no_image. */
    int (*load)(struct image_content *content, const struct image_source *source, const struct image_offer *offer,
                struct error *err);
};

extern const struct image_kind image_layout;  /* OCI: oci-layout, index.json, blobs/ */
extern const struct image_kind image_archive; /* docker save: manifest.json */
extern const struct image_kind image_legacy;  /* docker save before 1.10: repositories, <id>/json, <id>/layer.tar */

/* docker's manifest.json; what is of another shape is an error. */
int image_archive_manifest(json_t **manifest, struct members *members, struct error *err);

/* Add the names that an item of it has. */
int image_archive_names(struct image_source *source, const json_t *item, struct error *err);

/* Whose config is this? Items have the names of members. */
bool image_archive_is_of(const json_t *item, const struct digest *config);

/* --- Choosing ----------------------------------------------------------------------------------------------------- */

/* Set `chosen` and `is_main` by the options' ref and platform. -EBADMSG: there is no such image; the line tells what
 * there is. */
int image_select(struct image_source *source, struct error *err);

#endif
