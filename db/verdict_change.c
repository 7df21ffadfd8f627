/* verdict_change.c - writing to the scan cache: files come, get their bytes, are renamed and go.
 *
 * Each function does all of its checks before its first statement that writes, so that one that says no has changed
 * nothing. What stands in a directory is counted in the directory's row.
 */
#include "db/verdicts.h"

#include "base/timestamp.h"
#include "db/verdict_row.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define DIRECTORY_SIZE 4096 /* bytes, as directories of trees have */

static const char BEGIN[] = "BEGIN IMMEDIATE";
static const char COMMIT[] = "COMMIT";
static const char ROLLBACK[] = "ROLLBACK";

static const char STEP[] = "SAVEPOINT step";
static const char UNDO_STEP[] = "ROLLBACK TO step";
static const char END_STEP[] = "RELEASE step";

static const char LOOKUP[] = "SELECT " VERDICT_COLUMNS " FROM file WHERE directory = ?1 AND name = ?2";
static const char INSERT[] = "INSERT INTO file (directory, mode, uid, gid, mtime, ctime, expires, name, handle, kind,"
                             " size, verifier, held_files, held_bytes, data)"
                             " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13, x'')";
static const char REMOVE[] = "DELETE FROM file WHERE id = ?1";
static const char SET[] = "UPDATE file SET mode = ?2, uid = ?3, gid = ?4, mtime = ?5, ctime = ?6, expires = ?7"
                          " WHERE id = ?1";
static const char WRITE[] = "UPDATE file SET mode = ?2, uid = ?3, gid = ?4, mtime = ?5, ctime = ?6, expires = ?7,"
                            " size = ?8, data = ?9 WHERE id = ?1";
static const char MOVE[] = "UPDATE file SET directory = ?2, name = ?3, kind = ?4, ctime = ?5, expires = ?6"
                           " WHERE id = ?1";
static const char COUNT[] = "UPDATE file SET held_files = ?2, held_bytes = ?3, mtime = ?4, ctime = ?5 WHERE id = ?1";
static const char VERIFIER[] = "SELECT verifier IS ?2 FROM file WHERE id = ?1";
static const char CLAIM_NAME[] = "SELECT name || '.claim' FROM file WHERE id = ?1";
static const char EXPIRED[] = "SELECT " VERDICT_COLUMNS ", name FROM file"
                              " WHERE expires IS NOT NULL AND expires <= ?1 ORDER BY expires LIMIT 1";
static const char NEXT_EXPIRY[] = "SELECT min(expires) FROM file WHERE expires IS NOT NULL";
static const char FORGET_REPLIES[] = "DELETE FROM reply WHERE at < ?1";

/* --- Transactions ------------------------------------------------------------------------------------------------- */

int verdicts_begin(struct verdicts *verdicts, struct error *err)
{
    return sql_run(verdicts->sql, BEGIN, err);
}

int verdicts_commit(struct verdicts *verdicts, struct error *err)
{
    int result = sql_run(verdicts->sql, COMMIT, err);

    if (result < 0)
        verdicts_rollback(verdicts);
    return result;
}

void verdicts_rollback(struct verdicts *verdicts)
{
    /* SQLite may have done so by itself, when the disk was full. */
    if (!sqlite3_get_autocommit(verdicts->sql->db))
        sql_run(verdicts->sql, ROLLBACK, NULL);
}

int verdicts_step(struct verdicts *verdicts, struct error *err)
{
    return sql_run(verdicts->sql, STEP, err);
}

int verdicts_step_end(struct verdicts *verdicts, bool kept, struct error *err)
{
    int result = kept ? 0 : sql_run(verdicts->sql, UNDO_STEP, err);

    return result < 0 ? result : sql_run(verdicts->sql, END_STEP, err);
}

static void tell(struct verdicts *verdicts, int64_t row, int64_t directory, const char *name, size_t size)
{
    if (verdicts->watcher)
        verdicts->watcher(verdicts->watcher_arg, row, directory, name, size);
}

/* --- Times -------------------------------------------------------------------------------------------------------- */

/* Now, or a nanosecond later than it was. */
static uint64_t rise(uint64_t before, uint64_t now)
{
    return now > before ? now : before + 1;
}

void verdict_touch(struct verdict_file *file, const struct verdicts *verdicts, bool content)
{
    uint64_t now = verdicts_now(verdicts);

    file->ctime = rise(file->ctime, now);
    if (content)
        file->mtime = rise(file->mtime, now);
}

/* When a file that is touched now will be gone. */
static uint64_t expiry(const struct verdicts *verdicts, enum verdict_name kind)
{
    if (kind == VERDICT_NAME_CLAIM)
        return verdicts_now(verdicts) + verdicts->limits.claim_ns;
    return kind == VERDICT_NAME_TEMPORARY ? verdicts_now(verdicts) + VERDICT_TEMPORARY_SECONDS * NANOSECONDS : 0;
}

/* --- Directories -------------------------------------------------------------------------------------------------- */

/* What a change will make of a directory. */
struct holding {
    struct verdict_file directory;
    int64_t files, bytes; /* that come or go */
    bool names;           /* a name came or went: its times move */
};

/* A scanner's directory, before a change. */
static int find_directory(struct holding *holding, struct verdicts *verdicts, int64_t row, struct error *err)
{
    *holding = (struct holding){.names = true};
    int result = verdict_find(&holding->directory, verdicts, row, err);
    if (result < 0)
        return result;
    if (!S_ISDIR(holding->directory.mode))
        return -ENOTDIR;
    return row == VERDICTS_ROOT ? -EACCES : 0;
}

/* May it hold that much more? What only becomes less may, whatever the limit is today. */
static int check_quota(const struct holding *holding, const struct verdicts *verdicts)
{
    const struct verdict_file *directory = &holding->directory;
    const struct verdict_limits *limits = &verdicts->limits;

    if (holding->files > 0 && directory->files + (uint64_t)holding->files > limits->files)
        return -EDQUOT;
    return holding->bytes > 0 && directory->bytes + (uint64_t)holding->bytes > limits->bytes ? -EDQUOT : 0;
}

static int write_holding(struct holding *holding, struct verdicts *verdicts, struct error *err)
{
    struct verdict_file *directory = &holding->directory;
    cleanup_reset sqlite3_stmt *count = sql_statement(verdicts->sql, COUNT, err);

    if (!count)
        return -EIO;
    if (holding->names)
        verdict_touch(directory, verdicts, true);
    sqlite3_bind_int64(count, 1, directory->row);
    verdict_bind(count, 2, directory->files + (uint64_t)holding->files);
    verdict_bind(count, 3, directory->bytes + (uint64_t)holding->bytes);
    verdict_bind(count, 4, directory->mtime);
    verdict_bind(count, 5, directory->ctime);
    tell(verdicts, directory->row, directory->directory, NULL, 0);
    return sql_step(verdicts->sql, count, err);
}

/* --- Files that go ------------------------------------------------------------------------------------------------ */

/* The row alone; the directory is the caller's to count. */
static int remove_row(struct verdicts *verdicts, const struct verdict_file *file, const char *name, size_t size,
                      struct error *err)
{
    cleanup_reset sqlite3_stmt *remove = sql_statement(verdicts->sql, REMOVE, err);

    if (!remove)
        return -EIO;
    tell(verdicts, file->row, file->directory, name, size);
    sqlite3_bind_int64(remove, 1, file->row);
    return sql_step(verdicts->sql, remove, err);
}

/* What has a name, expired or not: 1; 0: nothing has. */
static int find_name(struct verdict_file *file, struct verdicts *verdicts, int64_t directory, const char *name,
                     size_t size, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(verdicts->sql, LOOKUP, err);

    if (!find)
        return -EIO;
    sqlite3_bind_int64(find, 1, directory);
    sqlite3_bind_text(find, 2, name, (int)size, SQLITE_STATIC);
    int result = sql_step(verdicts->sql, find, err);
    if (result > 0)
        verdict_row_read(file, find);
    return result;
}

/* Whatever has this name in the holding's directory goes. */
static int clear_name(struct holding *holding, struct verdicts *verdicts, const char *name, size_t size,
                      struct error *err)
{
    struct verdict_file file;
    int found = find_name(&file, verdicts, holding->directory.row, name, size, err);

    if (found <= 0)
        return found;
    holding->files--;
    holding->bytes -= (int64_t)file.size;
    holding->names = true;
    return remove_row(verdicts, &file, name, size, err);
}

/* The claim on a verdict that is published. */
static int clear_claim(struct holding *holding, struct verdicts *verdicts, int64_t row, struct error *err)
{
    cleanup_reset sqlite3_stmt *name = sql_statement(verdicts->sql, CLAIM_NAME, err);

    if (!name)
        return -EIO;
    sqlite3_bind_int64(name, 1, row);
    int result = sql_step(verdicts->sql, name, err);
    if (result <= 0)
        return result;
    const char *text = (const char *)sqlite3_column_text(name, 0);
    return text ? clear_name(holding, verdicts, text, (size_t)sqlite3_column_bytes(name, 0), err)
                : error_system(err, ENOMEM, "the scan cache");
}

/* --- Files that come ---------------------------------------------------------------------------------------------- */

/* ?2 to ?7 of INSERT, SET and WRITE. */
static void bind_attributes(sqlite3_stmt *statement, struct verdict_file *file, const struct verdicts *verdicts)
{
    file->expires = expiry(verdicts, file->kind);
    sqlite3_bind_int64(statement, 2, file->mode);
    sqlite3_bind_int64(statement, 3, file->uid);
    sqlite3_bind_int64(statement, 4, file->gid);
    verdict_bind(statement, 5, file->mtime);
    verdict_bind(statement, 6, file->ctime);
    sql_bind_id(statement, 7, (int64_t)file->expires);
}

static int insert(struct verdict_file *file, struct verdicts *verdicts, const char *name, size_t size,
                  const struct verdict_new *as, struct error *err)
{
    cleanup_reset sqlite3_stmt *insert = sql_statement(verdicts->sql, INSERT, err);

    if (!insert)
        return -EIO;
    if (getrandom(file->id, sizeof file->id, 0) != sizeof file->id)
        return error_system(err, EIO, "no random bytes");
    verdict_touch(file, verdicts, true);
    sqlite3_bind_int64(insert, 1, file->directory);
    bind_attributes(insert, file, verdicts);
    sqlite3_bind_text(insert, 8, name, (int)size, SQLITE_STATIC);
    sqlite3_bind_blob(insert, 9, file->id, VERDICT_ID_SIZE, SQLITE_STATIC);
    sqlite3_bind_int(insert, 10, (int)file->kind);
    verdict_bind(insert, 11, file->size);
    if (as->how == VERDICT_EXCLUSIVE)
        sqlite3_bind_blob(insert, 12, as->verifier, VERDICT_VERIFIER_SIZE, SQLITE_STATIC);
    if (S_ISDIR(file->mode))
        sqlite3_bind_int64(insert, 13, 0);
    int result = sql_step(verdicts->sql, insert, err);
    if (result < 0)
        return result;
    file->row = sqlite3_last_insert_rowid(verdicts->sql->db);
    tell(verdicts, file->row, file->directory, name, size);
    return 0;
}

static int same_verifier(struct verdicts *verdicts, int64_t row, const uint8_t *verifier, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(verdicts->sql, VERIFIER, err);

    if (!find)
        return -EIO;
    sqlite3_bind_int64(find, 1, row);
    sqlite3_bind_blob(find, 2, verifier, VERDICT_VERIFIER_SIZE, SQLITE_STATIC);
    int result = sql_step(verdicts->sql, find, err);
    return result < 0 ? result : result && sqlite3_column_int(find, 0);
}

/* One that is there already. */
static int take_existing(struct verdicts *verdicts, const struct verdict_file *file, const struct verdict_new *as,
                         struct error *err)
{
    if (as->how == VERDICT_UNCHECKED)
        return 0;
    int same = as->how == VERDICT_EXCLUSIVE ? same_verifier(verdicts, file->row, as->verifier, err) : 0;
    return same < 0 ? same : same ? 0 : -EEXIST;
}

int verdict_create(struct verdict_file *file, bool *made, struct verdicts *verdicts, int64_t directory,
                   const char *name, size_t size, const struct verdict_new *as, struct error *err)
{
    enum verdict_name kind = verdict_name(name, size);
    struct holding holding;
    int result = find_directory(&holding, verdicts, directory, err);

    if (result < 0)
        return result;
    if (kind == VERDICT_NAME_NONE)
        return size > VERDICT_NAME_MAX ? -ENAMETOOLONG : -EINVAL;
    *made = false;
    result = verdict_lookup(file, verdicts, directory, name, size, err);
    if (result != -ENOENT)
        return result < 0 ? result : take_existing(verdicts, file, as, err);
    holding.files = 1;
    result = check_quota(&holding, verdicts);
    if (result == 0)
        result = clear_name(&holding, verdicts, name, size, err); /* one that has expired */
    if (result < 0)
        return result;
    *made = true;
    *file = (struct verdict_file){
        .directory = directory, .mode = S_IFREG | (as->mode & 07777), .uid = as->uid, .gid = as->gid, .kind = kind};
    result = insert(file, verdicts, name, size, as, err);
    return result < 0 ? result : write_holding(&holding, verdicts, err);
}

/* The root, whose only files are scanners' directories. */
static int find_root(struct holding *holding, struct verdicts *verdicts, struct error *err)
{
    *holding = (struct holding){.names = true};
    return verdict_find(&holding->directory, verdicts, VERDICTS_ROOT, err);
}

int verdict_make_scanner(struct verdict_file *file, struct verdicts *verdicts, const char *name, size_t size,
                         const struct verdict_new *as, struct error *err)
{
    const struct verdict_new plain = {.how = VERDICT_GUARDED};
    struct holding root;
    int result = find_root(&root, verdicts, err);

    if (result < 0)
        return result;
    if (!verdict_scanner_name(name, size))
        return size > VERDICT_NAME_MAX ? -ENAMETOOLONG : -EINVAL;
    result = verdict_lookup(file, verdicts, VERDICTS_ROOT, name, size, err);
    if (result != -ENOENT)
        return result < 0 ? result : -EEXIST;
    if (root.directory.files >= verdicts->limits.scanners)
        return -EDQUOT;
    root.files = 1;
    *file = (struct verdict_file){.directory = VERDICTS_ROOT,
                                  .mode = S_IFDIR | (as->mode & 07777),
                                  .uid = as->uid,
                                  .gid = as->gid,
                                  .size = DIRECTORY_SIZE};
    result = insert(file, verdicts, name, size, &plain, err);
    return result < 0 ? result : write_holding(&root, verdicts, err);
}

/* --- Contents and attributes -------------------------------------------------------------------------------------- */

static int write_row(struct verdict_file *file, struct verdicts *verdicts, const void *bytes, size_t size,
                     struct error *err)
{
    cleanup_reset sqlite3_stmt *write = sql_statement(verdicts->sql, WRITE, err);

    if (!write)
        return -EIO;
    file->size = size;
    sqlite3_bind_int64(write, 1, file->row);
    bind_attributes(write, file, verdicts);
    verdict_bind(write, 8, size);
    sqlite3_bind_blob(write, 9, size ? bytes : "", (int)size, SQLITE_STATIC);
    tell(verdicts, file->row, file->directory, NULL, 0);
    return sql_step(verdicts->sql, write, err);
}

int verdict_write(struct verdict_file *file, struct verdicts *verdicts, const void *bytes, size_t size,
                  struct error *err)
{
    struct verdict_file stored;
    struct holding holding;

    if (size > VERDICT_SIZE_MAX)
        return -EFBIG;
    int result = verdict_find(&stored, verdicts, file->row, err);
    if (result == 0)
        result = find_directory(&holding, verdicts, stored.directory, err);
    if (result < 0)
        return result;
    holding.names = false;
    holding.bytes = (int64_t)size - (int64_t)stored.size;
    result = check_quota(&holding, verdicts);
    if (result == 0)
        result = write_row(file, verdicts, bytes, size, err);
    if (result == 0 && stored.kind == VERDICT_NAME_VERDICT && size)
        result = clear_claim(&holding, verdicts, file->row, err);
    if (result == 0 && (holding.bytes || holding.names))
        result = write_holding(&holding, verdicts, err);
    return result;
}

int verdict_set(struct verdict_file *file, struct verdicts *verdicts, struct error *err)
{
    cleanup_reset sqlite3_stmt *set = sql_statement(verdicts->sql, SET, err);

    if (!set)
        return -EIO;
    sqlite3_bind_int64(set, 1, file->row);
    bind_attributes(set, file, verdicts);
    tell(verdicts, file->row, file->directory, NULL, 0);
    return sql_step(verdicts->sql, set, err);
}

/* --- Removing and renaming ---------------------------------------------------------------------------------------- */

int verdict_remove(struct verdicts *verdicts, int64_t directory, const char *name, size_t size, struct error *err)
{
    struct verdict_file file;
    struct holding holding;
    int result = verdict_lookup(&file, verdicts, directory, name, size, err);

    if (result < 0)
        return result;
    if (S_ISDIR(file.mode))
        return -EISDIR;
    if (file.kind == VERDICT_NAME_CLAIM)
        return -EACCES;
    result = find_directory(&holding, verdicts, directory, err);
    if (result == 0)
        result = clear_name(&holding, verdicts, name, size, err);
    return result < 0 ? result : write_holding(&holding, verdicts, err);
}

int verdict_remove_scanner(struct verdicts *verdicts, const char *name, size_t size, struct error *err)
{
    struct verdict_file file;
    struct holding root;
    int result = verdict_lookup(&file, verdicts, VERDICTS_ROOT, name, size, err);

    if (result < 0)
        return result;
    if (file.files)
        return -ENOTEMPTY;
    result = find_root(&root, verdicts, err);
    if (result < 0)
        return result;
    root.files = -1;
    result = remove_row(verdicts, &file, name, size, err);
    return result < 0 ? result : write_holding(&root, verdicts, err);
}

/* May it be renamed to this? 1: it is called so already. */
static int check_rename(struct verdict_file *file, enum verdict_name to_kind, struct verdicts *verdicts,
                        const struct verdict_name_at *from, const struct verdict_name_at *to, struct error *err)
{
    struct verdict_file target;
    int result = verdict_lookup(file, verdicts, from->directory, from->name, from->size, err);

    if (result < 0)
        return result;
    if (S_ISDIR(file->mode) || file->kind == VERDICT_NAME_CLAIM || to_kind == VERDICT_NAME_CLAIM)
        return -EACCES;
    if (to_kind == VERDICT_NAME_NONE)
        return to->size > VERDICT_NAME_MAX ? -ENAMETOOLONG : -EINVAL;
    result = verdict_lookup(&target, verdicts, to->directory, to->name, to->size, err);
    if (result < 0 && result != -ENOENT)
        return result;
    return result == 0 && target.row == file->row;
}

static int move_row(struct verdict_file *file, enum verdict_name kind, struct verdicts *verdicts,
                    const struct verdict_name_at *from, const struct verdict_name_at *to, struct error *err)
{
    cleanup_reset sqlite3_stmt *move = sql_statement(verdicts->sql, MOVE, err);

    if (!move)
        return -EIO;
    verdict_touch(file, verdicts, false);
    sqlite3_bind_int64(move, 1, file->row);
    sqlite3_bind_int64(move, 2, to->directory);
    sqlite3_bind_text(move, 3, to->name, (int)to->size, SQLITE_STATIC);
    sqlite3_bind_int(move, 4, (int)kind);
    verdict_bind(move, 5, file->ctime);
    sql_bind_id(move, 6, (int64_t)expiry(verdicts, kind));
    tell(verdicts, file->row, from->directory, from->name, from->size);
    tell(verdicts, file->row, to->directory, to->name, to->size);
    return sql_step(verdicts->sql, move, err);
}

/* Within one directory the two holdings are one. */
static int rename_between(struct verdict_file *file, struct holding *there, struct verdicts *verdicts,
                          const struct verdict_name_at *from, const struct verdict_name_at *to, struct error *err)
{
    enum verdict_name kind = verdict_name(to->name, to->size);
    int result = clear_name(there, verdicts, to->name, to->size, err);

    if (result == 0)
        result = move_row(file, kind, verdicts, from, to, err);
    if (result == 0 && kind == VERDICT_NAME_VERDICT)
        result = clear_claim(there, verdicts, file->row, err);
    return result < 0 ? result : write_holding(there, verdicts, err);
}

int verdict_rename(struct verdicts *verdicts, const struct verdict_name_at *from, const struct verdict_name_at *to,
                   struct error *err)
{
    struct verdict_file file;
    struct holding here, there;
    bool within = from->directory == to->directory;
    int result = find_directory(&here, verdicts, from->directory, err);

    if (result == 0)
        result = find_directory(&there, verdicts, to->directory, err);
    if (result == 0)
        result = check_rename(&file, verdict_name(to->name, to->size), verdicts, from, to, err);
    if (result != 0)
        return result < 0 ? result : 0;
    if (!within) {
        there.files = 1;
        there.bytes = (int64_t)file.size;
        here.files = -1;
        here.bytes = -there.bytes;
        result = check_quota(&there, verdicts);
        if (result == 0)
            result = write_holding(&here, verdicts, err);
    }
    return result < 0 ? result : rename_between(&file, &there, verdicts, from, to, err);
}

/* --- What has expired --------------------------------------------------------------------------------------------- */

/* 1: one was removed; 0: there is none. */
static int sweep_one(struct verdicts *verdicts, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(verdicts->sql, EXPIRED, err);
    struct verdict_file file;
    char name[VERDICT_NAME_MAX];
    struct holding holding;

    if (!find)
        return -EIO;
    verdict_bind(find, 1, verdicts_now(verdicts));
    int result = sql_step(verdicts->sql, find, err);
    if (result <= 0)
        return result;
    verdict_row_read(&file, find);
    const void *text = sqlite3_column_text(find, VERDICT_COLUMN_COUNT);
    size_t size = (size_t)sqlite3_column_bytes(find, VERDICT_COLUMN_COUNT);
    if (!text || size > sizeof name)
        return error_system(err, EIO, "a name in the scan cache");
    memcpy(name, text, size);
    sqlite3_reset(find);
    result = find_directory(&holding, verdicts, file.directory, err);
    if (result == 0)
        result = clear_name(&holding, verdicts, name, size, err);
    if (result == 0)
        result = write_holding(&holding, verdicts, err);
    return result < 0 ? result : 1;
}

static int forget_replies(struct verdicts *verdicts, struct error *err)
{
    cleanup_reset sqlite3_stmt *forget = sql_statement(verdicts->sql, FORGET_REPLIES, err);
    uint64_t now = verdicts_now(verdicts), age = VERDICT_REPLY_SECONDS * NANOSECONDS;

    if (!forget)
        return -EIO;
    verdict_bind(forget, 1, now > age ? now - age : 0);
    return sql_step(verdicts->sql, forget, err);
}

int verdicts_sweep(uint64_t *next, struct verdicts *verdicts, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(verdicts->sql, NEXT_EXPIRY, err);
    int result = find ? forget_replies(verdicts, err) : -EIO;

    for (int i = 0; i < VERDICT_SWEEP_MAX && result == 0; i++) {
        result = sweep_one(verdicts, err);
        if (result <= 0)
            break;
        result = 0;
    }
    if (result == 0)
        result = sql_step(verdicts->sql, find, err);
    if (result < 0)
        return result;
    *next = sqlite3_column_type(find, 0) == SQLITE_NULL ? UINT64_MAX : (uint64_t)sqlite3_column_int64(find, 0);
    return 0;
}
