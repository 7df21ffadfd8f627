/* find_text.c - which contents hold a text. Each blob is read once: threads take the 256 first bytes of digests in
 * turn, each with a store connection of its own.
 */
#include "base/cleanup.h"
#include "base/thread.h"
#include "cli/find.h"
#include "cli/terminal.h"
#include "db/blob.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS_MAX 16
#define WINDOW (1u << 20) /* bytes read at once */
#define PREFIXES 256

struct search {
    const char *store_directory, *text;
    size_t text_size;
    atomic_uint next; /* first byte of digests that nobody has taken */
    atomic_bool failed;
    atomic_ullong blobs, bytes;
    pthread_mutex_t lock; /* of what follows */
    int64_t *found;
    size_t count, room;
    struct error err;
    int result; /* the first failure */
};

struct searcher {
    struct search *search;
    struct store *store;
    struct error err;
    uint8_t *window; /* WINDOW bytes, and as many before them as a text that began earlier has */
    bool shows;      /* progress */
    pthread_t thread;
    bool running;
};

static int add_found(struct search *search, int64_t blob)
{
    int result = 0;

    pthread_mutex_lock(&search->lock);
    if (search->count == search->room) {
        size_t room = search->room ? 2 * search->room : 64;
        int64_t *found = realloc(search->found, room * sizeof *found);

        result = found ? 0 : -ENOMEM;
        if (found) {
            search->found = found;
            search->room = room;
        }
    }
    if (result == 0)
        search->found[search->count++] = blob;
    pthread_mutex_unlock(&search->lock);
    return result;
}

/* 1: it holds the text. */
static int holds(struct searcher *searcher, const struct blob *blob)
{
    struct search *search = searcher->search;
    size_t kept = 0; /* bytes of the window before that may begin the text */

    for (uint64_t at = 0; at < blob->size;) {
        ssize_t n = blob_read(searcher->window + kept, searcher->store, blob, at, WINDOW, &searcher->err);

        if (n < 0)
            return (int)n;
        if (n == 0)
            return error_system(&searcher->err, EIO, "content %lld ends early", (long long)blob->id);
        at += (size_t)n;
        size_t size = kept + (size_t)n;
        if (memmem(searcher->window, size, search->text, search->text_size))
            return 1;
        kept = size < search->text_size - 1 ? size : search->text_size - 1;
        memmove(searcher->window, searcher->window + size - kept, kept);
    }
    return 0;
}

static void show(const struct search *search)
{
    char size[SIZE_TEXT_SIZE];

    size_format(size, atomic_load(&search->bytes));
    progress_show("read %llu contents, %s", (unsigned long long)atomic_load(&search->blobs), size);
}

/* gc may have dropped it while it was read. */
static bool is_gone(struct searcher *searcher, const struct blob *blob)
{
    struct blob again;
    struct error why;

    blob_rest(searcher->store);
    return blob_find(&again, searcher->store, blob->id, &why) == -ENOENT;
}

static int look(void *arg, const struct blob *blob)
{
    struct searcher *searcher = arg;
    struct search *search = searcher->search;
    int result = blob->size < search->text_size ? 0 : holds(searcher, blob);

    if (result < 0 && is_gone(searcher, blob))
        result = 0;
    if (result > 0)
        result = add_found(search, blob->id);
    atomic_fetch_add(&search->blobs, 1);
    atomic_fetch_add(&search->bytes, blob->size);
    if (searcher->shows && progress_due())
        show(search);
    return result < 0 ? result : atomic_load(&search->failed) ? -ECANCELED : 0;
}

static int look_at_all(struct searcher *searcher)
{
    struct search *search = searcher->search;
    int result = store_open(&searcher->store, search->store_directory, STORE_READ, &searcher->err);

    searcher->window = malloc(WINDOW + search->text_size);
    if (result == 0 && !searcher->window)
        result = error_system(&searcher->err, ENOMEM, "cannot read contents");
    for (unsigned prefix; result == 0 && (prefix = atomic_fetch_add(&search->next, 1)) < PREFIXES;)
        result = blob_visit(searcher->store, (uint8_t)prefix, 0, look, searcher, &searcher->err);
    free(searcher->window);
    store_close(searcher->store);
    return result;
}

static void *search_some(void *arg)
{
    struct searcher *searcher = arg;
    struct search *search = searcher->search;
    int result = look_at_all(searcher);

    if (result < 0 && !atomic_exchange(&search->failed, true)) {
        search->result = result;
        search->err = searcher->err;
    }
    return NULL;
}

int find_text(int64_t **found, size_t *count, const char *store_directory, const char *text, struct error *err)
{
    struct search search = {
        .store_directory = store_directory, .text = text, .text_size = strlen(text), .lock = PTHREAD_MUTEX_INITIALIZER};
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t threads = processors < 1 ? 1 : processors > THREADS_MAX ? THREADS_MAX : (size_t)processors;
    cleanup_free struct searcher *searchers = calloc(threads, sizeof *searchers);

    if (!searchers)
        return error_system(err, ENOMEM, "cannot read contents");
    for (size_t i = 0; i < threads; i++)
        searchers[i].search = &search;
    for (size_t i = 1; i < threads; i++)
        searchers[i].running = thread_start(&searchers[i].thread, "search", search_some, &searchers[i]) == 0;
    searchers[0].shows = progress_enabled();
    search_some(&searchers[0]);
    for (size_t i = 1; i < threads; i++)
        if (searchers[i].running)
            pthread_join(searchers[i].thread, NULL);
    if (searchers[0].shows)
        progress_clear();
    *found = search.found;
    *count = search.count;
    if (search.result < 0)
        *err = search.err;
    return search.result;
}
