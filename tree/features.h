/* features.h - visiting the records of a snapshot's features, in order. */
#ifndef TREE_FEATURES_H
#define TREE_FEATURES_H

#include "base/buffer.h"
#include "base/error.h"
#include "db/node.h"
#include "db/store.h"

/* What the importer has to say about a path is a record of this type: its value is {"what":…, …}. */
#define FEATURE_NOTE "~note"

/* Visit the records below a node of features; those of one type only, unless type is NULL. A visitor's non-zero value
 * ends the visit. */
int features_visit(struct store *store, int64_t node, const char *type,
                   int (*visit)(void *arg, const struct feature *feature), void *arg, struct error *err);

/* Write the records of one type as JSON lines, {"key":…,"value":…}, to `sink`. */
int features_write(struct store *store, int64_t node, const char *type,
                   int (*sink)(void *arg, const void *bytes, size_t size), void *arg, struct error *err);

/* Types of records that are told apart: a crawler has some 20. What else a frame holds is in the frame itself. */
#define FEATURE_TYPES_MAX 256

/* The types of records below a node of features, in their order. All zero: of none yet. */
struct feature_types {
    int64_t node;
    unsigned count;
    uint32_t ends[FEATURE_TYPES_MAX]; /* where each name ends among the names */
    struct buffer names;
};

/* Fill it for a node, if it is not its already. Costs two descents a type, and none when it is. */
int feature_types_get(struct feature_types *types, struct store *store, int64_t node, struct error *err);
void feature_types_free(struct feature_types *types);

/* The name of type i; not NUL-terminated, borrowed until the next feature_types_get(). */
const char *feature_types_name(size_t *size, const struct feature_types *types, unsigned i);

#endif
