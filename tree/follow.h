/* follow.h - following symbolic links in a path, as the kernel does, in anything that can say what stands at a path. */
#ifndef TREE_FOLLOW_H
#define TREE_FOLLOW_H

#include "db/entry.h"

#include <stddef.h>

#define FOLLOW_PATH_MAX 4095 /* bytes: PATH_MAX without its NUL */

/* What stands at an absolute path without "." or "..", or NULL. */
typedef const struct entry *(*follow_probe)(void *arg, const char *path, size_t size);

/* Follow every link in `path` (absolute; at most 40 links, ".." does not leave the root), the last component's too.
 * *resolved (FOLLOW_PATH_MAX + 1 bytes, NUL-terminated) is the absolute path at which it ends. Returns 1 when something
 * is there; 0 when the last components do not exist (*resolved is where they would be); -ELOOP, -ENAMETOOLONG, or
 * -ENOTDIR when it leads below something that is no directory. */
int follow_path(char *resolved, const char *path, size_t size, follow_probe probe, void *arg);

#endif
