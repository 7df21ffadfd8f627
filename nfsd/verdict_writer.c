/* verdict_writer.c - the scan cache's writer: its queue, its transactions, and what it tells of them. verdict_job.c has
 * what is done in one. */
#include "nfsd/verdict_writer.h"

#include "base/bytes.h"
#include "base/log.h"
#include "base/name_hash.h"
#include "base/thread.h"
#include "base/timestamp.h"
#include "nfsd/verdict_draft.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* --- Generations -------------------------------------------------------------------------------------------------- */

static size_t row_slot(int64_t row)
{
    return (size_t)row % GENERATIONS;
}

static size_t name_slot(uint64_t hash)
{
    return (size_t)hash % GENERATIONS;
}

uint64_t verdict_generation(const struct verdict_writer *writer, int64_t row)
{
    return atomic_load_explicit(&writer->rows[row_slot(row)], memory_order_acquire);
}

uint64_t verdict_name_generation(const struct verdict_writer *writer, uint64_t hash)
{
    return atomic_load_explicit(&writer->names[name_slot(hash)], memory_order_acquire);
}

/* A verdict_watcher: remember until the commit. */
static void touched(void *arg, int64_t row, int64_t directory, const char *name, size_t size)
{
    struct verdict_writer *writer = arg;
    size_t slot = row_slot(row);

    writer->touched_rows[slot / 64] |= 1ull << slot % 64;
    if (!name)
        return;
    slot = name_slot(name_hash(directory, name, size));
    writer->touched_names[slot / 64] |= 1ull << slot % 64;
}

static void raise_touched(atomic_uint_fast64_t *generations, uint64_t *bits)
{
    for (size_t i = 0; i < GENERATIONS / 64; i++)
        for (; bits[i]; bits[i] &= bits[i] - 1)
            atomic_fetch_add_explicit(&generations[64 * i + (size_t)__builtin_ctzll(bits[i])], 1, memory_order_release);
}

/* Whether the transaction was committed or not: for readers it costs a look at the store. */
static void tell_readers(struct verdict_writer *writer)
{
    raise_touched(writer->rows, writer->touched_rows);
    raise_touched(writer->names, writer->touched_names);
}

/* --- Transactions ------------------------------------------------------------------------------------------------- */

/* Is that what the call is to be told, or has the store failed? */
static bool is_answer(int error)
{
    static const int answers[] = {0,       -ENOENT, -EEXIST, -ENOTDIR, -EISDIR,    -EINVAL,      -EACCES,
                                  -EAGAIN, -EFBIG,  -EDQUOT, -ESTALE,  -ENOTEMPTY, -ENAMETOOLONG};

    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        if (answers[i] == error)
            return true;
    return false;
}

/* Answered before, perhaps by a server that was killed before it could say so. */
static int recall(struct verdict_writer *writer, struct verdict_job *job, struct error *err)
{
    struct verdict_reply reply;
    int result = verdict_reply_find(&reply, writer->verdicts, &job->call, err);

    if (result < 0)
        return result;
    struct verdict_file *file = &job->result.file;
    if (reply.row && verdict_find(file, writer->verdicts, reply.row, err) < 0)
        *file = (struct verdict_file){.row = reply.row}; /* it has gone since; its handle is the answer all the same */
    memcpy(file->id, reply.id, sizeof file->id);
    if (job->name.directory)
        verdict_find(&job->result.above, writer->verdicts, job->name.directory, err);
    if (job->to.directory)
        verdict_find(&job->result.to_above, writer->verdicts, job->to.directory, err);
    return 0;
}

/* Only what succeeded is kept: what was refused has done nothing, and may be refused again. */
static int keep_reply(struct verdict_writer *writer, const struct verdict_job *job, struct error *err)
{
    struct verdict_reply reply = {.row = job->result.file.row};

    memcpy(reply.id, job->result.file.id, sizeof reply.id);
    return verdict_reply_keep(writer->verdicts, &job->call, &reply, err);
}

static int run_step(struct verdict_writer *writer, struct verdict_job *job, struct error *err)
{
    int result = verdicts_step(writer->verdicts, err);

    if (result < 0)
        return result;
    result = job->run(writer, job, err);
    if (result == 0 && job->once)
        result = keep_reply(writer, job, err);
    if (!is_answer(result))
        return result;
    job->result.error = result;
    return verdicts_step_end(writer->verdicts, result == 0, err);
}

static int run_job(struct verdict_writer *writer, struct verdict_job *job, struct error *err)
{
    job->result = (struct verdict_result){0};
    int recalled = job->once ? recall(writer, job, err) : -ENOENT;

    return recalled == -ENOENT ? run_step(writer, job, err) : recalled;
}

/* End the transaction, which came to `result`, and let everybody know. */
static int conclude(struct verdict_writer *writer, int result, struct error *err)
{
    if (result == 0)
        result = verdicts_commit(writer->verdicts, err);
    else
        verdicts_rollback(writer->verdicts);
    tell_readers(writer);
    drafts_settle(writer, result == 0);
    return result;
}

/* All jobs up to `end` in one transaction. */
static int run_together(struct verdict_writer *writer, struct verdict_job *first, const struct verdict_job *end,
                        struct error *err)
{
    int result = verdicts_begin(writer->verdicts, err);

    if (result < 0)
        return result;
    for (struct verdict_job *job = first; job != end && result == 0; job = job->next)
        result = run_job(writer, job, err);
    return conclude(writer, result, err);
}

static void report(const struct error *err)
{
    log_event("store-error", "reason", err->text, NULL);
}

/* Together, or, when that failed, each alone: one that has no room on the disk takes nobody with it. */
static void run_jobs(struct verdict_writer *writer, struct verdict_job *first)
{
    struct error err;
    struct verdict_job *next;

    if (run_together(writer, first, NULL, &err) < 0) {
        report(&err);
        for (struct verdict_job *job = first; job; job = job->next) {
            int result = run_together(writer, job, job->next, &err);
            if (result < 0)
                job->result = (struct verdict_result){.error = result};
        }
    }
    for (struct verdict_job *job = first; job; job = next) {
        next = job->next;
        writer->sweeps = writer->sweeps || job->result.file.expires;
        rpc_parked_done(job->parked);
    }
}

/* --- What nobody asks for ----------------------------------------------------------------------------------------- */

static void renew_verifier(struct verdict_writer *writer)
{
    if (getrandom(writer->verifier, sizeof writer->verifier, 0) != sizeof writer->verifier)
        put_be64(writer->verifier, timestamp_now());
}

static int write_draft_alone(struct verdict_writer *writer, struct draft *draft, struct error *err)
{
    int result = verdicts_begin(writer->verdicts, err);

    if (result < 0)
        return result;
    return conclude(writer, draft_write(draft, writer, err), err);
}

/* Drafts that nobody commits. One that cannot be written is lost, and who wrote it learns of that by the verifier. */
static void write_old_drafts(struct verdict_writer *writer, uint64_t age)
{
    uint64_t now = verdicts_now(writer->verdicts);
    struct error err = {0};

    for (size_t i = 0; i < DRAFTS_MAX; i++) {
        struct draft *draft = &writer->drafts[i];

        if (!draft->file.row || now - draft->written < age)
            continue;
        int result = write_draft_alone(writer, draft, &err);
        if (result == 0)
            continue;
        if (!is_answer(result))
            report(&err);
        renew_verifier(writer);
        draft_drop(draft, writer);
    }
}

static void sweep(struct verdict_writer *writer)
{
    uint64_t next = 0;
    struct error err;
    int result = verdicts_begin(writer->verdicts, &err);

    if (result == 0)
        result = verdicts_sweep(&next, writer->verdicts, &err);
    if (result == 0)
        result = verdicts_commit(writer->verdicts, &err);
    else
        verdicts_rollback(writer->verdicts);
    tell_readers(writer);
    if (result < 0)
        report(&err);
    writer->sweeps = result < 0 || next != UINT64_MAX;
}

static uint64_t monotonic_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool keeps_house(const struct verdict_writer *writer)
{
    return writer->sweeps || atomic_load_explicit(&writer->draft_count, memory_order_relaxed);
}

static void keep_house(struct verdict_writer *writer)
{
    uint64_t now = monotonic_ms();

    if (!keeps_house(writer) || now < writer->sweep_at)
        return;
    writer->sweep_at = now + SWEEP_MS;
    write_old_drafts(writer, DRAFT_SECONDS * NANOSECONDS);
    if (writer->sweeps)
        sweep(writer);
}

/* --- The thread --------------------------------------------------------------------------------------------------- */

static void wait_for_jobs(struct verdict_writer *writer)
{
    struct timespec until;

    if (!keeps_house(writer)) {
        pthread_cond_wait(&writer->come, &writer->lock);
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += SWEEP_MS / 1000;
    pthread_cond_timedwait(&writer->come, &writer->lock, &until);
}

/* What has come, JOBS_AT_ONCE at most; NULL: nothing, and the house may be kept. The lock is held. */
static struct verdict_job *take_jobs(struct verdict_writer *writer)
{
    struct verdict_job *first = writer->first, *job = first;

    for (unsigned count = 1; job && job->next && count < JOBS_AT_ONCE; count++)
        job = job->next;
    if (!job)
        return NULL;
    writer->first = job->next;
    if (!writer->first)
        writer->last = &writer->first;
    job->next = NULL;
    return first;
}

static void *write_verdicts(void *arg)
{
    struct verdict_writer *writer = arg;

    for (;;) {
        pthread_mutex_lock(&writer->lock);
        if (!writer->first && !writer->ending)
            wait_for_jobs(writer);
        struct verdict_job *jobs = take_jobs(writer);
        bool ended = !jobs && writer->ending;
        pthread_mutex_unlock(&writer->lock);
        if (ended)
            break;
        if (jobs)
            run_jobs(writer, jobs);
        keep_house(writer);
    }
    write_old_drafts(writer, 0);
    return NULL;
}

void verdict_writer_hand(struct verdict_writer *writer, struct verdict_job *job)
{
    job->next = NULL;
    pthread_mutex_lock(&writer->lock);
    *writer->last = job;
    writer->last = &job->next;
    pthread_cond_signal(&writer->come);
    pthread_mutex_unlock(&writer->lock);
}

const struct verdict_limits *verdict_writer_limits(const struct verdict_writer *writer)
{
    return verdicts_limits(writer->verdicts);
}

static void init_locks(struct verdict_writer *writer)
{
    pthread_condattr_t clock;

    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&writer->come, &clock);
    pthread_condattr_destroy(&clock);
    pthread_mutex_init(&writer->lock, NULL);
    pthread_mutex_init(&writer->draft_lock, NULL);
}

static void destroy(struct verdict_writer *writer)
{
    for (size_t i = 0; i < DRAFTS_MAX; i++)
        free(writer->drafts[i].bytes);
    verdicts_close(writer->verdicts);
    free(writer->scratch);
    pthread_cond_destroy(&writer->come);
    pthread_mutex_destroy(&writer->lock);
    pthread_mutex_destroy(&writer->draft_lock);
    free(writer);
}

int verdict_writer_new(struct verdict_writer **out, const char *store_directory, const struct verdict_limits *limits,
                       struct error *err)
{
    struct verdict_writer *writer = calloc(1, sizeof *writer);

    if (!writer)
        return error_system(err, ENOMEM, "the scan cache");
    init_locks(writer);
    writer->last = &writer->first;
    writer->sweeps = true;
    renew_verifier(writer);
    writer->scratch = malloc(VERDICT_SIZE_MAX);
    int result = writer->scratch ? verdicts_open(&writer->verdicts, store_directory, VERDICTS_CREATE, limits, err)
                                 : error_system(err, ENOMEM, "the scan cache");
    if (result == 0) {
        verdicts_watch(writer->verdicts, touched, writer);
        int failed = thread_start(&writer->thread, "verdicts", write_verdicts, writer);
        result = failed ? error_system(err, failed, "cannot start a thread") : 0;
    }
    if (result < 0) {
        destroy(writer);
        return result;
    }
    *out = writer;
    return 0;
}

void verdict_writer_free(struct verdict_writer *writer)
{
    if (!writer)
        return;
    pthread_mutex_lock(&writer->lock);
    writer->ending = true;
    pthread_cond_signal(&writer->come);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    destroy(writer);
}
