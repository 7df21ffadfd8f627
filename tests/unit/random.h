/* random.h - numbers that are the same in each run (xorshift64). */
#ifndef TESTS_UNIT_RANDOM_H
#define TESTS_UNIT_RANDOM_H

#include <stdint.h>

/* A first state; any number but 0 is one. */
#define RANDOM_SEED 88172645463325252ULL

static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state >> 20;
}

#endif
