/* xattrs.h - a file's extended attributes in their canonical form, which is a blob.
 *
 * `count` (be32), then each one's name and value, both as a length (be32) and bytes; by names, in the order of bytes.
 */
#ifndef IMPORT_XATTRS_H
#define IMPORT_XATTRS_H

#include "base/buffer.h"
#include "base/digest.h"
#include "base/error.h"
#include "db/store.h"

/* What Linux allows (xattr(7)): more cannot come from a file, nor go back to one. */
#define XATTRS_NAME_MAX 255
#define XATTRS_VALUE_MAX 65536
/* Names and values of one file. Linux has no such limit, but its lists of names end at 64 KiB. */
#define XATTRS_BYTES_MAX (4u << 20)

/* All zero holds none. */
struct xattrs {
    struct buffer bytes, list;
};

void xattrs_free(struct xattrs *xattrs);
void xattrs_clear(struct xattrs *xattrs);

/* Why one more cannot be held, as a short text for people, or NULL if it can. */
const char *xattrs_problem(const struct xattrs *xattrs, const char *name, size_t name_size, size_t value_size);

/* What is pointed to is copied. Of two of one name, the one that was added last counts. */
void xattrs_add(struct xattrs *xattrs, const char *name, size_t name_size, const void *value, size_t value_size);

/* How many were added. */
size_t xattrs_count(const struct xattrs *xattrs);

/* The canonical form into `out`, which is cleared first; out->failed tells that memory was out. */
void xattrs_encode(struct buffer *out, struct xattrs *xattrs);

/* The canonical form into the store; *id is 0 where there are none. None are left afterwards. */
int xattrs_put(int64_t *id, struct digest *digest, struct xattrs *xattrs, struct store *store, struct error *err);

#endif
