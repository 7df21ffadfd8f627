/* region.c - memory of a fixed limit, by mmap. Under AddressSanitizer what was not taken is poisoned, and a gap stands
 * after each piece, so that overruns inside the region are found too. */
#include "rpc/region.h"

#include "rpc/limits.h"

#include <errno.h>
#include <stdalign.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define REGION_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define REGION_POISON 1
#endif
#endif

#ifdef REGION_POISON
#include <sanitizer/asan_interface.h>
enum { GAP = 16 };
#else
enum { GAP = 0 };
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

int region_reserve(struct region *region, size_t room)
{
    void *bytes = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (bytes == MAP_FAILED)
        return -ENOMEM;
    *region = (struct region){.bytes = bytes, .room = room, .used = room};
    return 0;
}

void region_free(struct region *region)
{
    if (region->bytes) {
        ASAN_UNPOISON_MEMORY_REGION(region->bytes, region->room);
        munmap(region->bytes, region->room);
    }
    *region = (struct region){0};
}

void *region_alloc(struct region *region, size_t size)
{
    const size_t align = alignof(max_align_t);

    if (size > region->room - region->used)
        return NULL;
    size_t taken = (size + GAP + align - 1) / align * align;
    if (taken > region->room - region->used)
        return NULL;
    uint8_t *at = region->bytes + region->used;
    region->used += taken;
    region_touch(region, region->used);
    ASAN_UNPOISON_MEMORY_REGION(at, size);
    return at;
}

void region_reset(struct region *region)
{
    ASAN_POISON_MEMORY_REGION(region->bytes, region->used);
    region->used = 0;
}

void region_touch(struct region *region, size_t size)
{
    if (size > region->touched)
        region->touched = size;
}

bool region_is_large(const struct region *region)
{
    return region->touched > RPC_IDLE_KEEP;
}

void region_relax(struct region *region)
{
    if (region_is_large(region))
        madvise(region->bytes + RPC_IDLE_KEEP, region->room - RPC_IDLE_KEEP, MADV_DONTNEED);
    region->touched = 0;
}
