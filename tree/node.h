/* node.h - nodes as they lie in memory: items side by side, with sums of counts for going down by rank or ordinal. */
#ifndef TREE_NODE_H
#define TREE_NODE_H

#include "db/entry.h"
#include "db/store.h"
#include "tree/cache.h"

struct node_leaf_item {
    struct entry entry;
    uint32_t nodes_before; /* file-system nodes in this leaf before this entry */
};

struct node_list_item {
    const char *first; /* the first name below it */
    uint32_t first_size;
    uint32_t nodes_before, entries_before; /* in this list before this node */
    int64_t node;
};

struct node {
    struct cached cached;
    struct counts counts; /* its own */
    uint16_t level, count;
    union {
        struct node_leaf_item *leaf; /* level 0 */
        struct node_list_item *list;
    };
};

/* The node, from the cache or from the store. -ESTALE (err not filled): the store does not have it. */
int node_get(const struct node **node, struct cache_user *user, struct store *store, int64_t id, struct error *err);

/* The same without what is below its items: nodes_before, entries_before and entry.below mean nothing, and a list's
 * nodes may be of any level. For who compares: a third of the cost. */
int node_get_uncounted(const struct node **node, struct cache_user *user, struct store *store, int64_t id,
                       struct error *err);

/* The last item whose nodes_before (entries_before) is <= the number. The node has items. */
unsigned node_item_of_rank(const struct node *node, uint32_t nodes);
unsigned node_item_of_ordinal(const struct node *list, uint32_t entries);

/* The item a name is in or below: of a leaf the first one >= the name (count if none), of a list the last one whose
 * first name is <= the name (0 if none). */
unsigned node_item_of_name(const struct node *node, const char *name, size_t size);

/* Order of names: by their bytes. */
int name_compare(const char *a, size_t a_size, const char *b, size_t b_size);

/* Order of paths, as the walk goes: component by component, so '/' comes before every other byte. */
int path_compare(const char *a, size_t a_size, const char *b, size_t b_size);

#endif
