/* contents.h - small contents in memory: the bytes of blobs that are rows, in the cache beside the nodes. */
#ifndef TREE_CONTENTS_H
#define TREE_CONTENTS_H

#include "db/blob.h"
#include "tree/cache.h"

struct content_row {
    struct cached cached;
    struct blob blob;
    uint8_t bytes[]; /* all of them; none of a blob that is in a file */
};

/* The blob, from the cache or from the store, valid until this user rests. -ENOENT (err not filled): there is none. */
int content_get(const struct content_row **row, struct cache_user *user, struct store *store, int64_t id,
                struct error *err);

#endif
