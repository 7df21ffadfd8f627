/* test_watch_queue.c - when a file that is watched counts as whole, which names are looked at, and how many at once. */
#include "cli/watch_queue.h"

#include "tests/unit/scratch.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { SETTLE = 100 /* ms */ };

static struct watch_queue queue;
static int directory;
static struct error err;

static int set_up(void **state)
{
    (void)state;
    directory = open(scratch_make(), O_RDONLY | O_DIRECTORY);
    assert_true(directory >= 0);
    assert_int_equal(watch_queue_begin(&queue, directory, SETTLE, &err), 0);
    return 0;
}

static int tear_down(void **state)
{
    watch_queue_end(&queue);
    close(directory);
    return scratch_tear_down(state);
}

static void write_file(const char *name, const char *text)
{
    int fd = openat(directory, name, O_WRONLY | O_CREAT | O_APPEND, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void add(const char *name)
{
    struct watch_file file;

    assert_true(watch_look(&file, directory, name));
    watch_queue_add(&queue, &file);
}

static void pass(unsigned ms)
{
    usleep(ms * 1000);
}

static void names_that_are_not_final_are_left(void **state)
{
    static const char *const no[] = {".frame", ".", "frame.tmp", "frame.gz.part", ".tmp"};
    static const char *const yes[] = {"frame", "frame.tmp.gz", "part", "tmp", "a.b.csv"};
    struct watch_file file;
    (void)state;

    for (size_t i = 0; i < 5; i++) {
        assert_false(watch_is_final(no[i]));
        assert_true(watch_is_final(yes[i]));
    }
    write_file("target", "x");
    assert_int_equal(symlinkat("target", directory, "link"), 0);
    assert_int_equal(mkdirat(directory, "directory", 0700), 0);
    assert_int_equal(mkfifoat(directory, "fifo", 0600), 0);
    assert_true(watch_look(&file, directory, "target"));
    assert_int_equal(file.size, 1);
    assert_false(watch_look(&file, directory, "link"));
    assert_false(watch_look(&file, directory, "directory"));
    assert_false(watch_look(&file, directory, "fifo"));
    assert_false(watch_look(&file, directory, "none"));
}

static void files_have_to_stay_as_they_are(void **state)
{
    struct watch_file file;
    uint64_t wait;
    (void)state;

    write_file("grows", "a");
    add("grows");
    assert_int_equal(watch_queue_next(&file, &wait, &queue), WATCH_WAIT);
    assert_in_range(wait, 1, SETTLE);
    pass(SETTLE + 10);
    write_file("grows", "b"); /* it had its time, but is another one now */
    assert_int_equal(watch_queue_next(&file, &wait, &queue), WATCH_WAIT);
    pass(SETTLE + 10);
    assert_int_equal(watch_queue_next(&file, &wait, &queue), WATCH_READY);
    assert_string_equal(file.name, "grows");
    assert_int_equal(file.size, 2);
    assert_int_equal(watch_queue_next(&file, &wait, &queue), WATCH_NOTHING);

    /* One that lies there for long need not wait; one that went is gone. */
    const struct timespec old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    assert_int_equal(utimensat(directory, "grows", old, 0), 0);
    add("grows");
    assert_int_equal(watch_queue_next(&file, &wait, &queue), WATCH_READY);
    add("grows");
    assert_int_equal(unlinkat(directory, "grows", 0), 0);
    assert_int_equal(watch_queue_next(&file, &wait, &queue), WATCH_NOTHING);
}

static void who_writes_is_waited_for(void **state)
{
    struct watch_file file;
    uint64_t wait;
    (void)state;

    write_file("open", "a");
    int fd = openat(directory, "open", O_RDONLY);
    if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0) {
        close(fd);
        skip(); /* a file system without leases */
    }
    close(fd);
    fd = openat(directory, "open", O_WRONLY);
    add("open");
    pass(SETTLE + 10);
    assert_int_equal(watch_queue_next(&file, &wait, &queue), WATCH_BUSY);
    assert_string_equal(file.name, "open");
    assert_int_equal(watch_queue_next(&file, &wait, &queue), WATCH_WAIT); /* its time begins anew */
    close(fd);
    pass(SETTLE + 10);
    assert_int_equal(watch_queue_next(&file, &wait, &queue), WATCH_READY);

    watch_queue_defer(&queue, &file, SETTLE);
    pass(SETTLE + 10);
    assert_int_equal(watch_queue_next(&file, &wait, &queue), WATCH_WAIT);
    pass(SETTLE);
    assert_int_equal(watch_queue_next(&file, &wait, &queue), WATCH_READY);
}

static void the_queue_is_bounded(void **state)
{
    struct watch_file file = {.since = 1};
    (void)state;

    for (int i = 0; i < WATCH_QUEUE_MAX; i++) {
        snprintf(file.name, sizeof file.name, "%d", i);
        watch_queue_add(&queue, &file);
    }
    assert_int_equal(queue.count, WATCH_QUEUE_MAX);
    watch_queue_add(&queue, &file); /* it is there already */
    assert_false(queue.is_incomplete);
    snprintf(file.name, sizeof file.name, "one more");
    watch_queue_add(&queue, &file);
    assert_int_equal(queue.count, WATCH_QUEUE_MAX);
    assert_true(queue.is_incomplete);
    queue.is_incomplete = false;
    watch_queue_defer(&queue, &file, 1);
    assert_true(queue.is_incomplete);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_are_not_final_are_left),
        cmocka_unit_test(files_have_to_stay_as_they_are),
        cmocka_unit_test(who_writes_is_waited_for),
        cmocka_unit_test(the_queue_is_bounded),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
