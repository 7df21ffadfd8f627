/* Contents that come piece by piece: the same blobs as in one piece, in flat memory, beside other writers, and nothing
 * left of those that were given up or killed. */
#include "db/blob_writer.h"

#include "base/cleanup.h"
#include "db/blob.h"
#include "tests/unit/ok.h"
#include "tests/unit/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB (1u << 20)
#define STREAM (4 * MIB) /* does not fit into what is gathered, so it has a file before it ends */

/* Bytes that differ from place to place, with some runs of zeros of every length among them. */
static uint8_t *make_bytes(size_t size, unsigned seed)
{
    uint8_t *bytes = malloc(size + 1);

    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (i / 3000) % 5 == 1 ? 0 : (uint8_t)((i * 2654435761u + seed * 40503u) >> 7 | 1);
    return bytes;
}

static struct blob_writer *new_writer(struct store *store)
{
    struct blob_writer *writer;

    ok(blob_writer_new(&writer, store, &err));
    return writer;
}

static int finish_and_settle(int64_t *id, struct digest *digest, uint64_t *size, struct blob_writer *writer)
{
    int result = blob_writer_finish(id, digest, size, writer, &err);

    if (result == 0)
        result = blob_writer_settle(writer, &err);
    if (result == 0)
        blob_writer_redeem(id, digest, writer);
    return result;
}

static struct blob finish(struct store *store, struct blob_writer *writer)
{
    struct digest digest;
    uint64_t size;
    int64_t id;
    struct blob blob;

    ok(finish_and_settle(&id, &digest, &size, writer));
    ok(blob_find(&blob, store, id, &err));
    assert_int_equal(blob.size, size);
    assert_true(digest_equal(&blob.digest, &digest));
    return blob;
}

static struct blob write_pieces(struct store *store, struct blob_writer *writer, const uint8_t *bytes, size_t size,
                                size_t piece)
{
    for (size_t at = 0; at < size; at += piece)
        ok(blob_writer_add(writer, bytes + at, size - at < piece ? size - at : piece, &err));
    return finish(store, writer);
}

/* How many files stand aside in blobs/. */
static int count_aside(void)
{
    char path[256];
    int count = 0;

    snprintf(path, sizeof path, "%s/store/blobs", scratch_make());
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory));)
        count += strncmp(entry->d_name, "new", 3) == 0;
    closedir(directory);
    return count;
}

static void any_size_in_any_pieces(void **state)
{
    static const size_t sizes[] = {0,
                                   1,
                                   4096,
                                   BLOB_INLINE_MAX - 1,
                                   BLOB_INLINE_MAX,
                                   BLOB_INLINE_MAX + 1,
                                   2 * BLOB_INLINE_MAX - 1,
                                   2 * BLOB_INLINE_MAX,
                                   3 * BLOB_INLINE_MAX + 4097,
                                   MIB - 1,
                                   MIB,
                                   MIB + 1,
                                   3 * MIB,
                                   12 * MIB + 4097};
    static const size_t pieces[] = {100, 4096,   10240, BLOB_INLINE_MAX - 1, BLOB_INLINE_MAX, BLOB_INLINE_MAX + 1,
                                    MIB, 2 * MIB};
    struct store *store = scratch_store(STORE_CREATE);
    struct blob_writer *writer = new_writer(store);
    (void)state;

    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (unsigned j = 0; j < sizeof pieces / sizeof *pieces; j++) {
            size_t size = sizes[i];
            cleanup_free uint8_t *bytes = make_bytes(size, 100 * i + j), *got = malloc(size + 1);
            struct blob blob = write_pieces(store, writer, bytes, size, pieces[j]);
            struct digest digest;
            int64_t id;

            assert_int_equal(blob.size, size);
            assert_int_equal(blob.in_file, size > BLOB_INLINE_MAX);
            assert_int_equal(blob_read(got, store, &blob, 0, size + 1, &err), size);
            assert_memory_equal(got, bytes, size);
            ok(blob_put(&id, &digest, store, bytes, size, &err));
            assert_int_equal(id, blob.id);
            blob_rest(store);
        }
    assert_int_equal(count_aside(), 0);
    blob_writer_free(writer);
    store_close(store);
}

static void zeros_take_neither_room_nor_memory(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct blob_writer *writer = new_writer(store);
    cleanup_free uint8_t *zeros = calloc(1, MIB);
    struct rusage before, after;
    struct stat st;
    (void)state;

    assert_non_null(zeros);
    getrusage(RUSAGE_SELF, &before);
    for (int i = 0; i < 1024; i++)
        ok(blob_writer_add(writer, zeros, MIB, &err));
    struct blob blob = finish(store, writer);
    getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_maxrss - before.ru_maxrss < 16 * 1024);
    assert_int_equal(blob.size, 1u << 30);
    cleanup_close int fd = blob_open(store, &blob, &err);
    ok(fd);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 1u << 30);
    assert_true(st.st_blocks < 1024);
    blob_writer_free(writer);
    store_close(store);
}

/* Two connections, in one thread: neither may wait for the other. One content is the same, one of each one's own. */
static void two_write_at_once(void **state)
{
    struct store *one = scratch_store(STORE_CREATE), *other = scratch_store(STORE_CREATE);
    struct blob_writer *a = new_writer(one), *b = new_writer(other);
    cleanup_free uint8_t *bytes = make_bytes(STREAM, 7);
    (void)state;

    for (size_t at = 0; at < STREAM; at += STREAM / 16) {
        ok(blob_writer_add(a, bytes + at, STREAM / 16, &err));
        ok(blob_writer_add(b, bytes + at, STREAM / 16, &err));
        struct digest digest;
        int64_t id;
        ok(blob_put(&id, &digest, one, &at, sizeof at, &err));
        ok(store_flush(one, &err));
    }
    assert_int_equal(count_aside(), 2);
    struct blob same = finish(one, a);
    ok(store_flush(one, &err));
    assert_int_equal(finish(other, b).id, same.id);
    assert_int_equal(count_aside(), 0);
    bytes[0] ^= 1;
    assert_int_not_equal(write_pieces(one, a, bytes, STREAM, 5000).id, same.id);
    bytes[0] ^= 1;
    assert_int_equal(write_pieces(one, a, bytes, STREAM, 5000).id, same.id);
    blob_writer_free(a);
    blob_writer_free(b);
    store_close(one);
    store_close(other);
}

/* A large content that comes slowly holds no batch open for long, so another connection can write. */
static void nobody_waits_for_a_stream(void **state)
{
    struct store *one = scratch_store(STORE_CREATE), *other = scratch_store(STORE_CREATE);
    struct blob_writer *writer = new_writer(one);
    cleanup_free uint8_t *bytes = make_bytes(STREAM, 8);
    struct digest digest;
    int64_t id;
    (void)state;

    ok(blob_put(&id, &digest, one, "opens a batch", 13, &err));
    usleep(60000);
    ok(blob_writer_add(writer, bytes, STREAM, &err));
    ok(blob_put(&id, &digest, other, "opens another", 13, &err));
    ok(store_flush(other, &err));
    blob_writer_free(writer);
    assert_int_equal(count_aside(), 0);
    store_close(one);
    store_close(other);
}

static void what_was_given_up_leaves_nothing(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct blob_writer *writer = new_writer(store);
    cleanup_free uint8_t *bytes = make_bytes(STREAM, 9);
    (void)state;

    ok(blob_writer_add(writer, bytes, MIB, &err));
    blob_writer_drop(writer);
    ok(blob_writer_add(writer, bytes, STREAM, &err));
    blob_writer_drop(writer);
    ok(blob_writer_add(writer, bytes, 10, &err));
    blob_writer_drop(writer);
    assert_int_equal(count_aside(), 0);
    struct blob blob = write_pieces(store, writer, (const uint8_t *)"abc", 3, 1);
    assert_int_equal(blob.size, 3);
    assert_int_equal(blob.digest.bytes[0], 0xba);
    blob_writer_free(writer);
    store_close(store);
}

/* A disk that is full, as far as a process can make one: the content is refused, the next one is not. */
static void a_full_disk_is_an_error(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct blob_writer *writer = new_writer(store);
    cleanup_free uint8_t *bytes = make_bytes(16 * MIB, 10);
    struct rlimit before, small;
    struct digest digest;
    uint64_t size;
    int64_t id;
    (void)state;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 8 * MIB;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int result = 0;
    for (int i = 0; i < 2 && result == 0; i++)
        result = blob_writer_add(writer, bytes, 16 * MIB, &err); /* told of when the worker has come there */
    if (result == 0)
        result = finish_and_settle(&id, &digest, &size, writer);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(result, -EFBIG);
    blob_writer_drop(writer);
    assert_int_equal(count_aside(), 0);
    assert_int_equal(write_pieces(store, writer, bytes, MIB, MIB).size, MIB);
    blob_writer_free(writer);
    store_close(store);
}

/* In a process that was made before there were threads: when it is told to. */
static void write_and_die(int told, const uint8_t *bytes)
{
    char byte;

    if (read(told, &byte, 1) != 1)
        return;
    struct store *store = scratch_store(STORE_CREATE);
    struct blob_writer *writer = new_writer(store);

    ok(blob_writer_add(writer, bytes, STREAM, &err));
    raise(SIGKILL);
}

/* What a killed writer left goes when somebody begins to write, and what living ones are at stays. */
static void leftovers_of_the_killed_are_swept(void **state)
{
    cleanup_free uint8_t *bytes = make_bytes(STREAM, 11);
    int status, tell[2];
    (void)state;

    scratch_make();
    assert_int_equal(pipe(tell), 0);
    pid_t child = fork();
    if (child == 0) {
        write_and_die(tell[0], bytes);
        _exit(1);
    }
    struct store *live = scratch_store(STORE_CREATE);
    struct blob_writer *living = new_writer(live);
    ok(blob_writer_add(living, bytes, STREAM, &err));
    assert_int_equal(write(tell[1], "", 1), 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    close(tell[0]);
    close(tell[1]);
    assert_int_equal(count_aside(), 2);
    struct store *next = scratch_store(STORE_CREATE);
    struct blob_writer *writer = new_writer(next);
    ok(blob_writer_add(writer, bytes, STREAM, &err));
    assert_int_equal(count_aside(), 2);
    finish(next, writer);
    ok(store_flush(next, &err));
    finish(live, living);
    assert_int_equal(count_aside(), 0);
    blob_writer_free(writer);
    blob_writer_free(living);
    store_close(next);
    store_close(live);
}

/* What got tickets: of each size and kind, new, known before, and repeated. */
static void tickets_become_rows(void **state)
{
    static const size_t sizes[] = {100, BLOB_INLINE_MAX + 1, MIB, STREAM + 5, BLOB_INLINE_MAX + 1, STREAM + 5, 300000};
    enum { COUNT = sizeof sizes / sizeof *sizes };
    struct store *store = scratch_store(STORE_CREATE);
    struct blob_writer *writer = new_writer(store);
    int64_t ids[COUNT], known;
    struct digest digests[COUNT], expected;
    cleanup_free uint8_t *bytes = make_bytes(STREAM + 5, 12);
    uint64_t size;
    (void)state;

    ok(blob_put(&known, &expected, store, bytes, 300000, &err));
    ok(store_flush(store, &err));
    const int64_t before = scratch_sql("SELECT count(*) FROM blob");
    for (size_t i = 0; i < COUNT; i++) {
        ok(blob_writer_add(writer, bytes, sizes[i], &err));
        ok(blob_writer_finish(&ids[i], &digests[i], &size, writer, &err));
        assert_int_equal(size, sizes[i]);
        assert_true(sizes[i] > BLOB_INLINE_MAX ? ids[i] < 0 : ids[i] > 0);
    }
    ok(store_flush(store, &err));
    assert_int_equal(scratch_sql("SELECT count(*) FROM blob"), before + 1);
    ok(blob_writer_settle(writer, &err));
    for (size_t i = 0; i < COUNT; i++) {
        struct blob blob;

        blob_writer_redeem(&ids[i], &digests[i], writer);
        ok(blob_find(&blob, store, ids[i], &err));
        assert_int_equal(blob.size, sizes[i]);
        assert_true(digest_equal(&blob.digest, &digests[i]));
    }
    assert_int_equal(ids[4], ids[1]);
    assert_int_equal(ids[5], ids[3]);
    assert_int_equal(ids[6], known);
    assert_int_equal(count_aside(), 0);
    ok(store_flush(store, &err));
    blob_writer_free(writer);
    store_close(store);
    assert_int_equal(scratch_sql("SELECT count(*) FROM blob"), before + 4);
}

/* So many, or so large ones, are enough; who gives them up leaves nothing. */
static void a_writer_is_full_at_last(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct blob_writer *writer = new_writer(store);
    cleanup_free uint8_t *bytes = make_bytes(STREAM, 13);
    const int64_t before = scratch_sql("SELECT count(*) FROM blob");
    unsigned count = 0, large = 0;
    struct digest digest;
    uint64_t size;
    int64_t id;
    (void)state;

    for (; !blob_writer_is_full(writer); count++) {
        bytes[0] = (uint8_t)count;
        ok(blob_writer_add(writer, bytes, BLOB_INLINE_MAX + 1, &err));
        ok(blob_writer_finish(&id, &digest, &size, writer, &err));
    }
    assert_in_range(count, 2, 255);
    ok(blob_writer_settle(writer, &err));
    assert_false(blob_writer_is_full(writer));
    for (; !blob_writer_is_full(writer); large++) {
        bytes[1] = (uint8_t)(large + 1);
        ok(blob_writer_add(writer, bytes, STREAM, &err));
        ok(blob_writer_finish(&id, &digest, &size, writer, &err));
    }
    assert_true(large < count);
    blob_writer_free(writer);
    assert_int_equal(count_aside(), 0);
    store_close(store);
    assert_int_equal(scratch_sql("SELECT count(*) FROM blob"), before + count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_size_in_any_pieces),
        cmocka_unit_test(zeros_take_neither_room_nor_memory),
        cmocka_unit_test(two_write_at_once),
        cmocka_unit_test(nobody_waits_for_a_stream),
        cmocka_unit_test(what_was_given_up_leaves_nothing),
        cmocka_unit_test(a_full_disk_is_an_error),
        cmocka_unit_test(leftovers_of_the_killed_are_swept),
        cmocka_unit_test(tickets_become_rows),
        cmocka_unit_test(a_writer_is_full_at_last),
    };

    return cmocka_run_group_tests(tests, NULL, scratch_tear_down);
}
