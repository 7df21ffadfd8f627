/* wal.h - the write-ahead log beside an SQLite database (sqlite.org/fileformat2.html, section 4), where the database
 * is read from outside and must not be opened: a connection would write to it.
 */
#ifndef IMPORT_WAL_H
#define IMPORT_WAL_H

#include "base/buffer.h"

#include <stddef.h>

/* Put what the log has committed into the database's file, and have the file say that it has no log any more. A log
 * that is empty, damaged at its beginning or another's has committed nothing; a damaged frame ends it. 0; -EBADMSG:
 * the file is no database; -EFBIG: it would have more than `max` bytes; -ENOMEM. */
int wal_apply(struct buffer *file, const struct buffer *wal, size_t max);

#endif
