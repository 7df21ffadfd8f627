/* climb.h - from items of nodes up to the snapshots that have them, and the paths that they have there.
 *
 * Versions share their nodes, so the way up branches: a file that a thousand snapshots share stands in one leaf, and
 * the thousand ways part near the roots. Each pair of a node and what the path is from there down is looked at once.
 */
#ifndef TREE_CLIMB_H
#define TREE_CLIMB_H

#include "base/buffer.h"
#include "db/occurrence.h"

#include <stdint.h>

/* Pairs that one climb looks at: some 200 MB of them. As many places as that are no answer to a question. */
#define CLIMB_PAIRS_MAX (1u << 22)

/* One snapshot that has the thing, and where. */
struct climbed {
    int64_t snapshot;  /* commit number */
    int64_t namespace; /* row */
    uint32_t path;     /* for climb_path(): equal paths are equal numbers */
    bool made;         /* the veneer made it */
};

struct climb;

/* `err` is for all that goes wrong until climb_free(). */
int climb_new(struct climb **climb, struct store *store, struct error *err);
void climb_free(struct climb *climb);

/* Begin at an item, as an occurrence_visit. */
int climb_from(void *climb, const struct occurrence *occurrence);

/* Climb from all of them. -E2BIG: there are more places than CLIMB_PAIRS_MAX. */
int climb_run(struct climb *climb);

/* What was found, in no order. */
const struct climbed *climb_found(size_t *count, const struct climb *climb);

/* Add a path, without a slash before it. */
void climb_path(struct buffer *out, const struct climb *climb, uint32_t path);

#endif
