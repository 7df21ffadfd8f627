/* namespace_prefix.c - see namespace_prefix.h. */
#include "db/namespace_prefix.h"

#include "db/sql.h"

#include <errno.h>
#include <string.h>

#define SELECT_PREFIXES "SELECT number, id, parent, namespace, mtime, name FROM prefix"

static const char FIND[] = SELECT_PREFIXES " WHERE id = ?1 AND held > 0";
static const char FIND_BELOW[] = SELECT_PREFIXES " WHERE parent = ?1 AND name = ?2 AND held > 0";
static const char EACH_BELOW[] =
    SELECT_PREFIXES " INDEXED BY prefix_shown WHERE parent = ?1 AND number > ?2 AND held > 0 ORDER BY number";
static const char PUT[] = "INSERT INTO prefix (id, parent, name) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
static const char PUT_NAMESPACE[] =
    "UPDATE prefix SET namespace = (SELECT id FROM namespace WHERE name = ?2) WHERE id = ?1 AND namespace IS NULL";

/* --- Finding ------------------------------------------------------------------------------------------------------ */

static int read_row(struct namespace_prefix *prefix, struct store *store, sqlite3_stmt *row, struct error *err)
{
    const void *id = sqlite3_column_blob(row, 1), *above = sqlite3_column_blob(row, 2);
    int id_size = sqlite3_column_bytes(row, 1), above_size = sqlite3_column_bytes(row, 2);

    *prefix = (struct namespace_prefix){
        .number = sqlite3_column_int64(row, 0),
        .is_top = above_size == 0,
        .namespace = sqlite3_column_int64(row, 3),
        .mtime = (uint64_t)sqlite3_column_int64(row, 4),
        .name = (const char *)sqlite3_column_text(row, 5),
        .name_size = (size_t)sqlite3_column_bytes(row, 5),
    };
    if (id_size != PREFIX_ID_SIZE || (above_size && above_size != PREFIX_ID_SIZE) || !prefix->name)
        return error_system(err, EIO, "a prefix of namespaces in %s is damaged", store_directory(store));
    memcpy(prefix->id, id, PREFIX_ID_SIZE);
    if (above_size)
        memcpy(prefix->above, above, PREFIX_ID_SIZE);
    return 0;
}

static int find_row(struct namespace_prefix *prefix, struct store *store, sqlite3_stmt *find, struct error *err)
{
    int result = sql_step(store, find, err);

    if (result != 1)
        return result < 0 ? result : -ENOENT;
    result = read_row(prefix, store, find, err);
    prefix->name = NULL; /* it goes with the row */
    return result;
}

/* What stands at the top stands in an empty id. */
static void bind_above(sqlite3_stmt *statement, int column, const uint8_t *above)
{
    sqlite3_bind_blob(statement, column, above ? (const void *)above : "", above ? PREFIX_ID_SIZE : 0, SQLITE_STATIC);
}

int namespace_prefix_find(struct namespace_prefix *prefix, struct store *store, const uint8_t id[PREFIX_ID_SIZE],
                          struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, FIND, err);

    if (!find)
        return -EIO;
    sqlite3_bind_blob(find, 1, id, PREFIX_ID_SIZE, SQLITE_STATIC);
    return find_row(prefix, store, find, err);
}

int namespace_prefix_find_below(struct namespace_prefix *prefix, struct store *store, const uint8_t *above,
                                const char *name, size_t size, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, FIND_BELOW, err);

    if (!find)
        return -EIO;
    bind_above(find, 1, above);
    sqlite3_bind_text(find, 2, name, (int)size, SQLITE_STATIC);
    return find_row(prefix, store, find, err);
}

int namespace_prefix_visit(struct store *store, const uint8_t *above, int64_t after,
                           int (*visit)(void *arg, const struct namespace_prefix *prefix), void *arg, struct error *err)
{
    cleanup_reset sqlite3_stmt *rows = sql_statement(store, EACH_BELOW, err);
    struct namespace_prefix prefix;
    int result;

    if (!rows)
        return -EIO;
    bind_above(rows, 1, above);
    sqlite3_bind_int64(rows, 2, after);
    while ((result = sql_step(store, rows, err)) == 1) {
        result = read_row(&prefix, store, rows, err);
        if (result == 0)
            result = visit(arg, &prefix);
        if (result != 0)
            break;
    }
    return result;
}

/* --- Adding ------------------------------------------------------------------------------------------------------- */

static int put_row(struct store *store, const struct digest *prefix, const struct digest *above, const char *name,
                   size_t size, struct error *err)
{
    cleanup_reset sqlite3_stmt *put = sql_statement(store, PUT, err);

    if (!put)
        return -EIO;
    sqlite3_bind_blob(put, 1, prefix->bytes, PREFIX_ID_SIZE, SQLITE_STATIC);
    bind_above(put, 2, above ? above->bytes : NULL);
    sqlite3_bind_text(put, 3, name, (int)size, SQLITE_STATIC);
    return sql_step(store, put, err);
}

static int put_namespace(struct store *store, const struct digest *prefix, const char *namespace, struct error *err)
{
    cleanup_reset sqlite3_stmt *put = sql_statement(store, PUT_NAMESPACE, err);

    if (!put)
        return -EIO;
    sqlite3_bind_blob(put, 1, prefix->bytes, PREFIX_ID_SIZE, SQLITE_STATIC);
    sqlite3_bind_text(put, 2, namespace, -1, SQLITE_STATIC);
    return sql_step(store, put, err);
}

int namespace_prefix_put(struct store *store, const char *namespace, struct error *err)
{
    struct digest prefix, above;
    int result = 0;

    for (const char *name = namespace, *end; result == 0; name = end + 1) {
        end = strchrnul(name, '/');
        sha256_of(&prefix, store->sha, namespace, (size_t)(end - namespace));
        result = put_row(store, &prefix, name > namespace ? &above : NULL, name, (size_t)(end - name), err);
        if (!*end)
            break;
        above = prefix;
    }
    return result < 0 ? result : put_namespace(store, &prefix, namespace, err);
}
