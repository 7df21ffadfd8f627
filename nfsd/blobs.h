/* blobs.h - "/blob/<ab>/<sha256>": each distinct content once. What "/blob" itself lists, for virtual.c. */
#ifndef NFSD_BLOBS_H
#define NFSD_BLOBS_H

#include "nfsd/export.h"

int blobs_lookup(struct object *child, struct nfsd_worker *worker, const char *name, size_t size);
int blobs_list(struct nfsd_worker *worker, int64_t after, listing_visit visit, void *arg);

#endif
