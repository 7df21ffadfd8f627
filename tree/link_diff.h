/* link_diff.h - what happened to the groups of names that are one file between two trees, as their links objects have
 * them. Groups are told by their first paths; equal nodes are passed by. */
#ifndef TREE_LINK_DIFF_H
#define TREE_LINK_DIFF_H

#include "tree/reader.h"

/* A group that is another one now. Of one that is new every name joined, of one that went every name left it. */
struct link_step {
    const char *path;               /* its first, without leading '/'; NUL-terminated */
    const struct link_group *a, *b; /* NULL: no group begins with this path */
};

/* Visit the groups that differ; valid until the visitor returns, whose non-zero value ends it. Memory: a node a side
 * and level. Errors as in reader.h. */
int links_diff(struct tree_reader *reader, struct tree a, struct tree b,
               int (*visit)(void *arg, const struct link_step *step), void *arg, struct error *err);

/* Visit the paths that `own` has and `other` (may be NULL) has not, in order. */
int link_names_only_in(const struct link_group *own, const struct link_group *other,
                       int (*visit)(void *arg, const char *path), void *arg);

#endif
