/* rpmdb.h - rpm's database as it is since rpm 4.16, an SQLite file: headers of packages, and tables to find them by.
 *
 * SQLite itself reads and writes it, in memory: whose file it is decides nothing else of this program.
 */
#ifndef IMPORT_RPMDB_H
#define IMPORT_RPMDB_H

#include "base/buffer.h"
#include "base/error.h"

#include <stddef.h>

#define RPMDB_PACKAGES_MAX 131072u /* of one database that is read: as many records as a veneer takes of a type */

/* Append the database of headers that stand one behind the other (rpm_header_add), in their order. It is not in WAL
 * mode. The same headers give the same bytes: pages are set up by settings that are given here, and SQLite leaves its
 * version and its change counter out of what never was a file. */
int rpmdb_make(struct buffer *out, const struct buffer *headers, struct error *err);

/* Visit the header of each package of a database that somebody hostile may have written. `file` is changed: the
 * committed part of its write-ahead log `wal` (none: empty) is put into it, at most up to `max` bytes. 0; what
 * `visit` ended it with; -EBADMSG: it is none, or damaged (after what was visited); or another negative errno. */
int rpmdb_visit(struct buffer *file, const struct buffer *wal, size_t max,
                int (*visit)(void *arg, const void *header, size_t size), void *arg);

#endif
