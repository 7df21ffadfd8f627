/* verdict_reply.c - what was answered to calls that must not be done twice, for those that come again after a crash.
 *
 * Each peer has a ring of VERDICT_REPLIES_MAX, so keeping one is one row, and forgetting costs nothing.
 */
#include "db/verdicts.h"

#include "base/timestamp.h"
#include "db/verdict_row.h"

#include <errno.h>
#include <string.h>

/* By the index that names the call: by its peer alone SQLite would go through the whole ring. */
static const char FIND[] = "SELECT r.status, r.file, r.handle FROM peer p JOIN reply r INDEXED BY reply_call"
                           " ON r.peer = p.id WHERE p.address = ?1 AND r.xid = ?2 AND r.checksum = ?3";
static const char COUNT[] = "INSERT INTO peer (address, calls) VALUES (?1, 1)"
                            " ON CONFLICT (address) DO UPDATE SET calls = calls + 1 RETURNING id, calls";
static const char KEEP[] = "INSERT OR REPLACE INTO reply (peer, slot, xid, checksum, at, status, file, handle)"
                           " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

int verdict_reply_find(struct verdict_reply *reply, struct verdicts *verdicts, const struct verdict_call *call,
                       struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(verdicts->sql, FIND, err);

    if (!find)
        return -EIO;
    sqlite3_bind_blob(find, 1, call->peer, VERDICT_PEER_SIZE, SQLITE_STATIC);
    sqlite3_bind_int64(find, 2, call->xid);
    verdict_bind(find, 3, call->check);
    int result = sql_step(verdicts->sql, find, err);
    if (result < 0)
        return result;
    const void *id = result ? sqlite3_column_blob(find, 2) : NULL;
    if (!id || sqlite3_column_bytes(find, 2) != VERDICT_ID_SIZE)
        return -ENOENT;
    reply->status = sqlite3_column_int(find, 0);
    reply->row = sqlite3_column_int64(find, 1);
    memcpy(reply->id, id, VERDICT_ID_SIZE);
    return 0;
}

/* Whose reply it is, and the how-manieth. */
static int count_call(int64_t *peer, int64_t *number, struct verdicts *verdicts, const struct verdict_call *call,
                      struct error *err)
{
    cleanup_reset sqlite3_stmt *count = sql_statement(verdicts->sql, COUNT, err);

    if (!count)
        return -EIO;
    sqlite3_bind_blob(count, 1, call->peer, VERDICT_PEER_SIZE, SQLITE_STATIC);
    int result = sql_step(verdicts->sql, count, err);
    if (result < 0)
        return result;
    *peer = sqlite3_column_int64(count, 0);
    *number = sqlite3_column_int64(count, 1);
    result = sql_step(verdicts->sql, count, err); /* to its end */
    return result < 0 ? result : 0;
}

int verdict_reply_keep(struct verdicts *verdicts, const struct verdict_call *call, const struct verdict_reply *reply,
                       struct error *err)
{
    int64_t peer, number;
    int result = count_call(&peer, &number, verdicts, call, err);

    if (result < 0)
        return result;
    cleanup_reset sqlite3_stmt *keep = sql_statement(verdicts->sql, KEEP, err);
    if (!keep)
        return -EIO;
    sqlite3_bind_int64(keep, 1, peer);
    sqlite3_bind_int64(keep, 2, number % VERDICT_REPLIES_MAX);
    sqlite3_bind_int64(keep, 3, call->xid);
    verdict_bind(keep, 4, call->check);
    verdict_bind(keep, 5, verdicts_now(verdicts));
    sqlite3_bind_int(keep, 6, reply->status);
    sqlite3_bind_int64(keep, 7, reply->row);
    sqlite3_bind_blob(keep, 8, reply->id, VERDICT_ID_SIZE, SQLITE_STATIC);
    return sql_step(verdicts->sql, keep, err);
}
