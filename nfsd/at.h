/* at.h - "/at/<namespace>/<time>": histories. What "/at" itself lists, for virtual.c. */
#ifndef NFSD_AT_H
#define NFSD_AT_H

#include "nfsd/export.h"

int at_lookup_top(struct object *child, struct nfsd_worker *worker, const char *name, size_t size);
int at_list_top(struct nfsd_worker *worker, int64_t after, listing_visit visit, void *arg);

#endif
