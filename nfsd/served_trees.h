/* served_trees.h - which snapshots, layers and chains exist, as one worker remembers it: from a kind and an id to a
 * tree, without SQL.
 *
 * A direct-mapped table: two ids that fall on one slot push each other out, which costs one query and nothing else.
 * It is forgotten whole when another connection has committed; who asks sees a change at most WORKER_LOOK_MS late
 * (worker.h).
 */
#ifndef NFSD_SERVED_TREES_H
#define NFSD_SERVED_TREES_H

#include "base/error.h"
#include "db/store.h"
#include "nfsd/handle.h"
#include "tree/reader.h"

#include <stdint.h>

#define SERVED_TREES 1024 /* slots of 128 bytes; a power of two */

struct served_tree {
    enum handle_kind kind;
    uint8_t id[HANDLE_ID_MAX]; /* zero behind the kind's size */
    struct tree tree;          /* root 0: the slot is empty */
    uint64_t fsid;
    /* Of a snapshot. */
    int64_t number;    /* of its commit */
    uint64_t imported; /* ns: when that was */
    int64_t features;  /* node id */
    int64_t frame;     /* as received; 0: none */
    int64_t image;     /* that it is, or was joined with; 0: none */
    /* Of one side of a diff (of a diff itself: side a): the other side. `imported` is the later one's. */
    struct tree other;
    int64_t other_number;
};

struct served_table {
    struct served_tree slots[SERVED_TREES];
};

void served_trees_forget(struct served_table *table);

/* The tree of a handle that nobody has checked yet, if it is remembered; else its root is 0. */
struct tree served_trees_recall(const struct served_table *table, enum handle_kind kind, const uint8_t *id);

/* `id` has as many bytes as the kind's ids. Returns 0; -ENOENT (err not filled): there is no such tree; or the store's
 * failure. */
int served_trees_find(struct served_tree *out, struct served_table *table, struct store *store, enum handle_kind kind,
                      const uint8_t *id, struct error *err);

#endif
