/* diff.h - what happened to the files between two trees, in the order of a walk.
 *
 * Equal directories are passed by as a whole, and in directories that differ the nodes that are equal (merge.h): cost
 * follows the change. What stands on one side only is told of with all that is below it. That a file was renamed or
 * copied is told by its content, which takes a first pass over the change.
 *
 * The two trees may be of anything: versions of a container, a container and its image, layers.
 */
#ifndef TREE_DIFF_H
#define TREE_DIFF_H

#include "base/buffer.h"
#include "tree/reader.h"

enum diff_change {
    DIFF_ADDED,
    DIFF_REMOVED,
    DIFF_MODIFIED,
    DIFF_RENAMED, /* a removed file's content at a path that is new */
    DIFF_COPIED,  /* the same, but that file stayed, or was renamed to another path */
};

/* What differs of two entries; by bit, in the order of diff_bit_names. */
enum {
    DIFF_TYPE = 1u << 0,
    DIFF_CONTENT = 1u << 1, /* of regular files whose contents are both known */
    DIFF_MODE = 1u << 2,    /* permissions */
    DIFF_OWNER = 1u << 3,   /* uid or gid */
    DIFF_SIZE = 1u << 4,
    DIFF_MTIME = 1u << 5,
    DIFF_RDEV = 1u << 6,
    DIFF_TARGET = 1u << 7,
    DIFF_XATTRS = 1u << 8,
    DIFF_ABSENT = 1u << 9, /* of one the content is known, of the other it is not */
    DIFF_LOSSY = 1u << 10,
    DIFF_MADE = 1u << 11,
    DIFF_BITS = 12,
};
extern const char *const diff_bit_names[DIFF_BITS]; /* "type", "content", … */

/* The bits; names and what is below directories are not compared. */
unsigned diff_entries(const struct entry *a, const struct entry *b);

/* Removed and changed files, and added ones, that are looked at for renames and copies, each: 3 MiB. With more of them
 * none is told to be either. */
#define DIFF_CANDIDATES_MAX (1u << 17)

struct diff_options {
    bool made;    /* files that nobody captured count, too */
    bool renames; /* tell what was renamed and copied */
};

struct diff_step {
    enum diff_change change;
    unsigned changed; /* bits, where both are there */
    const char *path; /* in b; of what was removed, in a. From the root, NUL-terminated */
    size_t size;
    const char *from; /* in a, of what was renamed or copied; else NULL */
    size_t from_size;
    const struct entry *a, *b; /* NULL: it is not there */
};

/* Visit what changed; a visitor's non-zero value ends it. All in a step is valid until the visitor returns. *too_many
 * (may be NULL): there were more candidates than DIFF_CANDIDATES_MAX. Memory: the candidates, the path and the open
 * directories; the reader is rested. Errors as in reader.h. */
int diff_trees(bool *too_many, struct tree_reader *reader, struct tree a, struct tree b,
               const struct diff_options *options, int (*visit)(void *arg, const struct diff_step *step), void *arg,
               struct error *err);

/* What became of one path (without ".."), links not followed; of a directory, of itself and not of what is below it. A
 * root of 0 is no tree. 1: *step tells (never that it was renamed or copied), until the reader is rested; 0: nothing.
 * Goes down both trees only as far as they differ. The reader is not rested; errors as in reader.h, but that nothing is
 * there is none. */
int diff_path(struct diff_step *step, struct tree_reader *reader, struct tree a, struct tree b, const char *path,
              size_t size, struct error *err);

/* One side of a diff as a tree of its own: what of that side is new, gone or changed, and the directories above it.
 * Files that were made are left out. */

/* Pairs of names that are looked at for one directory, to find one that shows: some ms. Only made files of some 2,000
 * processes are as many that do not show. */
#define DIFF_LOOK_MAX 16384u

/* Does an entry show? `own` is that side's, `other` what the other side has at the same path (NULL: nothing). A
 * directory does if it changed itself or if something below it shows: 1, 0 or an error as in reader.h. One in which
 * more than DIFF_LOOK_MAX names differ and none of the first shows does show, and may be found empty. *looked grows by
 * the pairs that were looked at. The reader is not rested. */
int diff_shows(unsigned *looked, struct tree_reader *reader, const struct entry *own, const struct entry *other,
               struct error *err);

#endif
