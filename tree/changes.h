/* changes.h - what changed between two captures: files, then hard links, then features; and the same as JSON lines,
 * which doc/FORMAT.md describes.
 *
 *     {"change":"modified","path":"/etc/passwd","changed":["content","size"],"old":{"type":"file",…},"new":{…}}
 *     {"change":"links","path":"/usr/bin/x","joined":["/usr/bin/y"],"left":[]}
 *     {"change":"upgraded","feature":"package","key":"bash","from":"5.1","to":"5.2","members":[…]}
 */
#ifndef TREE_CHANGES_H
#define TREE_CHANGES_H

#include "db/layer.h"
#include "tree/diff.h"
#include "tree/feature_diff.h"
#include "tree/link_diff.h"

/* One side. */
struct capture {
    struct tree tree;
    int64_t features; /* node; 0: it has none by its kind (a layer, a chain), so none are compared */
};

struct capture capture_of_snapshot(const struct snapshot *snapshot);
struct capture capture_of_layer(const struct layer *layer);

struct change_options {
    struct diff_options files;
    bool measured; /* measurements, too (feature_diff.h) */
};

/* What a default diff is, and changes.jsonl. */
extern const struct change_options change_defaults;

/* Any may be NULL. */
struct change_visitor {
    int (*file)(void *arg, const struct diff_step *step);
    int (*links)(void *arg, const struct link_step *step);
    int (*feature)(void *arg, const struct feature_step *step);
    void *arg;
};

/* Errors and ends as diff_trees(). */
int changes_visit(bool *too_many, struct tree_reader *reader, const struct capture *a, const struct capture *b,
                  const struct change_options *options, const struct change_visitor *visitor, struct error *err);

/* `sink` gets it line by line; *lines (may be NULL) is how many. */
int changes_write(uint64_t *lines, bool *too_many, struct tree_reader *reader, const struct capture *a,
                  const struct capture *b, const struct change_options *options,
                  int (*sink)(void *arg, const void *bytes, size_t size), void *arg, struct error *err);

/* The members of a file's line ("change", "path", …), into a line that was begun: for lines that tell more. */
int changes_add_file(struct buffer *line, struct tree_reader *reader, const struct diff_step *step, struct error *err);

/* "added", "renamed", …; "added", "upgraded", … */
const char *diff_change_name(enum diff_change change);
const char *feature_change_name(enum feature_change change);

#endif
