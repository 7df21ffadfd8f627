/* Cutting directories into nodes: how big they get, that a change stays where it is, and that names which were chosen
 * to be cut always or never do no harm. */
#include "db/cut.h"

#include "base/cleanup.h"
#include "tests/unit/ok.h"
#include "tests/unit/scratch.h"
#include "tree/features.h"
#include "tree/reader.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MANY 100000
#define CHOSEN 4096     /* names that an attacker searched */
#define NAME_ROOM 24    /* bytes of a name in these tests, with NUL */
#define LIKELY_MAX 5    /* levels that 100,000 entries need, at 16 a node, with one to spare */
#define LEVELS_BOUND 33 /* what cut.c promises for 2^31 entries */

static int64_t rows_of(struct store *store, const char *table)
{
    char sql[64];

    ok(store_flush(store, &err));
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    return scratch_sql(sql);
}

/* --- Directories -------------------------------------------------------------------------------------------------- */

typedef char name_text[NAME_ROOM];

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void write_names(struct node_ref *out, struct cutter *cutter, const name_text *names, size_t count)
{
    static const struct entry_digests none;

    for (size_t i = 0; i < count; i++) {
        struct entry entry = {
            .name = names[i], .name_size = (uint16_t)strlen(names[i]), .mode = S_IFREG | 0644, .flags = ENTRY_ABSENT};

        ok(cutter_add_entry(cutter, &entry, &none, &err));
    }
    ok(cutter_finish(out, cutter, &err));
}

static name_text *many_names(size_t count)
{
    name_text *names = calloc(count, sizeof *names);

    assert_non_null(names);
    for (size_t i = 0; i < count; i++)
        snprintf(names[i], sizeof *names, "file-%zu", i);
    qsort(names, count, sizeof *names, compare_names);
    return names;
}

/* Every name of a directory is found again: by name, and by its ordinal. */
static void find_all(struct store *store, const struct node_ref *directory, const name_text *names, size_t count)
{
    struct entry dir = {.name = "",
                        .mode = S_IFDIR | 0755,
                        .size = ENTRY_DIRECTORY_SIZE,
                        .subtree = directory->id,
                        .below = directory->counts};
    struct entry_digests digests = {.subtree = directory->digest};
    struct node_ref root;
    struct cutter *cutter;
    struct tree_cache *cache;
    struct tree_reader *reader;
    struct tree_place top, place;

    ok(cutter_new(&cutter, store, NODE_TREE, &err));
    ok(cutter_add_entry(cutter, &dir, &digests, &err));
    ok(cutter_finish(&root, cutter, &err));
    cutter_free(cutter);
    ok(tree_cache_new(&cache, TREE_CACHE_DEFAULT, &err));
    ok(tree_reader_new(&reader, store, cache, &err));
    ok(tree_find(&top, reader, (struct tree){.root = root.id}, 0, &err));
    for (size_t i = 0; i < count; i++) {
        ok(tree_lookup(&place, reader, &top, names[i], strlen(names[i]), &err));
        assert_int_equal(place.rank, i + 1);
        ok(tree_find(&place, reader, (struct tree){.root = root.id}, (uint32_t)i + 1, &err));
        assert_memory_equal(place.entry->name, names[i], place.entry->name_size);
    }
    assert_int_equal(tree_find(&place, reader, (struct tree){.root = root.id}, (uint32_t)count + 1, &err), -ENOENT);
    tree_reader_free(reader);
    tree_cache_free(cache);
}

static void nodes_are_of_middling_size(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    cleanup_free name_text *names = many_names(MANY);
    struct node_ref node;
    struct cutter *cutter;
    (void)state;

    ok(cutter_new(&cutter, store, NODE_TREE, &err));
    write_names(&node, cutter, names, MANY);
    cutter_free(cutter);
    assert_int_equal(node.counts.entries, MANY);
    assert_int_equal(rows_of(store, "entry"), MANY);
    assert_in_range(scratch_sql("SELECT max(count) FROM node"), 1, NODE_ITEMS_MAX);
    assert_in_range(scratch_sql("SELECT max(level) FROM node"), 3, LIKELY_MAX);
    assert_in_range(scratch_sql("SELECT count(*) FROM node WHERE level = 0"), MANY / 20, MANY / 12);
    assert_in_range(scratch_sql("SELECT count(*) FROM node WHERE level = 1"), MANY / 20 / 20, MANY / 12 / 12);
    store_close(store);
}

/* The store of the test before is used: what it holds is not written again. */
static void a_change_stays_where_it_is(void **state)
{
    struct store *store = scratch_store(STORE_WRITE);
    cleanup_free name_text *names = many_names(MANY);
    struct node_ref node;
    struct cutter *cutter;
    (void)state;

    ok(cutter_new(&cutter, store, NODE_TREE, &err));
    int64_t before = rows_of(store, "node");
    write_names(&node, cutter, names, MANY);
    assert_int_equal(rows_of(store, "node"), before);
    for (size_t i = 1; i < MANY; i += MANY / 50) {
        before = rows_of(store, "node");
        name_text kept;

        memcpy(kept, names[i], sizeof kept);
        memcpy(names[i], names[i - 1], sizeof *names);
        strcat(names[i], "!"); /* behind its neighbour, before that with a digit more */
        write_names(&node, cutter, names, MANY);
        memcpy(names[i], kept, sizeof kept);
        /* One node a level; a cut that comes or goes makes two of one, or one of two, and so on each level. */
        assert_in_range(rows_of(store, "node") - before, 1, 2 * (LIKELY_MAX + 1));
    }
    cutter_free(cutter);
    store_close(store);
}

/* Where a directory is cut depends on its names only, not on what the cutter did before or what the store holds. */
static void cuts_have_no_history(void **state)
{
    struct store *store = scratch_store(STORE_WRITE);
    cleanup_free name_text *names = many_names(5000);
    struct node_ref first, other, again;
    struct cutter *cutter;
    (void)state;

    ok(cutter_new(&cutter, store, NODE_TREE, &err));
    write_names(&first, cutter, names, 5000);
    write_names(&other, cutter, names + 1, 4000);
    write_names(&again, cutter, names, 5000);
    cutter_free(cutter);
    assert_true(digest_equal(&first.digest, &again.digest));
    assert_int_equal(first.id, again.id);
    assert_false(digest_equal(&first.digest, &other.digest));
    store_close(store);
}

/* --- Names that were chosen --------------------------------------------------------------------------------------- */

/* The rule of doc/FORMAT.md, written a second time. */
static bool says_cut(struct sha256 *sha, uint8_t level, const char *name)
{
    struct digest digest;

    sha256_add(sha, &level, 1);
    sha256_add(sha, name, strlen(name));
    sha256_final(&digest, sha);
    return (digest.bytes[DIGEST_SIZE - 1] & 15) == 0;
}

/* Names that cut (or do not) at the levels 0 to `levels` - 1. */
static name_text *chosen_names(bool cut, unsigned levels)
{
    name_text *names = calloc(CHOSEN, sizeof *names);
    struct sha256 *sha = sha256_new();
    size_t found = 0;

    assert_non_null(names);
    for (unsigned long i = 0; found < CHOSEN; i++) {
        bool fits = true;

        snprintf(names[found], sizeof *names, "%lu", i);
        for (unsigned level = 0; level < levels && fits; level++)
            fits = says_cut(sha, (uint8_t)level, names[found]) == cut;
        found += fits;
    }
    sha256_free(sha);
    qsort(names, CHOSEN, sizeof *names, compare_names);
    return names;
}

static void names_that_never_cut(void **state)
{
    struct store *store = scratch_store(STORE_WRITE);
    cleanup_free name_text *names = chosen_names(false, 2);
    struct node_ref node;
    struct cutter *cutter;
    (void)state;

    int64_t before = rows_of(store, "node");
    ok(cutter_new(&cutter, store, NODE_TREE, &err));
    write_names(&node, cutter, names, CHOSEN);
    cutter_free(cutter);
    /* Full nodes only: 4096 = 64 * 64. */
    assert_int_equal(rows_of(store, "node") - before, CHOSEN / NODE_ITEMS_MAX + 1);
    find_all(store, &node, names, CHOSEN);
    store_close(store);
}

/* Each name cuts at the lowest two levels (one in 256 names does): leaves of one entry, lists of two leaves. */
static void names_that_always_cut(void **state)
{
    struct store *store = scratch_store(STORE_WRITE);
    cleanup_free name_text *names = chosen_names(true, 2);
    struct node_ref node;
    struct cutter *cutter;
    (void)state;

    int64_t before = rows_of(store, "node");
    ok(cutter_new(&cutter, store, NODE_TREE, &err));
    write_names(&node, cutter, names, CHOSEN);
    cutter_free(cutter);
    assert_in_range(rows_of(store, "node") - before, CHOSEN + CHOSEN / 2, 2 * CHOSEN);
    assert_in_range(scratch_sql("SELECT max(level) FROM node"), 3, LEVELS_BOUND);
    assert_int_equal(scratch_sql("SELECT count(*) FROM node WHERE level > 0 AND count < 2"), 0);
    find_all(store, &node, names, CHOSEN);
    store_close(store);
}

/* --- Items and bytes ---------------------------------------------------------------------------------------------- */

static void sixty_four_fit(void **state)
{
    struct store *store = scratch_store(STORE_WRITE);
    cleanup_free name_text *names = chosen_names(false, 1);
    struct node_ref node;
    struct cutter *cutter;
    (void)state;

    ok(cutter_new(&cutter, store, NODE_TREE, &err));
    write_names(&node, cutter, names, NODE_ITEMS_MAX);
    ok(store_flush(store, &err));
    char sql[96];
    snprintf(sql, sizeof sql, "SELECT level * 1000 + count FROM node WHERE id = %lld", (long long)node.id);
    assert_int_equal(scratch_sql(sql), NODE_ITEMS_MAX);
    write_names(&node, cutter, names, NODE_ITEMS_MAX + 1);
    ok(store_flush(store, &err));
    snprintf(sql, sizeof sql, "SELECT level * 1000 + count FROM node WHERE id = %lld", (long long)node.id);
    assert_int_equal(scratch_sql(sql), 1002);
    cutter_free(cutter);
    store_close(store);
}

static int add_size(void *arg, const struct feature *feature)
{
    *(size_t *)arg += feature->value_size;
    return 0;
}

/* A node ends when its texts reach 1 MiB, so that 64 values of 64 MiB are never held at once. */
static void big_values_end_a_node(void **state)
{
    struct store *store = scratch_store(STORE_WRITE);
    size_t size = (1u << 20) - 64, total = 0;
    cleanup_free char *value = malloc(size);
    struct node_ref node;
    struct cutter *cutter;
    char key[8];
    (void)state;

    assert_non_null(value);
    memset(value, '7', size);
    int64_t before = rows_of(store, "node");
    ok(cutter_new(&cutter, store, NODE_FEATURES, &err));
    for (int i = 0; i < 12; i++) {
        snprintf(key, sizeof key, "%02d", i);
        struct feature feature = {"t", key, value, 1, (uint32_t)strlen(key), (uint32_t)size};
        ok(cutter_add_feature(cutter, &feature, &err));
    }
    ok(cutter_finish(&node, cutter, &err));
    cutter_free(cutter);
    /* Two values are more than 1 MiB, so leaves hold two at most; above them one list. */
    assert_in_range(rows_of(store, "node") - before, 6 + 1, 12 + 1 + 1);
    assert_in_range(scratch_sql("SELECT max(count) FROM node WHERE kind = 3 AND level = 0"), 1, 2);
    ok(features_visit(store, node.id, "t", add_size, &total, &err));
    assert_int_equal(total, 12 * size);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_are_of_middling_size), cmocka_unit_test(a_change_stays_where_it_is),
        cmocka_unit_test(cuts_have_no_history),       cmocka_unit_test(names_that_never_cut),
        cmocka_unit_test(names_that_always_cut),      cmocka_unit_test(sixty_four_fit),
        cmocka_unit_test(big_values_end_a_node),
    };

    return cmocka_run_group_tests(tests, NULL, scratch_tear_down);
}
