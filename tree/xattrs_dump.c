/* xattrs_dump.c - from the canonical form (a count, then names and values: doc/FORMAT.md) to getfattr(1)'s text. Values
 * are base64 always, so nothing depends on what they hold. */
#include "tree/xattrs_dump.h"

#include "base/buffer.h"
#include "base/bytes.h"
#include "db/blob.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#define CANONICAL_MAX (8u << 20) /* bytes; imports hold at most 4 MiB of names and values, and their lengths */

struct dumping {
    struct tree_reader *reader;
    struct buffer canonical, text;
    int (*sink)(void *arg, const void *bytes, size_t size);
    void *arg;
    struct error *err;
};

/* As getfattr writes names: these bytes as three octal digits behind a backslash. */
static void add_quoted(struct buffer *text, const uint8_t *bytes, size_t size, const char *quoted)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] && strchr(quoted, bytes[i]))
            buffer_add_format(text, "\\%03o", bytes[i]);
        else
            buffer_add_byte(text, bytes[i]);
    }
}

static void add_value(struct buffer *text, const uint8_t *bytes, size_t size)
{
    uint8_t *to;

    if (size == 0) {
        buffer_add_text(text, "\"\"");
        return;
    }
    buffer_add_text(text, "0s");
    to = buffer_reserve(text, 4 * ((size + 2) / 3) + 1); /* and a NUL */
    if (to)
        buffer_took(text, (size_t)EVP_EncodeBlock(to, bytes, (int)size));
}

/* A be32 length and as many bytes; false when they are not there. */
static bool take_string(const uint8_t **bytes, size_t *size, const uint8_t **at, const uint8_t *end)
{
    if (end - *at < 4)
        return false;
    *size = get_be32(*at);
    *bytes = *at + 4;
    if ((size_t)(end - *bytes) < *size)
        return false;
    *at = *bytes + *size;
    return true;
}

/* False: the canonical form is damaged. */
static bool add_attributes(struct buffer *text, const struct buffer *canonical)
{
    const uint8_t *at = canonical->bytes, *end = at + canonical->size, *name, *value;
    size_t name_size, value_size;

    if (canonical->size < 4)
        return false;
    uint32_t count = get_be32(at);
    at += 4;
    for (uint32_t i = 0; i < count; i++) {
        if (!take_string(&name, &name_size, &at, end) || !take_string(&value, &value_size, &at, end))
            return false;
        add_quoted(text, name, name_size, "=\n\\\r");
        buffer_add_byte(text, '=');
        add_value(text, value, value_size);
        buffer_add_byte(text, '\n');
    }
    return at == end;
}

static int read_canonical(struct dumping *d, int64_t id)
{
    struct store *store = tree_reader_store(d->reader);
    struct blob blob;
    int result = blob_find(&blob, store, id, d->err);

    if (result == -ENOENT || (result == 0 && blob.size > CANONICAL_MAX))
        return error_system(d->err, EIO, "extended attributes %lld are not in the store", (long long)id);
    if (result < 0)
        return result;
    buffer_clear(&d->canonical);
    uint8_t *to = buffer_reserve(&d->canonical, (size_t)blob.size);
    if (!to)
        return error_system(d->err, ENOMEM, "extended attributes");
    ssize_t got = blob_read(to, store, &blob, 0, (size_t)blob.size, d->err);
    if (got >= 0)
        buffer_took(&d->canonical, (size_t)got);
    return got < 0 ? (int)got : 0;
}

static int dump_file(void *arg, const struct tree_step *step)
{
    struct dumping *d = arg;

    if (!step->place.entry->xattrs)
        return 0;
    int result = read_canonical(d, step->place.entry->xattrs);
    if (result < 0)
        return result;
    buffer_clear(&d->text);
    buffer_add_text(&d->text, "# file: ");
    if (step->size > 1)
        add_quoted(&d->text, (const uint8_t *)step->path + 1, step->size - 1, "\n\\\r");
    else
        buffer_add_byte(&d->text, '.');
    buffer_add_byte(&d->text, '\n');
    if (!add_attributes(&d->text, &d->canonical))
        return error_system(d->err, EIO, "the extended attributes of %s are damaged", step->path);
    buffer_add_byte(&d->text, '\n');
    if (d->text.failed)
        return error_system(d->err, ENOMEM, "extended attributes");
    return d->sink(d->arg, d->text.bytes, d->text.size);
}

int xattrs_dump(struct tree_reader *reader, const struct snapshot *snapshot,
                int (*sink)(void *arg, const void *bytes, size_t size), void *arg, struct error *err)
{
    struct dumping d = {.reader = reader, .sink = sink, .arg = arg, .err = err};
    int result = tree_visit_all(reader, tree_of_snapshot(snapshot), dump_file, &d, err);

    blob_rest(tree_reader_store(reader));
    buffer_free(&d.canonical);
    buffer_free(&d.text);
    return result;
}
