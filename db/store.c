/* store.c - opening a store, and its connection; batch.c has the writing. */
#include "db/store.h"

#include "base/cleanup.h"
#include "base/timestamp.h"
#include "db/lease.h"
#include "db/schema.h"
#include "db/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

/* doc/PERFORMANCE.md has the measurements behind this. */
#define PAGE_SIZE_TEXT "8192" /* bytes */

/* Once per connection. */
static const char CONNECTION_PRAGMAS[] = "PRAGMA secure_delete = FAST;"
                                         "PRAGMA synchronous = NORMAL;"
                                         "PRAGMA journal_size_limit = 67108864;"
                                         "PRAGMA cache_size = -8192;"; /* KiB */

/* Who only reads maps the database, of which Debian's SQLite takes 2 GiB at most, whatever is asked for. Importing a
 * million entries is a tenth faster without, and its memory does not grow with the store. */
static const char READER_PRAGMAS[] = "PRAGMA mmap_size = 2147483648;";

/* A database that is being made goes by this name until it is whole, so that a store is there or is not: one that was
 * interrupted half-way could not even be read, since a reader may not roll it back. */
#define NEW_DATABASE "new.db"

/* Before the first table. */
static const char CREATION_PRAGMAS[] = "PRAGMA page_size = " PAGE_SIZE_TEXT ";"
                                       "PRAGMA auto_vacuum = INCREMENTAL;"
                                       "PRAGMA journal_mode = WAL;";

static const char USER_VERSION[] = "PRAGMA user_version";
static const char APPLICATION_ID[] = "PRAGMA application_id";
static const char HOLD[] = "BEGIN"; /* takes no lock before something is read */
static const char REST[] = "COMMIT";
static const char DATA_VERSION[] = "PRAGMA data_version";
static const char FIND_SECRET[] = "SELECT value FROM secret WHERE name = 'handle'";
static const char FIND_DIRECTORY[] = "SELECT mtime FROM directory WHERE path = ?1";

/* --- Statements --------------------------------------------------------------------------------------------------- */

int sql_error(struct store *store, struct error *err)
{
    static const struct {
        int sqlite, errnum;
    } codes[] = {{SQLITE_BUSY, EBUSY}, {SQLITE_FULL, ENOSPC}, {SQLITE_NOMEM, ENOMEM}, {SQLITE_PERM, EACCES}};
    int code = sqlite3_errcode(store->db) & 0xff, errnum = EIO;

    /* Never ENOENT for a file of SQLite's own: to callers that means "there is no such row". */
    if (code == SQLITE_READONLY || (code == SQLITE_CANTOPEN && faccessat(store->directory_fd, ".", W_OK, 0) < 0))
        return error_refused(err, EROFS,
                             "the store in %s cannot be written to; even reading it takes that right, since SQLite "
                             "keeps confuse.db-wal and confuse.db-shm there",
                             store->directory);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i].sqlite == code)
            errnum = codes[i].errnum;
    return error_system(err, errnum, "the store in %s: %s", store->directory, sqlite3_errmsg(store->db));
}

sqlite3_stmt *sql_statement(struct store *store, const char *text, struct error *err)
{
    size_t slot = ((uintptr_t)text >> 3) % SQL_STATEMENTS_MAX;

    while (store->statements[slot].text && store->statements[slot].text != text)
        slot = (slot + 1) % SQL_STATEMENTS_MAX;
    if (!store->statements[slot].text) {
        if (sqlite3_prepare_v3(store->db, text, -1, SQLITE_PREPARE_PERSISTENT, &store->statements[slot].statement,
                               NULL) != SQLITE_OK) {
            sql_error(store, err);
            return NULL;
        }
        store->statements[slot].text = text;
    }
    return store->statements[slot].statement;
}

int sql_step(struct store *store, sqlite3_stmt *statement, struct error *err)
{
    switch (sqlite3_step(statement)) {
    case SQLITE_ROW:
        return 1;
    case SQLITE_DONE:
        return 0;
    default:
        return sql_error(store, err);
    }
}

int sql_find_row(sqlite3_stmt **row, struct store *store, const char *find, int64_t id, struct error *err)
{
    *row = sql_statement(store, find, err);
    if (!*row)
        return -EIO;
    sqlite3_bind_int64(*row, 1, id);
    int result = sql_step(store, *row, err);
    return result < 0 ? result : result ? 0 : -ENOENT;
}

int sql_run(struct store *store, const char *text, struct error *err)
{
    cleanup_reset sqlite3_stmt *statement = sql_statement(store, text, err);

    if (!statement)
        return -EIO;
    return sql_step(store, statement, err);
}

bool sql_column_digest(struct digest *digest, sqlite3_stmt *statement, int column)
{
    const void *bytes = sqlite3_column_blob(statement, column);

    if (!bytes || sqlite3_column_bytes(statement, column) != DIGEST_SIZE)
        return false;
    memcpy(digest->bytes, bytes, DIGEST_SIZE);
    return true;
}

bool sql_column_node(struct node_ref *node, sqlite3_stmt *statement, int id_column, int column)
{
    node->id = sqlite3_column_int64(statement, id_column);
    node->counts.entries = (uint32_t)sqlite3_column_int64(statement, column + 1);
    node->counts.dirs = (uint32_t)sqlite3_column_int64(statement, column + 2);
    node->counts.nodes = (uint32_t)sqlite3_column_int64(statement, column + 3);
    return sql_column_digest(&node->digest, statement, column);
}

int sql_integer(int64_t *value, struct store *store, const char *text, struct error *err)
{
    cleanup_reset sqlite3_stmt *statement = sql_statement(store, text, err);

    if (!statement)
        return -EIO;
    int result = sql_step(store, statement, err);
    if (result < 0)
        return result;
    *value = sqlite3_column_int64(statement, 0);
    return 0;
}

/* --- Opening ------------------------------------------------------------------------------------------------------ */

/* WAL needs memory that all of its users share, so never a file system of another machine (linux/magic.h's numbers, and
 * those of cifs, smb2, ceph, lustre). */
static int refuse_network(const char *directory, int fd, struct error *err)
{
    static const struct {
        uint32_t magic;
        const char *name;
    } network[] = {
        {0x6969, "NFS"},      {0x517b, "SMB"},          {0xff534d42, "CIFS"},   {0xfe534d42, "SMB2"},
        {0x00c36400, "Ceph"}, {0x5346414f, "AFS"},      {0x0bd00bd0, "Lustre"}, {0x01021997, "9P"},
        {0x73757245, "Coda"}, {0x20030528, "OrangeFS"},
    };
    struct statfs fs;

    if (fstatfs(fd, &fs) < 0)
        return error_system(err, errno, "%s", directory);
    for (size_t i = 0; i < sizeof network / sizeof *network; i++)
        if ((uint32_t)fs.f_type == network[i].magic)
            return error_refused(err, EOPNOTSUPP, "%s is on a network file system (%s); keep the store on a local disk",
                                 directory, network[i].name);
    return 0;
}

static int make_directories(const char *directory, struct error *err)
{
    cleanup_free char *path = strdup(directory);

    if (!path)
        return error_system(err, ENOMEM, "%s", directory);
    for (char *slash = path; (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
            return error_system(err, errno, "cannot make %s", path);
        *slash = '/';
    }
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return error_system(err, errno, "cannot make the store %s", path);
    return 0;
}

static int open_directory(struct store *store, enum store_access access, struct error *err)
{
    if (!*store->directory)
        return error_usage(err, "a store needs the name of a directory");
    if (access == STORE_CREATE) {
        int result = make_directories(store->directory, err);
        if (result < 0)
            return result;
    }
    store->directory_fd = open(store->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->directory_fd < 0 && errno == ENOENT)
        return error_refused(err, errno, "no store in %s; `confuse import` makes one, --store names another",
                             store->directory);
    if (store->directory_fd < 0)
        return error_system(err, errno, "the store %s", store->directory);
    if (access == STORE_CREATE && mkdirat(store->directory_fd, "blobs", 0700) < 0 && errno != EEXIST)
        return error_system(err, errno, "cannot make %s/blobs", store->directory);
    return refuse_network(store->directory, store->directory_fd, err);
}

static pthread_once_t configured = PTHREAD_ONCE_INIT;

static void configure_sqlite(void)
{
    /* Counting memory takes a lock that all threads share. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static int connect_database(struct store *store, enum store_access access, struct error *err)
{
    int flags = access == STORE_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    char path[PATH_MAX];

    if ((size_t)snprintf(path, sizeof path, "%s/confuse.db", store->directory) >= sizeof path)
        return error_system(err, ENAMETOOLONG, "%s", store->directory);
    if (sqlite3_open_v2(path, &store->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        if (faccessat(store->directory_fd, "confuse.db", F_OK, 0) < 0)
            return error_refused(err, ENOENT, "no store in %s; `confuse import` makes one, --store names another",
                                 store->directory);
        return sql_error(store, err);
    }
    sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
    return 0;
}

static int sync_directory(const struct store *store, const char *path)
{
    cleanup_close int fd = openat(store->directory_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int fill_database(const char *path, struct error *err)
{
    sqlite3 *db = NULL;
    int result = 0;

    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) !=
            SQLITE_OK ||
        sqlite3_exec(db, CREATION_PRAGMAS, NULL, NULL, NULL) != SQLITE_OK)
        result = error_system(err, EIO, "cannot make %s: %s", path, sqlite3_errmsg(db));
    if (result == 0)
        result = schema_migrate(db, 0, err);
    /* The last one to close copies the WAL into the database, syncs that, and removes the WAL. */
    if (sqlite3_close(db) != SQLITE_OK && result == 0)
        result = error_system(err, EIO, "cannot make %s", path);
    return result;
}

/* Under the lock on the directory: make the database where there is none. */
static int create_database(struct store *store, struct error *err)
{
    static const char *const leftovers[] = {NEW_DATABASE, NEW_DATABASE "-journal", NEW_DATABASE "-wal",
                                            NEW_DATABASE "-shm"};
    char path[PATH_MAX];

    if (faccessat(store->directory_fd, "confuse.db", F_OK, 0) == 0)
        return 0;
    if ((size_t)snprintf(path, sizeof path, "%s/" NEW_DATABASE, store->directory) >= sizeof path)
        return error_system(err, ENAMETOOLONG, "%s", store->directory);
    for (size_t i = 0; i < sizeof leftovers / sizeof *leftovers; i++)
        unlinkat(store->directory_fd, leftovers[i], 0);
    /* For nobody else, whatever the mode of a directory that was there before; SQLite gives its WAL the same one. */
    cleanup_close int fd = openat(store->directory_fd, NEW_DATABASE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_system(err, errno, "cannot make %s", path);
    int result = fill_database(path, err);
    if (result < 0)
        return result;
    if (renameat(store->directory_fd, NEW_DATABASE, store->directory_fd, "confuse.db") < 0 ||
        fsync(store->directory_fd) < 0)
        return error_system(err, errno, "cannot make the store %s", store->directory);
    /* The store's own name. Who may not read the directory above it has to trust that somebody syncs it. */
    sync_directory(store, "..");
    return 0;
}

/* Check what kind of database it is, migrate it where that is asked for. */
static int prepare_schema(struct store *store, enum store_access access, struct error *err)
{
    int64_t version, application;
    int result = sql_integer(&version, store, USER_VERSION, err);

    if (result == 0)
        result = sql_integer(&application, store, APPLICATION_ID, err);
    if (result < 0)
        return result;
    if (application != SCHEMA_APPLICATION_ID)
        return error_refused(err, EPROTO, "%s/confuse.db is not a store of confuse", store->directory);
    if (version > schema_version_newest())
        return error_refused(err, EPROTO, "the store in %s was made by a newer confuse (version %d, this one knows %d)",
                             store->directory, (int)version, schema_version_newest());
    if (version == schema_version_newest())
        return 0;
    if (access == STORE_READ)
        return error_refused(err, EPROTO, "the store in %s is older than this confuse; `confuse import` migrates it",
                             store->directory);
    return schema_migrate(store->db, (int)version, err);
}

static int load_key(struct store *store, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, FIND_SECRET, err);

    if (!find)
        return -EIO;
    int result = sql_step(store, find, err);
    if (result < 0)
        return result;
    if (result == 0 || sqlite3_column_bytes(find, 0) != SIPHASH_KEY_SIZE)
        return error_system(err, EIO, "the store in %s has lost its key", store->directory);
    store->key = siphash_key_load(sqlite3_column_blob(find, 0));
    return 0;
}

static int open_parts(struct store *store, enum store_access access, struct error *err)
{
    int result = open_directory(store, access, err);

    /* Two processes that make or migrate one store take turns. */
    if (result == 0 && access != STORE_READ && flock(store->directory_fd, LOCK_EX) < 0)
        result = error_system(err, errno, "cannot lock %s", store->directory);
    if (result == 0 && access == STORE_CREATE)
        result = create_database(store, err);
    if (result == 0)
        result = connect_database(store, access, err);
    if (result == 0)
        result = prepare_schema(store, access, err);
    if (store->directory_fd >= 0)
        flock(store->directory_fd, LOCK_UN);
    if (result == 0 && sqlite3_exec(store->db, CONNECTION_PRAGMAS, NULL, NULL, NULL) != SQLITE_OK)
        result = sql_error(store, err);
    if (result == 0 && access == STORE_READ && sqlite3_exec(store->db, READER_PRAGMAS, NULL, NULL, NULL) != SQLITE_OK)
        result = sql_error(store, err);
    if (result == 0)
        sql_watch_wal(store);
    if (result == 0)
        result = load_key(store, err);
    if (result == 0 && access != STORE_READ)
        result = lease_begin(store, err);
    return result;
}

/* "dir/" is made, and told of, as "dir". */
static void cut_slashes(char *path)
{
    for (size_t size = strlen(path); size > 1 && path[size - 1] == '/'; size--)
        path[size - 1] = '\0';
}

int sql_new(struct store **out, const char *directory, bool writable, struct error *err)
{
    struct store *store = calloc(1, sizeof *store);

    pthread_once(&configured, configure_sqlite);
    if (store) {
        store->directory_fd = store->leases_fd = -1;
        store->writable = writable;
        store->directory = strdup(directory);
    }
    if (!store || !store->directory) {
        free(store);
        return error_system(err, ENOMEM, "the store %s", directory);
    }
    cut_slashes(store->directory);
    *out = store;
    return 0;
}

int store_open(struct store **out, const char *directory, enum store_access access, struct error *err)
{
    struct store *store;
    int result = sql_new(&store, directory, access != STORE_READ, err);

    if (result < 0)
        return result;
    store->sha = sha256_new();
    result = store->sha ? open_parts(store, access, err) : error_system(err, ENOMEM, "the store %s", directory);
    if (result < 0) {
        store_close(store);
        return result;
    }
    *out = store;
    return 0;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    store_rollback(store);
    sqlite3_blob_close(store->open_blob);
    for (size_t i = 0; i < SQL_STATEMENTS_MAX; i++)
        sqlite3_finalize(store->statements[i].statement);
    sqlite3_close(store->db);
    if (store->leases_fd >= 0)
        close(store->leases_fd);
    if (store->directory_fd >= 0)
        close(store->directory_fd);
    sha256_free(store->sha);
    free(store->directory);
    free(store);
}

/* --- Facts -------------------------------------------------------------------------------------------------------- */

const char *store_directory(const struct store *store)
{
    return store->directory;
}

const struct siphash_key *store_key(const struct store *store)
{
    return &store->key;
}

void store_use_key(struct store *store, const struct siphash_key *key)
{
    store->key = *key;
}

void store_rest(struct store *store)
{
    struct error err; /* what was read has been read */

    if (!store->writable && !sqlite3_get_autocommit(store->db))
        sql_run(store, REST, &err);
}

int store_hold(struct store *store, struct error *err)
{
    store_rest(store);
    return store->writable ? 0 : sql_run(store, HOLD, err);
}

int store_changed(bool *changed, struct store *store, struct error *err)
{
    int64_t version;
    int result = sql_integer(&version, store, DATA_VERSION, err);

    if (result < 0)
        return result;
    *changed = (uint32_t)version != store->data_version;
    store->data_version = (uint32_t)version;
    return 0;
}

int store_directory_mtime(uint64_t *mtime, struct store *store, const char *path, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, FIND_DIRECTORY, err);

    if (!find)
        return -EIO;
    sqlite3_bind_text(find, 1, path, -1, SQLITE_STATIC);
    int result = sql_step(store, find, err);
    if (result < 0)
        return result;
    *mtime = result ? (uint64_t)sqlite3_column_int64(find, 0) : 0;
    return 0;
}
