/* keep.c - see keep.h. */
#include "db/keep.h"

#include "base/timestamp.h"
#include "db/image.h"
#include "db/lease.h"
#include "db/publish.h"
#include "db/sql.h"

#include <errno.h>
#include <string.h>

static const char FIND_LOOSE[] =
    "SELECT root, links, features, frame, image FROM snapshot WHERE number = ?1 AND NOT pinned"
    " AND (?2 OR NOT EXISTS (SELECT 1 FROM tag WHERE snapshot = ?1))";
static const char DROP_TAGS[] = "DELETE FROM tag WHERE snapshot = ?1";
static const char DROP_WAITING[] = "DELETE FROM waiting WHERE snapshot = ?1";
static const char DROP[] = "DELETE FROM snapshot WHERE number = ?1";
static const char MOVE_TAG[] = "INSERT INTO tag (namespace, name, snapshot)"
                               " SELECT namespace, ?2, number FROM snapshot WHERE number = ?1"
                               " ON CONFLICT DO UPDATE SET snapshot = excluded.snapshot";
static const char UNTAG[] =
    "DELETE FROM tag WHERE namespace = (SELECT id FROM namespace WHERE name = ?1) AND name = ?2";
static const char PIN[] = "UPDATE snapshot SET pinned = ?2 WHERE number = ?1";

static int run_for(struct store *store, const char *text, int64_t number, struct error *err)
{
    cleanup_reset sqlite3_stmt *statement = sql_statement(store, text, err);

    if (!statement)
        return -EIO;
    sqlite3_bind_int64(statement, 1, number);
    return sql_step(store, statement, err);
}

/* An import that began while gc sweeps may have looked at the snapshot, and then nobody else told of what it has. */
static int tell_parts(struct store *store, sqlite3_stmt *row, struct error *err)
{
    static const enum object_kind kinds[] = {OBJECT_NODE, OBJECT_NODE, OBJECT_NODE, OBJECT_FRAME, OBJECT_IMAGE};
    bool collecting;
    int result = lease_is_collecting(&collecting, store, err);

    for (int i = 0; i < (int)(sizeof kinds / sizeof *kinds) && result == 0 && collecting; i++)
        if (sqlite3_column_type(row, i) != SQLITE_NULL)
            result = lease_tell(store, kinds[i], sqlite3_column_int64(row, i), err);
    return result;
}

/* Inside a batch: 1 if it was there and is gone. */
static int forget(struct store *store, int64_t number, bool tagged, struct error *err)
{
    static const char *const drops[] = {DROP_TAGS, DROP_WAITING, DROP};
    cleanup_reset sqlite3_stmt *row = sql_statement(store, FIND_LOOSE, err);

    if (!row)
        return -EIO;
    sqlite3_bind_int64(row, 1, number);
    sqlite3_bind_int(row, 2, tagged);
    int result = sql_step(store, row, err);
    if (result != 1)
        return result;
    result = tell_parts(store, row, err);
    sqlite3_reset(row);
    for (size_t i = 0; i < sizeof drops / sizeof *drops && result == 0; i++)
        result = run_for(store, drops[i], number, err);
    return result < 0 ? result : 1;
}

/* As many as one batch has time for. */
static int forget_some(size_t *at, size_t *forgotten, struct store *store, const int64_t *numbers, size_t count,
                       bool tagged, struct error *err)
{
    size_t before = *forgotten;
    int result = sql_batch_begin(store, err);

    do {
        if (result >= 0)
            result = forget(store, numbers[*at], tagged, err);
        *forgotten += result == 1;
    } while (result >= 0 && ++*at < count && !sql_batch_is_full(store));
    if (result >= 0 && *forgotten > before)
        result = publish_touch(store, "/snap", timestamp_now(), err);
    return result < 0 ? result : store_flush(store, err);
}

int snapshots_forget(size_t *forgotten, struct store *store, const int64_t *numbers, size_t count, bool tagged,
                     struct error *err)
{
    size_t at = 0;
    int result = store_flush(store, err);

    *forgotten = 0;
    while (at < count && result == 0)
        result = forget_some(&at, forgotten, store, numbers, count, tagged, err);
    if (result < 0)
        store_rollback(store);
    return result < 0 ? result : sql_sync(store, err);
}

/* --- Names and pins ----------------------------------------------------------------------------------------------- */

/* One statement, durably. -ENOENT (err not filled): it changed nothing. */
static int change(struct store *store, sqlite3_stmt *statement, struct error *err)
{
    int result = sql_batch_begin(store, err);

    if (result >= 0)
        result = sql_step(store, statement, err);
    sqlite3_reset(statement);
    if (result == 0 && sqlite3_changes(store->db) == 0)
        result = -ENOENT;
    if (result < 0) {
        store_rollback(store);
        return result;
    }
    result = store_flush(store, err);
    return result < 0 ? result : sql_sync(store, err);
}

static int gone(const struct snapshot *snapshot, struct error *err)
{
    char id[SNAPSHOT_ID_HEX_SIZE];

    hex_encode(id, snapshot->id, SNAPSHOT_ID_SIZE);
    return error_input(err, "the snapshot %s is not there any more", id);
}

int snapshot_tag(struct store *store, const struct snapshot *snapshot, const char *tag, struct error *err)
{
    cleanup_reset sqlite3_stmt *move = sql_statement(store, MOVE_TAG, err);

    if (!move)
        return -EIO;
    if (!tag_is_valid(tag))
        return tag_refuse(tag, err);
    sqlite3_bind_int64(move, 1, snapshot->number);
    sqlite3_bind_text(move, 2, tag, -1, SQLITE_STATIC);
    int result = change(store, move, err);
    return result == -ENOENT ? gone(snapshot, err) : result;
}

int snapshot_untag(struct store *store, const char *name, struct error *err)
{
    cleanup_reset sqlite3_stmt *drop = sql_statement(store, UNTAG, err);
    const char *tag = image_tag_of(name);

    if (!drop)
        return -EIO;
    if (!tag)
        return error_input(err, "%s is no tag, such as NAMESPACE:TAG", name);
    sqlite3_bind_text(drop, 1, name, (int)(tag - 1 - name), SQLITE_STATIC);
    sqlite3_bind_text(drop, 2, tag, -1, SQLITE_STATIC);
    int result = change(store, drop, err);
    return result == -ENOENT ? error_input(err, "no snapshot has the tag %s", name) : result;
}

int snapshot_pin(struct store *store, const struct snapshot *snapshot, bool pinned, struct error *err)
{
    cleanup_reset sqlite3_stmt *pin = sql_statement(store, PIN, err);

    if (!pin)
        return -EIO;
    sqlite3_bind_int64(pin, 1, snapshot->number);
    sqlite3_bind_int(pin, 2, pinned);
    int result = change(store, pin, err);
    return result == -ENOENT ? gone(snapshot, err) : result;
}
