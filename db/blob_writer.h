/* blob_writer.h - contents whose size nobody knows beforehand, piece by piece.
 *
 *     while ((got = read(fd, piece, sizeof piece)) > 0)
 *         if (blob_writer_add(writer, piece, (size_t)got, err) < 0) …
 *     blob_writer_finish(&id, &digest, &size, writer, err);
 *
 * Up to BLOB_INLINE_MAX bytes are gathered and become a row, as by blob_put(); more go to a file while they are hashed,
 * so memory stays flat. Nobody waits for a writer before it finishes, and it may take as long as it likes: any number
 * of them may be in use, and each piece of a large content ends the store's open batch.
 */
#ifndef DB_BLOB_WRITER_H
#define DB_BLOB_WRITER_H

#include "base/digest.h"
#include "base/error.h"
#include "db/store.h"

struct blob_writer;

int blob_writer_new(struct blob_writer **writer, struct store *store, struct error *err);

/* Nothing stays of a content that was not finished. */
void blob_writer_free(struct blob_writer *writer);

/* The next bytes. After an error: give the content up, by blob_writer_drop() or blob_writer_free(). */
int blob_writer_add(struct blob_writer *writer, const void *bytes, size_t size, struct error *err);

/* Put what was added into the store, as blob_put() does. Then, failed or not, the writer is ready for the next content.
 */
int blob_writer_finish(int64_t *id, struct digest *digest, uint64_t *size, struct blob_writer *writer,
                       struct error *err);

/* Forget what was added; the writer is ready for the next content. */
void blob_writer_drop(struct blob_writer *writer);

#endif
