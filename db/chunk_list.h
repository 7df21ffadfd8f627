/* chunk_list.h - which chunks a frame is made of: rows that each hold many of them, packed. Inside db.
 *
 * A row's bytes are, for each chunk, how its id differs from the one before (the first: from 0), zigzag, and its size
 * in bytes: varints (base/varint.h). What a new frame shares with the one before it keeps its order, so most ids differ
 * by one: 3 to 4 bytes a chunk, where a row of its own took 30 with gc's index of it.
 */
#ifndef DB_CHUNK_LIST_H
#define DB_CHUNK_LIST_H

#include "base/buffer.h"

#include <stdint.h>

#define CHUNK_SIZE_MAX 65536 /* bytes */
#define CHUNK_LIST_MAX 1024  /* chunks in a row: what a reader of a few bytes decodes at most; some 4 KiB */

struct chunk_ref {
    int64_t id;
    uint32_t size; /* bytes, 1 to CHUNK_SIZE_MAX */
};

/* Pack up to CHUNK_LIST_MAX of them behind what `out` holds. */
void chunk_list_pack(struct buffer *out, const struct chunk_ref *chunks, size_t count);

/* One that is read. The bytes are borrowed. */
struct chunk_list {
    const uint8_t *at, *end;
    int64_t id;
    unsigned left; /* how many more there may be */
};

void chunk_list_begin(struct chunk_list *list, const void *bytes, size_t size);

/* 1: the next chunk; 0: there is none; -EBADMSG: no such list was ever written. */
int chunk_list_next(struct chunk_ref *chunk, struct chunk_list *list);

#endif
