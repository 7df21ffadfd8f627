/* Whole frames: the real one, the same system in every dialect, orders, sizes, and what is left after a failure. */
#include "tests/unit/import/frame_harness.h"

#include "base/timestamp.h"
#include "tests/unit/scratch.h"
#include "tree/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#define REAL "nadgowdas-testframe.sample.fa44d5881ec8.0"
#define METADATA "metadata\t\"metadata\"\t{\"namespace\":\"ns/test\",\"timestamp\":\"2017-03-11T17:04:42+0000\"}\n"
#define ROOT                                                                                                           \
    "file\t\"/"                                                                                                        \
    "\"\t{\"gid\":0,\"linksto\":null,\"mode\":16877,\"mtime\":1.5,\"size\":4096,\"type\":\"dir\",\"uid\":0}\n"

/* A sanitizer keeps what was freed for a while, so the process's size says nothing. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static struct store *store;
static struct error err;

/* The frames that come with the task; a newcomer does not have them. */
static void frame_path(char path[4096], const char *name)
{
    const char *srcdir = getenv("srcdir");

    snprintf(path, 4096, "%s/../shared/frames/%s", srcdir ? srcdir : ".", name);
    if (access(path, R_OK) != 0)
        skip();
}

static void import_path(struct outcome *outcome, const char *path)
{
    struct import_options options = {.store = store};

    *outcome = (struct outcome){0};
    if (harness_import_file(outcome, &options, path, &err) != 0)
        fail_msg("%s", err.text);
}

static void import_bytes(struct outcome *outcome, const void *bytes, size_t size)
{
    struct import_options options = {.store = store};

    *outcome = (struct outcome){0};
    if (harness_import(outcome, &options, bytes, size, &err) != 0)
        fail_msg("%s", err.text);
}

static void the_real_frame(void **state)
{
    char path[4096], time[TIMESTAMP_TEXT_SIZE];
    struct outcome outcome;
    (void)state;

    frame_path(path, REAL);
    import_path(&outcome, path);
    assert_int_equal(outcome.snapshots, 1);
    /* 6,022 files; the root among them; made are /boot, /dev, … that it lacks. */
    assert_int_equal(outcome.last.root.counts.nodes, 6032);
    /* metadata, os, 2 processes, 98 packages; notes of 5 contents, and of 10 paths that were not crawled. */
    assert_int_equal(outcome.last.features.counts.entries, 102 + 15);
    assert_int_equal(outcome.warnings.size, 0);
    timestamp_format(time, outcome.last.time);
    assert_string_equal(time, "2017-03-11T17:04:42Z");
    assert_false(outcome.last.partial);
    outcome_free(&outcome);

    import_path(&outcome, path);
    assert_int_equal(outcome.snapshots, 1);
    assert_int_equal(outcome.new_ones, 0);
    outcome_free(&outcome);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines of a text in another order. */
static char *sort_lines(const char *text)
{
    char *copy = strdup(text), *sorted = malloc(strlen(text) + 1), **lines = NULL, *state = NULL;
    size_t count = 0;

    for (char *line = strtok_r(copy, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
        lines = realloc(lines, (count + 1) * sizeof *lines);
        lines[count++] = line;
    }
    qsort(lines, count, sizeof *lines, compare_lines);
    sorted[0] = '\0';
    for (size_t i = 0, at = 0; i < count; i++)
        at += (size_t)sprintf(sorted + at, "%s\n", lines[i]);
    free(lines);
    free(copy);
    return sorted;
}

static void order_does_not_matter(void **state)
{
    char path[4096];
    struct outcome as_is, sorted;
    (void)state;

    frame_path(path, REAL);
    import_path(&as_is, path);
    char *text = harness_read_file(NULL, path), *lines = sort_lines(text);
    import_bytes(&sorted, lines, strlen(lines));
    assert_true(digest_equal(&as_is.last.root.digest, &sorted.last.root.digest));
    assert_true(digest_equal(&as_is.last.features.digest, &sorted.last.features.digest));
    assert_false(digest_equal(&as_is.last.source, &sorted.last.source));
    free(text);
    free(lines);
    outcome_free(&as_is);
    outcome_free(&sorted);
}

static void dialects_give_one_tree(void **state)
{
    static const char *const names[] = {
        "synthetic-avoidsetns.csv",      "synthetic-avoidsetns.csv.gz", "synthetic-avoidsetns.json",
        "synthetic-avoidsetns.logstash", "synthetic-v01-csvwriter.csv",
    };
    struct outcome first, other;
    char path[4096];
    (void)state;

    frame_path(path, names[0]);
    import_path(&first, path);
    for (size_t i = 1; i < sizeof names / sizeof *names; i++) {
        frame_path(path, names[i]);
        import_path(&other, path);
        assert_true(digest_equal(&first.last.root.digest, &other.last.root.digest));
        assert_int_equal(first.last.features.counts.entries, other.last.features.counts.entries);
        outcome_free(&other);
    }
    outcome_free(&first);
}

static void a_mounted_system_is_the_system(void **state)
{
    struct import_options options = {.store = store, .strip_prefix = "/mnt/target"};
    struct outcome outcome = {0};
    char path[4096];
    (void)state;

    frame_path(path, "synthetic-mountpoint.csv");
    assert_int_equal(harness_import_file(&outcome, &options, path, &err), 0);
    assert_int_equal(outcome.warnings.size, 0);
    assert_int_equal(outcome.last.root.counts.nodes, 26);
    outcome_free(&outcome);

    options.strip_prefix = NULL;
    outcome = (struct outcome){0};
    assert_int_equal(harness_import_file(&outcome, &options, path, &err), 0);
    assert_non_null(memmem(outcome.warnings.bytes, outcome.warnings.size, " --strip-prefix /mnt/target\n", 28));
    outcome_free(&outcome);
}

static size_t gzip(uint8_t *out, size_t room, const char *text)
{
    z_stream z = {0};

    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)text;
    z.avail_in = (uInt)strlen(text);
    z.next_out = out;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return z.total_out;
}

static void gzip_is_the_same_frame(void **state)
{
    static const char text[] = METADATA ROOT;
    uint8_t bytes[1000];
    size_t size = gzip(bytes, sizeof bytes, text);
    struct import_options options = {.store = store};
    struct outcome plain, packed = {0};
    (void)state;

    import_bytes(&plain, text, strlen(text));
    bytes[size] = '\n'; /* as http emitters add it */
    import_bytes(&packed, bytes, size + 1);
    assert_int_equal(packed.new_ones, 0);
    assert_memory_equal(plain.last.id, packed.last.id, SNAPSHOT_ID_SIZE);
    outcome_free(&packed);
    outcome_free(&plain);

    packed = (struct outcome){0};
    assert_int_equal(harness_import(&packed, &options, bytes, size - 8, &err), -EBADMSG);
    assert_string_equal(err.text, "frame:2: the gzip data is cut short, --partial takes what is there");
    assert_int_equal(packed.snapshots, 0);
    options.partial = true;
    assert_int_equal(harness_import(&packed, &options, bytes, size - 8, &err), 0);
    assert_true(packed.last.partial);
    outcome_free(&packed);
}

static void a_bad_frame_does_not_undo_those_before(void **state)
{
    static const char text[] = METADATA ROOT METADATA "x\t\"\"\t{\"a\":2}\n" METADATA "broken\n" ROOT;
    struct import_options options = {.store = store};
    struct outcome outcome = {0};
    (void)state;

    assert_int_equal(harness_import(&outcome, &options, text, strlen(text), &err), -EBADMSG);
    assert_int_equal(outcome.snapshots, 2);
    assert_string_equal(err.text,
                        "frame:6: not a record of a frame, expected is a line of type TAB \"key\" TAB {value}, "
                        "or a JSON object");
    outcome_free(&outcome);
}

static void options_come_before_the_metadata(void **state)
{
    static const char text[] = "metadata\t\"metadata\"\t{\"timestamp\":\"whenever\",\"namespace\":\"..\"}\n" ROOT;
    struct import_options options = {.store = store, .namespace = "by/hand", .has_time = true, .time = 5 * NANOSECONDS};
    struct outcome outcome = {0};
    (void)state;

    assert_int_equal(harness_import(&outcome, &options, text, strlen(text), &err), 0);
    assert_int_equal(outcome.last.time, 5 * NANOSECONDS);
    options.strip_prefix = "relative";
    assert_int_equal(harness_import(&outcome, &options, text, strlen(text), &err), -EINVAL);
    assert_int_equal(err.code, EXIT_USAGE);
    outcome_free(&outcome);
}

static void long_lines_are_refused(void **state)
{
    size_t size = strlen(METADATA) + SOURCE_LINE_MAX + 100;
    char *text = malloc(size);
    struct import_options options = {.store = store};
    struct outcome outcome = {0};
    (void)state;

    memset(text, 'x', size);
    memcpy(text, METADATA, strlen(METADATA));
    assert_int_equal(harness_import(&outcome, &options, text, size, &err), -EBADMSG);
    assert_string_equal(err.text, "frame:2: a line of more than 64 MiB");
    free(text);
    outcome_free(&outcome);
}

/* A row whose key is `depth` times "/a". */
static void add_deep(struct buffer *out, size_t depth)
{
    buffer_add_text(out, "file\t\"");
    for (size_t i = 0; i < depth; i++)
        buffer_add_text(out, "/a");
    buffer_add_text(out, "\"\t{\"mode\":33188,\"size\":0,\"mtime\":1,\"uid\":0,\"gid\":0}\n");
}

static void deep_paths_are_bounded(void **state)
{
    struct buffer text = {0};
    struct outcome outcome;
    (void)state;

    buffer_add_text(&text, METADATA ROOT);
    add_deep(&text, 10000);
    add_deep(&text, 2048);
    add_deep(&text, 2047);
    import_bytes(&outcome, text.bytes, text.size);
    /* root, 2047 components, and the 13 that are made (of which /usr, /usr/share and /var are only on the way). */
    assert_int_equal(outcome.last.root.counts.nodes, 1 + 2047 + 13);
    static const char expected[] = "2 records left out (first: frame:3: the path is longer than 4095 bytes); see";
    assert_memory_equal(outcome.warnings.bytes, expected, strlen(expected));
    outcome_free(&outcome);
    buffer_free(&text);
}

static void circles_of_links_end(void **state)
{
    struct buffer text = {0};
    struct outcome outcome;
    (void)state;

    /* /l0 -> l1/l1, /l1 -> l2/l2, …: following all of it would take 2^60 steps. */
    buffer_add_text(&text, METADATA ROOT);
    for (int i = 0; i < 60; i++)
        buffer_add_format(&text,
                          "file\t\"/l%d\"\t{\"mode\":41471,\"size\":5,\"mtime\":1,\"uid\":0,\"gid\":0,"
                          "\"linksto\":\"l%d/l%d\"}\n",
                          i, i + 1, i + 1);
    buffer_add_text(&text, "config\t\"/l0\"\t{\"name\":\"l0\",\"content\":\"x\"}\n");
    import_bytes(&outcome, text.bytes, text.size);
    static const char expected[] = "1 record left out (first: frame:63: its path leads through too many links); see";
    assert_memory_equal(outcome.warnings.bytes, expected, strlen(expected));
    outcome_free(&outcome);
    buffer_free(&text);
}

static int refuse(void *arg, const struct snapshot *snapshot, bool is_new)
{
    (void)snapshot, (void)is_new;
    ++*(int *)arg;
    return -ECANCELED;
}

static void a_caller_can_stop(void **state)
{
    static const char text[] = METADATA ROOT METADATA "y\t\"\"\t{}\n";
    char path[] = "/tmp/confuse-frame-XXXXXX";
    int fd = mkstemp(path), calls = 0;
    struct import_options options = {.store = store, .imported = refuse, .arg = &calls};
    struct source *source;
    (void)state;

    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    assert_int_equal(harness_source_file(&source, path, &err), 0);
    assert_int_equal(import_frame(&options, source, &err), -ECANCELED);
    assert_int_equal(calls, 1);
    source_close(source);
    unlink(path);
}

static void count_progress(void *arg, const struct import_progress *progress)
{
    (void)arg;
    assert_true(progress->bytes > 0 && progress->bytes <= progress->size);
    assert_true(progress->records > 0);
}

/* 100 MB of processes with long lists of files: memory holds their keys, not them. */
static void memory_does_not_grow_with_a_frame(void **state)
{
    enum { RECORDS = 10000, FILES = 400, LIMIT_KIB = 48 << 10 };
    char path[] = "/tmp/confuse-frame-XXXXXX";
    FILE *file = fdopen(mkstemp(path), "we");
    struct outcome outcome = {0};
    struct import_options options = {.store = store, .progress = count_progress};
    struct rusage before, after;
    (void)state;

    assert_non_null(file);
    fputs(METADATA, file);
    for (int i = 0; i < RECORDS; i++) {
        fprintf(file, "process\t\"sh/%d\"\t{\"pid\":%d,\"openfiles\":[", i, i);
        for (int k = 0; k < FILES; k++)
            fprintf(file, "%s\"/usr/lib/%d/%d\"", k ? "," : "", i, k * i);
        fputs("]}\n", file);
    }
    long size = ftell(file);
    assert_true(size > 90000000);
    fclose(file);
    getrusage(RUSAGE_SELF, &before);
    assert_int_equal(harness_import_file(&outcome, &options, path, &err), 0);
    getrusage(RUSAGE_SELF, &after);
    unlink(path);
    assert_int_equal(outcome.last.features.counts.entries, RECORDS + 1);
#if !SANITIZED
    if (after.ru_maxrss - before.ru_maxrss > LIMIT_KIB)
        fail_msg("%ld KiB more for %ld bytes", after.ru_maxrss - before.ru_maxrss, size);
#endif
    outcome_free(&outcome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_does_not_grow_with_a_frame), /* first: the high-water mark is the process's */
        cmocka_unit_test(the_real_frame),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(dialects_give_one_tree),
        cmocka_unit_test(a_mounted_system_is_the_system),
        cmocka_unit_test(gzip_is_the_same_frame),
        cmocka_unit_test(a_bad_frame_does_not_undo_those_before),
        cmocka_unit_test(options_come_before_the_metadata),
        cmocka_unit_test(long_lines_are_refused),
        cmocka_unit_test(deep_paths_are_bounded),
        cmocka_unit_test(circles_of_links_end),
        cmocka_unit_test(a_caller_can_stop),
    };

    store = scratch_store(STORE_CREATE);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    store_close(store);
    scratch_remove();
    return failed;
}
