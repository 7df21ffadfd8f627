/* merge.h - what two versions of one list do not have in common: of a directory's entries, of features, of groups of
 * hard links.
 *
 * All of these are lists cut into nodes (db/cut.h), so two versions share the nodes that hold no change. The two sides
 * are gone through together, in the order of their keys; wherever both stand before the same node it is passed by as
 * a whole. Nodes are cut by content, so sides that were apart at a change soon begin at the same places again. Cost:
 * what changed, times the levels of the lists. Names that never let a list be cut can be chosen, and then a change
 * costs what lies behind it in the same directory.
 */
#ifndef TREE_MERGE_H
#define TREE_MERGE_H

#include "base/error.h"
#include "db/node.h"
#include "tree/reader.h"

struct merge_item {
    const char *key; /* name; type, NUL, key; first path */
    uint32_t key_size;
    unsigned level;                /* of its node: what is handed out has 0 */
    int64_t node;                  /* of a list: the node below */
    union {                        /* of a leaf */
        const struct entry *entry; /* without what is below it */
        const struct feature *feature;
        const struct link_group *group;
    };
};

/* What stands on one side only, or on both and differs. Valid until the next call. */
struct merge_pair {
    bool has_a, has_b;
    struct merge_item a, b;
};

struct merge_frame {
    int64_t id;
    void *loaded;   /* of features and groups, whose nodes no cache holds */
    int level;      /* that it has to have; -1: any */
    uint32_t index; /* of the item that comes next */
};

struct merge_side {
    unsigned depth;
    struct merge_frame frames[NODE_LEVELS_MAX];
};

/* A way through both sides; it survives tree_reader_rest(). To be ended by merge_end(). */
struct merge {
    struct tree_reader *reader;
    const struct merge_kind *kind;
    bool only_a; /* what stands on side b only is not asked for: it is passed by in nodes, where it fills them */
    struct merge_side a, b;
};

/* Ids of nodes; 0: nothing is on this side. */
void merge_begin(struct merge *merge, struct tree_reader *reader, enum node_kind kind, int64_t a, int64_t b);
void merge_end(struct merge *merge);

/* The next difference: 1, or 0 at the end, or a negative errno (-ESTALE as in reader.h). */
int merge_next(struct merge_pair *pair, struct merge *merge, struct error *err);

/* Of the entry of side a that was handed out last: how many of its directory come before it, and its rank counted from
 * its directory's. Nothing else here takes counts of what lies below, so they are read now, of the nodes on the way to
 * it. */
int merge_place(uint32_t *ordinal, uint32_t *rank, struct merge *merge, struct error *err);

/* Of directories that were begun: go on behind a name. Costs a descent a side. */
int merge_seek(struct merge *merge, const char *name, size_t size, struct error *err);

/* Are two entries the same but for their names? */
bool merge_same_entry(const struct entry *a, const struct entry *b);

#endif
