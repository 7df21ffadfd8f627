/* repair.c - dropping what is not what its name says, and what cannot be true without it (check.h). */
#include "base/cleanup.h"
#include "base/timestamp.h"
#include "db/blob.h"
#include "db/blob_file.h"
#include "db/check.h"
#include "db/frame.h"
#include "db/publish.h"
#include "db/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* `above`: nodes, found by climbing from those that `first` selects. */
#define CLIMB(first)                                                                                                   \
    "WITH RECURSIVE above (node) AS (" first                                                                           \
    " UNION SELECT c.id / 64 FROM above AS a JOIN child AS c ON c.node = a.node"                                       \
    " UNION SELECT e.id / 64 FROM above AS a JOIN entry AS e ON e.subtree = a.node) "
_Static_assert(NODE_ITEMS_MAX == 64, "SQL texts have this number");

/* --- Contents ----------------------------------------------------------------------------------------------------- */

static const char HOLDERS[] = CLIMB("SELECT id / 64 FROM entry WHERE content = ?1 UNION SELECT id / 64 FROM entry "
                                    "WHERE xattrs = ?1") "SELECT s.id, n.name FROM snapshot AS s JOIN namespace AS n "
                                                         "ON n.id = s.namespace"
                                                         " WHERE s.root IN (SELECT node FROM above) ORDER BY s.number";
static const char LOSE[] = "INSERT OR IGNORE INTO lost (blob) SELECT id FROM blob WHERE id = ?1";
static const char EMPTY[] = "UPDATE blob SET data = NULL WHERE id = ?1";

/* --- Frames ------------------------------------------------------------------------------------------------------- */

static const char *const DROP_FRAME[] = {
    "UPDATE snapshot SET frame = NULL WHERE frame = ?1",
    "DELETE FROM frame_chunks WHERE frame = ?1",
    "DELETE FROM frame WHERE id = ?1",
    NULL,
};
static const char *const DROP_CHUNK[] = {"DELETE FROM chunk WHERE id = ?1", NULL};

/* --- Nodes -------------------------------------------------------------------------------------------------------- */

static const char MAKE_BROKEN[] = "CREATE TEMP TABLE IF NOT EXISTS broken (node INTEGER PRIMARY KEY)";
static const char MAKE_BROKEN_CHAINS[] = "CREATE TEMP TABLE IF NOT EXISTS broken_chain (number INTEGER PRIMARY KEY)";
static const char MAKE_BROKEN_SNAPSHOTS[] =
    "CREATE TEMP TABLE IF NOT EXISTS broken_snapshot (number INTEGER PRIMARY KEY)";
static const char *const FIND_BROKEN[] = {
    "DELETE FROM broken",
    "DELETE FROM broken_chain",
    "DELETE FROM broken_snapshot",
    "INSERT INTO broken " CLIMB("SELECT ?1") "SELECT node FROM above",
    /* A chain of a broken layer, or on a broken chain, cannot be told to be right. */
    "INSERT INTO broken_chain WITH RECURSIVE up (number) AS ("
    " SELECT c.number FROM chain AS c LEFT JOIN layer AS y ON y.number = c.layer WHERE c.root IN broken"
    "  OR c.links IN broken OR c.notes IN broken OR y.root IN broken OR y.links IN broken OR y.notes IN broken"
    " UNION SELECT c.number FROM up JOIN chain AS c ON c.below = up.number) SELECT number FROM up",
    "INSERT INTO broken_snapshot SELECT number FROM snapshot WHERE root IN broken OR links IN broken OR features IN "
    "broken"
    " OR image IN (SELECT i.number FROM image AS i JOIN chain AS c ON c.digest = i.chain"
    "  WHERE c.number IN broken_chain)",
    NULL,
};
static const char BROKEN_SNAPSHOTS[] =
    "SELECT s.id, n.name FROM snapshot AS s JOIN namespace AS n ON n.id = s.namespace"
    " WHERE s.number IN broken_snapshot ORDER BY s.number";
#define DROP_ITEMS(table)                                                                                              \
    "DELETE FROM " table " WHERE id IN (SELECT i.id FROM broken AS b JOIN " table                                      \
    " AS i ON i.id BETWEEN b.node * 64 AND b.node * 64 + 63)"
static const char *const DROP_BROKEN[] = {
    "DELETE FROM tag WHERE snapshot IN broken_snapshot",
    "DELETE FROM waiting WHERE snapshot IN broken_snapshot",
    "DELETE FROM snapshot WHERE number IN broken_snapshot",
    "DELETE FROM image WHERE chain IN (SELECT digest FROM chain WHERE number IN broken_chain)",
    "DELETE FROM chain WHERE number IN broken_chain",
    "DELETE FROM layer WHERE root IN broken OR links IN broken OR notes IN broken",
    DROP_ITEMS("child"),
    DROP_ITEMS("entry"),
    DROP_ITEMS("feature"),
    "DELETE FROM feature_values WHERE node IN broken",
    DROP_ITEMS("link"),
    "DELETE FROM node WHERE id IN broken",
    NULL,
};

/* --- References --------------------------------------------------------------------------------------------------- */

static const char *const DROP_DANGLING[] = {
    "DELETE FROM tag WHERE snapshot NOT IN (SELECT number FROM snapshot)",
    "DELETE FROM waiting WHERE snapshot NOT IN (SELECT number FROM snapshot)",
    "DELETE FROM frame_chunks WHERE frame NOT IN (SELECT id FROM frame)",
    "DELETE FROM feature_values WHERE node NOT IN (SELECT id FROM node)",
    NULL,
};

/* --- Running ------------------------------------------------------------------------------------------------------ */

static int run_for(struct store *store, const char *text, int64_t id, struct error *err)
{
    cleanup_reset sqlite3_stmt *statement = sql_statement(store, text, err);

    if (!statement)
        return -EIO;
    if (sqlite3_bind_parameter_count(statement) > 0)
        sqlite3_bind_int64(statement, 1, id);
    return sql_step(store, statement, err);
}

static int run_list(struct store *store, const char *const *texts, int64_t id, struct error *err)
{
    int result = 0;

    for (; *texts && result >= 0; texts++)
        result = run_for(store, *texts, id, err);
    return result < 0 ? result : 0;
}

/* Report the snapshots of a statement. */
static int name_snapshots(struct check *check, struct store *store, const char *text, int64_t id, const char *what,
                          struct error *err)
{
    cleanup_reset sqlite3_stmt *rows = sql_statement(store, text, err);
    int result;

    if (!rows)
        return -EIO;
    if (sqlite3_bind_parameter_count(rows) > 0)
        sqlite3_bind_int64(rows, 1, id);
    while ((result = sql_step(store, rows, err)) == 1) {
        char hex[SNAPSHOT_ID_HEX_SIZE] = "", line[ERROR_TEXT_MAX];

        if (sqlite3_column_bytes(rows, 0) == SNAPSHOT_ID_SIZE)
            hex_encode(hex, sqlite3_column_blob(rows, 0), SNAPSHOT_ID_SIZE);
        snprintf(line, sizeof line, "snapshot %s (%s) %s", hex, (const char *)sqlite3_column_text(rows, 1), what);
        check->report(check->arg, line);
    }
    return result;
}

static int lose_blob(struct check *check, struct store *store, int64_t id, struct error *err)
{
    char path[BLOB_PATH_SIZE], what[DIGEST_HEX_SIZE + 40], hex[DIGEST_HEX_SIZE];
    struct blob blob;
    int result = blob_find(&blob, store, id, err);

    if (result < 0)
        return result == -ENOENT ? 0 : result;
    hex_encode(hex, blob.digest.bytes, DIGEST_SIZE);
    snprintf(what, sizeof what, "lacks the content %s", hex);
    result = name_snapshots(check, store, HOLDERS, id, what, err);
    if (result == 0)
        result = run_for(store, LOSE, id, err);
    if (result == 0)
        result = run_for(store, EMPTY, id, err);
    if (result < 0)
        return result;
    /* Under the write lock, and it is of no use to anybody whatever becomes of the transaction. */
    blob_path(path, &blob.digest);
    if (unlinkat(store->directory_fd, path, 0) < 0 && errno != ENOENT)
        return error_system(err, errno, "cannot remove %s/%s", store->directory, path);
    check->lost++;
    return 0;
}

struct holder {
    int64_t chunk, frame;
};

/* 1: found. */
static int find_holder(void *arg, int64_t frame, int64_t chunk)
{
    struct holder *holder = arg;

    if (chunk != holder->chunk)
        return 0;
    holder->frame = frame;
    return 1;
}

/* Lists of chunks are packed, so those of all frames are looked at. */
static int drop_chunk(struct check *check, struct store *store, int64_t id, struct error *err)
{
    struct holder holder = {.chunk = id};
    int result;

    (void)check;
    while ((result = frame_visit_chunks(store, holder.frame + 1, INT64_MAX, find_holder, &holder, err)) == 1)
        if ((result = run_list(store, DROP_FRAME, holder.frame, err)) < 0)
            return result;
    return result < 0 ? result : run_list(store, DROP_CHUNK, id, err);
}

static int drop_frame(struct check *check, struct store *store, int64_t id, struct error *err)
{
    (void)check;
    return run_list(store, DROP_FRAME, id, err);
}

static int drop_node(struct check *check, struct store *store, int64_t id, struct error *err)
{
    int result = run_for(store, MAKE_BROKEN, 0, err);

    if (result == 0)
        result = run_for(store, MAKE_BROKEN_CHAINS, 0, err);
    if (result == 0)
        result = run_for(store, MAKE_BROKEN_SNAPSHOTS, 0, err);
    if (result == 0)
        result = run_list(store, FIND_BROKEN, id, err);
    if (result == 0)
        result = name_snapshots(check, store, BROKEN_SNAPSHOTS, 0, "is gone: its tree was damaged", err);
    if (result == 0)
        result = run_list(store, DROP_BROKEN, 0, err);
    return result < 0 ? result : publish_touch(store, "/snap", timestamp_now(), err);
}

static int (*const repairs[])(struct check *, struct store *, int64_t, struct error *) = {
    [OBJECT_BLOB] = lose_blob,
    [OBJECT_NODE] = drop_node,
    [OBJECT_CHUNK] = drop_chunk,
    [OBJECT_FRAME] = drop_frame,
};

int repair_object(struct check *check, struct store *store, int kind, int64_t id, struct error *err)
{
    int result = sql_batch_begin(store, err);

    if (result >= 0)
        result = repairs[kind](check, store, id, err);
    if (result >= 0)
        result = store_flush(store, err);
    if (result < 0) {
        store_rollback(store);
        return result;
    }
    check->repaired++;
    return 0;
}

int repair_references(struct check *check, struct store *store, struct error *err)
{
    int result = sql_batch_begin(store, err);

    (void)check;
    if (result >= 0)
        result = run_list(store, DROP_DANGLING, 0, err);
    if (result >= 0)
        result = store_flush(store, err);
    if (result < 0)
        store_rollback(store);
    return result < 0 ? result : sql_sync(store, err);
}
