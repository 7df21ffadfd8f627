/* memory.h - what a reader remembers: places, names and contents that it found last, for reader.c and ahead.c alone. */
#ifndef TREE_MEMORY_H
#define TREE_MEMORY_H

#include "base/name_hash.h"
#include "tree/cache.h"
#include "tree/contents.h"
#include "tree/reader.h"

/* Where a rank was found before. Trees never change and ids are never used twice, so it is so for ever; only the leaf
 * may have left memory. A cache line. */
struct found {
    struct tree tree;
    int64_t leaf; /* 0: nothing was found here yet */
    const struct entry *entry;
    uint64_t looked; /* cache_look() when the entry was seen there */
    uint32_t rank, parent, file, nlink;
    uint32_t item; /* in the leaf */
};

/* Which rank a name was found to have, counted from its directory's. A hint: the place tells whether it is that name.
 */
struct heard {
    int64_t subtree;
    uint32_t hash; /* of the name */
    uint32_t rank;
};

/* Where a blob is, as long as nothing was evicted. */
struct seen {
    int64_t id;
    const struct content_row *row;
    uint64_t looked; /* cache_look() when it was there */
    const uint8_t *bytes;
    uint64_t size;
};

/* A reader's places, names and blobs found last, powers of two: some image whole. Ranks are dense, so those of one tree
 * push each other out only where it has more. 2.25 MB, where they are touched. */
#define FOUND_PLACES 16384
#define HEARD_SETS 8192
#define HEARD_WAYS 4 /* names in a set: a cache line of them */
#define SEEN_BLOBS 16384
#define CACHE_LINE 64

_Static_assert(sizeof(struct found) <= CACHE_LINE, "a place is one line");
_Static_assert(sizeof(struct heard) * HEARD_WAYS <= CACHE_LINE, "so is a set of names");

struct memory {
    _Alignas(CACHE_LINE) struct found places[FOUND_PLACES];
    _Alignas(CACHE_LINE) struct heard names[HEARD_SETS][HEARD_WAYS];
    struct seen blobs[SEEN_BLOBS];
};

struct tree_reader {
    struct store *store;
    struct cache_user *user;
    uint64_t rests; /* so far: what was borrowed before the last one is gone */
    struct memory *memory;
};

static inline struct found *found_slot(struct memory *memory, struct tree tree, uint32_t rank)
{
    uint64_t hash = (uint64_t)tree.root * 0x9e3779b97f4a7c15ULL;

    return &memory->places[((hash >> 32) + rank) % FOUND_PLACES];
}

static inline bool is_found(const struct found *found, struct tree tree, uint32_t rank)
{
    return found->rank == rank && found->tree.root == tree.root && found->tree.links == tree.links && found->leaf;
}

/* The rank that a name may have, or 0. */
static inline uint32_t recall(const struct heard set[HEARD_WAYS], int64_t subtree, uint32_t hash)
{
    for (unsigned i = 0; i < HEARD_WAYS; i++)
        if (set[i].hash == hash && set[i].subtree == subtree)
            return set[i].rank;
    return 0;
}

/* The half of it that chooses no set. */
static inline uint32_t heard_hash(uint64_t hash)
{
    return (uint32_t)(hash >> 32);
}

static inline struct heard *heard_set(struct memory *memory, uint64_t hash)
{
    return memory->names[hash % HEARD_SETS];
}

static inline struct seen *seen_slot(struct memory *memory, int64_t blob)
{
    return &memory->blobs[(uint64_t)blob % SEEN_BLOBS];
}

#endif
