/* meta.h - "/meta/<id>": what else is known of a snapshot. What "/meta" itself lists, for virtual.c, and how a file is
 * rendered, for renderings.c. */
#ifndef NFSD_META_H
#define NFSD_META_H

#include "nfsd/export.h"

int meta_lookup_snapshot(struct object *child, struct nfsd_worker *worker, const char *name, size_t size);
int meta_list_snapshots(struct nfsd_worker *worker, int64_t after, listing_visit visit, void *arg);

/* Where a rendering goes; non-zero ends it. */
typedef int (*render_sink)(void *arg, const void *bytes, size_t size);

/* Make the file of this number. -ENOENT: the snapshot was removed (err filled). */
int meta_render(struct tree_reader *reader, const uint8_t *id, uint32_t file, render_sink sink, void *arg,
                struct error *err);

#endif
