/* blob_worker.h - inside db: a thread that hashes and writes large contents while they are read.
 *
 * It is given pieces, and gives them back in the same order, when what it was asked to do is done. It never touches the
 * database.
 */
#ifndef DB_BLOB_WORKER_H
#define DB_BLOB_WORKER_H

#include "db/blob_file.h"

#define BLOB_PIECE_SIZE (1u << 20) /* bytes: whole contents, mostly; few of them keep a processor busy */
#define BLOB_PIECES_MAX 8          /* given at a time; more would not be faster, and take memory */
_Static_assert(BLOB_PIECE_SIZE % BLOB_FILE_BLOCK == 0, "holes are found block by block");

enum blob_task {
    BLOB_HASH,   /* the piece is a whole content */
    BLOB_WRITE,  /* write such a one to its file */
    BLOB_STREAM, /* one piece of a content: both; its file has begun */
    BLOB_END,    /* the last one */
};

struct blob_piece {
    uint8_t *bytes; /* BLOB_PIECE_SIZE of them */
    size_t size;    /* how many are filled */
    enum blob_task task;
    struct blob_large *content; /* digest and file are the worker's, from the first piece to the last */
    int failed;                 /* a negative errno: it could not be written */
};

struct blob_worker;

/* NULL: out of memory, or of threads. Files are made in the store's directory. */
struct blob_worker *blob_worker_new(struct store *store);

/* What was given is finished first. */
void blob_worker_free(struct blob_worker *worker);

/* Piece and content are the worker's until they are taken back. The pieces of a content come one after the other. */
void blob_worker_give(struct blob_worker *worker, struct blob_piece *piece);

/* The next piece that is done; NULL: there is none yet, or (where `wait`) none was given. */
struct blob_piece *blob_worker_take(struct blob_worker *worker, bool wait);

#endif
