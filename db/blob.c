/* blob.c - contents: small ones in rows, large ones in files that are durable before a row names them. */
#include "db/blob.h"

#include "base/cleanup.h"
#include "db/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

static const char FIND_DIGEST[] = "SELECT id FROM blob WHERE digest = ?1";
static const char FIND_ID[] = "SELECT digest, size, data IS NULL FROM blob WHERE id = ?1";
static const char NEXT_PREFIX[] = "SELECT digest FROM blob WHERE digest >= ?1 ORDER BY digest LIMIT 1";
/* From the index of digests alone: the table holds the contents too. */
static const char EACH_OF_PREFIX[] = "SELECT id FROM blob INDEXED BY sqlite_autoindex_blob_1"
                                     " WHERE digest BETWEEN ?1 AND ?2 AND id > ?3 ORDER BY id LIMIT ?4";
static const char INSERT[] = "INSERT INTO blob (digest, size, data) VALUES (?1, ?2, ?3)";

#define VISIT_AT_ONCE 1024 /* ids sorted for one step of a visit: more than one READDIR reply holds */

#define BLOB_PATH_SIZE (sizeof "blobs/ab/" + DIGEST_HEX_SIZE)
/* A file that is being written. One name is enough, since its writer holds a lock on blobs/; and what somebody left
 * there who was killed is gone with the next one. */
#define BLOB_ASIDE "blobs/new"

/* Where a blob's file stands, relative to the store's directory. */
static void blob_path(char out[BLOB_PATH_SIZE], const struct digest *digest)
{
    char hex[DIGEST_HEX_SIZE];

    hex_encode(hex, digest->bytes, DIGEST_SIZE);
    snprintf(out, BLOB_PATH_SIZE, "blobs/%.2s/%s", hex, hex);
}

static int write_all(int fd, const void *bytes, size_t size)
{
    for (const uint8_t *p = bytes; size;) {
        ssize_t wrote = write(fd, p, size);

        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return -errno;
        p += wrote;
        size -= (size_t)wrote;
    }
    return 0;
}

static int sync_directory(struct store *store, const char *path)
{
    cleanup_close int fd = openat(store->directory_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* blobs/ab, durably. Whoever made it may have been killed before he synced it, so each connection does that once. */
static int make_directory(struct store *store, const char *directory, uint8_t prefix)
{
    if (store->synced_prefixes[prefix])
        return 0;
    if (mkdirat(store->directory_fd, directory, 0700) < 0 && errno != EEXIST)
        return -errno;
    int result = sync_directory(store, "blobs");
    store->synced_prefixes[prefix] = result == 0;
    return result;
}

/* The lock under which a file is written aside; closing it lets go. It is waited for outside of batches only. */
static int lock_aside(struct store *store)
{
    int fd = openat(store->directory_fd, "blobs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    while (fd >= 0 && flock(fd, LOCK_EX) < 0) {
        if (errno == EINTR)
            continue;
        int failed = errno;
        close(fd);
        return -failed;
    }
    return fd < 0 ? -errno : fd;
}

/* Written aside and synced. This may take long, so it is done before the batch that others would wait for. */
static int write_aside(struct store *store, const void *bytes, size_t size)
{
    unlinkat(store->directory_fd, BLOB_ASIDE, 0);
    cleanup_close int fd = openat(store->directory_fd, BLOB_ASIDE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    if (fd < 0)
        return -errno;
    int result = write_all(fd, bytes, size);
    if (result == 0 && fsync(fd) < 0)
        result = -errno;
    if (result < 0)
        unlinkat(store->directory_fd, BLOB_ASIDE, 0);
    return result;
}

/* Renamed, and the directories synced, under the write lock: a crash leaves the whole file or none of that name. */
static int name_file(struct store *store, const struct digest *digest)
{
    char path[BLOB_PATH_SIZE], directory[sizeof "blobs/ab"];

    blob_path(path, digest);
    memcpy(directory, path, sizeof directory - 1);
    directory[sizeof directory - 1] = '\0';
    int result = make_directory(store, directory, digest->bytes[0]);
    if (result == 0 && renameat(store->directory_fd, BLOB_ASIDE, store->directory_fd, path) < 0)
        result = -errno;
    return result < 0 ? result : sync_directory(store, directory);
}

/* The row; without bytes the content is in a file. */
static int insert(int64_t *id, struct store *store, const struct digest *digest, const void *bytes, size_t size,
                  struct error *err)
{
    cleanup_reset sqlite3_stmt *add = sql_statement(store, INSERT, err);

    if (!add)
        return -EIO;
    sql_bind_digest(add, 1, digest);
    sqlite3_bind_int64(add, 2, (int64_t)size);
    if (bytes)
        sqlite3_bind_blob64(add, 3, bytes, size, SQLITE_STATIC);
    int result = sql_step(store, add, err);
    if (result < 0)
        return result;
    *id = sqlite3_last_insert_rowid(store->db);
    return sql_batch_wrote(store, bytes ? size : 0, err);
}

static int put_file(int64_t *id, struct store *store, const struct digest *digest, const void *bytes, size_t size,
                    struct error *err)
{
    int result = store_flush(store, err);

    if (result < 0)
        return result;
    cleanup_close int lock = lock_aside(store);
    result = lock < 0 ? lock : write_aside(store, bytes, size);
    if (result < 0)
        return error_system(err, -result, "cannot write a blob into %s", store->directory);
    result = sql_find_or_begin(id, store, FIND_DIGEST, digest, err);
    if (result == 0) {
        result = name_file(store, digest);
        if (result == 0)
            return insert(id, store, digest, NULL, size, err);
        error_system(err, -result, "cannot write a blob into %s", store->directory);
    }
    unlinkat(store->directory_fd, BLOB_ASIDE, 0);
    return result < 0 ? result : 0;
}

int blob_put(int64_t *id, struct digest *digest, struct store *store, const void *bytes, size_t size, struct error *err)
{
    sha256_of(digest, store->sha, bytes, size);
    if (size > BLOB_INLINE_MAX) {
        int found = sql_find_digest(id, store, FIND_DIGEST, digest, err);
        return found == 0 ? put_file(id, store, digest, bytes, size, err) : found < 0 ? found : 0;
    }
    int found = sql_find_or_begin(id, store, FIND_DIGEST, digest, err);
    if (found != 0)
        return found < 0 ? found : 0;
    return insert(id, store, digest, size ? bytes : "", size, err);
}

int blob_find(struct blob *blob, struct store *store, int64_t id, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, FIND_ID, err);

    if (!find)
        return -EIO;
    sqlite3_bind_int64(find, 1, id);
    int result = sql_step(store, find, err);
    if (result <= 0)
        return result < 0 ? result : -ENOENT;
    int64_t blob_size = sqlite3_column_int64(find, 1);
    blob->id = id;
    blob->size = (uint64_t)blob_size;
    blob->in_file = sqlite3_column_int(find, 2);
    /* What follows adds offsets, and SQLite's have 31 bits. */
    if (blob_size < 0 || (!blob->in_file && blob_size > INT32_MAX))
        return error_system(err, EIO, "blob %lld is damaged", (long long)id);
    if (!sql_column_digest(&blob->digest, find, 0))
        return error_system(err, EIO, "blob %lld has no digest", (long long)id);
    return 0;
}

int blob_find_digest(struct blob *blob, struct store *store, const struct digest *digest, struct error *err)
{
    int64_t id;
    int found = sql_find_digest(&id, store, FIND_DIGEST, digest, err);

    if (found <= 0)
        return found < 0 ? found : -ENOENT;
    return blob_find(blob, store, id, err);
}

int blob_next_prefix(uint8_t *prefix, struct store *store, uint8_t from, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, NEXT_PREFIX, err);
    const struct digest first = {{from}};
    struct digest found;

    if (!find)
        return -EIO;
    sql_bind_digest(find, 1, &first);
    int result = sql_step(store, find, err);
    if (result <= 0)
        return result < 0 ? result : -ENOENT;
    if (!sql_column_digest(&found, find, 0))
        return error_system(err, EIO, "a blob has no digest");
    *prefix = found.bytes[0];
    return 0;
}

/* Up to VISIT_AT_ONCE ids behind `after`; how many. */
static int gather_ids(int64_t ids[VISIT_AT_ONCE], struct store *store, uint8_t prefix, int64_t after, struct error *err)
{
    cleanup_reset sqlite3_stmt *rows = sql_statement(store, EACH_OF_PREFIX, err);
    struct digest first = {{prefix}}, last;
    int count = 0, result;

    if (!rows)
        return -EIO;
    memset(last.bytes, 0xff, sizeof last.bytes);
    last.bytes[0] = prefix;
    sql_bind_digest(rows, 1, &first);
    sql_bind_digest(rows, 2, &last);
    sqlite3_bind_int64(rows, 3, after);
    sqlite3_bind_int(rows, 4, VISIT_AT_ONCE);
    while ((result = sql_step(store, rows, err)) == 1)
        ids[count++] = sqlite3_column_int64(rows, 0);
    return result < 0 ? result : count;
}

int blob_visit(struct store *store, uint8_t prefix, int64_t after, int (*visit)(void *arg, const struct blob *blob),
               void *arg, struct error *err)
{
    int64_t ids[VISIT_AT_ONCE];
    int count = VISIT_AT_ONCE, result = 0;

    while (count == VISIT_AT_ONCE && result == 0) {
        count = gather_ids(ids, store, prefix, after, err);
        if (count < 0)
            return count;
        for (int i = 0; i < count && result == 0; i++) {
            struct blob blob;

            result = blob_find(&blob, store, ids[i], err);
            if (result == 0)
                result = visit(arg, &blob);
            else if (result == -ENOENT)
                result = 0; /* removed meanwhile */
            after = ids[i];
        }
    }
    return result;
}

/* Point the incremental handle at a row; a handle that a write has expired is opened anew. */
static int point_at(struct store *store, int64_t id, struct error *err)
{
    if (store->open_blob && sqlite3_blob_reopen(store->open_blob, id) == SQLITE_OK)
        return 0;
    blob_rest(store);
    if (sqlite3_blob_open(store->db, "main", "blob", "data", id, 0, &store->open_blob) == SQLITE_OK)
        return 0;
    blob_rest(store);
    return sql_error(store, err);
}

ssize_t blob_read(void *out, struct store *store, const struct blob *blob, uint64_t offset, size_t size,
                  struct error *err)
{
    if (offset >= blob->size)
        return 0;
    if (size > blob->size - offset)
        size = blob->size - offset;
    if (blob->in_file) {
        cleanup_close int fd = blob_open(store, blob, err);
        if (fd < 0)
            return fd;
        ssize_t got = pread(fd, out, size, (off_t)offset);
        return got < 0 ? error_system(err, errno, "cannot read a blob in %s", store->directory) : got;
    }
    int result = point_at(store, blob->id, err);
    if (result < 0)
        return result;
    if (sqlite3_blob_read(store->open_blob, out, (int)size, (int)offset) != SQLITE_OK)
        return sql_error(store, err);
    return (ssize_t)size;
}

void blob_rest(struct store *store)
{
    sqlite3_blob_close(store->open_blob);
    store->open_blob = NULL;
}

int blob_open(struct store *store, const struct blob *blob, struct error *err)
{
    char path[BLOB_PATH_SIZE];

    blob_path(path, &blob->digest);
    int fd = openat(store->directory_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? error_system(err, errno, "%s/%s", store->directory, path) : fd;
}
