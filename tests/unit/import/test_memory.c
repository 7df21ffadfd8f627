/* Each allocation of reading and arranging a frame fails in turn: an error comes of it, and nothing else. And what a
 * hostile frame makes us ask for stays in proportion. The linker puts our allocators in the place of the C library's
 * (-Wl,--wrap). */
#include "import/frame.h"

#include "tests/unit/import/frame_harness.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);

static size_t until_failure; /* allocations; 0: none fails */
static size_t asked;         /* bytes, of all allocations together */

static bool fails(void)
{
    return until_failure > 0 && --until_failure == 0;
}

void *__wrap_malloc(size_t size)
{
    asked += size;
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    asked += size;
    return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

static int add_text(void *text, const struct feature *feature, struct error *err)
{
    (void)err;
    /* Not into a buffer: its own allocations are not what is tried here. */
    *(uint64_t *)text = *(uint64_t *)text * 31 + feature->value_size + (uint8_t)feature->value[feature->value_size / 2];
    return 0;
}

static int arrange(void *sum, struct frame *frame, const char *cut_short, struct error *err)
{
    int rc = frame_arrange(frame, cut_short, err);

    *(uint64_t *)sum += builder_added(frame->builder);
    return rc < 0 ? rc : record_set_visit(&frame->features, add_text, sum, err);
}

static int read_once(uint64_t *sum, const char *bytes, size_t size, struct error *err)
{
    static const struct import_options options = {.partial = true};
    int fd = memfd_create("frame", MFD_CLOEXEC);
    struct source *source;

    *sum = 0;
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    lseek(fd, 0, SEEK_SET);
    int rc = harness_source(&source, fd, "frame", err);
    if (rc < 0)
        return rc;
    rc = frames_read(&options, "/tmp", source, arrange, sum, err);
    source_close(source);
    return rc;
}

static void try_frame(const char *name)
{
    char path[4096];
    size_t size, tries = 0;
    uint64_t expected, sum;
    struct error err;
    int rc;

    snprintf(path, sizeof path, "%s/tests/golden/frame/%s.frame", getenv("srcdir") ? getenv("srcdir") : ".", name);
    char *bytes = harness_read_file(&size, path);
    assert_non_null(bytes);
    assert_int_equal(read_once(&expected, bytes, size, &err), 0);
    do {
        memset(&err, 0, sizeof err);
        until_failure = ++tries;
        rc = read_once(&sum, bytes, size, &err);
        bool failed = until_failure == 0;
        until_failure = 0;
        if (!failed)
            break;
        /* One that is not needed (a warning's text) may fail; then all is as it would have been. */
        if (rc == 0 ? sum != expected : rc != -ENOMEM || err.code != EXIT_SYSTEM)
            fail_msg("%s, allocation %zu: %d %s", name, tries, rc, err.text);
    } while (tries < 100000);
    assert_int_equal(rc, 0);
    assert_true(tries > 20);
    free(bytes);
}

static void every_allocation_may_fail(void **state)
{
    static const char *const names[] = {
        "configs",  "duplicates", "escaped-values", "fluentd",       "hostile-names",           "json", "links",
        "logstash", "numbers",    "partial",        "quoted-prefix", "records-before-metadata", "v01",
    };
    (void)state;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        try_frame(names[i]);
}

/* Records of 4 KB with 2,000 directories each that nobody mentioned: a directory costs what an entry does, not what its
 * path is long. */
static void directories_nobody_mentioned_are_small(void **state)
{
    enum { RECORDS = 20, DEPTH = 2000, DIRECTORY_MAX = 512 };
    static const char value[] = "{\"type\":\"file\",\"mode\":33188,\"size\":0,\"uid\":0,\"gid\":0,\"mtime\":1}";
    char *text = NULL;
    size_t size;
    uint64_t sum;
    struct error err;
    FILE *out = open_memstream(&text, &size);
    (void)state;

    fputs("metadata\t\"metadata\"\t{\"namespace\":\"deep\",\"timestamp\":\"2017-03-11T17:04:29Z\"}\n", out);
    for (int i = 0; i < RECORDS; i++) {
        fprintf(out, "file\t\"/%d", i);
        for (int depth = 0; depth < DEPTH; depth++)
            fputs("/a", out);
        fprintf(out, "\"\t%s\n", value);
    }
    fclose(out);
    asked = 0;
    assert_int_equal(read_once(&sum, text, size, &err), 0);
    assert_true(asked > 0 && asked < (size_t)RECORDS * DEPTH * DIRECTORY_MAX);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(directories_nobody_mentioned_are_small),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
