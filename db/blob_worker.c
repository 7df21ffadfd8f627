/* blob_worker.c - a ring of pieces: given, done, taken back. */
#include "db/blob_worker.h"

#include "base/thread.h"

#include <stdlib.h>

struct blob_worker {
    struct store *store;
    struct sha256 *sha; /* of the content that comes in pieces, between them */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct blob_piece *pieces[BLOB_PIECES_MAX];
    uint64_t given, done, taken; /* counted since the beginning */
    bool ends;
};

/* --- Working ------------------------------------------------------------------------------------------------------ */

static void work(struct blob_worker *worker, struct blob_piece *piece)
{
    struct blob_large *content = piece->content;

    piece->failed = 0;
    if (piece->task != BLOB_WRITE)
        sha256_add(worker->sha, piece->bytes, piece->size);
    if (piece->task == BLOB_HASH || piece->task == BLOB_END)
        sha256_final(&content->digest, worker->sha);
    if (piece->task == BLOB_WRITE)
        piece->failed = blob_file_write_whole(&content->file, worker->store, piece->bytes, piece->size);
    else if (piece->task != BLOB_HASH)
        piece->failed = blob_file_write(&content->file, piece->bytes, piece->size);
    if (piece->failed == 0 && piece->task == BLOB_END)
        piece->failed = blob_file_seal(&content->file);
}

static void *run(void *arg)
{
    struct blob_worker *worker = arg;

    pthread_mutex_lock(&worker->mutex);
    for (;;) {
        while (worker->done == worker->given && !worker->ends)
            pthread_cond_wait(&worker->changed, &worker->mutex);
        if (worker->done == worker->given)
            break;
        struct blob_piece *piece = worker->pieces[worker->done % BLOB_PIECES_MAX];
        pthread_mutex_unlock(&worker->mutex);
        work(worker, piece);
        pthread_mutex_lock(&worker->mutex);
        worker->done++;
        pthread_cond_signal(&worker->changed);
    }
    pthread_mutex_unlock(&worker->mutex);
    return NULL;
}

/* --- Giving and taking -------------------------------------------------------------------------------------------- */

struct blob_worker *blob_worker_new(struct store *store)
{
    struct blob_worker *worker = calloc(1, sizeof *worker);

    if (!worker)
        return NULL;
    worker->store = store;
    pthread_mutex_init(&worker->mutex, NULL);
    pthread_cond_init(&worker->changed, NULL);
    worker->sha = sha256_new();
    if (worker->sha && thread_start(&worker->thread, "blobs", run, worker) == 0)
        return worker;
    sha256_free(worker->sha);
    free(worker);
    return NULL;
}

void blob_worker_free(struct blob_worker *worker)
{
    if (!worker)
        return;
    pthread_mutex_lock(&worker->mutex);
    worker->ends = true;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
    pthread_join(worker->thread, NULL);
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->mutex);
    sha256_free(worker->sha);
    free(worker);
}

void blob_worker_give(struct blob_worker *worker, struct blob_piece *piece)
{
    pthread_mutex_lock(&worker->mutex);
    worker->pieces[worker->given++ % BLOB_PIECES_MAX] = piece;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
}

struct blob_piece *blob_worker_take(struct blob_worker *worker, bool wait)
{
    struct blob_piece *piece = NULL;

    pthread_mutex_lock(&worker->mutex);
    while (wait && worker->taken == worker->done && worker->done < worker->given)
        pthread_cond_wait(&worker->changed, &worker->mutex);
    if (worker->taken < worker->done)
        piece = worker->pieces[worker->taken++ % BLOB_PIECES_MAX];
    pthread_mutex_unlock(&worker->mutex);
    return piece;
}
