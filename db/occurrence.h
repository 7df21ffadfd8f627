/* occurrence.h - from things to where they stand: which nodes hold a content, a name, a package or another node, and
 * which snapshots have a node at their root. The way up that readers take down; all by indexes but names.
 */
#ifndef DB_OCCURRENCE_H
#define DB_OCCURRENCE_H

#include "db/snapshot.h"

#include <stdbool.h>
#include <stddef.h>

/* An item of a node. */
struct occurrence {
    int64_t node;
    /* What the item is called: the name of an entry, or of a package and its version with a space between. NULL: it is
     * a piece of what the whole node is a piece of. Borrowed until the visitor returns. */
    const char *name;
    size_t name_size;
    bool made; /* an entry of the veneer's */
};

/* A visitor's non-zero value ends the visit. */
typedef int (*occurrence_visit)(void *arg, const struct occurrence *occurrence);

/* Entries that have a content. */
int occurrence_visit_blob(struct store *store, int64_t blob, occurrence_visit visit, void *arg, struct error *err);

/* Entries whose names match a pattern of *, ? and [...], as sqlite's GLOB has it. Looks at each distinct entry once. */
int occurrence_visit_name(struct store *store, const char *glob, occurrence_visit visit, void *arg, struct error *err);

/* Records of packages of this name; with a version, of that one only. */
int occurrence_visit_package(struct store *store, const char *package, const char *version, occurrence_visit visit,
                             void *arg, struct error *err);

/* Nodes that hold a node: as a piece, or as the directory that an entry is. */
int occurrence_visit_node(struct store *store, int64_t node, occurrence_visit visit, void *arg, struct error *err);

/* The snapshots whose files or features begin at a node: commit numbers, and rows of their namespaces. */
int occurrence_visit_root(struct store *store, int64_t node,
                          int (*visit)(void *arg, int64_t snapshot, int64_t namespace), void *arg, struct error *err);

/* The history of such a namespace, oldest first by (time, commit number). */
int occurrence_visit_history(struct store *store, int64_t namespace,
                             int (*visit)(void *arg, const struct snapshot *snapshot), void *arg, struct error *err);

#endif
