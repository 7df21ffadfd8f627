/* scratch.c - see scratch.h. */
#include "tests/unit/scratch.h"

#include "base/timestamp.h"
#include "db/blob.h"
#include "db/chunk_list.h"
#include "db/cut.h"
#include "db/feature_values.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/confuse-test-XXXXXX";
static bool made;

static void make_once(void)
{
    made = mkdtemp(directory);
}

const char *scratch_make(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make_once);
    assert_true(made);
    return directory;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status, (void)type, (void)ftw;
    return remove(path);
}

void scratch_remove(void)
{
    if (made)
        nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int scratch_tear_down(void **state)
{
    (void)state;
    scratch_remove();
    return 0;
}

struct store *scratch_store(enum store_access access)
{
    char path[sizeof directory + 8];
    struct store *store = NULL;
    struct error err;

    snprintf(path, sizeof path, "%s/store", scratch_make());
    if (store_open(&store, path, access, &err) < 0)
        fail_msg("%s", err.text);
    return store;
}

/* chunk_id(LIST, N), chunk_position(LIST, N): of the N-th chunk of a row of frame_chunks; NULL: it has not so many. */
static void chunk_field(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    const void *bytes = sqlite3_value_blob(arguments[0]);
    int64_t wanted = sqlite3_value_int64(arguments[1]), position = 0;
    struct chunk_ref chunk;
    struct chunk_list list;

    (void)count;
    chunk_list_begin(&list, bytes, (size_t)sqlite3_value_bytes(arguments[0]));
    while (chunk_list_next(&chunk, &list) == 1) {
        if (wanted-- == 0) {
            sqlite3_result_int64(context, sqlite3_user_data(context) ? position : chunk.id);
            return;
        }
        position += chunk.size;
    }
}

static void register_functions(sqlite3 *db)
{
    static char begins;

    assert_int_equal(feature_values_register(db), SQLITE_OK);
    assert_int_equal(sqlite3_create_function(db, "chunk_id", 2, SQLITE_UTF8, NULL, chunk_field, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_create_function(db, "chunk_position", 2, SQLITE_UTF8, &begins, chunk_field, NULL, NULL),
                     SQLITE_OK);
}

int64_t scratch_sql(const char *sql)
{
    char path[sizeof directory + 24];
    sqlite3_stmt *statement;
    int64_t value = 0;
    sqlite3 *db;

    snprintf(path, sizeof path, "%s/store/confuse.db", scratch_make());
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, 10000);
    register_functions(db);
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    if (sqlite3_step(statement) == SQLITE_ROW)
        value = sqlite3_column_int64(statement, 0);
    if (sqlite3_finalize(statement) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
    return value;
}

struct digest scratch_set_content(struct builder *builder, struct store *store, const char *path, const void *bytes,
                                  size_t size)
{
    struct entry_digests digests = {0};
    struct entry entry;
    struct error err;

    if (builder_find(&entry, builder, path, strlen(path), &err) < 0 ||
        blob_put(&entry.content, &digests.content, store, bytes, size, &err) < 0)
        fail_msg("%s: no content", path);
    entry.size = size;
    entry.flags &= ~ENTRY_ABSENT;
    if (builder_replace(builder, path, strlen(path), &entry, &digests, 0, &err) < 0)
        fail_msg("%s: %s", path, err.text);
    return digests.content;
}

void scratch_downgrade(int version)
{
    /* What each step of db/schema.c did, taken back; by the version that it led to. */
    static const struct {
        int version;
        const char *sql;
    } steps[] = {
        {9, "CREATE TABLE frame_chunk (frame INTEGER NOT NULL REFERENCES frame, position INTEGER NOT NULL,"
            " chunk INTEGER NOT NULL REFERENCES chunk, PRIMARY KEY (frame, position)) STRICT, WITHOUT ROWID"},
        {9, "CREATE INDEX frame_chunk_chunk ON frame_chunk (chunk)"},
        {9, "INSERT INTO frame_chunk WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1023)"
            " SELECT frame, position + chunk_position(chunks, i), chunk_id(chunks, i) FROM frame_chunks, n"
            " WHERE chunk_id(chunks, i) IS NOT NULL"},
        {9, "DROP TABLE frame_chunks"},
        {9, "ALTER TABLE feature ADD COLUMN value TEXT NOT NULL DEFAULT ''"},
        {9, "UPDATE feature SET value = feature_value((SELECT data FROM feature_values WHERE node = feature.id >> 6),"
            " id & 63)"},
        {9, "DROP TABLE feature_values"},
        {9, "DROP INDEX node_digest"},
        {9, "DROP INDEX chunk_digest"},
        {9, "DROP INDEX snapshot_source"},
        {8, "DROP INDEX entry_xattrs"},
        {8, "DROP INDEX frame_chunk_chunk"},
        {8, "DROP INDEX snapshot_links"},
        {8, "DROP INDEX snapshot_frame"},
        {8, "DROP INDEX snapshot_image"},
        {8, "DROP INDEX layer_root"},
        {8, "DROP INDEX layer_links"},
        {8, "DROP INDEX layer_notes"},
        {8, "DROP INDEX chain_root"},
        {8, "DROP INDEX chain_links"},
        {8, "DROP INDEX chain_notes"},
        {8, "DROP INDEX image_config_blob"},
        {8, "DROP INDEX image_layers_blob"},
        {8, "DROP INDEX image_chain"},
        {8, "DROP INDEX chain_below"},
        {8, "DROP INDEX chain_layer"},
        {8, "ALTER TABLE chain DROP COLUMN below"},
        {8, "ALTER TABLE chain DROP COLUMN layer"},
        {8, "ALTER TABLE snapshot DROP COLUMN pinned"},
        {8, "DROP TABLE lease"},
        {8, "DROP TABLE collection"},
        {8, "DROP TABLE seen"},
        {8, "DROP TABLE lost"},
        {7, "DROP TABLE watched"},
        {6, "DROP TRIGGER snapshot_comes"},
        {6, "DROP TRIGGER snapshot_goes"},
        {6, "DROP TRIGGER namespace_goes"},
        {6, "DROP TABLE prefix"},
        {6, "DROP INDEX snapshot_namespace"},
        {6, "DELETE FROM directory WHERE path = '/at'"},
        {4, "DROP INDEX entry_content"},
        {4, "DROP INDEX entry_subtree"},
        {4, "DROP INDEX child_node"},
        {4, "DROP INDEX feature_package"},
        {4, "DROP INDEX snapshot_root"},
        {4, "DROP INDEX snapshot_features"},
        {3, "DROP TABLE layer"},
        {3, "DROP TABLE chain"},
        {3, "DROP TABLE waiting"},
        {3, "DROP TABLE tag"},
        {3, "ALTER TABLE snapshot DROP COLUMN image"},
        {3, "DROP TABLE image"},
        {3, "DELETE FROM directory WHERE path IN ('/layer', '/chain')"},
        /* A chunk's position was its ordinal. */
        {2, "CREATE TABLE old AS SELECT frame, row_number() OVER (PARTITION BY frame ORDER BY position) - 1, chunk"
            " FROM frame_chunk"},
        {2, "DELETE FROM frame_chunk"},
        {2, "INSERT INTO frame_chunk SELECT * FROM old"},
        {2, "DROP TABLE old"},
    };
    char stamp[40];

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (steps[i].version > version)
            scratch_sql(steps[i].sql);
    snprintf(stamp, sizeof stamp, "PRAGMA user_version = %d", version);
    scratch_sql(stamp);
}

void scratch_need_openat2(void)
{
    const struct open_how how = {.flags = O_PATH | O_CLOEXEC};
    long fd = syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof how);

    if (fd < 0 && errno == ENOSYS)
        skip();
    close((int)fd);
}

static void ok(int result, const struct error *err)
{
    if (result < 0)
        fail_msg("%d: %s", result, err->text);
}

void scratch_root(struct node_ref *root, struct store *store, unsigned mode)
{
    struct entry entry = {.name = "", .mode = S_IFDIR | mode, .size = ENTRY_DIRECTORY_SIZE};
    struct entry_digests digests = {0};
    struct node_ref empty;
    struct cutter *cutter;
    struct error err;

    ok(node_empty(&empty, store, NODE_TREE, &err), &err);
    entry.subtree = empty.id;
    entry.below = empty.counts;
    digests.subtree = empty.digest;
    ok(cutter_new(&cutter, store, NODE_TREE, &err), &err);
    ok(cutter_add_entry(cutter, &entry, &digests, &err), &err);
    ok(cutter_finish(root, cutter, &err), &err);
    cutter_free(cutter);
}

void scratch_snapshot(struct snapshot *snapshot, struct store *store, unsigned mode)
{
    struct error err;

    scratch_root(&snapshot->root, store, mode);
    ok(node_empty(&snapshot->links, store, NODE_LINKS, &err), &err);
    ok(node_empty(&snapshot->features, store, NODE_FEATURES, &err), &err);
}

uint64_t scratch_time(const char *text)
{
    uint64_t ns;

    if (!timestamp_parse(&ns, text, strlen(text)))
        fail_msg("%s is no time", text);
    return ns;
}
