/* sums.h - the digests of all contents that a snapshot has, as `sha256sum -c` takes them in its root directory:
 *
 *     93a4…  ./etc/passwd
 *     \5d41…  ./a name with a\nnewline
 */
#ifndef TREE_SUMS_H
#define TREE_SUMS_H

#include "db/snapshot.h"
#include "tree/walk.h"

/* Files whose content is absent are left out. `sink` gets it line by line. */
int sums_write(struct tree_reader *reader, const struct snapshot *snapshot,
               int (*sink)(void *arg, const void *bytes, size_t size), void *arg, struct error *err);

#endif
