/* virtual.h - directories that no tree holds: "/", "/snap", "/layer", "/chain", "/blob", "/meta", "/diff", "/at";
 * "/cache" stands among them. They share one file system, the store's own, with what kinds of objects beside trees
 * there are (kind.h). */
#ifndef NFSD_VIRTUAL_H
#define NFSD_VIRTUAL_H

#include "nfsd/export.h"

/* Numbers of virtual directories, in handles: they never change. Also their fileids. */
enum {
    VIRTUAL_ROOT = 1,
    VIRTUAL_SNAP = 2,
    VIRTUAL_BLOB = 3,
    VIRTUAL_META = 4,
    VIRTUAL_LAYER = 5,
    VIRTUAL_CHAIN = 6,
    VIRTUAL_DIFF = 7,
    VIRTUAL_AT = 8,
    VIRTUAL_CACHE = 9
};

/* Fileids and cookies up to this are for such numbers; what a table of the store lists has its row's number added. */
#define VIRTUAL_FIXED_MAX 64

/* From a cookie to the row behind which a listing goes on, and back. */
static inline int64_t listing_row(uint64_t cookie)
{
    if (cookie > INT64_MAX)
        return INT64_MAX;
    return cookie > VIRTUAL_FIXED_MAX ? (int64_t)cookie - VIRTUAL_FIXED_MAX : 0;
}

static inline uint64_t listing_cookie(int64_t row)
{
    return VIRTUAL_FIXED_MAX + (uint64_t)row;
}

/* -EBADF: no directory has this number; -EACCES: the caller's rule does not show it. */
int virtual_object(struct object *object, struct nfsd_worker *worker, uint32_t number);

/* ns: the last commit that added or removed a child. One query after each commit, else none. */
uint64_t virtual_mtime(struct nfsd_worker *worker, uint32_t number);

#endif
