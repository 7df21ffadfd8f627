/* blob.h - contents of files, named by the SHA-256 of their raw bytes.
 *
 * Up to BLOB_INLINE_MAX bytes a blob is a row; above, a read-only file blobs/ab/<hex>, durable before a row names it.
 */
#ifndef DB_BLOB_H
#define DB_BLOB_H

#include "base/digest.h"
#include "base/error.h"
#include "db/store.h"

#include <sys/types.h>

#define BLOB_INLINE_MAX 65536 /* bytes */

/* Put content into the store (part of the open batch; a large one that is new ends it first, since its file is written
 * while nobody waits for the lock; blob_writer.h has the same for contents that come piece by piece). Bytes that are
 * there already cost one look-up. */
int blob_put(int64_t *id, struct digest *digest, struct store *store, const void *bytes, size_t size,
             struct error *err);

/* What was put through a connection so far: contents that were new, and those that were there. */
struct blob_tally {
    uint64_t added, added_bytes;
    uint64_t known, known_bytes;
};

const struct blob_tally *blob_tally(const struct store *store);

struct blob {
    int64_t id;
    struct digest digest;
    uint64_t size; /* bytes */
    bool in_file;  /* content is in blobs/, else in the row */
};

/* What is known of a blob. -ENOENT: there is no such blob (err is not filled). */
int blob_find(struct blob *blob, struct store *store, int64_t id, struct error *err);

/* The same by digest. -ENOENT as above. */
int blob_find_digest(struct blob *blob, struct store *store, const struct digest *digest, struct error *err);

/* The first byte, not below `from`, that the digest of some blob begins with; -ENOENT: there is none (err not filled).
 * One look-up. */
int blob_next_prefix(uint8_t *prefix, struct store *store, uint8_t from, struct error *err);

/* Visit the blobs whose digests begin with this byte and that are not lost, by rising id, those after `after`. A
 * visitor's non-zero value ends the visit. Beginning costs a look at the digests of all of them: 1/256 of the store's.
 */
int blob_visit(struct store *store, uint8_t prefix, int64_t after, int (*visit)(void *arg, const struct blob *blob),
               void *arg, struct error *err);

/* Read up to `size` bytes at `offset`; returns how many (0 at or behind the end), or a negative errno. For blobs in
 * rows an incremental handle is kept open, which is an open read transaction: see blob_rest(). */
ssize_t blob_read(void *out, struct store *store, const struct blob *blob, uint64_t offset, size_t size,
                  struct error *err);

/* Close the incremental handle that blob_read keeps. A server's worker calls this before it sleeps. */
void blob_rest(struct store *store);

/* A new read-only fd on the file of a blob that is in a file, or a negative errno. The caller closes it. */
int blob_open(struct store *store, const struct blob *blob, struct error *err);

#endif
