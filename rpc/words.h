/* words.h - XDR words and opaque bodies (RFC 4506): taking them out of a record, never past its end and without a copy;
 * and putting them into a reply, whose room the caller has seen to. */
#ifndef RPC_WORDS_H
#define RPC_WORDS_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>

struct words {
    const uint8_t *at, *end;
};

static inline bool words_take(uint32_t *value, struct words *words)
{
    if (words->end - words->at < 4)
        return false;
    *value = get_be32(words->at);
    words->at += 4;
    return true;
}

/* opaque<max>: a length, that many bytes, zeros up to a multiple of four. */
static inline bool words_take_opaque(const uint8_t **body, uint32_t *size, struct words *words, uint32_t max)
{
    if (!words_take(size, words) || *size > max)
        return false;
    size_t padded = ((size_t)*size + 3) & ~(size_t)3;
    if ((size_t)(words->end - words->at) < padded)
        return false;
    *body = words->at;
    words->at += padded;
    return true;
}

static inline bool words_take64(uint64_t *value, struct words *words)
{
    if (words->end - words->at < 8)
        return false;
    *value = get_be64(words->at);
    words->at += 8;
    return true;
}

/* Each returns where the next one goes. */
static inline uint8_t *put_word(uint8_t *p, uint32_t value)
{
    put_be32(p, value);
    return p + 4;
}

static inline uint8_t *put_word64(uint8_t *p, uint64_t value)
{
    put_be64(p, value);
    return p + 8;
}

/* The zeros behind `size` bytes of an opaque body. */
static inline uint8_t *put_padding(uint8_t *p, size_t size)
{
    size_t pad = -size & 3;

    memset(p, 0, pad);
    return p + pad;
}

static inline uint8_t *put_opaque(uint8_t *p, const void *bytes, uint32_t size)
{
    p = put_word(p, size);
    memcpy(p, bytes, size);
    return put_padding(p + size, size);
}

#endif
