/* batch.c - batches of writes, whose turn it is to write one, and copying the WAL into the database in time. */
#include "base/cleanup.h"
#include "base/timestamp.h"
#include "db/lease.h"
#include "db/sql.h"

#include <errno.h>
#include <fcntl.h>
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

uint64_t sql_monotonic_ns(void)
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
    store->batch_began = sql_monotonic_ns();
    result = lease_hold(store, err);
    if (result < 0)
        store_rollback(store);
    return result < 0 ? result : 1;
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
void sql_checkpoint(struct store *store)
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

/* The index has the first 8 bytes of digests: half as large, and of so many objects as there will be no two agree in
 * them by chance. */
#define FIND_BY_DIGEST(table) "SELECT id FROM " table " WHERE substr(digest, 1, 8) = substr(?1, 1, 8) AND digest = ?1"

/* How objects are found by digest, and whether a row is there. */
static const struct {
    const char *find, *exists;
} OBJECTS[] = {
    [OBJECT_BLOB] = {"SELECT id FROM blob WHERE digest = ?1 AND NOT EXISTS (SELECT 1 FROM lost WHERE blob = id)",
                     "SELECT 1 FROM blob WHERE id = ?1"},
    [OBJECT_NODE] = {FIND_BY_DIGEST("node"), "SELECT 1 FROM node WHERE id = ?1"},
    [OBJECT_CHUNK] = {FIND_BY_DIGEST("chunk"), "SELECT 1 FROM chunk WHERE id = ?1"},
    [OBJECT_FRAME] = {"SELECT id FROM frame WHERE digest = ?1", "SELECT 1 FROM frame WHERE id = ?1"},
    [OBJECT_LAYER] = {NULL, "SELECT 1 FROM layer WHERE number = ?1"},
    [OBJECT_CHAIN] = {NULL, "SELECT 1 FROM chain WHERE number = ?1"},
    [OBJECT_IMAGE] = {NULL, "SELECT 1 FROM image WHERE number = ?1"},
};

static int look_up(int64_t *id, struct store *store, enum object_kind kind, const struct digest *digest,
                   struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, OBJECTS[kind].find, err);

    if (!find)
        return -EIO;
    sql_bind_digest(find, 1, digest);
    int result = sql_step(store, find, err);
    if (result == 1)
        *id = sqlite3_column_int64(find, 0);
    return result;
}

/* gc sweeps: what was found may go before it is told, so it is looked for again where that can be excluded. */
static int find_and_tell(int64_t *id, struct store *store, enum object_kind kind, const struct digest *digest,
                         struct error *err)
{
    int result = sql_batch_begin(store, err);

    if (result == 1)
        result = look_up(id, store, kind, digest, err);
    else if (result == 0)
        result = 1;
    if (result != 1)
        return result;
    result = lease_tell(store, kind, *id, err);
    return result < 0 ? result : 1;
}

int sql_find_digest(int64_t *id, struct store *store, enum object_kind kind, const struct digest *digest,
                    struct error *err)
{
    int result = look_up(id, store, kind, digest, err);

    if (result == 1 && store->stamps)
        result = find_and_tell(id, store, kind, digest, err);
    if (result != 1 || !store->in_batch)
        return result;
    /* What is only looked up takes time too, while others wait for a batch that was opened for something new. */
    result = sql_batch_wrote(store, 0, err);
    return result < 0 ? result : 1;
}

int sql_find_or_begin(int64_t *id, struct store *store, enum object_kind kind, const struct digest *digest,
                      struct error *err)
{
    int result = sql_find_digest(id, store, kind, digest, err);

    /* Most of what is put is there already, and looking takes no lock. But before the lock was had, somebody may have
     * put it. */
    if (result == 0 && (result = sql_batch_begin(store, err)) == 1)
        result = sql_find_digest(id, store, kind, digest, err);
    return result;
}

int sql_saw(struct store *store, enum object_kind kind, int64_t id, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = NULL;

    if (!store->stamps)
        return 0;
    int result = sql_batch_begin(store, err);
    if (result >= 0)
        result = sql_find_row(&find, store, OBJECTS[kind].exists, id, err);
    return result < 0 ? result : lease_tell(store, kind, id, err);
}

bool sql_batch_is_full(const struct store *store)
{
    return store->batch_bytes >= BATCH_BYTES_MAX || sql_monotonic_ns() - store->batch_began >= BATCH_NS_MAX;
}

int sql_batch_wrote(struct store *store, size_t bytes, struct error *err)
{
    store->batch_bytes += bytes;
    return sql_batch_is_full(store) ? store_flush(store, err) : 0;
}

int store_yield(struct store *store, struct error *err)
{
    return store->in_batch ? sql_batch_wrote(store, 0, err) : lease_renew(store, err);
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
        sql_checkpoint(store);
    return result;
}

int sql_sync(struct store *store, struct error *err)
{
    cleanup_close int fd = openat(store->directory_fd, "confuse.db-wal", O_RDONLY | O_CLOEXEC);

    /* No WAL: it was copied into the database, which syncs both. */
    if (fd < 0 ? errno != ENOENT : fdatasync(fd) < 0)
        return error_system(err, errno, "cannot sync %s/confuse.db-wal", store->directory);
    return 0;
}

void store_rollback(struct store *store)
{
    if (store->in_batch)
        sql_run(store, ROLLBACK, NULL);
    store->in_batch = false;
}
