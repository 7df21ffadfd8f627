/* renderings.c - a table of results, and the threads that make them. One lock guards the table; nothing is rendered or
 * written while it is held. */
#include "nfsd/renderings.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "db/store.h"
#include "nfsd/diffs.h"
#include "nfsd/meta.h"
#include "tree/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

/* Nodes that a thread keeps while it walks. Not the workers' cache: one pass over a large tree would empty that. */
#define RENDER_CACHE (4u << 20) /* bytes */
#define WRITE_SIZE 65536u       /* bytes gathered for one write */

enum state { FREE, WAITING, RUNNING, DONE, FAILED };

struct rendering {
    enum state state;
    struct rendered what;
    uint64_t used; /* when it was asked for last, by the table's count; while it waits, when it was asked for first */
    uint64_t size;
    int fd;    /* DONE */
    int error; /* FAILED: negative errno … */
    char *why; /* … and its text, if there was memory for it */
};

struct renderer {
    struct renderings *all;
    struct store *store;
    struct tree_cache *cache;
    struct tree_reader *reader;
    pthread_t thread;
    bool started;
    struct error err;
};

struct renderings {
    char *directory;
    uint64_t limit;
    pthread_mutex_t lock;
    pthread_cond_t wanted; /* something waits, or the end has come */
    atomic_bool ending;
    uint64_t clock, bytes; /* bytes: of all that are DONE */
    struct rendering table[RENDERINGS_MAX];
    struct renderer renderers[RENDER_THREADS];
};

/* --- One file ----------------------------------------------------------------------------------------------------- */

struct output {
    struct renderings *all;
    int fd;
    uint64_t size;
    struct buffer gathered;
};

static int write_gathered(struct output *output)
{
    int result = file_write_all(output->fd, output->gathered.bytes, output->gathered.size, output->size);

    if (result < 0)
        return result;
    output->size += output->gathered.size;
    buffer_clear(&output->gathered);
    return 0;
}

static int add(void *arg, const void *bytes, size_t size)
{
    struct output *output = arg;

    if (atomic_load_explicit(&output->all->ending, memory_order_relaxed))
        return -ECANCELED;
    buffer_add(&output->gathered, bytes, size);
    if (output->gathered.failed)
        return -ENOMEM;
    return output->gathered.size < WRITE_SIZE ? 0 : write_gathered(output);
}

/* The descriptor of the finished file and its size, or why not. */
static int render(uint64_t *size, struct renderer *r, const struct rendered *what)
{
    static const render_function functions[] = {[HANDLE_META] = meta_render, [HANDLE_DIFF] = diffs_render};

    struct output output = {.all = r->all, .fd = file_open_unnamed(r->all->directory)};
    int result;

    if (output.fd < 0)
        return error_system(&r->err, -output.fd, "cannot render into %s", r->all->directory);
    r->err.text[0] = '\0';
    result = functions[what->kind](r->reader, what, add, &output, &r->err);
    if (result == 0)
        result = write_gathered(&output);
    buffer_free(&output.gathered);
    tree_reader_rest(r->reader);
    *size = output.size;
    if (result == 0)
        return output.fd;
    close(output.fd);
    if (!r->err.text[0]) /* it was the sink that failed */
        error_system(&r->err, -result, "cannot render into %s", r->all->directory);
    return result;
}

/* --- The table; under its lock ------------------------------------------------------------------------------------ */

static bool is_same(const struct rendered *a, const struct rendered *b)
{
    return a->kind == b->kind && a->file == b->file && memcmp(a->id, b->id, sizeof a->id) == 0;
}

static struct rendering *find(struct renderings *all, const struct rendered *what)
{
    for (size_t i = 0; i < RENDERINGS_MAX; i++) {
        struct rendering *each = &all->table[i];

        if (each->state != FREE && is_same(&each->what, what))
            return each;
    }
    return NULL;
}

/* The one in one of two states that was used first, other than `except`. */
static struct rendering *oldest(struct renderings *all, enum state a, enum state b, const struct rendering *except)
{
    struct rendering *found = NULL;

    for (size_t i = 0; i < RENDERINGS_MAX; i++) {
        struct rendering *each = &all->table[i];

        if ((each->state == a || each->state == b) && each != except && (!found || each->used < found->used))
            found = each;
    }
    return found;
}

static void let_go(struct renderings *all, struct rendering *rendering)
{
    if (rendering->state == DONE) {
        close(rendering->fd);
        all->bytes -= rendering->size;
    }
    free(rendering->why);
    *rendering = (struct rendering){.state = FREE};
}

static void shrink(struct renderings *all, const struct rendering *except)
{
    struct rendering *victim;

    while (all->bytes > all->limit && (victim = oldest(all, DONE, DONE, except)))
        let_go(all, victim);
}

/* Not when as many as there is room for are wanted already: who asks again later may find a place. */
static void want(struct renderings *all, const struct rendered *what)
{
    struct rendering *slot = oldest(all, FREE, FREE, NULL);

    if (!slot)
        slot = oldest(all, DONE, FAILED, NULL);
    if (!slot)
        return;
    let_go(all, slot);
    slot->state = WAITING;
    slot->what = *what;
    slot->used = ++all->clock;
    pthread_cond_signal(&all->wanted);
}

static int tell_failure(struct renderings *all, struct rendering *failed, struct error *err)
{
    int error = failed->error;

    error_refused(err, -error, "%s", failed->why ? failed->why : "cannot render");
    let_go(all, failed);
    return error == -EBUSY || error == -ENOENT || error == -ESTALE ? -EIO : error; /* these would mean something else */
}

static int look(uint64_t *size, int *fd, struct renderings *all, const struct rendered *what, struct error *err)
{
    struct rendering *found = find(all, what);

    if (!found)
        want(all, what);
    if (!found || found->state == WAITING || found->state == RUNNING)
        return -EBUSY;
    if (found->state == FAILED)
        return tell_failure(all, found, err);
    found->used = ++all->clock;
    *size = found->size;
    if (!fd)
        return 0;
    *fd = fcntl(found->fd, F_DUPFD_CLOEXEC, 0);
    return *fd < 0 ? error_system(err, errno, "a rendered file") : 0;
}

int renderings_find(uint64_t *size, int *fd, struct renderings *all, const struct rendered *what, struct error *err)
{
    pthread_mutex_lock(&all->lock);
    int result = look(size, fd, all, what, err);
    pthread_mutex_unlock(&all->lock);
    return result;
}

/* --- Threads ------------------------------------------------------------------------------------------------------ */

/* Under the lock, which is let go while the file is made. */
static void make(struct renderer *r, struct rendering *rendering)
{
    struct renderings *all = r->all;
    const struct rendered what = rendering->what;
    uint64_t size = 0;

    rendering->state = RUNNING;
    pthread_mutex_unlock(&all->lock);
    int fd = render(&size, r, &what);
    pthread_mutex_lock(&all->lock);
    rendering->used = ++all->clock;
    if (fd < 0) {
        rendering->state = FAILED;
        rendering->error = fd;
        rendering->why = strdup(r->err.text);
        return;
    }
    rendering->state = DONE;
    rendering->fd = fd;
    rendering->size = size;
    all->bytes += size;
    shrink(all, rendering);
}

static void *renderer_run(void *arg)
{
    struct renderer *r = arg;
    struct renderings *all = r->all;

    pthread_mutex_lock(&all->lock);
    while (!atomic_load_explicit(&all->ending, memory_order_relaxed)) {
        struct rendering *next = oldest(all, WAITING, WAITING, NULL);

        if (next)
            make(r, next);
        else
            pthread_cond_wait(&all->wanted, &all->lock);
    }
    pthread_mutex_unlock(&all->lock);
    return NULL;
}

static int renderer_start(struct renderer *r, struct renderings *all, struct error *err)
{
    sigset_t every, before;
    int result;

    r->all = all;
    result = store_open(&r->store, all->directory, STORE_READ, err);
    if (result == 0)
        result = tree_cache_new(&r->cache, RENDER_CACHE, err);
    if (result == 0)
        result = tree_reader_new(&r->reader, r->store, r->cache, err);
    if (result < 0)
        return result;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    int failed = pthread_create(&r->thread, NULL, renderer_run, r);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    r->started = failed == 0;
    return failed ? error_system(err, failed, "cannot start a thread") : 0;
}

static void renderer_end(struct renderer *r)
{
    if (r->started)
        pthread_join(r->thread, NULL);
    tree_reader_free(r->reader);
    tree_cache_free(r->cache);
    store_close(r->store);
}

int renderings_new(struct renderings **out, const char *store_directory, uint64_t limit, struct error *err)
{
    struct renderings *all = calloc(1, sizeof *all);
    int result = 0;

    if (!all)
        return error_system(err, ENOMEM, "cannot render files");
    pthread_mutex_init(&all->lock, NULL);
    pthread_cond_init(&all->wanted, NULL);
    all->limit = limit;
    all->directory = strdup(store_directory);
    if (!all->directory)
        result = error_system(err, ENOMEM, "cannot render files");
    for (size_t i = 0; i < RENDER_THREADS && result == 0; i++)
        result = renderer_start(&all->renderers[i], all, err);
    if (result < 0) {
        renderings_free(all);
        return result;
    }
    *out = all;
    return 0;
}

void renderings_free(struct renderings *all)
{
    if (!all)
        return;
    pthread_mutex_lock(&all->lock);
    atomic_store_explicit(&all->ending, true, memory_order_relaxed);
    pthread_cond_broadcast(&all->wanted);
    pthread_mutex_unlock(&all->lock);
    for (size_t i = 0; i < RENDER_THREADS; i++)
        renderer_end(&all->renderers[i]);
    for (size_t i = 0; i < RENDERINGS_MAX; i++)
        let_go(all, &all->table[i]);
    pthread_cond_destroy(&all->wanted);
    pthread_mutex_destroy(&all->lock);
    free(all->directory);
    free(all);
}
