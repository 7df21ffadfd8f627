/* verdicts.c - opening the scan cache, its tables, the names in it, and looking. verdict_change.c has the writing.
 *
 * It is a database apart from the store's, so that verdicts wait for no import and imports for no verdict. It is
 * durable commit by commit (synchronous=FULL), where the store is only when something is published.
 */
#include "db/verdicts.h"

#include "base/cleanup.h"
#include "base/timestamp.h"
#include "db/verdict_row.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* PRAGMA application_id: "cfsv". */
#define VERDICTS_APPLICATION_ID 0x63667376

#define CLAIM_SUFFIX ".claim"
#define TEMPORARY_SUFFIX ".tmp"

const struct verdict_limits verdict_limits_default = {
    .files = VERDICT_FILES_MAX,
    .bytes = VERDICT_BYTES_MAX,
    .scanners = VERDICT_SCANNERS_MAX,
    .claim_ns = VERDICT_CLAIM_SECONDS * NANOSECONDS,
};

/* Small pages: a commit writes each page that it touched, and verdicts' names fall on random ones. */
static const char CREATION_PRAGMAS[] = "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL;";

/* 32 MiB of WAL before it is copied into the database, which takes two syncs more: names fall on random pages, so the
 * longer it waits, the more changes of a page become one. */
static const char CONNECTION_PRAGMAS[] = "PRAGMA synchronous = FULL;"
                                         "PRAGMA wal_autocheckpoint = 8192;"
                                         "PRAGMA journal_size_limit = 67108864;"
                                         "PRAGMA cache_size = -32768;"; /* KiB */

/* A reader's own pages would be a copy of the kernel's. */
static const char READER_PRAGMAS[] = "PRAGMA mmap_size = 2147483648; PRAGMA cache_size = -1024;";

/* The root is row 1, and its own directory. `kind` is enum verdict_name; `data` comes last, since what is behind it in
 * a long row is slow to get at. */
static const char INITIAL[] =
    "CREATE TABLE file ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  directory INTEGER NOT NULL,"
    "  name TEXT NOT NULL,"
    "  handle BLOB NOT NULL," /* random bytes, made with the file */
    "  kind INTEGER NOT NULL,"
    "  mode INTEGER NOT NULL,"
    "  uid INTEGER NOT NULL,"
    "  gid INTEGER NOT NULL,"
    "  size INTEGER NOT NULL,"
    "  mtime INTEGER NOT NULL,"
    "  ctime INTEGER NOT NULL,"
    "  expires INTEGER,"    /* NULL: never */
    "  held_files INTEGER," /* of a directory: what stands in it */
    "  held_bytes INTEGER,"
    "  verifier BLOB," /* of the exclusive CREATE that made it */
    "  data BLOB,"
    "  UNIQUE (directory, name)"
    ") STRICT;"
    "CREATE INDEX file_listing ON file (directory);"
    "CREATE INDEX file_expires ON file (expires) WHERE expires IS NOT NULL;"
    "INSERT INTO file VALUES (1, 1, '', zeroblob(16), 0, 16895, 0, 0, 4096," /* S_IFDIR | 0777 */
    "  CAST(strftime('%s', 'now') AS INTEGER) * 1000000000, CAST(strftime('%s', 'now') AS INTEGER) * 1000000000,"
    "  NULL, 0, 0, NULL, NULL);"
    "CREATE TABLE peer ("
    "  id INTEGER PRIMARY KEY,"
    "  address BLOB NOT NULL UNIQUE,"
    "  calls INTEGER NOT NULL" /* of which replies were kept */
    ") STRICT;"
    "CREATE TABLE reply ("
    "  peer INTEGER NOT NULL REFERENCES peer,"
    "  slot INTEGER NOT NULL," /* a ring of VERDICT_REPLIES_MAX */
    "  xid INTEGER NOT NULL,"
    "  checksum INTEGER NOT NULL,"
    "  at INTEGER NOT NULL,"
    "  status INTEGER NOT NULL,"
    "  file INTEGER NOT NULL,"
    "  handle BLOB NOT NULL,"
    "  PRIMARY KEY (peer, slot)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX reply_call ON reply (peer, xid, checksum);"
    "CREATE INDEX reply_at ON reply (at);";

static const char *const MIGRATIONS[] = {INITIAL};
#define NEWEST_VERSION ((int)(sizeof MIGRATIONS / sizeof *MIGRATIONS))

static const char USER_VERSION[] = "PRAGMA user_version";
static const char APPLICATION_ID[] = "PRAGMA application_id";

static const char FIND[] = "SELECT " VERDICT_COLUMNS " FROM file WHERE id = ?1";
static const char LOOKUP[] = "SELECT " VERDICT_COLUMNS " FROM file WHERE directory = ?1 AND name = ?2";
static const char LIST[] = "SELECT " VERDICT_COLUMNS ", name FROM file INDEXED BY file_listing"
                           " WHERE directory = ?1 AND id > ?2 AND id != directory ORDER BY id";
static const char READ[] = "SELECT substr(data, ?2 + 1, ?3) FROM file WHERE id = ?1";

/* --- Opening ------------------------------------------------------------------------------------------------------ */

static int run(struct store *sql, const char *text, struct error *err)
{
    return sqlite3_exec(sql->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : sql_error(sql, err);
}

static int connect_database(struct store *sql, enum verdicts_access access, struct error *err)
{
    int flags = access == VERDICTS_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    char path[PATH_MAX];

    if ((size_t)snprintf(path, sizeof path, "%s/verdicts.db", sql->directory) >= sizeof path)
        return error_system(err, ENAMETOOLONG, "%s", sql->directory);
    if (access == VERDICTS_CREATE) {
        /* For nobody else, whatever the mode of the directory. An empty file is a database without tables. One that is
         * there is not opened: closing it would let go of the locks that this process has by other connections. */
        cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 && errno != EEXIST)
            return error_system(err, errno, "%s", path);
    }
    if (access == VERDICTS_READ && faccessat(sql->directory_fd, "verdicts.db", F_OK, 0) < 0)
        return error_refused(err, ENOENT, "no scan cache in %s; `confuse serve` makes one", sql->directory);
    if (sqlite3_open_v2(path, &sql->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return sql_error(sql, err);
    sqlite3_busy_timeout(sql->db, BUSY_TIMEOUT_MS);
    return 0;
}

static int migrate(struct store *sql, int from, struct error *err)
{
    int result = from == 0 ? run(sql, CREATION_PRAGMAS, err) : 0;

    for (int version = from; version < NEWEST_VERSION && result == 0; version++) {
        char stamp[80];

        snprintf(stamp, sizeof stamp, "PRAGMA user_version = %d; PRAGMA application_id = %d;", version + 1,
                 VERDICTS_APPLICATION_ID);
        result = run(sql, "BEGIN IMMEDIATE", err);
        if (result == 0)
            result = run(sql, MIGRATIONS[version], err);
        if (result == 0)
            result = run(sql, stamp, err);
        if (result == 0)
            result = run(sql, "COMMIT", err);
        if (result < 0)
            sqlite3_exec(sql->db, "ROLLBACK", NULL, NULL, NULL);
    }
    return result;
}

static int prepare_schema(struct store *sql, enum verdicts_access access, struct error *err)
{
    int64_t version, application;
    int result = sql_integer(&version, sql, USER_VERSION, err);

    if (result == 0)
        result = sql_integer(&application, sql, APPLICATION_ID, err);
    if (result < 0)
        return result;
    if (version != 0 && application != VERDICTS_APPLICATION_ID)
        return error_refused(err, EPROTO, "%s/verdicts.db is no scan cache of confuse", sql->directory);
    if (version > NEWEST_VERSION)
        return error_refused(err, EPROTO, "%s/verdicts.db was made by a newer confuse (version %d, this one knows %d)",
                             sql->directory, (int)version, NEWEST_VERSION);
    if (version == NEWEST_VERSION)
        return 0;
    if (access == VERDICTS_READ)
        return error_refused(err, EPROTO, "%s/verdicts.db is older than this confuse; `confuse serve` migrates it",
                             sql->directory);
    return migrate(sql, (int)version, err);
}

static int open_parts(struct store *sql, enum verdicts_access access, struct error *err)
{
    sql->directory_fd = open(sql->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (sql->directory_fd < 0)
        return error_system(err, errno, "the store %s", sql->directory);
    /* Two processes that make or migrate it take turns. */
    if (access != VERDICTS_READ && flock(sql->directory_fd, LOCK_EX) < 0)
        return error_system(err, errno, "cannot lock %s", sql->directory);
    int result = connect_database(sql, access, err);
    if (result == 0)
        result = prepare_schema(sql, access, err);
    flock(sql->directory_fd, LOCK_UN);
    if (result == 0)
        result = run(sql, CONNECTION_PRAGMAS, err);
    if (result == 0 && access == VERDICTS_READ)
        result = run(sql, READER_PRAGMAS, err);
    return result;
}

static uint64_t real_time(void *arg)
{
    (void)arg;
    return timestamp_now();
}

int verdicts_open(struct verdicts **out, const char *directory, enum verdicts_access access,
                  const struct verdict_limits *limits, struct error *err)
{
    struct verdicts *verdicts = calloc(1, sizeof *verdicts);

    if (!verdicts)
        return error_system(err, ENOMEM, "the scan cache");
    verdicts->limits = limits ? *limits : verdict_limits_default;
    verdicts->now = real_time;
    int result = sql_new(&verdicts->sql, directory, access != VERDICTS_READ, err);
    if (result == 0)
        result = open_parts(verdicts->sql, access, err);
    if (result < 0) {
        verdicts_close(verdicts);
        return result;
    }
    *out = verdicts;
    return 0;
}

void verdicts_close(struct verdicts *verdicts)
{
    if (!verdicts)
        return;
    store_close(verdicts->sql);
    free(verdicts);
}

void verdicts_use_clock(struct verdicts *verdicts, uint64_t (*now)(void *arg), void *arg)
{
    verdicts->now = now;
    verdicts->now_arg = arg;
}

uint64_t verdicts_now(const struct verdicts *verdicts)
{
    return verdicts->now(verdicts->now_arg);
}

const struct verdict_limits *verdicts_limits(const struct verdicts *verdicts)
{
    return &verdicts->limits;
}

void verdicts_watch(struct verdicts *verdicts, verdict_watcher watcher, void *arg)
{
    verdicts->watcher = watcher;
    verdicts->watcher_arg = arg;
}

int verdicts_changed(bool *changed, struct verdicts *verdicts, struct error *err)
{
    return store_changed(changed, verdicts->sql, err);
}

/* --- Names -------------------------------------------------------------------------------------------------------- */

static bool is_digest(const char *name)
{
    for (size_t i = 0; i < DIGEST_HEX_SIZE - 1; i++)
        if (!((name[i] >= '0' && name[i] <= '9') || (name[i] >= 'a' && name[i] <= 'f')))
            return false;
    return true;
}

static bool ends_in(const char *name, size_t size, const char *suffix)
{
    size_t length = strlen(suffix);

    return size >= length && memcmp(name + size - length, suffix, length) == 0;
}

enum verdict_name verdict_name(const char *name, size_t size)
{
    const size_t digits = DIGEST_HEX_SIZE - 1;

    if (size == 0 || size > VERDICT_NAME_MAX || memchr(name, '/', size) || memchr(name, '\0', size))
        return VERDICT_NAME_NONE;
    if (size == digits && is_digest(name))
        return VERDICT_NAME_VERDICT;
    if (size == digits + strlen(CLAIM_SUFFIX) && is_digest(name) && ends_in(name, size, CLAIM_SUFFIX))
        return VERDICT_NAME_CLAIM;
    if (ends_in(name, size, TEMPORARY_SUFFIX))
        return VERDICT_NAME_TEMPORARY;
    if (name[0] != '.' || size == 1 || (size == 2 && name[1] == '.'))
        return VERDICT_NAME_NONE;
    return VERDICT_NAME_TEMPORARY;
}

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool verdict_scanner_name(const char *name, size_t size)
{
    if (size == 0 || size > VERDICT_SCANNER_NAME_MAX || !is_alphanumeric(name[0]))
        return false;
    for (size_t i = 0; i < size; i++)
        if (!is_alphanumeric(name[i]) && (name[i] == '\0' || !strchr("._+=@,~-", name[i])))
            return false;
    return true;
}

/* --- Looking ------------------------------------------------------------------------------------------------------ */

void verdict_row_read(struct verdict_file *file, sqlite3_stmt *row)
{
    const void *id = sqlite3_column_blob(row, 2);

    *file = (struct verdict_file){
        .row = sqlite3_column_int64(row, 0),
        .directory = sqlite3_column_int64(row, 1),
        .kind = (enum verdict_name)sqlite3_column_int(row, 3),
        .mode = (uint32_t)sqlite3_column_int64(row, 4),
        .uid = (uint32_t)sqlite3_column_int64(row, 5),
        .gid = (uint32_t)sqlite3_column_int64(row, 6),
        .size = (uint64_t)sqlite3_column_int64(row, 7),
        .mtime = (uint64_t)sqlite3_column_int64(row, 8),
        .ctime = (uint64_t)sqlite3_column_int64(row, 9),
        .expires = (uint64_t)sqlite3_column_int64(row, 10),
        .files = (uint64_t)sqlite3_column_int64(row, 11),
        .bytes = (uint64_t)sqlite3_column_int64(row, 12),
    };
    if (id && sqlite3_column_bytes(row, 2) == VERDICT_ID_SIZE)
        memcpy(file->id, id, VERDICT_ID_SIZE);
}

bool verdict_has_expired(const struct verdict_file *file, const struct verdicts *verdicts)
{
    return file->expires && file->expires <= verdicts_now(verdicts);
}

int verdict_row_take(struct verdict_file *file, struct verdicts *verdicts, sqlite3_stmt *row, struct error *err)
{
    int result = sql_step(verdicts->sql, row, err);

    if (result < 0)
        return result;
    if (result == 0)
        return -ENOENT;
    verdict_row_read(file, row);
    return verdict_has_expired(file, verdicts) ? -ENOENT : 0;
}

int verdict_find(struct verdict_file *file, struct verdicts *verdicts, int64_t row, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(verdicts->sql, FIND, err);

    if (!find)
        return -EIO;
    sqlite3_bind_int64(find, 1, row);
    return verdict_row_take(file, verdicts, find, err);
}

int verdict_lookup(struct verdict_file *file, struct verdicts *verdicts, int64_t directory, const char *name,
                   size_t size, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(verdicts->sql, LOOKUP, err);

    if (!find)
        return -EIO;
    if (size == 0)
        return -ENOENT; /* the root's own row */
    sqlite3_bind_int64(find, 1, directory);
    sqlite3_bind_text(find, 2, name, (int)size, SQLITE_STATIC);
    return verdict_row_take(file, verdicts, find, err);
}

int verdict_list(struct verdicts *verdicts, int64_t directory, int64_t after, verdict_visit visit, void *arg,
                 struct error *err)
{
    cleanup_reset sqlite3_stmt *list = sql_statement(verdicts->sql, LIST, err);
    struct verdict_file file;
    int result;

    if (!list)
        return -EIO;
    sqlite3_bind_int64(list, 1, directory);
    sqlite3_bind_int64(list, 2, after);
    while ((result = sql_step(verdicts->sql, list, err)) > 0) {
        verdict_row_read(&file, list);
        const char *name = (const char *)sqlite3_column_text(list, VERDICT_COLUMN_COUNT);
        if (!name)
            return error_system(err, ENOMEM, "the scan cache");
        if (verdict_has_expired(&file, verdicts))
            continue;
        result = visit(arg, &file, name, (size_t)sqlite3_column_bytes(list, VERDICT_COLUMN_COUNT));
        if (result != 0)
            return result;
    }
    return result;
}

int verdict_read(void *out, size_t *read, struct verdicts *verdicts, int64_t row, uint64_t offset, size_t size,
                 struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(verdicts->sql, READ, err);

    if (!find)
        return -EIO;
    *read = 0;
    if (offset >= VERDICT_SIZE_MAX)
        return 0;
    sqlite3_bind_int64(find, 1, row);
    verdict_bind(find, 2, offset);
    verdict_bind(find, 3, size);
    int result = sql_step(verdicts->sql, find, err);
    if (result < 0)
        return result;
    if (result == 0)
        return -ENOENT;
    const void *bytes = sqlite3_column_blob(find, 0);
    *read = bytes ? (size_t)sqlite3_column_bytes(find, 0) : 0;
    if (bytes)
        memcpy(out, bytes, *read);
    return 0;
}
