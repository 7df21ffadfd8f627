/* xattrs.c - sorting them, and writing them one after the other. */
#include "import/xattrs.h"

#include "db/blob.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct xattr {
    size_t name, value; /* offsets in bytes; while they are sorted, see by_name() */
    size_t name_size, value_size;
    size_t order;
    const uint8_t *base;
};

void xattrs_free(struct xattrs *xattrs)
{
    buffer_free(&xattrs->bytes);
    buffer_free(&xattrs->list);
}

void xattrs_clear(struct xattrs *xattrs)
{
    buffer_clear(&xattrs->bytes);
    buffer_clear(&xattrs->list);
}

size_t xattrs_count(const struct xattrs *xattrs)
{
    return xattrs->list.size / sizeof(struct xattr);
}

const char *xattrs_problem(const struct xattrs *xattrs, const char *name, size_t name_size, size_t value_size)
{
    if (name_size == 0)
        return "the name of an extended attribute is empty";
    if (name_size > XATTRS_NAME_MAX)
        return "the name of an extended attribute is longer than 255 bytes";
    if (memchr(name, '\0', name_size))
        return "the name of an extended attribute holds a NUL";
    if (value_size > XATTRS_VALUE_MAX)
        return "an extended attribute is larger than 64 KiB";
    if (xattrs->bytes.size + name_size + value_size > XATTRS_BYTES_MAX)
        return "all extended attributes together are larger than 4 MiB";
    return NULL;
}

void xattrs_add(struct xattrs *xattrs, const char *name, size_t name_size, const void *value, size_t value_size)
{
    struct xattr xattr = {
        .name = xattrs->bytes.size,
        .value = xattrs->bytes.size + name_size,
        .name_size = name_size,
        .value_size = value_size,
        .order = xattrs_count(xattrs),
    };

    buffer_add(&xattrs->bytes, name, name_size);
    buffer_add(&xattrs->bytes, value, value_size);
    buffer_add(&xattrs->list, &xattr, sizeof xattr);
}

static int compare_names(const struct xattr *a, const struct xattr *b)
{
    size_t shorter = a->name_size < b->name_size ? a->name_size : b->name_size;
    int order = shorter ? memcmp(a->base + a->name, b->base + b->name, shorter) : 0;

    return order ? order : (a->name_size > b->name_size) - (a->name_size < b->name_size);
}

static int by_name(const void *a, const void *b)
{
    const struct xattr *x = a, *y = b;
    int order = compare_names(x, y);

    return order ? order : (x->order > y->order) - (x->order < y->order);
}

static void add_string(struct buffer *out, const uint8_t *bytes, size_t size)
{
    buffer_add_be32(out, (uint32_t)size);
    buffer_add(out, bytes, size);
}

void xattrs_encode(struct buffer *out, struct xattrs *xattrs)
{
    struct xattr *list = (struct xattr *)(void *)xattrs->list.bytes;
    size_t count = xattrs_count(xattrs), kept = 0;

    buffer_clear(out);
    out->failed = xattrs->bytes.failed || xattrs->list.failed;
    for (size_t i = 0; i < count; i++)
        list[i].base = xattrs->bytes.bytes;
    if (count)
        qsort(list, count, sizeof *list, by_name);
    for (size_t i = 0; i < count; i++)
        if (i + 1 == count || compare_names(&list[i], &list[i + 1]) != 0)
            list[kept++] = list[i];
    buffer_add_be32(out, (uint32_t)kept);
    for (size_t i = 0; i < kept; i++) {
        add_string(out, list[i].base + list[i].name, list[i].name_size);
        add_string(out, list[i].base + list[i].value, list[i].value_size);
    }
    xattrs_clear(xattrs);
}

int xattrs_put(int64_t *id, struct digest *digest, struct xattrs *xattrs, struct store *store, struct error *err)
{
    struct buffer canonical cleanup_buffer = {0};

    *id = 0;
    if (xattrs_count(xattrs) == 0 && !xattrs->list.failed)
        return 0;
    xattrs_encode(&canonical, xattrs);
    if (canonical.failed)
        return error_system(err, ENOMEM, "extended attributes");
    return blob_put(id, digest, store, canonical.bytes, canonical.size, err);
}
