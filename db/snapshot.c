/* snapshot.c - publishing snapshots and finding them again. */
#include "db/snapshot.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/timestamp.h"
#include "db/canonical.h"
#include "db/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CANDIDATES_MAX 5 /* shown of an ambiguous prefix */

#define COLUMNS                                                                                                        \
    "s.number, s.id, n.name, s.time, s.imported, s.format, s.partial, s.source, s.root, s.links, s.features, s.frame," \
    " r.digest, r.entries, r.dirs, r.nodes, l.digest, l.entries, l.dirs, l.nodes, f.digest, f.entries, f.dirs, "       \
    "f.nodes"
#define TABLES                                                                                                         \
    " FROM snapshot AS s JOIN namespace AS n ON n.id = s.namespace JOIN node AS r ON r.id = s.root"                    \
    " JOIN node AS l ON l.id = s.links JOIN node AS f ON f.id = s.features"

static const char FIND_ID[] = "SELECT " COLUMNS TABLES " WHERE s.id = ?1";
static const char FIND_RANGE[] = "SELECT " COLUMNS TABLES " WHERE s.id BETWEEN ?1 AND ?2 ORDER BY s.id LIMIT ?3";
static const char FIND_SAME[] = "SELECT " COLUMNS TABLES " WHERE n.name = ?1 AND s.source IS ?2 AND s.root = ?3"
                                " AND s.links = ?4 ORDER BY s.time DESC, s.number DESC LIMIT 1";
/* Without a source (a directory), a namespace may come back to what it was: that is news, and only the newest counts.
 */
static const char FIND_SAME_NEWEST[] =
    "SELECT " COLUMNS TABLES " WHERE s.number = (SELECT h.number FROM snapshot AS h JOIN namespace AS m"
    " ON m.id = h.namespace WHERE m.name = ?1 ORDER BY h.time DESC, h.number DESC LIMIT 1)"
    " AND s.source IS ?2 AND s.root = ?3 AND s.links = ?4";
static const char FIND_NEWEST[] = "SELECT " COLUMNS TABLES " WHERE n.name = ?1 AND s.time <= ?2"
                                  " ORDER BY s.time DESC, s.number DESC LIMIT 1";
static const char EACH[] = "SELECT " COLUMNS TABLES " WHERE s.number > ?1 ORDER BY s.number";
static const char EACH_IN_HISTORY[] = "SELECT " COLUMNS TABLES " WHERE ?1 IS NULL OR n.name = ?1"
                                      " ORDER BY s.time DESC, s.number DESC";
static const char PUT_NAMESPACE[] = "INSERT INTO namespace (name) VALUES (?1) ON CONFLICT DO NOTHING";
static const char INSERT[] =
    "INSERT INTO snapshot (id, namespace, time, imported, format, partial, source, root, links,"
    " features, frame) VALUES (?1, (SELECT id FROM namespace WHERE name = ?2), ?3, ?4, ?5, ?6,"
    " ?7, ?8, ?9, ?10, ?11)";
static const char TOUCH_DIRECTORY[] = "UPDATE directory SET mtime = max(?1, mtime + 1) WHERE path = '/snap'";
static const char SYNC_FULL[] = "PRAGMA synchronous = FULL";
static const char SYNC_NORMAL[] = "PRAGMA synchronous = NORMAL";

int namespace_check(const char *name, size_t size, struct error *err)
{
    if (size == 0 || size > NAMESPACE_SIZE_MAX)
        return error_input(err, "a namespace has 1 to %d bytes, this one %zu", NAMESPACE_SIZE_MAX, size);
    if (memchr(name, '\0', size))
        return error_input(err, "a namespace cannot hold a NUL");
    for (const char *at = name, *end = name + size; at <= end;) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        size_t length = (size_t)((slash ? slash : end) - at);

        if (length == 0 || length > NAMESPACE_COMPONENT_MAX)
            return error_input(err, "namespace \"%.*s\": a component has 1 to %d bytes", (int)size, name,
                               NAMESPACE_COMPONENT_MAX);
        if (at[0] == '.' && (length == 1 || (length == 2 && at[1] == '.')))
            return error_input(err, "namespace \"%.*s\": a component cannot be \".\" or \"..\"", (int)size, name);
        at += length + 1;
    }
    return 0;
}

void snapshot_compute_id(uint8_t id[SNAPSHOT_ID_SIZE], const struct snapshot *snapshot)
{
    struct buffer canonical cleanup_buffer = {0};
    struct sha256 *sha = sha256_new();
    struct digest digest;

    canonical_snapshot(&canonical, snapshot);
    if (canonical.failed || !sha)
        abort(); /* some hundred bytes */
    sha256_of(&digest, sha, canonical.bytes, canonical.size);
    memcpy(id, digest.bytes, SNAPSHOT_ID_SIZE);
    sha256_free(sha);
}

/* --- Reading rows ------------------------------------------------------------------------------------------------- */

static bool read_node(struct node_ref *node, sqlite3_stmt *row, int id_column, int column)
{
    node->id = sqlite3_column_int64(row, id_column);
    node->counts.entries = (uint32_t)sqlite3_column_int64(row, column + 1);
    node->counts.dirs = (uint32_t)sqlite3_column_int64(row, column + 2);
    node->counts.nodes = (uint32_t)sqlite3_column_int64(row, column + 3);
    return sql_column_digest(&node->digest, row, column);
}

/* A row of COLUMNS; texts are the statement's until it is stepped or reset. */
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
    };
    if (!id || sqlite3_column_bytes(row, 1) != SNAPSHOT_ID_SIZE || !snapshot->namespace || !snapshot->format ||
        !read_node(&snapshot->root, row, 8, 12) || !read_node(&snapshot->links, row, 9, 16) ||
        !read_node(&snapshot->features, row, 10, 20))
        return error_system(err, EIO, "snapshot %lld is damaged", (long long)snapshot->number);
    memcpy(snapshot->id, id, SNAPSHOT_ID_SIZE);
    snapshot->has_source = sql_column_digest(&snapshot->source, row, 7);
    return 0;
}

/* Step a statement of COLUMNS: 1 with *snapshot filled, 0 when there is no more, or an error. */
static int next_row(struct snapshot *snapshot, struct store *store, sqlite3_stmt *rows, struct error *err)
{
    int result = sql_step(store, rows, err);

    if (result != 1)
        return result;
    result = read_row(snapshot, rows, err);
    return result < 0 ? result : 1;
}

/* One row, whose texts stay with the store until the next look-up: the store keeps copies. */
static int keep_row(struct snapshot *snapshot, struct store *store, sqlite3_stmt *rows, struct error *err)
{
    int result = next_row(snapshot, store, rows, err);

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

/* --- Publishing --------------------------------------------------------------------------------------------------- */

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
    return next_row(same, store, find, err);
}

static int insert_snapshot(struct snapshot *snapshot, struct store *store, struct error *err)
{
    cleanup_reset sqlite3_stmt *name = sql_statement(store, PUT_NAMESPACE, err);
    cleanup_reset sqlite3_stmt *add = sql_statement(store, INSERT, err);
    cleanup_reset sqlite3_stmt *touch = sql_statement(store, TOUCH_DIRECTORY, err);

    if (!name || !add || !touch)
        return -EIO;
    sqlite3_bind_text(name, 1, snapshot->namespace, -1, SQLITE_STATIC);
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
    sqlite3_bind_int64(touch, 1, (int64_t)snapshot->imported);
    int result = sql_step(store, name, err);
    if (result == 0)
        result = sql_step(store, add, err);
    if (result < 0)
        return result;
    snapshot->number = sqlite3_last_insert_rowid(store->db);
    return sql_step(store, touch, err);
}

/* Inside the publishing transaction. */
static int publish(bool *is_new, struct snapshot *snapshot, struct store *store, struct error *err)
{
    struct snapshot same;
    int result = find_same(&same, store, snapshot, err);

    if (result < 0)
        return result;
    *is_new = result == 0;
    if (*is_new) {
        snapshot_compute_id(snapshot->id, snapshot);
        snapshot->imported = timestamp_now();
        return insert_snapshot(snapshot, store, err);
    }
    memcpy(snapshot->id, same.id, SNAPSHOT_ID_SIZE);
    snapshot->number = same.number;
    snapshot->imported = same.imported;
    snapshot->time = same.time;
    return 0;
}

/* A snapshot that is found may have been committed by somebody who was killed before he synced the WAL. */
static int sync_found(struct store *store, struct error *err)
{
    cleanup_close int fd = openat(store->directory_fd, "confuse.db-wal", O_RDONLY | O_CLOEXEC);

    /* No WAL: it was copied into the database, which syncs both. */
    if (fd < 0 ? errno != ENOENT : fdatasync(fd) < 0)
        return error_system(err, errno, "cannot sync %s/confuse.db-wal", store->directory);
    return 0;
}

int snapshot_publish(bool *is_new, struct snapshot *snapshot, struct store *store, struct error *err)
{
    int result = store_flush(store, err);

    /* The commit syncs the WAL, and with it every batch before. Without a change it writes and syncs nothing. */
    if (result == 0)
        result = sql_run(store, SYNC_FULL, err);
    if (result >= 0)
        result = sql_batch_begin(store, err);
    if (result >= 0)
        result = publish(is_new, snapshot, store, err);
    if (result >= 0)
        result = store_flush(store, err);
    if (result == 0 && !*is_new)
        result = sync_found(store, err);
    if (result < 0)
        store_rollback(store);
    int restored = sql_run(store, SYNC_NORMAL, result < 0 ? NULL : err);
    return result < 0 ? result : restored < 0 ? restored : 0;
}

/* --- Finding ------------------------------------------------------------------------------------------------------ */

int snapshot_find(struct snapshot *snapshot, struct store *store, const uint8_t id[SNAPSHOT_ID_SIZE], struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, FIND_ID, err);

    if (!find)
        return -EIO;
    sqlite3_bind_blob(find, 1, id, SNAPSHOT_ID_SIZE, SQLITE_STATIC);
    return keep_row(snapshot, store, find, err);
}

/* The ids that begin with these hex digits lie between the prefix filled up with 0 and with f. */
static bool prefix_range(uint8_t low[SNAPSHOT_ID_SIZE], uint8_t high[SNAPSHOT_ID_SIZE], const char *text, size_t size)
{
    char digits[SNAPSHOT_ID_HEX_SIZE];

    if (size < SNAPSHOT_PREFIX_MIN || size >= sizeof digits)
        return false;
    memset(digits, '0', sizeof digits - 1);
    memcpy(digits, text, size);
    if (!hex_decode(low, SNAPSHOT_ID_SIZE, digits, sizeof digits - 1))
        return false;
    memset(digits + size, 'f', sizeof digits - 1 - size);
    return hex_decode(high, SNAPSHOT_ID_SIZE, digits, sizeof digits - 1);
}

/* "0123abcd…  namespace  time", one after the other, of all that a prefix may mean. */
static int ambiguous(struct store *store, sqlite3_stmt *rows, const char *text, struct error *err)
{
    struct buffer list cleanup_buffer = {0};
    struct snapshot candidate;
    int result;

    sqlite3_reset(rows);
    while ((result = next_row(&candidate, store, rows, err)) == 1) {
        char hex[SNAPSHOT_ID_HEX_SIZE], time[TIMESTAMP_TEXT_SIZE];

        hex_encode(hex, candidate.id, SNAPSHOT_ID_SIZE);
        timestamp_format(time, candidate.time);
        buffer_add_format(&list, "%s%s (%s %s)", list.size ? ", " : "", hex, candidate.namespace, time);
    }
    if (result < 0)
        return result;
    return error_input(err, "%s is ambiguous: %.*s", text, (int)list.size, (const char *)list.bytes);
}

static int find_prefix(struct snapshot *snapshot, struct store *store, const char *text, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, FIND_RANGE, err);
    uint8_t low[SNAPSHOT_ID_SIZE], high[SNAPSHOT_ID_SIZE];

    if (!find)
        return -EIO;
    if (!prefix_range(low, high, text, strlen(text)))
        return error_input(err,
                           "%s is no snapshot: an id has %d hex digits (a prefix at least %d), or say "
                           "NAMESPACE@latest or NAMESPACE@TIME; `confuse log` lists them",
                           text, SNAPSHOT_ID_HEX_SIZE - 1, SNAPSHOT_PREFIX_MIN);
    sqlite3_bind_blob(find, 1, low, sizeof low, SQLITE_STATIC);
    sqlite3_bind_blob(find, 2, high, sizeof high, SQLITE_STATIC);
    sqlite3_bind_int(find, 3, CANDIDATES_MAX);
    int result = keep_row(snapshot, store, find, err);
    if (result == -ENOENT)
        return error_input(err, "no snapshot has the id %s; `confuse log` lists them", text);
    if (result < 0)
        return result;
    result = sql_step(store, find, err);
    return result == 1 ? ambiguous(store, find, text, err) : result;
}

/* NS@latest or NS@TIME: the newest not after the time. */
static int find_in_history(struct snapshot *snapshot, struct store *store, const char *text, const char *at,
                           struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, FIND_NEWEST, err);
    uint64_t time = TIMESTAMP_MAX;

    if (!find)
        return -EIO;
    if (strcmp(at + 1, "latest") != 0 && !timestamp_parse_partial(&time, at + 1, strlen(at + 1)))
        return error_input(err, "%s: \"%s\" is neither \"latest\" nor a time such as 2017-03-11T17:04:42Z", text,
                           at + 1);
    sqlite3_bind_text(find, 1, text, (int)(at - text), SQLITE_STATIC);
    sqlite3_bind_int64(find, 2, (int64_t)time);
    int result = keep_row(snapshot, store, find, err);
    if (result == -ENOENT)
        return error_input(err, "no snapshot of %.*s %s; `confuse log` lists them", (int)(at - text), text,
                           time == TIMESTAMP_MAX ? "is here" : "is that old");
    return result;
}

int snapshot_resolve(struct snapshot *snapshot, struct store *store, const char *text, struct error *err)
{
    const char *at = strrchr(text, '@');

    return at ? find_in_history(snapshot, store, text, at, err) : find_prefix(snapshot, store, text, err);
}

/* --- Visiting ----------------------------------------------------------------------------------------------------- */

static int visit_rows(struct store *store, sqlite3_stmt *rows, int (*visit)(void *, const struct snapshot *), void *arg,
                      struct error *err)
{
    struct snapshot snapshot;
    int result;

    while ((result = next_row(&snapshot, store, rows, err)) == 1) {
        result = visit(arg, &snapshot);
        if (result != 0)
            break;
    }
    return result;
}

int snapshot_visit(struct store *store, int64_t after, int (*visit)(void *arg, const struct snapshot *snapshot),
                   void *arg, struct error *err)
{
    cleanup_reset sqlite3_stmt *rows = sql_statement(store, EACH, err);

    if (!rows)
        return -EIO;
    sqlite3_bind_int64(rows, 1, after);
    return visit_rows(store, rows, visit, arg, err);
}

int snapshot_visit_history(struct store *store, const char *namespace,
                           int (*visit)(void *arg, const struct snapshot *snapshot), void *arg, struct error *err)
{
    cleanup_reset sqlite3_stmt *rows = sql_statement(store, EACH_IN_HISTORY, err);

    if (!rows)
        return -EIO;
    if (namespace)
        sqlite3_bind_text(rows, 1, namespace, -1, SQLITE_STATIC);
    return visit_rows(store, rows, visit, arg, err);
}
