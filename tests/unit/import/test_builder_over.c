/* Records over another tree: random ones, against a model that looks at every path that there can be. */
#include "import/builder.h"

#include "tests/unit/ok.h"
#include "tests/unit/scratch.h"
#include "tree/walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Names "a" to "c", three deep: the children of path i are NAMES * i + 1 and those behind it; 0 is the root. */
enum { ROUNDS = 3000, NAMES = 3, INNER = 1 + 3 + 9, PATHS = INNER + 27 };

struct file {
    uint32_t mode; /* 0: nothing stands there */
    uint64_t stamp;
    bool made;
    unsigned group; /* 0: none */
};

struct model {
    struct file below[PATHS], own[PATHS], expected[PATHS];
    bool unknown[PATHS], from_below[PATHS];
    bool keep;
};

static const char *path_of(char out[8], unsigned i)
{
    char *at = out + 7;

    *at = '\0';
    for (; i > 0; i = (i - 1) / NAMES) {
        *--at = (char)('a' + (i - 1) % NAMES);
        *--at = '/';
    }
    return *at ? at : "/";
}

static unsigned index_of(const char *path)
{
    unsigned i = 0;

    for (; path[0] && path[1]; path += 2)
        i = i * NAMES + 1 + (unsigned)(path[1] - 'a');
    return i;
}

static bool is_inner(unsigned i)
{
    return i < INNER;
}

/* --- Trees -------------------------------------------------------------------------------------------------------- */

/* A tree in which every file stands in a directory, made where nobody put one. */
static void grow(struct file tree[PATHS], unsigned files, uint64_t first_stamp)
{
    static const uint32_t modes[] = {S_IFDIR | 0755, S_IFDIR | 0700, S_IFREG | 0644, S_IFREG | 0600, S_IFLNK | 0777};

    memset(tree, 0, PATHS * sizeof *tree);
    for (unsigned n = 0; n < files; n++) {
        unsigned i = (unsigned)random() % PATHS;
        bool fits = !tree[i].mode;
        uint32_t mode = modes[(unsigned)random() % 5];

        if (i == 0)
            mode = S_IFDIR | 0711;
        for (unsigned up = i; up > 0; up = (up - 1) / NAMES)
            fits = fits && (!tree[(up - 1) / NAMES].mode || S_ISDIR(tree[(up - 1) / NAMES].mode));
        if (!fits)
            continue;
        tree[i] = (struct file){.mode = mode, .stamp = first_stamp + n};
        for (unsigned up = i; up > 0; up = (up - 1) / NAMES)
            if (!tree[(up - 1) / NAMES].mode)
                tree[(up - 1) / NAMES] = (struct file){.mode = S_IFDIR | 0755, .made = true};
    }
    if (!tree[0].mode)
        tree[0] = (struct file){.mode = S_IFDIR | 0755, .made = true};
}

/* Some files of a tree become names of others. */
static void group(struct file tree[PATHS])
{
    for (unsigned n = 1; n < 12; n++) {
        unsigned a = (unsigned)random() % PATHS, b = (unsigned)random() % PATHS;

        if (a == b || !S_ISREG(tree[a].mode) || !S_ISREG(tree[b].mode) || tree[b].group)
            continue;
        if (!tree[a].group)
            tree[a].group = n;
        tree[b] = tree[a];
    }
}

/* What is recorded is now and then what stands below. */
static void mix(struct model *m)
{
    for (unsigned i = 0; i < PATHS; i++) {
        bool fits = m->below[i].mode && !m->below[i].made && m->own[i].mode && !m->own[i].made &&
                    S_ISDIR(m->below[i].mode) == S_ISDIR(m->own[i].mode);

        if (fits && random() % 3 != 0)
            m->own[i] = m->below[i];
        m->own[i].group = 0;
        m->unknown[i] = random() % 12 == 0;
    }
}

static int add_conflict(void *arg, enum builder_conflict conflict, const char *path, size_t size, uint64_t tag,
                        struct error *e)
{
    (void)arg, (void)conflict, (void)size, (void)tag, (void)e;
    fail_msg("a conflict at %s", path);
    return 0;
}

static struct entry entry_of(const struct file *file)
{
    struct entry entry = {.mode = file->mode, .mtime = file->stamp, .flags = file->made ? ENTRY_MADE : 0};

    entry.target = S_ISLNK(file->mode) ? "target" : NULL;
    entry.target_size = S_ISLNK(file->mode) ? 6 : 0;
    return entry;
}

/* `implied`: nobody adds what is made. */
static void add_all(struct builder *b, const struct file tree[PATHS], bool implied)
{
    for (unsigned i = PATHS; i-- > 0;) {
        char text[8];
        const char *path = path_of(text, i);
        struct entry entry = entry_of(&tree[i]);

        if (tree[i].mode && !(implied && tree[i].made))
            ok(builder_add(b, path, strlen(path), &entry, NULL, 7, &err));
    }
}

static struct tree write_below(struct store *store, const struct model *m)
{
    struct builder *b = builder_new(BUILDER_ARCHIVE, "/tmp");
    struct node_ref root, links;
    char text[2][8];

    for (unsigned i = 0; i < PATHS; i++) {
        const struct file *file = &m->below[i];
        struct entry entry = entry_of(file);
        const char *path = path_of(text[0], i);
        unsigned first = 0;

        while (first < i && (!file->group || m->below[first].group != file->group))
            first++;
        if (!file->mode || file->made)
            continue;
        if (first == i) {
            ok(builder_add(b, path, strlen(path), &entry, NULL, 0, &err));
            continue;
        }
        const char *target = path_of(text[1], first);
        ok(builder_link(b, path, strlen(path), target, strlen(target), 0, &err));
    }
    ok(builder_settle(b, add_conflict, NULL, &err));
    ok(builder_write(&root, &links, b, store, &err));
    builder_free(b);
    return tree_of(&root, &links);
}

/* --- The model ---------------------------------------------------------------------------------------------------- */

static bool is_said(const struct model *m, unsigned i)
{
    if (m->own[i].mode && !m->own[i].made)
        return true;
    for (unsigned n = 1; is_inner(i) && n <= NAMES; n++)
        if (is_said(m, i * NAMES + n))
            return true;
    return false;
}

static bool take_below(struct model *m, unsigned i)
{
    if (!m->below[i].mode)
        return false;
    m->expected[i] = m->below[i];
    m->from_below[i] = true;
    for (unsigned n = 1; is_inner(i) && n <= NAMES; n++)
        take_below(m, i * NAMES + n);
    return true;
}

/* What stands at a path, if what is above it is a directory on both sides, or only here (`sees` false). */
static bool expect(struct model *m, unsigned i, bool sees)
{
    const struct file *own = &m->own[i], *below = sees && m->below[i].mode ? &m->below[i] : NULL;
    bool goes_on = below && S_ISDIR(below->mode), any = false;

    if (below && m->unknown[i] && !is_said(m, i))
        return take_below(m, i);
    if (!own->mode && m->keep && sees)
        return take_below(m, i);
    bool agrees = own->mode && !own->made && below && own->stamp == below->stamp && own->mode == below->mode;
    m->expected[i] = agrees || (own->made && goes_on) || (!own->mode && goes_on) ? *below : *own;
    m->from_below[i] = agrees;
    if (own->mode && !S_ISDIR(own->mode))
        return true;
    for (unsigned n = 1; is_inner(i) && n <= NAMES; n++)
        any |= expect(m, i * NAMES + n, goes_on);
    if (!own->mode && !any)
        m->expected[i] = (struct file){0}; /* there was only somewhere to look for what is unknown */
    return own->mode || any;
}

static unsigned names_of(const struct model *m, unsigned i)
{
    unsigned names = 0;

    for (unsigned n = 0; n < PATHS && m->from_below[i] && m->below[i].group; n++)
        names += m->from_below[n] && m->below[n].group == m->below[i].group;
    return names ? names : 1;
}

/* --- Comparing ---------------------------------------------------------------------------------------------------- */

struct comparing {
    struct model *m;
    unsigned round;
    unsigned seen;
};

static int compare_step(void *arg, const struct tree_step *step)
{
    struct comparing *c = arg;
    unsigned i = index_of(step->path);
    const struct file *expected = &c->m->expected[i];
    const struct entry *entry = step->place.entry;

    if (entry->mode != expected->mode || entry->mtime != expected->stamp ||
        (entry->flags & ENTRY_MADE) != (expected->made ? ENTRY_MADE : 0))
        fail_msg("round %u: %s is %o %llu %u, expected %o %llu", c->round, step->path, entry->mode,
                 (unsigned long long)entry->mtime, entry->flags, expected->mode, (unsigned long long)expected->stamp);
    if (!S_ISDIR(entry->mode) && step->place.nlink != names_of(c->m, i))
        fail_msg("round %u: %s has %u names, expected %u", c->round, step->path, step->place.nlink, names_of(c->m, i));
    c->seen++;
    return 0;
}

static void compare(struct model *m, unsigned round, struct tree_reader *reader, struct tree tree)
{
    struct comparing c = {m, round, 0};
    unsigned expected = 0;

    ok(tree_visit_all(reader, tree, compare_step, &c, &err));
    for (unsigned i = 0; i < PATHS; i++)
        expected += m->expected[i].mode != 0;
    if (c.seen != expected)
        fail_msg("round %u: %u files, expected %u", round, c.seen, expected);
}

static bool agree(uint64_t tag, struct entry *entry, struct entry_digests *digests, const struct entry *below,
                  const struct entry_digests *below_digests)
{
    assert_int_equal(tag, 7);
    if (entry->mode != below->mode || entry->mtime != below->mtime || below->flags & ENTRY_MADE)
        return false;
    *entry = *below;
    *digests = *below_digests;
    return true;
}

static struct tree write_over(bool *differs, struct store *store, struct tree below, const struct model *m,
                              bool implied)
{
    struct builder *b = builder_new(BUILDER_RECORDS, "/tmp");
    struct node_ref root, links;
    char text[8];

    add_all(b, m->own, implied);
    ok(builder_settle(b, add_conflict, NULL, &err));
    for (unsigned i = 0; i < PATHS; i++) {
        const char *path = path_of(text, i);

        assert_int_equal(builder_says(b, path, strlen(path)), is_said(m, i));
        if (m->unknown[i])
            ok(builder_unknown(b, path, strlen(path), &err));
    }
    ok(builder_over(b, &(struct builder_base){.tree = below, .keep = m->keep, .agree = agree}, &err));
    ok(builder_write(&root, &links, b, store, &err));
    *differs = builder_differs(b);
    builder_free(b);
    return tree_of(&root, &links);
}

static void records_over_a_tree_are_as_the_model_says(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct tree_cache *cache;
    struct tree_reader *reader;
    (void)state;

    ok(tree_cache_new(&cache, TREE_CACHE_DEFAULT, &err));
    ok(tree_reader_new(&reader, store, cache, &err));
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct model m = {.keep = round % 4 == 0};

        srandom(round);
        grow(m.below, 1 + round % 40, 1000);
        group(m.below);
        grow(m.own, round % 30, 2000);
        mix(&m);
        struct tree below = write_below(store, &m), none = {0};
        bool differs[3];
        struct tree implied = write_over(&differs[0], store, below, &m, true),
                    added = write_over(&differs[1], store, below, &m, false),
                    alone = write_over(&differs[2], store, none, &m, true);
        expect(&m, 0, true);
        compare(&m, round, reader, implied);
        assert_int_equal(implied.root, added.root);
        assert_int_equal(implied.links, added.links);
        assert_int_equal(differs[0], differs[1]);
        assert_false(differs[2]);
        if (differs[0])
            assert_int_not_equal(implied.root, alone.root);
        tree_reader_rest(reader);
    }
    tree_reader_free(reader);
    tree_cache_free(cache);
    store_close(store);
}

/* Where there is no tree below, nothing of this matters. */
static void over_nothing_it_is_what_was_added(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct model m = {0};
    bool differs;
    (void)state;

    srandom(1);
    grow(m.own, 30, 2000);
    struct tree alone = write_over(&differs, store, (struct tree){0}, &m, true);
    memset(m.unknown, true, sizeof m.unknown);
    struct tree unknown = write_over(&differs, store, (struct tree){0}, &m, false);
    assert_int_equal(alone.root, unknown.root);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_over_a_tree_are_as_the_model_says),
        cmocka_unit_test(over_nothing_it_is_what_was_added),
    };

    return cmocka_run_group_tests(tests, NULL, scratch_tear_down);
}
