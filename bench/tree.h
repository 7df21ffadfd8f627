/* tree.h - what an export holds, learned by walking it over NFS: handles, names, sizes, for the load to choose from. */
#ifndef BENCH_TREE_H
#define BENCH_TREE_H

#include "bench/serial.h"

struct node {
    struct handle handle;
    uint8_t attributes[FATTR_SIZE]; /* as READDIRPLUS gave them */
    uint32_t parent;                /* index; the root's is the root */
    uint32_t name_size;
    size_t name;        /* offset among the names */
    uint64_t path_hash; /* the same on every server */
};

struct tree {
    struct node *nodes; /* the root first */
    size_t count, room;
    char *names;
    size_t names_size, names_room;
};

void tree_learn(struct tree *tree, struct serial *serial, const struct handle *root);
void tree_free(struct tree *tree);

static inline uint32_t node_type(const struct node *node)
{
    return get32(node->attributes);
}

/* Bytes; of a link, of its target. */
static inline uint64_t node_size(const struct node *node)
{
    return get64(node->attributes + 20);
}

/* One value of some bytes and another value; no cryptographer's. */
uint64_t hash_more(uint64_t hash, const void *bytes, size_t size);

#endif
