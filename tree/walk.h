/* walk.h - visiting a whole tree in the order of its ranks, and what each entry is called there. */
#ifndef TREE_WALK_H
#define TREE_WALK_H

#include "base/buffer.h"
#include "tree/reader.h"

/* One entry of the walk. Borrowed; valid until the visitor returns. */
struct tree_step {
    const char *path; /* from the tree's root: "/", "/etc", … ; NUL-terminated */
    size_t size;
    struct tree_place place;
};

/* Visit `start` (which stands at `path`) and all that is below it. A visitor's non-zero value ends the walk. `recurse`
 * false: `start` itself and its own entries only. Memory: the path and the open directories; the cache is rested. */
int tree_visit(struct tree_reader *reader, const struct tree_place *start, const char *path, bool recurse,
               int (*visit)(void *arg, const struct tree_step *step), void *arg, struct error *err);

/* The same of a whole tree, from its root ("/") on. */
int tree_visit_all(struct tree_reader *reader, struct tree tree, int (*visit)(void *arg, const struct tree_step *step),
                   void *arg, struct error *err);

/* The path of the name with this rank, into a cleared buffer; a NUL that is not counted stands behind it. Costs two
 * descents a component. Errors as tree_find(). */
int tree_path(struct buffer *path, struct tree_reader *reader, struct tree tree, uint32_t rank, struct error *err);

/* Follow symbolic links in an absolute path: the file it leads to, and where that is (FOLLOW_PATH_MAX + 1 bytes).
 * -ENOENT, -ENOTDIR, -ELOOP, -ENAMETOOLONG (err not filled). */
int tree_follow(struct tree_place *place, char *resolved, struct tree_reader *reader, struct tree tree,
                const char *path, size_t size, struct error *err);

#endif
