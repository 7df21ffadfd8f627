/* Hard links: every way to a name tells the same file and how many names it has, as a naive map has it; and a links
 * object of any shape ends and breaks nothing. */
#include "tree/links.h"

#include "base/buffer.h"
#include "db/cut.h"
#include "import/builder.h"
#include "tests/unit/ok.h"
#include "tests/unit/random.h"
#include "tests/unit/scratch.h"
#include "tree/walk.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_S 300 /* seconds until something that does not end ends the test */
#define TINY 1         /* bytes of a cache that keeps nothing */
#define THREADS 4

static unsigned below(unsigned limit)
{
    static uint64_t state = RANDOM_SEED;

    return (unsigned)random_next(&state) % limit;
}

/* --- Making trees and groups -------------------------------------------------------------------------------------- */

static void add(struct builder *builder, const char *path, uint32_t mode, const char *target)
{
    struct entry entry = {.mode = mode, .target = target, .target_size = target ? (uint16_t)strlen(target) : 0};

    ok(builder_add(builder, path, strlen(path), &entry, NULL, 0, &err));
}

/* The last one: the builder goes. */
static int64_t write_tree(struct store *store, struct builder *builder)
{
    struct node_ref root, links;

    ok(builder_settle(builder, NULL, NULL, &err));
    ok(builder_write(&root, &links, builder, store, &err));
    builder_free(builder);
    ok(store_flush(store, &err));
    return root.id;
}

struct groups {
    struct cutter *cutter;
};

static void groups_begin(struct groups *groups, struct store *store)
{
    ok(cutter_new(&groups->cutter, store, NODE_LINKS, &err));
}

/* Paths, each ended by NUL. */
static void groups_add(struct groups *groups, const char *paths, size_t size)
{
    struct link_group group = {.paths = paths, .size = (uint32_t)size};

    for (size_t i = 0; i < size; i++)
        group.count += paths[i] == '\0';
    ok(cutter_add_group(groups->cutter, &group, &err));
}

static int64_t groups_end(struct groups *groups, struct store *store)
{
    struct node_ref links;

    ok(cutter_finish(&links, groups->cutter, &err));
    cutter_free(groups->cutter);
    ok(store_flush(store, &err));
    return links.id;
}

/* --- Against a naive map ------------------------------------------------------------------------------------------ */

#define FILES_MAX 600

/* What a random tree should look like. */
struct model {
    struct tree tree;
    unsigned count;
    struct {
        char path[64];
        int group; /* -1: none */
        uint32_t rank;
    } files[FILES_MAX];
    uint32_t nodes;
};

static void random_files(struct model *m, struct store *store)
{
    struct builder *builder = builder_new(BUILDER_RECORDS, "/tmp");

    m->count = 1 + below(FILES_MAX);
    for (unsigned i = 0; i < m->count; i++) {
        snprintf(m->files[i].path, sizeof m->files[i].path, "/d%u/%s%u/f%u", below(4), below(2) ? "x" : "yy", below(3),
                 i);
        m->files[i].group = -1;
        add(builder, m->files[i].path, S_IFREG | 0644, NULL);
    }
    m->tree = (struct tree){.root = write_tree(store, builder)};
}

/* Some groups; among their paths are some that are not there, and directories. */
static void random_groups(struct model *m, struct store *store)
{
    static const char *const strangers[] = {"d0", "nowhere", "d0/x0", "d1/yy1/f0/g", ""};
    struct groups groups;
    int count = (int)below(m->count / 3 + 2);

    groups_begin(&groups, store);
    for (int g = 0; g < count; g++) {
        struct buffer paths = {0};

        for (unsigned n = 1 + below(5); n > 0; n--) {
            unsigned i = below(m->count);

            if (below(4) == 0) {
                const char *stranger = strangers[below(sizeof strangers / sizeof *strangers)];
                buffer_add(&paths, stranger, strlen(stranger) + 1);
            }
            if (m->files[i].group >= 0)
                continue;
            m->files[i].group = g;
            buffer_add(&paths, m->files[i].path + 1, strlen(m->files[i].path));
        }
        if (paths.size)
            groups_add(&groups, (const char *)paths.bytes, paths.size);
        buffer_free(&paths);
    }
    m->tree.links = groups_end(&groups, store);
}

static void expect(const struct model *m, const struct tree_place *place)
{
    uint32_t file = place->rank, nlink = 0;
    int group = -1;

    if (S_ISDIR(place->entry->mode)) {
        assert_int_equal(place->file, place->rank);
        assert_int_equal(place->nlink, 2 + place->entry->below.dirs);
        return;
    }
    for (unsigned i = 0; i < m->count; i++)
        if (m->files[i].rank == place->rank)
            group = m->files[i].group;
    for (unsigned i = 0; i < m->count; i++) {
        if (group < 0 || m->files[i].group != group)
            continue;
        nlink++;
        if (m->files[i].rank < file)
            file = m->files[i].rank;
    }
    assert_int_equal(place->nlink, nlink ? nlink : 1);
    assert_int_equal(place->file, file);
}

static int expect_step(void *arg, const struct tree_step *step)
{
    struct model *m = arg;

    assert_int_equal(step->place.rank, m->nodes++);
    expect(m, &step->place);
    return 0;
}

/* By path, by rank, by name in a directory, and in listings. */
static void compare(struct model *m, struct tree_reader *reader)
{
    struct tree_place place, parent, found;

    for (unsigned i = 0; i < m->count; i++) {
        ok(tree_walk(&place, reader, (struct tree){.root = m->tree.root}, m->files[i].path, strlen(m->files[i].path),
                     &err));
        assert_true(place.file == place.rank && place.nlink == 1);
        m->files[i].rank = place.rank;
    }
    for (unsigned i = 0; i < m->count; i++) {
        ok(tree_walk(&place, reader, m->tree, m->files[i].path, strlen(m->files[i].path), &err));
        assert_int_equal(place.rank, m->files[i].rank);
        expect(m, &place);
        ok(tree_find(&parent, reader, m->tree, place.parent, &err));
        ok(tree_lookup(&found, reader, &parent, place.entry->name, place.entry->name_size, &err));
        assert_true(found.rank == place.rank && found.file == place.file && found.nlink == place.nlink);
        /* What the file's handle leads to is that file. */
        ok(tree_find(&found, reader, m->tree, place.file, &err));
        assert_true(found.rank == place.file && found.file == place.file && found.nlink == place.nlink);
        if (below(8) == 0)
            tree_reader_rest(reader);
    }
    m->nodes = 0;
    ok(tree_find(&place, reader, m->tree, 0, &err));
    ok(tree_visit(reader, &place, "/", true, expect_step, m, &err));
}

static void compare_with_naive_maps(size_t cache_size, int rounds)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct tree_reader *reader;
    struct tree_cache *cache;

    ok(tree_cache_new(&cache, cache_size, &err));
    ok(tree_reader_new(&reader, store, cache, &err));
    for (int i = 0; i < rounds; i++) {
        struct model model = {0};

        random_files(&model, store);
        random_groups(&model, store);
        compare(&model, reader);
        tree_reader_rest(reader);
    }
    tree_reader_free(reader);
    tree_cache_free(cache);
    store_close(store);
}

static void they_are_as_a_naive_map_has_them(void **state)
{
    (void)state;

    compare_with_naive_maps(TREE_CACHE_DEFAULT, 60);
}

/* Nothing stays in the cache: tables are made again and again, and what was handed out before stays good. */
static void a_tiny_cache_is_slow_and_right(void **state)
{
    (void)state;

    compare_with_naive_maps(TINY, 2);
}

/* --- Links objects of any shape ----------------------------------------------------------------------------------- */

#define GROUP(text) text, sizeof(text)

/* The tree has the files a, b, c, d/e, of which c is not like the others, and the symbolic links s and t, which are
 * alike, and u. */
static const struct {
    const char *why;
    struct {
        const char *paths;
        size_t size;
    } groups[3];
    const char *expected; /* "name:file's first name*nlink …" of those that have several */
} cases[] = {
    {"two names", {{GROUP("a\0b")}}, "a:a*2 b:a*2"},
    {"three names", {{GROUP("a\0b\0d/e")}}, "a:a*3 b:a*3 d/e:a*3"},
    {"in any order", {{GROUP("d/e\0b\0a")}}, "a:a*3 b:a*3 d/e:a*3"},
    {"symbolic links", {{GROUP("s\0t")}}, "s:s*2 t:s*2"},
    {"another target", {{GROUP("s\0u\0t")}}, "s:s*2 t:s*2"},
    {"one name", {{GROUP("a")}}, ""},
    {"one name twice", {{GROUP("a\0a")}}, ""},
    {"one file by two paths", {{GROUP("a\0d/../a\0/a\0./a")}}, ""},
    {"the others are not there", {{GROUP("a\0x\0d/y")}}, ""},
    {"the first is not there", {{GROUP("A\0a\0b")}}, "a:a*2 b:a*2"},
    {"a directory", {{GROUP("d\0d/.\0a\0b")}}, "a:a*2 b:a*2"},
    {"nothing but directories", {{GROUP("d\0d")}}, ""},
    {"the root", {{GROUP("\0\0a")}}, ""},
    {"below a file", {{GROUP("a\0b/a\0b")}}, "a:a*2 b:a*2"},
    {"another file's attributes", {{GROUP("a\0c\0b")}}, "a:a*2 b:a*2"},
    {"two groups have a name", {{GROUP("b\0d/e")}, {GROUP("a\0b")}}, "b:b*2 d/e:b*2"},
    {"the same group twice", {{GROUP("a\0b")}, {GROUP("a\0b")}}, "a:a*2 b:a*2"},
    {"a chain", {{GROUP("a\0b")}, {GROUP("b\0d/e")}, {GROUP("d/e\0a")}}, "a:a*2 b:a*2"},
};

static int64_t make_files(struct store *store)
{
    struct builder *builder = builder_new(BUILDER_RECORDS, "/tmp");

    add(builder, "/a", S_IFREG | 0644, NULL);
    add(builder, "/b", S_IFREG | 0644, NULL);
    add(builder, "/c", S_IFREG | 0600, NULL);
    add(builder, "/d/e", S_IFREG | 0644, NULL);
    add(builder, "/s", S_IFLNK | 0777, "x");
    add(builder, "/t", S_IFLNK | 0777, "x");
    add(builder, "/u", S_IFLNK | 0777, "y");
    return write_tree(store, builder);
}

static const char *const names[] = {"a", "b", "c", "d/e", "s", "t", "u"};

/* What trees say, in the form of `expected`. */
static void describe(char *out, size_t size, struct tree_reader *reader, struct tree tree)
{
    struct tree_place place, first;
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        ok(tree_walk(&place, reader, tree, names[i], strlen(names[i]), &err));
        ok(tree_find(&first, reader, tree, place.file, &err));
        assert_true(first.file == place.file && first.nlink == place.nlink);
        if (place.nlink > 1)
            at += (size_t)snprintf(out + at, size - at, "%s%s:%.*s*%u", at ? " " : "", names[i], first.entry->name_size,
                                   first.entry->name, place.nlink);
        else
            assert_int_equal(place.file, place.rank);
    }
}

static void any_shape_of_groups_is_served(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct tree tree = {.root = make_files(store)};
    struct tree_reader *reader;
    struct tree_cache *cache;
    char text[200];
    (void)state;

    ok(tree_cache_new(&cache, TREE_CACHE_DEFAULT, &err));
    ok(tree_reader_new(&reader, store, cache, &err));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct groups groups;

        groups_begin(&groups, store);
        for (size_t g = 0; g < 3 && cases[i].groups[g].paths; g++)
            groups_add(&groups, cases[i].groups[g].paths, cases[i].groups[g].size);
        tree.links = groups_end(&groups, store);
        describe(text, sizeof text, reader, tree);
        if (strcmp(text, cases[i].expected) != 0)
            fail_msg("%s: \"%s\", not \"%s\"", cases[i].why, text, cases[i].expected);
    }
    tree_reader_free(reader);
    tree_cache_free(cache);
    store_close(store);
}

static void no_links_cost_nothing(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct snapshot snapshot = {.namespace = "links"};
    struct tree_reader *reader;
    struct tree_cache *cache;
    char text[200];
    (void)state;

    snapshot.root.id = make_files(store);
    ok(node_empty(&snapshot.links, store, NODE_LINKS, &err));
    assert_true(snapshot.links.id > 0);
    assert_int_equal(tree_of_snapshot(&snapshot).links, 0);
    ok(tree_cache_new(&cache, TREE_CACHE_DEFAULT, &err));
    ok(tree_reader_new(&reader, store, cache, &err));
    describe(text, sizeof text, reader, tree_of_snapshot(&snapshot));
    assert_string_equal(text, "");
    /* Whoever asks nevertheless gets an empty table. */
    describe(text, sizeof text, reader, (struct tree){snapshot.root.id, snapshot.links.id});
    assert_string_equal(text, "");
    tree_reader_free(reader);
    tree_cache_free(cache);
    store_close(store);
}

/* --- Damage and limits -------------------------------------------------------------------------------------------- */

static int find_a(struct tree_place *place, struct tree tree)
{
    struct store *store = scratch_store(STORE_READ);
    struct tree_reader *reader;
    struct tree_cache *cache;

    ok(tree_cache_new(&cache, TREE_CACHE_DEFAULT, &err));
    ok(tree_reader_new(&reader, store, cache, &err));
    int result = tree_walk(place, reader, tree, "a", 1, &err);
    tree_reader_free(reader);
    tree_cache_free(cache);
    store_close(store);
    return result;
}

/* Groups behind the limit count as none, and no group is cut in two. */
static void there_is_a_limit(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct tree tree = {.root = make_files(store)};
    struct buffer paths = {0};
    struct tree_place place;
    (void)state;

    for (unsigned i = 0; i < LINKS_PATHS_MAX - 1; i++)
        buffer_add(&paths, "x", 2);
    for (unsigned room = 1; room <= 2; room++) {
        struct groups groups;

        groups_begin(&groups, store);
        groups_add(&groups, (const char *)paths.bytes, paths.size);
        groups_add(&groups, GROUP("a\0b"));
        tree.links = groups_end(&groups, store);
        ok(find_a(&place, tree));
        assert_int_equal(place.nlink, room);
        paths.size -= 2;
    }
    buffer_free(&paths);
    store_close(store);
}

/* Lists over lists, each 64 times the one below it: 64^32 leaves. Returns the uppermost. */
static int64_t pile(int64_t leaf)
{
    int64_t node = leaf;
    char sql[400];

    for (int level = 1; level <= 32; level++) {
        snprintf(sql, sizeof sql,
                 "INSERT INTO node (digest, kind, level, count, entries, dirs, nodes)"
                 " VALUES (randomblob(32), 2, %d, 64, 64, 0, 0)",
                 level);
        scratch_sql(sql);
        int64_t above = scratch_sql("SELECT max(id) FROM node");
        snprintf(sql, sizeof sql,
                 "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 63)"
                 " INSERT INTO child (id, first, node) SELECT %lld * 64 + i, x'61', %lld FROM n",
                 (long long)above, (long long)node);
        scratch_sql(sql);
        node = above;
    }
    return node;
}

static void piles_of_lists_end(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct tree tree = {.root = make_files(store)};
    struct buffer paths = {0};
    struct groups groups;
    struct tree_place place;
    struct node_ref empty;
    (void)state;

    for (unsigned i = 0; i < 1000; i++)
        buffer_add(&paths, "x", 2);
    buffer_add(&paths, "a\0b", 4);
    groups_begin(&groups, store);
    groups_add(&groups, (const char *)paths.bytes, paths.size);
    tree.links = pile(groups_end(&groups, store));
    ok(find_a(&place, tree));
    assert_int_equal(place.nlink, 2);
    ok(node_empty(&empty, store, NODE_LINKS, &err));
    ok(store_flush(store, &err));
    tree.links = pile(empty.id);
    assert_int_equal(find_a(&place, tree), -EIO);
    tree.links = INT64_MAX / 64;
    assert_int_equal(find_a(&place, tree), -ESTALE);
    buffer_free(&paths);
    store_close(store);
}

/* --- In the cache ------------------------------------------------------------------------------------------------- */

static struct cached *empty_table(int64_t id, struct tree tree)
{
    struct links *links = calloc(1, sizeof *links + sizeof *links->members);

    assert_non_null(links);
    links->cached.id = id;
    links->cached.size = sizeof *links;
    links->tree = tree;
    links->members[0].rank = UINT32_MAX;
    return &links->cached;
}

/* Where the table would be are those of two others. */
static void tables_of_other_trees_are_not_taken(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct cache *cache = cache_new(TREE_CACHE_DEFAULT);
    struct cache_user *user = cache_join(cache);
    struct tree tree = {.root = make_files(store)}, other;
    const struct links *links, *again;
    struct groups groups;
    (void)state;

    groups_begin(&groups, store);
    groups_add(&groups, GROUP("a\0b"));
    tree.links = groups_end(&groups, store);
    other = (struct tree){tree.root + 1, tree.links};
    cache_insert(user, empty_table(links_id(tree, 0), other));
    other = (struct tree){tree.root, tree.links + 1};
    cache_insert(user, empty_table(links_id(tree, 1), other));
    ok(links_get(&links, user, store, tree, &err));
    assert_int_equal(links->count, 2);
    assert_int_equal(links->cached.id, links_id(tree, 2));
    ok(links_get(&again, user, store, tree, &err));
    assert_ptr_equal(links, again);
    cache_leave(user);
    cache_free(cache);
    store_close(store);
}

static void ids_are_below_all_nodes(void **state)
{
    (void)state;

    for (unsigned i = 0; i < 100000; i++) {
        struct tree tree = {(int64_t)below(UINT32_MAX), (int64_t)below(UINT32_MAX)};

        assert_true(links_id(tree, i) < 0);
        assert_true(links_id(tree, i) != links_id(tree, i + 1));
    }
}

struct thread {
    const struct model *model;
    struct tree_cache *cache;
    const char *store;
    unsigned wrong;
};

/* A worker of a server: goes from names to files, and rests. */
static void *work(void *arg)
{
    struct thread *t = arg;
    const struct model *m = t->model;
    struct tree_reader *reader;
    struct store *store;
    struct error error;

    if (store_open(&store, t->store, STORE_READ, &error) < 0 || tree_reader_new(&reader, store, t->cache, &error) < 0) {
        t->wrong++;
        return NULL;
    }
    for (unsigned i = 0; i < m->count; i++) {
        struct tree_place place, first;

        if (tree_walk(&place, reader, m->tree, m->files[i].path, strlen(m->files[i].path), &error) < 0 ||
            tree_find(&first, reader, m->tree, place.file, &error) < 0)
            t->wrong++;
        else
            t->wrong += first.file != place.file || first.nlink != place.nlink || place.rank != m->files[i].rank;
        tree_reader_rest(reader);
    }
    tree_reader_free(reader);
    store_close(store);
    return NULL;
}

static void threads_share_tables(void **state)
{
    static const size_t sizes[] = {TINY, 64 << 10, TREE_CACHE_DEFAULT};
    struct store *store = scratch_store(STORE_CREATE);
    struct tree_reader *reader;
    struct model model = {0};
    (void)state;

    random_files(&model, store);
    random_groups(&model, store);
    for (size_t size = 0; size < sizeof sizes / sizeof *sizes; size++) {
        struct thread threads[THREADS];
        struct tree_cache *cache;
        pthread_t ids[THREADS];

        ok(tree_cache_new(&cache, sizes[size], &err));
        ok(tree_reader_new(&reader, store, cache, &err));
        compare(&model, reader);
        tree_reader_free(reader);
        for (unsigned i = 0; i < THREADS; i++) {
            threads[i] = (struct thread){.model = &model, .cache = cache, .store = store_directory(store)};
            assert_int_equal(pthread_create(&ids[i], NULL, work, &threads[i]), 0);
        }
        for (unsigned i = 0; i < THREADS; i++) {
            pthread_join(ids[i], NULL);
            assert_int_equal(threads[i].wrong, 0);
        }
        tree_cache_free(cache);
    }
    store_close(store);
}

static int set_up(void **state)
{
    (void)state;
    alarm(PATIENCE_S);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_as_a_naive_map_has_them),
        cmocka_unit_test(a_tiny_cache_is_slow_and_right),
        cmocka_unit_test(any_shape_of_groups_is_served),
        cmocka_unit_test(no_links_cost_nothing),
        cmocka_unit_test(there_is_a_limit),
        cmocka_unit_test(piles_of_lists_end),
        cmocka_unit_test(tables_of_other_trees_are_not_taken),
        cmocka_unit_test(ids_are_below_all_nodes),
        cmocka_unit_test(threads_share_tables),
    };

    return cmocka_run_group_tests(tests, set_up, scratch_tear_down);
}
