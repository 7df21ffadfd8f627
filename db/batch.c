/* batch.c - batches of writes, whose turn it is to write one, and copying the WAL into the database in time. */
#include "base/timestamp.h"
#include "db/sql.h"

#include <errno.h>
#include <sys/file.h>
#include <time.h>

/* doc/PERFORMANCE.md has the measurements behind these. */
#define BATCH_BYTES_MAX (4u << 20) /* a batch is committed when it holds this much … */
#define BATCH_NS_MAX 50000000u     /* … or is this old: others wait for the lock no longer */

#define WAL_PAGES_MAX 8192     /* of 8 KiB: 64 MiB, past which a commit checkpoints */
#define WAL_PAGES_STEP 1024    /* where readers kept a checkpoint from its end, the next one comes so much later */
#define CHECKPOINT_WAIT_MS 200 /* for a writer's batch, or for readers to let go of what is old */

static const char BEGIN[] = "BEGIN IMMEDIATE";
static const char COMMIT[] = "COMMIT";
static const char ROLLBACK[] = "ROLLBACK";

static uint64_t monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

/* --- Turns -------------------------------------------------------------------------------------------------------- */

/* SQLite's waiting writers only look now and then, so one that writes batch after batch could keep them out for long.
 * Whoever wants the next batch therefore holds the directory's lock until he has it: others stand in line there. */
static int wait_for_turn(struct store *store, struct error *err)
{
    while (flock(store->directory_fd, LOCK_EX) < 0)
        if (errno != EINTR)
            return error_system(err, errno, "cannot lock %s", store->directory);
    return 0;
}

static void end_turn(struct store *store)
{
    flock(store->directory_fd, LOCK_UN);
}

int sql_batch_begin(struct store *store, struct error *err)
{
    if (store->in_batch)
        return 0;
    int result = wait_for_turn(store, err);
    if (result < 0)
        return result;
    result = sql_run(store, BEGIN, err);
    end_turn(store);
    if (result < 0)
        return result;
    store->in_batch = true;
    store->batch_bytes = 0;
    store->batch_began = monotonic_ns();
    return 1;
}

/* --- The WAL ------------------------------------------------------------------------------------------------------ */

static int note_pages(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct store *store = arg;

    (void)db, (void)name;
    store->wal_pages = pages;
    return SQLITE_OK;
}

void sql_watch_wal(struct store *store)
{
    store->checkpoint_at = WAL_PAGES_MAX;
    sqlite3_wal_hook(store->db, note_pages, store);
}

/* Copy the WAL into the database. The WAL begins anew only when no page was added behind the copy's back, which among
 * writers that never pause does not happen by itself: so most is copied beside them, and the little that came
 * meanwhile while they wait. A failure costs room, nothing else, and shows at the next commit. */
static void checkpoint(struct store *store)
{
    int pages = 0, copied = 0;

    sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);
    if (copied < pages && wait_for_turn(store, NULL) == 0) {
        sqlite3_busy_timeout(store->db, CHECKPOINT_WAIT_MS);
        sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_FULL, &pages, &copied);
        sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
        end_turn(store);
    }
    store->checkpoint_at = copied < pages ? pages + WAL_PAGES_STEP : WAL_PAGES_MAX;
}

/* --- Batches ------------------------------------------------------------------------------------------------------ */

int sql_find_digest(int64_t *id, struct store *store, const char *text, const struct digest *digest, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, text, err);

    if (!find)
        return -EIO;
    sql_bind_digest(find, 1, digest);
    int result = sql_step(store, find, err);
    if (result != 1)
        return result;
    *id = sqlite3_column_int64(find, 0);
    if (!store->in_batch)
        return 1;
    /* What is only looked up takes time too, while others wait for a batch that was opened for something new. (Reset,
     * since SQLite does not checkpoint behind a commit while a statement reads.) */
    sqlite3_reset(find);
    result = sql_batch_wrote(store, 0, err);
    return result < 0 ? result : 1;
}

int sql_find_or_begin(int64_t *id, struct store *store, const char *text, const struct digest *digest,
                      struct error *err)
{
    int result = sql_find_digest(id, store, text, digest, err);

    /* Most of what is put is there already, and looking takes no lock. But before the lock was had, somebody may have
     * put it. */
    if (result == 0 && (result = sql_batch_begin(store, err)) == 1)
        result = sql_find_digest(id, store, text, digest, err);
    return result;
}

int sql_batch_wrote(struct store *store, size_t bytes, struct error *err)
{
    store->batch_bytes += bytes;
    if (store->batch_bytes < BATCH_BYTES_MAX && monotonic_ns() - store->batch_began < BATCH_NS_MAX)
        return 0;
    return store_flush(store, err);
}

int store_yield(struct store *store, struct error *err)
{
    return store->in_batch ? sql_batch_wrote(store, 0, err) : 0;
}

int store_flush(struct store *store, struct error *err)
{
    if (!store->in_batch)
        return 0;
    int result = sql_run(store, COMMIT, err);
    if (result < 0)
        store_rollback(store);
    store->in_batch = false;
    if (result == 0 && store->wal_pages >= store->checkpoint_at)
        checkpoint(store);
    return result;
}

void store_rollback(struct store *store)
{
    if (store->in_batch)
        sql_run(store, ROLLBACK, NULL);
    store->in_batch = false;
}
