/* trees.h - what "/snap", "/layer" and "/chain" list: roots of trees, for virtual.c; and what files of all trees have
 * in common. */
#ifndef NFSD_TREES_H
#define NFSD_TREES_H

#include "nfsd/export.h"

/* Full ids in lower case only, as they are listed: a name has one spelling. */
int trees_lookup(struct object *child, struct nfsd_worker *worker, enum handle_kind kind, const char *name,
                 size_t size);
int trees_list(struct nfsd_worker *worker, enum handle_kind kind, int64_t after, listing_visit visit, void *arg);

/* Ordinal i of a directory in a tree has this cookie and i more. */
#define TREE_COOKIE_FIRST 3u

/* The name with this rank in a tree; -ENOENT if there is no such tree or rank. */
int trees_object(struct object *object, struct nfsd_worker *worker, enum handle_kind kind, const uint8_t *id,
                 uint32_t rank);

/* Functions of kind.h. */
int trees_resolve(struct object *object, struct nfsd_worker *worker, const struct handle *handle);
int trees_open(struct content *content, struct nfsd_worker *worker, const struct object *file, uint64_t offset);

#endif
