/* blob_file.h - inside db: the file of a large blob, from its first byte to its name.
 *
 * A file is written aside, under a name of its own in blobs/ and locked, so that any number of writers work beside each
 * other; what nobody holds a lock on is a killed writer's, and goes when the next one begins. It gets its name when it
 * is whole and durable. Zeros take no room: blocks of them become holes.
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
    struct store *store;
    int fd; /* -1: there is none */
    uint64_t size;
    char aside[sizeof "blobs/new-0123456789abcdef"]; /* relative to the store's directory */
};

/* A new file aside. Ends the open batch, as writing and sealing do: all three may take long, and others would wait. */
int blob_file_begin(struct blob_file *file, struct store *store, struct error *err);

/* Append. Whole blocks of zeros are found where each call but the last brings a multiple of BLOB_FILE_BLOCK bytes. */
int blob_file_write(struct blob_file *file, const void *bytes, size_t size, struct error *err);

/* It is whole: make its content durable. */
int blob_file_seal(struct blob_file *file, struct error *err);

/* Give a sealed file its name, durably; under the write lock, so that a row can follow. It is closed then. */
int blob_file_keep(struct blob_file *file, const struct digest *digest, struct error *err);

/* Away with it, if there is one. */
void blob_file_drop(struct blob_file *file);

/* In blob.c: what was written is all of the content of this digest. Where the store has it already, the file goes; else
 * it is sealed, kept, and gets its row. Either way, and on an error too, the file is done with. */
int blob_adopt(int64_t *id, struct store *store, const struct digest *digest, struct blob_file *file,
               struct error *err);

#endif
