/* plain.h - an input's bytes as they were before somebody compressed them (gzip, zstd, xz, bzip2; told by content),
 * with their digest.
 */
#ifndef IMPORT_PLAIN_H
#define IMPORT_PLAIN_H

#include "base/digest.h"
#include "db/store.h"
#include "import/input.h"

struct plain;

/* The input is borrowed. More than `size_max` bytes are an error: a few kilobytes can be compressed petabytes. Before
 * anybody's bytes are waited for, the batch of `store` is ended, so that nobody waits for the lock meanwhile. */
int plain_open(struct plain **plain, struct input *input, struct store *store, uint64_t size_max, struct error *err);
void plain_close(struct plain *plain);

/* The next bytes, borrowed until the next call; 0 at the end. -EBADMSG: broken, cut short, or too many. */
ssize_t plain_next(const void **bytes, struct plain *plain, struct error *err);

/* At the end: the digest of all bytes. May be asked for once. */
void plain_digest(struct digest *digest, struct plain *plain);

/* Bytes given out so far, and whether the last 512 of them are zeros. */
uint64_t plain_size(const struct plain *plain);
bool plain_ends_in_zeros(const struct plain *plain);

/* Did the input end (whether it should or not)? */
bool plain_at_end(const struct plain *plain);

/* Look at the first `size` bytes without skipping anything of the input. Fewer: there are no more, or it is broken. */
ssize_t plain_peek(uint8_t *out, struct input *input, size_t size, struct error *err);

#endif
