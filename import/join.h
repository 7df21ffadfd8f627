/* join.h - a frame over its image: a frame tells of every file and holds the content of next to none; what agrees with
 * the image has the image's content (doc/FORMAT.md, "The join").
 *
 * The same is done with a frame when it comes (frame_store.c) and with its snapshot when the image comes later
 * (complete.c); both have the same entries and the same notes to go by, and end at the same tree.
 */
#ifndef IMPORT_JOIN_H
#define IMPORT_JOIN_H

#include "import/builder.h"

#define JOIN_NAME_SIZE 400 /* with NUL; "sha256:<hex>", or the longest reference and tag */

/* What builder_add() and builder_replace() call an entry whose attributes nobody recorded, only its content. */
#define JOIN_NO_RECORD (UINT64_MAX - 1)

/* What crawlers leave out unless they are told otherwise (and what they exclude is unknown, not empty). */
struct join_uncrawled {
    const char *path;
    unsigned mode; /* permissions that it has where nobody tells */
};
extern const struct join_uncrawled join_uncrawled[]; /* ended by one without a path */

/* What an image is called that a frame's metadata tells of: "sha256:<hex>" of an image id, with or without "sha256:",
 * or NAMESPACE:TAG of a reference, whose tag is "latest" where it has none. False: it is neither, or a reference with a
 * digest, which names a manifest that a tag need not stand at. */
bool join_name_of_id(char name[JOIN_NAME_SIZE], const char *id);
bool join_name_of_reference(char name[JOIN_NAME_SIZE], const char *reference);

/* The same of an image that is here. */
void join_name_of_digest(char name[JOIN_NAME_SIZE], const struct digest *config);
bool join_name_of_tag(char name[JOIN_NAME_SIZE], const char *namespace, const char *tag);

struct join_image {
    int64_t number;   /* of its row */
    struct tree tree; /* its chain; all zero: it has no layers */
};

/* The image of this name, or with this number. -ENOENT: it is not here (err not filled). */
int join_find(struct join_image *image, struct store *store, const char *name, struct error *err);
int join_find_number(struct join_image *image, struct store *store, int64_t number, struct error *err);

/* Write the builder's entries, which are all settled, over the image. `whole`: there are no file records, so what
 * nothing is said of is the image's too. What is unknown was told to the builder. */
int join_write(struct node_ref *root, struct node_ref *links, struct builder *builder, struct store *store,
               const struct join_image *image, bool whole, struct error *err);

/* The same, and whether it is another tree than without the image. */
int join_write_and_compare(struct node_ref *root, struct node_ref *links, bool *differs, struct builder *builder,
                           struct store *store, const struct join_image *image, bool whole, struct error *err);

#endif
