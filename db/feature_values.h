/* feature_values.h - the values of a leaf of features: one row for all of them, compressed. Inside db.
 *
 * A change of one record writes its leaf again, 16 records on average, which are much alike. Types and keys stay
 * columns, for they are looked for. The row's bytes: one that says how the rest is held (enum), then a varint count, a
 * varint size for each value, and the values, one after the other.
 */
#ifndef DB_FEATURE_VALUES_H
#define DB_FEATURE_VALUES_H

#include "base/buffer.h"
#include "db/node.h"

#include <sqlite3.h>

/* Up to this many bytes are compressed. A leaf's texts end at 1 MiB, but the last value may be of any size: then they
 * are held as they are, so no row unpacks to more than this, whoever wrote it. */
#define FEATURE_VALUES_PACKED_MAX (2u << 20)

struct feature_value {
    const char *bytes;
    uint32_t size;
};

/* Packing: memory that is used again. */
struct feature_packer;

struct feature_packer *feature_packer_new(void); /* NULL: no memory */
void feature_packer_free(struct feature_packer *packer);

/* Up to NODE_ITEMS_MAX values to the bytes of a row, which are borrowed until the next call. -ENOMEM. */
int feature_packer_pack(const void **bytes, size_t *size, struct feature_packer *packer,
                        const struct feature_value *values, unsigned count);

/* Unpacked ones. All zero is none. */
struct feature_values {
    struct feature_value values[NODE_ITEMS_MAX];
    unsigned count;
    struct buffer unpacked;
};

/* The bytes of a row are borrowed as long as the values. -EBADMSG: no such row was ever written. -ENOMEM. */
int feature_values_unpack(struct feature_values *out, const void *bytes, size_t size);
void feature_values_free(struct feature_values *values);
#define cleanup_feature_values __attribute__((cleanup(feature_values_free)))

/* Make known to a connection: feature_value(DATA, N), the N-th value of a row's bytes, NULL where there are none; and
 * json_bytes(TEXT), the bytes of a string as json_extract() has it, in which bytes that are no UTF-8 are surrogates
 * (quote_json). */
int feature_values_register(sqlite3 *db);

#endif
