/* snapshot.c - what a snapshot is called, and finding it by that; publish.c has how it comes into the store. */
#include "db/snapshot.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/timestamp.h"
#include "db/canonical.h"
#include "db/history.h"
#include "db/image.h"
#include "db/snapshot_row.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CANDIDATES_MAX 5 /* shown of an ambiguous prefix */

static const char FIND_ID[] = SELECT_SNAPSHOTS " WHERE s.id = ?1";
static const char FIND_CAPTURE[] = SELECT_SNAPSHOTS " WHERE n.name = ?1 AND s.time = ?2 AND s.source IS ?3"
                                                    " ORDER BY s.number DESC LIMIT 1";
static const char FIND_RANGE[] = SELECT_SNAPSHOTS " WHERE s.id BETWEEN ?1 AND ?2 ORDER BY s.id LIMIT ?3";
static const char FIND_BEFORE[] = SELECT_SNAPSHOTS " WHERE n.name = ?1 AND (s.time, s.number) < (?2, ?3)"
                                                   " ORDER BY s.time DESC, s.number DESC LIMIT 1";
static const char EACH[] = SELECT_SNAPSHOTS " WHERE s.number > ?1 ORDER BY s.number";
static const char EACH_IN_HISTORY[] = SELECT_SNAPSHOTS " WHERE ?1 IS NULL OR n.name = ?1"
                                                       " ORDER BY s.time DESC, s.number DESC";
static const char FIND_TAG[] = SELECT_SNAPSHOTS " JOIN tag AS t ON t.snapshot = s.number AND t.namespace = s.namespace"
                                                " WHERE n.name = ?1 AND t.name = ?2";

static const char NEXT_NAMESPACE[] = "SELECT name FROM namespace WHERE name > ?1 ORDER BY name LIMIT 1";

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

/* --- Finding ------------------------------------------------------------------------------------------------------ */

int snapshot_find(struct snapshot *snapshot, struct store *store, const uint8_t id[SNAPSHOT_ID_SIZE], struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, FIND_ID, err);

    if (!find)
        return -EIO;
    sqlite3_bind_blob(find, 1, id, SNAPSHOT_ID_SIZE, SQLITE_STATIC);
    return snapshot_keep_row(snapshot, store, find, err);
}

int snapshot_find_capture(struct snapshot *newest, struct store *store, const struct snapshot *capture,
                          struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, FIND_CAPTURE, err);

    if (!find)
        return -EIO;
    sqlite3_bind_text(find, 1, capture->namespace, -1, SQLITE_STATIC);
    sqlite3_bind_int64(find, 2, (int64_t)capture->time);
    if (capture->has_source)
        sql_bind_digest(find, 3, &capture->source);
    return snapshot_keep_row(newest, store, find, err);
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
    while ((result = snapshot_next_row(&candidate, store, rows, err)) == 1) {
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
                           "NAMESPACE@latest, NAMESPACE@TIME or NAMESPACE:TAG; `confuse log` lists them",
                           text, SNAPSHOT_ID_HEX_SIZE - 1, SNAPSHOT_PREFIX_MIN);
    sqlite3_bind_blob(find, 1, low, sizeof low, SQLITE_STATIC);
    sqlite3_bind_blob(find, 2, high, sizeof high, SQLITE_STATIC);
    sqlite3_bind_int(find, 3, CANDIDATES_MAX);
    int result = snapshot_keep_row(snapshot, store, find, err);
    if (result == -ENOENT)
        return error_input(err, "no snapshot has the id %s; `confuse log` lists them", text);
    if (result < 0)
        return result;
    result = sql_step(store, find, err);
    return result == 1 ? ambiguous(store, find, text, err) : result;
}

/* The newest of a namespace that is not after the time. */
static int find_in_history(struct snapshot *snapshot, struct store *store, const char *text, size_t size, uint64_t time,
                           struct error *err)
{
    struct version version;
    int64_t namespace;
    int result = history_namespace(&namespace, store, text, size, err);

    if (result == 0)
        result = history_newest(&version, store, namespace, time, err);
    if (result == 0)
        result = snapshot_find(snapshot, store, version.id, err);
    if (result == -ENOENT)
        return error_input(err, "no snapshot of %.*s %s; `confuse log` lists them", (int)size, text,
                           time == TIMESTAMP_MAX ? "is here" : "is that old");
    return result;
}

/* NS:TAG. -ENOENT: there is no such tag. */
static int find_tag(struct snapshot *snapshot, struct store *store, const char *text, const char *tag,
                    struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, FIND_TAG, err);

    if (!find)
        return -EIO;
    sqlite3_bind_text(find, 1, text, (int)(tag - 1 - text), SQLITE_STATIC);
    sqlite3_bind_text(find, 2, tag, -1, SQLITE_STATIC);
    return snapshot_keep_row(snapshot, store, find, err);
}

int snapshot_resolve(struct snapshot *snapshot, struct store *store, const char *text, struct error *err)
{
    const char *at = strrchr(text, '@'), *tag = image_tag_of(text);
    uint64_t time;

    if (at && history_time(&time, at + 1, strlen(at + 1)))
        return find_in_history(snapshot, store, text, (size_t)(at - text), time, err);
    int result = tag ? find_tag(snapshot, store, text, tag, err) : -ENOENT;
    if (result != -ENOENT)
        return result;
    if (at)
        return error_input(err, "%s: \"%s\" is neither \"latest\" nor a time such as 2017-03-11T17:04:42Z", text,
                           at + 1);
    if (tag)
        return error_input(err, "no snapshot has the tag %s; `confuse log` lists them", text);
    return find_prefix(snapshot, store, text, err);
}

/* --- Visiting ----------------------------------------------------------------------------------------------------- */

int snapshot_visit(struct store *store, int64_t after, int (*visit)(void *arg, const struct snapshot *snapshot),
                   void *arg, struct error *err)
{
    cleanup_reset sqlite3_stmt *rows = sql_statement(store, EACH, err);

    if (!rows)
        return -EIO;
    sqlite3_bind_int64(rows, 1, after);
    return snapshot_visit_rows(store, rows, visit, arg, err);
}

int namespace_next(char name[NAMESPACE_SIZE_MAX + 1], struct store *store, const char *after, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, NEXT_NAMESPACE, err);

    if (!find)
        return -EIO;
    sqlite3_bind_text(find, 1, after, -1, SQLITE_STATIC);
    int result = sql_step(store, find, err);
    if (result != 1)
        return result < 0 ? result : -ENOENT;
    const char *text = (const char *)sqlite3_column_text(find, 0);
    if (!text || (size_t)snprintf(name, NAMESPACE_SIZE_MAX + 1, "%s", text) > NAMESPACE_SIZE_MAX)
        return error_system(err, EIO, "a namespace of %s is damaged", store_directory(store));
    return 0;
}

int snapshot_find_before(struct snapshot *before, struct store *store, const struct snapshot *of, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, FIND_BEFORE, err);

    if (!find)
        return -EIO;
    sqlite3_bind_text(find, 1, of->namespace, -1, SQLITE_STATIC);
    sqlite3_bind_int64(find, 2, (int64_t)of->time);
    sqlite3_bind_int64(find, 3, of->number);
    return snapshot_keep_row(before, store, find, err);
}

int snapshot_visit_history(struct store *store, const char *namespace,
                           int (*visit)(void *arg, const struct snapshot *snapshot), void *arg, struct error *err)
{
    cleanup_reset sqlite3_stmt *rows = sql_statement(store, EACH_IN_HISTORY, err);

    if (!rows)
        return -EIO;
    if (namespace)
        sqlite3_bind_text(rows, 1, namespace, -1, SQLITE_STATIC);
    return snapshot_visit_rows(store, rows, visit, arg, err);
}
