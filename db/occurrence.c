/* occurrence.c - the queries that climb. A row of an item has the id node * 64 + position. */
#include "db/occurrence.h"

#include "db/entry.h"
#include "db/snapshot_row.h"

#include <errno.h>

/* Node, name or NULL, flags. */
static const char OF_BLOB[] = "SELECT id >> 6, name, flags FROM entry WHERE content = ?1";
static const char OF_NAME[] = "SELECT id >> 6, name, flags FROM entry WHERE name GLOB ?1";
static const char OF_NODE[] = "SELECT id >> 6, NULL, 0 FROM child WHERE node = ?1"
                              " UNION ALL SELECT id >> 6, name, 0 FROM entry WHERE subtree = ?1";
/* The condition on the type is the index's own. */
static const char OF_PACKAGE[] =
    "SELECT node, key || coalesce(' ' || version, ''), 0 FROM"
    " (SELECT f.id >> 6 AS node, key, json_bytes(json_extract(feature_value(v.data, f.id & 63), '$.pkgversion'))"
    "  AS version"
    "  FROM feature AS f LEFT JOIN feature_values AS v ON v.node = f.id >> 6"
    "  WHERE f.type GLOB '*package' AND f.key = ?1) WHERE ?2 IS NULL OR version = ?2";
static const char OF_ROOT[] = "SELECT number, namespace FROM snapshot WHERE root = ?1"
                              " UNION ALL SELECT number, namespace FROM snapshot WHERE features = ?1";
static const char HISTORY[] = SELECT_SNAPSHOTS " WHERE s.namespace = ?1 ORDER BY s.time, s.number";

static int visit_rows(struct store *store, sqlite3_stmt *rows, occurrence_visit visit, void *arg, struct error *err)
{
    int result;

    while ((result = sql_step(store, rows, err)) > 0) {
        const struct occurrence occurrence = {
            .node = sqlite3_column_int64(rows, 0),
            .name = (const char *)sqlite3_column_text(rows, 1),
            .name_size = (size_t)sqlite3_column_bytes(rows, 1),
            .made = sqlite3_column_int64(rows, 2) & ENTRY_MADE,
        };

        result = visit(arg, &occurrence);
        if (result != 0)
            return result;
    }
    return result;
}

static int visit_of_id(struct store *store, const char *text, int64_t id, occurrence_visit visit, void *arg,
                       struct error *err)
{
    cleanup_reset sqlite3_stmt *rows = sql_statement(store, text, err);

    if (!rows)
        return -EIO;
    sqlite3_bind_int64(rows, 1, id);
    return visit_rows(store, rows, visit, arg, err);
}

int occurrence_visit_blob(struct store *store, int64_t blob, occurrence_visit visit, void *arg, struct error *err)
{
    return visit_of_id(store, OF_BLOB, blob, visit, arg, err);
}

int occurrence_visit_node(struct store *store, int64_t node, occurrence_visit visit, void *arg, struct error *err)
{
    return visit_of_id(store, OF_NODE, node, visit, arg, err);
}

int occurrence_visit_name(struct store *store, const char *glob, occurrence_visit visit, void *arg, struct error *err)
{
    cleanup_reset sqlite3_stmt *rows = sql_statement(store, OF_NAME, err);

    if (!rows)
        return -EIO;
    sqlite3_bind_text(rows, 1, glob, -1, SQLITE_STATIC);
    return visit_rows(store, rows, visit, arg, err);
}

int occurrence_visit_package(struct store *store, const char *package, const char *version, occurrence_visit visit,
                             void *arg, struct error *err)
{
    cleanup_reset sqlite3_stmt *rows = sql_statement(store, OF_PACKAGE, err);

    if (!rows)
        return -EIO;
    sqlite3_bind_text(rows, 1, package, -1, SQLITE_STATIC);
    if (version)
        sqlite3_bind_text(rows, 2, version, -1, SQLITE_STATIC);
    return visit_rows(store, rows, visit, arg, err);
}

int occurrence_visit_root(struct store *store, int64_t node,
                          int (*visit)(void *arg, int64_t snapshot, int64_t namespace), void *arg, struct error *err)
{
    cleanup_reset sqlite3_stmt *rows = sql_statement(store, OF_ROOT, err);
    int result;

    if (!rows)
        return -EIO;
    sqlite3_bind_int64(rows, 1, node);
    while ((result = sql_step(store, rows, err)) > 0) {
        result = visit(arg, sqlite3_column_int64(rows, 0), sqlite3_column_int64(rows, 1));
        if (result != 0)
            break;
    }
    return result;
}

int occurrence_visit_history(struct store *store, int64_t namespace,
                             int (*visit)(void *arg, const struct snapshot *snapshot), void *arg, struct error *err)
{
    cleanup_reset sqlite3_stmt *rows = sql_statement(store, HISTORY, err);

    if (!rows)
        return -EIO;
    sqlite3_bind_int64(rows, 1, namespace);
    return snapshot_visit_rows(store, rows, visit, arg, err);
}
