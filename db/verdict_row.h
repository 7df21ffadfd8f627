/* verdict_row.h - inside db: the scan cache's connection and rows, for the files that implement verdicts.h. */
#ifndef DB_VERDICT_ROW_H
#define DB_VERDICT_ROW_H

#include "db/sql.h"
#include "db/verdicts.h"

struct verdicts {
    struct store *sql; /* the connection to verdicts.db and its statements; nothing else of a store */
    struct verdict_limits limits;
    uint64_t (*now)(void *arg);
    void *now_arg;
    verdict_watcher watcher; /* NULL: nobody wants to know */
    void *watcher_arg;
};

/* The columns of a file, in the order that verdict_row_read() takes them. */
#define VERDICT_COLUMNS                                                                                                \
    "id, directory, handle, kind, mode, uid, gid, size, mtime, ctime, expires, held_files, held_bytes"
#define VERDICT_COLUMN_COUNT 13

void verdict_row_read(struct verdict_file *file, sqlite3_stmt *row);

/* Is it past its time? */
bool verdict_has_expired(const struct verdict_file *file, const struct verdicts *verdicts);

/* The file that stands in a row, unless it has expired: -ENOENT. */
int verdict_row_take(struct verdict_file *file, struct verdicts *verdicts, sqlite3_stmt *row, struct error *err);

/* Times and ids are 64 bits without a sign here, and with one in SQLite. */
static inline void verdict_bind(sqlite3_stmt *statement, int column, uint64_t value)
{
    sqlite3_bind_int64(statement, column, (int64_t)value);
}

#endif
