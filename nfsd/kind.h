/* kind.h - what each kind of object can do: a row of functions, found by the kind in a handle (the table is
 * export.c's).
 *
 * A new export is a new kind: its row, a line in the table, and a name in a virtual directory (virtual.c).
 */
#ifndef NFSD_KIND_H
#define NFSD_KIND_H

#include "nfsd/export.h"

struct export_kind {
    unsigned needs; /* options of the peer's rule */
    /* From a handle whose check is right. -EBADF: its number means nothing. */
    int (*resolve)(struct object *object, struct nfsd_worker *worker, const struct handle *handle);
    /* Directories; ".." is asked for, "." and what cannot be a name are not. */
    int (*lookup)(struct object *child, struct nfsd_worker *worker, const struct object *directory, const char *name,
                  size_t size);
    /* The entries behind a cookie; not "." and "..". */
    int (*list)(struct nfsd_worker *worker, const struct object *directory, uint64_t cookie, listing_visit visit,
                void *arg);
    /* Regular files. */
    int (*open)(struct content *content, struct nfsd_worker *worker, const struct object *file, uint64_t offset);
};

extern const struct export_kind kind_virtual, kind_tree, kind_blobs, kind_blob, kind_meta, kind_diff, kind_diff_side,
    kind_at, kind_at_time, kind_verdict;

/* The content of a blob, by its id. */
int content_of_blob(struct content *content, struct nfsd_worker *worker, int64_t id, uint64_t offset);

/* The content of a rendered file (renderings.h). */
int content_of_rendering(struct content *content, struct nfsd_worker *worker, const struct rendered *what);

/* The fileid of an object of a tree. */
uint64_t tree_fileid(const struct object *object);

/* Fileids of the store's own file system. Rows are counted from 1 and never used twice. */
#define FILEID_SNAPSHOT(number) (VIRTUAL_FIXED_MAX + (uint64_t)(number)) /* "/snap/<id>", for listings */
#define FILEID_META(number) (0x40000000u + (uint64_t)(number))           /* "/meta/<id>" */
#define FILEID_PREFIX(number) (0x50000000u + (uint64_t)(number))         /* "/at/<prefix of namespaces>" */
#define FILEID_LAYER(number) (0x60000000u + (uint64_t)(number))          /* "/layer/<diffid>", for listings */
#define FILEID_CHAIN(number) (0x70000000u + (uint64_t)(number))          /* "/chain/<chainid>", for listings */
#define FILEID_BLOBS(prefix) (0x7fffff00u + (uint64_t)(prefix))          /* "/blob/ab" */
#define FILEID_BLOB(row) (0x80000000u + (uint64_t)(row))                 /* "/blob/ab/<digest>" */
#define FILEID_META_FILE(number, file) ((1 + (uint64_t)(file)) << 32 | (uint64_t)(number)) /* below "/meta/<id>" */
#define FILEID_AT_TIME(hash) (1ULL << 63 | (uint64_t)(hash) >> 1)                          /* times are no rows */
/* "/diff/<a>..<b>", its changes.jsonl and, for listings, its two trees: commit numbers are below 2^30. */
#define FILEID_DIFF(a, b, file) ((uint64_t)1 << 62 | (uint64_t)(file) << 60 | (uint64_t)(a) << 30 | (uint64_t)(b))

/* Is a name this text? */
bool name_is(const char *name, size_t size, const char *text);

/* `count` bytes from a name of as many pairs of hex digits in lower case, as such names are listed: one spelling. */
bool name_is_hex(void *out, size_t count, const char *name, size_t size);

#endif
