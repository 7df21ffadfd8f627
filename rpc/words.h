/* words.h - taking XDR words and opaque bodies out of a record, never past its end and without a copy. */
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

#endif
