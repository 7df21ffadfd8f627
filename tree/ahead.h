/* ahead.h - what calls that came together will touch, brought near before the first of them is answered.
 *
 * Most of what a warm call costs is waiting for memory: for a place, then for the entry that it tells of, then for what
 * that one tells of. All calls of a wake-up take the first step together, then the second, so that the waits of one
 * pass while the others are on their way. Nothing is read from the store, and nothing is promised.
 */
#ifndef TREE_AHEAD_H
#define TREE_AHEAD_H

#include "tree/reader.h"

struct found;
struct heard;

/* What a call is about. */
struct tree_ahead {
    struct tree tree; /* root 0: nothing */
    uint32_t rank;
    bool content; /* of the file, from `offset` on */
    uint64_t offset;
    const char *name; /* in the directory; NULL: that itself */
    size_t name_size;
    /* The rest is the reader's own: what the next step looks at. */
    const struct found *found;
    const struct heard *names;
    uint64_t hash;
};

/* `count` calls; they are changed. */
void tree_look_ahead(struct tree_reader *reader, struct tree_ahead *calls, unsigned count);

#endif
