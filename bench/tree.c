/* tree.c - walking an export, breadth first. */
#include "bench/tree.h"

#include <stdlib.h>

uint64_t hash_more(uint64_t hash, const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    uint64_t word;

    for (; size >= 8; p += 8, size -= 8) {
        memcpy(&word, p, 8);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
        hash ^= hash >> 32;
    }
    word = size;
    memcpy(&word, p, size);
    hash = (hash ^ word ^ (uint64_t)size << 56) * 0x9e3779b97f4a7c15ULL;
    return hash ^ hash >> 29;
}

/* Room for one more of `size` bytes each. */
static void *grown(void *array, size_t *room, size_t needed, size_t size)
{
    if (needed <= *room)
        return array;
    *room = needed * 2;
    array = realloc(array, *room * size);
    if (!array)
        die("out of memory");
    return array;
}

static struct node *add_node(struct tree *tree)
{
    tree->nodes = grown(tree->nodes, &tree->room, tree->count + 1, sizeof *tree->nodes);
    struct node *node = &tree->nodes[tree->count++];
    *node = (struct node){0};
    return node;
}

struct learning {
    struct tree *tree;
    uint32_t parent;
};

static int learn(void *arg, const struct listed *entry)
{
    struct learning *l = arg;
    struct tree *tree = l->tree;

    if (!entry->attributes || !entry->handle.size)
        die("a listing without attributes or handles");
    tree->names = grown(tree->names, &tree->names_room, tree->names_size + entry->name_size, 1);
    memcpy(tree->names + tree->names_size, entry->name, entry->name_size);
    struct node *node = add_node(tree);
    node->handle = entry->handle;
    memcpy(node->attributes, entry->attributes, FATTR_SIZE);
    node->parent = l->parent;
    node->name = tree->names_size;
    node->name_size = entry->name_size;
    node->path_hash = hash_more(tree->nodes[l->parent].path_hash, entry->name, entry->name_size);
    tree->names_size += entry->name_size;
    return 0;
}

void tree_learn(struct tree *tree, struct serial *serial, const struct handle *top)
{
    *tree = (struct tree){0};
    struct node *root = add_node(tree);
    root->handle = *top;
    serial_getattr(root->attributes, serial, &root->handle);
    for (size_t i = 0; i < tree->count; i++) {
        struct learning l = {tree, (uint32_t)i};
        struct handle directory = tree->nodes[i].handle; /* nodes move while they are learned */

        if (node_type(&tree->nodes[i]) == TYPE_DIRECTORY)
            serial_list(serial, &directory, learn, &l);
    }
}

void tree_free(struct tree *tree)
{
    free(tree->nodes);
    free(tree->names);
}
