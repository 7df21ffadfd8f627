/* input.h - the bytes of a file, of a part of one, or of standard input, with a look ahead: what a source is has to be
 * told by its first bytes, and they must not be lost where nothing can be read twice.
 */
#ifndef IMPORT_INPUT_H
#define IMPORT_INPUT_H

#include "base/digest.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define INPUT_BLOCK 262144u /* bytes read at once: fits the second-level cache */

struct input;

/* "-" is standard input. */
int input_open(struct input **input, const char *path, struct error *err);

/* From an open file, which is the input's from now on (also when this fails). `name` is for messages; it is copied. */
int input_open_fd(struct input **input, int fd, const char *name, struct error *err);

/* `size` bytes at `offset` of an open file, whose position is neither used nor moved. The rest is as above. Where the
 * file ends before, that is an error. */
int input_open_extent(struct input **input, int fd, uint64_t offset, uint64_t size, const char *name,
                      struct error *err);

/* Go on with the bytes of an extent, from position 0, instead of what is left. Name and hook stay. */
void input_restart(struct input *input, int fd, uint64_t offset, uint64_t size);

void input_close(struct input *input);

/* For messages: the path as it was given, or "<stdin>". */
const char *input_name(const struct input *input);

/* Was it opened as "-"? Then its name is no file's. */
bool input_is_stdin(const struct input *input);

/* All that was read and not yet skipped, which is `size` bytes at least, unless the input ends before. The bytes are
 * borrowed until the next call. */
ssize_t input_peek(const uint8_t **bytes, struct input *input, size_t size, struct error *err);

/* Go on behind the first `size` bytes of those. */
void input_skip(struct input *input, size_t size);

/* Before bytes are waited for that somebody has not written yet, `hook` is called. */
void input_before_wait(struct input *input, int (*hook)(void *arg, struct error *err), void *arg);

/* What is read from; still the input's. */
int input_fd(const struct input *input);

/* Bytes skipped so far. */
uint64_t input_position(const struct input *input);

/* What was not skipped yet, as an extent, where it lies in a regular file; the fd is borrowed. */
bool input_extent(int *fd, uint64_t *offset, uint64_t *size, const struct input *input);

/* Before anything was read: take the digest of all bytes, in a thread of its own. */
int input_hash(struct input *input, struct error *err);

/* How many bytes there are from position 0 on, where they lie in a regular file; else 0. */
uint64_t input_size(const struct input *input);

/* Read what is left, and give the digest of all. Once. */
int input_digest(struct digest *digest, struct input *input, struct error *err);

#endif
