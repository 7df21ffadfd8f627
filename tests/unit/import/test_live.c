/* Reading what somebody hostile has: command lines that do not come, links that lead out, ids of a user namespace. */
#include "import/live.h"

#include "tests/unit/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct error err;

static void a_command_line_that_does_not_come_is_left(void **state)
{
    struct live live = {.root = -1, .process = -1};
    struct buffer out = {0};
    uint64_t self = (uint64_t)getpid();
    (void)state;

    assert_int_equal(live_memory(&out, &live, self, LIVE_CMDLINE), 0);
    assert_true(out.size > 0);
    assert_true(memmem(out.bytes, out.size, "test_live", 9));
    pid_t first = live.reader_pid;
    assert_int_equal(kill(first, SIGSTOP), 0);
    buffer_clear(&out);
    assert_int_equal(live_memory(&out, &live, self, LIVE_CMDLINE), -ETIMEDOUT);
    assert_int_equal(out.size, 0);
    assert_int_equal(live_memory(&out, &live, self, LIVE_CMDLINE), 0);
    assert_true(out.size > 0);
    assert_true(live.reader_pid != first);
    assert_int_equal(live.stuck, 1);
    buffer_clear(&out);
    assert_int_equal(kill(live.reader_pid, SIGKILL), 0);
    assert_true(live_memory(&out, &live, self, LIVE_CMDLINE) < 0);     /* said once … */
    assert_int_equal(live_memory(&out, &live, self, LIVE_CMDLINE), 0); /* … and read by another */
    assert_int_equal(live_memory(&out, &live, 1ull << 40, LIVE_CMDLINE), -ENOENT);
    live_memory_end(&live);
    buffer_free(&out);
}

static void memory_is_told_by_file(void **state)
{
    struct live live = {.root = -1, .process = -1};
    struct buffer out = {0};
    uint64_t self = (uint64_t)getpid();
    (void)state;

    assert_int_equal(live_memory(&out, &live, self, LIVE_MAPS), 0);
    assert_true(memmem(out.bytes, out.size, "[stack]", 7));
    buffer_clear(&out);
    assert_int_equal(live_memory(&out, &live, self, LIVE_ENVIRON), 0);
    assert_true(out.size == 0 || memchr(out.bytes, '=', out.size));
    assert_null(memmem(out.bytes, out.size, "[stack]", 7));
    live_memory_end(&live);
    buffer_free(&out);
}

static void texts_become_lists(void **state)
{
    static const struct {
        const char *text;
        size_t size;
        const char *strings, *lines;
    } texts[] = {
        {"", 0, "{\"x\":[]", "{\"x\":[]"},
        {"a\0b\n\0", 5, "{\"x\":[\"a\",\"b\\u000a\"]", "{\"x\":[\"a\\u0000b\",\"\\u0000\"]"},
        {"a\0\0\0", 4, "{\"x\":[\"a\",\"\",\"\"]", NULL},
        {"cut", 3, "{\"x\":[\"cut\"]", "{\"x\":[\"cut\"]"},
        {"[\n\n]", 4, NULL, "{\"x\":[\"[\",\"\",\"]\"]"},
    };
    struct live live = {.root = -1, .process = -1};
    (void)state;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct buffer text = {.bytes = (uint8_t *)(uintptr_t)texts[i].text, .size = texts[i].size};
        const char *const expected[] = {texts[i].strings, texts[i].lines};

        for (size_t j = 0; j < 2; j++) {
            live_begin(&live);
            (j ? live_lines : live_strings)(&live, "x", &text);
            if (!expected[j])
                continue;
            assert_int_equal(live.value.size, strlen(expected[j]));
            assert_memory_equal(live.value.bytes, expected[j], live.value.size);
        }
    }
    buffer_free(&live.value);
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* What lies below DIR/root, DIR being the test's own. */
static void nothing_leads_out(void **state)
{
    static const struct {
        const char *path;
        int result;
    } reads[] = {
        {"/inside", 0},          {"inside", 0},      {"/link", 0},       {"/up", 0},
        {"/../../inside", 0},    {"/out", -ENOENT},  {"/fifo", -EINVAL}, {"/", -EINVAL},
        {"/loop", -ELOOP},       {"/large", -EFBIG}, {"/none", -ENOENT}, {"/self", -ENOENT},
        {"/inside/x", -ENOTDIR},
    };
    struct live *live;
    struct buffer out = {0};
    char root[256];
    (void)state;

    scratch_need_openat2();
    assert_int_equal(chdir(scratch_make()), 0);
    write_text("secret", "secret");
    assert_int_equal(mkdir("root", 0700), 0);
    snprintf(root, sizeof root, "%s/root", scratch_make());
    assert_int_equal(chdir("root"), 0);
    write_text("inside", "inside");
    assert_int_equal(symlink("/inside", "link"), 0);
    assert_int_equal(symlink("../../../inside", "up"), 0);
    assert_int_equal(symlink("../secret", "out"), 0);
    assert_int_equal(symlink("loop", "loop"), 0);
    assert_int_equal(symlink("/proc/self/exe", "self"), 0);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    write_text("large", "12345678");
    assert_int_equal(live_open(&live, root, &(struct live_sink){0}, &err), 0);
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
        buffer_clear(&out);
        assert_int_equal(live_read_inside(&out, live, reads[i].path, 7), reads[i].result);
        assert_int_equal(out.size, reads[i].result == 0 ? 6 : 0);
        if (reads[i].result == 0)
            assert_memory_equal(out.bytes, "inside", 7); /* a NUL behind it */
    }
    int at = open(".", O_RDONLY | O_DIRECTORY);
    buffer_clear(&out);
    assert_int_equal(live_read(&out, at, "large", 7), 1);
    assert_int_equal(out.size, 7);
    buffer_clear(&out);
    assert_int_equal(live_read(&out, at, "large", 8), 0);
    assert_int_equal(live_read(&out, at, "link", 8), -ELOOP);
    close(at);
    buffer_free(&out);
    live_close(live);
}

static void ids_are_those_inside(void **state)
{
    static char text[] = "         0     100000        1000\n      2000     500000          1\n";
    struct buffer map = {.bytes = (uint8_t *)text, .size = sizeof text - 1}, none = {0};
    (void)state;

    assert_int_equal(live_id_inside(&map, 100000), 0);
    assert_int_equal(live_id_inside(&map, 100999), 999);
    assert_int_equal(live_id_inside(&map, 101000), 65534);
    assert_int_equal(live_id_inside(&map, 500000), 2000);
    assert_int_equal(live_id_inside(&map, 0), 65534);
    assert_int_equal(live_id_inside(&none, 7), 7);
}

static void file_systems_of_others_are_known(void **state)
{
    static const struct {
        const char *type;
        bool remote;
    } types[] = {{"fuse", true}, {"fuse.sshfs", true}, {"fuseblk", true},  {"nfs4", true},
                 {"nfs", true},  {"ext4", false},      {"overlay", false}, {"fusectl", false},
                 {"", false},    {"nfsd", false},      {"9p", true}};
    (void)state;

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        assert_int_equal(live_is_remote(&(struct live_span){types[i].type, strlen(types[i].type)}), types[i].remote);
}

static void numbers_are_processes(void **state)
{
    (void)state;

    assert_true(live_is_pid("1"));
    assert_true(live_is_pid("4194304"));
    assert_false(live_is_pid(""));
    assert_false(live_is_pid("./1"));
    assert_false(live_is_pid("-1"));
    assert_false(live_is_pid("12345678901"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_line_that_does_not_come_is_left),
        cmocka_unit_test(memory_is_told_by_file),
        cmocka_unit_test(texts_become_lists),
        cmocka_unit_test(nothing_leads_out),
        cmocka_unit_test(ids_are_those_inside),
        cmocka_unit_test(file_systems_of_others_are_known),
        cmocka_unit_test(numbers_are_processes),
    };

    return cmocka_run_group_tests(tests, NULL, scratch_tear_down);
}
