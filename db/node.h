/* node.h - nodes: the pieces that directories, sets of features and groups of hard links are cut into.
 *
 * A node of level 0 (a leaf) holds up to 64 items; a node of level n holds up to 64 nodes of level n - 1. Its name is
 * the SHA-256 of its canonical bytes (doc/FORMAT.md), so equal pieces of any two versions are one row.
 */
#ifndef DB_NODE_H
#define DB_NODE_H

#include "base/digest.h"
#include "base/error.h"
#include "db/entry.h"
#include "db/store.h"

#define NODE_ITEMS_MAX 64  /* a row id of an item is node * 64 + position */
#define NODE_LEVELS_MAX 33 /* a list has at least two nodes before it is cut, so 2^31 items need at most 32 */

enum node_kind {
    NODE_TREE = 1,     /* items: entries of a directory, by name */
    NODE_LINKS = 2,    /* items: groups of paths that are one file, by first path */
    NODE_FEATURES = 3, /* items: records, by type, key, value */
};

/* A node as those above refer to it. */
struct node_ref {
    int64_t id;
    struct digest digest;
    struct counts counts;
};

/* Reading. What is handed to a visitor is borrowed and valid until it returns; a visitor that returns non-zero ends the
 * visit with that value. */
struct node_child {
    const char *first; /* the first key below it: for a directory, the first name */
    uint32_t first_size;
    struct node_ref node;
};

struct feature {
    const char *type, *key, *value; /* value: canonical JSON */
    uint32_t type_size, key_size, value_size;
};

struct link_group {
    const char *paths; /* `count` paths without leading '/', each ended by NUL */
    uint32_t size, count;
};

struct node_visitor {
    /* Called first. */
    int (*begin)(void *arg, enum node_kind kind, unsigned level, unsigned count, const struct counts *counts);
    /* Then for each item, in order; which one depends on level and kind. */
    int (*child)(void *arg, const struct node_child *child);
    int (*entry)(void *arg, const struct entry *entry, const struct entry_digests *digests);
    int (*feature)(void *arg, const struct feature *feature);
    int (*group)(void *arg, const struct link_group *group);
    void *arg;
};

/* What a visit tells of the nodes and contents that items refer to. Their counts and digests stand in rows of their
 * own, which cost more to find than the item itself. */
enum node_detail {
    NODE_ITEMS,   /* ids only: counts and digests are 0 */
    NODE_COUNTS,  /* counts too, and the digests of a list's nodes */
    NODE_DIGESTS, /* all */
};

/* Visit one node. What it hands over is sound as far as one node shows: ids of nodes are less than its own, since what
 * refers is written last, so every way down ends; counts are at most TREE_NODES_MAX, names and targets have their
 * sizes, directories alone have a subtree. With NODE_COUNTS a list's children are of its kind and one level below;
 * without, whoever goes on to them has to look. -ENOENT (err not filled): there is no such node. */
int node_visit(struct store *store, int64_t id, enum node_detail detail, const struct node_visitor *visitor,
               struct error *err);

/* Tell that a node is not what was once written. Returns -EIO. */
int node_damaged(const struct store *store, int64_t id, struct error *err);

/* The digest a node is named by. -ENOENT as above. */
int node_digest(struct digest *digest, struct store *store, int64_t id, struct error *err);

/* The empty object of a kind: an empty directory, no links, no features (put into the store if it is not there). */
int node_empty(struct node_ref *out, struct store *store, enum node_kind kind, struct error *err);

#endif
