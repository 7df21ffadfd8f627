/* Values of a leaf of features in one row: they come back, hostile rows are refused, none unpacks to more than it may.
 */
#include "db/feature_values.h"

#include "base/cleanup.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include <cmocka.h>

static struct feature_packer *packer;

static int make_packer(void **state)
{
    (void)state;
    packer = feature_packer_new();
    return packer ? 0 : -1;
}

static int free_packer(void **state)
{
    (void)state;
    feature_packer_free(packer);
    return 0;
}

/* Bytes in the row. */
static size_t expect_back(const struct feature_value *values, unsigned count)
{
    struct feature_values got cleanup_feature_values = {.count = 0};
    const void *bytes;
    size_t size;

    assert_int_equal(feature_packer_pack(&bytes, &size, packer, values, count), 0);
    assert_int_equal(feature_values_unpack(&got, bytes, size), 0);
    assert_int_equal(got.count, count);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(got.values[i].size, values[i].size);
        assert_memory_equal(got.values[i].bytes, values[i].bytes, values[i].size);
    }
    return size;
}

static void values_come_back(void **state)
{
    struct feature_value values[NODE_ITEMS_MAX];
    char text[NODE_ITEMS_MAX * 100];
    (void)state;

    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * i >> 3);
    for (unsigned i = 0; i < NODE_ITEMS_MAX; i++)
        values[i] = (struct feature_value){text + 10 * i, i * 5 % 300};
    for (unsigned count = 0; count <= NODE_ITEMS_MAX; count++)
        expect_back(values, count);
}

/* What is alike takes little room; what cannot be compressed, hardly more than itself. */
static void alike_values_take_little_room(void **state)
{
    static const char record[] =
        "{\"cmd\":\"/usr/bin/worker --queue\",\"cwd\":\"/\",\"openfiles\":[\"/var/log/worker\"]}";
    struct feature_value values[16];
    char noise[1000];
    (void)state;

    for (unsigned i = 0; i < 16; i++)
        values[i] = (struct feature_value){record, sizeof record - 1};
    assert_in_range(expect_back(values, 16), 1, 2 * sizeof record);
    srandom(3);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)(random() >> 8);
    values[0] = (struct feature_value){noise, sizeof noise};
    assert_in_range(expect_back(values, 1), sizeof noise, sizeof noise + 4);
}

/* Above a size they are not compressed, so nothing has to be unpacked to more. */
static void large_values_stay_as_they_are(void **state)
{
    static const uint32_t sizes[] = {FEATURE_VALUES_PACKED_MAX - 10, FEATURE_VALUES_PACKED_MAX,
                                     FEATURE_VALUES_PACKED_MAX + 1, 20u << 20};
    cleanup_free char *bytes = calloc(1, 20u << 20);
    (void)state;

    assert_non_null(bytes);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const struct feature_value values[] = {{"{}", 2}, {bytes, sizes[i]}};
        size_t size = expect_back(values, 2);

        assert_true((size < 10000) == (sizes[i] < FEATURE_VALUES_PACKED_MAX - 9));
    }
}

static int unpack(const void *bytes, size_t size)
{
    struct feature_values got cleanup_feature_values = {.count = 0};
    uint8_t *copy = malloc(size ? size : 1); /* so that a sanitizer sees who reads behind it */

    assert_non_null(copy);
    memcpy(copy, bytes, size);
    int result = feature_values_unpack(&got, copy, size);
    free(copy);
    return result;
}

/* A row of the second kind around these bytes; `tells` its unpacked size or not. */
static int unpack_zstd(const void *plain, size_t plain_size, int tells)
{
    size_t room = ZSTD_compressBound(plain_size);
    cleanup_free uint8_t *row = malloc(room + 1);
    ZSTD_CCtx *zstd = ZSTD_createCCtx();

    assert_true(row && zstd);
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, tells);
    size_t size = ZSTD_compress2(zstd, row + 1, room, plain, plain_size);
    ZSTD_freeCCtx(zstd);
    assert_false(ZSTD_isError(size));
    row[0] = 1;
    return unpack(row, size + 1);
}

static void hostile_rows_are_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } rows[] = {
        {"", 0},
        {"\x02\x00", 2},                                          /* a third way */
        {"\x00", 1},                                              /* no count */
        {"\x00\x41", 2},                                          /* 65 */
        {"\x00\x01", 2},                                          /* no size */
        {"\x00\x01\x02x", 4},                                     /* less than that */
        {"\x00\x01\x02xyz", 6},                                   /* more */
        {"\x00\x02\x02\x02xyz", 7},                               /* each is there, both are not */
        {"\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12}, /* 2^64 - 1 */
        {"\x01", 1},
        {"\x01garbage", 8},
    };
    cleanup_free uint8_t *bomb = calloc(1, 64u << 20);
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (unpack(rows[i].bytes, rows[i].size) != -EBADMSG)
            fail_msg("row %zu", i);
    assert_non_null(bomb);
    assert_int_equal(unpack_zstd(bomb, 1, 1), 0); /* no values */
    assert_int_equal(unpack_zstd(bomb, 64u << 20, 1), -EBADMSG);
    assert_int_equal(unpack_zstd(bomb, 64u << 20, 0), -EBADMSG);
    assert_int_equal(unpack_zstd(bomb, 1, 0), -EBADMSG); /* it never leaves that out */
}

static void damaged_rows_end(void **state)
{
    static const struct feature_value values[] = {
        {"{\"a\":1,\"a\":1,\"a\":1}", 19}, {"", 0}, {"{\"a\":1,\"a\":1}", 13}};
    const void *bytes;
    size_t size;
    (void)state;

    assert_int_equal(feature_packer_pack(&bytes, &size, packer, values, 3), 0);
    cleanup_free uint8_t *row = malloc(size);
    assert_non_null(row);
    memcpy(row, bytes, size);
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(unpack(row, cut), -EBADMSG);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        row[bit / 8] ^= (uint8_t)(1u << bit % 8);
        unpack(row, size); /* maybe to other values, which their digest tells */
        row[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(unpack(row, size), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_back),
        cmocka_unit_test(alike_values_take_little_room),
        cmocka_unit_test(large_values_stay_as_they_are),
        cmocka_unit_test(hostile_rows_are_refused),
        cmocka_unit_test(damaged_rows_end),
    };

    return cmocka_run_group_tests(tests, make_packer, free_packer);
}
