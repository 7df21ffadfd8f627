/* namespace_prefix.h - namespaces as directories: "docker.io", "docker.io/library", and "docker.io/library/nginx"
 * itself.
 *
 * Each prefix of a namespace is a row, known everywhere by the first 16 bytes of its SHA-256. It is there as long as a
 * snapshot stands at or below it, and knows when something was last added to it or taken from it. Both follow the rows
 * of `snapshot` by triggers (schema.c), whoever writes those.
 */
#ifndef DB_NAMESPACE_PREFIX_H
#define DB_NAMESPACE_PREFIX_H

#include "base/error.h"
#include "db/snapshot.h"
#include "db/store.h"

#define PREFIX_ID_SIZE 16

struct namespace_prefix {
    int64_t number;                /* of its row: rises, never repeats */
    uint8_t id[PREFIX_ID_SIZE];    /* the first bytes of the SHA-256 of all its components, '/' between them */
    bool is_top;                   /* it stands in no other one … */
    uint8_t above[PREFIX_ID_SIZE]; /* … or in this */
    const char *name;              /* its last component; borrowed until the next row */
    size_t name_size;
    int64_t namespace; /* id of the namespace that is called so; 0: there are only longer ones */
    uint64_t mtime;    /* ns: a version, or a prefix right below, came or went */
};

/* By id; by what it stands in (NULL: at the top) and its last component. -ENOENT (err not filled): no snapshot is at or
 * below it. The name is not filled. */
int namespace_prefix_find(struct namespace_prefix *prefix, struct store *store, const uint8_t id[PREFIX_ID_SIZE],
                          struct error *err);
int namespace_prefix_find_below(struct namespace_prefix *prefix, struct store *store, const uint8_t *above,
                                const char *name, size_t size, struct error *err);

/* Visit what stands in a prefix (NULL: at the top) by number, those after `after`; a visitor's non-zero value ends the
 * visit. */
int namespace_prefix_visit(struct store *store, const uint8_t *above, int64_t after,
                           int (*visit)(void *arg, const struct namespace_prefix *prefix), void *arg,
                           struct error *err);

/* Inside the transaction that adds a snapshot, before it: rows for a namespace, which has its own, and its prefixes. */
int namespace_prefix_put(struct store *store, const char *namespace, struct error *err);

#endif
