/* Contents: where they are kept, that each is kept once, reading by ranges, and handles that others' writes make old.
 */
#include "db/blob.h"

#include "base/cleanup.h"
#include "base/timestamp.h"
#include "db/check.h"
#include "tests/unit/ok.h"
#include "tests/unit/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

/* Bytes that differ from place to place, so that a range that is off by one shows. */
static uint8_t *make_bytes(size_t size, unsigned seed)
{
    uint8_t *bytes = malloc(size + 1);

    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)((i * 2654435761u + seed * 40503u) >> 7);
    return bytes;
}

static int64_t put(struct store *store, const void *bytes, size_t size)
{
    struct digest digest;
    int64_t id = 0;

    ok(blob_put(&id, &digest, store, bytes, size, &err));
    return id;
}

/* Where the file of a blob stands, if it has one. */
static void file_of(char out[256], const struct blob *blob)
{
    char hex[DIGEST_HEX_SIZE];

    hex_encode(hex, blob->digest.bytes, DIGEST_SIZE);
    snprintf(out, 256, "%s/store/blobs/%.2s/%s", scratch_make(), hex, hex);
}

static void small_ones_are_rows_and_large_ones_files(void **state)
{
    static const size_t sizes[] = {0, 1, 4096, BLOB_INLINE_MAX - 1, BLOB_INLINE_MAX, BLOB_INLINE_MAX + 1, 1u << 20};
    struct store *store = scratch_store(STORE_CREATE);
    (void)state;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        cleanup_free uint8_t *bytes = make_bytes(sizes[i], 1), *got = malloc(sizes[i] + 1);
        int64_t id = put(store, bytes, sizes[i]);
        struct blob blob;
        struct stat st;
        char path[256];

        ok(blob_find(&blob, store, id, &err));
        assert_int_equal(blob.size, sizes[i]);
        assert_int_equal(blob.in_file, sizes[i] > BLOB_INLINE_MAX);
        assert_int_equal(blob_read(got, store, &blob, 0, sizes[i] + 1, &err), sizes[i]);
        assert_memory_equal(got, bytes, sizes[i]);
        file_of(path, &blob);
        assert_int_equal(stat(path, &st), blob.in_file ? 0 : -1);
        if (blob.in_file) {
            assert_int_equal(st.st_mode, S_IFREG | 0400);
            assert_int_equal(st.st_size, sizes[i]);
        }
        blob_rest(store);
    }
    store_close(store);
}

static void same_bytes_are_kept_once(void **state)
{
    struct store *one = scratch_store(STORE_CREATE), *other = scratch_store(STORE_CREATE);
    cleanup_free uint8_t *small = make_bytes(100, 2), *large = make_bytes(BLOB_INLINE_MAX * 2, 2);
    (void)state;

    int64_t small_id = put(one, small, 100), large_id = put(one, large, BLOB_INLINE_MAX * 2);
    assert_int_equal(put(one, small, 100), small_id);
    ok(store_flush(one, &err));
    assert_int_equal(put(other, small, 100), small_id);
    assert_int_equal(put(other, large, BLOB_INLINE_MAX * 2), large_id);
    assert_int_not_equal(put(other, small, 99), small_id);
    ok(store_flush(other, &err));
    store_close(one);
    store_close(other);
}

/* What a batch wrote that is taken back is gone, and what was there before is there. */
static void batches_are_taken_back(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct blob blob;
    (void)state;

    int64_t first = put(store, "one", 3);
    ok(store_flush(store, &err));
    int64_t lost = put(store, "two", 3);
    store_rollback(store);
    assert_int_equal(blob_find(&blob, store, lost, &err), -ENOENT);
    assert_int_equal(put(store, "one", 3), first);
    store_close(store);
}

#define PATIENCE_MS 5000

/* One thing is new; then only what is known is put, until somebody else sees the new one. */
static void batch_ends_beside(const void *known, size_t size, const char *new)
{
    struct store *store = scratch_store(STORE_CREATE);
    uint64_t began = timestamp_now();
    char count[80];

    put(store, known, size);
    ok(store_flush(store, &err));
    put(store, new, strlen(new));
    snprintf(count, sizeof count, "SELECT count(*) FROM blob WHERE size = %zu", strlen(new));
    while (scratch_sql(count) == 0) {
        assert_in_range((timestamp_now() - began) / 1000000, 0, PATIENCE_MS);
        put(store, known, size);
    }
    store_close(store);
}

/* An import of which one thing is new looks up everything else for as long as it takes. */
static void batches_end_while_nothing_is_new(void **state)
{
    cleanup_free uint8_t *large = make_bytes(BLOB_INLINE_MAX + 77, 11);
    (void)state;

    batch_ends_beside("known", 5, "only this is new");
    batch_ends_beside(large, BLOB_INLINE_MAX + 77, "and then only that one");
}

static void check_ranges(struct store *store, const struct blob *blob, const uint8_t *bytes)
{
    const struct {
        uint64_t offset;
        size_t size;
        ssize_t got;
    } ranges[] = {
        {0, 1, 1},
        {1, 100, 100},
        {blob->size - 1, 100, 1},
        {blob->size, 1, 0},
        {blob->size + 1, 1, 0},
        {UINT64_MAX, 1, 0},
        {blob->size / 2, 0, 0},
        {blob->size / 2, SIZE_MAX / 4, (ssize_t)(blob->size - blob->size / 2)},
    };
    cleanup_free uint8_t *got = malloc(blob->size);

    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        assert_int_equal(blob_read(got, store, blob, ranges[i].offset, ranges[i].size, &err), ranges[i].got);
        assert_memory_equal(got, bytes + (ranges[i].got ? ranges[i].offset : 0), (size_t)ranges[i].got);
    }
}

static void ranges_are_read(void **state)
{
    static const size_t sizes[] = {1000, BLOB_INLINE_MAX, BLOB_INLINE_MAX * 3 + 7};
    struct store *store = scratch_store(STORE_CREATE);
    (void)state;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        cleanup_free uint8_t *bytes = make_bytes(sizes[i], 3);
        struct blob blob;

        ok(blob_find(&blob, store, put(store, bytes, sizes[i]), &err));
        ok(store_flush(store, &err));
        check_ranges(store, &blob, bytes);
    }
    blob_rest(store);
    store_close(store);
}

/* The kept handle is an open read transaction: it goes on with what it saw while others write, it finds what came
 * after that, and it does not keep the WAL from being taken over once it rests. */
static void handles_survive_the_writes_of_others(void **state)
{
    struct store *reader = scratch_store(STORE_READ), *writer = scratch_store(STORE_WRITE);
    uint8_t expected[300], got[300];
    struct blob before, after;
    bool changed;
    (void)state;

    memset(expected, 'x', sizeof expected);
    int64_t id = put(writer, expected, sizeof expected);
    ok(store_flush(writer, &err));
    ok(store_changed(&changed, reader, &err));
    ok(blob_find(&before, reader, id, &err));
    assert_int_equal(blob_read(got, reader, &before, 0, 10, &err), 10);
    for (int i = 0; i < 500; i++) {
        snprintf((char *)expected, sizeof expected, "number %d", i);
        id = put(writer, expected, sizeof expected);
        ok(store_flush(writer, &err));
        if (i % 50 == 0) {
            ok(blob_find(&after, writer, id, &err));
            assert_int_equal(blob_read(got, reader, &after, 0, sizeof got, &err), sizeof got);
            assert_memory_equal(got, expected, sizeof got);
        }
        assert_int_equal(blob_read(got, reader, &before, 17, 1, &err), 1);
        assert_int_equal(got[0], 'x');
    }
    blob_rest(reader);
    ok(store_changed(&changed, reader, &err));
    assert_true(changed);
    ok(blob_find(&after, reader, id, &err));
    store_close(reader);
    store_close(writer);
}

static void what_is_lost_is_an_error(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    cleanup_free uint8_t *bytes = make_bytes(BLOB_INLINE_MAX + 1, 9);
    struct blob blob, none = {.id = INT64_MAX, .size = 10};
    char path[256], byte;
    (void)state;

    ok(blob_find(&blob, store, put(store, bytes, BLOB_INLINE_MAX + 1), &err));
    file_of(path, &blob);
    assert_int_equal(remove(path), 0);
    assert_int_equal(blob_read(&byte, store, &blob, 0, 1, &err), -ENOENT);
    assert_non_null(strstr(err.text, path + strlen(scratch_make())));
    assert_true(blob_read(&byte, store, &none, 0, 1, &err) < 0);
    assert_int_equal(blob_find(&blob, store, INT64_MAX, &err), -ENOENT);
    store_close(store);
}

/* Who was killed while he wrote a large blob left a file that nobody may write to; it is in nobody's way. */
static void a_file_left_aside_is_replaced(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    cleanup_free uint8_t *bytes = make_bytes(BLOB_INLINE_MAX + 9, 10);
    char path[256];
    struct digest digest;
    int64_t id;
    (void)state;

    snprintf(path, sizeof path, "%s/store/blobs/new", scratch_make());
    FILE *left = fopen(path, "w");
    assert_non_null(left);
    fputs("half a bl", left);
    fclose(left);
    assert_int_equal(chmod(path, 0400), 0);
    ok(blob_put(&id, &digest, store, bytes, BLOB_INLINE_MAX + 9, &err));
    ok(store_flush(store, &err));
    snprintf(path, sizeof path, "%s/store/blobs", scratch_make());
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory));)
        assert_true(strlen(entry->d_name) <= 2); /* ".", "..", "ab" */
    closedir(directory);
    store_close(store);
}

#define WRITERS 4
#define SHARED 10 /* contents that all of them put */
#define OWN 10    /* contents of each one's own */

static void put_large(struct store *store, uint32_t seed)
{
    cleanup_free uint8_t *bytes = make_bytes(BLOB_INLINE_MAX + 1000, seed);
    struct digest digest;
    struct error e;
    int64_t id;

    if (blob_put(&id, &digest, store, bytes, BLOB_INLINE_MAX + 1000, &e) < 0) {
        fprintf(stderr, "%s\n", e.text);
        abort(); /* cmocka's way out is for the main thread only */
    }
}

static void *write_large(void *arg)
{
    uint32_t number = *(uint32_t *)arg;
    struct store *store;
    struct error e;
    char path[256];

    snprintf(path, sizeof path, "%s/store", scratch_make());
    if (store_open(&store, path, STORE_WRITE, &e) < 0)
        abort();
    for (uint32_t i = 0; i < SHARED + OWN; i++)
        put_large(store, 1000 + (i < SHARED ? i : i * WRITERS + number));
    if (store_flush(store, &e) < 0)
        abort();
    store_close(store);
    return NULL;
}

static void show(void *arg, const char *text)
{
    (void)arg;
    print_message("%s\n", text);
}

/* They write aside one after the other, without the store's lock; each content comes out whole and once. */
static void several_write_large_ones(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    int64_t before = scratch_sql("SELECT count(*) FROM blob");
    pthread_t threads[WRITERS];
    uint32_t numbers[WRITERS];
    struct check check = {.report = show};
    (void)state;

    for (uint32_t i = 0; i < WRITERS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, write_large, &numbers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(scratch_sql("SELECT count(*) FROM blob") - before, SHARED + WRITERS * OWN);
    ok(store_check(&check, store, &err));
    assert_int_equal(check.bad, 0);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_ones_are_rows_and_large_ones_files),
        cmocka_unit_test(same_bytes_are_kept_once),
        cmocka_unit_test(batches_are_taken_back),
        cmocka_unit_test(batches_end_while_nothing_is_new),
        cmocka_unit_test(ranges_are_read),
        cmocka_unit_test(handles_survive_the_writes_of_others),
        cmocka_unit_test(what_is_lost_is_an_error),
        cmocka_unit_test(a_file_left_aside_is_replaced),
        cmocka_unit_test(several_write_large_ones),
    };

    return cmocka_run_group_tests(tests, NULL, scratch_tear_down);
}
