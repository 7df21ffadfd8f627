/* fuzz_record.c - a byte stream through record marking. The first byte chooses how the stream is cut into reads; a
 * second pass reads it by single bytes, and both must find the same records. */
#include "base/buffer.h"
#include "rpc/record.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* All records found, each with its size before it; the last word is what ended it. */
static void read_records(struct buffer *found, const uint8_t *bytes, size_t size, size_t step)
{
    struct record_reader reader = {0};
    uint8_t lent[256];
    const uint8_t *record;
    size_t room, record_size;
    int r = 0;

    while (r == 0 && size) {
        uint8_t *to = record_room(&room, &reader, lent, sizeof lent);
        size_t n = size < step ? size : step;

        if (n > room)
            n = room;
        memcpy(to, bytes, n);
        record_filled(&reader, n);
        bytes += n;
        size -= n;
        while ((r = record_next(&record, &record_size, &reader)) == 1) {
            buffer_add_be32(found, (uint32_t)record_size);
            buffer_add(found, record, record_size);
        }
        if (record_settle(&reader) < 0)
            abort();
    }
    buffer_add_be32(found, (uint32_t)r);
    record_free(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct buffer one = {0}, other = {0};

    if (size == 0)
        return 0;
    read_records(&one, bytes + 1, size - 1, bytes[0] + 1u);
    read_records(&other, bytes + 1, size - 1, 1);
    if (one.size != other.size || memcmp(one.bytes, other.bytes, one.size) != 0)
        abort();
    buffer_free(&one);
    buffer_free(&other);
    return 0;
}
