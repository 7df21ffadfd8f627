/* mappings.h - the large contents that one worker has in its address space, so that READs of them are sent from the
 * page cache without being copied before.
 *
 * A content is mapped a window at a time. Blob ids are never used twice, so a mapping never turns into other bytes.
 * Replies that wait for a slow peer hold the window that they are sent from; it goes when the last of them has.
 * Direct-mapped and bounded: it serves what is being read now.
 */
#ifndef NFSD_MAPPINGS_H
#define NFSD_MAPPINGS_H

#include "rpc/server.h"

#include <stdint.h>

#define MAPPINGS 256                /* a worker's, a power of two */
#define MAPPING_WINDOW (64u << 20)  /* bytes from the beginning of one to that of the next; each READ lies in one */
#define MAPPINGS_BYTES (512u << 20) /* that a worker has mapped; past it all are given back */
#define MAPPING_IDLE_TICKS 10       /* of RPC_TICK_MS, without a READ: whoever reads in order comes back sooner */

struct mapping {
    struct rpc_hold hold;
    int64_t blob;
    uint64_t size;  /* of the content, bytes */
    uint64_t start; /* of the window in it */
    uint8_t *bytes;
    size_t length;
    unsigned idle; /* ticks since it was last asked for */
    bool dropped;  /* the table has it no more */
};

struct mappings {
    struct mapping *slots[MAPPINGS];
    size_t bytes; /* of all in the table */
};

/* The window of a blob that has the byte at this offset, and READ_SIZE_MAX behind it or all there are; NULL: not
 * mapped. */
struct mapping *mappings_find(struct mappings *mappings, int64_t blob, uint64_t offset);

/* Map that window of the content behind a descriptor, which is not needed afterwards; offset < size. -ENOENT: the file
 * has another size than the content, so it is not that any more. */
int mappings_add(struct mapping **mapping, struct mappings *mappings, int fd, int64_t blob, uint64_t size,
                 uint64_t offset);

/* A tick has passed: give back what nobody has asked for in MAPPING_IDLE_TICKS, and no reply is sent from. True: some
 * are left. */
bool mappings_age(struct mappings *mappings);

/* Give all back: a file that was removed from the store frees its space only when nobody maps it. */
void mappings_drop(struct mappings *mappings);

#endif
