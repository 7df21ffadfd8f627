/* Following links in a path as the kernel does, in a tree that is nothing but a table. */
#include "tree/follow.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *path, *target;
    uint32_t type;
} tree[] = {
    {"/", NULL, S_IFDIR},
    {"/a", NULL, S_IFDIR},
    {"/a/b", NULL, S_IFDIR},
    {"/a/b/file", NULL, S_IFREG},
    {"/file", NULL, S_IFREG},
    {"/to-a", "a", S_IFLNK},
    {"/abs", "/a/b", S_IFLNK},
    {"/a/up", "..", S_IFLNK},
    {"/a/b/out", "../../../../a/b/file", S_IFLNK},
    {"/slash", "a/", S_IFLNK},
    {"/slashes", "//a///b//", S_IFLNK},
    {"/dots", "./a/./b/../b/.", S_IFLNK},
    {"/chain", "to-a/b/out", S_IFLNK},
    {"/self", "self", S_IFLNK},
    {"/ping", "pong", S_IFLNK},
    {"/pong", "ping", S_IFLNK},
    {"/dangling", "a/none", S_IFLNK},
    {"/dangling-deep", "none/none", S_IFLNK},
    {"/root", "/", S_IFLNK},
    {"/absent", "", S_IFLNK},
};

/* follow_path() with links enough. */
static int follow(char *resolved, const char *path, size_t size, follow_probe ask, void *arg)
{
    unsigned links = 1000;

    return follow_path(resolved, &links, path, size, ask, arg);
}

/* The path must be absolute and clean, as the probe's contract says. */
static const struct entry *probe(void *arg, const char *path, size_t size)
{
    static struct entry entries[sizeof tree / sizeof *tree];

    (void)arg;
    assert_true(size > 0 && path[0] == '/' && (size == 1 || path[size - 1] != '/'));
    for (size_t i = 0; i < sizeof tree / sizeof *tree; i++) {
        if (strlen(tree[i].path) != size || memcmp(tree[i].path, path, size) != 0)
            continue;
        entries[i] = (struct entry){.mode = tree[i].type | 0755, .target = tree[i].target};
        entries[i].target_size = tree[i].target ? (uint16_t)strlen(tree[i].target) : 0;
        return &entries[i];
    }
    return NULL;
}

static void paths_lead_where_the_kernel_goes(void **state)
{
    static const struct {
        const char *path;
        int result;
        const char *resolved;
    } cases[] = {
        {"/", 1, "/"},
        {"", 1, "/"},
        {"////", 1, "/"},
        {"/.", 1, "/"},
        {"/..", 1, "/"},
        {"/../../a", 1, "/a"},
        {"/a/b/file", 1, "/a/b/file"},
        {"//a//b///file", 1, "/a/b/file"},
        {"/a/./b/../b/file", 1, "/a/b/file"},
        {"/to-a", 1, "/a"},
        {"/to-a/b/file", 1, "/a/b/file"},
        {"/to-a/up/to-a/up", 1, "/"},
        {"/to-a/..", 1, "/"},
        {"/abs/..", 1, "/a"}, /* the parent of where the link leads, not of its name */
        {"/abs/file", 1, "/a/b/file"},
        {"/a/b/out", 1, "/a/b/file"},
        {"/slash", 1, "/a"},
        {"/slash/b", 1, "/a/b"},
        {"/slashes/file", 1, "/a/b/file"},
        {"/dots", 1, "/a/b"},
        {"/chain", 1, "/a/b/file"},
        {"/root/a", 1, "/a"},
        {"/none", 0, "/none"},
        {"/a/none", 0, "/a/none"},
        {"/dangling", 0, "/a/none"},
        {"/dangling-deep", 0, "/none/none"},
        {"/dangling/x", 0, "/a/none/x"},
        {"/self", -ELOOP, NULL},
        {"/self/x", -ELOOP, NULL},
        {"/ping", -ELOOP, NULL},
        {"/absent", -ELOOP, NULL},
        {"/file/x", -ENOTDIR, NULL},
        {"/file/", 1, "/file"}, /* here the kernel is stricter */
        {"/file/.", -ENOTDIR, NULL},
        {"/file/..", -ENOTDIR, NULL},
        {"/a/b/out/x", -ENOTDIR, NULL},
    };
    char resolved[FOLLOW_PATH_MAX + 1];
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int result = follow(resolved, cases[i].path, strlen(cases[i].path), probe, NULL);

        if (result != cases[i].result || (result >= 0 && strcmp(resolved, cases[i].resolved) != 0))
            fail_msg("%s: %d, %s", cases[i].path, result, result >= 0 ? resolved : "");
    }
}

#define CHAIN 64

/* "/40" is a link to "39", and so on to the file "/0". */
static const struct entry *probe_chain(void *arg, const char *path, size_t size)
{
    static char targets[CHAIN][8];
    static struct entry entries[CHAIN];
    static const struct entry directory = {.mode = S_IFDIR | 0755}, file = {.mode = S_IFREG | 0644};
    unsigned number = 0;

    for (size_t i = 1; i < size; i++)
        number = number * 10 + (unsigned)(path[i] - '0');
    assert_true(number < CHAIN);
    ++*(unsigned *)arg;
    if (number == 0)
        return size == 1 ? &directory : &file;
    int length = snprintf(targets[number], sizeof *targets, "%u", number - 1);
    entries[number] = (struct entry){.mode = S_IFLNK | 0777, .target = targets[number]};
    entries[number].target_size = (uint16_t)length;
    return &entries[number];
}

static void forty_links_are_followed(void **state)
{
    char resolved[FOLLOW_PATH_MAX + 1];
    unsigned probes = 0;
    (void)state;

    assert_int_equal(follow(resolved, "/40", 3, probe_chain, &probes), 1);
    assert_string_equal(resolved, "/0");
    assert_int_equal(follow(resolved, "/41", 3, probe_chain, &probes), -ELOOP);
    assert_in_range(probes, 80, 200); /* one or two each */
}

/* Who chose the links may have chosen many paths, too: all of them share a budget. */
static void a_budget_ends(void **state)
{
    char resolved[FOLLOW_PATH_MAX + 1];
    unsigned links = 45, probes = 0;
    (void)state;

    assert_int_equal(follow_path(resolved, &links, "/40", 3, probe_chain, &probes), 1);
    assert_int_equal(links, 5);
    assert_int_equal(follow_path(resolved, &links, "/5", 2, probe_chain, &probes), 1);
    assert_int_equal(follow_path(resolved, &links, "/1", 2, probe_chain, &probes), -ELOOP);
    assert_int_equal(follow_path(resolved, &links, "/0", 2, probe_chain, &probes), 1);
}

/* A link whose target has itself in front and much behind: the path grows until it is too long, not for ever. */
static const struct entry *probe_growing(void *arg, const char *path, size_t size)
{
    static const struct entry directory = {.mode = S_IFDIR | 0755};
    static char target[1001];
    static struct entry link = {.mode = S_IFLNK | 0777, .target = target, .target_size = 1000};

    (void)arg;
    memset(target, 'x', 1000);
    memcpy(target, "/l/", 3);
    return size > 1 && path[size - 1] == 'l' ? &link : &directory;
}

static void long_paths_are_refused(void **state)
{
    char resolved[FOLLOW_PATH_MAX + 1], path[FOLLOW_PATH_MAX + 2];
    (void)state;

    memset(path, 'x', sizeof path);
    path[0] = '/';
    assert_int_equal(follow(resolved, path, FOLLOW_PATH_MAX, probe, NULL), 0);
    assert_int_equal(strlen(resolved), FOLLOW_PATH_MAX);
    assert_int_equal(follow(resolved, path, FOLLOW_PATH_MAX + 1, probe, NULL), -ENAMETOOLONG);
    assert_int_equal(follow(resolved, "/l", 2, probe_growing, NULL), -ENAMETOOLONG);
    assert_int_equal(follow(resolved, "/a\0b", 4, probe, NULL), -ENAMETOOLONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_lead_where_the_kernel_goes),
        cmocka_unit_test(forty_links_are_followed),
        cmocka_unit_test(a_budget_ends),
        cmocka_unit_test(long_paths_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
