/* feature_values.c - see feature_values.h. */
#include "db/feature_values.h"

#include "base/varint.h"

#include <errno.h>
#include <stdlib.h>
#include <zstd.h>

#define ZSTD_LEVEL 3 /* see doc/PERFORMANCE.md */

/* The first byte. */
enum { HELD_AS_THEY_ARE = 0, HELD_BY_ZSTD = 1 };

struct feature_packer {
    struct buffer plain, packed;
    ZSTD_CCtx *zstd;
};

struct feature_packer *feature_packer_new(void)
{
    struct feature_packer *packer = calloc(1, sizeof *packer);

    if (packer)
        packer->zstd = ZSTD_createCCtx();
    if (packer && packer->zstd)
        return packer;
    free(packer);
    return NULL;
}

void feature_packer_free(struct feature_packer *packer)
{
    if (!packer)
        return;
    ZSTD_freeCCtx(packer->zstd);
    buffer_free(&packer->plain);
    buffer_free(&packer->packed);
    free(packer);
}

/* False: they are better held as they are. */
static bool compress(struct feature_packer *packer)
{
    const struct buffer *plain = &packer->plain;
    size_t room = plain->size > FEATURE_VALUES_PACKED_MAX ? 0 : plain->size; /* what does not get smaller is an error */
    uint8_t *out;

    buffer_clear(&packer->packed);
    buffer_add_byte(&packer->packed, HELD_BY_ZSTD);
    out = room ? buffer_reserve(&packer->packed, room) : NULL;
    if (!out)
        return false;
    size_t size = ZSTD_compressCCtx(packer->zstd, out, room, plain->bytes + 1, plain->size - 1, ZSTD_LEVEL);
    if (ZSTD_isError(size))
        return false;
    buffer_took(&packer->packed, size);
    return true;
}

int feature_packer_pack(const void **bytes, size_t *size, struct feature_packer *packer,
                        const struct feature_value *values, unsigned count)
{
    struct buffer *plain = &packer->plain;

    buffer_clear(plain);
    buffer_add_byte(plain, HELD_AS_THEY_ARE);
    buffer_add_varint(plain, count);
    for (unsigned i = 0; i < count; i++)
        buffer_add_varint(plain, values[i].size);
    for (unsigned i = 0; i < count; i++)
        buffer_add(plain, values[i].bytes, values[i].size);
    if (plain->failed)
        return -ENOMEM;
    const struct buffer *out = compress(packer) ? &packer->packed : plain;
    *bytes = out->bytes;
    *size = out->size;
    return 0;
}

/* --- Unpacking ---------------------------------------------------------------------------------------------------- */

static int decompress(struct buffer *out, const uint8_t *bytes, size_t size)
{
    unsigned long long told = ZSTD_getFrameContentSize(bytes, size); /* what it could not tell is more than any limit */
    uint8_t *room;

    if (told > FEATURE_VALUES_PACKED_MAX)
        return -EBADMSG;
    room = buffer_reserve(out, (size_t)told + 1);
    if (!room)
        return -ENOMEM;
    if (ZSTD_decompress(room, (size_t)told, bytes, size) != told)
        return -EBADMSG;
    buffer_took(out, (size_t)told);
    return 0;
}

static int split(struct feature_values *out, const uint8_t *at, const uint8_t *end)
{
    uint64_t count, size;

    if (!varint_take(&count, &at, end) || count > NODE_ITEMS_MAX)
        return -EBADMSG;
    for (unsigned i = 0; i < count; i++) {
        if (!varint_take(&size, &at, end) || size > (uint64_t)(end - at))
            return -EBADMSG;
        out->values[i].size = (uint32_t)size;
    }
    for (unsigned i = 0; i < count; i++) {
        if (out->values[i].size > (uint64_t)(end - at))
            return -EBADMSG;
        out->values[i].bytes = (const char *)at;
        at += out->values[i].size;
    }
    if (at != end)
        return -EBADMSG;
    out->count = (unsigned)count;
    return 0;
}

int feature_values_unpack(struct feature_values *out, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    int result;

    out->count = 0;
    buffer_clear(&out->unpacked);
    if (size == 0 || from[0] > HELD_BY_ZSTD)
        return -EBADMSG;
    if (from[0] == HELD_AS_THEY_ARE)
        return split(out, from + 1, from + size);
    result = decompress(&out->unpacked, from + 1, size - 1);
    return result < 0 ? result : split(out, out->unpacked.bytes, out->unpacked.bytes + out->unpacked.size);
}

void feature_values_free(struct feature_values *values)
{
    buffer_free(&values->unpacked);
}

/* --- In SQL ------------------------------------------------------------------------------------------------------- */

static void feature_value(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    struct feature_values values cleanup_feature_values = {.count = 0};
    sqlite3_int64 number = sqlite3_value_int64(arguments[1]);
    const void *bytes = sqlite3_value_blob(arguments[0]);

    (void)count;
    if (sqlite3_value_type(arguments[0]) == SQLITE_NULL)
        return;
    switch (feature_values_unpack(&values, bytes, (size_t)sqlite3_value_bytes(arguments[0]))) {
    case 0:
        if (number >= 0 && number < values.count)
            sqlite3_result_text64(context, values.values[number].bytes, values.values[number].size, SQLITE_TRANSIENT,
                                  SQLITE_UTF8);
        return;
    case -ENOMEM:
        sqlite3_result_error_nomem(context);
        return;
    default:
        sqlite3_result_error(context, "values of features are damaged", -1);
    }
}

/* U+DC80 to U+DCFF, as sqlite writes it: ED B2 80 to ED B3 BF. Raw, these bytes are in no canonical string. */
static bool is_surrogate(const uint8_t *p, size_t left)
{
    return left >= 3 && p[0] == 0xed && (p[1] == 0xb2 || p[1] == 0xb3) && (p[2] & 0xc0) == 0x80;
}

static void json_bytes(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    const uint8_t *p = sqlite3_value_text(arguments[0]);
    struct buffer bytes cleanup_buffer = {0};

    (void)count;
    if (!p)
        return;
    const uint8_t *end = p + sqlite3_value_bytes(arguments[0]);
    while (p < end) {
        bool surrogate = is_surrogate(p, (size_t)(end - p));

        buffer_add_byte(&bytes, surrogate ? (uint8_t)((p[1] & 3) << 6 | (p[2] & 0x3f)) : *p);
        p += surrogate ? 3 : 1;
    }
    if (bytes.failed)
        sqlite3_result_error_nomem(context);
    else
        sqlite3_result_text64(context, bytes.size ? (const char *)bytes.bytes : "", bytes.size, SQLITE_TRANSIENT,
                              SQLITE_UTF8);
}

int feature_values_register(sqlite3 *db)
{
    const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC;
    int result = sqlite3_create_function_v2(db, "feature_value", 2, flags, NULL, feature_value, NULL, NULL, NULL);

    if (result == SQLITE_OK)
        result = sqlite3_create_function_v2(db, "json_bytes", 1, flags, NULL, json_bytes, NULL, NULL, NULL);
    return result;
}
