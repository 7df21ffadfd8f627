/* follow.h - following symbolic links in a path, as the kernel does, in anything that can say what stands at a path. */
#ifndef TREE_FOLLOW_H
#define TREE_FOLLOW_H

#include "db/entry.h"

#include <stddef.h>

#define FOLLOW_PATH_MAX 4095 /* bytes: PATH_MAX without its NUL */

#define FOLLOW_LINKS_MAX 40 /* in one path, as the Linux kernel's MAXSYMLINKS */

/* What stands at an absolute path without "." or "..", or NULL. */
typedef const struct entry *(*follow_probe)(void *arg, const char *path, size_t size);

/* Follow every link in `path` (absolute; ".." does not leave the root), the last component's too, at most
 * FOLLOW_LINKS_MAX of them and *links_left, which counts down: following one can cost 2,000 probes, and who chose the
 * links may have chosen many paths. *resolved (FOLLOW_PATH_MAX + 1 bytes, NUL-terminated) is the absolute path at which
 * it ends. Returns 1 when something is there; 0 when the last components do not exist (*resolved is where they would
 * be); -ELOOP, -ENAMETOOLONG, or -ENOTDIR when it leads below something that is no directory. */
int follow_path(char *resolved, unsigned *links_left, const char *path, size_t size, follow_probe probe, void *arg);

#endif
