/* fsck: a store that was written properly is good; one wrong value in any column that a digest covers, one missing row
 * of any table, one wrong byte of a file is reported. */
#include "db/check.h"

#include "base/cleanup.h"
#include "db/blob.h"
#include "db/cut.h"
#include "db/frame.h"
#include "db/image.h"
#include "import/builder.h"
#include "tests/unit/ok.h"
#include "tests/unit/scratch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FILES 400

static char large_path[256];

static void add_files(struct builder *builder, struct store *store)
{
    static char large[BLOB_INLINE_MAX + 1000];
    struct entry entry = {.mode = S_IFREG | 0644, .size = 5};
    struct digest digest = {0};
    char path[32], hex[DIGEST_HEX_SIZE];

    memset(large, 'L', sizeof large);
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "/d%d/f%d", i % 7, i);
        ok(builder_add(builder, path, strlen(path), &entry, NULL, 0, &err));
    }
    ok(builder_add(builder, "/link", 5, &(struct entry){.mode = S_IFLNK | 0777, .target = "d1", .target_size = 2}, NULL,
                   0, &err));
    ok(builder_settle(builder, NULL, NULL, &err));
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "/d%d/f%d", i % 7, i);
        if (i)
            scratch_set_content(builder, store, path, path, strlen(path));
        else
            digest = scratch_set_content(builder, store, path, large, sizeof large);
    }
    hex_encode(hex, digest.bytes, DIGEST_SIZE);
    snprintf(large_path, sizeof large_path, "%s/store/blobs/%.2s/%s", scratch_make(), hex, hex);
}

static void add_features(struct node_ref *out, struct store *store)
{
    struct cutter *cutter;
    char key[16];

    ok(cutter_new(&cutter, store, NODE_FEATURES, &err));
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "k%03d", i);
        ok(cutter_add_feature(cutter, &(struct feature){"type", key, "{\"a\":1}", 4, 4, 7}, &err));
    }
    ok(cutter_finish(out, cutter, &err));
    cutter_free(cutter);
}

static void add_links(struct node_ref *out, struct store *store)
{
    static const char paths[] = "d1/f1\0d1/f8";
    struct cutter *cutter;

    ok(cutter_new(&cutter, store, NODE_LINKS, &err));
    ok(cutter_add_group(cutter, &(struct link_group){paths, sizeof paths, 2}, &err));
    ok(cutter_finish(out, cutter, &err));
    cutter_free(cutter);
}

static void add_frame(int64_t *id, struct digest *digest, struct store *store)
{
    struct frame_writer *writer;
    char text[200];

    ok(frame_writer_new(&writer, store, &err));
    for (int i = 0; i < 2000; i++) {
        snprintf(text, sizeof text, "a line of a frame, number %d, %d\n", i, i * 7919);
        ok(frame_writer_add(writer, text, strlen(text), &err));
    }
    ok(frame_writer_finish(id, digest, writer, &err));
    frame_writer_free(writer);
}

/* An image of two layers, whose trees are the snapshot's, and its tag. */
static void publish_image(struct snapshot *s, struct store *store)
{
    struct layer alone[2], chain[2];
    struct image image = {0};
    struct digest digest;
    bool is_new;

    for (int i = 0; i < 2; i++) {
        alone[i] = (struct layer){.root = s->root, .links = s->links, .notes = s->features};
        memset(alone[i].digest.bytes, 'a' + i, DIGEST_SIZE);
        chain[i] = alone[i];
        layer_chain_id(&chain[i].digest, i ? &chain[0].digest : NULL, &alone[i].digest);
    }
    image.chain = chain[1].digest;
    ok(blob_put(&image.config_blob, &image.config, store, "{}", 2, &err));
    ok(blob_put(&image.layers_blob, &digest, store, "[1,2]", 5, &err));
    ok(image_publish(&is_new, s, &(struct image_commit){&image, alone, chain, 2, "1.0", 0}, store, &err));
}

/* A store with something in each table. */
static int make_store(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct builder *builder = builder_new(BUILDER_RECORDS, "/tmp");
    struct snapshot s = {
        .namespace = "check", .time = 1, .format = "frame", .has_source = true, .wants = "an/image:1.0"};
    (void)state;

    add_files(builder, store);
    ok(builder_write(&s.root, &s.links, builder, store, &err));
    builder_free(builder);
    add_features(&s.features, store);
    add_links(&s.links, store);
    add_frame(&s.frame, &s.source, store);
    publish_image(&s, store);
    store_close(store);
    return 0;
}

static void keep_first(void *arg, const char *text)
{
    char *first = arg;

    if (!*first)
        snprintf(first, 256, "%s", text);
}

static uint64_t check(char first[256])
{
    struct store *store = scratch_store(STORE_READ);
    struct check c = {.report = keep_first, .arg = first};

    *first = '\0';
    ok(store_check(&c, store, &err));
    store_close(store);
    assert_true(c.bad == 0 || *first);
    assert_true(c.snapshots + c.bad > 0);
    return c.bad;
}

static void a_good_store_is_good(void **state)
{
    char first[256];
    (void)state;

    if (check(first))
        fail_msg("%s", first);
}

/* What is done, and what takes it back: the value as it was, kept in a table beside. */
static const struct {
    const char *table, *column, *wrong, *row;
} damages[] = {
    {"blob", "data", "CAST(substr(data, 1, 2) || 'X' || substr(data, 4) AS BLOB)", "id = 17"},
    {"blob", "digest", "CAST(x'01' || substr(digest, 2) AS BLOB)", "id = 17"},
    {"blob", "digest", "CAST(x'01' || substr(digest, 2) AS BLOB)", "data IS NULL"},
    {"blob", "digest", "x'01'", "id = 17"},
    {"blob", "size", "size + 1", "id = 17"},
    {"blob", "size", "size - 1", "id = 17"},
    {"blob", "size", "-1", "id = 17"},
    {"blob", "size", "1 << 40", "id = 17"},
    {"node", "digest", "CAST(x'01' || substr(digest, 2) AS BLOB)", "id = 3"},
    {"node", "kind", "3", "id = 3"},
    {"node", "kind", "77", "id = 3"},
    {"node", "level", "level + 1", "id = 3"},
    {"node", "count", "count + 1", "id = 3"},
    {"node", "entries", "entries + 1", "id = 3"},
    {"node", "dirs", "dirs + 1", "id = 3"},
    {"node", "nodes", "nodes + 1", "id = 3"},
    {"child", "first", "first || 'x'", "id = (SELECT min(id) FROM child)"},
    {"child", "node", "node + 1", "id = (SELECT min(id) FROM child)"},
    {"entry", "name", "name || 'x'", "id = (SELECT min(id) FROM entry)"},
    {"entry", "mode", "mode + 1", "id = (SELECT min(id) FROM entry)"},
    {"entry", "uid", "uid + 1", "id = (SELECT min(id) FROM entry)"},
    {"entry", "gid", "gid + 1", "id = (SELECT min(id) FROM entry)"},
    {"entry", "size", "size + 1", "id = (SELECT min(id) FROM entry)"},
    {"entry", "mtime", "mtime + 1", "id = (SELECT min(id) FROM entry)"},
    {"entry", "major", "major + 1", "id = (SELECT min(id) FROM entry)"},
    {"entry", "minor", "minor + 1", "id = (SELECT min(id) FROM entry)"},
    {"entry", "flags", "flags + 1", "id = (SELECT min(id) FROM entry)"},
    {"entry", "target", "'x'", "target IS NOT NULL"},
    {"entry", "target", "'x'", "id = (SELECT min(id) FROM entry)"},
    {"entry", "content", "content + 1", "id = (SELECT min(id) FROM entry)"},
    {"entry", "content", "1000000", "id = (SELECT min(id) FROM entry)"},
    {"entry", "content", "NULL", "id = (SELECT min(id) FROM entry)"},
    {"entry", "xattrs", "1", "id = (SELECT min(id) FROM entry)"},
    {"entry", "subtree", "1", "id = (SELECT min(id) FROM entry)"},
    {"feature", "type", "'tipe'", "id = (SELECT min(id) FROM feature)"},
    {"feature", "key", "'K'", "id = (SELECT min(id) FROM feature)"},
    {"feature_values", "data", "CAST(substr(data, 1, length(data) - 1) AS BLOB)", "1"},
    {"feature_values", "data", "x'0101'", "1"},
    {"feature_values", "data", "x'00017b7d'", "1"},
    {"feature_values", "data", /* as many, but empty */
     "CAST(x'00' || char((SELECT count FROM node WHERE id = node)) || zeroblob((SELECT count FROM node WHERE id = "
     "node))"
     " AS BLOB)",
     "node = (SELECT min(node) FROM feature_values)"},
    {"feature_values", "node", "1000000", "node = (SELECT min(node) FROM feature_values)"},
    {"link", "count", "count + 1", "1"},
    {"link", "paths", "CAST('D' || substr(paths, 2) AS BLOB)", "1"},
    {"chunk", "digest", "CAST(x'01' || substr(digest, 2) AS BLOB)", "id = 2"},
    {"chunk", "size", "size - 1", "id = 2"},
    {"chunk", "data", "CAST(substr(data, 1, 20) || x'55aa' || substr(data, 23) AS BLOB)", "id = 2"},
    {"frame", "digest", "CAST(x'01' || substr(digest, 2) AS BLOB)", "1"},
    {"frame", "size", "size + 1", "1"},
    {"frame_chunks", "chunks", "CAST(x'04' || substr(chunks, 2) AS BLOB)", "1"},
    {"frame_chunks", "chunks", "CAST(substr(chunks, 1, length(chunks) - 1) AS BLOB)", "1"},
    {"frame_chunks", "position", "100", "1"},
    {"namespace", "name", "'checK'", "1"},
    {"snapshot", "id", "CAST(x'01' || substr(id, 2) AS BLOB)", "1"},
    {"snapshot", "id", "x'01'", "1"},
    {"snapshot", "namespace", "namespace + 1", "1"},
    {"snapshot", "time", "time + 1", "1"},
    {"snapshot", "source", "CAST(x'01' || substr(source, 2) AS BLOB)", "1"},
    {"snapshot", "source", "NULL", "1"},
    {"snapshot", "root", "root - 1", "1"},
    {"snapshot", "root", "1000000", "1"},
    {"snapshot", "links", "links - 1", "1"},
    {"snapshot", "features", "features - 1", "1"},
    {"snapshot", "frame", "frame + 1", "1"},
    {"snapshot", "image", "image + 1", "1"},
    {"layer", "digest", "x'01'", "number = 1"},
    {"layer", "root", "root - 1", "number = 1"},
    {"layer", "root", "links", "number = 2"},
    {"layer", "links", "root", "number = 1"},
    {"layer", "links", "1000000", "number = 1"},
    {"layer", "notes", "links", "number = 2"},
    {"chain", "digest", "CAST(x'01' || substr(digest, 2) AS BLOB)", "number = 2"},
    {"chain", "digest", "x'01'", "number = 1"},
    {"chain", "root", "root - 1", "number = 1"},
    {"chain", "root", "1000000", "number = 1"},
    {"chain", "links", "notes", "number = 2"},
    {"chain", "notes", "root", "number = 1"},
    {"chain", "below", "NULL", "number = 2"},
    {"chain", "below", "2", "number = 2"},
    {"chain", "layer", "1", "number = 2"},
    {"chain", "layer", "1000000", "number = 2"},
    {"image", "config", "CAST(x'01' || substr(config, 2) AS BLOB)", "1"},
    {"image", "config", "x'01'", "1"},
    {"image", "config_blob", "layers_blob", "1"},
    {"image", "config_blob", "1000000", "1"},
    {"image", "layers_blob", "1000000", "1"},
    {"image", "chain", "CAST(x'01' || substr(chain, 2) AS BLOB)", "1"},
    {"image", "chain", "x'01'", "1"},
    {"tag", "namespace", "namespace + 1", "1"},
    {"tag", "name", "'not a tag'", "1"},
    {"tag", "name", "'-x'", "1"},
    {"tag", "name", "''", "1"},
    {"tag", "name", "hex(zeroblob(65))", "1"},
    {"tag", "snapshot", "snapshot + 1", "1"},
    {"waiting", "snapshot", "snapshot + 1", "1"},
    {"waiting", "wants", "''", "1"},
};

static void one_wrong_value_is_reported(void **state)
{
    char sql[512], first[256];
    (void)state;

    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        snprintf(sql, sizeof sql, "CREATE TABLE kept AS SELECT * FROM %s", damages[i].table);
        scratch_sql(sql);
        snprintf(sql, sizeof sql, "UPDATE %s SET %s = %s WHERE %s", damages[i].table, damages[i].column,
                 damages[i].wrong, damages[i].row);
        scratch_sql(sql);
        struct store *store = scratch_store(STORE_READ);
        struct check c = {.report = keep_first, .arg = first};
        *first = '\0';
        int result = store_check(&c, store, &err);
        store_close(store);
        if (result == 0 && c.bad == 0)
            fail_msg("not noticed: %s", sql);
        snprintf(sql, sizeof sql, "DELETE FROM %s", damages[i].table);
        scratch_sql(sql);
        snprintf(sql, sizeof sql, "INSERT INTO %s SELECT * FROM kept", damages[i].table);
        scratch_sql(sql);
        scratch_sql("DROP TABLE kept");
        if (check(first))
            fail_msg("not taken back: %s; %s", sql, first);
    }
}

/* One row of each table goes. What is left out: what is on nobody's way (`directory`, an unused namespace) and rows
 * that nothing refers to any more, which are litter, no damage. */
static void one_missing_row_is_reported(void **state)
{
    static const struct {
        const char *table, *key;
        int skip; /* rows */
    } tables[] = {
        {"blob", "id", 0},
        {"node", "id", 0},
        {"child", "id", 0},
        {"entry", "id", 3},
        {"feature", "id", 0},
        {"link", "id", 0},
        {"chunk", "id", 0},
        {"frame_chunks", "frame, position", 0},
        {"feature_values", "node", 0},
        {"namespace", "id", 0},
        {"frame", "id", 0},
        {"image", "number", 0},
        {"chain", "number", 1},
    };
    char sql[512], first[256];
    (void)state;

    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        snprintf(sql, sizeof sql, "CREATE TABLE kept AS SELECT * FROM %s LIMIT 1 OFFSET %d", tables[i].table,
                 tables[i].skip);
        scratch_sql(sql);
        snprintf(sql, sizeof sql, "DELETE FROM %s WHERE (%s) IN (SELECT %s FROM kept)", tables[i].table, tables[i].key,
                 tables[i].key);
        scratch_sql(sql);
        if (!check(first))
            fail_msg("not noticed: %s", sql);
        snprintf(sql, sizeof sql, "INSERT INTO %s SELECT * FROM kept", tables[i].table);
        scratch_sql(sql);
        scratch_sql("DROP TABLE kept");
        if (check(first))
            fail_msg("not taken back: %s; %s", sql, first);
    }
}

/* What comes behind a damaged row is looked at, too. */
static void damage_does_not_end_the_check(void **state)
{
    char first[256];
    (void)state;

    scratch_sql("CREATE TABLE kept AS SELECT * FROM blob");
    scratch_sql("UPDATE blob SET digest = CAST(x'01' || id AS BLOB) WHERE id IN (3, 4)");
    scratch_sql("UPDATE blob SET size = -1 WHERE id = 5");
    assert_in_range(check(first), 3 + 1, 3 + 3); /* the blobs, and the nodes whose entries have two of them */
    scratch_sql("DELETE FROM blob");
    scratch_sql("INSERT INTO blob SELECT * FROM kept");
    scratch_sql("DROP TABLE kept");
    assert_int_equal(check(first), 0);
}

static void change_byte(const char *path, off_t offset)
{
    uint8_t byte;
    cleanup_close int fd = open(path, O_RDWR | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, offset), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
}

static void a_wrong_file_is_reported(void **state)
{
    char first[256], away[300];
    (void)state;

    assert_int_equal(chmod(large_path, 0600), 0);
    for (off_t offset = 0; offset < BLOB_INLINE_MAX + 1000; offset += 13331) {
        change_byte(large_path, offset);
        assert_int_equal(check(first), 1);
        assert_non_null(strstr(first, "holds other bytes"));
        change_byte(large_path, offset);
    }
    snprintf(away, sizeof away, "%s.away", large_path);
    assert_int_equal(rename(large_path, away), 0);
    assert_int_equal(check(first), 1);
    assert_non_null(strstr(first, "cannot be read"));
    assert_int_equal(rename(away, large_path), 0);
    assert_int_equal(truncate(large_path, 1000), 0);
    assert_int_equal(check(first), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_store_is_good),        cmocka_unit_test(one_wrong_value_is_reported),
        cmocka_unit_test(one_missing_row_is_reported), cmocka_unit_test(damage_does_not_end_the_check),
        cmocka_unit_test(a_wrong_file_is_reported),
    };

    return cmocka_run_group_tests(tests, make_store, scratch_tear_down);
}
