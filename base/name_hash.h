/* name_hash.h - a quick hash of a name in a directory, for tables in memory. Whoever makes names fall on one slot makes
 * them slow, and nothing else; nothing that is kept or sent goes by it. */
#ifndef BASE_NAME_HASH_H
#define BASE_NAME_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t name_hash(int64_t directory, const char *name, size_t size)
{
    uint64_t hash = (uint64_t)directory ^ (uint64_t)size << 56, word;

    for (; size >= sizeof word; name += sizeof word, size -= sizeof word) {
        memcpy(&word, name, sizeof word);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    word = 0;
    memcpy(&word, name, size);
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

#endif
