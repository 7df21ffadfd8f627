/* check.c - hashing everything again, by several threads. Memory: one item, or one read buffer, a thread. */
#include "db/check.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/thread.h"
#include "db/blob.h"
#include "db/canonical.h"
#include "db/frame.h"
#include "db/snapshot.h"
#include "db/sql.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_SIZE (1u << 18) /* bytes of a blob at once */
#define SPAN 64              /* ids that a thread takes at once */

static const char INTEGRITY[] = "PRAGMA integrity_check(16)";
static const char REFERENCES[] = "PRAGMA foreign_key_check";
static const char OTHER_FRAMES[] = "SELECT s.number FROM snapshot AS s JOIN frame AS f ON f.id = s.frame"
                                   " WHERE s.source IS NOT f.digest";
static const char LOST[] = "SELECT b.digest FROM lost AS l JOIN blob AS b ON b.id = l.blob";

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

/* --- Threads ------------------------------------------------------------------------------------------------------ */

/* What all threads share. */
struct checking {
    struct check *check;
    const char *directory;
    pthread_mutex_t mutex;             /* of check, what is broken, and where the next thread goes on */
    const struct object_check *object; /* that are being looked at */
    int64_t next, last;                /* ids */
    struct broken {
        enum object_kind kind;
        int64_t id;
    } * broken; /* NULL: nobody repairs */
    size_t broken_count;
    int result;
    struct error err;
};

/* One thread. */
struct checker {
    struct checking *all;
    struct store *store;
    struct sha256 *sha;
    uint8_t *bytes; /* READ_SIZE */
    struct buffer canonical;
    struct error err;
    pthread_t thread;
    /* The node that is looked at. */
    enum node_kind kind;
    unsigned level, count, expected;
    struct counts counts, sums;
    uint64_t hashed; /* bytes, since it was told */
};

/* How the objects of a kind are looked at. */
struct object_check {
    enum object_kind kind;
    const char *last, *each, *exists;
    int (*look)(struct checker *t, int64_t id); /* -EBADMSG: not what it should be, err tells */
    size_t counter;                             /* in struct check; 0: not counted */
};

static void tell(struct checking *all)
{
    if (all->check->progress)
        all->check->progress(all->check->arg, all->check);
}

/* --- Blobs -------------------------------------------------------------------------------------------------------- */

static int hash_blob(struct digest *digest, struct checker *t, const struct blob *blob)
{
    ssize_t got = 0;

    for (uint64_t at = 0; at < blob->size; at += (uint64_t)got) {
        got = blob_read(t->bytes, t->store, blob, at, READ_SIZE, &t->err);
        if (got <= 0)
            break;
        sha256_add(t->sha, t->bytes, (size_t)got);
        t->hashed += (uint64_t)got;
    }
    sha256_final(digest, t->sha);
    blob_rest(t->store);
    return got < 0 ? (int)got : 0;
}

static int look_at_blob(struct checker *t, int64_t id)
{
    char hex[DIGEST_HEX_SIZE];
    struct digest digest;
    struct blob blob;
    int result = blob_find(&blob, t->store, id, &t->err);

    if (result < 0)
        return result == -ENOENT ? 0 : result;
    hex_encode(hex, blob.digest.bytes, DIGEST_SIZE);
    result = hash_blob(&digest, t, &blob);
    if (result < 0) {
        const struct error why = t->err;
        return error_refused(&t->err, EIO, "blob %s cannot be read: %.4000s", hex, why.text);
    }
    return digest_equal(&digest, &blob.digest)
               ? 0
               : error_input(&t->err, "blob %s holds other bytes than its name says", hex);
}

/* --- Nodes -------------------------------------------------------------------------------------------------------- */

static int begin_node(void *arg, enum node_kind kind, unsigned level, unsigned expected, const struct counts *counts)
{
    struct checker *t = arg;

    canonical_node_begin(&t->canonical);
    t->kind = kind;
    t->level = level;
    t->expected = expected;
    t->counts = *counts;
    t->count = 0;
    t->sums = (struct counts){0};
    return 0;
}

static void add_sums(struct checker *t, uint32_t entries, uint32_t dirs, uint32_t nodes)
{
    t->sums.entries += entries;
    t->sums.dirs += dirs;
    t->sums.nodes += nodes;
    t->count++;
}

static int check_child(void *arg, const struct node_child *child)
{
    struct checker *t = arg;

    canonical_child(&t->canonical, child);
    add_sums(t, child->node.counts.entries, child->node.counts.dirs, child->node.counts.nodes);
    return 0;
}

static int check_entry(void *arg, const struct entry *entry, const struct entry_digests *digests)
{
    struct checker *t = arg;

    canonical_entry(&t->canonical, entry, digests);
    add_sums(t, 1, S_ISDIR(entry->mode), 1 + entry->below.nodes);
    return 0;
}

static int check_feature(void *arg, const struct feature *feature)
{
    struct checker *t = arg;
    struct digest value;

    sha256_of(&value, t->sha, feature->value, feature->value_size);
    canonical_feature(&t->canonical, feature, &value);
    add_sums(t, 1, 0, 0);
    return 0;
}

static int check_group(void *arg, const struct link_group *group)
{
    struct checker *t = arg;

    canonical_group(&t->canonical, group);
    add_sums(t, 1, 0, 0);
    return 0;
}

static int look_at_node(struct checker *t, int64_t id)
{
    const struct node_visitor visitor = {begin_node, check_child, check_entry, check_feature, check_group, t};
    struct digest expected, digest;
    int result = node_digest(&expected, t->store, id, &t->err);

    if (result == 0)
        result = node_visit(t->store, id, NODE_DIGESTS, &visitor, &t->err);
    if (result == -ENOENT)
        return 0;
    if (result < 0) {
        const struct error why = t->err;
        return error_refused(&t->err, EIO, "node %lld cannot be read: %.4000s", (long long)id, why.text);
    }
    canonical_node_header(&t->canonical, t->kind, t->level, t->count);
    if (t->canonical.failed)
        return error_system(&t->err, ENOMEM, "cannot check nodes");
    sha256_of(&digest, t->sha, t->canonical.bytes, t->canonical.size);
    t->hashed += t->canonical.size;
    if (!digest_equal(&digest, &expected) || t->count != t->expected || t->sums.entries != t->counts.entries ||
        t->sums.dirs != t->counts.dirs || t->sums.nodes != t->counts.nodes)
        return error_input(&t->err, "node %lld is not what its digest says", (long long)id);
    return 0;
}

/* --- Frames ------------------------------------------------------------------------------------------------------- */

static int count_bytes(void *arg, const void *bytes, size_t size)
{
    struct checker *t = arg;

    (void)bytes;
    t->hashed += size;
    return 0;
}

static int look_at_chunk(struct checker *t, int64_t id)
{
    return frame_check_chunk(t->store, id, &t->err);
}

static int look_at_frame(struct checker *t, int64_t id)
{
    return frame_read(t->store, id, count_bytes, t, &t->err);
}

/* --- All objects -------------------------------------------------------------------------------------------------- */

#define TEXTS(table)                                                                                                   \
    .last = "SELECT max(id) FROM " table, .each = "SELECT id FROM " table " WHERE id BETWEEN ?1 AND ?2 ORDER BY id",   \
    .exists = "SELECT 1 FROM " table " WHERE id = ?1"
#define COUNTER(name) .counter = offsetof(struct check, name) + 1

/* What is lost is not looked at a second time, but told apart: so it ends `exists`. */
static const struct object_check OBJECTS[] = {
    {OBJECT_BLOB, TEXTS("blob") " AND NOT EXISTS (SELECT 1 FROM lost WHERE blob = ?1)", .look = look_at_blob,
     COUNTER(blobs)},
    {OBJECT_NODE, TEXTS("node"), .look = look_at_node, COUNTER(nodes)},
    {OBJECT_CHUNK, TEXTS("chunk"), .look = look_at_chunk},
    {OBJECT_FRAME, TEXTS("frame"), .look = look_at_frame, COUNTER(frames)},
};

/* Under the mutex. Only what is there still can be bad: gc may have dropped it while it was looked at. */
static void note_bad(struct checking *all, const struct object_check *object, int64_t id, const char *why)
{
    check_bad(all->check, "%s", why);
    if (all->broken && all->broken_count < CHECK_BROKEN_MAX)
        all->broken[all->broken_count++] = (struct broken){object->kind, id};
}

static bool still_there(struct checker *t, const struct object_check *object, int64_t id)
{
    cleanup_reset sqlite3_stmt *row = NULL;
    struct error why;

    return sql_find_row(&row, t->store, object->exists, id, &why) != -ENOENT;
}

/* 0, or what ends it all: memory. */
static int look_at(struct checker *t, const struct object_check *object, int64_t id)
{
    struct checking *all = t->all;
    int result = object->look(t, id);
    bool bad = result < 0 && result != -ENOMEM && still_there(t, object, id);

    pthread_mutex_lock(&all->mutex);
    if (object->counter)
        ++*(uint64_t *)(void *)((char *)all->check + object->counter - 1);
    all->check->bytes += t->hashed;
    t->hashed = 0;
    if (bad)
        note_bad(all, object, id, t->err.text);
    tell(all);
    pthread_mutex_unlock(&all->mutex);
    return result == -ENOMEM ? result : 0;
}

/* The ids from `first` on, of a span. */
static int list_span(int64_t ids[SPAN], struct checker *t, const struct object_check *object, int64_t first)
{
    cleanup_reset sqlite3_stmt *rows = sql_statement(t->store, object->each, &t->err);
    int count = 0, result;

    if (!rows)
        return -EIO;
    sqlite3_bind_int64(rows, 1, first);
    sqlite3_bind_int64(rows, 2, first + SPAN - 1);
    while ((result = sql_step(t->store, rows, &t->err)) == 1 && count < SPAN)
        ids[count++] = sqlite3_column_int64(rows, 0);
    return result < 0 ? result : count;
}

/* False: there is no more. */
static bool take_span(int64_t *first, struct checking *all)
{
    pthread_mutex_lock(&all->mutex);
    bool any = all->result == 0 && all->next <= all->last;
    *first = all->next;
    all->next += SPAN;
    pthread_mutex_unlock(&all->mutex);
    return any;
}

static void *run(void *arg)
{
    struct checker *t = arg;
    struct checking *all = t->all;
    int64_t first, ids[SPAN];
    int result = 0;

    while (result == 0 && take_span(&first, all)) {
        int count = list_span(ids, t, all->object, first);

        result = count < 0 ? count : 0;
        for (int i = 0; i < count && result == 0; i++)
            result = look_at(t, all->object, ids[i]);
    }
    if (result < 0) {
        pthread_mutex_lock(&all->mutex);
        all->result = result;
        all->err = t->err;
        pthread_mutex_unlock(&all->mutex);
    }
    return NULL;
}

/* The first one is the calling thread. */
static int run_all(struct checker *checkers, unsigned count, struct error *err)
{
    struct checking *all = checkers->all;
    unsigned started = 1;

    while (started < count && thread_start(&checkers[started].thread, "check", run, &checkers[started]) == 0)
        started++;
    run(&checkers[0]);
    while (--started > 0)
        pthread_join(checkers[started].thread, NULL);
    if (all->result < 0)
        *err = all->err;
    return all->result;
}

static int find_last(int64_t *last, struct checker *t, const char *text)
{
    cleanup_reset sqlite3_stmt *row = sql_statement(t->store, text, &t->err);
    int result = row ? sql_step(t->store, row, &t->err) : -EIO;

    if (result == 1)
        *last = sqlite3_column_int64(row, 0);
    return result < 0 ? result : 0;
}

static int check_objects(struct checking *all, struct checker *checkers, unsigned count, struct error *err)
{
    int result = 0;

    for (size_t i = 0; i < sizeof OBJECTS / sizeof *OBJECTS && result == 0; i++) {
        all->object = &OBJECTS[i];
        all->next = 1;
        result = find_last(&all->last, checkers, OBJECTS[i].last);
        if (result < 0)
            *err = checkers->err;
        else
            result = run_all(checkers, count, err);
    }
    return result;
}

static int open_checker(struct checker *t, struct checking *all, struct error *err)
{
    t->all = all;
    t->sha = sha256_new();
    t->bytes = malloc(READ_SIZE);
    if (!t->sha || !t->bytes)
        return error_system(err, ENOMEM, "cannot check the store");
    return store_open(&t->store, all->directory, STORE_READ, err);
}

static void close_checker(struct checker *t)
{
    store_close(t->store);
    sha256_free(t->sha);
    free(t->bytes);
    buffer_free(&t->canonical);
}

static int check_by_threads(struct checking *all, struct error *err)
{
    struct checker checkers[CHECK_THREADS_MAX] = {0};
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned count = processors < 1 ? 1 : processors > CHECK_THREADS_MAX ? CHECK_THREADS_MAX : (unsigned)processors;
    int result = 0;

    for (unsigned i = 0; i < count && result == 0; i++)
        result = open_checker(&checkers[i], all, err);
    if (result == 0)
        result = check_objects(all, checkers, count, err);
    for (unsigned i = 0; i < count; i++)
        close_checker(&checkers[i]);
    return result;
}

/* --- Snapshots ---------------------------------------------------------------------------------------------------- */

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

/* What earlier repairs found. */
static int check_lost(struct check *check, struct store *store, struct error *err)
{
    cleanup_reset sqlite3_stmt *rows = sql_statement(store, LOST, err);
    int result;

    if (!rows)
        return -EIO;
    while ((result = sql_step(store, rows, err)) == 1) {
        char hex[DIGEST_HEX_SIZE] = "";
        struct digest digest;

        if (sql_column_digest(&digest, rows, 0))
            hex_encode(hex, digest.bytes, DIGEST_SIZE);
        check->lost++;
        check_bad(check, "blob %s is lost", hex);
    }
    return result;
}

/* --- All of it ---------------------------------------------------------------------------------------------------- */

static int check_all(struct checking *all, struct store *store, struct error *err)
{
    struct check *check = all->check;
    int result = check_structure(check, store, err);

    if (result == 0)
        result = check_references(check, store, err);
    if (result == 0)
        result = check_by_threads(all, err);
    if (result == 0)
        result = check_lost(check, store, err);
    if (result == 0)
        result = snapshot_visit(store, 0, check_snapshot, check, err);
    if (result == 0)
        result = check_sources(check, store, err);
    return result == 0 ? check_images(check, store, err) : result;
}

int store_check(struct check *check, struct store *store, struct error *err)
{
    struct checking all = {.check = check, .directory = store_directory(store), .mutex = PTHREAD_MUTEX_INITIALIZER};

    return check_all(&all, store, err);
}

int store_repair(struct check *check, struct store *store, struct error *err)
{
    cleanup_free struct broken *broken = calloc(CHECK_BROKEN_MAX, sizeof *broken);
    struct checking all = {
        .check = check, .directory = store_directory(store), .mutex = PTHREAD_MUTEX_INITIALIZER, .broken = broken};

    if (!broken)
        return error_system(err, ENOMEM, "cannot repair the store");
    int result = check_all(&all, store, err);
    for (size_t i = 0; i < all.broken_count && result == 0; i++)
        result = repair_object(check, store, broken[i].kind, broken[i].id, err);
    return result < 0 ? result : repair_references(check, store, err);
}
