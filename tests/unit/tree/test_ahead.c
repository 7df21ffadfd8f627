/* Looking ahead: what is warm is brought near, and nothing else changes. Answers are the same as without it, whatever
 * was evicted, whichever trees share a reader's memory, and however wrong the guess is. */
#include "tree/ahead.h"

#include "db/cut.h"
#include "import/builder.h"
#include "tests/unit/ok.h"
#include "tests/unit/random.h"
#include "tests/unit/scratch.h"
#include "tree/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    TREES = 3,
    DIRECTORIES = 16,
    FILES = 450, /* in each: three trees have more places than a reader remembers */
    CONTENTS = 50,
    NODES = 1 + DIRECTORIES * (1 + FILES),
    BATCH_MAX = 64,
    BATCHES = 300,
};
_Static_assert(TREES *NODES > FOUND_PLACES, "trees push each other out");

static struct tree trees[TREES];

static unsigned below(unsigned limit)
{
    static uint64_t state = RANDOM_SEED;

    return (unsigned)random_next(&state) % limit;
}

/* --- Three trees -------------------------------------------------------------------------------------------------- */

static void path_of(char path[64], unsigned tree, unsigned directory, unsigned file)
{
    snprintf(path, 64, "/d%02u/f%u-%03u", directory, (directory + tree) % 2, file);
}

static void add_files(struct builder *builder, unsigned tree)
{
    char path[64];

    for (unsigned d = 0; d < DIRECTORIES; d++)
        for (unsigned f = 0; f < FILES; f++) {
            const struct entry entry = {.mode = S_IFREG | 0644, .mtime = tree * 1000000 + d * 1000 + f};

            path_of(path, tree, d, f);
            ok(builder_add(builder, path, strlen(path), &entry, NULL, 0, &err));
        }
}

/* A few; the largest are no rows, but files. */
static void add_contents(struct builder *builder, struct store *store, unsigned tree)
{
    static uint8_t bytes[CONTENTS * 2000];
    char path[64];

    memset(bytes, 'c', sizeof bytes);
    for (unsigned i = 0; i < CONTENTS; i++) {
        path_of(path, tree, i % DIRECTORIES, i * 7);
        scratch_set_content(builder, store, path, bytes, i * 2000);
    }
}

static void write_links(struct node_ref *links, struct store *store)
{
    static const char paths[] = "d00/f0-001\0d00/f0-002\0d04/f0-300";
    struct cutter *cutter;

    ok(cutter_new(&cutter, store, NODE_LINKS, &err));
    ok(cutter_add_group(cutter, &(struct link_group){paths, sizeof paths, 3}, &err));
    ok(cutter_finish(links, cutter, &err));
    cutter_free(cutter);
}

static int make_trees(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);

    (void)state;
    for (unsigned i = 0; i < TREES; i++) {
        struct builder *builder = builder_new(BUILDER_RECORDS, "/tmp");
        struct node_ref root, links;

        add_files(builder, i);
        ok(builder_settle(builder, NULL, NULL, &err));
        add_contents(builder, store, i);
        ok(builder_write(&root, &links, builder, store, &err));
        builder_free(builder);
        if (i == 0)
            write_links(&links, store);
        trees[i] = tree_of(&root, &links);
    }
    ok(store_flush(store, &err));
    store_close(store);
    return 0;
}

static uint32_t rank_of_content(unsigned i)
{
    return 1 + i % DIRECTORIES * (FILES + 1) + 1 + i * 7;
}

/* A cache with readers of it, each with a connection of its own. */
struct readers {
    struct tree_cache *cache;
    struct store *stores[2];
    struct tree_reader *readers[2];
};

static void begin(struct readers *r, size_t limit)
{
    ok(tree_cache_new(&r->cache, limit, &err));
    for (int i = 0; i < 2; i++) {
        r->stores[i] = scratch_store(STORE_READ);
        ok(tree_reader_new(&r->readers[i], r->stores[i], r->cache, &err));
    }
}

static void end(struct readers *r)
{
    for (int i = 0; i < 2; i++) {
        tree_reader_free(r->readers[i]);
        store_close(r->stores[i]);
    }
    tree_cache_free(r->cache);
}

/* --- Calls -------------------------------------------------------------------------------------------------------- */

/* Of this tree or of none that there is; a place, a name in it, or its content. */
static void make_call(struct tree_ahead *call, char name[64])
{
    static const struct tree strangers[] = {{0, 0}, {1, 0}, {1 << 30, 0}};
    char path[64];

    *call = (struct tree_ahead){.tree = trees[below(TREES)], .rank = below(NODES)};
    if (below(12) == 0)
        call->tree = strangers[below(3)];
    if (below(12) == 0)
        call->rank = below(2) ? UINT32_MAX : NODES + below(100);
    switch (below(3)) {
    case 0:
        path_of(path, below(2), below(DIRECTORIES), below(FILES + 5));
        snprintf(name, 64, "%s", below(8) ? path + strlen("/d00/") : below(2) ? ".." : "nothing");
        if (below(8))
            call->rank = 1 + below(DIRECTORIES) * (FILES + 1);
        call->name = name;
        call->name_size = below(20) ? strlen(name) : 0;
        break;
    case 1:
        call->content = true;
        if (below(2))
            call->rank = rank_of_content(below(CONTENTS));
        call->offset = below(4) ? below(CONTENTS * 2000) : UINT64_MAX - below(200);
        break;
    default:
        break;
    }
}

/* What a reader has to say to that call: the result, and all of the place. */
static void answer(char text[1024], struct tree_reader *reader, const struct tree_ahead *call)
{
    struct tree_place place;
    struct tree_blob blob = {0};
    int result = tree_find(&place, reader, call->tree, call->rank, &err);

    if (result == 0 && call->name)
        result = tree_lookup(&place, reader, &place, call->name, call->name_size, &err);
    if (result == 0 && call->content && place.entry->content)
        result = tree_blob(&blob, reader, place.entry->content, &err);
    if (result < 0) {
        snprintf(text, 1024, "%d", result);
        return;
    }
    const struct entry *entry = place.entry;
    snprintf(text, 1024, "%u in %u is %u of %u: %.*s %o %llu, %llu bytes, blob %llu %d", place.rank, place.parent,
             place.file, place.nlink, entry->name_size, entry->name, entry->mode, (unsigned long long)entry->mtime,
             (unsigned long long)entry->size, (unsigned long long)blob.size,
             blob.size && blob.bytes ? blob.bytes[blob.size / 2] : -1);
}

/* Whoever else uses the cache puts what he needs into it, and so other things out of it. */
static void disturb(struct tree_reader *other)
{
    char name[64], text[1024];
    struct tree_ahead call;

    for (unsigned i = below(10); i; i--) {
        make_call(&call, name);
        answer(text, other, &call);
    }
    if (below(2))
        tree_reader_rest(other);
}

static void same_answers(size_t limit)
{
    static struct tree_ahead calls[BATCH_MAX], asked[BATCH_MAX];
    static char names[BATCH_MAX][64], text[1024], expected[1024];
    struct readers plain, r;

    begin(&plain, TREE_CACHE_DEFAULT);
    begin(&r, limit);
    for (int i = 0; i < BATCHES; i++) {
        unsigned count = below(BATCH_MAX + 1);
        struct tree_reader *fresh; /* it remembers nothing, so nothing wrong */

        ok(tree_reader_new(&fresh, plain.stores[0], plain.cache, &err));
        for (unsigned j = 0; j < count; j++)
            make_call(&calls[j], names[j]);
        memcpy(asked, calls, sizeof asked);
        disturb(r.readers[1]);
        tree_look_ahead(r.readers[0], calls, count);
        for (unsigned j = 0; j < count; j++) {
            answer(expected, fresh, &asked[j]);
            answer(text, r.readers[0], &asked[j]);
            assert_string_equal(text, expected);
        }
        if (below(2))
            tree_reader_rest(r.readers[0]);
        tree_reader_free(fresh);
    }
    end(&r);
    end(&plain);
}

/* --- The tests ---------------------------------------------------------------------------------------------------- */

static void answers_are_the_same(void **state)
{
    (void)state;
    same_answers(TREE_CACHE_DEFAULT);
}

static void answers_are_the_same_while_nodes_are_evicted(void **state)
{
    (void)state;
    same_answers(256 << 10);
}

static void answers_are_the_same_when_nothing_stays(void **state)
{
    (void)state;
    same_answers(0);
}

static void nothing_that_is_remembered_changes(void **state)
{
    static struct tree_ahead calls[BATCH_MAX];
    static char names[BATCH_MAX][64], text[1024];
    struct memory *before = aligned_alloc(_Alignof(struct memory), sizeof *before);
    struct readers r;

    (void)state;
    assert_non_null(before);
    begin(&r, TREE_CACHE_DEFAULT);
    for (int i = 0; i < 20; i++) {
        for (unsigned j = 0; j < BATCH_MAX; j++) {
            make_call(&calls[j], names[j]);
            answer(text, r.readers[0], &calls[j]);
            make_call(&calls[j], names[j]);
        }
        memcpy(before, r.readers[0]->memory, sizeof *before);
        tree_look_ahead(r.readers[0], calls, BATCH_MAX);
        assert_memory_equal(before, r.readers[0]->memory, sizeof *before);
    }
    end(&r);
    free(before);
}

static void contents_are_where_they_are_thought_to_be(void **state)
{
    struct tree_place place;
    struct readers r;

    (void)state;
    begin(&r, TREE_CACHE_DEFAULT);
    for (unsigned i = 0; i < CONTENTS; i++) {
        ok(tree_find(&place, r.readers[0], trees[i % TREES], rank_of_content(i), &err));
        assert_int_equal(place.entry->size, i * 2000);
        assert_int_not_equal(place.entry->content, 0);
    }
    end(&r);
}

/* The call for a name, which was answered before, comes to the place of that name. */
static void a_name_leads_to_its_place(void **state)
{
    struct tree_ahead call = {.tree = trees[1], .rank = 1, .name = "f1-003", .name_size = 6}, again = call;
    struct tree_place directory, place;
    struct readers r;

    (void)state;
    begin(&r, TREE_CACHE_DEFAULT);
    tree_look_ahead(r.readers[0], &call, 1);
    assert_null(call.found); /* nobody has asked yet */
    ok(tree_find(&directory, r.readers[0], trees[1], 1, &err));
    for (int i = 0; i < 2; i++) /* the second time its place is remembered as well */
        ok(tree_lookup(&place, r.readers[0], &directory, "f1-003", 6, &err));
    call = again;
    tree_look_ahead(r.readers[0], &call, 1);
    assert_non_null(call.found);
    assert_int_equal(call.found->rank, place.rank);
    assert_ptr_equal(call.found->entry, place.entry);
    end(&r);
}

/* What is remembered of nodes that were evicted is not followed: they may be gone. */
static void evicted_nodes_are_not_looked_at(void **state)
{
    struct tree_ahead call = {.tree = trees[1], .rank = 5}, again = call;
    struct tree_place place;
    struct readers r;

    (void)state;
    begin(&r, 0);
    ok(tree_find(&place, r.readers[0], trees[1], 5, &err));
    ok(tree_find(&place, r.readers[1], trees[1], 6, &err));
    tree_look_ahead(r.readers[0], &call, 1);
    assert_null(call.found);
    end(&r);
    begin(&r, TREE_CACHE_DEFAULT);
    ok(tree_find(&place, r.readers[0], trees[1], 5, &err));
    tree_look_ahead(r.readers[0], &again, 1);
    assert_ptr_equal(again.found->entry, place.entry);
    end(&r);
}

/* Two places that fall on one slot: the one of the tree that is not remembered is not taken for the other. */
static void a_slot_of_another_tree_is_not_taken(void **state)
{
    struct tree_ahead call;
    struct tree_place place;
    struct readers r;

    (void)state;
    begin(&r, TREE_CACHE_DEFAULT);
    struct memory *memory = r.readers[0]->memory;
    for (uint32_t rank = 0; rank < NODES; rank++)
        ok(tree_find(&place, r.readers[0], trees[0], rank, &err));
    unsigned shared = 0;
    for (unsigned other = 1; other < TREES; other++)
        for (uint32_t rank = 0; rank < NODES; rank++) {
            shared += found_slot(memory, trees[other], rank)->leaf != 0;
            call = (struct tree_ahead){.tree = trees[other], .rank = rank};
            tree_look_ahead(r.readers[0], &call, 1);
            assert_null(call.found);
        }
    assert_true(shared > 0);
    /* The same root with other links is another tree. */
    call = (struct tree_ahead){.tree = {trees[0].root, 0}, .rank = 5};
    tree_look_ahead(r.readers[0], &call, 1);
    assert_null(call.found);
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contents_are_where_they_are_thought_to_be),
        cmocka_unit_test(answers_are_the_same),
        cmocka_unit_test(answers_are_the_same_while_nodes_are_evicted),
        cmocka_unit_test(answers_are_the_same_when_nothing_stays),
        cmocka_unit_test(nothing_that_is_remembered_changes),
        cmocka_unit_test(a_name_leads_to_its_place),
        cmocka_unit_test(evicted_nodes_are_not_looked_at),
        cmocka_unit_test(a_slot_of_another_tree_is_not_taken),
    };

    return cmocka_run_group_tests(tests, make_trees, scratch_tear_down);
}
