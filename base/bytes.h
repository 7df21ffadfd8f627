/* bytes.h - big-endian integers in byte strings, as canonical forms and handles hold them. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline void put_be16(uint8_t *p, uint16_t value)
{
    uint16_t be = htobe16(value);
    memcpy(p, &be, sizeof be);
}

static inline void put_be32(uint8_t *p, uint32_t value)
{
    uint32_t be = htobe32(value);
    memcpy(p, &be, sizeof be);
}

static inline void put_be64(uint8_t *p, uint64_t value)
{
    uint64_t be = htobe64(value);
    memcpy(p, &be, sizeof be);
}

static inline uint32_t get_be32(const uint8_t *p)
{
    uint32_t be;
    memcpy(&be, p, sizeof be);
    return be32toh(be);
}

static inline uint64_t get_be64(const uint8_t *p)
{
    uint64_t be;
    memcpy(&be, p, sizeof be);
    return be64toh(be);
}

#endif
