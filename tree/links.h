/* links.h - hard links in memory: which files of a tree have several names, by the rank of each name.
 *
 * A tree has a complete entry for each name; that some of them are one file says the links object beside its root. Its
 * paths are looked up once, on first use, and what is left is a table that sits in the cache beside the nodes. The
 * first touch costs a walk for each path; afterwards each name costs 12 bytes, and asking for one a search by halves.
 */
#ifndef TREE_LINKS_H
#define TREE_LINKS_H

#include "tree/cache.h"
#include "tree/reader.h"

/* Paths and bytes of them that are looked up for one tree, since who touches it first waits: for so many 2 s where the
 * groups' paths lie in the order of the tree, 5 s where they do not. Groups that come behind count as none. Large
 * images have some thousands of such paths. */
#define LINKS_PATHS_MAX (1u << 18)
#define LINKS_TEXT_MAX (32u << 20)

/* One name of a file that has several. */
struct link_member {
    uint32_t rank;
    uint32_t file;  /* the least rank of its group */
    uint32_t count; /* names that its group has */
};

struct links {
    struct cached cached;
    struct tree tree;
    uint32_t count;
    struct link_member members[]; /* by rank; behind the last one stands one of rank UINT32_MAX */
};

/* The table of a tree that has a links object, from the cache or made. A path that is not in the tree, leads to a
 * directory, is in an earlier group, or has another entry than the first of its group is left out, and so is a group of
 * which less than two paths are left: only what can be served as one file is told to be one. -ESTALE (err not filled):
 * a node is not in the store any more. */
int links_get(const struct links **links, struct cache_user *user, struct store *store, struct tree tree,
              struct error *err);

/* The first member whose rank is >= rank (the one behind the last, if none). */
const struct link_member *links_from(const struct links *links, uint32_t rank);

/* Where in the cache the table of a tree is looked for: ids below 0, which no node has. Two trees may have the same
 * one, so a table says whose it is; the next attempt then has another id. */
int64_t links_id(struct tree tree, unsigned attempt);

#endif
