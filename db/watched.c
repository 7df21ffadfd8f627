/* watched.c - see watched.h. */
#include "db/watched.h"

#include "db/sql.h"

#include <errno.h>
#include <stdio.h>

static const char FIND[] = "SELECT rejected FROM watched WHERE directory = ?1 AND name = ?2 AND size = ?3"
                           " AND inode = ?4 AND mtime = ?5";
static const char PUT[] = "INSERT OR REPLACE INTO watched (directory, name, size, inode, mtime, rejected)"
                          " VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
static const char DROP[] = "DELETE FROM watched WHERE directory = ?1 AND name = ?2";
static const char NEXT[] = "SELECT name FROM watched WHERE directory = ?1 AND name > ?2 ORDER BY name LIMIT 1";

static void bind_file(sqlite3_stmt *statement, const struct watched *file)
{
    sqlite3_bind_text(statement, 1, file->directory, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, file->name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 3, (int64_t)file->size);
    sqlite3_bind_int64(statement, 4, (int64_t)file->inode);
    sqlite3_bind_int64(statement, 5, (int64_t)file->mtime);
}

int watched_find(struct watched *file, struct store *store, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, FIND, err);

    if (!find)
        return -EIO;
    bind_file(find, file);
    int result = sql_step(store, find, err);
    if (result != 1)
        return result < 0 ? result : -ENOENT;
    file->rejected = sqlite3_column_int(find, 0);
    return 0;
}

int watched_put(struct store *store, const struct watched *file, struct error *err)
{
    cleanup_reset sqlite3_stmt *put = sql_statement(store, PUT, err);
    int result = put ? sql_batch_begin(store, err) : -EIO;

    if (result < 0)
        return result;
    bind_file(put, file);
    sqlite3_bind_int(put, 6, file->rejected);
    result = sql_step(store, put, err);
    return result < 0 ? result : store_flush(store, err);
}

int watched_drop(struct store *store, const char *directory, const char *name, struct error *err)
{
    cleanup_reset sqlite3_stmt *drop = sql_statement(store, DROP, err);
    int result = drop ? sql_batch_begin(store, err) : -EIO;

    if (result < 0)
        return result;
    sqlite3_bind_text(drop, 1, directory, -1, SQLITE_STATIC);
    sqlite3_bind_text(drop, 2, name, -1, SQLITE_STATIC);
    result = sql_step(store, drop, err);
    return result < 0 ? result : store_flush(store, err);
}

int watched_next(char name[WATCHED_NAME_SIZE], struct store *store, const char *directory, const char *after,
                 struct error *err)
{
    cleanup_reset sqlite3_stmt *next = sql_statement(store, NEXT, err);

    if (!next)
        return -EIO;
    sqlite3_bind_text(next, 1, directory, -1, SQLITE_STATIC);
    sqlite3_bind_text(next, 2, after, -1, SQLITE_STATIC);
    int result = sql_step(store, next, err);
    if (result != 1)
        return result < 0 ? result : -ENOENT;
    snprintf(name, WATCHED_NAME_SIZE, "%s", (const char *)sqlite3_column_text(next, 0));
    return 0;
}
