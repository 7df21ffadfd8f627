/* blob_writer.h - contents whose size nobody knows beforehand, piece by piece.
 *
 *     while ((got = read(fd, piece, sizeof piece)) > 0)
 *         if (blob_writer_add(writer, piece, (size_t)got, err) < 0) …
 *     blob_writer_finish(&id, &digest, &size, writer, err);    id < 0: a ticket, and no digest
 *     …                                                        the same, until blob_writer_is_full()
 *     blob_writer_settle(writer, err);
 *     blob_writer_redeem(&id, &digest, writer);                for each ticket, before the next content begins
 *
 * Up to BLOB_INLINE_MAX bytes become a row at once, as by blob_put(). More are hashed, and if they are new written to a
 * file, by a thread, in flat memory, while the next contents come; and since a file has to be durable before a row
 * names it, which takes long, many are made so together. Nobody waits for a writer before it settles, and it may take
 * as long as it likes: any number of them may be in use.
 */
#ifndef DB_BLOB_WRITER_H
#define DB_BLOB_WRITER_H

#include "base/digest.h"
#include "base/error.h"
#include "db/store.h"

struct blob_writer;

int blob_writer_new(struct blob_writer **writer, struct store *store, struct error *err);

/* Nothing stays of contents that were not finished, or not settled. */
void blob_writer_free(struct blob_writer *writer);

/* The next bytes. After an error: give the content up, by blob_writer_drop() or blob_writer_free(). */
int blob_writer_add(struct blob_writer *writer, const void *bytes, size_t size, struct error *err);

/* Or without copying them: room for some, at least one, to be filled by the caller; and how many he filled. */
int blob_writer_reserve(void **room, size_t *size, struct blob_writer *writer, struct error *err);
void blob_writer_took(struct blob_writer *writer, size_t size);

/* What was added is all: put it into the store, as blob_put() does; for a large content *id is a ticket, and *digest is
 * not filled. Then, failed or not, the writer is ready for the next content. Not when it is full. */
int blob_writer_finish(int64_t *id, struct digest *digest, uint64_t *size, struct blob_writer *writer,
                       struct error *err);

/* Have so many contents tickets, or so large ones, that they must be settled? */
bool blob_writer_is_full(const struct blob_writer *writer);

/* All that have tickets are put into the store. On an error none may be counted on. May end the open batch. */
int blob_writer_settle(struct blob_writer *writer, struct error *err);

/* After that, before the next content begins: what a ticket stands for. Another id is left as it is. */
void blob_writer_redeem(int64_t *id, struct digest *digest, const struct blob_writer *writer);

/* Forget what was added; the writer is ready for the next content. */
void blob_writer_drop(struct blob_writer *writer);

#endif
