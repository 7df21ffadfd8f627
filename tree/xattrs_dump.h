/* xattrs_dump.h - the extended attributes of a snapshot's files, as `setfattr --restore` takes them in its root
 * directory. NFS 3 carries none, so this is the way out for capabilities, labels and ACLs.
 *
 *     # file: usr/bin/ping
 *     security.capability=0sAQAAAgAgAAAAAAAAAAAAAAAAAAA=
 */
#ifndef TREE_XATTRS_DUMP_H
#define TREE_XATTRS_DUMP_H

#include "db/snapshot.h"
#include "tree/walk.h"

/* Nothing is written for a file without any. `sink` gets it file by file. */
int xattrs_dump(struct tree_reader *reader, const struct snapshot *snapshot,
                int (*sink)(void *arg, const void *bytes, size_t size), void *arg, struct error *err);

#endif
