/* hasher.c - a short queue of pieces. */
#include "base/hasher.h"

#include "base/thread.h"

#include <stdlib.h>

struct piece {
    const void *bytes;
    size_t size;
};

struct hasher {
    struct sha256 *sha;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct piece pieces[HASHER_PIECES_MAX];
    uint64_t added, hashed; /* pieces, since the beginning */
    uint64_t awaited;       /* hashed pieces that somebody waits for, who is not woken for fewer */
    bool ends;
};

static void *run(void *arg)
{
    struct hasher *hasher = arg;

    pthread_mutex_lock(&hasher->mutex);
    for (;;) {
        while (hasher->hashed == hasher->added && !hasher->ends)
            pthread_cond_wait(&hasher->changed, &hasher->mutex);
        if (hasher->hashed == hasher->added)
            break;
        struct piece piece = hasher->pieces[hasher->hashed % HASHER_PIECES_MAX];
        pthread_mutex_unlock(&hasher->mutex);
        sha256_add(hasher->sha, piece.bytes, piece.size);
        pthread_mutex_lock(&hasher->mutex);
        if (++hasher->hashed == hasher->awaited)
            pthread_cond_signal(&hasher->changed);
    }
    pthread_mutex_unlock(&hasher->mutex);
    return NULL;
}

struct hasher *hasher_new(void)
{
    struct hasher *hasher = calloc(1, sizeof *hasher);

    if (!hasher)
        return NULL;
    pthread_mutex_init(&hasher->mutex, NULL);
    pthread_cond_init(&hasher->changed, NULL);
    hasher->sha = sha256_new();
    if (hasher->sha && thread_start(&hasher->thread, "hasher", run, hasher) == 0)
        return hasher;
    sha256_free(hasher->sha);
    free(hasher);
    return NULL;
}

void hasher_free(struct hasher *hasher)
{
    if (!hasher)
        return;
    pthread_mutex_lock(&hasher->mutex);
    hasher->ends = true;
    pthread_cond_signal(&hasher->changed);
    pthread_mutex_unlock(&hasher->mutex);
    pthread_join(hasher->thread, NULL);
    pthread_cond_destroy(&hasher->changed);
    pthread_mutex_destroy(&hasher->mutex);
    sha256_free(hasher->sha);
    free(hasher);
}

/* Under the mutex: until so many pieces are hashed. */
static void wait_for(struct hasher *hasher, uint64_t pieces)
{
    hasher->awaited = pieces;
    while (hasher->hashed < pieces)
        pthread_cond_wait(&hasher->changed, &hasher->mutex);
    hasher->awaited = 0;
}

void hasher_add(struct hasher *hasher, const void *bytes, size_t size)
{
    pthread_mutex_lock(&hasher->mutex);
    /* Who has to wait waits for half of them: each waking costs. */
    if (hasher->added - hasher->hashed == HASHER_PIECES_MAX)
        wait_for(hasher, hasher->added - HASHER_PIECES_MAX / 2);
    hasher->pieces[hasher->added % HASHER_PIECES_MAX] = (struct piece){bytes, size};
    if (hasher->added++ == hasher->hashed)
        pthread_cond_signal(&hasher->changed);
    pthread_mutex_unlock(&hasher->mutex);
}

void hasher_wait(struct hasher *hasher)
{
    pthread_mutex_lock(&hasher->mutex);
    wait_for(hasher, hasher->added);
    pthread_mutex_unlock(&hasher->mutex);
}

void hasher_final(struct digest *digest, struct hasher *hasher)
{
    hasher_wait(hasher);
    sha256_final(digest, hasher->sha);
}
