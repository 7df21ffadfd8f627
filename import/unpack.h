/* unpack.h - compression undone (gzip, zstd, xz, bzip2; told by content), in the thread of whoever asks: plain.h has it
 * done ahead.
 */
#ifndef IMPORT_UNPACK_H
#define IMPORT_UNPACK_H

#include "import/input.h"

struct unpack;

/* The input is borrowed, and stands at its first byte. */
int unpack_open(struct unpack **unpack, struct input *input, struct error *err);
void unpack_close(struct unpack *unpack);

/* Up to `size` of the next bytes; 0: that was all. -EBADMSG: broken, or cut short. */
ssize_t unpack_read(void *out, struct unpack *unpack, size_t size, struct error *err);

/* Did the input end, so that what is broken may only be cut short? */
bool unpack_at_end(const struct unpack *unpack);

/* Look at the first `size` bytes without skipping anything of the input. Fewer: there are no more, or it is broken.
 * *is_packed: it is compressed by something else than gzip, which no frame is. */
ssize_t unpack_peek(uint8_t *out, bool *is_packed, struct input *input, size_t size, struct error *err);

#endif
