/* rpm_header.c - be32 tags, be32 bytes of the store, an index entry a tag, and the store.
 *
 * The first tag says that all others are one region: its data, the last 16 bytes of the store, are an index entry once
 * more, whose offset is minus the size of the index. rpm adds what it did (when it installed) behind regions; readers
 * take both, and so one region holds all here.
 */
#include "import/rpm_header.h"

#include "base/bytes.h"

#include <string.h>

#define PREAMBLE_SIZE 8u
#define INDEX_SIZE 16u /* be32 tag, type, offset, count */

enum type { TYPE_INT32 = 4, TYPE_INT64 = 5, TYPE_STRING = 6, TYPE_BINARY = 7, TYPE_STRINGS = 8, TYPE_TRANSLATED = 9 };

/* As in rpmtag.h. */
enum tag {
    TAG_REGION = 63,
    TAG_LANGUAGES = 100,
    TAG_NAME = 1000,
    TAG_VERSION = 1001,
    TAG_RELEASE = 1002,
    TAG_EPOCH = 1003,
    TAG_SUMMARY = 1004,
    TAG_INSTALL_TIME = 1008,
    TAG_SIZE = 1009,
    TAG_VENDOR = 1011,
    TAG_LICENSE = 1014,
    TAG_OS = 1021,
    TAG_ARCHITECTURE = 1022,
    TAG_SOURCE = 1044,
    TAG_LONG_SIZE = 5009
};

/* --- Making ------------------------------------------------------------------------------------------------------- */

struct making {
    struct buffer *out;
    size_t index, store; /* where in `out`: of the next entry; of the first byte */
};

static void add_entry(struct making *making, enum tag tag, enum type type, uint32_t offset, uint32_t count)
{
    uint8_t *at = making->out->bytes + making->index;

    if (making->out->failed)
        return;
    put_be32(at, tag);
    put_be32(at + 4, type);
    put_be32(at + 8, offset);
    put_be32(at + 12, count);
    making->index += INDEX_SIZE;
}

static uint32_t place(struct making *making, size_t alignment)
{
    while (!making->out->failed && (making->out->size - making->store) % alignment > 0)
        buffer_add_byte(making->out, 0);
    return (uint32_t)(making->out->size - making->store);
}

static void add_text(struct making *making, enum tag tag, enum type type, struct rpm_text text)
{
    if (!text.text)
        return;
    add_entry(making, tag, type, place(making, 1), 1);
    buffer_add(making->out, text.text, text.size);
    buffer_add_byte(making->out, 0);
}

static void add_word(struct making *making, enum tag tag, enum type type, const char *word)
{
    add_text(making, tag, type, (struct rpm_text){word, strlen(word)});
}

static void add_int32(struct making *making, enum tag tag, bool is_known, uint32_t value)
{
    if (!is_known)
        return;
    add_entry(making, tag, TYPE_INT32, place(making, 4), 1);
    buffer_add_be32(making->out, value);
}

static void add_int64(struct making *making, enum tag tag, bool is_known, uint64_t value)
{
    if (!is_known)
        return;
    add_entry(making, tag, TYPE_INT64, place(making, 8), 1);
    buffer_add_be64(making->out, value);
}

static uint32_t count_tags(const struct rpm_package *package)
{
    return 9u + (package->release.text != NULL) + (package->architecture.text != NULL) + package->has_epoch +
           package->has_size + package->has_time;
}

void rpm_header_add(struct buffer *out, const struct rpm_package *package, const char *unknown)
{
    uint32_t tags = count_tags(package);
    const size_t begin = out->size, index = begin + PREAMBLE_SIZE;
    struct making making = {out, index + INDEX_SIZE, index + tags * (size_t)INDEX_SIZE};
    const bool is_long = package->size > UINT32_MAX;

    if (!buffer_reserve(out, making.store - begin))
        return;
    buffer_took(out, making.store - begin);
    add_word(&making, TAG_LANGUAGES, TYPE_STRINGS, "C");
    add_text(&making, TAG_NAME, TYPE_STRING, package->name);
    add_text(&making, TAG_VERSION, TYPE_STRING, package->version);
    add_text(&making, TAG_RELEASE, TYPE_STRING, package->release);
    add_int32(&making, TAG_EPOCH, package->has_epoch, package->epoch);
    add_word(&making, TAG_SUMMARY, TYPE_TRANSLATED, unknown);
    add_int32(&making, TAG_INSTALL_TIME, package->has_time, package->time);
    add_int32(&making, TAG_SIZE, package->has_size && !is_long, (uint32_t)package->size);
    add_word(&making, TAG_VENDOR, TYPE_STRING, unknown);
    add_word(&making, TAG_LICENSE, TYPE_STRING, unknown);
    add_word(&making, TAG_OS, TYPE_STRING, "linux");
    add_text(&making, TAG_ARCHITECTURE, TYPE_STRING, package->architecture);
    add_word(&making, TAG_SOURCE, TYPE_STRING, unknown);
    add_int64(&making, TAG_LONG_SIZE, package->has_size && is_long, package->size);
    const uint32_t trailer = place(&making, 1);
    for (unsigned i = 0; i < 4; i++)
        buffer_add_be32(out, (const uint32_t[]){TAG_REGION, TYPE_BINARY, 0u - tags * INDEX_SIZE, INDEX_SIZE}[i]);
    if (out->failed)
        return;
    put_be32(out->bytes + begin, tags);
    put_be32(out->bytes + begin + 4, (uint32_t)(out->size - making.store));
    making.index = index;
    add_entry(&making, TAG_REGION, TYPE_BINARY, trailer, INDEX_SIZE);
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

struct header {
    const uint8_t *index, *store;
    uint32_t tags, size; /* size: of the store */
};

static bool open_header(struct header *header, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    if (size < PREAMBLE_SIZE)
        return false;
    *header = (struct header){.index = at + PREAMBLE_SIZE, .tags = get_be32(at), .size = get_be32(at + 4)};
    if (header->tags == 0 || header->tags > RPM_TAGS_MAX || header->size > RPM_HEADER_MAX)
        return false;
    header->store = header->index + header->tags * (size_t)INDEX_SIZE;
    size_t needed = PREAMBLE_SIZE + header->tags * (size_t)INDEX_SIZE + header->size;
    return needed <= size && needed <= RPM_HEADER_MAX;
}

static void take_text(struct rpm_text *text, const struct header *header, uint32_t offset)
{
    const uint8_t *at = header->store + offset;
    const uint8_t *end = memchr(at, '\0', header->size - offset);

    if (!text->text && end)
        *text = (struct rpm_text){(const char *)at, (size_t)(end - at)};
}

static void take_int32(uint32_t *value, bool *is_known, const struct header *header, uint32_t offset)
{
    if (*is_known || header->size - offset < sizeof *value)
        return;
    *value = get_be32(header->store + offset);
    *is_known = true;
}

static void take_size(struct rpm_package *package, const struct header *header, enum type type, uint32_t offset)
{
    uint32_t size;

    if (type == TYPE_INT32 && !package->has_size) {
        take_int32(&size, &package->has_size, header, offset);
        package->size = package->has_size ? size : 0;
    } else if (type == TYPE_INT64 && !package->has_size && header->size - offset >= sizeof package->size) {
        package->size = get_be64(header->store + offset);
        package->has_size = true;
    }
}

static void take_entry(struct rpm_package *package, const struct header *header, const uint8_t *entry)
{
    const uint32_t tag = get_be32(entry), offset = get_be32(entry + 8);
    const enum type type = (enum type)get_be32(entry + 4);
    struct rpm_text *text = tag == TAG_NAME           ? &package->name
                            : tag == TAG_VERSION      ? &package->version
                            : tag == TAG_RELEASE      ? &package->release
                            : tag == TAG_ARCHITECTURE ? &package->architecture
                                                      : NULL;

    if (offset >= header->size || get_be32(entry + 12) == 0)
        return;
    if (text && type == TYPE_STRING)
        take_text(text, header, offset);
    else if (tag == TAG_EPOCH && type == TYPE_INT32)
        take_int32(&package->epoch, &package->has_epoch, header, offset);
    else if (tag == TAG_INSTALL_TIME && type == TYPE_INT32)
        take_int32(&package->time, &package->has_time, header, offset);
    else if (tag == TAG_SIZE || tag == TAG_LONG_SIZE)
        take_size(package, header, type, offset);
}

bool rpm_header_read(struct rpm_package *package, const void *bytes, size_t size)
{
    struct header header;

    *package = (struct rpm_package){0};
    if (!open_header(&header, bytes, size))
        return false;
    for (uint32_t i = 0; i < header.tags; i++)
        take_entry(package, &header, header.index + i * (size_t)INDEX_SIZE);
    return package->name.size > 0;
}

size_t rpm_header_size(const void *bytes, size_t size)
{
    struct header header;

    if (!open_header(&header, bytes, size))
        return 0;
    return (size_t)(header.store - (const uint8_t *)bytes) + header.size;
}
