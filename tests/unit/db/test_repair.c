/* fsck --repair: what is damaged goes, what is left is true, and importing again heals. */
#include "db/blob.h"
#include "db/check.h"
#include "db/frame.h"
#include "db/image.h"
#include "tests/unit/ok.h"
#include "tests/unit/scratch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static int clean(void **state)
{
    (void)state;
    scratch_remove();
    mkdir(scratch_make(), 0700);
    return 0;
}

/* "/a" has some bytes, which this digest names, "/b" others. */
static void add_files(struct builder *builder, struct store *store, const char *bytes, size_t size)
{
    static const char *const paths[] = {"/a", "/b"};

    for (size_t i = 0; i < 2; i++) {
        struct entry_digests digests = {0};
        struct entry entry = {.mode = S_IFREG | 0644, .size = i ? 1 : size};

        ok(blob_put(&entry.content, &digests.content, store, i ? "b" : bytes, entry.size, &err));
        ok(builder_add(builder, paths[i], strlen(paths[i]), &entry, &digests, 0, &err));
    }
}

/* Is it new? */
static bool import(struct snapshot *s, size_t size)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct builder *builder = builder_new(BUILDER_RECORDS, "/tmp");
    struct frame_writer *writer;
    char *bytes = calloc(1, size);
    bool is_new;

    assert_true(builder && bytes);
    memset(bytes, 'a', size);
    *s = (struct snapshot){.namespace = "repair", .time = 7, .format = "frame", .has_source = true};
    ok(frame_writer_new(&writer, store, &err));
    for (int i = 0; i < 20000; i++)
        ok(frame_writer_add(writer, &i, sizeof i, &err));
    ok(frame_writer_finish(&s->frame, &s->source, writer, &err));
    frame_writer_free(writer);
    add_files(builder, store, bytes, size);
    ok(builder_settle(builder, NULL, NULL, &err));
    ok(builder_write(&s->root, &s->links, builder, store, &err));
    builder_free(builder);
    ok(node_empty(&s->features, store, NODE_FEATURES, &err));
    ok(snapshot_publish(&is_new, s, store, &err));
    store_close(store);
    free(bytes);
    return is_new;
}

struct told {
    char text[4096];
};

static void keep(void *arg, const char *text)
{
    struct told *told = arg;
    size_t used = strlen(told->text);

    snprintf(told->text + used, sizeof told->text - used, "%s\n", text);
}

static struct check run(struct told *told, bool repair)
{
    struct store *store = scratch_store(repair ? STORE_WRITE : STORE_READ);
    struct check check = {.report = keep, .arg = told};

    *told->text = '\0';
    ok((repair ? store_repair : store_check)(&check, store, &err));
    store_close(store);
    return check;
}

static void expect_told(const struct told *told, const char *text)
{
    if (!strstr(told->text, text))
        fail_msg("\"%s\" was not told, but: %s", text, told->text);
}

static void expect_good(void)
{
    struct told told;

    if (run(&told, false).bad)
        fail_msg("%s", told.text);
}

static int64_t content_of_a(void)
{
    return scratch_sql("SELECT content FROM entry WHERE name = 'a'");
}

/* A content in a row, and one in a file. */
static void a_lost_content_is_healed(void **state)
{
    static const size_t sizes[] = {1000, BLOB_INLINE_MAX + 1000};
    (void)state;

    for (size_t i = 0; i < 2; i++) {
        struct snapshot s, again;
        struct told told;
        char id[SNAPSHOT_ID_HEX_SIZE], command[400];
        struct blob blob;
        uint8_t byte;

        clean(NULL);
        assert_true(import(&s, sizes[i]));
        int64_t content = content_of_a();
        hex_encode(id, s.id, SNAPSHOT_ID_SIZE);
        snprintf(command, sizeof command,
                 "for f in $(find '%s/store/blobs' -type f); do chmod u+w $f; printf x | dd of=$f conv=notrunc "
                 "status=none; done",
                 scratch_make());
        assert_int_equal(system(command), 0);
        scratch_sql("UPDATE blob SET data = CAST('x' || substr(data, 2) AS BLOB) WHERE size = 1000");

        struct check check = run(&told, true);
        assert_true(check.bad == 1 && check.repaired == 1 && check.lost == 1);
        expect_told(&told, "holds other bytes");
        expect_told(&told, id);
        expect_told(&told, "lacks the content");
        assert_int_equal(run(&told, false).bad, 1);
        expect_told(&told, "is lost");

        struct store *store = scratch_store(STORE_READ);
        ok(blob_find(&blob, store, content, &err));
        assert_true(blob_read(&byte, store, &blob, 0, 1, &err) < 0);
        store_close(store);

        assert_false(import(&again, sizes[i]));
        assert_int_equal(again.number, s.number);
        expect_good();
        assert_int_equal(content_of_a(), content);
    }
}

static void a_lost_node_comes_back(void **state)
{
    struct snapshot s, again;
    struct told told;
    char id[SNAPSHOT_ID_HEX_SIZE];
    (void)state;

    assert_true(import(&s, 1000));
    hex_encode(id, s.id, SNAPSHOT_ID_SIZE);
    scratch_sql("UPDATE entry SET uid = 1 WHERE name = 'a'");
    struct check check = run(&told, true);
    assert_true(check.repaired == 1);
    expect_told(&told, id);
    expect_told(&told, "is gone");
    expect_good();
    assert_int_equal(scratch_sql("SELECT count(*) FROM snapshot"), 0);
    assert_true(import(&again, 1000));
    assert_memory_equal(again.id, s.id, SNAPSHOT_ID_SIZE);
    assert_true(again.number > s.number);
    expect_good();
}

static void a_lost_frame_comes_back(void **state)
{
    static const char *const damages[] = {
        "UPDATE chunk SET data = CAST(x'00' || substr(data, 2) AS BLOB) WHERE id = 2",
        "DELETE FROM frame_chunks WHERE position = 0",
        "UPDATE frame_chunks SET chunks = substr(chunks, 2)",
    };
    (void)state;

    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        struct snapshot s, again;
        struct told told;

        clean(NULL);
        assert_true(import(&s, 10));
        scratch_sql(damages[i]);
        assert_true(run(&told, true).repaired > 0);
        expect_good();
        assert_int_equal(scratch_sql("SELECT count(*) FROM snapshot WHERE frame IS NULL"), 1);
        assert_false(import(&again, 10));
        assert_int_equal(again.number, s.number);
        assert_int_equal(scratch_sql("SELECT count(*) FROM snapshot WHERE frame IS NULL"), 0);
        expect_good();
    }
}

/* What packed rows are of is gone: they go too, so that gc, which reads all lists, is not stopped by them for ever. */
static void rows_of_nothing_go(void **state)
{
    static const char *const rows[] = {
        "INSERT INTO frame_chunks VALUES (1000, 0, x'80')",
        "INSERT INTO frame_chunks VALUES (0, 0, x'80')",
        "INSERT INTO feature_values VALUES (1000000, x'0000')",
    };
    struct snapshot s;
    struct told told;
    (void)state;

    assert_true(import(&s, 10));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        scratch_sql(rows[i]);
        assert_true(run(&told, true).bad > 0);
        expect_good();
    }
    assert_false(import(&s, 10));
}

static void a_good_store_stays_as_it_is(void **state)
{
    struct snapshot s;
    struct told told;
    (void)state;

    assert_true(import(&s, 100));
    struct check check = run(&told, true);
    assert_true(check.bad == 0 && check.repaired == 0 && check.lost == 0);
    assert_false(import(&s, 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_lost_content_is_healed, clean),
        cmocka_unit_test_setup(a_lost_node_comes_back, clean),
        cmocka_unit_test_setup(a_lost_frame_comes_back, clean),
        cmocka_unit_test_setup(rows_of_nothing_go, clean),
        cmocka_unit_test_setup(a_good_store_stays_as_it_is, clean),
    };

    return cmocka_run_group_tests(tests, NULL, scratch_tear_down);
}
