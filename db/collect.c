/* collect.c - see collect.h. */
#include "db/collect.h"

#include "base/cleanup.h"
#include "base/timestamp.h"
#include "db/blob_file.h"
#include "db/frame.h"
#include "db/lease.h"
#include "db/publish.h"
#include "db/sql.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SPAN 4096u /* numbers looked at without the lock, for whether there is anything to drop among them */
#define HELD_CHUNKS_MAX ((int64_t)1 << 27) /* whose bits are held at once, in 16 MiB: of some 800 GB of frames */
#define FRAMES_AT_ONCE 64                  /* whose lists are read in one transaction */
#define WAIT_NS 50000000L                  /* between two looks at leases */
#define VACUUM_PAGES_TEXT "256"            /* given back in one step: 2 MiB */
#define VACUUM_PAUSE_NS 1000000L           /* others that wait for the lock only look now and then */

static const char BEGIN[] = "INSERT INTO collection (ended) VALUES (0)";
static const char DROP_EARLIER[] = "DELETE FROM collection WHERE epoch < ?1";
static const char END[] = "UPDATE collection SET ended = 1 WHERE epoch = ?1";
static const char CLEAR_SEEN[] = "DELETE FROM seen";
static const char DROP_NAMESPACES[] = "DELETE FROM namespace WHERE NOT EXISTS"
                                      " (SELECT 1 FROM snapshot WHERE namespace = namespace.id)";
static const char LAST_FRAME[] = "SELECT max(id) FROM frame";
static const char VACUUM[] = "PRAGMA incremental_vacuum(" VACUUM_PAGES_TEXT ")";
static const char FREE_PAGES[] = "SELECT freelist_count FROM pragma_freelist_count";
static const char PAGES[] = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";

/* --- What refers to what ------------------------------------------------------------------------------------------ */

/* A row for each table whose rows gc may drop, in the order in which it does: who refers comes before what it refers
 * to. */
#define IS_SEEN(kind) "EXISTS (SELECT 1 FROM seen WHERE kind = " #kind " AND id = o.number)"
#define REFERS(table, column) "EXISTS (SELECT 1 FROM " table " WHERE " column " = o.number)"

/* `rows` have a number; `garbage` is true of `o` when no row refers to it. */
#define TEXTS(kind, rows, garbage)                                                                                     \
    .last = "SELECT max(number) FROM " rows,                                                                           \
    .before = "SELECT number FROM " rows " WHERE number < ?1 ORDER BY number DESC LIMIT 1",                            \
    .any = "SELECT number FROM " rows " AS o WHERE number BETWEEN ?1 AND ?2 AND " garbage                              \
           " AND NOT " IS_SEEN(kind) " ORDER BY number DESC LIMIT 1",                                                  \
    .is_garbage = "SELECT 1 FROM " rows " AS o WHERE number = ?1 AND " garbage " AND NOT " IS_SEEN(kind)

#define DROP_MAX 6 /* statements that drop one object */

struct collecting;

struct sweep {
    const char *name;
    const char *last, *before, *any, *is_garbage;
    const char *size;           /* bytes of content in one; NULL: of no interest */
    const char *drop[DROP_MAX]; /* its items, and it */
    const char *directory;      /* the virtual one that lists them; NULL: none does */
    size_t counter;             /* in struct collection */
    /* Before those from `highest` down are looked at: *lowest is how far down it may go then. NULL: to the lowest. */
    int (*prepare)(int64_t *lowest, struct collecting *c, int64_t highest);
};

static int mark_held(int64_t *lowest, struct collecting *c, int64_t highest);

#define NUMBERED(table) "(SELECT id AS number FROM " table ")"
#define COUNTER(name) .counter = offsetof(struct collection, name)
#define DROP_ITEMS(table) "DELETE FROM " table " WHERE id BETWEEN ?1 * 64 AND ?1 * 64 + 63"

/* A chain that does not tell what it is made of keeps all others, and all layers (schema.c). */
#define ALL_TELL "NOT EXISTS (SELECT 1 FROM chain WHERE layer IS NULL)"

static const struct sweep SWEEPS[] = {
    {.name = "images",
     COUNTER(images),
     TEXTS(7, "image", "NOT " REFERS("snapshot", "image")),
     .drop = {"DELETE FROM image WHERE number = ?1"}},
    {.name = "chains",
     COUNTER(chains),
     .directory = "/chain",
     TEXTS(
         6, "chain",
         "NOT EXISTS (SELECT 1 FROM image WHERE chain = o.digest) AND NOT " REFERS("chain", "below") " AND " ALL_TELL),
     .drop = {"DELETE FROM chain WHERE number = ?1"}},
    {.name = "layers",
     COUNTER(layers),
     .directory = "/layer",
     TEXTS(5, "layer", "NOT " REFERS("chain", "layer") " AND " ALL_TELL),
     .drop = {"DELETE FROM layer WHERE number = ?1"}},
    {.name = "frames",
     COUNTER(frames),
     TEXTS(4, NUMBERED("frame"), "NOT " REFERS("snapshot", "frame")),
     .drop = {"DELETE FROM frame_chunks WHERE frame = ?1", "DELETE FROM frame WHERE id = ?1"}},
    {.name = "chunks",
     COUNTER(chunks),
     TEXTS(3, NUMBERED("chunk"), "NOT is_held(o.number)"),
     .prepare = mark_held,
     .size = "SELECT size FROM chunk WHERE id = ?1",
     .drop = {"DELETE FROM chunk WHERE id = ?1"}},
    {.name = "nodes",
     COUNTER(nodes),
     TEXTS(
         2, NUMBERED("node"),
         "NOT " REFERS("child", "node") " AND NOT " REFERS("entry", "subtree") " AND NOT " REFERS("snapshot", "root") " AND NOT " REFERS("snapshot", "links") " AND NOT " REFERS(
             "snapshot",
             "features") " AND NOT " REFERS("layer",
                                            "root") " AND NOT " REFERS("layer",
                                                                       "links") " AND NOT " REFERS("layer",
                                                                                                   "notes") " AND "
                                                                                                            "NOT"
                                                                                                            " " REFERS("chain", "root") " AND NOT " REFERS(
                                                                                                                "chain",
                                                                                                                "links") " AND NOT " REFERS("chain",
                                                                                                                                            "notes")),
     .drop = {DROP_ITEMS("child"), DROP_ITEMS("entry"), DROP_ITEMS("feature"),
              "DELETE FROM feature_values WHERE node = ?1", DROP_ITEMS("link"), "DELETE FROM node WHERE id = ?1"}},
    {.name = "blobs",
     COUNTER(blobs),
     TEXTS(1, NUMBERED("blob"),
           "NOT " REFERS("entry", "content") " AND NOT " REFERS("entry", "xattrs") " AND NOT " REFERS(
               "image", "config_blob") " AND NOT " REFERS("image", "layers_blob")),
     .size = "SELECT size FROM blob WHERE id = ?1",
     .drop = {"DELETE FROM lost WHERE blob = ?1", "DELETE FROM blob WHERE id = ?1"}},
};
_Static_assert(OBJECT_BLOB == 1 && OBJECT_NODE == 2 && OBJECT_CHUNK == 3 && OBJECT_FRAME == 4 && OBJECT_LAYER == 5 &&
                   OBJECT_CHAIN == 6 && OBJECT_IMAGE == 7 && NODE_ITEMS_MAX == 64,
               "SQL texts have these numbers");
#define SWEEP_COUNT (sizeof SWEEPS / sizeof *SWEEPS)

struct collecting {
    struct collection *told;
    struct store *store;
    int64_t epoch;
    int64_t limits[SWEEP_COUNT]; /* what has a higher number was not here at the beginning */
    uint8_t *held;               /* a bit a chunk, from number `held_lowest` on: a frame has it */
    int64_t held_lowest, held_highest;
    int64_t damaged; /* a frame that has a list which cannot be read; 0: none */
    struct error *err;
};

/* The one integer that a statement about up to two numbers gives: 1; 0, if it gives none. */
static int ask(int64_t *answer, const struct collecting *c, const char *text, int64_t first, int64_t second)
{
    cleanup_reset sqlite3_stmt *row = sql_statement(c->store, text, c->err);

    if (!row)
        return -EIO;
    if (sqlite3_bind_parameter_count(row) > 0)
        sqlite3_bind_int64(row, 1, first);
    if (sqlite3_bind_parameter_count(row) > 1)
        sqlite3_bind_int64(row, 2, second);
    int result = sql_step(c->store, row, c->err);
    if (result != 1)
        return result;
    *answer = sqlite3_column_int64(row, 0);
    return sqlite3_column_type(row, 0) != SQLITE_NULL;
}

static int run_for(const struct collecting *c, const char *text, int64_t number)
{
    int64_t none;
    int result = ask(&none, c, text, number, 0);

    return result < 0 ? result : 0;
}

static void tell(const struct collecting *c)
{
    if (c->told->progress)
        c->told->progress(c->told->arg, c->told);
}

static void pause_for(long ns)
{
    nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

/* --- Beginning and end -------------------------------------------------------------------------------------------- */

/* From here on imports tell what they find. What was told to earlier collections is of no use: who told it is waited
 * for. */
static int begin(struct collecting *c)
{
    int result = sql_batch_begin(c->store, c->err);

    if (result >= 0)
        result = sql_run(c->store, BEGIN, c->err);
    c->epoch = sqlite3_last_insert_rowid(c->store->db);
    if (result == 0)
        result = run_for(c, DROP_EARLIER, c->epoch);
    if (result == 0)
        result = sql_run(c->store, CLEAR_SEEN, c->err);
    for (size_t i = 0; i < SWEEP_COUNT && result >= 0; i++) {
        result = ask(&c->limits[i], c, SWEEPS[i].last, 0, 0);
        c->told->expected += (uint64_t)c->limits[i];
    }
    return result < 0 ? result : store_flush(c->store, c->err);
}

static int wait_for_older(struct collecting *c)
{
    int result;

    while ((result = lease_count_older(&c->told->waiting, c->store, c->epoch, c->err)) == 0 && c->told->waiting) {
        tell(c);
        pause_for(WAIT_NS);
    }
    return result;
}

static int end(struct collecting *c)
{
    int result = sql_batch_begin(c->store, c->err);

    if (result >= 0)
        result = run_for(c, END, c->epoch);
    if (result == 0)
        result = sql_run(c->store, CLEAR_SEEN, c->err);
    return result < 0 ? result : store_flush(c->store, c->err);
}

/* --- Chunks that frames have -------------------------------------------------------------------------------------- */

/* No index tells who has a chunk, for that was a write at another place for each chunk of a frame. So the lists of all
 * frames are read before chunks are swept, and a bit is set for each. Frames that come meanwhile are of imports that
 * began after this collection: what these have is younger than it, or told (`seen`). A list that cannot be read may
 * have any. */

static size_t held_size(const struct collecting *c)
{
    return (size_t)(c->held_highest - c->held_lowest) / 8 + 1;
}

static int hold(void *arg, int64_t frame, int64_t chunk)
{
    struct collecting *c = arg;

    if (chunk == 0) {
        c->damaged = frame;
        memset(c->held, 0xff, held_size(c));
    } else if (chunk >= c->held_lowest && chunk <= c->held_highest) {
        c->held[(chunk - c->held_lowest) / 8] |= (uint8_t)(1u << (chunk - c->held_lowest) % 8);
    }
    return 0;
}

static int mark_held(int64_t *lowest, struct collecting *c, int64_t highest)
{
    int64_t last = 0;
    int result = ask(&last, c, LAST_FRAME, 0, 0);

    *lowest = highest > HELD_CHUNKS_MAX ? highest - HELD_CHUNKS_MAX + 1 : 1;
    free(c->held);
    c->held_lowest = *lowest;
    c->held_highest = highest;
    c->held = calloc(1, held_size(c));
    if (!c->held)
        return error_system(c->err, ENOMEM, "cannot tell which chunks frames have");
    for (int64_t first = 1; first <= last && result >= 0; first += FRAMES_AT_ONCE) {
        tell(c);
        result = frame_visit_chunks(c->store, first, first + FRAMES_AT_ONCE - 1, hold, c, c->err);
    }
    return result < 0 ? result : 0;
}

/* is_held(N): may a frame have the chunk? What was not looked at counts as held. */
static void is_held(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    const struct collecting *c = sqlite3_user_data(context);
    int64_t chunk = sqlite3_value_int64(arguments[0]);

    (void)count;
    sqlite3_result_int(context, chunk < c->held_lowest || chunk > c->held_highest ||
                                    c->held[(chunk - c->held_lowest) / 8] >> (chunk - c->held_lowest) % 8 & 1);
}

static int begin_holding(struct collecting *c)
{
    int result = sqlite3_create_function_v2(c->store->db, "is_held", 1, SQLITE_UTF8, c, is_held, NULL, NULL, NULL);

    return result == SQLITE_OK ? 0 : sql_error(c->store, c->err);
}

static void end_holding(struct collecting *c)
{
    sqlite3_create_function_v2(c->store->db, "is_held", 1, SQLITE_UTF8, NULL, NULL, NULL, NULL, NULL);
    free(c->held);
}

/* --- Rows --------------------------------------------------------------------------------------------------------- */

static int drop(struct collecting *c, const struct sweep *sweep, int64_t number)
{
    int64_t size = 0;
    int result = sweep->size ? ask(&size, c, sweep->size, number, 0) : 0;

    for (size_t i = 0; i < DROP_MAX && sweep->drop[i] && result >= 0; i++)
        result = run_for(c, sweep->drop[i], number);
    if (result < 0)
        return result;
    ++*(uint64_t *)(void *)((char *)c->told + sweep->counter);
    c->told->bytes += (uint64_t)size;
    return 0;
}

/* In one transaction: look and drop, from *number down to the lowest, or until others have waited long enough. *number
 * is where to go on; 0: below all. */
static int sweep_step(struct collecting *c, const struct sweep *sweep, int64_t *number, int64_t lowest)
{
    int64_t none;
    bool any = false;
    int result = sql_batch_begin(c->store, c->err);

    while (result >= 0 && *number >= lowest && !sql_batch_is_full(c->store)) {
        result = ask(&none, c, sweep->is_garbage, *number, 0);
        any = any || result == 1;
        if (result == 1)
            result = drop(c, sweep, *number);
        if (result >= 0)
            result = ask(number, c, sweep->before, *number, 0);
        if (result == 0)
            *number = 0;
    }
    if (result >= 0 && any && sweep->directory)
        result = publish_touch(c->store, sweep->directory, timestamp_now(), c->err);
    return result < 0 ? result : store_flush(c->store, c->err);
}

/* From *number down, which is then the next one below `bottom`. */
static int sweep_down(int64_t *at, struct collecting *c, const struct sweep *sweep, int64_t bottom)
{
    int64_t number = *at, highest, lowest;
    int result = 0;

    while (number >= bottom && result >= 0) {
        lowest = number - bottom >= SPAN ? number - SPAN + 1 : bottom;
        c->told->looked += (uint64_t)(number - lowest + 1);
        tell(c);
        result = ask(&highest, c, sweep->any, lowest, number);
        while (result == 1 && highest >= lowest)
            result = sweep_step(c, sweep, &highest, lowest) < 0 ? -EIO : 1;
        /* Numbers of what went leave gaps. */
        if (result >= 0)
            result = ask(&number, c, sweep->before, lowest, 0);
        if (result == 0)
            number = 0;
    }
    *at = number;
    return result < 0 ? result : 0;
}

static int sweep_all(struct collecting *c, const struct sweep *sweep, int64_t limit)
{
    int64_t number = limit;
    int result = 0;

    c->told->step = sweep->name;
    while (number > 0 && result >= 0) {
        int64_t bottom = 1;

        if (sweep->prepare)
            result = sweep->prepare(&bottom, c, number);
        if (result == 0)
            result = sweep_down(&number, c, sweep, bottom);
    }
    return result;
}

/* --- Space -------------------------------------------------------------------------------------------------------- */

static int count_file(void *arg, uint64_t bytes)
{
    struct collecting *c = arg;

    c->told->files++;
    c->told->freed += bytes;
    tell(c);
    return 0;
}

/* A row that comes back after the power failed must find its file: so rows go durably first. */
static int drop_files(struct collecting *c)
{
    int result = sql_sync(c->store, c->err);

    c->told->step = "files";
    tell(c);
    return result < 0 ? result : blob_files_collect(c->store, count_file, c, c->err);
}

/* A row a page. */
static int vacuum(const struct collecting *c)
{
    cleanup_reset sqlite3_stmt *statement = sql_statement(c->store, VACUUM, c->err);
    int result;

    if (!statement)
        return -EIO;
    while ((result = sql_step(c->store, statement, c->err)) == 1)
        ;
    return result;
}

static int give_back_pages(struct collecting *c)
{
    int64_t before = 0, after = 0, left = INT64_MAX, pages;
    int result = ask(&before, c, PAGES, 0, 0);

    c->told->step = "pages";
    while (result >= 0 && (result = ask(&pages, c, FREE_PAGES, 0, 0)) == 1 && pages > 0 && pages < left) {
        left = pages;
        tell(c);
        result = sql_batch_begin(c->store, c->err);
        if (result >= 0)
            result = vacuum(c);
        if (result >= 0)
            result = store_flush(c->store, c->err);
        pause_for(VACUUM_PAUSE_NS);
    }
    if (result >= 0)
        result = ask(&after, c, PAGES, 0, 0);
    if (result >= 0 && before > after)
        c->told->freed += (uint64_t)(before - after);
    return result < 0 ? result : 0;
}

/* --- All of it ---------------------------------------------------------------------------------------------------- */

static int drop_namespaces(struct collecting *c)
{
    int result = sql_batch_begin(c->store, c->err);

    if (result >= 0)
        result = sql_run(c->store, DROP_NAMESPACES, c->err);
    if (result < 0)
        return result;
    c->told->namespaces = (uint64_t)sqlite3_changes(c->store->db);
    return store_flush(c->store, c->err);
}

static int collect(struct collecting *c)
{
    int result = begin_holding(c);

    if (result == 0)
        result = begin(c);
    if (result == 0)
        result = wait_for_older(c);
    if (result == 0)
        result = drop_namespaces(c);
    for (size_t i = 0; i < SWEEP_COUNT && result == 0; i++)
        result = sweep_all(c, &SWEEPS[i], c->limits[i]);
    if (result == 0)
        result = drop_files(c);
    if (result == 0)
        result = end(c);
    if (result == 0)
        result = give_back_pages(c);
    if (result == 0 && c->damaged)
        result = error_refused(c->err, EIO,
                               "frame %lld is damaged, so pieces of frames were left, for it may have them; "
                               "`confuse fsck --repair` drops it",
                               (long long)c->damaged);
    return result;
}

int store_collect(struct collection *collection, struct store *store, struct error *err)
{
    struct collecting c = {.told = collection, .store = store, .err = err};
    int result = lease_end(store, err);

    if (result == 0)
        result = lease_collect(store, err);
    if (result < 0)
        return result;
    result = collect(&c);
    if (result < 0)
        store_rollback(store);
    end_holding(&c);
    lease_collected(store);
    sql_checkpoint(store);
    return result;
}
