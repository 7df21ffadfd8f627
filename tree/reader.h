/* reader.h - file-system trees in memory: from a root and a rank to an entry, from a directory and a name to an entry,
 * and along a directory.
 *
 * A file's number is its rank in the walk of its tree (a directory, then what is below it, entries in the order of
 * their names' bytes); the root's is 0. Nodes know how many file-system nodes lie below them, so a rank is found by
 * adding counts on the way down: no table. Names that are one file have a rank each, and the least of these is the
 * file's (links.h).
 *
 * Nodes sit in a cache that all threads share, bounded in bytes. What a reader hands out is borrowed from that cache
 * and stays valid until the same thread calls tree_reader_rest().
 */
#ifndef TREE_READER_H
#define TREE_READER_H

#include "base/error.h"
#include "db/blob.h"
#include "db/entry.h"
#include "db/snapshot.h"
#include "db/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TREE_CACHE_DEFAULT (64u << 20) /* bytes */

struct tree_cache;

/* `limit` bytes, shared by any number of readers. */
int tree_cache_new(struct tree_cache **cache, size_t limit, struct error *err);
void tree_cache_free(struct tree_cache *cache); /* after its last reader */

struct tree_reader;

/* One thread's view: its own store connection (borrowed) on a shared cache (borrowed). */
int tree_reader_new(struct tree_reader **reader, struct store *store, struct tree_cache *cache, struct error *err);
void tree_reader_free(struct tree_reader *reader);

struct store *tree_reader_store(struct tree_reader *reader);

/* A node of a directory (node.h), until tree_reader_rest(); or without what is below its items. -ESTALE as below. */
struct node;
int tree_node(const struct node **node, struct tree_reader *reader, int64_t id, struct error *err);
int tree_node_uncounted(const struct node **node, struct tree_reader *reader, int64_t id, struct error *err);

/* Nothing that was handed out before is used any more: what was evicted may be freed. */
void tree_reader_rest(struct tree_reader *reader);

/* A tree and which of its names are one file: ids of nodes. */
struct tree {
    int64_t root;
    int64_t links; /* 0: there are none, so nothing is looked up for them */
};

struct tree tree_of(const struct node_ref *root, const struct node_ref *links);
struct tree tree_of_snapshot(const struct snapshot *snapshot);

/* One name of one tree. */
struct tree_place {
    struct tree tree;
    uint32_t rank;             /* 0: the root */
    uint32_t parent;           /* rank of the directory that it is in; the root's is the root */
    uint32_t file;             /* the same for all names of one file: the least of their ranks */
    uint32_t nlink;            /* as lstat has it: how many names; 2 + subdirectories for a directory */
    const struct entry *entry; /* until tree_reader_rest() */
};

/* The errors below: -ENOENT and -ENOTDIR are answers (err is not filled); -ESTALE: a node is not in the store any more
 * (the snapshot was removed meanwhile; err not filled); anything else is the store's failure. */

/* The file with this rank. -ENOENT: the tree has fewer. */
int tree_find(struct tree_place *place, struct tree_reader *reader, struct tree tree, uint32_t rank, struct error *err);

/* The entry `name` of a directory ("." and ".." are answered too). */
int tree_lookup(struct tree_place *place, struct tree_reader *reader, const struct tree_place *directory,
                const char *name, size_t size, struct error *err);

/* The file at a path below the root; empty components and "." are skipped. Symbolic links are not followed: a link on
 * the way is -ENOTDIR. */
int tree_walk(struct tree_place *place, struct tree_reader *reader, struct tree tree, const char *path, size_t size,
              struct error *err);

/* Going along a directory. Entries have the ordinals 0, 1, 2 … in name order; starting anywhere costs one descent. A
 * listing survives tree_reader_rest(): it finds its place again. */
struct tree_listing {
    struct tree_reader *reader;
    uint32_t next; /* ordinal of the next entry */
    /* The rest is the reader's own. */
    struct tree tree;
    int64_t subtree;
    uint32_t rank, position, rank_base;
    uint64_t rests;
    const void *leaf;
    const struct links *links;
    const struct link_member *member; /* the next one of the tree, once `links` is there */
};

void tree_listing_begin(struct tree_listing *listing, struct tree_reader *reader, const struct tree_place *directory,
                        uint32_t ordinal);

/* The next entry: 1, or 0 at the end, or a negative errno. */
int tree_listing_next(struct tree_place *place, struct tree_listing *listing, struct error *err);

/* A blob in memory, until tree_reader_rest(). */
struct tree_blob {
    uint64_t size;           /* of the content, bytes */
    const uint8_t *bytes;    /* all of them; NULL: it is too large to be a row, and in a file */
    const struct blob *blob; /* what else is known of it */
};

/* By its id. -ENOENT (err not filled): it is not in the store. */
int tree_blob(struct tree_blob *out, struct tree_reader *reader, int64_t id, struct error *err);

/* The blob that holds the content of a regular file. -EACCES (err not filled): it is absent; -ENOENT (err not filled):
 * the blob is not in the store any more. */
int tree_content(struct blob *blob, struct tree_reader *reader, const struct entry *entry, struct error *err);

#endif
