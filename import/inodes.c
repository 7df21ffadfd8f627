/* inodes.c - an open-addressing table, half full at most. */
#include "import/inodes.h"

#include <errno.h>
#include <stdlib.h>

#define ROOM_FIRST 256 /* slots; a power of two, as all that follow */

struct inode {
    dev_t device;
    ino_t number;
    size_t path;      /* where it begins in paths */
    size_t path_size; /* 0: the slot is free */
};

void inodes_free(struct inodes *inodes)
{
    free(inodes->slots);
    buffer_free(&inodes->paths);
}

static struct inode *find_slot(const struct inodes *inodes, dev_t device, ino_t number)
{
    /* Numbers come in runs; the multiplier spreads them (2^64 over the golden ratio). */
    uint64_t hash = ((uint64_t)number ^ (uint64_t)device << 32) * 0x9e3779b97f4a7c15u;
    size_t at = (size_t)(hash >> 32) & (inodes->room - 1);

    while (inodes->slots[at].path_size && (inodes->slots[at].number != number || inodes->slots[at].device != device))
        at = (at + 1) & (inodes->room - 1);
    return &inodes->slots[at];
}

const char *inodes_find(size_t *path_size, const struct inodes *inodes, dev_t device, ino_t number)
{
    const struct inode *inode = inodes->room ? find_slot(inodes, device, number) : NULL;

    if (!inode || !inode->path_size)
        return NULL;
    *path_size = inode->path_size;
    return (const char *)inodes->paths.bytes + inode->path;
}

static int grow(struct inodes *inodes)
{
    struct inodes larger = {.room = inodes->room ? inodes->room * 2 : ROOM_FIRST};

    larger.slots = calloc(larger.room, sizeof *larger.slots);
    if (!larger.slots)
        return -ENOMEM;
    for (size_t i = 0; i < inodes->room; i++)
        if (inodes->slots[i].path_size)
            *find_slot(&larger, inodes->slots[i].device, inodes->slots[i].number) = inodes->slots[i];
    free(inodes->slots);
    inodes->slots = larger.slots;
    inodes->room = larger.room;
    return 0;
}

int inodes_put(struct inodes *inodes, dev_t device, ino_t number, const char *path, size_t path_size)
{
    int result = inodes->count * 2 >= inodes->room ? grow(inodes) : 0;
    struct inode inode = {device, number, inodes->paths.size, path_size};

    if (result < 0)
        return result;
    buffer_add(&inodes->paths, path, path_size);
    if (inodes->paths.failed)
        return -ENOMEM;
    *find_slot(inodes, device, number) = inode;
    inodes->count++;
    return 0;
}
