/* Lines out of plain and gzip sources, and spools. */
#include "import/source.h"

#include "import/spool.h"
#include "tests/unit/import/frame_harness.h"
#include "tests/unit/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

static struct error err;

static int memory_file(const void *bytes, size_t size)
{
    int fd = memfd_create("source", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    lseek(fd, 0, SEEK_SET);
    return fd;
}

/* gzip of a text behind what is in `out` already; returns the new size. */
static size_t add_gzip(uint8_t *out, size_t used, size_t room, const char *text)
{
    z_stream z = {0};

    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)text;
    z.avail_in = (uInt)strlen(text);
    z.next_out = out + used;
    z.avail_out = (uInt)(room - used);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    used += z.total_out;
    deflateEnd(&z);
    return used;
}

static void expect_lines(const void *bytes, size_t size, const char *const *lines, bool cut_short)
{
    struct source *source;
    struct line line;
    uint64_t number = 0;

    assert_int_equal(harness_source(&source, memory_file(bytes, size), "it", &err), 0);
    assert_string_equal(source_name(source), "it");
    for (; *lines; lines++) {
        assert_int_equal(source_next_line(&line, source, &err), 1);
        assert_int_equal(line.size, strlen(*lines));
        assert_memory_equal(line.bytes, *lines, line.size);
        assert_int_equal(line.number, ++number);
    }
    assert_int_equal(source_next_line(&line, source, &err), 0);
    assert_int_equal(source_next_line(&line, source, &err), 0);
    assert_int_equal(source_is_cut_short(source), cut_short);
    source_close(source);
}

static void plain_text_is_lines(void **state)
{
    (void)state;
    expect_lines("", 0, (const char *const[]){NULL}, false);
    expect_lines("a\n\nb\r\nc", 7, (const char *const[]){"a\n", "\n", "b\r\n", "c", NULL}, false);
    expect_lines("\x1f", 1, (const char *const[]){"\x1f", NULL}, false);
}

static void gzip_is_told_by_content(void **state)
{
    uint8_t bytes[1000];
    size_t one = add_gzip(bytes, 0, sizeof bytes, "a\nb");
    size_t two = add_gzip(bytes, one, sizeof bytes, "c\nd\n");
    (void)state;

    expect_lines(bytes, two, (const char *const[]){"a\n", "bc\n", "d\n", NULL}, false);
    bytes[two] = '\n';
    expect_lines(bytes, two + 1, (const char *const[]){"a\n", "bc\n", "d\n", NULL}, false);
    memcpy(bytes + two, "trailing garbage", 16);
    expect_lines(bytes, two + 16, (const char *const[]){"a\n", "bc\n", "d\n", NULL}, false);
}

static void gzip_cut_short_is_noticed(void **state)
{
    uint8_t bytes[1000];
    size_t size = add_gzip(bytes, 0, sizeof bytes, "a\nb\n");
    struct source *source;
    struct line line;
    (void)state;

    expect_lines(bytes, size - 4, (const char *const[]){"a\n", "b\n", NULL}, true);
    for (size_t cut = 3; cut < size; cut++) {
        int rc;

        assert_int_equal(harness_source(&source, memory_file(bytes, cut), "it", &err), 0);
        while ((rc = source_next_line(&line, source, &err)) == 1)
            continue;
        assert_int_equal(rc, 0);
        assert_true(source_is_cut_short(source));
        source_close(source);
    }
    bytes[size - 6] ^= 1; /* the checksum */
    assert_int_equal(harness_source(&source, memory_file(bytes, size), "it", &err), 0);
    int rc;
    while ((rc = source_next_line(&line, source, &err)) == 1)
        continue;
    assert_int_equal(rc, -EBADMSG);
    assert_string_equal(err.text, "it:1: broken gzip, incorrect data check");
    source_close(source);
}

static void long_lines_are_lines_up_to_a_limit(void **state)
{
    size_t size = SOURCE_LINE_MAX + 2;
    char *text = malloc(size);
    struct source *source;
    struct line line;
    (void)state;

    assert_non_null(text);
    memset(text, 'x', size);
    text[0] = '\n';
    text[SOURCE_LINE_MAX] = '\n';
    assert_int_equal(harness_source(&source, memory_file(text, SOURCE_LINE_MAX + 1), "it", &err), 0);
    assert_int_equal(source_next_line(&line, source, &err), 1);
    assert_int_equal(source_next_line(&line, source, &err), 1);
    assert_int_equal(line.size, SOURCE_LINE_MAX);
    assert_int_equal(source_next_line(&line, source, &err), 0);
    source_close(source);

    text[SOURCE_LINE_MAX] = 'x';
    text[SOURCE_LINE_MAX + 1] = '\n';
    assert_int_equal(harness_source(&source, memory_file(text, size), "it", &err), 0);
    assert_int_equal(source_next_line(&line, source, &err), 1);
    assert_int_equal(source_next_line(&line, source, &err), -EBADMSG);
    assert_string_equal(err.text, "it:2: a line of more than 64 MiB");
    source_close(source);
    free(text);
}

static void what_cannot_be_read_is_told(void **state)
{
    struct source *source;
    struct line line;
    (void)state;

    assert_int_equal(harness_source_file(&source, "/nonexistent/frame", &err), -ENOENT);
    assert_string_equal(err.text, "/nonexistent/frame: No such file or directory");
    assert_int_equal(err.code, EXIT_SYSTEM);
    assert_int_equal(harness_source_file(&source, "/", &err), 0);
    assert_int_equal(source_next_line(&line, source, &err), -EISDIR);
    assert_string_equal(err.text, "/: Is a directory");
    source_close(source);
}

static void spools_give_back_what_they_took(void **state)
{
    enum { PIECES = 3000, PIECE_MAX = 997 };
    static uint8_t piece[300000], back[300000];
    struct spool *spool = spool_new(scratch_make());
    uint64_t offsets[PIECES];
    (void)state;

    assert_non_null(spool);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < PIECES; i++) {
            offsets[i] = spool_size(spool);
            memset(piece, (int)i, sizeof piece);
            assert_int_equal(spool_add(spool, piece, i == 1000 ? sizeof piece : i % PIECE_MAX, &err), 0);
        }
        for (size_t i = 0; i < PIECES; i += 7) {
            memset(piece, (int)i, sizeof piece);
            assert_int_equal(spool_read(back, spool, offsets[i], i % PIECE_MAX, &err), 0);
            assert_memory_equal(back, piece, i % PIECE_MAX);
            assert_memory_equal(spool_view(spool, offsets[i], i % PIECE_MAX, &err), piece, i % PIECE_MAX);
        }
        assert_int_equal(spool_read(back, spool, spool_size(spool) - 10, 11, &err), -EIO);
        assert_null(spool_view(spool, spool_size(spool) - 10, 11, &err));
        assert_int_equal(spool_clear(spool, &err), 0);
        assert_int_equal(spool_size(spool), 0);
    }
    spool_free(spool);
    spool = spool_new("/nonexistent");
    assert_int_equal(spool_add(spool, piece, sizeof piece, &err), -ENOENT);
    assert_string_equal(err.text, "a temporary file in /nonexistent: No such file or directory");
    spool_free(spool);
}

/* The disk is full in the middle of a write: what a limit on the size of files looks like too. */
static void a_full_disk_is_told(void **state)
{
    static uint8_t piece[300000];
    struct rlimit before, limit;
    struct spool *spool = spool_new(scratch_make());
    (void)state;

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    limit = before;
    limit.rlim_cur = 500000;
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_int_equal(spool_add(spool, piece, sizeof piece, &err), 0);
    assert_int_equal(spool_add(spool, piece, sizeof piece, &err), -EFBIG);
    assert_int_equal(err.code, EXIT_SYSTEM);
    setrlimit(RLIMIT_FSIZE, &before);
    spool_free(spool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_is_lines),         cmocka_unit_test(gzip_is_told_by_content),
        cmocka_unit_test(gzip_cut_short_is_noticed),   cmocka_unit_test(long_lines_are_lines_up_to_a_limit),
        cmocka_unit_test(what_cannot_be_read_is_told), cmocka_unit_test(spools_give_back_what_they_took),
        cmocka_unit_test(a_full_disk_is_told),
    };

    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    scratch_remove();
    return failed;
}
