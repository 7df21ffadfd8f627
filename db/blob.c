/* blob.c - contents: small ones in rows, large ones in files that are durable before a row names them. */
#include "db/blob.h"

#include "base/cleanup.h"
#include "db/blob_file.h"
#include "db/sql.h"

#include <errno.h>
#include <fcntl.h>

static const char FIND_ID[] = "SELECT digest, size, data IS NULL FROM blob WHERE id = ?1";
static const char NEXT_PREFIX[] = "SELECT digest FROM blob WHERE digest >= ?1 ORDER BY digest LIMIT 1";
/* From the index of digests alone: the table holds the contents too. */
static const char EACH_OF_PREFIX[] = "SELECT id FROM blob INDEXED BY sqlite_autoindex_blob_1"
                                     " WHERE digest BETWEEN ?1 AND ?2 AND id > ?3"
                                     " AND NOT EXISTS (SELECT 1 FROM lost WHERE blob = id) ORDER BY id LIMIT ?4";
static const char FIND_LOST[] = "SELECT b.id FROM lost AS l CROSS JOIN blob AS b ON b.id = l.blob WHERE b.digest = ?1";
static const char SET_CONTENT[] = "UPDATE blob SET size = ?2, data = ?3 WHERE id = ?1";
static const char FOUND_AGAIN[] = "DELETE FROM lost WHERE blob = ?1";
static const char INSERT[] = "INSERT INTO blob (digest, size, data) VALUES (?1, ?2, ?3)";

#define VISIT_AT_ONCE 1024 /* ids sorted for one step of a visit: more than one READDIR reply holds */

/* A row whose content was lost takes the bytes; what refers to it is whole again. 1 if there is one. */
static int heal(int64_t *id, struct store *store, const struct digest *digest, const void *bytes, uint64_t size,
                struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, FIND_LOST, err);
    cleanup_reset sqlite3_stmt *set = sql_statement(store, SET_CONTENT, err);
    cleanup_reset sqlite3_stmt *found = sql_statement(store, FOUND_AGAIN, err);

    if (!find || !set || !found)
        return -EIO;
    sql_bind_digest(find, 1, digest);
    int result = sql_step(store, find, err);
    if (result != 1)
        return result;
    *id = sqlite3_column_int64(find, 0);
    sqlite3_bind_int64(set, 1, *id);
    sqlite3_bind_int64(set, 2, (int64_t)size);
    if (bytes)
        sqlite3_bind_blob64(set, 3, bytes, size, SQLITE_STATIC);
    sqlite3_bind_int64(found, 1, *id);
    sqlite3_reset(find);
    result = sql_step(store, set, err);
    if (result == 0)
        result = sql_step(store, found, err);
    return result < 0 ? result : 1;
}

static int insert_row(int64_t *id, struct store *store, const struct digest *digest, const void *bytes, uint64_t size,
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
    *id = sqlite3_last_insert_rowid(store->db);
    return result;
}

/* Inside a batch: the row; without bytes the content is in a file. */
static int insert(int64_t *id, struct store *store, const struct digest *digest, const void *bytes, uint64_t size,
                  struct error *err)
{
    int result = heal(id, store, digest, bytes, size, err);

    if (result == 0)
        result = insert_row(id, store, digest, bytes, size, err);
    else if (result == 1 && store->stamps)
        result = lease_tell(store, OBJECT_BLOB, *id, err);
    if (result < 0)
        return result;
    store->tally.added++;
    store->tally.added_bytes += size;
    return sql_batch_wrote(store, bytes ? (size_t)size : 0, err);
}

int blob_lookup(int64_t *id, struct store *store, const struct digest *digest, struct error *err)
{
    return sql_find_digest(id, store, OBJECT_BLOB, digest, err);
}

void blob_count_known(struct store *store, uint64_t size)
{
    store->tally.known++;
    store->tally.known_bytes += size;
}

const struct blob_tally *blob_tally(const struct store *store)
{
    return &store->tally;
}

/* Away with the files of what the store has by now. */
static int drop_known(struct blob_large *all, size_t count, struct store *store, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        int found = all[i].file.fd < 0 ? 0 : blob_lookup(&all[i].id, store, &all[i].digest, err);

        if (found < 0)
            return found;
        if (!found)
            continue;
        blob_count_known(store, all[i].file.size);
        blob_file_drop(&all[i].file);
    }
    return 0;
}

int blob_adopt(struct blob_large *all, size_t count, struct store *store, struct error *err)
{
    int result = drop_known(all, count, store, err);

    /* Only behind this a batch is begun: whoever waits for the lock waits for rows. */
    if (result == 0)
        result = blob_files_keep(all, count, store, err);
    for (size_t i = 0; i < count && result >= 0; i++) {
        if (all[i].file.fd < 0)
            continue;
        result = sql_find_or_begin(&all[i].id, store, OBJECT_BLOB, &all[i].digest, err);
        if (result == 1)
            blob_count_known(store, all[i].file.size);
        if (result == 0)
            result = insert(&all[i].id, store, &all[i].digest, NULL, all[i].file.size, err);
    }
    for (size_t i = 0; i < count; i++)
        blob_file_drop(&all[i].file);
    return result < 0 ? result : 0;
}

static int put_large(int64_t *id, struct store *store, const struct digest *digest, const void *bytes, size_t size,
                     struct error *err)
{
    struct blob_large large = {.digest = *digest};
    int result = blob_lookup(id, store, digest, err);

    if (result == 1)
        blob_count_known(store, size);
    if (result == 0)
        result = store_flush(store, err);
    if (result == 0)
        result = blob_files_prepare(store, err);
    if (result != 0)
        return result < 0 ? result : 0;
    result = blob_file_failed(store, blob_file_write_whole(&large.file, store, bytes, size), err);
    if (result == 0)
        result = blob_adopt(&large, 1, store, err);
    blob_file_drop(&large.file);
    *id = large.id;
    return result;
}

int blob_put(int64_t *id, struct digest *digest, struct store *store, const void *bytes, size_t size, struct error *err)
{
    sha256_of(digest, store->sha, bytes, size);
    if (size > BLOB_INLINE_MAX)
        return put_large(id, store, digest, bytes, size, err);
    int found = sql_find_or_begin(id, store, OBJECT_BLOB, digest, err);
    if (found == 1)
        blob_count_known(store, size);
    if (found != 0)
        return found < 0 ? found : 0;
    return insert(id, store, digest, size ? bytes : "", size, err);
}

int blob_find(struct blob *blob, struct store *store, int64_t id, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = NULL;
    int result = sql_find_row(&find, store, FIND_ID, id, err);

    if (result < 0)
        return result;
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
    int found = sql_find_digest(&id, store, OBJECT_BLOB, digest, err);

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
