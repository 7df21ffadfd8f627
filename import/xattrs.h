/* xattrs.h - a file's extended attributes in their canonical form, which is a blob.
 *
 * `count` (be32), then each one's name and value, both as a length (be32) and bytes; by names, in the order of bytes.
 */
#ifndef IMPORT_XATTRS_H
#define IMPORT_XATTRS_H

#include "base/buffer.h"

/* All zero holds none. */
struct xattrs {
    struct buffer bytes, list;
};

void xattrs_free(struct xattrs *xattrs);
void xattrs_clear(struct xattrs *xattrs);

/* What is pointed to is copied. Of two of one name, the one that was added last counts. */
void xattrs_add(struct xattrs *xattrs, const char *name, size_t name_size, const void *value, size_t value_size);

/* How many were added. */
size_t xattrs_count(const struct xattrs *xattrs);

/* The canonical form into `out`, which is cleared first; out->failed tells that memory was out. */
void xattrs_encode(struct buffer *out, struct xattrs *xattrs);

#endif
