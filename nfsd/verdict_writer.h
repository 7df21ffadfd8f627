/* verdict_writer.h - the one who writes to the scan cache: a thread with the only connection that does.
 *
 * Workers park their calls and hand it jobs. It does all that have come in one transaction, makes that durable by one
 * sync, and then lets their calls be answered: a thousand verdicts cost as many syncs as they took turns. What it has
 * written it tells by generations (below), before anybody is answered.
 *
 * Data of unstable WRITEs are drafts, in memory, until a COMMIT, a stable WRITE or DRAFT_SECONDS: then the row is
 * written once. A reader sees a draft as the file. The write verifier is random at each start, and changes when a draft
 * is lost.
 */
#ifndef NFSD_VERDICT_WRITER_H
#define NFSD_VERDICT_WRITER_H

#include "base/error.h"
#include "db/verdicts.h"
#include "rpc/server.h"

#include <stdatomic.h>

#define DRAFTS_MAX 64u     /* files, of 1 MiB at most: 64 MiB. One more WRITE is made stable at once */
#define DRAFT_SECONDS 30u  /* after its last WRITE it is written without anybody asking */
#define JOBS_AT_ONCE 1024u /* in one transaction, so that the first of them does not wait for long */
#define SWEEP_MS 1000      /* between looks for what has expired */

struct verdict_writer;

/* Which of its attributes a job changes. */
struct verdict_change {
    bool mode, uid, gid, size, mtime_now, mtime;
    struct verdict_file to; /* their values */
};

/* One change that a call asks for, in the memory of its parked call. */
struct verdict_job {
    /* What is to be done: 0, or a negative errno as in db/verdicts.h. Run more than once when a transaction failed. */
    int (*run)(struct verdict_writer *writer, struct verdict_job *job, struct error *err);
    struct rpc_parked *parked;
    struct verdict_job *next;
    bool once; /* done already, it is answered as it was then: `call` */
    struct verdict_call call;

    int64_t row; /* of a file that is named by its handle */
    uint8_t id[VERDICT_ID_SIZE];
    struct verdict_name_at name, to; /* in name_bytes, to_bytes */
    char name_bytes[VERDICT_NAME_MAX + 1], to_bytes[VERDICT_NAME_MAX + 1];
    struct verdict_new as;
    struct verdict_change change;
    bool guarded; /* SETATTR: only if its ctime is `guard` */
    uint64_t guard;
    uint64_t offset;
    uint32_t count;
    bool stable;
    const uint8_t *data;

    struct verdict_result {
        int error;
        struct verdict_file before, file;        /* of the file; row 0: not known */
        struct verdict_file above_before, above; /* of its directory */
        struct verdict_file to_before, to_above; /* of the directory that it was moved to */
        bool stable;                             /* what a WRITE wrote */
        uint8_t verifier[VERDICT_VERIFIER_SIZE];
    } result;
};

/* Opens the cache, makes it where there is none, starts the thread (which takes no signals). */
int verdict_writer_new(struct verdict_writer **writer, const char *store_directory, const struct verdict_limits *limits,
                       struct error *err);

/* After the server has ended to run and before it is freed: does what was handed over, writes all drafts. */
void verdict_writer_free(struct verdict_writer *writer);

/* Do it, and then rpc_parked_done(job->parked). */
void verdict_writer_hand(struct verdict_writer *writer, struct verdict_job *job);

/* What jobs are (verdict_job.c). */
int verdict_job_create(struct verdict_writer *writer, struct verdict_job *job, struct error *err);
int verdict_job_make_scanner(struct verdict_writer *writer, struct verdict_job *job, struct error *err);
int verdict_job_set(struct verdict_writer *writer, struct verdict_job *job, struct error *err);
int verdict_job_write(struct verdict_writer *writer, struct verdict_job *job, struct error *err);
int verdict_job_commit(struct verdict_writer *writer, struct verdict_job *job, struct error *err);
int verdict_job_remove(struct verdict_writer *writer, struct verdict_job *job, struct error *err);
int verdict_job_remove_scanner(struct verdict_writer *writer, struct verdict_job *job, struct error *err);
int verdict_job_rename(struct verdict_writer *writer, struct verdict_job *job, struct error *err);

const struct verdict_limits *verdict_writer_limits(const struct verdict_writer *writer);

/* --- For who reads ------------------------------------------------------------------------------------------------ */

/* A number that rises with each commit that changed the row (or one that shares its number): what was read from the
 * store after looking at it is true as long as it stays. The same for a name in a directory. */
uint64_t verdict_generation(const struct verdict_writer *writer, int64_t row);
uint64_t verdict_name_generation(const struct verdict_writer *writer, uint64_t hash); /* name_hash() */

/* The file as its draft has it, if it has one. To be asked before the store is: a draft goes after its row was written.
 */
bool verdict_draft_find(struct verdict_file *file, struct verdict_writer *writer, int64_t row);

/* Bytes of a draft; false: it has none. */
bool verdict_draft_read(void *out, size_t *read, struct verdict_writer *writer, int64_t row, uint64_t offset,
                        size_t size);

#endif
