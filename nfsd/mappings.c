/* mappings.c - a worker's windows on large contents. */
#include "nfsd/mappings.h"

#include "nfsd/procedures.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

static size_t slot_of(int64_t blob, uint64_t window)
{
    return ((uint64_t)blob + window) % MAPPINGS;
}

struct mapping *mappings_find(struct mappings *mappings, int64_t blob, uint64_t offset)
{
    struct mapping *mapping = mappings->slots[slot_of(blob, offset / MAPPING_WINDOW)];

    if (!mapping || mapping->blob != blob || mapping->start != offset / MAPPING_WINDOW * MAPPING_WINDOW)
        return NULL;
    if (offset >= mapping->size)
        return NULL;
    mapping->idle = 0;
    return mapping;
}

static void unmap(struct mapping *mapping)
{
    munmap(mapping->bytes, mapping->length);
    free(mapping);
}

static void no_longer_used(struct rpc_hold *hold)
{
    struct mapping *mapping = (struct mapping *)hold; /* its first member */

    if (mapping->dropped)
        unmap(mapping);
}

static void drop(struct mappings *mappings, struct mapping **slot)
{
    struct mapping *mapping = *slot;

    if (!mapping)
        return;
    *slot = NULL;
    mappings->bytes -= mapping->length;
    mapping->dropped = true;
    if (mapping->hold.users == 0)
        unmap(mapping);
}

void mappings_drop(struct mappings *mappings)
{
    for (size_t i = 0; i < MAPPINGS; i++)
        drop(mappings, &mappings->slots[i]);
}

bool mappings_age(struct mappings *mappings)
{
    for (size_t i = 0; i < MAPPINGS; i++) {
        struct mapping *mapping = mappings->slots[i];

        if (mapping && mapping->hold.users == 0 && ++mapping->idle > MAPPING_IDLE_TICKS)
            drop(mappings, &mappings->slots[i]);
    }
    return mappings->bytes > 0;
}

static bool is_whole(int fd, uint64_t size)
{
    struct stat stat;

    return fstat(fd, &stat) == 0 && stat.st_size >= 0 && (uint64_t)stat.st_size == size;
}

int mappings_add(struct mapping **out, struct mappings *mappings, int fd, int64_t blob, uint64_t size, uint64_t offset)
{
    uint64_t window = offset / MAPPING_WINDOW, start = window * MAPPING_WINDOW, left = size - start;
    size_t length = left < MAPPING_WINDOW + READ_SIZE_MAX ? (size_t)left : MAPPING_WINDOW + READ_SIZE_MAX;
    struct mapping **slot = &mappings->slots[slot_of(blob, window)];

    if (!is_whole(fd, size))
        return -ENOENT;
    struct mapping *mapping = malloc(sizeof *mapping);
    void *bytes = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, (off_t)start);
    if (!mapping || bytes == MAP_FAILED) {
        if (bytes != MAP_FAILED)
            munmap(bytes, length);
        free(mapping);
        return -ENOMEM;
    }
    drop(mappings, slot);
    if (mappings->bytes > MAPPINGS_BYTES)
        mappings_drop(mappings);
    *mapping = (struct mapping){
        .hold = {.unused = no_longer_used},
        .blob = blob,
        .size = size,
        .start = start,
        .bytes = bytes,
        .length = length,
    };
    mappings->bytes += length;
    *slot = *out = mapping;
    return 0;
}
