/* plain.h - an input's bytes as they were before somebody compressed them, with their digest. They are read, and
 * compression is undone, ahead of who asks for them, in a thread of its own.
 */
#ifndef IMPORT_PLAIN_H
#define IMPORT_PLAIN_H

#include "base/digest.h"
#include "import/input.h"

struct plain;

/* The input is borrowed; nobody else touches it (but for its name) until plain_close(). More than `size_max` bytes are
 * an error: a few kilobytes can be compressed petabytes. */
int plain_open(struct plain **plain, struct input *input, uint64_t size_max, struct error *err);
void plain_close(struct plain *plain);

/* Before bytes are waited for longer than a moment, plain_next() calls `hook`. */
void plain_before_wait(struct plain *plain, int (*hook)(void *arg, struct error *err), void *arg);

/* The next bytes, borrowed until the next call; 0 at the end. -EBADMSG: broken, cut short, or too many. */
ssize_t plain_next(const void **bytes, struct plain *plain, struct error *err);

/* At the end: the digest of all bytes. May be asked for once. */
void plain_digest(struct digest *digest, struct plain *plain);

/* Bytes given out so far, how much of the input they were, and whether the last 512 of them are zeros. */
uint64_t plain_size(const struct plain *plain);
uint64_t plain_position(const struct plain *plain);
bool plain_ends_in_zeros(const struct plain *plain);

/* Was the last byte given out? Did the input end, so that what is broken may only be cut short? */
bool plain_is_done(const struct plain *plain);
bool plain_at_end(const struct plain *plain);

#endif
