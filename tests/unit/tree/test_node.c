/* Nodes whose rows are damaged, or written by somebody who wishes us ill: whoever goes through the tree, the features
 * or the links gets an error and an end, whatever the rows say. */
#include "db/check.h"
#include "db/cut.h"
#include "db/snapshot.h"
#include "import/builder.h"
#include "tests/unit/ok.h"
#include "tests/unit/scratch.h"
#include "tree/changes.h"
#include "tree/manifest.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FILES 400     /* so that the directory is a list of nodes */
#define PATIENCE_S 60 /* seconds until something that does not end ends the test */

static struct snapshot snapshot;
static struct node_ref no_features;

static void write_tree(struct store *store)
{
    struct builder *builder = builder_new(BUILDER_RECORDS, "/tmp");
    char path[32];

    for (int i = 0; i < FILES; i++) {
        struct entry entry = {.mode = S_IFREG | 0644};

        snprintf(path, sizeof path, "/d/f%d", i);
        ok(builder_add(builder, path, strlen(path), &entry, NULL, 0, &err));
    }
    ok(builder_settle(builder, NULL, NULL, &err));
    ok(builder_write(&snapshot.root, &snapshot.links, builder, store, &err));
    builder_free(builder);
}

static void write_features(struct store *store)
{
    struct cutter *cutter;
    char key[16];

    ok(cutter_new(&cutter, store, NODE_FEATURES, &err));
    for (int i = 0; i < FILES; i++) {
        snprintf(key, sizeof key, "k%03d", i);
        ok(cutter_add_feature(cutter, &(struct feature){"~note", key, "{}", 5, 4, 2}, &err));
    }
    ok(cutter_finish(&snapshot.features, cutter, &err));
    cutter_free(cutter);
}

static void write_links(struct store *store)
{
    static const char paths[] = "d/f1\0d/f8";
    struct cutter *cutter;

    ok(cutter_new(&cutter, store, NODE_LINKS, &err));
    ok(cutter_add_group(cutter, &(struct link_group){paths, sizeof paths, 2}, &err));
    ok(cutter_finish(&snapshot.links, cutter, &err));
    cutter_free(cutter);
}

static int make_store(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    bool is_new;
    (void)state;

    snapshot = (struct snapshot){.namespace = "node", .time = 1, .format = "frame"};
    write_tree(store);
    write_features(store);
    write_links(store);
    ok(node_empty(&no_features, store, NODE_FEATURES, &err));
    ok(snapshot_publish(&is_new, &snapshot, store, &err));
    store_close(store);
    alarm(PATIENCE_S);
    return 0;
}

static int drop(void *arg, const void *bytes, size_t size)
{
    (void)arg, (void)bytes, (void)size;
    return 0;
}

static void ignore(void *arg, const char *text)
{
    (void)arg, (void)text;
}

/* What is new since there was nothing. */
static int compare(struct tree_reader *reader)
{
    const struct capture nothing = {.features = no_features.id}, all = capture_of_snapshot(&snapshot);
    const struct change_options options = {.files = {.made = true, .renames = true}};

    return changes_write(NULL, NULL, reader, &nothing, &all, &options, drop, NULL, &err);
}

/* Every entry, every note and the links of the snapshot, by way of the node cache. */
static int read_all(struct tree_reader *reader)
{
    return manifest_write(reader, &snapshot, drop, NULL, &err);
}

static int with_reader(int (*read)(struct tree_reader *reader))
{
    struct store *store = scratch_store(STORE_READ);
    struct tree_reader *reader;
    struct tree_cache *cache;

    err.text[0] = '\0';
    ok(tree_cache_new(&cache, TREE_CACHE_DEFAULT, &err));
    ok(tree_reader_new(&reader, store, cache, &err));
    int result = read(reader);
    tree_reader_free(reader);
    tree_cache_free(cache);
    store_close(store);
    return result;
}

static uint64_t count_bad(void)
{
    struct store *store = scratch_store(STORE_READ);
    struct check check = {.report = ignore};

    ok(store_check(&check, store, &err));
    store_close(store);
    return check.bad;
}

/* ROOT is the leaf of the root's entry, D the directory "/d" (a list), LEAF one of its leaves, F the features (a list),
 * L the links. */
#define ROOT "(SELECT root FROM snapshot)"
#define TOP "(SELECT subtree FROM entry WHERE id = " ROOT " * 64)"
#define D "(SELECT subtree FROM entry WHERE id = " TOP " * 64)"
#define LEAF "(SELECT node FROM child WHERE id = " D " * 64)"
#define F "(SELECT features FROM snapshot)"
#define L "(SELECT links FROM snapshot)"

static const struct {
    const char *table, *change;
} damages[] = {
    {"node", "UPDATE node SET level = 65536 WHERE id = " LEAF},
    {"node", "UPDATE node SET level = -1 WHERE id = " LEAF},
    {"node", "UPDATE node SET kind = 3 WHERE id = " LEAF},
    {"node", "UPDATE node SET count = -1 WHERE id = " LEAF},
    {"node", "UPDATE node SET count = 65 WHERE id = " LEAF},
    {"node", "UPDATE node SET nodes = nodes + 4294967296 WHERE id = " LEAF},
    {"node", "UPDATE node SET level = level + 1 WHERE id = " D},
    {"node", "UPDATE node SET level = level + 1 WHERE id = " F},
    {"child", "UPDATE child SET node = " D " WHERE id = " D " * 64"},
    {"child", "UPDATE child SET node = " F " WHERE id = " F " * 64"},
    {"entry", "UPDATE entry SET subtree = " TOP " WHERE id = " TOP " * 64"},
    {"entry", "UPDATE entry SET name = '../f' WHERE id = " LEAF " * 64"},
    {"entry", "UPDATE entry SET name = '..' WHERE id = " LEAF " * 64"},
    {"entry", "UPDATE entry SET name = hex(zeroblob(128)) WHERE id = " LEAF " * 64"},
    {"entry", "UPDATE entry SET target = hex(zeroblob(2048)) WHERE id = " LEAF " * 64"},
    {"entry", "UPDATE entry SET subtree = NULL WHERE id = " TOP " * 64"},
    {"entry", "UPDATE entry SET subtree = " LEAF " WHERE id = " LEAF " * 64"},
    {"entry", "UPDATE entry SET subtree = -1 WHERE id = " TOP " * 64"},
    {"node", "UPDATE node SET kind = 3 WHERE id = " L},
    {"node", "UPDATE node SET count = count + 1 WHERE id = " L},
    {"link", "UPDATE link SET count = 100000000"},
    {"link", "UPDATE link SET count = count - 1"},
    {"link", "UPDATE link SET paths = CAST(substr(paths, 1, length(paths) - 1) AS BLOB)"},
    {"link", "UPDATE link SET paths = x''"},
};

static void keep(const char *table)
{
    char sql[128];

    snprintf(sql, sizeof sql, "CREATE TABLE kept AS SELECT * FROM %s", table);
    scratch_sql(sql);
}

static void take_back(const char *table)
{
    char sql[128];

    snprintf(sql, sizeof sql, "DELETE FROM %s", table);
    scratch_sql(sql);
    snprintf(sql, sizeof sql, "INSERT INTO %s SELECT * FROM kept", table);
    scratch_sql(sql);
    scratch_sql("DROP TABLE kept");
}

static void damage_is_an_error(void **state)
{
    static int (*const readings[])(struct tree_reader * reader) = {read_all, compare};
    (void)state;

    ok(with_reader(read_all));
    ok(with_reader(compare));
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        keep(damages[i].table);
        scratch_sql(damages[i].change);
        for (size_t j = 0; j < sizeof readings / sizeof *readings; j++)
            if (with_reader(readings[j]) != -EIO || !strstr(err.text, "is damaged"))
                fail_msg("not noticed: %s: %s", damages[i].change, err.text);
        if (count_bad() == 0)
            fail_msg("not noticed by fsck: %s", damages[i].change);
        take_back(damages[i].table);
    }
    ok(with_reader(read_all));
    assert_int_equal(count_bad(), 0);
}

/* Two nodes that are each other's list, and directories that hold themselves with counts that are right modulo 2^32. */
static void circles_end(void **state)
{
    static const char *const circles[] = {
        "DELETE FROM child WHERE id / 64 = " D,
        "INSERT INTO child VALUES (" D " * 64, 'f', " D ")",
        "UPDATE node SET count = 1 WHERE id = " D,
    };
    static const char *const wraps[] = {
        "INSERT INTO entry SELECT id + 1, 'e', mode, uid, gid, size, mtime, major, minor, flags, NULL, NULL, NULL,"
        " subtree FROM entry WHERE id = " TOP " * 64",
        "UPDATE entry SET subtree = " TOP " WHERE id / 64 = " TOP,
        "UPDATE node SET count = 2, entries = 2, dirs = 2, nodes = 4294967294 WHERE id = " TOP,
        ("UPDATE node SET nodes = 4294967295 WHERE id = " ROOT),
    };
    (void)state;

    keep("child");
    scratch_sql("CREATE TABLE nodes AS SELECT * FROM node");
    for (size_t i = 0; i < sizeof circles / sizeof *circles; i++)
        scratch_sql(circles[i]);
    assert_int_equal(with_reader(read_all), -EIO);
    assert_int_equal(with_reader(compare), -EIO);
    take_back("child");
    keep("entry");
    for (size_t i = 0; i < sizeof wraps / sizeof *wraps; i++)
        scratch_sql(wraps[i]);
    assert_int_equal(with_reader(read_all), -EIO);
    assert_int_equal(with_reader(compare), -EIO);
}

/* Directories that hold the one before twice: few nodes, and 2^40 ways down. */
static void few_nodes_are_no_large_tree(void **state)
{
    static const char *const changes[] = {
        "INSERT INTO node WITH RECURSIVE n (i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 1040)"
        " SELECT i, randomblob(32), (SELECT kind FROM node WHERE id = " TOP "), 0, 2, 2, 2, iif(i = 1040, 6, 2) FROM n",
        "INSERT INTO entry SELECT n.id * 64 + k, 'e' || k, e.mode, uid, gid, size, mtime, major, minor, flags, NULL, "
        "NULL,"
        " NULL, iif(n.id = 1000, e.subtree, n.id - 1) FROM node AS n, (SELECT 0 AS k UNION SELECT 1), entry AS e"
        " WHERE n.id >= 1000 AND e.id = " TOP " * 64",
    };
    int64_t root = snapshot.root.id;
    (void)state;

    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        scratch_sql(changes[i]);
    snapshot.root.id = 1040;
    assert_int_equal(with_reader(compare), -EIO);
    assert_non_null(strstr(err.text, "is damaged"));
    snapshot.root.id = root;
    scratch_sql("DELETE FROM entry WHERE id >= 64000");
    scratch_sql("DELETE FROM node WHERE id >= 1000");
    ok(with_reader(compare));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_is_an_error),
        cmocka_unit_test(few_nodes_are_no_large_tree),
        cmocka_unit_test(circles_end),
    };

    return cmocka_run_group_tests(tests, make_store, scratch_tear_down);
}
