/* plain.h - an input's bytes as they were before somebody compressed them (gzip, zstd, xz, bzip2; told by content),
 * with their digest.
 */
#ifndef IMPORT_PLAIN_H
#define IMPORT_PLAIN_H

#include "base/digest.h"
#include "import/input.h"

struct plain;

/* The input is borrowed. More than `size_max` bytes are an error: a few kilobytes can be compressed petabytes. */
int plain_open(struct plain **plain, struct input *input, uint64_t size_max, struct error *err);
void plain_close(struct plain *plain);

/* The next bytes, borrowed until the next call; 0 at the end. -EBADMSG: broken, cut short, or too many. */
ssize_t plain_next(const void **bytes, struct plain *plain, struct error *err);

/* At the end: the digest of all bytes. May be asked for once. */
void plain_digest(struct digest *digest, struct plain *plain);

/* Bytes given out so far, and whether the last 512 of them are zeros. */
uint64_t plain_size(const struct plain *plain);
bool plain_ends_in_zeros(const struct plain *plain);

/* Was the last byte given out? Did the input end, so that what is broken may only be cut short? */
bool plain_is_done(const struct plain *plain);
bool plain_at_end(const struct plain *plain);

/* Look at the first `size` bytes without skipping anything of the input. Fewer: there are no more, or it is broken.
 * *is_packed: it is compressed by something else than gzip, which no frame is. */
ssize_t plain_peek(uint8_t *out, bool *is_packed, struct input *input, size_t size, struct error *err);

#endif
