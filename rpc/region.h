/* region.h - a worker's own memory of a fixed limit: reserved once, resident only where touched, given back when idle.
 *
 * Taking memory for a call is then an addition, and a burst of large replies leaves nothing behind.
 */
#ifndef RPC_REGION_H
#define RPC_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct region {
    uint8_t *bytes;
    size_t room;    /* bytes reserved */
    size_t used;    /* bytes taken since the last region_reset() */
    size_t touched; /* bytes written to since the last region_relax(), at most */
};

/* Returns 0 or -ENOMEM. All of it is taken at first, as one piece: use `bytes` and tell region_touch() how far, or
 * begin with region_reset() and take pieces. */
int region_reserve(struct region *region, size_t room);
void region_free(struct region *region);

/* Memory aligned for any type, or NULL when the region is full. Not zeroed. */
void *region_alloc(struct region *region, size_t size);

/* Everything taken is free again. */
void region_reset(struct region *region);

/* The first `size` bytes were written to. */
void region_touch(struct region *region, size_t size);

/* Does it hold more memory than an idle worker should? */
bool region_is_large(const struct region *region);

/* Give back what is above RPC_IDLE_KEEP. Nothing may be in use. */
void region_relax(struct region *region);

#endif
