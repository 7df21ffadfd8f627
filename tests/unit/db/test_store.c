/* The store itself: what is made and with which rights, what is refused and how that is said, how big the WAL gets, how
 * long one writer waits for another, and what a reader that holds sees. */
#include "db/store.h"

#include "base/bytes.h"
#include "base/timestamp.h"
#include "db/blob.h"
#include "db/schema.h"
#include "db/snapshot.h"
#include "tests/unit/ok.h"
#include "tests/unit/scratch.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define RENEWALS 3 /* times that the WAL has to begin anew while two write, each after 64 MiB */
#define PATIENCE (60 * NANOSECONDS)
#define WAIT_MAX_MS 2000 /* for a batch of somebody else's: 50 ms, on a machine that does much else */

/* "SCRATCH/name" */
static const char *path_of(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", scratch_make(), name);
    return path;
}

static void stores_are_private(void **state)
{
    struct store *store;
    struct stat st;
    mode_t mask = umask(0);
    (void)state;

    ok(store_open(&store, path_of("a/b/store"), STORE_CREATE, &err));
    store_close(store);
    umask(mask);
    assert_int_equal(stat(path_of("a/b/store"), &st), 0);
    assert_int_equal(st.st_mode, S_IFDIR | 0700);
    assert_int_equal(stat(path_of("a/b/store/blobs"), &st), 0);
    assert_int_equal(st.st_mode, S_IFDIR | 0700);
    assert_int_equal(stat(path_of("a/b/store/new.db"), &st), -1);
}

/* What is captured is other people's secrets, and so is the key of handles. */
static void expect_private(const char *name, mode_t mode)
{
    char database[64];
    struct store *store;
    struct stat st;
    mode_t mask = umask(022);

    ok(store_open(&store, path_of(name), STORE_CREATE, &err));
    umask(mask);
    snprintf(database, sizeof database, "%s/confuse.db", name);
    assert_int_equal(stat(path_of(name), &st), 0);
    assert_int_equal(st.st_mode & 07777, mode);
    assert_int_equal(stat(path_of(database), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    strcat(database, "-wal");
    assert_int_equal(stat(path_of(database), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    store_close(store);
}

static void a_slash_at_the_end_makes_no_difference(void **state)
{
    (void)state;
    expect_private("slash/", 0700);
    expect_private("slashes///", 0700);
}

static void databases_in_open_directories_are_private(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path_of("open"), 0755), 0);
    assert_int_equal(chmod(path_of("open"), 0755), 0);
    expect_private("open", 0755);
}

static void a_store_has_a_name(void **state)
{
    struct store *store = NULL;
    (void)state;

    assert_int_equal(store_open(&store, "", STORE_CREATE, &err), -EINVAL);
    assert_int_equal(err.code, EXIT_USAGE);
}

static void expect_refusal(const char *name, enum store_access access, const char *why)
{
    struct store *store = NULL;

    assert_true(store_open(&store, path_of(name), access, &err) < 0);
    assert_int_equal(err.code, EXIT_SYSTEM);
    assert_null(strchr(err.text, '\n'));
    if (!strstr(err.text, why) || !strstr(err.text, path_of(name)))
        fail_msg("\"%s\" does not say \"%s\" of %s", err.text, why, path_of(name));
}

static void write_file(const char *path, const char *text, size_t size)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void change(const char *database, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(database, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void what_is_no_store_is_refused(void **state)
{
    static char garbage[10000];
    (void)state;

    expect_refusal("none", STORE_READ, "no store in");
    expect_refusal("none", STORE_WRITE, "no store in");
    assert_int_equal(mkdir(path_of("empty"), 0700), 0);
    expect_refusal("empty", STORE_READ, "no store in");
    assert_int_equal(access(path_of("empty/confuse.db"), F_OK), -1);
    write_file(path_of("file"), "x", 1);
    expect_refusal("file", STORE_READ, "Not a directory");
    assert_int_equal(mkdir(path_of("garbage"), 0700), 0);
    memset(garbage, 'g', sizeof garbage);
    write_file(path_of("garbage/confuse.db"), garbage, sizeof garbage);
    expect_refusal("garbage", STORE_CREATE, "not a database");
    assert_int_equal(mkdir(path_of("other"), 0700), 0);
    change(path_of("other/confuse.db"), "CREATE TABLE mine (x)");
    expect_refusal("other", STORE_CREATE, "not a store of confuse");
    change(path_of("other/confuse.db"), "PRAGMA user_version = 1");
    expect_refusal("other", STORE_READ, "not a store of confuse");
}

static void newer_stores_are_refused(void **state)
{
    struct store *store;
    char sql[64], why[80];
    (void)state;

    ok(store_open(&store, path_of("newer"), STORE_CREATE, &err));
    store_close(store);
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d", schema_version_newest() + 1);
    change(path_of("newer/confuse.db"), sql);
    snprintf(why, sizeof why, "was made by a newer confuse (version %d, this one knows %d)",
             schema_version_newest() + 1, schema_version_newest());
    expect_refusal("newer", STORE_READ, why);
    expect_refusal("newer", STORE_WRITE, why);
    expect_refusal("newer", STORE_CREATE, why);
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d", schema_version_newest());
    change(path_of("newer/confuse.db"), sql);
    ok(store_open(&store, path_of("newer"), STORE_READ, &err));
    store_close(store);
    change(path_of("newer/confuse.db"), "DELETE FROM secret");
    expect_refusal("newer", STORE_READ, "has lost its key");
}

/* What somebody left who was killed while he made a store. */
static void half_made_stores_are_made_anew(void **state)
{
    static const char *const leftovers[] = {"half/new.db", "half/new.db-journal", "half/new.db-wal", "half/new.db-shm"};
    struct store *store;
    (void)state;

    assert_int_equal(mkdir(path_of("half"), 0700), 0);
    for (size_t i = 0; i < sizeof leftovers / sizeof *leftovers; i++)
        write_file(path_of(leftovers[i]), "half of something", 17);
    expect_refusal("half", STORE_READ, "no store in");
    ok(store_open(&store, path_of("half"), STORE_CREATE, &err));
    store_close(store);
    for (size_t i = 0; i < sizeof leftovers / sizeof *leftovers; i++)
        assert_int_equal(access(path_of(leftovers[i]), F_OK), -1);
}

static void *open_store(void *arg)
{
    struct store *store;
    struct error e;
    int result = store_open(&store, arg, STORE_CREATE, &e);

    if (result < 0)
        fprintf(stderr, "%s\n", e.text);
    else
        store_close(store);
    return result < 0 ? arg : NULL;
}

static void many_may_make_one_store(void **state)
{
    pthread_t threads[8];
    char path[256];
    (void)state;

    snprintf(path, sizeof path, "%s", path_of("together"));
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_store, path), 0);
    for (int i = 0; i < 8; i++) {
        void *failed;

        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

/* --- While a big import writes ------------------------------------------------------------------------------------ */

struct writing {
    atomic_bool stop;
    unsigned count;
};

/* Rows of 40 KB without a pause, as fast as it goes: much more than the WAL may hold. */
static void *write_much(void *arg)
{
    static char bytes[40000];
    struct writing *w = arg;
    struct store *store = scratch_store(STORE_WRITE);
    struct digest digest;
    int64_t id;

    while (!w->stop) {
        snprintf(bytes, sizeof bytes, "%u", w->count++);
        ok(blob_put(&id, &digest, store, bytes, sizeof bytes, &err));
    }
    ok(store_flush(store, &err));
    store_close(store);
    return NULL;
}

/* How often the WAL began anew: its header counts that (the SQLite file format, 4.1). */
static uint32_t wal_sequence(void)
{
    uint8_t header[16] = {0};
    FILE *file = fopen(path_of("store/confuse.db-wal"), "r");

    if (!file)
        return 0;
    size_t got = fread(header, 1, sizeof header, file);
    fclose(file);
    return got == sizeof header ? get_be32(header + 12) : 0;
}

/* One more writer, with a small batch now and then: how long does it wait at most? */
static uint64_t write_little(struct store *store, int number)
{
    struct error e;
    struct digest digest;
    char text[32];
    int64_t id;

    snprintf(text, sizeof text, "little %d", number);
    uint64_t began = timestamp_now();
    if (blob_put(&id, &digest, store, text, strlen(text), &e) < 0 || store_flush(store, &e) < 0)
        fail_msg("%s", e.text);
    return timestamp_now() - began;
}

/* With one writer any checkpoint reaches the WAL's end. With two that never pause, somebody has to see to it. */
static void others_wait_little_and_the_wal_begins_anew(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct writing writing = {0};
    uint64_t longest = 0, began = timestamp_now();
    uint32_t first = wal_sequence();
    pthread_t thread;
    int rounds = 0;
    (void)state;

    assert_int_equal(pthread_create(&thread, NULL, write_much, &writing), 0);
    while (wal_sequence() < first + RENEWALS && timestamp_now() - began < PATIENCE) {
        uint64_t waited = write_little(store, rounds++);

        if (waited > longest)
            longest = waited;
        usleep(2000);
    }
    uint32_t renewed = wal_sequence() - first;
    writing.stop = true;
    pthread_join(thread, NULL);
    print_message("%u big and %d little writes, the WAL began anew %u times, waited at most %llu ms\n", writing.count,
                  rounds, renewed, (unsigned long long)(longest / 1000000));
    assert_true(renewed >= RENEWALS);
    assert_in_range(longest / 1000000, 0, WAIT_MAX_MS);
    store_close(store);
}

static uint64_t mtime_in(struct store *store)
{
    uint64_t mtime;

    ok(store_directory_mtime(&mtime, store, "/snap", &err));
    return mtime;
}

static void what_is_held_is_of_one_moment(void **state)
{
    static const char change_it[] = "UPDATE directory SET mtime = mtime + 1 WHERE path = '/snap'";
    struct store *writer = scratch_store(STORE_CREATE), *reader = scratch_store(STORE_READ);
    uint64_t first = mtime_in(reader);
    (void)state;

    ok(store_hold(writer, &err)); /* does nothing: others go on writing, and it sees that */
    ok(store_hold(reader, &err));
    assert_int_equal(mtime_in(reader), first);
    assert_int_equal(mtime_in(writer), first);
    scratch_sql(change_it);
    assert_int_equal(mtime_in(reader), first);
    assert_int_equal(mtime_in(writer), first + 1);
    ok(store_hold(reader, &err));
    assert_int_equal(mtime_in(reader), first + 1);
    scratch_sql(change_it);
    assert_int_equal(mtime_in(reader), first + 1);
    store_rest(reader);
    assert_int_equal(mtime_in(reader), first + 2);
    store_close(reader);
    store_close(writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores_are_private),
        cmocka_unit_test(a_slash_at_the_end_makes_no_difference),
        cmocka_unit_test(databases_in_open_directories_are_private),
        cmocka_unit_test(a_store_has_a_name),
        cmocka_unit_test(what_is_no_store_is_refused),
        cmocka_unit_test(newer_stores_are_refused),
        cmocka_unit_test(half_made_stores_are_made_anew),
        cmocka_unit_test(many_may_make_one_store),
        cmocka_unit_test(others_wait_little_and_the_wal_begins_anew),
        cmocka_unit_test(what_is_held_is_of_one_moment),
    };

    return cmocka_run_group_tests(tests, NULL, scratch_tear_down);
}
