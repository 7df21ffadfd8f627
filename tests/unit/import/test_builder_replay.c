/* Where the last one wins: random entries and hard links, against a model that does what an unpacking system would, in
 * the plainest way. */
#include "import/builder.h"

#include "tests/unit/ok.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROUNDS = 600, STEPS_MAX = 60, PATH_ROOM = 32, CONFLICTS = BUILDER_CONFLICTS };

struct file {
    char path[PATH_ROOM];
    uint32_t mode;
    uint64_t stamp; /* its mtime, and what tells it from all others */
    unsigned group; /* 0: none */
};

struct model {
    struct file files[STEPS_MAX];
    unsigned count, groups;
    unsigned conflicts[CONFLICTS];
};

/* --- The model ---------------------------------------------------------------------------------------------------- */

static bool lies_below(const char *path, const char *above)
{
    size_t size = strcmp(above, "/") == 0 ? 0 : strlen(above);

    return strlen(path) > size + 1 && strncmp(path, above, size) == 0 && path[size] == '/';
}

static struct file *model_find(struct model *m, const char *path)
{
    for (unsigned i = 0; i < m->count; i++)
        if (strcmp(m->files[i].path, path) == 0)
            return &m->files[i];
    return NULL;
}

static void model_put(struct model *m, struct file file)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < m->count; i++)
        if (!S_ISDIR(m->files[i].mode) && lies_below(file.path, m->files[i].path)) {
            m->conflicts[BUILDER_BELOW_NON_DIR]++;
            return;
        }
    if (strcmp(file.path, "/") == 0 && !S_ISDIR(file.mode)) {
        m->conflicts[BUILDER_ROOT_NON_DIR]++;
        return;
    }
    for (unsigned i = 0; i < m->count; i++)
        if (strcmp(m->files[i].path, file.path) != 0 &&
            (S_ISDIR(file.mode) || !lies_below(m->files[i].path, file.path)))
            m->files[kept++] = m->files[i];
    m->files[kept++] = file;
    m->count = kept;
}

static void model_link(struct model *m, const char *path, const char *target)
{
    struct file *found = model_find(m, target), file;

    bool goes = strcmp(path, "/") != 0 && (strcmp(target, path) == 0 || lies_below(target, path));

    if (!found || S_ISDIR(found->mode) || goes) {
        m->conflicts[BUILDER_DANGLING]++;
        return;
    }
    if (!found->group)
        found->group = ++m->groups;
    file = *found;
    strcpy(file.path, path);
    model_put(m, file);
}

static int walk_order(const char *a, const char *b)
{
    for (; *a && *a == *b; a++, b++)
        continue;
    return (*a == '/' ? 1 : (unsigned char)*a * 2) - (*b == '/' ? 1 : (unsigned char)*b * 2);
}

static int compare_files(const void *a, const void *b)
{
    return walk_order(((const struct file *)a)->path, ((const struct file *)b)->path);
}

/* Groups as text: the paths of one on a line. */
static void model_groups(char *out, struct model *m)
{
    bool done[STEPS_MAX] = {false};

    qsort(m->files, m->count, sizeof *m->files, compare_files);
    *out = '\0';
    for (unsigned i = 0; i < m->count; i++) {
        unsigned members = 0;

        for (unsigned j = i; j < m->count; j++)
            members += m->files[i].group && !done[i] && m->files[j].group == m->files[i].group;
        for (unsigned j = i; j < m->count && members > 1; j++)
            if (m->files[j].group == m->files[i].group) {
                done[j] = true;
                out += sprintf(out, "%s ", m->files[j].path + 1);
            }
        if (members > 1)
            out += sprintf(out, "\n");
    }
}

/* --- The builder -------------------------------------------------------------------------------------------------- */

static int count_conflict(void *arg, enum builder_conflict conflict, const char *path, size_t size, uint64_t tag,
                          struct error *e)
{
    (void)path, (void)size, (void)tag, (void)e;
    ++((unsigned *)arg)[conflict];
    return 0;
}

struct reading {
    struct store *store;
    char *out;
};

static int read_group(void *arg, const struct link_group *group)
{
    struct reading *r = arg;
    const char *path = group->paths;

    for (uint32_t i = 0; i < group->count; i++, path += strlen(path) + 1)
        r->out += sprintf(r->out, "%s ", path);
    r->out += sprintf(r->out, "\n");
    return 0;
}

static int begin_node(void *arg, enum node_kind kind, unsigned level, unsigned count, const struct counts *counts)
{
    (void)arg, (void)level, (void)count, (void)counts;
    assert_int_equal(kind, NODE_LINKS);
    return 0;
}

static int read_child(void *arg, const struct node_child *child)
{
    struct reading *r = arg;

    return node_visit(r->store, child->node.id, NODE_COUNTS,
                      &(struct node_visitor){.begin = begin_node, .child = read_child, .group = read_group, .arg = r},
                      &err);
}

static void random_path(char *path)
{
    unsigned depth = (unsigned)random() % 5;

    strcpy(path, "/");
    for (unsigned i = 0; i < depth; i++)
        sprintf(path + strlen(path), "%s%c%s", i ? "/" : "", "ab"[random() % 2], random() % 8 ? "" : "!");
}

static void step(struct model *m, struct builder *b, uint64_t stamp)
{
    static const uint32_t modes[] = {S_IFDIR | 0755, S_IFDIR | 0700, S_IFREG | 0644, S_IFIFO | 0600};
    struct file file = {.mode = modes[random() % 4], .stamp = stamp};
    char target[PATH_ROOM];

    random_path(file.path);
    random_path(target);
    if (random() % 3 == 0) {
        model_link(m, file.path, target);
        ok(builder_link(b, file.path, strlen(file.path), target, strlen(target), stamp, &err));
        return;
    }
    struct entry entry = {.mode = file.mode, .mtime = stamp};
    model_put(m, file);
    ok(builder_add(b, file.path, strlen(file.path), &entry, NULL, stamp, &err));
}

static struct entry find(struct builder *b, const char *path)
{
    struct entry entry;

    ok(builder_find(&entry, b, path, strlen(path), &err));
    return entry;
}

static size_t count_made(struct builder *b, const struct model *m)
{
    size_t made = 0;
    char seen[STEPS_MAX * 5][PATH_ROOM], path[PATH_ROOM];

    for (unsigned i = 0; i < m->count; i++)
        for (const char *slash = m->files[i].path; slash; slash = strchr(slash + 1, '/')) {
            size_t size = (size_t)(slash - m->files[i].path), j = 0;

            snprintf(path, sizeof path, "%.*s", size ? (int)size : 1, m->files[i].path);
            struct entry entry = find(b, path);
            assert_true(S_ISDIR(entry.mode));
            while (j < made && strcmp(seen[j], path) != 0)
                j++;
            if ((entry.flags & ENTRY_MADE) && j == made)
                strcpy(seen[made++], path);
        }
    return made;
}

/* What the model has, and parents that nobody mentioned, and nothing else. */
static void compare(struct model *m, struct builder *b, struct store *store)
{
    static char expected[STEPS_MAX * PATH_ROOM * 2], got[sizeof expected];
    struct reading reading = {store, got};
    struct node_ref root, links;

    for (unsigned i = 0; i < m->count; i++) {
        struct entry entry = find(b, m->files[i].path);

        assert_int_equal(entry.mode, m->files[i].mode);
        assert_int_equal(entry.mtime, m->files[i].stamp);
    }
    ok(builder_write(&root, &links, b, store, &err));
    assert_int_equal(root.counts.nodes, m->count + count_made(b, m) + (m->count == 0));
    got[0] = '\0';
    ok(read_child(&reading, &(struct node_child){.node = links}));
    model_groups(expected, m);
    assert_string_equal(got, expected);
}

static void random_steps_end_as_the_model_does(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    (void)state;

    for (unsigned round = 0; round < ROUNDS; round++) {
        struct builder *b = builder_new(BUILDER_ARCHIVE, "/tmp");
        unsigned conflicts[CONFLICTS] = {0}, steps = 1 + round % (STEPS_MAX - 1);
        struct model m = {.count = 0};

        srandom(round);
        /* Halfway it is settled once, and goes on. */
        for (unsigned i = 0; i < steps; i++) {
            step(&m, b, i + 1);
            if (round % 3 == 0 && i == steps / 2)
                ok(builder_settle(b, count_conflict, conflicts, &err));
        }
        ok(builder_settle(b, count_conflict, conflicts, &err));
        assert_memory_equal(conflicts, m.conflicts, sizeof conflicts);
        compare(&m, b, store);
        builder_free(b);
    }
    store_close(store);
}

static void many_places_are_found(void **state)
{
    struct builder *b = builder_new(BUILDER_ARCHIVE, "/tmp");
    unsigned conflicts[CONFLICTS] = {0};
    char path[64], target[64];
    (void)state;

    for (int i = 0; i < 5000; i++) {
        snprintf(path, sizeof path, "/d%d/f%d", i % 50, i);
        ok(builder_add(b, path, strlen(path), &(struct entry){.mode = S_IFREG, .mtime = (uint64_t)i}, NULL, 0, &err));
    }
    for (int i = 0; i < 5000; i++) {
        snprintf(target, sizeof target, "/d%d/f%d", i % 50, i);
        snprintf(path, sizeof path, "/l%d", i);
        ok(builder_link(b, path, strlen(path), target, strlen(target), 0, &err));
    }
    ok(builder_settle(b, count_conflict, conflicts, &err));
    for (unsigned i = 0; i < CONFLICTS; i++)
        assert_int_equal(conflicts[i], 0);
    assert_int_equal(find(b, "/l4321").mtime, 4321);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_steps_end_as_the_model_does),
        cmocka_unit_test(many_places_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, scratch_tear_down);
}
