/* Histories: what a time means, what versions are called, and that each is found by its name. */
#include "db/history.h"

#include "tests/unit/ok.h"
#include "tests/unit/scratch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void publish(struct snapshot *snapshot, struct store *store, const char *namespace, const char *time,
                    unsigned mode)
{
    bool is_new;

    *snapshot = (struct snapshot){.namespace = namespace, .time = scratch_time(time), .format = "dir"};
    scratch_snapshot(snapshot, store, mode);
    ok(snapshot_publish(&is_new, snapshot, store, &err));
    assert_true(is_new);
}

static void names_are_told_from_components(void **state)
{
    static const struct {
        const char *name;
        bool is_name;
    } table[] = {
        {"latest", true},
        {"2017", true},
        {"2017-03-11", true},
        {"2017-03-11T17:04:42Z", true},
        {"2017-03-11 17:04:42.5+01:00", true},
        {"2017-03-11T17:04:42Z.0123abcd", true},
        {"Latest", false},
        {"latest.", false},
        {"10.0.2.15", false},
        {"20170311", false},
        {"2017-02-30", false},
        {"2017-03-11T17:04:42Z.0123abc", false},
        {"2017-03-11T17:04:42Z.0123abcg", false},
        {"2017-03-11T17:04:42Z.0123ABCD", false}, /* as versions are not called */
        {"2017-03-11T17:04:42+00:00.0123abcd", false},
        {".0123abcd", false},
        {"Z.0123abcd", false},
        {"", false},
    };
    (void)state;

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (history_is_name(table[i].name, strlen(table[i].name)) != table[i].is_name)
            fail_msg("\"%s\"", table[i].name);
}

static void expect_newest(struct store *store, int64_t namespace, const char *text, const struct snapshot *expected)
{
    struct version version;
    uint64_t time;

    assert_true(history_time(&time, text, strlen(text)));
    int found = history_newest(&version, store, namespace, time, &err);
    if (found != (expected ? 0 : -ENOENT) || (expected && version.number != expected->number))
        fail_msg("%s: %d, number %lld", text, found, (long long)version.number);
}

static void the_newest_not_after_a_time_is_found(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct snapshot old, first, second, new, other;
    int64_t namespace;
    (void)state;

    publish(&new, store, "newest", "2020-05-01T00:00:00Z", 0700);
    publish(&first, store, "newest", "2020-03-01T12:00:00Z", 0701);
    publish(&second, store, "newest", "2020-03-01T12:00:00Z", 0702);
    publish(&old, store, "newest", "2019-12-31T23:59:59.5Z", 0703);
    publish(&other, store, "newest/other", "2020-03-02T00:00:00Z", 0704);
    assert_int_equal(history_namespace(&namespace, store, "newes", 5, &err), -ENOENT);
    ok(history_namespace(&namespace, store, "newest", 6, &err));
    expect_newest(store, namespace, "latest", &new);
    expect_newest(store, namespace, "2106", &new);
    expect_newest(store, namespace, "2020-05-01", &new);
    expect_newest(store, namespace, "2020-04", &second);
    expect_newest(store, namespace, "2020-03-01T13:00:00+01:00", &second);
    expect_newest(store, namespace, "2020-03-01T12:59:59+01:00", &old);
    expect_newest(store, namespace, "2019-12-31T23:59:59", &old);
    expect_newest(store, namespace, "2019-12-31T23:59:59.4Z", NULL);
    expect_newest(store, namespace, "2018", NULL);
    store_close(store);
}

struct seen {
    struct store *store;
    int64_t namespace;
    unsigned count, current;
    int64_t last;
};

/* Each one is found by the name that it is shown with. */
static int see(void *arg, const struct version *version)
{
    struct seen *seen = arg;
    struct version found;
    char name[VERSION_NAME_SIZE];

    version_name(name, version);
    ok(history_find(&found, seen->store, seen->namespace, name, strlen(name), &err));
    assert_int_equal(found.number, version->number);
    assert_memory_equal(found.id, version->id, SNAPSHOT_ID_SIZE);
    assert_true(found.current == version->current);
    assert_true(version->number > seen->last);
    seen->last = version->number;
    seen->count++;
    seen->current += version->current;
    return 0;
}

static void versions_of_one_time_are_told_apart(void **state)
{
    enum { ONE_TIME = 20 };
    struct store *store = scratch_store(STORE_CREATE);
    struct seen seen = {store, .count = 0};
    struct snapshot s;
    struct version v;
    char name[VERSION_NAME_SIZE];
    (void)state;

    for (unsigned i = 0; i < ONE_TIME; i++)
        publish(&s, store, "revised", "2020-03-01T12:00:00Z", 0600 + i);
    publish(&s, store, "revised", "2020-03-01T12:00:00.000000001Z", 0500);
    ok(history_namespace(&seen.namespace, store, "revised", 7, &err));
    ok(history_visit(store, seen.namespace, 0, see, &seen, &err));
    assert_int_equal(seen.count, ONE_TIME + 1);
    assert_int_equal(seen.current, 2);
    seen.count = 0;
    ok(history_visit(store, seen.namespace, seen.last = s.number - 3, see, &seen, &err));
    assert_int_equal(seen.count, 3);

    ok(history_find(&v, store, seen.namespace, "2020-03-01T12:00:00Z", 20, &err));
    assert_int_equal(v.number, s.number - 1);
    static const char *const none[] = {"2020-03-01T12:00:01Z",   "2020-03-01T12:00:00z",
                                       "2020-03-01T12:00:00.0Z", "2020-03-01T12:00:00Z.00000000",
                                       "2020-03-01T12:00:00",    "latest"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (history_find(&v, store, seen.namespace, none[i], strlen(none[i]), &err) != -ENOENT)
            fail_msg("%s", none[i]);
    /* Another time's name does not lead to it, nor another namespace's. */
    ok(history_find(&v, store, seen.namespace, "2020-03-01T12:00:00Z", 20, &err));
    v.current = false, v.time++;
    version_name(name, &v);
    assert_int_equal(history_find(&v, store, seen.namespace, name, strlen(name), &err), -ENOENT);
    v.time--;
    version_name(name, &v);
    assert_int_equal(history_find(&v, store, seen.namespace + 1, name, strlen(name), &err), -ENOENT);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_told_from_components),
        cmocka_unit_test(the_newest_not_after_a_time_is_found),
        cmocka_unit_test(versions_of_one_time_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, scratch_tear_down);
}
