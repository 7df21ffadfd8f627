/* siphash.h - SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed check of short messages, 64 bits wide. */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define SIPHASH_KEY_SIZE 16

struct siphash_key {
    uint64_t k0, k1;
};

/* The key from its 16 bytes (little-endian words, as in the paper). */
struct siphash_key siphash_key_load(const uint8_t bytes[SIPHASH_KEY_SIZE]);

/* Some 20 ns for the 24 bytes of a file handle. */
uint64_t siphash(const struct siphash_key *key, const void *message, size_t size);

#endif
