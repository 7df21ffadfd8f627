/* image.h - images: a config, its layers in order, the names they go by, and the frames that wait for them. */
#ifndef DB_IMAGE_H
#define DB_IMAGE_H

#include "db/layer.h"
#include "db/snapshot.h"

#define TAG_SIZE_MAX 128 /* bytes (OCI distribution specification) */

/* May this be a tag? Letters, digits, '_', '.' and '-', of which the last two do not begin it. */
bool tag_is_valid(const char *tag);

/* The error of one that may not: -EBADMSG. */
int tag_refuse(const char *tag, struct error *err);

/* Where the tag begins in NAMESPACE:TAG, behind the last colon (a namespace may hold others: "host:5000/x"). NULL: what
 * stands there can be none. */
const char *image_tag_of(const char *name);

struct image {
    int64_t number;       /* of its row; what snapshot.image refers to */
    struct digest config; /* the image id: SHA-256 of the config's bytes */
    int64_t config_blob;  /* config.json, as received */
    int64_t layers_blob;  /* layers.json (doc/FORMAT.md) */
    struct digest chain;  /* chainID after its last layer; an image without layers has the empty tree's */
};

/* What publishing an image puts beside its snapshot, in the same durable transaction: all of it or nothing. */
struct image_commit {
    struct image *image;         /* config, blobs and chain are filled; number is filled by publishing */
    struct layer *alone, *chain; /* `count` each, bottom first; those that are here already are left as they are */
    size_t count;
    const char *tag; /* moves to this snapshot, in its namespace; NULL: none */
    int64_t below;   /* number of the chain that the first of them is on; 0: none */
};

/* As snapshot_publish(); the tag moves even where the snapshot was there. Of an image that is here already *image is
 * filled from there. -EBADMSG: the tag can be none. */
int image_publish(bool *is_new, struct snapshot *snapshot, const struct image_commit *commit, struct store *store,
                  struct error *err);

/* By image id; by number. -ENOENT: it is not here (err not filled). */
int image_find(struct image *image, struct store *store, const struct digest *config, struct error *err);
int image_find_number(struct image *image, struct store *store, int64_t number, struct error *err);

/* The image of the snapshot that a tag ("docker.io/library/nginx:1.25": NAMESPACE:TAG) stands at. -ENOENT as above. */
int image_find_tag(struct image *image, struct store *store, const char *name, struct error *err);

/* The tags of a snapshot, by name. */
int image_visit_tags(struct store *store, int64_t snapshot_number, int (*visit)(void *arg, const char *tag), void *arg,
                     struct error *err);

/* Snapshots that were published with snapshot.wants equal to this text and are the newest revision of their capture
 * (namespace, time and source), by rising number, those after `after`: frames that an image can complete. */
int image_visit_waiting(struct store *store, const char *wants, int64_t after,
                        int (*visit)(void *arg, const struct snapshot *snapshot), void *arg, struct error *err);

#endif
