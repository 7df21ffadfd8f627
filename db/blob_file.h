/* blob_file.h - inside db: the file of a large blob, from its first byte to its name.
 *
 * A file is written aside, under a name of its own in blobs/ and locked, so that any number of writers work beside each
 * other; what nobody holds a lock on is a killed writer's, and goes when the next one begins. It gets its name when it
 * is whole and durable, and its row when its name is; it stays locked until then. Zeros take no room: blocks of them
 * become holes.
 */
#ifndef DB_BLOB_FILE_H
#define DB_BLOB_FILE_H

#include "base/digest.h"
#include "base/error.h"
#include "db/store.h"

#define BLOB_PATH_SIZE (sizeof "blobs/ab/" + DIGEST_HEX_SIZE)
#define BLOB_FILE_BLOCK 4096u /* bytes: what a hole is made of */

/* Where a blob's file stands, relative to the store's directory. */
void blob_path(char out[BLOB_PATH_SIZE], const struct digest *digest);

struct blob_file {
    struct store *store; /* only its directory is of interest */
    int fd;              /* -1: there is none */
    uint64_t size;
    char aside[sizeof "blobs/new-0123456789abcdef"]; /* relative to the store's directory; "": it has its name */
};

/* Before the first file of a connection: directories, and what killed writers left. Ends the open batch. */
int blob_files_prepare(struct store *store, struct error *err);

/* The four that follow may be called in any thread, and return 0 or a negative errno: blob_file_failed() tells people.
 */

/* A new file aside. */
int blob_file_begin(struct blob_file *file, struct store *store);

/* Append. Whole blocks of zeros are found where each call but the last brings a multiple of BLOB_FILE_BLOCK bytes. */
int blob_file_write(struct blob_file *file, const void *bytes, size_t size);

/* It is whole. The disk begins to write it, and nobody waits for that. */
int blob_file_seal(struct blob_file *file);

/* All three, where the bytes are all there. */
int blob_file_write_whole(struct blob_file *file, struct store *store, const void *bytes, size_t size);

/* What one of those returned, as an error. */
int blob_file_failed(struct store *store, int result, struct error *err);

/* Away with it, if there is one that has not been named; else it is only closed. */
void blob_file_drop(struct blob_file *file);

/* A large content on its way. */
struct blob_large {
    struct blob_file file; /* none, if nothing was written of it, or it is done with */
    struct digest digest;
    int failed; /* a negative errno: it could not be written */
    int64_t id; /* of its row; 0: it has none yet */
};

/* Make sealed files durable and name them, durably: two syncs for all of them. Those without a file are passed over.
 * Ends the open batch: this may take long. */
int blob_files_keep(struct blob_large *all, size_t count, struct store *store, struct error *err);

/* gc: unlink files of contents that have no row, and what killed writers left. `removed` is told of each, and how many
 * bytes of the disk it had; its non-zero value ends the visit. */
int blob_files_collect(struct store *store, int (*removed)(void *arg, uint64_t bytes), void *arg, struct error *err);

/* In blob.c: is there a blob of this digest? 1 and its id, or 0. */
int blob_lookup(int64_t *id, struct store *store, const struct digest *digest, struct error *err);

/* In blob.c: a content of this size was there already; for blob_tally(). */
void blob_count_known(struct store *store, uint64_t size);

/* In blob.c: give each that has a file its row. Of what the store has by now, the file goes; the others are kept. On an
 * error, too, all files are done with. */
int blob_adopt(struct blob_large *all, size_t count, struct store *store, struct error *err);

#endif
