/* arrivals.h - entries on their way to a journal or a builder, in their order, while contents of theirs have tickets
 * instead of rows (blob_writer_finish()). Where no content has, they go straight through.
 */
#ifndef IMPORT_ARRIVALS_H
#define IMPORT_ARRIVALS_H

#include "db/blob_writer.h"
#include "import/journal.h"

struct arrivals;

/* Where they go: each record once, with its content's row and digest. The texts are borrowed. */
typedef int (*arrivals_goal)(void *arg, const struct journal_record *record, struct error *err);

/* The writer is borrowed. NULL: out of memory. */
struct arrivals *arrivals_new(struct blob_writer *writer, arrivals_goal goal, void *arg);
void arrivals_free(struct arrivals *arrivals);

/* The next one; all of it is copied, and its content may be a ticket. Settles the writer when it is full, or too many
 * wait. */
int arrivals_add(struct arrivals *arrivals, const struct journal_record *record, struct error *err);

/* Settle the writer: all have arrived then. */
int arrivals_settle(struct arrivals *arrivals, struct error *err);

#endif
