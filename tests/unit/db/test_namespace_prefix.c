/* Namespaces as directories: which there are, whatever comes and goes, and that older stores get the same rows. */
#include "db/namespace_prefix.h"

#include "tests/unit/ok.h"
#include "tests/unit/scratch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void publish(struct store *store, const char *namespace, unsigned mode)
{
    struct snapshot snapshot = {.namespace = namespace, .time = 1, .format = "dir"};
    bool is_new;

    scratch_snapshot(&snapshot, store, mode);
    ok(snapshot_publish(&is_new, &snapshot, store, &err));
    assert_true(is_new);
}

static void forget(const char *namespace)
{
    char sql[200];

    snprintf(sql, sizeof sql, "DELETE FROM snapshot WHERE namespace = (SELECT id FROM namespace WHERE name = '%s')",
             namespace);
    scratch_sql(sql);
}

/* By components; 0, or -ENOENT. */
static int find(struct namespace_prefix *prefix, struct store *store, const char *path)
{
    struct namespace_prefix above;
    int found = -ENOENT;

    for (const char *at = path; *at;) {
        size_t size = strcspn(at, "/");

        found = namespace_prefix_find_below(prefix, store, at > path ? above.id : NULL, at, size, &err);
        if (found < 0)
            return found;
        struct namespace_prefix again;
        ok(namespace_prefix_find(&again, store, prefix->id, &err));
        assert_int_equal(again.number, prefix->number);
        assert_true(again.is_top == (at == path));
        if (at > path)
            assert_memory_equal(again.above, above.id, PREFIX_ID_SIZE);
        above = *prefix;
        at += size + (at[size] == '/');
    }
    return found;
}

static uint64_t mtime(struct store *store, const char *path)
{
    struct namespace_prefix prefix;
    uint64_t time;

    if (*path) {
        ok(find(&prefix, store, path));
        return prefix.mtime;
    }
    ok(store_directory_mtime(&time, store, "/at", &err));
    return time;
}

static void prefixes_come_and_go_with_snapshots(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct namespace_prefix p;
    (void)state;

    publish(store, "a/b/c", 0700);
    publish(store, "a", 0701);
    publish(store, "a/b/d", 0702);
    ok(find(&p, store, "a"));
    assert_true(p.namespace != 0);
    ok(find(&p, store, "a/b"));
    assert_int_equal(p.namespace, 0);
    ok(find(&p, store, "a/b/c"));
    assert_int_equal(find(&p, store, "b"), -ENOENT);
    assert_int_equal(find(&p, store, "a/"), 0);
    assert_int_equal(find(&p, store, "a/c"), -ENOENT);

    forget("a/b/c");
    assert_int_equal(find(&p, store, "a/b/c"), -ENOENT);
    ok(find(&p, store, "a/b"));
    forget("a");
    ok(find(&p, store, "a"));
    forget("a/b/d");
    assert_int_equal(find(&p, store, "a"), -ENOENT);
    assert_int_equal(scratch_sql("SELECT count(*) FROM prefix WHERE held <> 0"), 0);

    /* What comes back is found by the same id, whether or not its row was kept. */
    publish(store, "a/b/d", 0703);
    ok(find(&p, store, "a/b/d"));
    uint8_t id[PREFIX_ID_SIZE];
    memcpy(id, p.id, sizeof id);
    forget("a/b/d");
    scratch_sql("DELETE FROM namespace WHERE NOT EXISTS (SELECT 1 FROM snapshot WHERE namespace = namespace.id)");
    assert_int_equal(scratch_sql("SELECT count(*) FROM prefix"), 0);
    publish(store, "a/b/d", 0704);
    ok(find(&p, store, "a/b/d"));
    assert_memory_equal(p.id, id, sizeof id);
    assert_true(p.namespace != 0);
    forget("a/b/d");
    store_close(store);
}

/* What moved since the last call: a bit for each path. */
static unsigned moved(struct store *store, uint64_t *times, const char *const *paths, size_t count)
{
    unsigned bits = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t time = mtime(store, paths[i]);

        assert_true(time >= times[i]);
        bits |= (unsigned)(time != times[i]) << i;
        times[i] = time;
    }
    return bits;
}

static void times_move_with_what_is_right_below(void **state)
{
    static const char *const paths[] = {"", "m", "m/a", "m/a/x"};
    struct store *store = scratch_store(STORE_CREATE);
    uint64_t times[4] = {0};
    (void)state;

    publish(store, "m/a/x", 0700);
    moved(store, times, paths, 4);
    assert_int_equal(moved(store, times, paths, 4), 0);
    publish(store, "m/a/x", 0701); /* a version */
    assert_int_equal(moved(store, times, paths, 4), 1 << 3);
    publish(store, "m/a/y", 0700); /* beside it */
    assert_int_equal(moved(store, times, paths, 4), 1 << 2);
    publish(store, "m", 0700); /* a version of what is above */
    assert_int_equal(moved(store, times, paths, 4), 1 << 1);
    publish(store, "other", 0700);
    assert_int_equal(moved(store, times, paths, 4), 1 << 0);
    forget("m/a/y");
    assert_int_equal(moved(store, times, paths, 4), 1 << 2);
    forget("m");
    assert_int_equal(moved(store, times, paths, 4), 1 << 1);
    forget("other");
    assert_int_equal(moved(store, times, paths, 4), 1 << 0);
    store_close(store);
}

struct visited {
    int64_t last;
    unsigned count;
};

static int count_prefix(void *arg, const struct namespace_prefix *prefix)
{
    struct visited *visited = arg;

    assert_true(prefix->number > visited->last);
    visited->last = prefix->number;
    return ++visited->count == 5;
}

static void listings_go_on_where_they_ended(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct visited visited = {0};
    struct namespace_prefix above;
    char name[16];
    (void)state;

    for (unsigned i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "l/%u", i);
        publish(store, name, 0700 + i);
    }
    forget("l/3");
    ok(find(&above, store, "l"));
    assert_int_equal(namespace_prefix_visit(store, above.id, 0, count_prefix, &visited, &err), 1);
    assert_int_equal(visited.count, 5);
    ok(namespace_prefix_visit(store, above.id, visited.last, count_prefix, &visited, &err));
    assert_int_equal(visited.count, 11);
    store_close(store);
}

static void older_stores_get_the_same_rows(void **state)
{
    static const char *const names[] = {"a",        "docker.io/library/nginx", "docker.io/library", "b\xff/\x80\xfe/c",
                                        "\xf0\x9f", "10.0.2.15/x:y@z",         "e/'; DROP TABLE"};
    struct store *store = scratch_store(STORE_CREATE);
    char deep[NAMESPACE_SIZE_MAX + 1];
    (void)state;

    memset(deep, '/', sizeof deep);
    for (size_t i = 0; i < sizeof deep; i += 2)
        deep[i] = 'd';
    deep[NAMESPACE_SIZE_MAX - 1] = '\0';
    publish(store, deep, 0700);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (unsigned j = 0; j <= i; j++)
            publish(store, names[i], 0700 + j);
    store_close(store);
    scratch_sql("CREATE TABLE remembered AS SELECT id, parent, name, namespace, held FROM prefix WHERE held > 0");
    int64_t rows = scratch_sql("SELECT count(*) FROM remembered");
    assert_true(rows > NAMESPACE_SIZE_MAX / 2);

    scratch_downgrade(5); /* the last one without prefixes */
    store = scratch_store(STORE_WRITE);
    assert_int_equal(scratch_sql("SELECT count(*) FROM prefix WHERE held > 0"), rows);
    assert_int_equal(scratch_sql("SELECT count(*) FROM (SELECT id, parent, name, namespace, held FROM prefix"
                                 " WHERE held > 0 EXCEPT SELECT * FROM remembered)"),
                     0);
    scratch_sql("DROP TABLE remembered");
    publish(store, "a", 0755);
    assert_int_equal(scratch_sql("SELECT held FROM prefix WHERE name = 'a' AND parent = x''"), 2);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefixes_come_and_go_with_snapshots),
        cmocka_unit_test(times_move_with_what_is_right_below),
        cmocka_unit_test(listings_go_on_where_they_ended),
        cmocka_unit_test(older_stores_get_the_same_rows),
    };

    return cmocka_run_group_tests(tests, NULL, scratch_tear_down);
}
