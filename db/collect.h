/* collect.h - gc: dropping what no row refers to, beside imports, servers and everybody else.
 *
 * First the old leases are waited for (lease.h). Then images, chains, layers, frames, nodes, chunks, blobs: each kind
 * from its highest number down. What refers comes after what it refers to, and so has the higher number: one pass takes
 * whole trees, from the root down, and at no time is there anything that refers to what is gone. Killed at any instant,
 * the next run goes on. Then files of contents that have no row, and the database gives back its empty pages.
 *
 * Steps of at most a batch's time, so that nobody waits long; a step looks and drops in one transaction. Memory: a bit
 * a chunk, 16 MiB at most; nothing else grows. Cost: a look at each object's number, four look-ups in indexes where
 * somebody refers to it; and once the lists of chunks of all frames.
 */
#ifndef DB_COLLECT_H
#define DB_COLLECT_H

#include "base/error.h"
#include "db/store.h"

struct collection {
    uint64_t images, chains, layers, frames, nodes, chunks, blobs, namespaces; /* dropped */
    uint64_t files;                                                            /* of contents, unlinked */
    uint64_t bytes;    /* of contents, raw, in rows and files that went */
    uint64_t freed;    /* bytes that the file system has back */
    uint64_t looked;   /* objects looked at so far … */
    uint64_t expected; /* … of about so many */
    uint64_t waiting;  /* imports that began before, and are waited for */
    const char *step;  /* what is looked at: "nodes"; NULL: it waits */
    /* Told now and then; may be NULL. */
    void (*progress)(void *arg, const struct collection *collection);
    void *arg;
};

/* The connection holds no ids, and has no lease afterwards. -EBUSY: another one runs. */
int store_collect(struct collection *collection, struct store *store, struct error *err);

#endif
