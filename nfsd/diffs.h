/* diffs.h - "/diff/<a>..<b>": what changed between two snapshots, as two trees and a list. What "/diff" itself finds,
 * for virtual.c, and how changes.jsonl is rendered, for renderings.c. */
#ifndef NFSD_DIFFS_H
#define NFSD_DIFFS_H

#include "nfsd/export.h"

/* Full ids in lower case with ".." between them. Any two of a namespace's thousands are a pair, so "/diff" lists none.
 */
int diffs_lookup(struct object *child, struct nfsd_worker *worker, const char *name, size_t size);

/* Make changes.jsonl: a render_function. */
int diffs_render(struct tree_reader *reader, const struct rendered *what, render_sink sink, void *arg,
                 struct error *err);

#endif
