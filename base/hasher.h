/* hasher.h - SHA-256 beside other work: in a thread of its own, while the caller does something else with the bytes. */
#ifndef BASE_HASHER_H
#define BASE_HASHER_H

#include "base/digest.h"

#define HASHER_PIECES_MAX 4 /* that wait to be hashed, or are being */

struct hasher;

/* NULL: out of memory, or of threads. */
struct hasher *hasher_new(void);
void hasher_free(struct hasher *hasher);

/* The next bytes, which must stay as they are until they are hashed: when this returns, at most HASHER_PIECES_MAX
 * pieces are not, these included. */
void hasher_add(struct hasher *hasher, const void *bytes, size_t size);

/* Until all bytes are hashed. */
void hasher_wait(struct hasher *hasher);

/* The digest of all bytes; waits for the last ones. */
void hasher_final(struct digest *digest, struct hasher *hasher);

#endif
