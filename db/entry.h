/* entry.h - an entry of a directory: one name and everything that is known of the file behind it.
 *
 * What an entry's identity is, and its canonical bytes, stand in doc/FORMAT.md.
 */
#ifndef DB_ENTRY_H
#define DB_ENTRY_H

#include "base/digest.h"

#include <stdint.h>
#include <sys/stat.h>

/* A name has 1 to 255 bytes, none of them '/' or NUL, and is not "." or ".."; only a root's name is empty. */
#define ENTRY_NAME_MAX 255
/* A link's target has at most PATH_MAX - 1 bytes. */
#define ENTRY_TARGET_MAX 4095
/* A directory's size is this, whatever the captured system said: it tells of that system's disk only. */
#define ENTRY_DIRECTORY_SIZE 4096

/* Flags. */
#define ENTRY_LOSSY 1u  /* the content is captured, but some bytes of it were lost on the way */
#define ENTRY_MADE 2u   /* nobody captured this: confuse made it, since tools expect it */
#define ENTRY_ABSENT 4u /* known to exist, content (or link target) not captured */

/* How much a node and all that hangs below it hold. */
struct counts {
    uint32_t entries; /* entries of the directory itself (or groups of links, or records) */
    uint32_t dirs;    /* of these, directories: a directory's nlink is 2 + dirs */
    uint32_t nodes;   /* file-system nodes: the entries and all below them */
};

/* A tree has at most this many file-system nodes, its root included: ranks stay below a root's fileid, 2^31. */
#define TREE_NODES_MAX 2147483647u

struct entry {
    const char *name;   /* borrowed; not NUL-terminated */
    const char *target; /* of a symbolic link; borrowed; not NUL-terminated */
    uint16_t name_size, target_size;
    uint32_t mode; /* whole st_mode: type and permissions */
    uint32_t uid, gid;
    uint32_t rdev_major, rdev_minor;
    uint32_t flags;
    uint64_t size;  /* bytes */
    uint64_t mtime; /* ns since 1970 */
    /* Ids in this store, 0 where there is none. */
    int64_t content;     /* blob: of a regular file that is not absent */
    int64_t xattrs;      /* blob: canonical extended attributes */
    int64_t subtree;     /* node: of a directory, always */
    struct counts below; /* of the subtree */
};

/* The digests behind an entry's ids, where they are not 0. Only writing and checking need them. */
struct entry_digests {
    struct digest content, xattrs, subtree;
};

#endif
