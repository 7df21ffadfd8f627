/* check.c - hashing everything again. Memory: one item, or one read buffer. */
#include "db/check.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "db/blob.h"
#include "db/canonical.h"
#include "db/frame.h"
#include "db/snapshot.h"
#include "db/sql.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define READ_SIZE (1u << 18) /* bytes of a blob at once */
#define PROGRESS_STEP 1024   /* objects between two reports of progress */

static const char INTEGRITY[] = "PRAGMA integrity_check(16)";
static const char REFERENCES[] = "PRAGMA foreign_key_check";
static const char EACH_BLOB[] = "SELECT id FROM blob ORDER BY id";
static const char EACH_NODE[] = "SELECT id FROM node ORDER BY id";
static const char EACH_CHUNK[] = "SELECT id FROM chunk ORDER BY id";
static const char EACH_FRAME[] = "SELECT id FROM frame ORDER BY id";
static const char OTHER_FRAMES[] = "SELECT s.number FROM snapshot AS s JOIN frame AS f ON f.id = s.frame"
                                   " WHERE s.source IS NOT f.digest";

void check_bad(struct check *check, const char *format, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    check->bad++;
    check->report(check->arg, text);
}

static void count(struct check *check, uint64_t *counter)
{
    ++*counter;
    if (check->progress && (check->blobs + check->nodes + check->frames) % PROGRESS_STEP == 0)
        check->progress(check->arg, check);
}

static int check_structure(struct check *check, struct store *store, struct error *err)
{
    cleanup_reset sqlite3_stmt *rows = sql_statement(store, INTEGRITY, err);
    int result;

    if (!rows)
        return -EIO;
    while ((result = sql_step(store, rows, err)) == 1) {
        const char *text = (const char *)sqlite3_column_text(rows, 0);

        if (text && strcmp(text, "ok") != 0)
            check_bad(check, "confuse.db: %s", text);
    }
    return result;
}

/* Rows that refer to a row which is not there: joins would leave them out without a word. */
static int check_references(struct check *check, struct store *store, struct error *err)
{
    cleanup_reset sqlite3_stmt *rows = sql_statement(store, REFERENCES, err);
    int result;

    if (!rows)
        return -EIO;
    while ((result = sql_step(store, rows, err)) == 1)
        check_bad(check, "confuse.db: row %lld of %s refers to a row of %s that is not there",
                  (long long)sqlite3_column_int64(rows, 1), sqlite3_column_text(rows, 0), sqlite3_column_text(rows, 2));
    return result;
}

/* --- Blobs -------------------------------------------------------------------------------------------------------- */

static int hash_blob(struct digest *digest, struct check *check, struct store *store, const struct blob *blob,
                     struct error *err)
{
    cleanup_free uint8_t *bytes = malloc(READ_SIZE);
    struct sha256 *sha = sha256_new();
    ssize_t got = 0;

    if (!bytes || !sha) {
        sha256_free(sha);
        return error_system(err, ENOMEM, "cannot check blobs");
    }
    for (uint64_t at = 0; at < blob->size; at += (uint64_t)got) {
        got = blob_read(bytes, store, blob, at, READ_SIZE, err);
        if (got <= 0)
            break;
        sha256_add(sha, bytes, (size_t)got);
        check->bytes += (uint64_t)got;
    }
    sha256_final(digest, sha);
    sha256_free(sha);
    return got < 0 ? (int)got : 0;
}

static int check_blob(struct check *check, struct store *store, int64_t id, struct error *err)
{
    struct digest digest;
    struct blob blob;
    char hex[DIGEST_HEX_SIZE];
    int result = blob_find(&blob, store, id, err);

    count(check, &check->blobs);
    if (result == -ENOENT)
        return 0; /* it went meanwhile */
    if (result < 0) {
        check_bad(check, "%s", err->text);
        return 0;
    }
    hex_encode(hex, blob.digest.bytes, DIGEST_SIZE);
    result = hash_blob(&digest, check, store, &blob, err);
    if (result < 0)
        check_bad(check, "blob %s cannot be read: %s", hex, err->text);
    else if (!digest_equal(&digest, &blob.digest))
        check_bad(check, "blob %s holds other bytes than its name says", hex);
    return 0;
}

/* --- Nodes -------------------------------------------------------------------------------------------------------- */

struct node_check {
    struct check *check;
    struct sha256 *sha;
    struct buffer canonical;
    enum node_kind kind;
    unsigned level, count, expected;
    struct counts counts, sums;
};

static int begin_node(void *arg, enum node_kind kind, unsigned level, unsigned expected, const struct counts *counts)
{
    struct node_check *n = arg;

    canonical_node_begin(&n->canonical);
    n->kind = kind;
    n->level = level;
    n->expected = expected;
    n->counts = *counts;
    n->count = 0;
    n->sums = (struct counts){0};
    return 0;
}

static void add_sums(struct node_check *n, uint32_t entries, uint32_t dirs, uint32_t nodes)
{
    n->sums.entries += entries;
    n->sums.dirs += dirs;
    n->sums.nodes += nodes;
    n->count++;
}

static int check_child(void *arg, const struct node_child *child)
{
    struct node_check *n = arg;

    canonical_child(&n->canonical, child);
    add_sums(n, child->node.counts.entries, child->node.counts.dirs, child->node.counts.nodes);
    return 0;
}

static int check_entry(void *arg, const struct entry *entry, const struct entry_digests *digests)
{
    struct node_check *n = arg;

    canonical_entry(&n->canonical, entry, digests);
    add_sums(n, 1, S_ISDIR(entry->mode), 1 + entry->below.nodes);
    return 0;
}

static int check_feature(void *arg, const struct feature *feature)
{
    struct node_check *n = arg;
    struct digest value;

    sha256_of(&value, n->sha, feature->value, feature->value_size);
    canonical_feature(&n->canonical, feature, &value);
    add_sums(n, 1, 0, 0);
    return 0;
}

static int check_group(void *arg, const struct link_group *group)
{
    struct node_check *n = arg;

    canonical_group(&n->canonical, group);
    add_sums(n, 1, 0, 0);
    return 0;
}

static int check_node(struct node_check *n, struct store *store, int64_t id, struct error *err)
{
    const struct node_visitor visitor = {begin_node, check_child, check_entry, check_feature, check_group, n};
    struct digest expected, digest;
    int result = node_digest(&expected, store, id, err);

    count(n->check, &n->check->nodes);
    if (result == 0)
        result = node_visit(store, id, true, &visitor, err);
    if (result == -ENOENT)
        return 0;
    if (result < 0) {
        check_bad(n->check, "node %lld cannot be read: %s", (long long)id, err->text);
        return 0;
    }
    canonical_node_header(&n->canonical, n->kind, n->level, n->count);
    if (n->canonical.failed)
        return error_system(err, ENOMEM, "cannot check nodes");
    sha256_of(&digest, n->sha, n->canonical.bytes, n->canonical.size);
    n->check->bytes += n->canonical.size;
    if (!digest_equal(&digest, &expected) || n->count != n->expected || n->sums.entries != n->counts.entries ||
        n->sums.dirs != n->counts.dirs || n->sums.nodes != n->counts.nodes)
        check_bad(n->check, "node %lld is not what its digest says", (long long)id);
    return 0;
}

/* --- Frames and snapshots ----------------------------------------------------------------------------------------- */

static int count_bytes(void *arg, const void *bytes, size_t size)
{
    struct check *check = arg;

    (void)bytes;
    check->bytes += size;
    return 0;
}

static int check_chunk(struct check *check, struct store *store, int64_t id, struct error *err)
{
    if (frame_check_chunk(store, id, err) < 0)
        check_bad(check, "%s", err->text);
    return 0;
}

static int check_frame(struct check *check, struct store *store, int64_t id, struct error *err)
{
    count(check, &check->frames);
    if (frame_read(store, id, count_bytes, check, err) < 0)
        check_bad(check, "%s", err->text);
    return 0;
}

static int check_snapshot(void *arg, const struct snapshot *snapshot)
{
    struct check *check = arg;
    uint8_t id[SNAPSHOT_ID_SIZE];
    char hex[SNAPSHOT_ID_HEX_SIZE];

    check->snapshots++;
    snapshot_compute_id(id, snapshot);
    hex_encode(hex, snapshot->id, SNAPSHOT_ID_SIZE);
    if (memcmp(id, snapshot->id, SNAPSHOT_ID_SIZE) != 0)
        check_bad(check, "snapshot %s is not what its id says", hex);
    return 0;
}

static int check_sources(struct check *check, struct store *store, struct error *err)
{
    cleanup_reset sqlite3_stmt *rows = sql_statement(store, OTHER_FRAMES, err);
    int result;

    if (!rows)
        return -EIO;
    while ((result = sql_step(store, rows, err)) == 1)
        check_bad(check, "snapshot %lld refers to another frame than it was made from",
                  (long long)sqlite3_column_int64(rows, 0));
    return result;
}

/* --- All of it ---------------------------------------------------------------------------------------------------- */

struct walk {
    struct check *check;
    struct node_check *node;
};

static int walk_blob(const struct walk *w, struct store *store, int64_t id, struct error *err)
{
    return check_blob(w->check, store, id, err);
}

static int walk_node(const struct walk *w, struct store *store, int64_t id, struct error *err)
{
    return check_node(w->node, store, id, err);
}

static int walk_chunk(const struct walk *w, struct store *store, int64_t id, struct error *err)
{
    return check_chunk(w->check, store, id, err);
}

static int walk_frame(const struct walk *w, struct store *store, int64_t id, struct error *err)
{
    return check_frame(w->check, store, id, err);
}

static int walk(const struct walk *w, struct store *store, const char *sql,
                int (*visit)(const struct walk *, struct store *, int64_t, struct error *), struct error *err)
{
    cleanup_reset sqlite3_stmt *rows = sql_statement(store, sql, err);
    int result;

    if (!rows)
        return -EIO;
    while ((result = sql_step(store, rows, err)) == 1) {
        result = visit(w, store, sqlite3_column_int64(rows, 0), err);
        if (result < 0)
            break;
    }
    return result;
}

int store_check(struct check *check, struct store *store, struct error *err)
{
    struct node_check node = {.check = check, .sha = sha256_new()};
    const struct walk w = {check, &node};

    if (!node.sha)
        return error_system(err, ENOMEM, "cannot check nodes");
    int result = check_structure(check, store, err);
    if (result == 0)
        result = check_references(check, store, err);
    if (result == 0)
        result = walk(&w, store, EACH_BLOB, walk_blob, err);
    if (result == 0)
        result = walk(&w, store, EACH_NODE, walk_node, err);
    if (result == 0)
        result = walk(&w, store, EACH_CHUNK, walk_chunk, err);
    if (result == 0)
        result = walk(&w, store, EACH_FRAME, walk_frame, err);
    if (result == 0)
        result = snapshot_visit(store, 0, check_snapshot, check, err);
    if (result == 0)
        result = check_sources(check, store, err);
    if (result == 0)
        result = check_images(check, store, err);
    buffer_free(&node.canonical);
    sha256_free(node.sha);
    blob_rest(store);
    return result;
}
