/* plain.c - a ring of blocks: the thread ahead fills one after the other and has each hashed, who asks for bytes is
 * given one after the other. */
#include "import/plain.h"

#include "base/hasher.h"
#include "base/thread.h"
#include "import/unpack.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define BLOCKS 8         /* read ahead at most, but for the one in use: they fit the cache that processors share */
#define WAIT_NS 10000000 /* a moment: longer waits are for bytes that nobody has written yet */
#define TAIL_SIZE 512    /* bytes kept of the end */

struct block {
    uint8_t *bytes;    /* INPUT_BLOCK of them */
    ssize_t got;       /* how many are filled; 0 the end, negative what reading said */
    uint64_t position; /* in the input, behind them */
    bool at_end;       /* the input ended */
};

struct plain {
    struct input *input;
    struct unpack *unpack;
    struct hasher *hasher;
    struct block blocks[BLOCKS];
    struct error failed; /* where a block's `got` is negative; it is the last one */
    pthread_t thread;
    bool has_thread;
    int stop; /* an eventfd: who waits for the input waits no longer */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t filled, freed; /* blocks, since the beginning; under the mutex */
    bool stops;
    /* Whose bytes are asked for. */
    int (*hook)(void *arg, struct error *err); /* may be NULL */
    void *hook_arg;
    uint64_t given; /* blocks */
    uint64_t position, size, size_max;
    uint8_t tail[TAIL_SIZE];
    bool at_end, is_done;
};

/* --- Ahead -------------------------------------------------------------------------------------------------------- */

/* Before a read that has to wait: until there is something, or nobody wants it any more. */
static int wait_for_input(void *arg, struct error *err)
{
    const struct plain *plain = arg;
    struct pollfd fds[] = {{.fd = input_fd(plain->input), .events = POLLIN}, {.fd = plain->stop, .events = POLLIN}};

    while (poll(fds, 2, -1) < 0)
        if (errno != EINTR)
            return error_system(err, errno, "%s", input_name(plain->input));
    return fds[1].revents ? -ECANCELED : 0;
}

static void fill(struct block *block, struct plain *plain)
{
    block->got = unpack_read(block->bytes, plain->unpack, INPUT_BLOCK, &plain->failed);
    block->position = input_position(plain->input);
    block->at_end = unpack_at_end(plain->unpack);
    if (block->got > 0)
        hasher_add(plain->hasher, block->bytes, (size_t)block->got);
}

/* A block is filled again when it was given back and, as enough others came behind it, hashed. */
_Static_assert(BLOCKS > HASHER_PIECES_MAX, "what is filled again was hashed");

static void *read_ahead(void *arg)
{
    struct plain *plain = arg;
    ssize_t got = 1;

    pthread_mutex_lock(&plain->mutex);
    while (got > 0) {
        struct block *block = &plain->blocks[plain->filled % BLOCKS];

        while (plain->filled - plain->freed == BLOCKS && !plain->stops)
            pthread_cond_wait(&plain->changed, &plain->mutex);
        if (plain->stops)
            break;
        pthread_mutex_unlock(&plain->mutex);
        fill(block, plain);
        got = block->got;
        pthread_mutex_lock(&plain->mutex);
        plain->filled++;
        pthread_cond_signal(&plain->changed);
    }
    pthread_mutex_unlock(&plain->mutex);
    return NULL;
}

/* --- Opening ------------------------------------------------------------------------------------------------------ */

static bool make_blocks(struct plain *plain)
{
    for (size_t i = 0; i < BLOCKS; i++)
        if (!(plain->blocks[i].bytes = malloc(INPUT_BLOCK)))
            return false;
    return true;
}

static struct plain *make(struct input *input)
{
    struct plain *plain = calloc(1, sizeof *plain);
    pthread_condattr_t monotonic;

    if (!plain)
        return NULL;
    plain->input = input;
    pthread_mutex_init(&plain->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&plain->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    plain->stop = eventfd(0, EFD_CLOEXEC);
    plain->hasher = hasher_new();
    if (plain->stop >= 0 && plain->hasher && make_blocks(plain))
        return plain;
    plain_close(plain);
    return NULL;
}

int plain_open(struct plain **plain, struct input *input, uint64_t size_max, struct error *err)
{
    struct plain *p = make(input);
    int rc = p ? unpack_open(&p->unpack, input, err) : error_system(err, ENOMEM, "%s", input_name(input));

    if (rc == 0) {
        p->size_max = size_max;
        input_before_wait(input, wait_for_input, p);
        rc = -thread_start(&p->thread, "reader", read_ahead, p);
        p->has_thread = rc == 0;
        if (rc < 0)
            error_system(err, -rc, "%s", input_name(input));
    }
    if (rc < 0)
        plain_close(p);
    else
        *plain = p;
    return rc;
}

static void stop(struct plain *plain)
{
    static const uint64_t one = 1;

    pthread_mutex_lock(&plain->mutex);
    plain->stops = true;
    pthread_cond_signal(&plain->changed);
    pthread_mutex_unlock(&plain->mutex);
    while (write(plain->stop, &one, sizeof one) < 0 && errno == EINTR)
        ;
    pthread_join(plain->thread, NULL);
}

void plain_close(struct plain *plain)
{
    if (!plain)
        return;
    if (plain->has_thread)
        stop(plain);
    input_before_wait(plain->input, NULL, NULL);
    hasher_free(plain->hasher); /* before the blocks: it may be at work on one */
    unpack_close(plain->unpack);
    for (size_t i = 0; i < BLOCKS; i++)
        free(plain->blocks[i].bytes);
    if (plain->stop >= 0)
        close(plain->stop);
    pthread_cond_destroy(&plain->changed);
    pthread_mutex_destroy(&plain->mutex);
    free(plain);
}

void plain_before_wait(struct plain *plain, int (*hook)(void *arg, struct error *err), void *arg)
{
    plain->hook = hook;
    plain->hook_arg = arg;
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

/* Under the mutex: is there a block that was not given out yet? Waits for it a moment, or for ever. */
static bool wait_for_block(struct plain *plain, bool for_ever)
{
    struct timespec until;
    int rc = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += WAIT_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (plain->filled == plain->given && rc == 0)
        rc = for_ever ? pthread_cond_wait(&plain->changed, &plain->mutex)
                      : pthread_cond_timedwait(&plain->changed, &plain->mutex, &until);
    return plain->filled > plain->given;
}

/* The block that was given out last goes back; the next one, or what the hook said. */
static int next_block(const struct block **block, struct plain *plain, struct error *err)
{
    int rc = 0;

    pthread_mutex_lock(&plain->mutex);
    plain->freed = plain->given;
    if (plain->filled - plain->freed == BLOCKS / 2) /* each waking costs */
        pthread_cond_signal(&plain->changed);
    if (!wait_for_block(plain, !plain->hook)) {
        pthread_mutex_unlock(&plain->mutex);
        rc = plain->hook(plain->hook_arg, err);
        pthread_mutex_lock(&plain->mutex);
        if (rc == 0)
            wait_for_block(plain, true);
    }
    pthread_mutex_unlock(&plain->mutex);
    *block = &plain->blocks[plain->given % BLOCKS];
    return rc;
}

static void keep_tail(struct plain *plain, const uint8_t *bytes, size_t size)
{
    size_t fresh = size < TAIL_SIZE ? size : TAIL_SIZE;

    memmove(plain->tail, plain->tail + fresh, TAIL_SIZE - fresh);
    memcpy(plain->tail + TAIL_SIZE - fresh, bytes + size - fresh, fresh);
}

ssize_t plain_next(const void **bytes, struct plain *plain, struct error *err)
{
    const struct block *block;
    int rc = next_block(&block, plain, err);

    if (rc < 0)
        return rc;
    plain->position = block->position;
    plain->at_end = block->at_end;
    plain->is_done = block->got == 0;
    if (block->got < 0 && err)
        *err = plain->failed;
    if (block->got <= 0)
        return block->got; /* the last block: it is never given back */
    plain->given++;
    plain->size += (uint64_t)block->got;
    if (plain->size > plain->size_max) {
        plain->at_end = false; /* wherever the input is, it is not cut short */
        return error_input(err, "%s: more than %llu bytes uncompressed; --max-size allows more",
                           input_name(plain->input), (unsigned long long)plain->size_max);
    }
    *bytes = block->bytes;
    keep_tail(plain, block->bytes, (size_t)block->got);
    return block->got;
}

void plain_digest(struct digest *digest, struct plain *plain)
{
    hasher_final(digest, plain->hasher);
}

uint64_t plain_size(const struct plain *plain)
{
    return plain->size;
}

uint64_t plain_position(const struct plain *plain)
{
    return plain->position;
}

bool plain_ends_in_zeros(const struct plain *plain)
{
    static const uint8_t zeros[TAIL_SIZE];

    return plain->size >= TAIL_SIZE && memcmp(plain->tail, zeros, TAIL_SIZE) == 0;
}

bool plain_is_done(const struct plain *plain)
{
    return plain->is_done;
}

bool plain_at_end(const struct plain *plain)
{
    return plain->at_end;
}
