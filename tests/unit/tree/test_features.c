/* Visiting records: all of them in order, or those of one type. */
#include "tree/features.h"

#include "db/cut.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define EACH 700 /* records of each type: several nodes */

static const char *const types[] = {"a", "ab", "file", "fil\xff", "os", "~note"};
#define TYPES (sizeof types / sizeof *types)

static struct error err;

static void ok(int result)
{
    if (result < 0)
        fail_msg("%d: %s", result, err.text);
}

/* Records of all types; keys hold bytes of any kind and repeat, with other values. */
static struct node_ref make(struct store *store)
{
    struct node_ref node;
    struct cutter *cutter;

    ok(cutter_new(&cutter, store, NODE_FEATURES, &err));
    for (size_t i = 0; i < TYPES * EACH; i++) {
        const char *type = types[i / EACH];
        char key[16], value[32];
        int key_size = snprintf(key, sizeof key, "%04zu%c\xfe", i % EACH / 2, 0);
        int size = snprintf(value, sizeof value, "{\"n\":%zu}", i % EACH);

        ok(cutter_add_feature(
            cutter, &(struct feature){type, key, value, (uint32_t)strlen(type), (uint32_t)key_size, (uint32_t)size},
            &err));
    }
    ok(cutter_finish(&node, cutter, &err));
    cutter_free(cutter);
    ok(store_flush(store, &err));
    return node;
}

struct seen {
    size_t counts[TYPES], total;
};

static int see(void *arg, const struct feature *feature)
{
    struct seen *seen = arg;
    char value[32];
    size_t t = 0;

    while (strlen(types[t]) != feature->type_size || memcmp(types[t], feature->type, feature->type_size) != 0)
        assert_true(++t < TYPES);
    assert_int_equal(feature->value_size, snprintf(value, sizeof value, "{\"n\":%zu}", seen->counts[t]++));
    assert_memory_equal(feature->value, value, feature->value_size);
    assert_int_equal(feature->key_size, 6);
    assert_memory_equal(feature->key + 4, "\0\xfe", 2);
    seen->total++;
    return 0;
}

static void all_come_in_order(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct node_ref node = make(store);
    struct seen seen = {0};
    (void)state;

    assert_int_equal(node.counts.entries, EACH * TYPES);
    ok(features_visit(store, node.id, NULL, see, &seen, &err));
    for (size_t t = 0; t < TYPES; t++)
        assert_int_equal(seen.counts[t], EACH);
    store_close(store);
}

static void one_type_comes_alone(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct node_ref node = make(store);
    struct seen none = {0};
    (void)state;

    for (size_t t = 0; t < TYPES; t++) {
        struct seen seen = {0};

        ok(features_visit(store, node.id, types[t], see, &seen, &err));
        assert_int_equal(seen.counts[t], EACH);
        assert_int_equal(seen.total, EACH);
    }
    ok(features_visit(store, node.id, "f", see, &none, &err));
    ok(features_visit(store, node.id, "", see, &none, &err));
    ok(features_visit(store, node.id, "zzz", see, &none, &err));
    assert_int_equal(none.total, 0);
    store_close(store);
}

static int stop(void *arg, const struct feature *feature)
{
    (void)feature;
    return ++*(int *)arg == 1000 ? 42 : 0;
}

static void a_visit_can_be_ended(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct node_ref node = make(store), empty;
    struct seen none = {0};
    int count = 0;
    (void)state;

    assert_int_equal(features_visit(store, node.id, NULL, stop, &count, &err), 42);
    assert_int_equal(count, 1000);
    ok(node_empty(&empty, store, NODE_FEATURES, &err));
    ok(features_visit(store, empty.id, NULL, see, &none, &err));
    assert_int_equal(none.total, 0);
    assert_true(features_visit(store, INT64_MAX / 64, NULL, see, &none, &err) < 0);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_come_in_order),
        cmocka_unit_test(one_type_comes_alone),
        cmocka_unit_test(a_visit_can_be_ended),
    };

    return cmocka_run_group_tests(tests, NULL, scratch_tear_down);
}
