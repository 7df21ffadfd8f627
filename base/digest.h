/* digest.h - SHA-256 digests: computing, comparing, and their hexadecimal text. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define DIGEST_SIZE 32
#define DIGEST_HEX_SIZE (2 * DIGEST_SIZE + 1) /* with the terminating NUL */

struct digest {
    uint8_t bytes[DIGEST_SIZE];
};

static inline bool digest_equal(const struct digest *a, const struct digest *b)
{
    return memcmp(a->bytes, b->bytes, DIGEST_SIZE) == 0;
}

/* A SHA-256 computation that can be used again and again; not to be shared between threads. */
struct sha256;

/* Returns NULL only when memory is out. */
struct sha256 *sha256_new(void);
void sha256_free(struct sha256 *sha);

/* Start anew, add bytes, finish. After sha256_final() the object is ready for the next message. */
void sha256_add(struct sha256 *sha, const void *bytes, size_t size);
void sha256_final(struct digest *out, struct sha256 *sha);

/* The digest of one piece of memory; sha must hold no unfinished message. */
void sha256_of(struct digest *out, struct sha256 *sha, const void *bytes, size_t size);

/* Lower-case hexadecimal of size bytes into out, which holds 2 * size + 1 characters. */
void hex_encode(char *out, const void *bytes, size_t size);

/* size bytes from exactly 2 * size hexadecimal digits (either case). False when the text is anything else. */
bool hex_decode(void *out, size_t size, const char *text, size_t length);

#endif
