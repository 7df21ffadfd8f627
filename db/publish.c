/* publish.c - publishing snapshots: what is there already, the rows, and when they are durable. */
#include "db/publish.h"

#include "base/cleanup.h"
#include "base/timestamp.h"
#include "db/namespace_prefix.h"
#include "db/snapshot_row.h"

#include <errno.h>
#include <string.h>

/* By its source, not along the namespace: that may have any number of versions, and nearly each has another source. */
static const char FIND_SAME[] =
    SELECT_SNAPSHOTS " WHERE s.number = (SELECT h.number FROM snapshot AS h INDEXED BY snapshot_source"
                     " JOIN namespace AS m ON m.id = h.namespace WHERE substr(h.source, 1, 8) = substr(?2, 1, 8)"
                     " AND h.source = ?2 AND m.name = ?1 AND h.root = ?3 AND h.links = ?4"
                     " ORDER BY h.time DESC, h.number DESC LIMIT 1)";
/* Without a source (a directory), a namespace may come back to what it was: that is news, and only the newest counts.
 * What ran there is news as well. */
static const char FIND_SAME_NEWEST[] =
    SELECT_SNAPSHOTS " WHERE s.number = (SELECT h.number FROM snapshot AS h JOIN namespace AS m"
                     " ON m.id = h.namespace WHERE m.name = ?1 ORDER BY h.time DESC, h.number DESC LIMIT 1)"
                     " AND s.source IS ?2 AND s.root = ?3 AND s.links = ?4 AND (s.features = ?5 OR ?6 <> 'live')";
static const char PUT_NAMESPACE[] = "INSERT INTO namespace (name) VALUES (?1) ON CONFLICT DO NOTHING";
static const char INSERT[] =
    "INSERT INTO snapshot (id, namespace, time, imported, format, partial, source, root, links,"
    " features, frame, image) VALUES (?1, (SELECT id FROM namespace WHERE name = ?2), ?3, ?4, ?5, ?6,"
    " ?7, ?8, ?9, ?10, ?11, ?12)";
static const char HEAL_FRAME[] = "UPDATE snapshot SET frame = ?2 WHERE number = ?1 AND frame IS NULL";
static const char WAIT[] = "INSERT INTO waiting (snapshot, wants) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
static const char WAIT_NO_LONGER[] = "DELETE FROM waiting WHERE snapshot = ?1";
static const char TOUCH_DIRECTORY[] = "UPDATE directory SET mtime = max(?1, mtime + 1) WHERE path = ?2";
static const char SYNC_FULL[] = "PRAGMA synchronous = FULL";
static const char SYNC_NORMAL[] = "PRAGMA synchronous = NORMAL";

int publish_touch(struct store *store, const char *directory, uint64_t time, struct error *err)
{
    cleanup_reset sqlite3_stmt *touch = sql_statement(store, TOUCH_DIRECTORY, err);

    if (!touch)
        return -EIO;
    sqlite3_bind_int64(touch, 1, (int64_t)time);
    sqlite3_bind_text(touch, 2, directory, -1, SQLITE_STATIC);
    return sql_step(store, touch, err);
}

/* The snapshot of this namespace that makes another one needless, if there is one: 1, else 0. */
static int find_same(struct snapshot *same, struct store *store, const struct snapshot *snapshot, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, snapshot->has_source ? FIND_SAME : FIND_SAME_NEWEST, err);

    if (!find)
        return -EIO;
    sqlite3_bind_text(find, 1, snapshot->namespace, -1, SQLITE_STATIC);
    if (snapshot->has_source)
        sql_bind_digest(find, 2, &snapshot->source);
    sqlite3_bind_int64(find, 3, snapshot->root.id);
    sqlite3_bind_int64(find, 4, snapshot->links.id);
    if (!snapshot->has_source) {
        sqlite3_bind_int64(find, 5, snapshot->features.id);
        sqlite3_bind_text(find, 6, snapshot->format, -1, SQLITE_STATIC);
    }
    return snapshot_next_row(same, store, find, err);
}

static int put_namespace(struct store *store, const char *name, struct error *err)
{
    cleanup_reset sqlite3_stmt *put = sql_statement(store, PUT_NAMESPACE, err);

    if (!put)
        return -EIO;
    sqlite3_bind_text(put, 1, name, -1, SQLITE_STATIC);
    int result = sql_step(store, put, err);
    return result < 0 ? result : namespace_prefix_put(store, name, err);
}

static int insert_snapshot(struct snapshot *snapshot, struct store *store, struct error *err)
{
    cleanup_reset sqlite3_stmt *add = sql_statement(store, INSERT, err);

    if (!add)
        return -EIO;
    sqlite3_bind_blob(add, 1, snapshot->id, SNAPSHOT_ID_SIZE, SQLITE_STATIC);
    sqlite3_bind_text(add, 2, snapshot->namespace, -1, SQLITE_STATIC);
    sqlite3_bind_int64(add, 3, (int64_t)snapshot->time);
    sqlite3_bind_int64(add, 4, (int64_t)snapshot->imported);
    sqlite3_bind_text(add, 5, snapshot->format, -1, SQLITE_STATIC);
    sqlite3_bind_int(add, 6, snapshot->partial);
    if (snapshot->has_source)
        sql_bind_digest(add, 7, &snapshot->source);
    sqlite3_bind_int64(add, 8, snapshot->root.id);
    sqlite3_bind_int64(add, 9, snapshot->links.id);
    sqlite3_bind_int64(add, 10, snapshot->features.id);
    sql_bind_id(add, 11, snapshot->frame);
    sql_bind_id(add, 12, snapshot->image);
    int result = sql_step(store, add, err);
    snapshot->number = sqlite3_last_insert_rowid(store->db);
    return result;
}

static int put_snapshot(struct snapshot *snapshot, struct store *store, struct error *err)
{
    snapshot_compute_id(snapshot->id, snapshot);
    snapshot->imported = timestamp_now();
    int result = put_namespace(store, snapshot->namespace, err);
    if (result == 0)
        result = insert_snapshot(snapshot, store, err);
    return result == 0 ? publish_touch(store, "/snap", snapshot->imported, err) : result;
}

static void take_same(struct snapshot *snapshot, const struct snapshot *same)
{
    memcpy(snapshot->id, same->id, SNAPSHOT_ID_SIZE);
    snapshot->number = same->number;
    snapshot->imported = same->imported;
    snapshot->time = same->time;
}

/* The frame as received may have been found damaged since. */
static int heal_frame(const struct snapshot *snapshot, struct store *store, struct error *err)
{
    cleanup_reset sqlite3_stmt *heal = sql_statement(store, HEAL_FRAME, err);

    if (!heal)
        return -EIO;
    sqlite3_bind_int64(heal, 1, snapshot->number);
    sql_bind_id(heal, 2, snapshot->frame);
    return sql_step(store, heal, err);
}

static int wait_for_image(const struct snapshot *snapshot, struct store *store, struct error *err)
{
    cleanup_reset sqlite3_stmt *wait = sql_statement(store, WAIT, err);

    if (!wait)
        return -EIO;
    sqlite3_bind_int64(wait, 1, snapshot->number);
    sqlite3_bind_text(wait, 2, snapshot->wants, -1, SQLITE_STATIC);
    return sql_step(store, wait, err);
}

static int wait_no_longer(const struct snapshot *snapshot, struct store *store, struct error *err)
{
    cleanup_reset sqlite3_stmt *end = sql_statement(store, WAIT_NO_LONGER, err);

    if (!end)
        return -EIO;
    sqlite3_bind_int64(end, 1, snapshot->number);
    return sql_step(store, end, err);
}

/* The snapshot's own rows. */
static int put_or_find(bool *is_new, struct snapshot *snapshot, struct store *store, struct error *err)
{
    struct snapshot same;
    int result = find_same(&same, store, snapshot, err);

    *is_new = result == 0;
    if (result == 0)
        result = put_snapshot(snapshot, store, err);
    else if (result > 0) {
        take_same(snapshot, &same);
        result = same.frame || !snapshot->frame ? 1 : heal_frame(snapshot, store, err) < 0 ? -EIO : 1;
    }
    if (result >= 0 && snapshot->wants)
        return wait_for_image(snapshot, store, err);
    return result > 0 && snapshot->image ? wait_no_longer(snapshot, store, err) : result < 0 ? result : 0;
}

/* Inside the transaction. */
static int put_all(bool *is_new, struct snapshot *snapshot, const struct publication *with, struct store *store,
                   struct error *err)
{
    int result = with->before ? with->before(with->arg, snapshot, store, err) : 0;

    if (result >= 0)
        result = put_or_find(is_new, snapshot, store, err);
    if (result >= 0 && with->after)
        result = with->after(with->arg, snapshot, store, err);
    return result;
}

int publish(bool *is_new, struct snapshot *snapshot, const struct publication *with, struct store *store,
            struct error *err)
{
    int result = store_flush(store, err);

    /* The commit syncs the WAL, and with it every batch before. Without a change it writes and syncs nothing. */
    if (result == 0)
        result = sql_run(store, SYNC_FULL, err);
    if (result >= 0)
        result = sql_batch_begin(store, err);
    if (result >= 0)
        result = put_all(is_new, snapshot, with, store, err);
    if (result >= 0)
        result = store_flush(store, err);
    /* One that is found may have been committed by somebody who was killed before he synced the WAL. */
    if (result == 0 && !*is_new)
        result = sql_sync(store, err);
    if (result < 0)
        store_rollback(store);
    int restored = sql_run(store, SYNC_NORMAL, result < 0 ? NULL : err);
    return result < 0 ? result : restored < 0 ? restored : 0;
}

int snapshot_publish(bool *is_new, struct snapshot *snapshot, struct store *store, struct error *err)
{
    static const struct publication alone = {0};

    return publish(is_new, snapshot, &alone, store, err);
}
