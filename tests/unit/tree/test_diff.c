/* What changed between trees of very many names: that the cost follows the change, and what hostile names do to it;
 * going on in the middle of a directory; bounds. Every kind of change is tests/e2e/diff.py's. */
#include "tree/diff.h"

#include "db/blob.h"
#include "db/cut.h"
#include "db/sql.h"
#include "tests/unit/ok.h"
#include "tests/unit/scratch.h"
#include "tree/feature_diff.h"
#include "tree/members.h"
#include "tree/merge.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NAME_SIZE 24
#define CUT_MASK 15u /* doc/FORMAT.md: where the last byte of a hash says so */

static struct store *store;
static struct tree_cache *cache;
static struct tree_reader *reader;

static int set_up(void **state)
{
    (void)state;
    store = scratch_store(STORE_CREATE);
    ok(tree_cache_new(&cache, TREE_CACHE_DEFAULT, &err));
    ok(tree_reader_new(&reader, store, cache, &err));
    return 0;
}

static int tear_down(void **state)
{
    tree_reader_free(reader);
    tree_cache_free(cache);
    store_close(store);
    return scratch_tear_down(state);
}

/* Nothing of what was read before is in memory any more. */
static void forget(void)
{
    tree_reader_free(reader);
    tree_cache_free(cache);
    ok(tree_cache_new(&cache, TREE_CACHE_DEFAULT, &err));
    ok(tree_reader_new(&reader, store, cache, &err));
}

/* --- Directories of very many names ------------------------------------------------------------------------------- */

typedef void (*name_of)(char out[NAME_SIZE], unsigned i);

static void plain_name(char out[NAME_SIZE], unsigned i)
{
    snprintf(out, NAME_SIZE, "f%07u", i);
}

static bool cuts(const char *name, uint8_t level)
{
    struct sha256 *sha = sha256_new();
    struct digest digest;

    sha256_add(sha, &level, 1);
    sha256_add(sha, name, strlen(name));
    sha256_final(&digest, sha);
    sha256_free(sha);
    return (digest.bytes[DIGEST_SIZE - 1] & CUT_MASK) == 0;
}

/* A name that cuts no node of the first three levels. */
static void smooth_name(char out[NAME_SIZE], unsigned i)
{
    for (unsigned try = 0;; try++) {
        snprintf(out, NAME_SIZE, "s%07u.%u", i, try);
        if (!cuts(out, 0) && !cuts(out, 1) && !cuts(out, 2))
            return;
    }
}

static void root_of(struct tree *tree, const struct node_ref *names)
{
    struct entry root = {.name = "", .mode = S_IFDIR | 0755, .size = ENTRY_DIRECTORY_SIZE, .subtree = names->id};
    struct entry_digests digests = {.subtree = names->digest};
    struct node_ref node;
    struct cutter *cutter;

    root.below = names->counts;
    ok(cutter_new(&cutter, store, NODE_TREE, &err));
    ok(cutter_add_entry(cutter, &root, &digests, &err));
    ok(cutter_finish(&node, cutter, &err));
    cutter_free(cutter);
    *tree = (struct tree){.root = node.id};
}

/* `count` files from number `first` on, of which every `step`-th has another mode. */
static struct tree flat(name_of name, unsigned first, unsigned count, unsigned step, unsigned mode)
{
    static const struct entry_digests none;
    struct node_ref names;
    struct cutter *cutter;
    struct tree tree;

    ok(cutter_new(&cutter, store, NODE_TREE, &err));
    for (unsigned i = first; i < first + count; i++) {
        char text[NAME_SIZE];
        struct entry entry = {.name = text, .mode = S_IFREG | (i % step ? 0644 : mode), .flags = ENTRY_ABSENT};

        name(text, i);
        entry.name_size = (uint16_t)strlen(text);
        ok(cutter_add_entry(cutter, &entry, &none, &err));
    }
    ok(cutter_finish(&names, cutter, &err));
    cutter_free(cutter);
    root_of(&tree, &names);
    ok(store_flush(store, &err));
    return tree;
}

static int count_step(void *arg, const struct diff_step *step)
{
    unsigned *counts = arg;

    counts[step->change]++;
    return 0;
}

static int count_statement(unsigned type, void *arg, void *statement, void *text)
{
    (void)type, (void)statement, (void)text;
    ++*(unsigned *)arg;
    return 0;
}

/* How many statements the comparison asks the store. */
static unsigned cost(unsigned counts[5], struct tree a, struct tree b)
{
    static const struct diff_options options = {.renames = true};
    unsigned statements = 0;

    forget();
    memset(counts, 0, 5 * sizeof *counts);
    sqlite3_trace_v2(store->db, SQLITE_TRACE_STMT, count_statement, &statements);
    ok(diff_trees(NULL, reader, a, b, &options, count_step, counts, &err));
    sqlite3_trace_v2(store->db, 0, NULL, NULL);
    return statements;
}

static void cost_follows_the_change(void **state)
{
    unsigned counts[5], costs[2];
    static const unsigned sizes[] = {20000, 200000};
    (void)state;

    for (int i = 0; i < 2; i++) {
        unsigned size = sizes[i];
        struct tree a = flat(plain_name, 0, size, size / 100, 0644), b = flat(plain_name, 0, size, size / 100, 0600);

        costs[i] = cost(counts, a, b);
        assert_int_equal(counts[DIFF_MODIFIED], 100);
        assert_int_equal(counts[DIFF_ADDED] + counts[DIFF_REMOVED], 0);
        assert_int_equal(cost(counts, a, a), 0);
    }
    print_message("100 changes: %u statements in 20,000 files, %u in 200,000\n", costs[0], costs[1]);
    assert_true(costs[1] < 2 * costs[0]);
    assert_true(costs[1] < 2 * 100 * 8); /* a node has two statements, and a path four or five levels a side */
}

static void a_name_more_moves_no_others(void **state)
{
    unsigned counts[5];
    struct tree a = flat(plain_name, 1, 100000, 1u << 30, 0), b = flat(plain_name, 0, 100001, 1u << 30, 0644);
    (void)state;

    assert_true(cost(counts, a, b) < 64);
    assert_int_equal(counts[DIFF_ADDED], 1);
    assert_true(cost(counts, b, a) < 64);
    assert_int_equal(counts[DIFF_REMOVED], 1);
}

/* Names that never cut a node: each has 64 items, and a name more in front moves all of them. It costs what the
 * directory has, and is told right. */
static void names_that_never_cut(void **state)
{
    unsigned counts[5];
    struct tree a = flat(smooth_name, 1, 100000, 1u << 30, 0), b = flat(smooth_name, 0, 100001, 1u << 30, 0644);
    (void)state;

    assert_true(cost(counts, a, b) < 10000);
    assert_int_equal(counts[DIFF_ADDED], 1);
    assert_int_equal(counts[DIFF_REMOVED] + counts[DIFF_MODIFIED], 0);
}

/* --- One path ----------------------------------------------------------------------------------------------------- */

/* What became of a path, and how many statements the store was asked; -1: nothing. */
static int path_change(unsigned *statements, unsigned *changed, struct tree a, struct tree b, const char *path)
{
    struct diff_step step = {0};

    forget();
    *statements = 0;
    sqlite3_trace_v2(store->db, SQLITE_TRACE_STMT, count_statement, statements);
    int result = diff_path(&step, reader, a, b, path, strlen(path), &err);
    sqlite3_trace_v2(store->db, 0, NULL, NULL);
    ok(result);
    *changed = step.changed;
    return result ? (int)step.change : -1;
}

static void one_path(void **state)
{
    struct tree a = flat(plain_name, 1, 50000, 1000, 0644), b = flat(plain_name, 0, 50001, 1000, 0600), none = {0};
    unsigned statements, changed;
    (void)state;

    assert_int_equal(path_change(&statements, &changed, a, b, "/f0001000"), DIFF_MODIFIED);
    assert_int_equal(changed, DIFF_MODE);
    assert_true(statements <= 2 * 2 * 6); /* two for a node: that of the root, and five levels, on each side */
    assert_int_equal(path_change(&statements, &changed, a, b, "/./f0001001"), -1);
    assert_int_equal(path_change(&statements, &changed, a, b, "/f0000000"), DIFF_ADDED);
    assert_int_equal(path_change(&statements, &changed, b, a, "f0000000"), DIFF_REMOVED);
    assert_int_equal(path_change(&statements, &changed, none, b, "/f0000000"), DIFF_ADDED);
    assert_int_equal(path_change(&statements, &changed, b, none, "/f0000000"), DIFF_REMOVED);
    assert_int_equal(path_change(&statements, &changed, none, none, "/f0000000"), -1);
    assert_int_equal(path_change(&statements, &changed, a, b, "/f0001000/below"), -1);
    assert_int_equal(path_change(&statements, &changed, a, b, "/nothing"), -1);
    assert_int_equal(path_change(&statements, &changed, a, b, "/"), -1);
    assert_int_equal(path_change(&statements, &changed, a, a, "/f0001000"), -1);
    assert_int_equal(statements, 0);
}

/* --- Renames ------------------------------------------------------------------------------------------------------ */

/* Files from number `first` on that all have one content. */
static struct tree alike(unsigned first, unsigned count)
{
    struct entry_digests digests = {0};
    struct entry entry = {.mode = S_IFREG | 0644, .size = 5};
    struct node_ref names;
    struct cutter *cutter;
    struct tree tree;

    ok(blob_put(&entry.content, &digests.content, store, "alike", 5, &err));
    ok(cutter_new(&cutter, store, NODE_TREE, &err));
    for (unsigned i = first; i < first + count; i++) {
        char text[NAME_SIZE];

        plain_name(text, i);
        entry.name = text;
        entry.name_size = (uint16_t)strlen(text);
        ok(cutter_add_entry(cutter, &entry, &digests, &err));
    }
    ok(cutter_finish(&names, cutter, &err));
    cutter_free(cutter);
    root_of(&tree, &names);
    ok(store_flush(store, &err));
    return tree;
}

/* However many files have one content, and up to the bound, behind which nothing is told to be renamed. */
static void renames_are_bounded(void **state)
{
    static const struct diff_options options = {.renames = true};
    const unsigned many = DIFF_CANDIDATES_MAX, first = 1000000;
    struct tree few = alike(0, many / 2), most = alike(first, many), more = alike(first, many + 1);
    unsigned counts[5] = {0}, bounded[5] = {0};
    bool too_many;
    (void)state;

    ok(diff_trees(&too_many, reader, few, most, &options, count_step, counts, &err));
    assert_false(too_many);
    assert_true(counts[DIFF_RENAMED] == many / 2 && counts[DIFF_COPIED] == many / 2);
    assert_true(counts[DIFF_ADDED] == 0 && counts[DIFF_REMOVED] == 0);
    ok(diff_trees(&too_many, reader, few, more, &options, count_step, bounded, &err));
    assert_true(too_many);
    assert_true(bounded[DIFF_ADDED] == many + 1 && bounded[DIFF_REMOVED] == many / 2);
    assert_true(bounded[DIFF_RENAMED] == 0 && bounded[DIFF_COPIED] == 0);
}

static int stop_at(void *arg, const struct diff_step *step)
{
    unsigned *left = arg;

    (void)step;
    return --*left == 0 ? 7 : 0;
}

static void a_visitor_ends_it(void **state)
{
    static const struct diff_options options = {.renames = true};
    struct tree a = flat(plain_name, 0, 10, 1, 0644), b = flat(plain_name, 100, 1000, 1, 0644);
    unsigned left = 15;
    (void)state;

    assert_int_equal(diff_trees(NULL, reader, a, b, &options, stop_at, &left, &err), 7);
    assert_int_equal(left, 0);
}

/* --- Going on ----------------------------------------------------------------------------------------------------- */

static int64_t names_of(struct tree tree)
{
    struct tree_place root;

    ok(tree_find(&root, reader, tree, 0, &err));
    return root.entry->subtree;
}

/* Files of side a are numbered in their order, from 0 on. */
static void stands_where_it_says(struct merge *merge, const struct merge_item *item)
{
    uint32_t ordinal, rank;
    char name[NAME_SIZE];

    ok(merge_place(&ordinal, &rank, merge, &err));
    assert_int_equal(rank, ordinal + 1); /* the directory's own is 0 */
    plain_name(name, ordinal);
    assert_int_equal(item->key_size, strlen(name));
    assert_memory_equal(item->key, name, item->key_size);
}

/* From behind each name that differs, and from behind names that are not there, the rest is the same. */
static void merges_go_on_anywhere(void **state)
{
    struct tree a = flat(plain_name, 0, 3000, 30, 0644), b = flat(plain_name, 15, 3000, 30, 0600);
    char names[200][NAME_SIZE];
    struct merge_pair pair;
    struct merge merge;
    unsigned count = 0;
    int result;
    (void)state;

    merge_begin(&merge, reader, NODE_TREE, names_of(a), names_of(b));
    while ((result = merge_next(&pair, &merge, &err)) > 0) {
        const struct merge_item *item = pair.has_b ? &pair.b : &pair.a;

        assert_true(count < 200);
        memcpy(names[count], item->key, item->key_size);
        names[count++][item->key_size] = '\0';
        if (pair.has_a)
            stands_where_it_says(&merge, &pair.a);
    }
    ok(result);
    merge_end(&merge);
    assert_int_equal(count, 15 + 99 + 15);
    for (unsigned i = 0; i < count; i++) {
        char behind[NAME_SIZE + 1];

        snprintf(behind, sizeof behind, "%s%s", names[i], i % 2 ? "\x01" : "");
        merge_begin(&merge, reader, NODE_TREE, names_of(a), names_of(b));
        ok(merge_seek(&merge, behind, strlen(behind), &err));
        for (unsigned next = i + 1; next < count; next++) {
            assert_int_equal(merge_next(&pair, &merge, &err), 1);
            const struct merge_item *item = pair.has_b ? &pair.b : &pair.a;
            assert_int_equal(item->key_size, strlen(names[next]));
            assert_memory_equal(item->key, names[next], item->key_size);
        }
        assert_int_equal(merge_next(&pair, &merge, &err), 0);
        merge_end(&merge);
    }
}

/* --- Records ------------------------------------------------------------------------------------------------------ */

static int add_difference(void *arg, struct json_text at, struct json_text a, struct json_text b)
{
    struct buffer *text = arg;

    buffer_add(text, at.text, at.size);
    buffer_add_byte(text, ':');
    buffer_add(text, a.text, a.size);
    buffer_add_text(text, ">");
    buffer_add(text, b.text, b.size);
    buffer_add_byte(text, ' ');
    return 0;
}

static void values_are_compared_member_by_member(void **state)
{
    static const struct {
        const char *a, *b, *differences;
    } cases[] = {
        {"{}", "{}", ""},
        {"{\"a\":1}", "{\"a\":2}", "/a:1>2 "},
        {"{\"a\":1}", "{}", "/a:1> "},
        {"{\"a\":{\"b\":[1,{\"c\":2}],\"d\":\"},\"}}", "{\"a\":{\"b\":[1,{\"c\":3}],\"d\":\"},\"},\"e\":null}",
         "/a/b:[1,{\"c\":2}]>[1,{\"c\":3}] /e:>null "},
        {"{\"x/y~z\":\"\\\"\"}", "{\"x/y~z\":\"\\\\\"}", "/x~1y~0z:\"\\\"\">\"\\\\\" "},
        {"{\"\\\"\":1,\"A\":1}", "{\"\\\"\":1,\"A\":2,\"B\":2}", "/A:1>2 /B:>2 "},
        {"7", "{\"a\":1}", ":7>{\"a\":1} "},
        /* What is no canonical JSON: no byte behind the text is read, and it ends. */
        {"{\"a\":", "{\"a", "/a:> "},
        {"{\"a\":[[[", "{\"a\":\"", "/a:[[[>\" "},
        {"{", "{,", ""},
        {"", "{}", ":>{} "},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer text = {0};

        ok(members_compare((struct json_text){cases[i].a, strlen(cases[i].a)},
                           (struct json_text){cases[i].b, strlen(cases[i].b)}, add_difference, &text, &err));
        buffer_add_byte(&text, '\0');
        assert_string_equal((const char *)text.bytes, cases[i].differences);
        buffer_free(&text);
    }
}

static int64_t records(const char *const (*list)[3])
{
    struct node_ref node;
    struct cutter *cutter;

    ok(cutter_new(&cutter, store, NODE_FEATURES, &err));
    for (; **list; list++) {
        const struct feature feature = {(*list)[0],
                                        (*list)[1],
                                        (*list)[2],
                                        (uint32_t)strlen((*list)[0]),
                                        (uint32_t)strlen((*list)[1]),
                                        (uint32_t)strlen((*list)[2])};

        ok(cutter_add_feature(cutter, &feature, &err));
    }
    ok(cutter_finish(&node, cutter, &err));
    cutter_free(cutter);
    ok(store_flush(store, &err));
    return node.id;
}

static int add_step(void *arg, const struct feature_step *step)
{
    static const char letters[] = "+-~^";
    const struct feature *record = step->b ? step->b : step->a;
    struct buffer *text = arg;

    buffer_add_format(text, "%c%.*s ", letters[step->change], (int)record->key_size, record->key);
    return 0;
}

/* Records that share a type and a key (two architectures of a package, say), and what is not told of. */
static void records_of_one_key(void **state)
{
    static const char *const a[][3] = {{"load", "load", "1"},
                                       {"package", "libc6", "{\"arch\":\"amd64\",\"pkgversion\":\"1\"}"},
                                       {"package", "libc6", "{\"arch\":\"i386\",\"pkgversion\":\"1\"}"},
                                       {"package", "old", "{\"pkgversion\":\"1\"}"},
                                       {"package", "same", "{\"pkgversion\":\"1\"}"},
                                       {"package", "size", "{\"pkgsize\":1,\"pkgversion\":\"1\"}"},
                                       {"proc", "/proc/meminfo", "{\"lines\":[\"1\"]}"},
                                       {"proc", "/proc/version", "{\"lines\":[\"1\"]}"},
                                       {"thing", "many", "1"},
                                       {"thing", "many", "2"},
                                       {"~note", "/x", "1"},
                                       {NULL}};
    static const char *const b[][3] = {{"load", "load", "2"},
                                       {"package", "libc6", "{\"arch\":\"amd64\",\"pkgversion\":\"2\"}"},
                                       {"package", "libc6", "{\"arch\":\"i386\",\"pkgversion\":\"2\"}"},
                                       {"package", "new", "{\"pkgversion\":\"1\"}"},
                                       {"package", "same", "{\"pkgversion\":\"1\"}"},
                                       {"package", "size", "{\"pkgsize\":2,\"pkgversion\":\"1\"}"},
                                       {"proc", "/proc/meminfo", "{\"lines\":[\"2\"]}"},
                                       {"proc", "/proc/version", "{\"lines\":[\"2\"]}"},
                                       {"thing", "many", "2"},
                                       {"thing", "many", "3"},
                                       {NULL}};
    int64_t of_a = records(a), of_b = records(b);
    struct buffer text = {0};
    (void)state;

    ok(features_diff(reader, of_a, of_b, false, add_step, &text, &err));
    buffer_add_text(&text, "| ");
    ok(features_diff(reader, of_b, of_a, true, add_step, &text, &err));
    ok(features_diff(reader, of_a, of_a, true, add_step, &text, &err));
    buffer_add_byte(&text, '\0');
    assert_string_equal((const char *)text.bytes, "^libc6 ^libc6 +new -old ~size ~/proc/version ~many | ~load ^libc6 "
                                                  "^libc6 -new +old ~size ~/proc/meminfo ~/proc/version ~many ");
    buffer_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cost_follows_the_change), cmocka_unit_test(a_name_more_moves_no_others),
        cmocka_unit_test(names_that_never_cut),    cmocka_unit_test(one_path),
        cmocka_unit_test(renames_are_bounded),     cmocka_unit_test(a_visitor_ends_it),
        cmocka_unit_test(merges_go_on_anywhere),   cmocka_unit_test(values_are_compared_member_by_member),
        cmocka_unit_test(records_of_one_key),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
