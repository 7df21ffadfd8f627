/* gunzip.h - what is behind gzip, by zlib.
 *
 * libarchive's gzip does not look at the checksum, and gives out nothing of a block that is cut short. Several members
 * are one content, and what follows the last member (some senders add a newline) is ignored.
 */
#ifndef IMPORT_GUNZIP_H
#define IMPORT_GUNZIP_H

#include "import/input.h"

struct gunzip;

/* Do bytes begin as gzip does? */
bool gunzip_likes(const uint8_t *bytes, size_t size);

/* The input is borrowed, and stands at the first member. NULL: out of memory. */
struct gunzip *gunzip_new(struct input *input);
void gunzip_free(struct gunzip *gunzip);

/* Up to `size` bytes; 0: that was all. Where the data is broken (-EBADMSG) only *why is filled: the caller knows where
 * that is. */
ssize_t gunzip_read(void *out, const char **why, struct gunzip *gunzip, size_t size, struct error *err);

/* At the end: did it come in the middle of a member? */
bool gunzip_is_cut_short(const struct gunzip *gunzip);

/* The first bytes behind those that are there, at most `size`: for looking ahead. */
size_t gunzip_begin(uint8_t *out, size_t size, const uint8_t *bytes, size_t bytes_size);

#endif
