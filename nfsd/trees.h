/* trees.h - what "/snap", "/layer" and "/chain" list: roots of trees, for virtual.c. */
#ifndef NFSD_TREES_H
#define NFSD_TREES_H

#include "nfsd/export.h"

/* The root of the tree with this id. -ENOENT: there is none. */
int trees_root(struct object *root, struct nfsd_worker *worker, enum handle_kind kind, const uint8_t *id);

/* Full ids in lower case only, as they are listed: a name has one spelling. */
int trees_lookup(struct object *child, struct nfsd_worker *worker, enum handle_kind kind, const char *name,
                 size_t size);
int trees_list(struct nfsd_worker *worker, enum handle_kind kind, int64_t after, listing_visit visit, void *arg);

#endif
