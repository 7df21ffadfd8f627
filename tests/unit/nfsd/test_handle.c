/* Handles are the same bytes for ever, and nothing but these bytes is taken for one. */
#include "nfsd/handle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct siphash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908}; /* bytes 00 to 0f */

#define SNAPSHOT_FILE                                                                                                  \
    {                                                                                                                  \
        .kind = HANDLE_SNAPSHOT, .number = 0x01020304,                                                                 \
        .id = {0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f},        \
    }
static const struct handle snapshot_file = SNAPSHOT_FILE;

/* Computed by another implementation of SipHash. Clients hold such bytes for months: if this test fails, the format
 * version has to change. */
static const struct {
    struct handle handle;
    uint8_t bytes[48];
    size_t size;
} golden[] = {
    {{.kind = HANDLE_VIRTUAL, .number = 2},
     {0x01, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xac, 0x4b, 0xf7, 0x02, 0xd8, 0x32, 0x23, 0x6c},
     32},
    {SNAPSHOT_FILE,
     {0x01, 0x02, 0x00, 0x00, 0x01, 0x02, 0x03, 0x04, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
      0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x07, 0x4c, 0x1a, 0x0a, 0xf4, 0x67, 0x65, 0x0b},
     32},
    {{.kind = HANDLE_BLOBS, .number = 0xab},
     {0x01, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0xab, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xbb, 0xe9, 0xf7, 0xd6, 0xc8, 0xd8, 0x44, 0x49},
     32},
    {{.kind = HANDLE_BLOB,
      .id = {0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f,
             0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f}},
     {0x01, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27,
      0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37,
      0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0xf2, 0xc9, 0x83, 0xc8, 0xdb, 0x5f, 0x14, 0x63},
     48},
    {{.kind = HANDLE_META,
      .number = 0x01000042,
      .id = {0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f}},
     {0x01, 0x05, 0x00, 0x00, 0x01, 0x00, 0x00, 0x42, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
      0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x83, 0xc5, 0x11, 0xf9, 0xa1, 0xe9, 0xdf, 0xd2},
     32},
};

static void bytes_are_golden(void **state)
{
    uint8_t bytes[HANDLE_SIZE_MAX];
    struct handle back;
    (void)state;

    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        assert_int_equal(handle_encode(bytes, &key, &golden[i].handle), golden[i].size);
        assert_memory_equal(bytes, golden[i].bytes, golden[i].size);
        assert_true(handle_decode(&back, &key, bytes, golden[i].size));
        assert_int_equal(back.kind, golden[i].handle.kind);
        assert_int_equal(back.number, golden[i].handle.number);
        assert_memory_equal(back.id, golden[i].handle.id, sizeof back.id);
    }
}

static void every_flipped_bit_is_found(void **state)
{
    uint8_t bytes[HANDLE_SIZE_MAX];
    size_t size = handle_encode(bytes, &key, &snapshot_file);
    struct handle back;
    (void)state;

    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(handle_decode(&back, &key, bytes, size));
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(handle_decode(&back, &key, bytes, size));
}

static void other_sizes_and_keys_are_refused(void **state)
{
    const struct siphash_key other = {key.k0, key.k1 ^ 1};
    uint8_t bytes[64] = {0};
    struct handle back;
    (void)state;

    for (size_t size = 0; size <= sizeof bytes; size++)
        assert_false(handle_decode(&back, &key, bytes, size));
    size_t right = handle_encode(bytes, &key, &snapshot_file);
    for (size_t size = 0; size <= sizeof bytes; size++)
        assert_int_equal(handle_decode(&back, &key, bytes, size), size == right);
    assert_false(handle_decode(&back, &other, bytes, right));
}

static void fsids_are_golden_and_differ(void **state)
{
    static const uint8_t no_id[HANDLE_ID_MAX];
    (void)state;

    assert_true(handle_fsid(&key, HANDLE_SNAPSHOT, snapshot_file.id) == 0x5e13c32653b4e73f);
    assert_true(handle_fsid(&key, HANDLE_VIRTUAL, no_id) == 0xa1a60ac19f79cc86);
    assert_true(handle_fsid(&key, HANDLE_SNAPSHOT, no_id) != handle_fsid(&key, HANDLE_VIRTUAL, no_id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_golden),
        cmocka_unit_test(every_flipped_bit_is_found),
        cmocka_unit_test(other_sizes_and_keys_are_refused),
        cmocka_unit_test(fsids_are_golden_and_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
