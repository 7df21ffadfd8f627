/* varint.h - integers of as many bytes as they need: seven bits a byte, the lowest first, the eighth says that more
 * follow (LEB128). */
#ifndef BASE_VARINT_H
#define BASE_VARINT_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

#define VARINT_SIZE_MAX 10 /* bytes of one */

static inline void buffer_add_varint(struct buffer *b, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        buffer_add_byte(b, (uint8_t)(value | 0x80));
    buffer_add_byte(b, (uint8_t)value);
}

/* Integers with a sign, small ones of either in few bytes. */
static inline uint64_t varint_zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

static inline int64_t varint_unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

/* Take one from *at on, which moves behind it. False: there is none that ends before `end` and fits. */
static inline bool varint_take(uint64_t *value, const uint8_t **at, const uint8_t *end)
{
    const uint8_t *byte = *at;

    *value = 0;
    for (unsigned shift = 0; byte < end && shift < 64; shift += 7) {
        uint64_t part = *byte & 0x7fu;

        if (shift == 63 && part > 1)
            return false;
        *value |= part << shift;
        if (!(*byte++ & 0x80)) {
            *at = byte;
            return true;
        }
    }
    return false;
}

#endif
