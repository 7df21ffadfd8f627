/* hasher.c - one piece is handed over at a time. */
#include "import/hasher.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct hasher {
    struct sha256 *sha;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    const void *bytes; /* being hashed; NULL: nothing is */
    size_t size;
    bool ends;
};

static void *run(void *arg)
{
    struct hasher *hasher = arg;

    pthread_mutex_lock(&hasher->mutex);
    for (;;) {
        while (!hasher->bytes && !hasher->ends)
            pthread_cond_wait(&hasher->changed, &hasher->mutex);
        if (!hasher->bytes)
            break;
        pthread_mutex_unlock(&hasher->mutex);
        sha256_add(hasher->sha, hasher->bytes, hasher->size);
        pthread_mutex_lock(&hasher->mutex);
        hasher->bytes = NULL;
        pthread_cond_signal(&hasher->changed);
    }
    pthread_mutex_unlock(&hasher->mutex);
    return NULL;
}

/* Signals are the main thread's. */
static int start(struct hasher *hasher)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&hasher->thread, NULL, run, hasher);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

struct hasher *hasher_new(void)
{
    struct hasher *hasher = calloc(1, sizeof *hasher);

    if (!hasher)
        return NULL;
    pthread_mutex_init(&hasher->mutex, NULL);
    pthread_cond_init(&hasher->changed, NULL);
    hasher->sha = sha256_new();
    if (hasher->sha && start(hasher) == 0)
        return hasher;
    sha256_free(hasher->sha);
    free(hasher);
    return NULL;
}

void hasher_free(struct hasher *hasher)
{
    if (!hasher)
        return;
    hasher_wait(hasher);
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

void hasher_add(struct hasher *hasher, const void *bytes, size_t size)
{
    hasher_wait(hasher);
    pthread_mutex_lock(&hasher->mutex);
    hasher->bytes = bytes;
    hasher->size = size;
    pthread_cond_signal(&hasher->changed);
    pthread_mutex_unlock(&hasher->mutex);
}

void hasher_wait(struct hasher *hasher)
{
    pthread_mutex_lock(&hasher->mutex);
    while (hasher->bytes)
        pthread_cond_wait(&hasher->changed, &hasher->mutex);
    pthread_mutex_unlock(&hasher->mutex);
}

void hasher_final(struct digest *digest, struct hasher *hasher)
{
    hasher_wait(hasher);
    sha256_final(digest, hasher->sha);
}
