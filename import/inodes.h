/* inodes.h - files with several names: by which path each was found first. */
#ifndef IMPORT_INODES_H
#define IMPORT_INODES_H

#include "base/buffer.h"

#include <sys/types.h>

/* All zero holds none. Some 50 bytes and the path of each. */
struct inodes {
    struct inode *slots;
    size_t count, room;
    struct buffer paths;
};

void inodes_free(struct inodes *inodes);

/* The path a file was put with, or NULL; it is borrowed until the next put. */
const char *inodes_find(size_t *path_size, const struct inodes *inodes, dev_t device, ino_t number);

/* Put one that is not there. Returns 0, or -ENOMEM. */
int inodes_put(struct inodes *inodes, dev_t device, ino_t number, const char *path, size_t path_size);

#endif
