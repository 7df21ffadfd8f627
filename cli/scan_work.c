/* scan_work.c - from distinct contents to verdicts.
 *
 * Workers go over what has no verdict yet, in passes: each takes a few items, looks them up, claims those that are not
 * there, and runs the command on those that it won. What others have claimed comes again in the next pass, after a
 * pause, until it is there, or its claim has expired, or the time for waiting is over.
 */
#include "base/cleanup.h"
#include "base/thread.h"
#include "base/timestamp.h"
#include "cli/scan.h"
#include "cli/scan_adapter.h"
#include "cli/scan_place.h"
#include "cli/scan_verdict.h"
#include "cli/terminal.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define CLAIM_TEXT_SIZE 512
#define FAILED "failed: " /* begins the text of a claim whose holder has given up */
#define PAUSE_FIRST_NS (50 * 1000000u)
#define PAUSE_MAX_NS (1000 * 1000000u)
#define FAIR_PARTS 4 /* of what a worker's share would be: so that all end at about the same time */
#define WHY_SIZE 256
#define LIST_PATH_SIZE 32
#define LIST_PLACE "{@}"

atomic_bool scan_interrupted;

struct pass {
    struct scan *scan;
    size_t *todo, *later; /* indexes of items */
    size_t count, start;
    _Atomic size_t next, later_count;
    atomic_size_t done[3]; /* by origin */
    atomic_size_t found, failed;
    unsigned number;
    size_t batch; /* items that a worker takes at a time */
    char claim[CLAIM_TEXT_SIZE];
    atomic_bool stopped;
    int result; /* of the first worker that failed */
    struct error err;
};

struct worker {
    struct pass *pass;
    struct scan_place *place;
    bool shows;
    pthread_t thread;
    bool running;
    struct error err;
    /* What it holds claims of. */
    size_t held[SCAN_BATCH_MAX];
    size_t held_count;
    uint64_t held_since; /* ns: when they were last renewed */
};

static struct scan_item *item_of(const struct pass *pass, size_t index)
{
    return &pass->scan->items.items[index];
}

static void name_of(char name[SCAN_NAME_SIZE], const struct scan_item *item)
{
    hex_encode(name, item->entry.bytes, DIGEST_SIZE);
}

/* --- What is known of an item ------------------------------------------------------------------------------------- */

static int conclude(struct pass *pass, struct scan_item *item, enum scan_state state, enum scan_origin origin,
                    const void *text, size_t size, struct error *err)
{
    item->text = size ? strndup(text, size) : NULL;
    if (size && !item->text)
        return error_system(err, ENOMEM, "cannot keep a verdict");
    item->state = state;
    item->origin = origin;
    if (state == SCAN_FAILED) {
        atomic_fetch_add(&pass->failed, 1);
        return 0;
    }
    atomic_fetch_add(&pass->done[origin], 1);
    atomic_fetch_add(&pass->found, state == SCAN_FOUND);
    return 0;
}

static int fail(struct pass *pass, struct scan_item *item, const char *why, struct error *err)
{
    return conclude(pass, item, SCAN_FAILED, SCAN_SCANNED, why, strlen(why), err);
}

/* 1: there is a verdict that counts, and the item has it; 0: there is none. */
static int look_up(struct worker *worker, struct scan_item *item, enum scan_origin origin)
{
    struct pass *pass = worker->pass;
    const struct scan_scanner *scanner = pass->scan->scanner;
    struct buffer document cleanup_buffer = {0}, text cleanup_buffer = {0};
    char name[SCAN_NAME_SIZE];
    enum scan_state state;

    name_of(name, item);
    int result = pass->scan->way->fetch(&document, worker->place, scanner->key, name, &worker->err);
    if (result == -ENOENT)
        return 0;
    if (result < 0)
        return result;
    if (!scan_verdict_read(&state, &text, scanner, scanner->key, name, &document) ||
        (state == SCAN_INVENTORY) != scanner->inventory)
        return 0;
    result = conclude(pass, item, state, origin, text.bytes, scanner->inventory ? 0 : text.size, &worker->err);
    return result < 0 ? result : 1;
}

/* --- Claims ------------------------------------------------------------------------------------------------------- */

static int hold(struct worker *worker, const struct scan_item *item, const char *text)
{
    const struct scan *scan = worker->pass->scan;
    struct error ignored;
    char name[SCAN_NAME_SIZE];

    /* Who is too late has lost it: then two do the same, and both are right. */
    name_of(name, item);
    return scan->way->hold(worker->place, name, text, &ignored);
}

/* Others need not wait for what will not come. */
static void give_up(struct worker *worker, const struct scan_item *item, const char *why)
{
    char text[CLAIM_TEXT_SIZE];

    snprintf(text, sizeof text, FAILED "%.*s\n", WHY_SIZE, why);
    hold(worker, item, text);
}

static void show(const struct pass *pass)
{
    size_t known = atomic_load(&pass->done[SCAN_KNOWN]), scanned = atomic_load(&pass->done[SCAN_SCANNED]),
           shared = atomic_load(&pass->done[SCAN_SHARED]), failed = atomic_load(&pass->failed);

    progress_show("%zu of %zu contents: %zu known, %zu scanned, %zu by others; %zu found%s",
                  known + scanned + shared + failed, pass->scan->items.count, known, scanned, shared,
                  atomic_load(&pass->found), pass->number ? "; waiting for others" : "");
}

static void tick(void *arg)
{
    struct worker *worker = arg;
    uint64_t now = timestamp_now();

    if (worker->shows && progress_due())
        show(worker->pass);
    if (now - worker->held_since < SCAN_HOLD_SECONDS * NANOSECONDS)
        return;
    worker->held_since = now;
    for (size_t i = 0; i < worker->held_count; i++) {
        const struct scan_item *item = item_of(worker->pass, worker->held[i]);
        if (item->state == SCAN_UNKNOWN)
            hold(worker, item, worker->pass->claim);
    }
}

/* A claim that is not ours. In the first pass one that was given up is taken over (at worst two do that); later that is
 * an answer. *won: it is ours now. */
static int ask_holder(bool *won, struct worker *worker, size_t index)
{
    struct pass *pass = worker->pass;
    struct scan_item *item = item_of(pass, index);
    struct buffer text cleanup_buffer = {0};
    char name[SCAN_NAME_SIZE + sizeof SCAN_CLAIM], why[WHY_SIZE];

    name_of(name, item);
    memcpy(name + DIGEST_HEX_SIZE - 1, SCAN_CLAIM, sizeof SCAN_CLAIM);
    int result = pass->scan->way->fetch(&text, worker->place, pass->scan->scanner->key, name, &worker->err);
    if (result < 0 && result != -ENOENT)
        return result;
    bool given_up = result == 0 && text.size > strlen(FAILED) && memcmp(text.bytes, FAILED, strlen(FAILED)) == 0;
    if (given_up && pass->number > 0) {
        size_t size = text.size - strlen(FAILED) - 1; /* without the line's end */
        snprintf(why, sizeof why, "elsewhere: %.*s", (int)(size < WHY_SIZE / 2 ? size : WHY_SIZE / 2),
                 (const char *)text.bytes + strlen(FAILED));
        return fail(pass, item, why, &worker->err);
    }
    *won = given_up && hold(worker, item, pass->claim) == 0;
    if (!*won)
        pass->later[atomic_fetch_add(&pass->later_count, 1)] = index;
    return 0;
}

/* Claim these items; those that are ours (and nobody had published before we claimed) are held. */
static int claim(struct worker *worker, const size_t *indexes, size_t count)
{
    struct pass *pass = worker->pass;
    char names[SCAN_BATCH_MAX][SCAN_NAME_SIZE];
    bool won[SCAN_BATCH_MAX];

    for (size_t i = 0; i < count; i++)
        name_of(names[i], item_of(pass, indexes[i]));
    int result = count ? pass->scan->way->claim(won, worker->place, (const char(*)[SCAN_NAME_SIZE])names, count,
                                                pass->claim, &worker->err)
                       : 0;
    worker->held_count = 0;
    worker->held_since = timestamp_now();
    for (size_t i = 0; i < count && result >= 0; i++) {
        result = won[i] ? 0 : ask_holder(&won[i], worker, indexes[i]);
        if (result == 0 && won[i])
            result = look_up(worker, item_of(pass, indexes[i]), SCAN_SHARED);
        if (result == 0 && won[i] && item_of(pass, indexes[i])->state == SCAN_UNKNOWN)
            worker->held[worker->held_count++] = indexes[i];
    }
    return result < 0 ? result : 0;
}

/* --- Running ------------------------------------------------------------------------------------------------------ */

/* The paths, one a line, for what stands as {@} in the command. */
static int make_list(const struct scan_judgement *files, size_t count)
{
    struct buffer text cleanup_buffer = {0};
    int fd = memfd_create("list", MFD_CLOEXEC);

    for (size_t i = 0; i < count; i++)
        buffer_add_format(&text, "%s\n", files[i].path);
    if (fd >= 0 && !text.failed && write(fd, text.bytes, text.size) == (ssize_t)text.size)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static char *with_list(const char *argument, const char *list)
{
    const char *at = strstr(argument, LIST_PLACE);
    char *text;

    if (!at || asprintf(&text, "%.*s%s%s", (int)(at - argument), argument, list, at + strlen(LIST_PLACE)) < 0)
        return NULL;
    return text;
}

struct arguments {
    char **all;
    char **made; /* texts of ours */
    size_t count;
};

static void arguments_free(struct arguments *arguments)
{
    for (size_t i = 0; arguments->made && i < arguments->count; i++)
        free(arguments->made[i]);
    free(arguments->made);
    free(arguments->all);
}

static int make_arguments(struct arguments *arguments, char **command, struct scan_judgement *files, size_t count,
                          const char *list)
{
    size_t words = 0, at = 0;

    while (command[words])
        words++;
    arguments->count = words;
    arguments->all = calloc(words * (count + 1) + 1, sizeof *arguments->all);
    arguments->made = calloc(words, sizeof *arguments->made);
    if (!arguments->all || !arguments->made)
        return -ENOMEM;
    for (size_t w = 0; w < words; w++) {
        bool files_here = strcmp(command[w], "{}") == 0 || strcmp(command[w], "{}+") == 0;

        for (size_t i = 0; files_here && i < count; i++)
            arguments->all[at++] = files[i].path;
        arguments->made[w] = files_here ? NULL : with_list(command[w], list);
        if (!files_here)
            arguments->all[at++] = arguments->made[w] ? arguments->made[w] : command[w];
    }
    return 0;
}

static void describe(char why[WHY_SIZE], const struct scan_process *process)
{
    const char *said = (const char *)process->errors.bytes;
    size_t size = said ? process->errors.size : 0;
    const char *end = said ? memchr(said, '\n', size) : NULL;

    size = end ? (size_t)(end - said) : size;
    if (*process->why)
        snprintf(why, WHY_SIZE, "%s", process->why);
    else
        snprintf(why, WHY_SIZE, "exit status %d, and no verdict%s%.*s", process->status, size ? ": " : "",
                 (int)(size < WHY_SIZE / 2 ? size : WHY_SIZE / 2), size ? said : "");
}

/* Run the command on these files and have its output taken apart. Of those that stay SCAN_UNKNOWN `why` tells. */
static int run_command(struct worker *worker, struct scan_process *process, struct scan_judgement *files, size_t count,
                       char why[WHY_SIZE])
{
    const struct scan_scanner *scanner = worker->pass->scan->scanner;
    struct arguments arguments = {0};
    char list[LIST_PATH_SIZE] = "";
    cleanup_close int fd = -1;
    int result;

    /* By number of this process: the descriptor is not inherited, so that no other command has it. */
    if (scanner->lists && (fd = make_list(files, count)) >= 0)
        snprintf(list, sizeof list, "/proc/%ld/fd/%d", (long)getpid(), fd);
    process->tick = tick;
    process->arg = worker;
    process->timeout = scanner->timeout;
    result = make_arguments(&arguments, scanner->command, files, count, list);
    process->arguments = arguments.all;
    if (result < 0)
        error_system(&worker->err, ENOMEM, "cannot run %s", scanner->command[0]);
    else
        result = scan_process_run(process, &worker->err);
    arguments_free(&arguments);
    process->arguments = scanner->command;
    if (result < 0)
        return result;
    describe(why, process);
    if (scanner->inventory && process->status == 0 && !process->truncated) {
        files[0].state = SCAN_INVENTORY;
        buffer_add(&files[0].output, process->output.bytes, process->output.size);
    } else if (scanner->inventory && process->truncated) {
        snprintf(why, WHY_SIZE, "its output is larger than %u bytes", SCAN_OUTPUT_MAX);
    } else if (!scanner->inventory && process->status >= 0 && (!process->truncated || count == 1)) {
        scanner->adapter->judge(files, count, process, scanner->findings_exit);
    }
    return 0;
}

/* A document for the cache, and the item's state. -EFBIG: it is too large. */
static int write_one(struct worker *worker, struct buffer *document, const char *name, struct scan_item *item,
                     const struct scan_judgement *file, const struct scan_process *process)
{
    struct pass *pass = worker->pass;
    int result = scan_verdict_write(document, pass->scan->scanner, name, file, process, &worker->err);

    return result < 0 ? result
                      : conclude(pass, item, file->state, SCAN_SCANNED, file->findings.bytes, file->findings.size,
                                 &worker->err);
}

static int lose(struct worker *worker, struct scan_item *item, const char *why)
{
    give_up(worker, item, why);
    return fail(worker->pass, item, why, &worker->err);
}

/* Publish what a run said of these items. One alone of which nothing was said has failed; of several, those are run
 * alone next. */
static int settle(struct worker *worker, struct scan_judgement *files, const size_t *indexes, size_t count,
                  const struct scan_process *process, const char *why)
{
    const struct scan *scan = worker->pass->scan;
    char names[SCAN_BATCH_MAX][SCAN_NAME_SIZE];
    struct buffer documents[SCAN_BATCH_MAX] = {0};
    size_t ready = 0;
    int result = 0;

    for (size_t i = 0; i < count && result == 0; i++) {
        struct scan_item *item = item_of(worker->pass, indexes[i]);

        if (files[i].state == SCAN_UNKNOWN) {
            result = count > 1 ? 0 : lose(worker, item, why);
            continue;
        }
        name_of(names[ready], item);
        buffer_clear(&documents[ready]);
        result = write_one(worker, &documents[ready], names[ready], item, &files[i], process);
        if (result == -EFBIG)
            result = lose(worker, item, worker->err.text);
        else
            ready++;
    }
    if (result == 0 && ready)
        result =
            scan->way->publish(worker->place, (const char(*)[SCAN_NAME_SIZE])names, documents, ready, &worker->err);
    for (size_t i = 0; i < count; i++)
        buffer_free(&documents[i]);
    return result;
}

static int run_and_settle(struct worker *worker, struct scan_judgement *files, const size_t *indexes, size_t count)
{
    struct scan_process process = {0};
    char why[WHY_SIZE];
    int result = run_command(worker, &process, files, count, why);

    if (result == 0)
        result = settle(worker, files, indexes, count, &process, why);
    scan_process_free(&process);
    return result;
}

static void forget(struct scan_judgement *file)
{
    buffer_free(&file->findings);
    buffer_free(&file->output);
    *file = (struct scan_judgement){0};
}

static const char *id_of(const struct scan *scan, const struct scan_item *item)
{
    return scan->ids[item->snapshot];
}

/* A file for the item; when there is none it has failed: 0, and 1 when there is. */
static int prepare(struct worker *worker, struct scan_judgement *file, size_t index)
{
    struct pass *pass = worker->pass;
    struct scan_item *item = item_of(pass, index);
    struct error why;
    int result = pass->scan->way->content(file->path, worker->place, item, id_of(pass->scan, item), &why);

    if (result == 0 && pass->scan->scanner->lists && strchr(file->path, '\n')) {
        pass->scan->way->release(worker->place, file->path);
        result = error_refused(&why, EINVAL, "a list of files cannot hold its name");
    }
    if (result == 0)
        return 1;
    file->path[0] = '\0';
    return lose(worker, item, why.text);
}

static void release(struct worker *worker, struct scan_judgement *file)
{
    if (*file->path)
        worker->pass->scan->way->release(worker->place, file->path);
    forget(file);
}

static int run_alone(struct worker *worker, struct scan_judgement *file, size_t index)
{
    int result = prepare(worker, file, index);

    if (result == 1)
        result = run_and_settle(worker, file, &index, 1);
    release(worker, file);
    return result;
}

/* What has an inventory reads it; what has none is told so. */
static int run_inventory(struct worker *worker, struct scan_judgement *file, size_t index)
{
    struct pass *pass = worker->pass;
    const struct scan_scanner *scanner = pass->scan->scanner;
    struct buffer document cleanup_buffer = {0}, inventory cleanup_buffer = {0};
    struct scan_process process = {.arguments = scanner->command};
    struct scan_item *item = item_of(pass, index);
    enum scan_state state = SCAN_UNKNOWN;
    char name[SCAN_NAME_SIZE], why[WHY_SIZE] = "there is no inventory of it";

    name_of(name, item);
    int result = pass->scan->way->fetch(&document, worker->place, scanner->from, name, &worker->err);
    if (result < 0 && result != -ENOENT)
        return result;
    bool there = result == 0 && scan_verdict_read(&state, &inventory, scanner, scanner->from, name, &document) &&
                 state == SCAN_INVENTORY;
    result = 0;
    if (there && inventory.size == 0) {
        file->state = SCAN_CLEAN; /* nothing is in it that a list could name */
        process.status = 0;
    } else if (there) {
        process.input = inventory.bytes;
        process.input_size = inventory.size;
        result = run_command(worker, &process, file, 1, why);
    }
    if (result == 0)
        result = settle(worker, file, &index, 1, &process, why);
    scan_process_free(&process);
    forget(file);
    return result;
}

static int run_batch(struct worker *worker, struct scan_judgement *files)
{
    size_t together[SCAN_BATCH_MAX], count = 0;
    int result = 0;

    for (size_t i = 0; i < worker->held_count && result >= 0; i++) {
        result = prepare(worker, &files[count], worker->held[i]);
        if (result == 1 && scan_adapter_plain(files[count].path))
            together[count++] = worker->held[i];
        else
            release(worker, &files[count]);
    }
    if (result >= 0 && count)
        result = run_and_settle(worker, files, together, count);
    for (size_t i = 0; i < count; i++)
        release(worker, &files[i]);
    return result;
}

/* Those held: together if the command takes many, and what is left one by one. */
static int run_held(struct worker *worker, struct scan_judgement *files)
{
    const struct scan_scanner *scanner = worker->pass->scan->scanner;
    int result = scanner->batches && worker->held_count > 1 ? run_batch(worker, files) : 0;

    for (size_t i = 0; i < worker->held_count && result >= 0; i++) {
        size_t index = worker->held[i];
        if (item_of(worker->pass, index)->state == SCAN_UNKNOWN)
            result = scanner->from ? run_inventory(worker, files, index) : run_alone(worker, files, index);
    }
    /* Who comes next need not wait for these. */
    for (size_t i = 0; i < worker->held_count && result < 0; i++)
        if (item_of(worker->pass, worker->held[i])->state == SCAN_UNKNOWN)
            give_up(worker, item_of(worker->pass, worker->held[i]), worker->err.text);
    worker->held_count = 0;
    return result;
}

/* --- Passes ------------------------------------------------------------------------------------------------------- */

static int take_some(struct worker *worker, size_t from, size_t count, struct scan_judgement *files)
{
    struct pass *pass = worker->pass;
    size_t unknown[SCAN_BATCH_MAX], unknown_count = 0;
    int result = 0;

    for (size_t i = from; i < from + count && result >= 0; i++) {
        size_t index = pass->todo[(pass->start + i) % pass->count];
        result = look_up(worker, item_of(pass, index), pass->number == 0 ? SCAN_KNOWN : SCAN_SHARED);
        if (result == 0)
            unknown[unknown_count++] = index;
    }
    if (result >= 0)
        result = claim(worker, unknown, unknown_count);
    if (result >= 0)
        result = run_held(worker, files);
    if (worker->shows && progress_due())
        show(pass);
    return result;
}

static int work(struct worker *worker)
{
    struct pass *pass = worker->pass;
    const struct scan *scan = pass->scan;
    cleanup_free struct scan_judgement *files = calloc(SCAN_BATCH_MAX, sizeof *files);
    int result = scan->way->open(&worker->place, scan->where, &worker->err);

    if (!files)
        result = error_system(&worker->err, ENOMEM, "cannot scan");
    for (size_t from; result >= 0 && !atomic_load(&pass->stopped) && !atomic_load(&scan_interrupted) &&
                      (from = atomic_fetch_add(&pass->next, pass->batch)) < pass->count;) {
        size_t left = pass->count - from;
        result = take_some(worker, from, left < pass->batch ? left : pass->batch, files);
    }
    scan->way->close(worker->place);
    return result;
}

static void *work_thread(void *arg)
{
    struct worker *worker = arg;
    struct pass *pass = worker->pass;
    int result = work(worker);

    if (result < 0 && !atomic_exchange(&pass->stopped, true)) {
        pass->result = result;
        pass->err = worker->err;
    }
    return NULL;
}

static int run_pass(struct pass *pass, struct error *err)
{
    unsigned jobs = pass->scan->jobs;
    cleanup_free struct worker *workers = calloc(jobs, sizeof *workers);

    if (!workers)
        return error_system(err, ENOMEM, "cannot scan");
    size_t share = pass->count / (jobs * FAIR_PARTS) + 1;
    pass->batch = share < SCAN_BATCH_MAX ? share : SCAN_BATCH_MAX;
    atomic_store(&pass->next, 0);
    atomic_store(&pass->later_count, 0);
    for (unsigned i = 0; i < jobs; i++)
        workers[i].pass = pass;
    for (unsigned i = 1; i < jobs && i < pass->count; i++)
        workers[i].running = thread_start(&workers[i].thread, "scan", work_thread, &workers[i]) == 0;
    workers[0].shows = progress_enabled();
    work_thread(&workers[0]);
    for (unsigned i = 1; i < jobs; i++)
        if (workers[i].running)
            pthread_join(workers[i].thread, NULL);
    if (pass->result < 0)
        *err = pass->err;
    if (pass->result == 0 && atomic_load(&scan_interrupted))
        return error_refused(err, EINTR, "interrupted");
    return pass->result;
}

static int begin(struct pass *pass, struct scan *scan, struct error *err)
{
    char host[WHY_SIZE] = "";
    size_t count = scan->items.count;

    *pass = (struct pass){.scan = scan, .count = count};
    pass->todo = calloc(count ? count : 1, sizeof *pass->todo);
    pass->later = calloc(count ? count : 1, sizeof *pass->later);
    if (!pass->todo || !pass->later)
        return error_system(err, ENOMEM, "cannot scan");
    /* Nodes that begin together begin at different places. */
    if (getrandom(&pass->start, sizeof pass->start, 0) < 0)
        return error_system(err, errno, "no random bytes");
    pass->start %= count ? count : 1;
    for (size_t i = 0; i < count; i++)
        pass->todo[i] = i;
    gethostname(host, sizeof host - 1);
    snprintf(pass->claim, sizeof pass->claim, "%s %ld\n", host, (long)getpid());
    return 0;
}

/* What is left is the next pass's. */
static void next_pass(struct pass *pass)
{
    size_t *done = pass->todo;

    pass->todo = pass->later;
    pass->later = done;
    pass->count = atomic_load(&pass->later_count);
    pass->start = 0;
    pass->number++;
}

static int wait_for_others(struct pass *pass, struct error *err)
{
    uint64_t end = timestamp_now() + pass->scan->scanner->waiting * (uint64_t)NANOSECONDS, pause = PAUSE_FIRST_NS;
    size_t before = 0;
    int result = 0;

    for (next_pass(pass); result == 0 && pass->count && timestamp_now() < end; next_pass(pass)) {
        const struct timespec time = {(time_t)(pause / NANOSECONDS), (long)(pause % NANOSECONDS)};

        nanosleep(&time, NULL);
        pause = pass->count == before && 2 * pause < PAUSE_MAX_NS ? 2 * pause : pause;
        before = pass->count;
        if (progress_enabled() && progress_due())
            show(pass);
        result = run_pass(pass, err);
    }
    for (size_t i = 0; result == 0 && i < pass->count; i++)
        result = fail(pass, item_of(pass, pass->todo[i]), "claimed by another node, which has not answered", err);
    return result;
}

int scan_work(struct scan *scan, struct error *err)
{
    struct pass pass;
    int result = begin(&pass, scan, err);

    if (result == 0 && pass.count)
        result = run_pass(&pass, err);
    if (result == 0 && pass.count)
        result = wait_for_others(&pass, err);
    free(pass.todo);
    free(pass.later);
    if (progress_enabled())
        progress_clear();
    return result;
}
