/* verdict_draft.h - inside nfsd: the writer as its own files see it, and the drafts of unstable WRITEs. */
#ifndef NFSD_VERDICT_DRAFT_H
#define NFSD_VERDICT_DRAFT_H

#include "nfsd/verdict_writer.h"

#include <pthread.h>

#define GENERATIONS 4096u /* a power of two: so many numbers share all rows, and as many all names */

struct draft {
    struct verdict_file file; /* as it will be; row 0: the slot is free */
    uint8_t *bytes;
    size_t room;
    uint64_t written; /* ns, of the cache's clock: the last WRITE */
    bool settled;     /* the open transaction makes it needless */
};

struct verdict_writer {
    struct verdicts *verdicts;
    uint8_t verifier[VERDICT_VERIFIER_SIZE];
    uint8_t *scratch; /* VERDICT_SIZE_MAX bytes, for a content that is changed in its middle */
    uint64_t sweep_at;
    bool sweeps; /* something may expire */

    pthread_t thread;
    pthread_mutex_t lock; /* of the queue */
    pthread_cond_t come;
    struct verdict_job *first, **last;
    bool ending;

    pthread_mutex_t draft_lock; /* the writer's own thread changes drafts, under it; others read */
    struct draft drafts[DRAFTS_MAX];
    atomic_uint draft_count;

    atomic_uint_fast64_t rows[GENERATIONS], names[GENERATIONS];
    uint64_t touched_rows[GENERATIONS / 64], touched_names[GENERATIONS / 64]; /* bits: by the open transaction */
};

/* The draft of a row, or NULL. For the writer's thread. */
struct draft *draft_of(struct verdict_writer *writer, int64_t row);

/* A draft of a file with the bytes that it has in the store. NULL: no slot, no memory, or the open transaction has
 * written one of it. */
struct draft *draft_new(struct verdict_writer *writer, const struct verdict_file *file);

/* Put bytes at an offset, and zeros before them where there was nothing; -ENOMEM. */
int draft_put(struct draft *draft, struct verdict_writer *writer, uint64_t offset, const uint8_t *bytes, size_t size);

/* Give a draft these attributes. */
void draft_set(struct draft *draft, struct verdict_writer *writer, const struct verdict_file *file);

/* Write it to its row: it is settled with the transaction. */
int draft_write(struct draft *draft, struct verdict_writer *writer, struct error *err);

/* After a transaction: those that it settled go, or, when it failed, stay. */
void drafts_settle(struct verdict_writer *writer, bool committed);

/* Let one go that cannot be written. */
void draft_drop(struct draft *draft, struct verdict_writer *writer);

#endif
