/* Frames as received: whatever their bytes are, they come out as they went in; what repeats is kept once; damage is
 * noticed. */
#include "db/frame.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "tests/unit/ok.h"
#include "tests/unit/random.h"
#include "tests/unit/scratch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t random_byte(void)
{
    static uint64_t state = 42;

    return (uint8_t)(random_next(&state) >> 4);
}

static int gather(void *arg, const void *bytes, size_t size)
{
    buffer_add(arg, bytes, size);
    return 0;
}

/* Put a frame in pieces of some size. */
static int64_t put(struct store *store, const uint8_t *bytes, size_t size, size_t piece)
{
    struct frame_writer *writer;
    struct digest digest;
    int64_t id;

    ok(frame_writer_new(&writer, store, &err));
    for (size_t at = 0; at < size; at += piece)
        ok(frame_writer_add(writer, bytes + at, size - at < piece ? size - at : piece, &err));
    ok(frame_writer_finish(&id, &digest, writer, &err));
    frame_writer_free(writer);
    ok(store_flush(store, &err));
    return id;
}

static void check(struct store *store, int64_t id, const uint8_t *bytes, size_t size)
{
    struct buffer got cleanup_buffer = {0};

    ok(frame_read(store, id, gather, &got, &err));
    assert_int_equal(got.size, size);
    if (size)
        assert_memory_equal(got.bytes, bytes, size);
}

static void any_bytes_come_back(void **state)
{
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 65535, 65536, 65537, 1u << 20, 3000001};
    struct store *store = scratch_store(STORE_CREATE);
    (void)state;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        cleanup_free uint8_t *bytes = calloc(sizes[i] + 1, 1);

        check(store, put(store, bytes, sizes[i], 262144), bytes, sizes[i]); /* zeros are never cut but by size */
        for (size_t k = 0; k < sizes[i]; k++)
            bytes[k] = random_byte();
        int64_t id = put(store, bytes, sizes[i], 262144);
        check(store, id, bytes, sizes[i]);
        /* In whatever pieces it comes, it is the same frame. */
        if (sizes[i])
            assert_int_equal(put(store, bytes, sizes[i], 1000), id);
    }
    assert_in_range(scratch_sql("SELECT max(size) FROM chunk"), 1, 65536);
    store_close(store);
}

static void like_frames_share(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    size_t size = 4u << 20;
    cleanup_free uint8_t *bytes = malloc(size + 1);
    (void)state;

    for (size_t i = 0; i < size; i++)
        bytes[i] = random_byte();
    int64_t chunks = scratch_sql("SELECT count(*) FROM chunk"), one = put(store, bytes, size, 65536);
    int64_t whole = scratch_sql("SELECT count(*) FROM chunk") - chunks;
    assert_in_range(whole, 4 << 20 >> 13, 4 << 20 >> 12);
    /* A byte more at the front, one less in the middle: cuts find themselves again behind each. */
    memmove(bytes + 1, bytes, size);
    bytes[0] = 'x';
    memmove(bytes + size / 2, bytes + size / 2 + 1, size - size / 2);
    chunks = scratch_sql("SELECT count(*) FROM chunk");
    int64_t other = put(store, bytes, size, 65536);
    assert_int_not_equal(one, other);
    assert_in_range(scratch_sql("SELECT count(*) FROM chunk") - chunks, 1, 8);
    check(store, other, bytes, size);
    store_close(store);
}

/* Whatever range is asked for, and whatever was the store's version when it was made. */
static void ranges_come_back(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    size_t size = 1000000;
    cleanup_free uint8_t *bytes = malloc(size), *got = malloc(size);
    uint64_t told;
    (void)state;

    for (size_t i = 0; i < size; i++)
        bytes[i] = random_byte();
    int64_t other = put(store, bytes + 1000, 300000, 65536), id = put(store, bytes, size, 65536);
    for (unsigned i = 0; i < 400; i++) {
        uint64_t offset = (uint64_t)random_byte() << 12 | random_byte();
        size_t asked = i % 3 ? random_byte() : (size_t)random_byte() << 11;
        size_t left = offset < size ? size - offset : 0, expected = asked < left ? asked : left;

        if (i == 200) {
            store_close(store);
            scratch_downgrade(1);
            store = scratch_store(STORE_WRITE);
        }
        assert_int_equal(frame_read_range(got, store, id, offset, asked, &err), expected);
        assert_memory_equal(got, bytes + (expected ? offset : 0), expected);
    }
    assert_int_equal(frame_read_range(got, store, id, 0, size, &err), size);
    assert_memory_equal(got, bytes, size);
    check(store, other, bytes + 1000, 300000);
    ok(frame_size(&told, store, id, &err));
    assert_int_equal(told, size);
    assert_int_equal(frame_size(&told, store, id + 100, &err), -ENOENT);
    assert_int_equal(frame_read_range(got, store, id + 100, 0, 1, &err), -ENOENT);
    scratch_sql("UPDATE frame_chunks SET chunks = CAST(substr(chunks, 4) AS BLOB)");
    assert_true(frame_read_range(got, store, other, 0, 300000, &err) < 0);
    assert_true(strlen(err.text) > 10);
    store_close(store);
}

static int count_only(void *arg, const void *bytes, size_t size)
{
    (void)bytes;
    *(size_t *)arg += size;
    return 0;
}

static int stop(void *arg, const void *bytes, size_t size)
{
    (void)arg, (void)bytes, (void)size;
    return 7;
}

/* Each kind of damage is told of, by reading and without a crash. */
static void damage_is_noticed(void **state)
{
    static const char *const damages[] = {
        "UPDATE chunk SET data = CAST(x'00' || substr(data, 2) AS BLOB)",
        "UPDATE chunk SET data = substr(data, 1, length(data) - 1)",
        "UPDATE chunk SET data = x''",
        "UPDATE chunk SET size = size + 1",
        "UPDATE frame SET size = size + 1",
        "UPDATE frame SET digest = zeroblob(32)",
        "DELETE FROM frame_chunks",
        "UPDATE frame_chunks SET position = 100",
        "UPDATE frame_chunks SET position = -100",
        "UPDATE frame_chunks SET chunks = x''",
        "UPDATE frame_chunks SET chunks = x'ff'",
        "UPDATE frame_chunks SET chunks = CAST(chunks || x'0201' AS BLOB)",
        "INSERT INTO frame_chunks SELECT frame, size, x'0201' FROM frame_chunks JOIN frame ON id = frame",
        "INSERT INTO frame_chunks SELECT frame, 10, x'0201' FROM frame_chunks",
        "DELETE FROM chunk WHERE id = (SELECT max(id) FROM chunk)",
        "UPDATE frame SET digest = x'00'",
    };
    struct store *store = scratch_store(STORE_CREATE);
    uint8_t bytes[200000];
    size_t got = 0;
    (void)state;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = random_byte();
    scratch_sql("DELETE FROM frame_chunks");
    scratch_sql("DELETE FROM frame");
    scratch_sql("DELETE FROM chunk");
    int64_t id = put(store, bytes, sizeof bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        ok(frame_read(store, id, count_only, &got, &err));
        scratch_sql(damages[i]);
        if (frame_read(store, id, count_only, &got, &err) >= 0)
            fail_msg("not noticed: %s", damages[i]);
        assert_true(strlen(err.text) > 10);
        scratch_sql("DELETE FROM frame_chunks");
        scratch_sql("DELETE FROM frame");
        scratch_sql("DELETE FROM chunk");
        id = put(store, bytes, sizeof bytes, sizeof bytes);
    }
    assert_int_equal(frame_read(store, id, stop, NULL, &err), 7);
    assert_true(frame_read(store, id + 1, count_only, &got, &err) < 0);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_bytes_come_back),
        cmocka_unit_test(like_frames_share),
        cmocka_unit_test(ranges_come_back),
        cmocka_unit_test(damage_is_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, scratch_tear_down);
}
