/* virtual.h - directories that no tree holds: "/" and "/snap". They share one file system, the store's own. */
#ifndef NFSD_VIRTUAL_H
#define NFSD_VIRTUAL_H

#include "nfsd/export.h"

/* Numbers of virtual directories, in handles: they never change. Also their fileids. */
enum { VIRTUAL_ROOT = 1, VIRTUAL_SNAP = 2 };

/* Fileids up to this are for such numbers; what a table of the store lists has its row's number added to it. */
#define VIRTUAL_FIXED_MAX 64

struct virtual_directory {
    uint32_t number, parent;
    const char *name, *path;
    uint32_t nlink;
    /* What it holds beside other virtual directories; NULL: nothing. */
    int (*lookup)(struct object *child, struct nfsd_worker *worker, const char *name, size_t size);
    int (*list)(struct nfsd_worker *worker, uint64_t after, listing_visit visit, void *arg);
};

/* False: no directory has this number. */
bool virtual_object(struct object *object, struct nfsd_worker *worker, uint32_t number);

int virtual_lookup(struct object *child, struct nfsd_worker *worker, const struct object *directory, const char *name,
                   size_t size);

/* The entries behind a cookie, "." and ".." left out. */
int virtual_list(struct nfsd_worker *worker, const struct object *directory, uint64_t cookie, listing_visit visit,
                 void *arg);

/* ns: the last commit that added or removed a child. One query after each commit, else none. */
uint64_t virtual_mtime(struct nfsd_worker *worker, const struct virtual_directory *directory);

#endif
