/* snapshots.c - a worker's table of snapshots. Filled by snapshots_find(), emptied by worker.c. */
#include "nfsd/snapshots.h"

#include "base/bytes.h"
#include "nfsd/handle.h"

#include <string.h>

void snapshots_forget(struct snapshot_table *table)
{
    memset(table, 0, sizeof *table);
}

/* An id is a SHA-256: any of its bits are as good as a hash. */
static struct served_snapshot *slot_of(struct snapshot_table *table, const uint8_t *id)
{
    return &table->slots[get_be32(id) % SNAPSHOT_SLOTS];
}

int snapshots_find(struct served_snapshot *out, struct snapshot_table *table, struct store *store,
                   const uint8_t id[SNAPSHOT_ID_SIZE], struct error *err)
{
    struct served_snapshot *slot = slot_of(table, id);
    struct snapshot snapshot;

    if (slot->tree.root == 0 || memcmp(slot->id, id, SNAPSHOT_ID_SIZE) != 0) {
        int found = snapshot_find(&snapshot, store, id, err);

        if (found < 0)
            return found;
        memcpy(slot->id, id, SNAPSHOT_ID_SIZE);
        slot->tree = tree_of_snapshot(&snapshot);
        slot->number = snapshot.number;
        slot->imported = snapshot.imported;
        slot->features = snapshot.features.id;
        slot->frame = snapshot.frame;
        slot->fsid = handle_fsid(store_key(store), HANDLE_SNAPSHOT, id);
    }
    *out = *slot;
    return 0;
}
