/* Packed lists of chunks: what goes in comes out, and bytes that no list has are told from those of one. */
#include "db/chunk_list.h"

#include "base/varint.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect_list(const struct buffer *bytes, const struct chunk_ref *chunks, size_t count)
{
    struct chunk_list list;
    struct chunk_ref chunk;

    chunk_list_begin(&list, bytes->bytes, bytes->size);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(chunk_list_next(&chunk, &list), 1);
        assert_int_equal(chunk.id, chunks[i].id);
        assert_int_equal(chunk.size, chunks[i].size);
    }
    assert_int_equal(chunk_list_next(&chunk, &list), 0);
    assert_int_equal(chunk_list_next(&chunk, &list), 0);
}

static void what_goes_in_comes_out(void **state)
{
    static const struct chunk_ref chunks[] = {{1, 1},         {2, CHUNK_SIZE_MAX},   {INT64_MAX, 4096}, {1, 127},
                                              {1, 128},       {1000000, 16384},      {999999, 16383},   {1ll << 32, 7},
                                              {INT64_MAX, 9}, {INT64_MAX - 1, 65535}};
    struct buffer bytes cleanup_buffer = {0};
    (void)state;

    for (size_t count = 0; count <= sizeof chunks / sizeof *chunks; count++) {
        buffer_clear(&bytes);
        chunk_list_pack(&bytes, chunks, count);
        assert_false(bytes.failed);
        expect_list(&bytes, chunks, count);
    }
}

/* Neighbours are what most chunks of a frame are. */
static void neighbours_take_few_bytes(void **state)
{
    struct buffer bytes cleanup_buffer = {0};
    struct chunk_ref chunks[CHUNK_LIST_MAX];
    (void)state;

    for (size_t i = 0; i < CHUNK_LIST_MAX; i++)
        chunks[i] = (struct chunk_ref){(int64_t)(1000000 + i), 4096 + (uint32_t)i};
    chunk_list_pack(&bytes, chunks, CHUNK_LIST_MAX);
    expect_list(&bytes, chunks, CHUNK_LIST_MAX);
    assert_in_range(bytes.size, 1, 3 * CHUNK_LIST_MAX + 8);
}

/* How a list ends that is not one. */
static int last_of(const void *bytes, size_t size)
{
    struct chunk_list list;
    struct chunk_ref chunk;
    int result;

    chunk_list_begin(&list, bytes, size);
    while ((result = chunk_list_next(&chunk, &list)) == 1)
        ;
    return result;
}

static void damage_is_told(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } lists[] = {
        {"\x02", 1},                                          /* no size */
        {"\x82", 1},                                          /* half an integer */
        {"\x02\x80", 2},                                      /* half a size */
        {"\x02\x00", 2},                                      /* a chunk of nothing */
        {"\x00\x01", 2},                                      /* id 0 */
        {"\x01\x01", 2},                                      /* id -1 */
        {"\x02\x81\x80\x04", 4},                              /* 65537 bytes */
        {"\x02\x81\x80\x80\x80\x80\x80\x80\x80\x80\x02", 11}, /* more than 64 bits */
        {"\x02\x81\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 12} /* more than ten bytes */,
        {"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01\x02\x01", 13}, /* one more than the largest id */
        {"\x02\x01\x03\x01", 4},                                      /* back below 1 */
    };
    struct buffer many cleanup_buffer = {0};
    (void)state;

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (last_of(lists[i].bytes, lists[i].size) != -EBADMSG)
            fail_msg("list %zu", i);
    for (size_t i = 0; i < CHUNK_LIST_MAX; i++)
        buffer_add(&many, "\x02\x01", 2);
    assert_int_equal(last_of(many.bytes, many.size), 0);
    buffer_add(&many, "\x02\x01", 2);
    assert_int_equal(last_of(many.bytes, many.size), -EBADMSG);
}

/* What a damaged store of before had: it is packed, and refused when it is read. */
static void ids_that_no_row_has_are_packed(void **state)
{
    static const struct chunk_ref chunks[] = {{INT64_MAX, 1}, {INT64_MIN, 1}, {-1, 1}, {INT64_MAX, 1}};
    (void)state;

    for (size_t i = 0; i + 1 < sizeof chunks / sizeof *chunks; i++) {
        struct buffer bytes cleanup_buffer = {0};

        chunk_list_pack(&bytes, chunks + i, 2);
        assert_false(bytes.failed);
        assert_int_equal(last_of(bytes.bytes, bytes.size), -EBADMSG);
    }
}

/* Any bytes at all: it ends, and reads nothing behind them (a sanitizer sees that). */
static void any_bytes_end(void **state)
{
    (void)state;

    srandom(1);
    for (int round = 0; round < 20000; round++) {
        size_t size = (size_t)random() % 40;
        uint8_t *bytes = malloc(size ? size : 1);

        assert_non_null(bytes);
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)(random() >> (random() % 8));
        int result = last_of(bytes, size);
        assert_true(result == 0 || result == -EBADMSG);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out), cmocka_unit_test(neighbours_take_few_bytes),
        cmocka_unit_test(damage_is_told),         cmocka_unit_test(ids_that_no_row_has_are_packed),
        cmocka_unit_test(any_bytes_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
