/* snapshot_row.c - see snapshot_row.h. */
#include "db/snapshot_row.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_NODE = 14 }; /* column of the root's digest */

static int read_row(struct snapshot *snapshot, sqlite3_stmt *row, struct error *err)
{
    const void *id = sqlite3_column_blob(row, 1);

    *snapshot = (struct snapshot){
        .number = sqlite3_column_int64(row, 0),
        .namespace = (const char *)sqlite3_column_text(row, 2),
        .time = (uint64_t)sqlite3_column_int64(row, 3),
        .imported = (uint64_t)sqlite3_column_int64(row, 4),
        .format = (const char *)sqlite3_column_text(row, 5),
        .partial = sqlite3_column_int(row, 6),
        .frame = sqlite3_column_int64(row, 11),
        .image = sqlite3_column_int64(row, 12),
        .pinned = sqlite3_column_int(row, 13),
    };
    if (!id || sqlite3_column_bytes(row, 1) != SNAPSHOT_ID_SIZE || !snapshot->namespace || !snapshot->format ||
        !sql_column_node(&snapshot->root, row, 8, FIRST_NODE) ||
        !sql_column_node(&snapshot->links, row, 9, FIRST_NODE + SQL_NODE_COLUMNS) ||
        !sql_column_node(&snapshot->features, row, 10, FIRST_NODE + 2 * SQL_NODE_COLUMNS))
        return error_system(err, EIO, "snapshot %lld is damaged", (long long)snapshot->number);
    memcpy(snapshot->id, id, SNAPSHOT_ID_SIZE);
    snapshot->has_source = sql_column_digest(&snapshot->source, row, 7);
    return 0;
}

int snapshot_next_row(struct snapshot *snapshot, struct store *store, sqlite3_stmt *rows, struct error *err)
{
    int result = sql_step(store, rows, err);

    if (result != 1)
        return result;
    result = read_row(snapshot, rows, err);
    return result < 0 ? result : 1;
}

int snapshot_keep_row(struct snapshot *snapshot, struct store *store, sqlite3_stmt *rows, struct error *err)
{
    int result = snapshot_next_row(snapshot, store, rows, err);

    if (result != 1)
        return result < 0 ? result : -ENOENT;
    if ((size_t)snprintf(store->kept_namespace, sizeof store->kept_namespace, "%s", snapshot->namespace) >=
            sizeof store->kept_namespace ||
        (size_t)snprintf(store->kept_format, sizeof store->kept_format, "%s", snapshot->format) >=
            sizeof store->kept_format)
        return error_system(err, EIO, "snapshot %lld is damaged", (long long)snapshot->number);
    snapshot->namespace = store->kept_namespace;
    snapshot->format = store->kept_format;
    return 0;
}

int snapshot_visit_rows(struct store *store, sqlite3_stmt *rows, int (*visit)(void *, const struct snapshot *),
                        void *arg, struct error *err)
{
    struct snapshot snapshot;
    int result;

    while ((result = snapshot_next_row(&snapshot, store, rows, err)) == 1) {
        result = visit(arg, &snapshot);
        if (result != 0)
            break;
    }
    return result;
}
