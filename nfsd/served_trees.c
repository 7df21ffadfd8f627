/* served_trees.c - a worker's table of trees. Filled by served_trees_find(), emptied by worker.c. */
#include "nfsd/served_trees.h"

#include "base/bytes.h"
#include "db/layer.h"
#include "db/snapshot.h"

#include <string.h>

static int find_snapshot(struct served_tree *out, struct store *store, const uint8_t *id, struct error *err)
{
    struct snapshot snapshot;
    int found = snapshot_find(&snapshot, store, id, err);

    if (found < 0)
        return found;
    out->tree = tree_of_snapshot(&snapshot);
    out->number = snapshot.number;
    out->imported = snapshot.imported;
    out->features = snapshot.features.id;
    out->frame = snapshot.frame;
    out->image = snapshot.image;
    return 0;
}

static int find_layer(struct served_tree *out, struct store *store, enum layer_kind kind, const uint8_t *id,
                      struct error *err)
{
    struct digest digest;
    struct layer layer;

    memcpy(digest.bytes, id, DIGEST_SIZE);
    int found = layer_find(&layer, store, kind, &digest, err);
    if (found < 0)
        return found;
    out->tree = tree_of(&layer.root, &layer.links);
    return 0;
}

static int find_alone(struct served_tree *out, struct store *store, const uint8_t *id, struct error *err)
{
    return find_layer(out, store, LAYER_ALONE, id, err);
}

static int find_chain(struct served_tree *out, struct store *store, const uint8_t *id, struct error *err)
{
    return find_layer(out, store, LAYER_CHAIN, id, err);
}

/* The ids of a diff are a's and b's, whichever side is asked for. */
static int find_side(struct served_tree *out, struct store *store, const uint8_t *ids, unsigned side, struct error *err)
{
    struct served_tree other = {0};
    int found = find_snapshot(&other, store, ids + (1 - side) * SNAPSHOT_ID_SIZE, err);

    if (found == 0)
        found = find_snapshot(out, store, ids + side * SNAPSHOT_ID_SIZE, err);
    if (found < 0)
        return found;
    out->other = other.tree;
    out->other_number = other.number;
    if (out->imported < other.imported)
        out->imported = other.imported;
    return 0;
}

static int find_old(struct served_tree *out, struct store *store, const uint8_t *ids, struct error *err)
{
    return find_side(out, store, ids, 0, err);
}

static int find_new(struct served_tree *out, struct store *store, const uint8_t *ids, struct error *err)
{
    return find_side(out, store, ids, 1, err);
}

static int (*const finders[])(struct served_tree *, struct store *, const uint8_t *, struct error *) = {
    [HANDLE_SNAPSHOT] = find_snapshot, [HANDLE_LAYER] = find_alone,  [HANDLE_CHAIN] = find_chain,
    [HANDLE_DIFF] = find_old,          [HANDLE_DIFF_OLD] = find_old, [HANDLE_DIFF_NEW] = find_new,
};

void served_trees_forget(struct served_table *table)
{
    memset(table, 0, sizeof *table);
}

/* An id is a SHA-256: any of its bits are as good as a hash. The lowest layer of an image has the id of its chain. */
static size_t slot_of(enum handle_kind kind, const uint8_t *id)
{
    return (get_be32(id) + kind) % SERVED_TREES;
}

static bool holds(const struct served_tree *slot, enum handle_kind kind, const uint8_t *id)
{
    return slot->tree.root && slot->kind == kind && memcmp(slot->id, id, handle_id_size(kind)) == 0;
}

struct tree served_trees_recall(const struct served_table *table, enum handle_kind kind, const uint8_t *id)
{
    const struct served_tree *slot = &table->slots[slot_of(kind, id)];

    return holds(slot, kind, id) ? slot->tree : (struct tree){0};
}

int served_trees_find(struct served_tree *out, struct served_table *table, struct store *store, enum handle_kind kind,
                      const uint8_t *id, struct error *err)
{
    struct served_tree *slot = &table->slots[slot_of(kind, id)];

    if (!holds(slot, kind, id)) {
        struct served_tree found = {.kind = kind};
        int result = finders[kind](&found, store, id, err);

        if (result < 0)
            return result;
        memcpy(found.id, id, handle_id_size(kind));
        found.fsid = handle_fsid(store_key(store), kind, id);
        *slot = found;
    }
    *out = *slot;
    return 0;
}
