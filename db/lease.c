/* lease.c - see lease.h. */
#include "db/lease.h"

#include "base/timestamp.h"
#include "db/sql.h"

#include <errno.h>
#include <fcntl.h>

#define COLLECTOR_BYTE 0 /* of `leases`; numbers of leases begin with 1 */
#define LEASES_AT_ONCE 64

static const char NEWEST[] = "SELECT epoch, ended FROM collection ORDER BY epoch DESC LIMIT 1";
static const char INSERT[] = "INSERT INTO lease (epoch, renewed) VALUES (?1, ?2)";
static const char EXISTS[] = "SELECT 1 FROM lease WHERE id = ?1";
static const char RENEW[] = "UPDATE lease SET renewed = ?2 WHERE id = ?1";
static const char DELETE[] = "DELETE FROM lease WHERE id = ?1";
static const char OLDER[] = "SELECT id, renewed FROM lease WHERE epoch < ?1 AND id > ?2 ORDER BY id LIMIT ?3";
static const char TELL[] = "INSERT OR IGNORE INTO seen (kind, id) VALUES (?1, ?2)";

/* --- Bytes -------------------------------------------------------------------------------------------------------- */

static int open_bytes(struct store *store, struct error *err)
{
    if (store->leases_fd < 0)
        store->leases_fd = openat(store->directory_fd, "leases", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return store->leases_fd < 0 ? error_system(err, errno, "%s/leases", store->directory) : 0;
}

/* Locks of a descriptor, not of a process: connections of one process are as strange to each other as others. */
static int lock_byte(struct store *store, int64_t byte, short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

    return fcntl(store->leases_fd, F_OFD_SETLK, &lock) < 0 ? -errno : 0;
}

/* Has somebody else locked it? What cannot be told counts as locked. */
static bool is_locked(const struct store *store, int64_t byte)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

    return fcntl(store->leases_fd, F_OFD_GETLK, &lock) < 0 || lock.l_type != F_UNLCK;
}

/* --- Rows --------------------------------------------------------------------------------------------------------- */

static int newest_collection(int64_t *epoch, bool *ended, struct store *store, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, NEWEST, err);
    int result = find ? sql_step(store, find, err) : -EIO;

    *epoch = result == 1 ? sqlite3_column_int64(find, 0) : 0;
    *ended = result != 1 || sqlite3_column_int(find, 1);
    return result < 0 ? result : 0;
}

/* A statement about one lease: 1 if it gave a row. */
static int run_for(struct store *store, const char *text, int64_t id, struct error *err)
{
    cleanup_reset sqlite3_stmt *statement = sql_statement(store, text, err);

    if (!statement)
        return -EIO;
    sqlite3_bind_int64(statement, 1, id);
    if (text == RENEW)
        sqlite3_bind_int64(statement, 2, (int64_t)sql_monotonic_ns());
    return sql_step(store, statement, err);
}

static int insert(struct store *store, struct error *err)
{
    cleanup_reset sqlite3_stmt *add = sql_statement(store, INSERT, err);

    if (!add)
        return -EIO;
    store->lease_renewed = sql_monotonic_ns();
    sqlite3_bind_int64(add, 1, store->lease_epoch);
    sqlite3_bind_int64(add, 2, (int64_t)store->lease_renewed);
    return sql_step(store, add, err);
}

/* --- Others' ------------------------------------------------------------------------------------------------------ */

struct aged {
    int64_t id;
    uint64_t renewed;
};

static int list_older(struct aged list[LEASES_AT_ONCE], struct store *store, int64_t epoch, int64_t after,
                      struct error *err)
{
    cleanup_reset sqlite3_stmt *rows = sql_statement(store, OLDER, err);
    int count = 0, result;

    if (!rows)
        return -EIO;
    sqlite3_bind_int64(rows, 1, epoch);
    sqlite3_bind_int64(rows, 2, after);
    sqlite3_bind_int(rows, 3, LEASES_AT_ONCE);
    while ((result = sql_step(store, rows, err)) == 1)
        list[count++] = (struct aged){sqlite3_column_int64(rows, 0), (uint64_t)sqlite3_column_int64(rows, 1)};
    return result < 0 ? result : count;
}

/* A clock that began anew belongs to a process that is gone. */
static bool is_alive(const struct store *store, const struct aged *lease)
{
    uint64_t now = sql_monotonic_ns();

    return is_locked(store, lease->id) && now - lease->renewed <= LEASE_SECONDS * NANOSECONDS;
}

/* --- A writer's --------------------------------------------------------------------------------------------------- */

/* Rows that killed writers, and those that simply ended, left; some of them. */
static int drop_dead(struct store *store, struct error *err)
{
    struct aged list[LEASES_AT_ONCE];
    int count = list_older(list, store, INT64_MAX, 0, err), result = count < 0 ? count : 0;

    for (int i = 0; i < count && result >= 0; i++)
        if (!is_locked(store, list[i].id))
            result = run_for(store, DELETE, list[i].id, err);
    return result;
}

/* Inside a batch, so the byte is locked before anybody sees the row. */
static int put(struct store *store, struct error *err)
{
    bool ended;
    int result = newest_collection(&store->lease_epoch, &ended, store, err);

    if (result == 0)
        result = drop_dead(store, err);
    if (result == 0)
        result = insert(store, err);
    if (result < 0)
        return result;
    int64_t id = sqlite3_last_insert_rowid(store->db);
    result = lock_byte(store, id, F_WRLCK);
    if (result < 0)
        return error_system(err, -result, "%s/leases", store->directory);
    store->lease = id;
    store->stamps = !ended && is_locked(store, COLLECTOR_BYTE);
    return 0;
}

/* Is the lease as good as a new one? What the newest collection needs to be told may have changed. */
static int is_current(struct store *store, struct error *err)
{
    int64_t epoch;
    bool ended;
    int result = newest_collection(&epoch, &ended, store, err);

    if (result == 0)
        result = run_for(store, EXISTS, store->lease, err);
    if (result != 1 || epoch != store->lease_epoch)
        return result < 0 ? result : 0;
    store->stamps = store->stamps && !ended && is_locked(store, COLLECTOR_BYTE);
    return 1;
}

int lease_begin(struct store *store, struct error *err)
{
    int result = store->lease ? is_current(store, err) : 0;

    if (result == 1)
        return lease_renew(store, err);
    if (result == 0)
        result = lease_end(store, err);
    if (result == 0)
        result = open_bytes(store, err);
    if (result == 0)
        result = sql_batch_begin(store, err);
    if (result >= 0)
        result = put(store, err);
    if (result < 0) {
        store_rollback(store);
        return result;
    }
    return store_flush(store, err);
}

int lease_end(struct store *store, struct error *err)
{
    int64_t id = store->lease;
    int result = store_flush(store, err);

    if (!id || result < 0)
        return result;
    store->lease = 0;
    store->stamps = false;
    result = sql_batch_begin(store, err);
    if (result >= 0)
        result = run_for(store, DELETE, id, err);
    if (result >= 0)
        result = store_flush(store, err);
    lock_byte(store, id, F_UNLCK);
    return result < 0 ? result : 0;
}

static bool renewal_is_due(const struct store *store)
{
    return store->lease && sql_monotonic_ns() - store->lease_renewed > LEASE_RENEW_SECONDS * NANOSECONDS;
}

int lease_hold(struct store *store, struct error *err)
{
    if (!store->lease)
        return 0;
    int result = run_for(store, EXISTS, store->lease, err);
    if (result == 0)
        return error_refused(err, ECANCELED,
                             "nothing was written into %s for more than %d minutes, and gc took meanwhile what nothing "
                             "refers to: import again",
                             store->directory, LEASE_SECONDS / 60);
    if (result < 0 || !renewal_is_due(store))
        return result < 0 ? result : 0;
    store->lease_renewed = sql_monotonic_ns();
    return run_for(store, RENEW, store->lease, err);
}

int lease_renew(struct store *store, struct error *err)
{
    if (!renewal_is_due(store))
        return 0;
    int result = sql_batch_begin(store, err);
    return result < 0 ? result : store_flush(store, err);
}

int lease_tell(struct store *store, enum object_kind kind, int64_t id, struct error *err)
{
    cleanup_reset sqlite3_stmt *tell = sql_statement(store, TELL, err);

    if (!tell)
        return -EIO;
    sqlite3_bind_int(tell, 1, kind);
    sqlite3_bind_int64(tell, 2, id);
    return sql_step(store, tell, err);
}

/* --- gc's --------------------------------------------------------------------------------------------------------- */

int lease_collect(struct store *store, struct error *err)
{
    int result = open_bytes(store, err);

    if (result < 0)
        return result;
    result = lock_byte(store, COLLECTOR_BYTE, F_WRLCK);
    if (result == -EAGAIN || result == -EACCES)
        return error_refused(err, EBUSY, "another gc runs on %s", store->directory);
    return result < 0 ? error_system(err, -result, "%s/leases", store->directory) : 0;
}

void lease_collected(struct store *store)
{
    lock_byte(store, COLLECTOR_BYTE, F_UNLCK);
}

int lease_is_collecting(bool *collecting, struct store *store, struct error *err)
{
    int64_t epoch;
    bool ended;
    int result = newest_collection(&epoch, &ended, store, err);

    *collecting = !ended;
    return result;
}

int lease_count_older(uint64_t *count, struct store *store, int64_t epoch, struct error *err)
{
    struct aged list[LEASES_AT_ONCE];
    int64_t after = 0;
    int found, result = 0;

    *count = 0;
    do {
        found = list_older(list, store, epoch, after, err);
        if (found < 0)
            return found;
        for (int i = 0; i < found && result >= 0; i++) {
            after = list[i].id;
            if (is_alive(store, &list[i]))
                ++*count;
            else if ((result = sql_batch_begin(store, err)) >= 0)
                result = run_for(store, DELETE, after, err);
        }
        if (result >= 0)
            result = store_flush(store, err);
    } while (found == LEASES_AT_ONCE && result >= 0);
    return result < 0 ? result : 0;
}
