/* spool.h - a temporary file that is written at its end and read by offset.
 *
 * While a frame is read nothing may reach the store, since its last line may turn out to be bad; and memory must not
 * grow with what the frame holds. So contents wait in a spool. It lies in the store's directory, on the disk that will
 * hold them anyway, and has no name, so nothing of it outlives the process. A small one never leaves memory.
 */
#ifndef IMPORT_SPOOL_H
#define IMPORT_SPOOL_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct spool;

/* `directory` is borrowed as long as the spool lives. NULL: out of memory. */
struct spool *spool_new(const char *directory);
void spool_free(struct spool *spool);

/* How much was written: the offset of what comes next. */
uint64_t spool_size(const struct spool *spool);

int spool_add(struct spool *spool, const void *bytes, size_t size, struct error *err);

/* Read bytes that were written. */
int spool_read(void *out, struct spool *spool, uint64_t offset, size_t size, struct error *err);

/* Bytes that were written, where they lie: for looking at small parts again and again, which costs no system call then.
 * Valid until the next call on the spool; NULL: see err. */
const uint8_t *spool_view(struct spool *spool, uint64_t offset, size_t size, struct error *err);

/* Forget everything. */
int spool_clear(struct spool *spool, struct error *err);

#endif
