/* hasher.h - SHA-256 beside other work: the digest of a source is taken in a thread of its own, while what the bytes
 * hold is read and stored.
 */
#ifndef IMPORT_HASHER_H
#define IMPORT_HASHER_H

#include "base/digest.h"

struct hasher;

/* NULL: out of memory, or of threads. */
struct hasher *hasher_new(void);
void hasher_free(struct hasher *hasher);

/* The next bytes, which must stay as they are until hasher_wait(). */
void hasher_add(struct hasher *hasher, const void *bytes, size_t size);
void hasher_wait(struct hasher *hasher);

/* The digest of all bytes; waits for the last ones. */
void hasher_final(struct digest *digest, struct hasher *hasher);

#endif
