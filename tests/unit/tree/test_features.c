/* Visiting records: all of them in order, or those of one type. */
#include "tree/features.h"

#include "db/cut.h"
#include "tests/unit/ok.h"
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

/* Each type once, in order, an empty one too; no more than there is room for. */
static void types_are_told_apart(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct node_ref node = make(store), many;
    struct feature_types found = {0};
    struct cutter *cutter;
    char type[8] = "";
    size_t size;
    (void)state;

    ok(feature_types_get(&found, store, node.id, &err));
    assert_int_equal(found.count, TYPES);
    for (unsigned i = 0; i < TYPES; i++) {
        const char *name = feature_types_name(&size, &found, i);

        assert_int_equal(size, strlen(types[i]));
        assert_memory_equal(name, types[i], size);
    }
    ok(cutter_new(&cutter, store, NODE_FEATURES, &err));
    for (unsigned i = 0; i < FEATURE_TYPES_MAX + 50; i++) {
        if (i)
            snprintf(type, sizeof type, "t%03u", i);
        for (unsigned k = 0; k < 3; k++)
            ok(cutter_add_feature(
                cutter, &(struct feature){type, "k", &"0\0001\0002"[2 * k], (uint32_t)strlen(type), 1, 1}, &err));
    }
    ok(cutter_finish(&many, cutter, &err));
    cutter_free(cutter);
    ok(store_flush(store, &err));
    ok(feature_types_get(&found, store, many.id, &err));
    assert_int_equal(found.count, FEATURE_TYPES_MAX);
    feature_types_name(&size, &found, 0);
    assert_int_equal(size, 0);
    for (unsigned i = 1; i < FEATURE_TYPES_MAX; i++) {
        snprintf(type, sizeof type, "t%03u", i);
        assert_memory_equal(feature_types_name(&size, &found, i), type, 4);
        assert_int_equal(size, 4);
    }
    feature_types_free(&found);
    assert_true(feature_types_get(&found, store, INT64_MAX / 64, &err) < 0);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_come_in_order),
        cmocka_unit_test(one_type_comes_alone),
        cmocka_unit_test(a_visit_can_be_ended),
        cmocka_unit_test(types_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, scratch_tear_down);
}
