/* Snapshots: what their ids depend on, publishing twice, finding by what people type, the order of history, names. */
#include "db/snapshot.h"

#include "tests/unit/ok.h"
#include "tests/unit/scratch.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void make(struct snapshot *snapshot, struct store *store, const char *namespace, const char *time, unsigned mode)
{
    *snapshot = (struct snapshot){.namespace = namespace, .time = scratch_time(time), .format = "dir"};
    scratch_snapshot(snapshot, store, mode);
}

static bool publish(struct snapshot *snapshot, struct store *store, const char *namespace, const char *time,
                    unsigned mode)
{
    bool is_new;

    make(snapshot, store, namespace, time, mode);
    ok(snapshot_publish(&is_new, snapshot, store, &err));
    return is_new;
}

static void ids_depend_on_what_they_name(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct snapshot first, s;
    uint8_t expected[SNAPSHOT_ID_SIZE], id[SNAPSHOT_ID_SIZE];
    (void)state;

    make(&first, store, "ids", "2020-01-01T00:00:00Z", 0755);
    snapshot_compute_id(expected, &first);
    s = first;
    s.number = 7, s.imported = 8, s.partial = true, s.frame = 9, s.format = "tar", s.root.id = 10;
    snapshot_compute_id(id, &s);
    assert_memory_equal(id, expected, sizeof id);
#define DIFFERS(change)                                                                                                \
    do {                                                                                                               \
        s = first;                                                                                                     \
        change;                                                                                                        \
        snapshot_compute_id(id, &s);                                                                                   \
        assert_memory_not_equal(id, expected, sizeof id);                                                              \
    } while (0)
    DIFFERS(s.namespace = "idz");
    DIFFERS(s.time++);
    DIFFERS(s.has_source = true);
    DIFFERS(s.root.digest.bytes[31] ^= 1);
    DIFFERS(s.links.digest.bytes[0] ^= 1);
    DIFFERS(s.features.digest.bytes[5] ^= 1);
#undef DIFFERS
    store_rollback(store);
    store_close(store);
}

static void the_same_is_published_once(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct snapshot first, again, other;
    (void)state;

    assert_true(publish(&first, store, "once", "2020-01-01T00:00:00Z", 0755));
    /* Another time of the same source and tree is the same capture: the first one's id, time and number. */
    assert_false(publish(&again, store, "once", "2021-01-01T00:00:00Z", 0755));
    assert_memory_equal(again.id, first.id, SNAPSHOT_ID_SIZE);
    assert_int_equal(again.number, first.number);
    assert_int_equal(again.time, first.time);
    assert_int_equal(again.imported, first.imported);
    assert_true(publish(&other, store, "twice", "2020-01-01T00:00:00Z", 0755));
    assert_memory_not_equal(other.id, first.id, SNAPSHOT_ID_SIZE);
    assert_true(publish(&other, store, "once", "2020-01-01T00:00:00Z", 0700));
    assert_true(other.number > first.number);
    store_close(store);
}

#define RACERS 4
#define RACES 20

static void *race(void *arg)
{
    struct store *store = scratch_store(STORE_WRITE);
    unsigned *published = arg;
    struct snapshot s;
    char name[16];

    for (int i = 0; i < RACES; i++) {
        snprintf(name, sizeof name, "race/%d", i);
        *published += publish(&s, store, name, "2020-01-01T00:00:00Z", 0500u + (unsigned)i);
    }
    store_close(store);
    return NULL;
}

static void racing_writers_publish_once(void **state)
{
    pthread_t threads[RACERS];
    unsigned published[RACERS] = {0}, sum = 0;
    (void)state;

    for (int i = 0; i < RACERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race, &published[i]), 0);
    for (int i = 0; i < RACERS; i++) {
        pthread_join(threads[i], NULL);
        sum += published[i];
    }
    assert_int_equal(sum, RACES);
}

static void expect_refusal(struct store *store, const char *text, const char *why)
{
    struct snapshot s;

    assert_int_equal(snapshot_resolve(&s, store, text, &err), -EBADMSG);
    assert_int_equal(err.code, EXIT_INPUT);
    if (!strstr(err.text, why))
        fail_msg("%s: \"%s\" does not say \"%s\"", text, err.text, why);
}

static void expect_number(struct store *store, const char *text, int64_t number)
{
    struct snapshot s;

    ok(snapshot_resolve(&s, store, text, &err));
    if (s.number != number)
        fail_msg("%s is number %lld, not %lld", text, (long long)s.number, (long long)number);
}

static void what_people_type_is_resolved(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct snapshot old, middle, revision, new, mail;
    char id[SNAPSHOT_ID_HEX_SIZE], text[64];
    (void)state;

    publish(&middle, store, "h/x", "2017-03-11T17:04:42Z", 0711);
    publish(&old, store, "h/x", "2017-02-28T23:59:59.5Z", 0710);
    publish(&new, store, "h/x", "2018-01-01T00:00:00Z", 0712);
    publish(&revision, store, "h/x", "2017-03-11T17:04:42Z", 0713);
    publish(&mail, store, "a@b", "2017-01-01T00:00:00Z", 0714);
    expect_number(store, "h/x@latest", new.number);
    expect_number(store, "h/x@2018", new.number);
    expect_number(store, "h/x@2017", revision.number);
    expect_number(store, "h/x@2017-03", revision.number);
    expect_number(store, "h/x@2017-03-11", revision.number);
    expect_number(store, "h/x@2017-03-10", old.number);
    expect_number(store, "h/x@2017-03-11T17:04", revision.number);
    expect_number(store, "h/x@2017-03-11T17:03", old.number);
    expect_number(store, "h/x@2017-02-28T23:59:59Z", old.number); /* a second without fraction: its last instant */
    expect_number(store, "h/x@2017-02-28T23:59:59.5Z", old.number);
    expect_number(store, "a@b@latest", mail.number);
    hex_encode(id, new.id, SNAPSHOT_ID_SIZE);
    for (int digits = SNAPSHOT_PREFIX_MIN; digits <= 2 * SNAPSHOT_ID_SIZE; digits++) {
        snprintf(text, sizeof text, "%.*s", digits, id);
        expect_number(store, text, new.number);
    }
    snprintf(text, sizeof text, "%.7s", id);
    expect_refusal(store, text, "at least 8");
    snprintf(text, sizeof text, "%s0", id);
    expect_refusal(store, text, "32 hex digits");
    id[31] = id[31] == '0' ? '1' : '0';
    expect_refusal(store, id, "no snapshot has the id");
    expect_refusal(store, "", "is no snapshot");
    expect_refusal(store, "0123456g", "is no snapshot");
    expect_refusal(store, "h/x@2017-02-28T23:59:58Z", "is that old");
    expect_refusal(store, "h/x@", "neither");
    expect_refusal(store, "h/x@last", "neither");
    expect_refusal(store, "h/x@2017-13", "neither");
    expect_refusal(store, "h@latest", "is here");
    expect_refusal(store, "@latest", "is here");
    store_close(store);
}

/* Ids cannot be chosen, but rows can: two that begin alike. */
static void an_ambiguous_prefix_lists_both(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct snapshot s;
    char text[64], id[SNAPSHOT_ID_HEX_SIZE];
    (void)state;

    publish(&s, store, "like", "2020-01-01T00:00:00Z", 0755);
    hex_encode(id, s.id, SNAPSHOT_ID_SIZE);
    scratch_sql(
        "INSERT INTO snapshot (id, namespace, time, imported, format, partial, root, links, features)"
        " SELECT CAST(substr(id, 1, 12) || x'00000000' AS BLOB), namespace, time, imported, format, partial,"
        " root, links, features FROM snapshot WHERE namespace = (SELECT id FROM namespace WHERE name = 'like')");
    snprintf(text, sizeof text, "%.24s", id);
    expect_refusal(store, text, "ambiguous");
    assert_non_null(strstr(err.text, id));
    assert_non_null(strstr(err.text, "00000000 (like 2020-01-01T00:00:00Z)"));
    expect_number(store, id, s.number);
    store_close(store);
}

struct history {
    int64_t numbers[8];
    size_t count;
};

static int note(void *arg, const struct snapshot *snapshot)
{
    struct history *h = arg;

    if (h->count < 8)
        h->numbers[h->count++] = snapshot->number;
    return 0;
}

static int stop_at_second(void *arg, const struct snapshot *snapshot)
{
    note(arg, snapshot);
    return ((struct history *)arg)->count == 2 ? 5 : 0;
}

static void history_is_by_time_then_number(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct snapshot a, b, c, d;
    struct history h = {0}, all = {0};
    (void)state;

    publish(&a, store, "hist", "2020-01-02T00:00:00Z", 0701);
    publish(&b, store, "hist", "2020-01-01T00:00:00Z", 0702);
    publish(&c, store, "hist", "2020-01-02T00:00:00Z", 0703);
    publish(&d, store, "hist/deeper", "2020-01-03T00:00:00Z", 0703);
    ok(snapshot_visit_history(store, "hist", note, &h, &err));
    assert_int_equal(h.count, 3);
    assert_int_equal(h.numbers[0], c.number);
    assert_int_equal(h.numbers[1], a.number);
    assert_int_equal(h.numbers[2], b.number);
    assert_int_equal(snapshot_visit_history(store, NULL, stop_at_second, &all, &err), 5);
    assert_int_equal(all.count, 2);
    h.count = 0;
    ok(snapshot_visit(store, b.number, note, &h, &err));
    assert_int_equal(h.count, 2);
    assert_int_equal(h.numbers[0], c.number);
    assert_int_equal(h.numbers[1], d.number);
    store_close(store);
}

static void names_are_checked(void **state)
{
    static const struct {
        const char *name;
        size_t size; /* 0: to the NUL */
        bool good;
    } names[] = {
        {"a", 0, true},
        {"10.0.2.15/wizardly_yonath", 0, true},
        {"docker.io/library/nginx", 0, true},
        {"...", 0, true},
        {"a b@c:\xff", 0, true},
        {"latest", 0, true},
        {"~x", 0, true},
        {"2017-03-11", 0, true},
        {"", 0, false},
        {"/a", 0, false},
        {"a/", 0, false},
        {"a//b", 0, false},
        {".", 0, false},
        {"..", 0, false},
        {"a/./b", 0, false},
        {"a/..", 0, false},
        {"../a", 0, false},
        {"a\0b", 3, false},
    };
    char long_name[NAMESPACE_SIZE_MAX + 2];
    (void)state;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t size = names[i].size ? names[i].size : strlen(names[i].name);

        if ((namespace_check(names[i].name, size, &err) == 0) != names[i].good)
            fail_msg("namespace \"%s\"", names[i].name);
    }
    memset(long_name, 'n', sizeof long_name);
    assert_int_equal(namespace_check(long_name, NAMESPACE_COMPONENT_MAX, &err), 0);
    assert_int_equal(namespace_check(long_name, NAMESPACE_COMPONENT_MAX + 1, &err), -EBADMSG);
    for (size_t i = NAMESPACE_COMPONENT_MAX; i < sizeof long_name; i += NAMESPACE_COMPONENT_MAX + 1)
        long_name[i] = '/';
    assert_int_equal(namespace_check(long_name, NAMESPACE_SIZE_MAX, &err), 0);
    assert_int_equal(namespace_check(long_name, NAMESPACE_SIZE_MAX + 1, &err), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_depend_on_what_they_name),
        cmocka_unit_test(the_same_is_published_once),
        cmocka_unit_test(racing_writers_publish_once),
        cmocka_unit_test(what_people_type_is_resolved),
        cmocka_unit_test(an_ambiguous_prefix_lists_both),
        cmocka_unit_test(history_is_by_time_then_number),
        cmocka_unit_test(names_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, scratch_tear_down);
}
