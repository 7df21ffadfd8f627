/* features.h - visiting the records of a snapshot's features, in order. */
#ifndef TREE_FEATURES_H
#define TREE_FEATURES_H

#include "base/error.h"
#include "db/node.h"
#include "db/store.h"

/* What the importer has to say about a path is a record of this type: its value is {"what":…, …}. */
#define FEATURE_NOTE "~note"

/* Visit the records below a node of features; those of one type only, unless type is NULL. A visitor's non-zero value
 * ends the visit. */
int features_visit(struct store *store, int64_t node, const char *type,
                   int (*visit)(void *arg, const struct feature *feature), void *arg, struct error *err);

#endif
