/* meta.h - "/meta/<id>": what else is known of a snapshot. What "/meta" itself lists, for virtual.c, and how a file is
 * rendered, for renderings.c. */
#ifndef NFSD_META_H
#define NFSD_META_H

#include "nfsd/export.h"

int meta_lookup_snapshot(struct object *child, struct nfsd_worker *worker, const char *name, size_t size);
int meta_list_snapshots(struct nfsd_worker *worker, int64_t after, listing_visit visit, void *arg);

/* Make a file: a render_function. */
int meta_render(struct tree_reader *reader, const struct rendered *what, render_sink sink, void *arg,
                struct error *err);

#endif
