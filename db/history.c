/* history.c - see history.h. */
#include "db/history.h"

#include "db/sql.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SELECT_VERSIONS                                                                                                \
    "SELECT s.number, s.id, s.time, NOT EXISTS (SELECT 1 FROM snapshot AS n"                                           \
    " WHERE n.namespace = s.namespace AND n.time = s.time AND n.number > s.number) FROM snapshot AS s"

static const char FIND_NAMESPACE[] = "SELECT id FROM namespace WHERE name = ?1";
static const char FIND_NEWEST[] = SELECT_VERSIONS " INDEXED BY snapshot_history WHERE s.namespace = ?1 AND s.time <= ?2"
                                                  " ORDER BY s.time DESC, s.number DESC LIMIT 1";
/* Ids are few that begin alike, versions of one time need not be. */
static const char FIND_BY_ID[] = SELECT_VERSIONS " WHERE s.id BETWEEN ?3 AND ?4 AND +s.namespace = ?1 AND +s.time = ?2"
                                                 " ORDER BY +s.number DESC LIMIT 1";
static const char EACH[] = SELECT_VERSIONS " INDEXED BY snapshot_namespace WHERE s.namespace = ?1 AND s.number > ?2"
                                           " ORDER BY s.number";

/* --- Names -------------------------------------------------------------------------------------------------------- */

bool history_time(uint64_t *time, const char *text, size_t size)
{
    *time = TIMESTAMP_MAX;
    return (size == strlen("latest") && memcmp(text, "latest", size) == 0) || timestamp_parse_partial(time, text, size);
}

void version_name(char out[VERSION_NAME_SIZE], const struct version *version)
{
    char id[SNAPSHOT_ID_HEX_SIZE];

    timestamp_format(out, version->time);
    if (version->current)
        return;
    hex_encode(id, version->id, SNAPSHOT_ID_SIZE);
    size_t size = strlen(out);
    snprintf(out + size, VERSION_NAME_SIZE - size, ".%.*s", VERSION_ID_DIGITS, id);
}

/* What a name as version_name() writes it says; without digits of an id *id is NULL. */
static bool read_name(uint64_t *time, const char **id, const char *name, size_t size)
{
    const size_t behind = 1 + VERSION_ID_DIGITS;
    bool has_id = size > behind && name[size - behind] == '.' && name[size - behind - 1] == 'Z';
    size_t time_size = has_id ? size - behind : size;
    uint8_t digits[VERSION_ID_DIGITS / 2];
    char again[TIMESTAMP_TEXT_SIZE], digits_again[VERSION_ID_DIGITS + 1];

    if (!timestamp_parse(time, name, time_size))
        return false;
    timestamp_format(again, *time);
    if (strlen(again) != time_size || memcmp(again, name, time_size) != 0)
        return false;
    *id = has_id ? name + time_size + 1 : NULL;
    if (!has_id)
        return true;
    if (!hex_decode(digits, sizeof digits, *id, VERSION_ID_DIGITS))
        return false;
    hex_encode(digits_again, digits, sizeof digits);
    return memcmp(digits_again, *id, VERSION_ID_DIGITS) == 0;
}

bool history_is_name(const char *name, size_t size)
{
    const char *id;
    uint64_t time;

    return history_time(&time, name, size) || read_name(&time, &id, name, size);
}

/* --- Finding ------------------------------------------------------------------------------------------------------ */

int history_namespace(int64_t *namespace, struct store *store, const char *name, size_t size, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, FIND_NAMESPACE, err);

    if (!find)
        return -EIO;
    sqlite3_bind_text(find, 1, name, (int)size, SQLITE_STATIC);
    int result = sql_step(store, find, err);
    if (result == 1)
        *namespace = sqlite3_column_int64(find, 0);
    return result == 1 ? 0 : result < 0 ? result : -ENOENT;
}

/* Step: 1 with *version filled, 0 when there is no more, or an error. */
static int next_row(struct version *version, struct store *store, sqlite3_stmt *rows, struct error *err)
{
    int result = sql_step(store, rows, err);

    if (result != 1)
        return result;
    const void *id = sqlite3_column_blob(rows, 1);
    *version = (struct version){
        .number = sqlite3_column_int64(rows, 0),
        .time = (uint64_t)sqlite3_column_int64(rows, 2),
        .current = sqlite3_column_int(rows, 3),
    };
    if (!id || sqlite3_column_bytes(rows, 1) != SNAPSHOT_ID_SIZE)
        return error_system(err, EIO, "snapshot %lld is damaged", (long long)version->number);
    memcpy(version->id, id, SNAPSHOT_ID_SIZE);
    return 1;
}

static int only_row(struct version *version, struct store *store, sqlite3_stmt *rows, struct error *err)
{
    int result = next_row(version, store, rows, err);

    return result == 1 ? 0 : result < 0 ? result : -ENOENT;
}

int history_newest(struct version *version, struct store *store, int64_t namespace, uint64_t time, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, FIND_NEWEST, err);

    if (!find)
        return -EIO;
    sqlite3_bind_int64(find, 1, namespace);
    sqlite3_bind_int64(find, 2, (int64_t)time);
    return only_row(version, store, find, err);
}

static int find_by_id(struct version *version, struct store *store, int64_t namespace, uint64_t time,
                      const char *digits, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, FIND_BY_ID, err);
    uint8_t low[SNAPSHOT_ID_SIZE], high[SNAPSHOT_ID_SIZE];

    if (!find)
        return -EIO;
    memset(low, 0, sizeof low);
    memset(high, 0xff, sizeof high);
    if (!hex_decode(low, VERSION_ID_DIGITS / 2, digits, VERSION_ID_DIGITS))
        return -ENOENT;
    memcpy(high, low, VERSION_ID_DIGITS / 2);
    sqlite3_bind_int64(find, 1, namespace);
    sqlite3_bind_int64(find, 2, (int64_t)time);
    sqlite3_bind_blob(find, 3, low, sizeof low, SQLITE_STATIC);
    sqlite3_bind_blob(find, 4, high, sizeof high, SQLITE_STATIC);
    return only_row(version, store, find, err);
}

int history_find(struct version *version, struct store *store, int64_t namespace, const char *name, size_t size,
                 struct error *err)
{
    const char *id;
    uint64_t time;

    if (!read_name(&time, &id, name, size))
        return -ENOENT;
    if (id)
        return find_by_id(version, store, namespace, time, id, err);
    int result = history_newest(version, store, namespace, time, err);
    return result == 0 && version->time != time ? -ENOENT : result;
}

int history_visit(struct store *store, int64_t namespace, int64_t after,
                  int (*visit)(void *arg, const struct version *version), void *arg, struct error *err)
{
    cleanup_reset sqlite3_stmt *rows = sql_statement(store, EACH, err);
    struct version version;
    int result;

    if (!rows)
        return -EIO;
    sqlite3_bind_int64(rows, 1, namespace);
    sqlite3_bind_int64(rows, 2, after);
    while ((result = next_row(&version, store, rows, err)) == 1) {
        result = visit(arg, &version);
        if (result != 0)
            break;
    }
    return result;
}
