/* rpmdb.c - the tables of rpm 4.18, and what is taken from a database of anybody's.
 *
 * A file that is read may hold any schema, any tree of pages: one plain table may be read and no function, view or
 * trigger be used (the authorizer), and steps are counted. SQLite refuses pages without rows below others, so rows
 * end whatever else loops.
 *
 * Tables by which nothing can be found here are made too, empty: rpm complains of those that it misses.
 */
#include "import/rpmdb.h"

#include "base/bytes.h"
#include "import/rpm_header.h"
#include "import/wal.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdint.h>
#include <string.h>

/* --- Making ------------------------------------------------------------------------------------------------------- */

#define TABLE(name, type)                                                                                              \
    "CREATE TABLE '" name "' (key '" type "' NOT NULL, hnum INTEGER NOT NULL, idx INTEGER NOT NULL,"                   \
    " FOREIGN KEY (hnum) REFERENCES 'Packages'(hnum));"
#define BY_KEY(name) TABLE(name, "TEXT") "CREATE INDEX '" name "_key_idx' ON '" name "'(key ASC);"
#define BY_BOTH(name) BY_KEY(name) "CREATE INDEX '" name "_hnum_idx' ON '" name "'(hnum ASC);"

/* Small pages, since most tables are empty. */
static const char SETTINGS[] = "PRAGMA page_size=1024; PRAGMA auto_vacuum=NONE; PRAGMA encoding='UTF-8';"
                               "PRAGMA secure_delete=ON; PRAGMA foreign_keys=OFF;";
static const char SCHEMA[] =
    "CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL);" BY_KEY("Name")
        BY_BOTH("Basenames") BY_KEY("Group") BY_BOTH("Requirename") BY_BOTH("Providename") BY_BOTH("Conflictname")
            BY_BOTH("Obsoletename") BY_BOTH("Triggername") BY_BOTH("Dirnames") TABLE("Installtid", "BLOB")
                TABLE("Sigmd5", "BLOB") BY_KEY("Sha1header") BY_BOTH("Filetriggername") BY_BOTH("Transfiletriggername")
                    BY_BOTH("Recommendname") BY_BOTH("Suggestname") BY_BOTH("Supplementname") BY_BOTH("Enhancename");
static const char ADD_PACKAGE[] = "INSERT INTO Packages VALUES (?1, ?2)";
static const char ADD_NAME[] = "INSERT INTO Name VALUES (?1, ?2, 0)";

static void close_database(sqlite3 **database)
{
    sqlite3_close(*database);
}
#define cleanup_database __attribute__((cleanup(close_database)))

static void finalize(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}
#define cleanup_statement __attribute__((cleanup(finalize)))

static int refused(sqlite3 *database, struct error *err)
{
    return error_refused(err, EIO, "a made rpm database: %s", database ? sqlite3_errmsg(database) : strerror(ENOMEM));
}

static bool run(sqlite3_stmt *statement)
{
    return sqlite3_step(statement) == SQLITE_DONE && sqlite3_reset(statement) == SQLITE_OK;
}

static bool add_package(sqlite3_stmt *add, sqlite3_stmt *add_name, int64_t number, const uint8_t *header, size_t size)
{
    struct rpm_package package;

    if (!rpm_header_read(&package, header, size))
        return false;
    sqlite3_bind_int64(add, 1, number);
    sqlite3_bind_blob64(add, 2, header, size, SQLITE_STATIC);
    sqlite3_bind_text64(add_name, 1, package.name.text, package.name.size, SQLITE_STATIC, SQLITE_UTF8);
    sqlite3_bind_int64(add_name, 2, number);
    return run(add) && run(add_name);
}

static int add_packages(sqlite3 *database, const struct buffer *headers, struct error *err)
{
    cleanup_statement sqlite3_stmt *add = NULL;
    cleanup_statement sqlite3_stmt *add_name = NULL;
    int64_t number = 0;
    size_t size;

    if (sqlite3_prepare_v2(database, ADD_PACKAGE, -1, &add, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(database, ADD_NAME, -1, &add_name, NULL) != SQLITE_OK)
        return refused(database, err);
    for (size_t at = 0; at < headers->size; at += size) {
        size = rpm_header_size(headers->bytes + at, headers->size - at);
        if (size == 0 || !add_package(add, add_name, ++number, headers->bytes + at, size))
            return refused(database, err);
    }
    return 0;
}

static bool execute(sqlite3 *database, const char *text)
{
    return sqlite3_exec(database, text, NULL, NULL, NULL) == SQLITE_OK;
}

int rpmdb_make(struct buffer *out, const struct buffer *headers, struct error *err)
{
    cleanup_database sqlite3 *database = NULL;
    sqlite3_int64 size;

    if (sqlite3_open(":memory:", &database) != SQLITE_OK || !execute(database, SETTINGS) ||
        !execute(database, "BEGIN") || !execute(database, SCHEMA))
        return refused(database, err);
    int rc = add_packages(database, headers, err);
    if (rc < 0)
        return rc;
    if (!execute(database, "COMMIT"))
        return refused(database, err);
    uint8_t *bytes = sqlite3_serialize(database, "main", &size, 0);
    if (bytes)
        buffer_add(out, bytes, (size_t)size);
    sqlite3_free(bytes);
    return bytes && !out->failed ? 0 : error_system(err, ENOMEM, "a made rpm database");
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

static const char READ_SCHEMA[] =
    "SELECT sql FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name = 'Packages' COLLATE NOCASE";
static const char READ_PACKAGES[] = "SELECT blob FROM Packages";

#define STEPS_AT_ONCE 1000     /* of SQLite's machine, after which it asks whether to go on; */
#define STEPS_TIMES_MAX 20000u /* so often it is. A row takes four */

static int may_read(void *arg, int action, const char *table, const char *column, const char *database,
                    const char *trigger)
{
    (void)arg, (void)column;
    if (action == SQLITE_SELECT)
        return SQLITE_OK;
    const bool is_known = table && (sqlite3_stricmp(table, "Packages") == 0 || strcmp(table, "sqlite_master") == 0);
    return action == SQLITE_READ && is_known && database && !trigger ? SQLITE_OK : SQLITE_DENY;
}

static int count_steps(void *arg)
{
    unsigned *times = arg;

    return ++*times > STEPS_TIMES_MAX;
}

static int code_of(int result)
{
    return result == SQLITE_NOMEM ? -ENOMEM : -EBADMSG;
}

/* A table whose rows are what stands in the file: columns that are computed have parentheses of their own, and what
 * they call nobody asks the authorizer. 0, or a negative errno. */
static int check_schema(sqlite3 *database)
{
    cleanup_statement sqlite3_stmt *read = NULL;
    int result = sqlite3_prepare_v2(database, READ_SCHEMA, -1, &read, NULL);

    if (result == SQLITE_OK)
        result = sqlite3_step(read);
    if (result != SQLITE_ROW)
        return code_of(result);
    const char *text = (const char *)sqlite3_column_text(read, 0);
    return text && strchr(text, '(') && strchr(text, '(') == strrchr(text, '(') ? 0 : -EBADMSG;
}

/* Rows can have their bytes in common, in a file that is not what SQLite wrote: `left` are those of the file. */
static int visit_rows(sqlite3 *database, size_t left, int (*visit)(void *arg, const void *header, size_t size),
                      void *arg)
{
    cleanup_statement sqlite3_stmt *read = NULL;
    int result = sqlite3_prepare_v2(database, READ_PACKAGES, -1, &read, NULL), rc = 0;

    if (result != SQLITE_OK)
        return code_of(result);
    for (unsigned rows = 0; rc == 0 && (result = sqlite3_step(read)) == SQLITE_ROW; rows++) {
        if (rows == RPMDB_PACKAGES_MAX)
            return -EFBIG;
        if (sqlite3_column_type(read, 0) != SQLITE_BLOB)
            continue;
        const void *header = sqlite3_column_blob(read, 0);
        const size_t size = (size_t)sqlite3_column_bytes(read, 0);
        if (size > left)
            return -EBADMSG;
        left -= size;
        if (header && size > 0)
            rc = visit(arg, header, size);
    }
    return rc == 0 && result != SQLITE_DONE ? code_of(result) : rc;
}

int rpmdb_visit(struct buffer *file, const struct buffer *wal, size_t max,
                int (*visit)(void *arg, const void *header, size_t size), void *arg)
{
    cleanup_database sqlite3 *database = NULL;
    unsigned times = 0;
    int rc = wal_apply(file, wal, max);

    if (rc < 0)
        return rc;
    if (sqlite3_open(":memory:", &database) != SQLITE_OK)
        return -ENOMEM;
    sqlite3_limit(database, SQLITE_LIMIT_LENGTH, (int)RPM_HEADER_MAX);
    sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_progress_handler(database, STEPS_AT_ONCE, count_steps, &times);
    if (!execute(database, "PRAGMA cell_size_check=ON") ||
        sqlite3_deserialize(database, "main", file->bytes, (sqlite3_int64)file->size, (sqlite3_int64)file->size,
                            SQLITE_DESERIALIZE_READONLY) != SQLITE_OK ||
        sqlite3_set_authorizer(database, may_read, NULL) != SQLITE_OK)
        return -ENOMEM;
    rc = check_schema(database);
    return rc < 0 ? rc : visit_rows(database, file->size, visit, arg);
}
