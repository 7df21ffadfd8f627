/* test_record.c - record marking: any stream, cut anywhere, gives the same records. */
#include "rpc/record.h"

#include "base/buffer.h"
#include "rpc/limits.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t lent[512];
static unsigned peeked_count;

/* Give the reader `size` bytes of the stream, and add what records it finds to `found`, each with its size before it.
 * Returns what record_next() ended with. */
static int feed(struct buffer *found, struct record_reader *reader, const uint8_t *bytes, size_t size)
{
    const uint8_t *record;
    size_t room, record_size;
    int r = 0;

    while (r == 0 && size) {
        uint8_t *to = record_room(&room, reader, lent, sizeof lent);
        size_t n = size < room ? size : room;

        assert_non_null(to);
        memcpy(to, bytes, n);
        record_filled(reader, n);
        bytes += n;
        size -= n;
        const uint8_t *ahead;
        size_t at = 0, ahead_size;
        bool peeked;

        while (peeked = record_peek(&ahead, &ahead_size, &at, reader),
               (r = record_next(&record, &record_size, reader)) == 1) {
            /* What is seen ahead is what comes, and nothing else was changed. */
            assert_true(!peeked || (ahead == record && ahead_size == record_size));
            peeked_count += peeked;
            at = 0;
            buffer_add_be32(found, (uint32_t)record_size);
            buffer_add(found, record, record_size);
        }
        assert_int_equal(record_settle(reader), 0);
        assert_false(reader->borrowed);
        memset(lent, 0xee, sizeof lent); /* somebody else's now */
    }
    return r;
}

static void test_every_cut(void **state)
{
    struct buffer stream = {0}, expected = {0}, found = {0};

    (void)state;
    for (uint32_t size = 0; size < 40; size++) {
        buffer_add_be32(&expected, size);
        for (uint32_t left = size, piece = 0; piece <= size % 3; piece++) {
            uint32_t part = piece == size % 3 ? left : size / 5; /* empty ones too */

            buffer_add_be32(&stream, part | (piece == size % 3 ? 0x80000000u : 0));
            for (uint32_t i = 0; i < part; i++) {
                buffer_add_byte(&stream, (uint8_t)(size + i));
                buffer_add_byte(&expected, (uint8_t)(size + i));
            }
            left -= part;
        }
    }
    for (size_t step = 1; step < 700; step++) {
        struct record_reader reader = {0};

        buffer_clear(&found);
        for (size_t at = 0; at < stream.size; at += step)
            assert_int_equal(
                feed(&found, &reader, stream.bytes + at, stream.size - at < step ? stream.size - at : step), 0);
        assert_int_equal(found.size, expected.size);
        assert_memory_equal(found.bytes, expected.bytes, expected.size);
        assert_false(record_is_partial(&reader));
        assert_null(reader.bytes); /* nothing is held when nothing waits */
        record_free(&reader);
    }
    assert_true(peeked_count > 1000);
    buffer_free(&stream);
    buffer_free(&expected);
    buffer_free(&found);
}

static void test_memory_follows_what_came(void **state)
{
    struct record_reader reader = {0};
    struct buffer stream = {0}, found = {0};

    (void)state;
    buffer_add_be32(&stream, 0x80000000u | RPC_RECORD_MAX);
    assert_int_equal(feed(&found, &reader, stream.bytes, 4), 0);
    assert_true(record_is_partial(&reader));
    assert_null(reader.bytes);
    memset(buffer_reserve(&stream, RPC_RECORD_MAX), 1, RPC_RECORD_MAX);
    for (size_t came = 0; came < RPC_RECORD_MAX; came += 1000) {
        size_t n = RPC_RECORD_MAX - came < 1000 ? RPC_RECORD_MAX - came : 1000;

        assert_int_equal(feed(&found, &reader, stream.bytes + 4 + came, n), 0);
        assert_true(reader.room <= 2 * (came + n) + RPC_INPUT_FIRST);
    }
    assert_int_equal(found.size, 4 + RPC_RECORD_MAX);
    assert_null(reader.bytes);
    buffer_free(&stream);
    buffer_free(&found);
}

static void test_limits(void **state)
{
    static const uint8_t too_long[] = {0x00, 0x11, 0x00, 0x01}, empty[4] = {0};
    struct record_reader reader = {0};
    struct buffer found = {0};

    (void)state;
    assert_int_equal(feed(&found, &reader, too_long, 4), -EBADMSG);
    record_free(&reader);
    for (unsigned i = 0; i < RPC_EMPTY_FRAGMENTS_MAX; i++)
        assert_int_equal(feed(&found, &reader, empty, 4), 0);
    assert_true(record_is_partial(&reader));
    assert_int_equal(feed(&found, &reader, empty, 4), -EBADMSG);
    record_free(&reader);
    buffer_free(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_memory_follows_what_came),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
