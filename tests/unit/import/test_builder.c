/* The builder's rules, and that what it writes is found again by rank, name and ordinal. */
#include "import/builder.h"

#include "db/blob.h"
#include "tests/unit/ok.h"
#include "tests/unit/scratch.h"
#include "tree/reader.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int count_conflict(void *arg, enum builder_conflict conflict, const char *path, size_t size, uint64_t tag,
                          struct error *e)
{
    (void)path, (void)size, (void)tag, (void)e;
    ++((unsigned *)arg)[conflict];
    return 0;
}

static void add(struct builder *b, const char *path, uint32_t mode, const char *target)
{
    struct entry entry = {.mode = mode, .mtime = 1000, .target = target};

    entry.target_size = target ? (uint16_t)strlen(target) : 0;
    ok(builder_add(b, path, strlen(path), &entry, NULL, 0, &err));
}

static void settle(struct builder *b, unsigned conflicts[BUILDER_CONFLICTS])
{
    memset(conflicts, 0, BUILDER_CONFLICTS * sizeof *conflicts);
    ok(builder_settle(b, count_conflict, conflicts, &err));
}

static struct entry find(struct builder *b, const char *path)
{
    struct entry entry;

    ok(builder_find(&entry, b, path, strlen(path), &err));
    return entry;
}

static void conflicts_are_settled(void **state)
{
    struct entry entry;
    struct builder *b = builder_new(BUILDER_RECORDS, "/tmp");
    unsigned conflicts[BUILDER_CONFLICTS];
    (void)state;

    add(b, "/b/c/d", S_IFREG | 0644, NULL);
    add(b, "/a", S_IFREG | 0600, NULL);
    add(b, "/a", S_IFREG | 0644, NULL);   /* a duplicate that differs */
    add(b, "/a", S_IFREG | 0600, NULL);   /* one that does not */
    add(b, "/a/x", S_IFREG | 0600, NULL); /* below a file */
    add(b, "/a/x/y", S_IFREG | 0600, NULL);
    add(b, "/", S_IFREG | 0600, NULL); /* a root that is none */
    settle(b, conflicts);
    assert_int_equal(conflicts[BUILDER_DUPLICATE], 1);
    assert_int_equal(conflicts[BUILDER_BELOW_NON_DIR], 2);
    assert_int_equal(conflicts[BUILDER_ROOT_NON_DIR], 1);
    assert_int_equal(find(b, "/").flags, ENTRY_MADE);
    assert_int_equal(find(b, "/a").mode, S_IFREG | 0600);
    assert_int_equal(find(b, "/b/c").flags, ENTRY_MADE);
    assert_int_equal(builder_find(&entry, b, "/a/x", 4, &err), -ENOENT);

    /* What is said later wins over what was implied. */
    add(b, "/b/c", S_IFDIR | 0700, NULL);
    settle(b, conflicts);
    assert_int_equal(find(b, "/b/c").mode, S_IFDIR | 0700);
    for (int i = 1; i < BUILDER_CONFLICTS; i++)
        assert_int_equal(conflicts[i], 0);
    builder_free(b);
}

static void links_are_followed(void **state)
{
    static const struct {
        const char *path, *resolved;
        int result;
    } cases[] = {
        {"/", "/", 1},
        {"/etc/passwd", "/etc/passwd", 1},
        {"/etc/aliases", "/etc/passwd", 1},
        {"/lnk/passwd", "/etc/passwd", 1},
        {"/lnk/../etc//./passwd", "/etc/passwd", 1},
        {"/up/etc/aliases", "/etc/passwd", 1},
        {"/etc/mtab", "/proc/mounts", 0},
        {"/etc/none/deep", "/etc/none/deep", 0},
        {"/loop", "", -ELOOP},
        {"/etc/passwd/x", "", -ENOTDIR},
    };
    struct builder *b = builder_new(BUILDER_RECORDS, "/tmp");
    char resolved[BUILDER_PATH_MAX + 1];
    unsigned conflicts[BUILDER_CONFLICTS];
    (void)state;

    add(b, "/etc/passwd", S_IFREG | 0644, NULL);
    add(b, "/etc/aliases", S_IFLNK | 0777, "passwd");
    add(b, "/etc/mtab", S_IFLNK | 0777, "../proc/mounts");
    add(b, "/lnk", S_IFLNK | 0777, "etc");
    add(b, "/up", S_IFLNK | 0777, "../../..");
    add(b, "/loop", S_IFLNK | 0777, "/loop2");
    add(b, "/loop2", S_IFLNK | 0777, "loop");
    settle(b, conflicts);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(builder_resolve(resolved, b, cases[i].path, strlen(cases[i].path)), cases[i].result);
        if (cases[i].result >= 0)
            assert_string_equal(resolved, cases[i].resolved);
    }
    builder_free(b);
}

/* Every rank leads to an entry, and a walk by listings meets the ranks in order. */
static uint32_t walk(struct tree_reader *reader, const struct tree_place *directory, uint32_t rank)
{
    struct tree_listing listing;
    struct tree_place place, found;
    uint32_t count = 0;
    int more;

    tree_listing_begin(&listing, reader, directory, 0);
    while ((more = tree_listing_next(&place, &listing, &err)) == 1) {
        assert_int_equal(place.rank, ++rank);
        assert_int_equal(place.parent, directory->rank);
        ok(tree_find(&found, reader, directory->tree, rank, &err));
        assert_int_equal(found.entry->name_size,
                         place.entry->name_size); /* another copy, if a node was evicted between */
        assert_memory_equal(found.entry->name, place.entry->name, place.entry->name_size);
        assert_int_equal(found.parent, directory->rank);
        ok(tree_lookup(&found, reader, directory, place.entry->name, place.entry->name_size, &err));
        assert_int_equal(found.rank, rank);
        count++;
        if (S_ISDIR(place.entry->mode))
            rank = walk(reader, &place, rank);
    }
    ok(more);
    assert_int_equal(count, directory->entry->below.entries);
    return rank;
}

static void trees_are_found_again(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct builder *b = builder_new(BUILDER_RECORDS, "/tmp");
    struct node_ref root, again, links;
    struct tree_cache *cache;
    struct tree_reader *reader;
    struct tree_place top, place;
    unsigned conflicts[BUILDER_CONFLICTS];
    char path[64];
    (void)state;

    for (int i = 0; i < 3000; i++) {
        snprintf(path, sizeof path, "/big/f%d", i * 7919 % 3000);
        add(b, path, S_IFREG | 0644, NULL);
        snprintf(path, sizeof path, "/d%d/x/y%d", i % 40, i);
        add(b, path, i % 5 ? S_IFLNK | 0777 : S_IFIFO | 0600, i % 5 ? "to" : NULL);
    }
    settle(b, conflicts);
    assert_int_equal(conflicts[BUILDER_DUPLICATE], 0);
    ok(builder_write(&root, &links, b, store, &err));
    ok(builder_write(&again, &links, b, store, &err));
    assert_int_equal(root.id, again.id);
    assert_true(digest_equal(&root.digest, &again.digest));
    assert_int_equal(root.counts.nodes, 1 + 1 + 3000 + 40 * 2 + 3000);
    ok(store_flush(store, &err));

    ok(tree_cache_new(&cache, 64 << 10, &err)); /* so small that it evicts */
    ok(tree_reader_new(&reader, store, cache, &err));
    ok(tree_find(&top, reader, (struct tree){.root = root.id}, 0, &err));
    assert_int_equal(top.entry->below.dirs, 41);
    assert_int_equal(top.nlink, 43);
    assert_int_equal(walk(reader, &top, 0), root.counts.nodes - 1);
    tree_reader_rest(reader);
    assert_int_equal(tree_find(&place, reader, (struct tree){.root = root.id}, root.counts.nodes, &err), -ENOENT);
    ok(tree_walk(&place, reader, (struct tree){.root = root.id}, "//d7/./x/../x/y7", 16, &err));
    assert_int_equal(place.entry->target_size, 2);
    assert_int_equal(tree_walk(&place, reader, (struct tree){.root = root.id}, "/d7/x/y7/z", 10, &err), -ENOTDIR);
    assert_int_equal(tree_walk(&place, reader, (struct tree){.root = root.id}, "/d7/q", 5, &err), -ENOENT);
    tree_reader_free(reader);
    tree_cache_free(cache);
    builder_free(b);
    store_close(store);
}

/* A group is one value in the store: of so many paths that it has 64 MiB it is refused, before memory is. */
static void groups_have_a_limit(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct builder *b = builder_new(BUILDER_ARCHIVE, scratch_make());
    struct node_ref root, links;
    char path[4096];
    (void)state;

    for (size_t i = 0; i < 4000; i++)
        path[i] = i % 250 ? 'x' : '/';
    ok(builder_add(b, "/a", 2, &(struct entry){.mode = S_IFREG | 0644}, NULL, 0, &err));
    for (int i = 0; i < 17000; i++) {
        int size = 4000 + sprintf(path + 4000, "/%d", i);
        ok(builder_link(b, path, (size_t)size, "/a", 2, 0, &err));
    }
    ok(builder_settle(b, NULL, NULL, &err));
    assert_int_equal(builder_write(&root, &links, b, store, &err), -EBADMSG);
    assert_string_equal(err.text, "a group of hard links whose paths have more than 64 MiB");
    store_rollback(store);
    builder_free(b);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conflicts_are_settled),
        cmocka_unit_test(links_are_followed),
        cmocka_unit_test(trees_are_found_again),
        cmocka_unit_test(groups_have_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, scratch_tear_down);
}
