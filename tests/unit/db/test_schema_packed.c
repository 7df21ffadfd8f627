/* To user_version 9: a store of the step before is the same afterwards, whatever is in it, and at whatever instant the
 * process that converts it is killed. */
#include "db/schema.h"

#include "base/cleanup.h"
#include "db/check.h"
#include "db/cut.h"
#include "db/frame.h"
#include "db/snapshot.h"
#include "tests/unit/ok.h"
#include "tests/unit/scratch.h"
#include "tree/features.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define BEFORE 8 /* the user_version without packed rows */
#define FRAMES 2
#define FRAME_BYTES (7u << 20) /* more chunks than a row holds */
#define FEATURES 2000

/* --- What is in it ------------------------------------------------------------------------------------------------ */

static uint8_t *bytes_of(unsigned frame)
{
    uint8_t *bytes = malloc(FRAME_BYTES);

    assert_non_null(bytes);
    srandom(7);
    for (size_t i = 0; i < FRAME_BYTES; i++)
        bytes[i] = (uint8_t)(random() >> 12);
    bytes[frame * 3000000] ^= 1;
    return bytes;
}

static size_t value_of(char value[256], unsigned number)
{
    return number % 50
               ? (size_t)snprintf(value, 256, "{\"n\":%u,\"text\":\"%0*d\"}", number, (int)(number % 100) + 1, 7)
               : 0;
}

static void add_features(struct node_ref *out, struct store *store)
{
    struct cutter *cutter;
    char key[16], value[256];

    ok(cutter_new(&cutter, store, NODE_FEATURES, &err));
    for (unsigned i = 0; i < FEATURES; i++) {
        snprintf(key, sizeof key, "k%05u", i);
        const struct feature feature = {"type", key, value, 4, 6, (uint32_t)value_of(value, i)};
        ok(cutter_add_feature(cutter, &feature, &err));
    }
    ok(cutter_finish(out, cutter, &err));
    cutter_free(cutter);
}

static void publish_frame(unsigned number)
{
    struct snapshot s = {.namespace = "n", .time = number, .format = "frame", .has_source = true};
    struct store *store = scratch_store(STORE_CREATE);
    cleanup_free uint8_t *bytes = bytes_of(number);
    struct frame_writer *writer;
    bool is_new;

    scratch_root(&s.root, store, 0755);
    ok(node_empty(&s.links, store, NODE_LINKS, &err));
    add_features(&s.features, store);
    ok(frame_writer_new(&writer, store, &err));
    ok(frame_writer_add(writer, bytes, FRAME_BYTES, &err));
    ok(frame_writer_finish(&s.frame, &s.source, writer, &err));
    frame_writer_free(writer);
    ok(snapshot_publish(&is_new, &s, store, &err));
    store_close(store);
}

static int make(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FRAMES; i++)
        publish_frame(i);
    /* Numbers that gc took back may be higher than any that is there. */
    scratch_sql("UPDATE sqlite_sequence SET seq = seq + 1000 WHERE name = 'node'");
    return 0;
}

/* --- Is it what it was? ------------------------------------------------------------------------------------------- */

struct expected {
    const uint8_t *bytes;
    size_t done;
};

static int compare(void *arg, const void *bytes, size_t size)
{
    struct expected *expected = arg;

    assert_true(expected->done + size <= FRAME_BYTES);
    assert_memory_equal(bytes, expected->bytes + expected->done, size);
    expected->done += size;
    return 0;
}

static int ignore(void *arg, const void *bytes, size_t size)
{
    struct expected *none = arg;

    (void)bytes;
    none->done += size;
    return 0;
}

static int check_feature(void *arg, const struct feature *feature)
{
    unsigned *number = arg;
    char key[16], value[256];

    snprintf(key, sizeof key, "k%05u", *number);
    assert_int_equal(feature->value_size, value_of(value, (*number)++));
    assert_memory_equal(feature->key, key, 6);
    assert_memory_equal(feature->value, value, feature->value_size);
    return 0;
}

static void report(void *arg, const char *text)
{
    (void)arg;
    print_error("%s\n", text);
}

static void expect_all(void)
{
    struct store *store = scratch_store(STORE_READ);
    struct check check = {.report = report};
    unsigned number = 0;

    ok(store_check(&check, store, &err));
    assert_int_equal(check.bad, 0);
    assert_int_equal(check.snapshots, FRAMES);
    for (unsigned i = 0; i < FRAMES; i++) {
        cleanup_free uint8_t *bytes = bytes_of(i);
        struct expected expected = {.bytes = bytes};

        ok(frame_read(store, i + 1, compare, &expected, &err));
        assert_int_equal(expected.done, FRAME_BYTES);
    }
    ok(features_visit(store, scratch_sql("SELECT features FROM snapshot"), "type", check_feature, &number, &err));
    assert_int_equal(number, FEATURES);
    store_close(store);
}

static void migrate(void)
{
    struct store *store = scratch_store(STORE_WRITE);

    store_close(store);
    assert_int_equal(scratch_sql("PRAGMA user_version"), schema_version_newest());
}

static void a_store_is_the_same_afterwards(void **state)
{
    int64_t lists = scratch_sql("SELECT count(*) FROM frame_chunks");
    int64_t next = scratch_sql("SELECT seq FROM sqlite_sequence WHERE name = 'node'");
    (void)state;

    assert_true(lists > FRAMES); /* one row was not enough */
    expect_all();
    scratch_sql("CREATE TABLE kept AS SELECT * FROM frame_chunks");
    scratch_sql("CREATE TABLE kept_values AS SELECT * FROM feature_values");
    scratch_downgrade(BEFORE);
    assert_int_equal(scratch_sql("SELECT count(*) FROM frame_chunk") > lists * 100, 1);
    migrate();
    expect_all();
    assert_int_equal(scratch_sql("SELECT seq FROM sqlite_sequence WHERE name = 'node'"), next);
    /* As if it had been written so. */
    assert_int_equal(scratch_sql("SELECT count(*) FROM (SELECT * FROM kept EXCEPT SELECT * FROM frame_chunks)"), 0);
    assert_int_equal(scratch_sql("SELECT count(*) FROM frame_chunks"), lists);
    assert_int_equal(
        scratch_sql("SELECT count(*) FROM (SELECT * FROM kept_values EXCEPT SELECT * FROM feature_values)"), 0);
    scratch_sql("DROP TABLE kept");
    scratch_sql("DROP TABLE kept_values");
}

/* What was damaged before is damaged afterwards, and nothing else is. */
static void damage_is_no_obstacle(void **state)
{
    static const char *const damages[] = {
        "DELETE FROM frame_chunk WHERE frame = 1 AND position > 100000 AND position < 130000",
        "DELETE FROM frame_chunk WHERE frame = 1 AND position = 0",
        "UPDATE frame_chunk SET position = -5 WHERE frame = 1 AND position = 0",
        "UPDATE frame_chunk SET chunk = -1 WHERE frame = 1 AND position = 0",
        "UPDATE frame SET size = -1 WHERE id = 1",
    };
    (void)state;

    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        cleanup_free uint8_t *bytes = bytes_of(1);
        struct expected expected = {.bytes = bytes};

        scratch_sql("CREATE TABLE kept AS SELECT * FROM frame_chunks");
        int64_t size = scratch_sql("SELECT size FROM frame WHERE id = 1");
        scratch_downgrade(BEFORE);
        scratch_sql(damages[i]);
        migrate();
        struct store *store = scratch_store(STORE_READ);
        struct expected none = {.bytes = NULL, .done = 0};
        if (frame_read(store, 1, ignore, &none, &err) >= 0)
            fail_msg("not noticed: %s", damages[i]);
        ok(frame_read(store, 2, compare, &expected, &err));
        store_close(store);
        scratch_sql("DELETE FROM frame_chunks");
        scratch_sql("INSERT INTO frame_chunks SELECT * FROM kept");
        scratch_sql("DROP TABLE kept");
        if (size > 0 && scratch_sql("SELECT size FROM frame WHERE id = 1") != size)
            scratch_sql("UPDATE frame SET size = (SELECT size FROM frame WHERE id = 2) WHERE id = 1");
    }
    expect_all();
}

/* A record that is missing moves no value to another one. */
static void values_keep_their_places(void **state)
{
    (void)state;

    scratch_sql("CREATE TABLE kept_values AS SELECT * FROM feature_values");
    scratch_downgrade(BEFORE);
    scratch_sql("CREATE TABLE kept AS SELECT id, type, key, value FROM feature");
    scratch_sql("DELETE FROM feature WHERE id % 64 IN (0, 3)");
    migrate();
    assert_int_equal(scratch_sql("SELECT count(*) FROM feature JOIN kept USING (id) LEFT JOIN feature_values"
                                 " ON node = id >> 6 WHERE feature_value(data, id & 63) IS NOT kept.value"),
                     0);
    assert_true(scratch_sql("SELECT count(*) FROM feature") > FEATURES / 2);
    scratch_sql("INSERT OR IGNORE INTO feature (id, type, key) SELECT id, type, key FROM kept");
    scratch_sql("DELETE FROM feature_values");
    scratch_sql("INSERT INTO feature_values SELECT * FROM kept_values");
    scratch_sql("DROP TABLE kept");
    scratch_sql("DROP TABLE kept_values");
    expect_all();
}

/* --- Killed ------------------------------------------------------------------------------------------------------- */

#define KILLS 8

static int64_t microseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void put_back(void)
{
    char command[600];

    snprintf(command, sizeof command, "cd '%s' && rm -f store/confuse.db-* && cp old.db store/confuse.db",
             scratch_make());
    assert_int_equal(system(command), 0);
}

static void killed_at_any_instant_it_goes_on(void **state)
{
    char command[600];
    int whole = 0;
    (void)state;

    scratch_downgrade(BEFORE);
    snprintf(command, sizeof command, "cp '%1$s/store/confuse.db' '%1$s/old.db'", scratch_make());
    assert_int_equal(system(command), 0);
    int64_t began = microseconds();
    migrate();
    int64_t took = microseconds() - began;
    for (int i = 0; i < KILLS; i++) {
        put_back();
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            migrate();
            _exit(0);
        }
        usleep((useconds_t)(took * i / KILLS));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        int64_t version = scratch_sql("PRAGMA user_version");
        assert_true(version == BEFORE || version == schema_version_newest());
        whole += version == BEFORE;
        migrate();
        expect_all();
    }
    assert_true(whole > 0); /* some came too early */
}

#define PROCESSES 4

/* They take turns: one converts, the others find it done. */
static void many_may_migrate_at_once(void **state)
{
    pid_t children[PROCESSES];
    char path[600];
    int status;
    (void)state;

    put_back();
    snprintf(path, sizeof path, "%s/store", scratch_make());
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            struct store *store;
            int result = store_open(&store, path, STORE_WRITE, &err);

            if (result == 0)
                store_close(store);
            _exit(result == 0 ? 0 : 1);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    expect_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_is_the_same_afterwards), cmocka_unit_test(damage_is_no_obstacle),
        cmocka_unit_test(values_keep_their_places),       cmocka_unit_test(killed_at_any_instant_it_goes_on),
        cmocka_unit_test(many_may_migrate_at_once),
    };

    return cmocka_run_group_tests(tests, make, scratch_tear_down);
}
