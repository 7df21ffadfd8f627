/* feature_diff.h - what happened to the features between two snapshots: processes, connections, packages, settings.
 *
 * Sets of features share their nodes as directories do, so what is equal is passed by. Records of one type and key are
 * one thing that changed. Left out are the importer's notes, and, unless asked for, what is measured anew with every
 * capture: loads, counters, the time.
 */
#ifndef TREE_FEATURE_DIFF_H
#define TREE_FEATURE_DIFF_H

#include "db/node.h"
#include "tree/members.h"
#include "tree/reader.h"

enum feature_change {
    FEATURE_ADDED,
    FEATURE_REMOVED,
    FEATURE_MODIFIED,
    FEATURE_UPGRADED, /* a package has another version */
};

struct feature_step {
    enum feature_change change;
    const struct feature *a, *b; /* NULL: it is not there */
};

/* Visit what changed, by type and key; nodes of features. All in a step is valid until the visitor returns; its
 * non-zero value ends it. Memory: a record. Errors as in reader.h. */
int features_diff(struct tree_reader *reader, int64_t a, int64_t b, bool measured,
                  int (*visit)(void *arg, const struct feature_step *step), void *arg, struct error *err);

/* Visit the members that differ of a record that changed. */
int features_compare(const struct feature *a, const struct feature *b, bool measured, member_visit visit, void *arg,
                     struct error *err);

bool feature_is_package(const struct feature *feature);

/* A package's version as it stands in its record, with quotes; none, where it tells of none. */
struct json_text feature_version(const struct feature *feature);

#endif
