/* snapshots.h - which snapshots exist, as one worker remembers it: from an id to its tree, without SQL.
 *
 * A direct-mapped table: two ids that fall on one slot push each other out, which costs one query and nothing else.
 * It is forgotten whole when another connection has committed; who asks sees a change at most WORKER_LOOK_MS late
 * (worker.h).
 */
#ifndef NFSD_SNAPSHOTS_H
#define NFSD_SNAPSHOTS_H

#include "base/error.h"
#include "base/siphash.h"
#include "db/snapshot.h"
#include "db/store.h"
#include "tree/reader.h"

#include <stdbool.h>
#include <stdint.h>

#define SNAPSHOT_SLOTS 1024 /* 72 bytes each; a power of two */

struct served_snapshot {
    uint8_t id[SNAPSHOT_ID_SIZE];
    struct tree tree; /* root 0: the slot is empty */
    uint64_t fsid;
    int64_t number;    /* of its commit */
    uint64_t imported; /* ns: when that was */
    int64_t features;  /* node id */
    int64_t frame;     /* as received; 0: none */
};

struct snapshot_table {
    struct served_snapshot slots[SNAPSHOT_SLOTS];
};

void snapshots_forget(struct snapshot_table *table);

/* Returns 0; -ENOENT (err not filled): there is no such snapshot; or the store's failure. */
int snapshots_find(struct served_snapshot *out, struct snapshot_table *table, struct store *store,
                   const uint8_t id[SNAPSHOT_ID_SIZE], struct error *err);

#endif
