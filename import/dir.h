/* dir.h - a directory while it is imported: private to the import room.
 *
 *     import_dir()                 in dir.c: a snapshot of what dir_walk() finds
 *     import_live()                in import_live.c: the same below a process's root, with what is told of it
 *         dir_walk()               in dir_walk.c: every directory, from the root down, mounts inside left alone
 *             dir_add()            in dir_file.c: one file or directory with its content and attributes
 *
 * Nobody stops writing to a directory because it is imported. What is gone before it was read is left out, what changes
 * meanwhile is taken as it was read, what may not be read is absent; each has a note. No symbolic link is followed, and
 * nothing but regular files is opened, so nothing waits for the other end of a fifo.
 */
#ifndef IMPORT_DIR_H
#define IMPORT_DIR_H

#include "db/blob_writer.h"
#include "import/arrivals.h"
#include "import/builder.h"
#include "import/import.h"
#include "import/inodes.h"
#include "import/record_set.h"
#include "import/xattrs.h"

struct dir;
struct dir_source;

/* Takes what a walk finds. */
struct dir_taker {
    /* What stands at dir->path: `name` in the directory `parent` (NULL: that directory itself), as *st says. */
    int (*add)(struct dir *dir, int parent, const char *name, const struct stat *st, struct error *err);
    /* It is known by *st alone: a directory is empty, content is absent. `what` and `why` as in dir_note(). */
    int (*add_bare)(struct dir *dir, const struct stat *st, const char *what, const char *why, struct error *err);
    /* {"what":W} or {"what":W,"why":Y} on dir->path. */
    int (*note)(struct dir *dir, const char *what, const char *why, struct error *err);
};

struct dir {
    const struct import_options *options;
    const struct dir_taker *taker;
    const struct dir_source *source;
    struct builder *builder;
    struct arrivals *arrivals; /* on their way there */
    uint64_t added;            /* how many were sent */
    struct spool *values;      /* of the notes */
    struct record_set features;
    struct blob_writer *writer;
    struct inodes inodes;
    struct xattrs xattrs;
    char path[BUILDER_PATH_MAX + 1];
    size_t path_size;      /* "/usr/lib"; "/" is the root */
    dev_t mount;           /* the root's */
    struct stat store;     /* the store's directory, which is not imported into itself */
    uint64_t bytes, files; /* read so far */
    uint64_t notes;
    char first_note[512]; /* for people */
};

/* Walk a directory; the fd stays the caller's. */
int dir_walk(struct dir *dir, int root, struct error *err);

/* What opening it answered: note that it is gone, or add it by *st alone; an error where it is the system that failed.
 */
int dir_add_failed(struct dir *dir, const struct stat *st, int failed, struct error *err);

/* --- Into a snapshot ---------------------------------------------------------------------------------------------- */

int dir_add(struct dir *dir, int parent, const char *name, const struct stat *st, struct error *err);
int dir_add_bare(struct dir *dir, const struct stat *st, const char *what, const char *why, struct error *err);
int dir_note(struct dir *dir, const char *what, const char *why, struct error *err);

/* What a snapshot is besides the directory. */
struct dir_source {
    const char *format;
    bool has_mounts; /* that some are inside is the rule: each has its note, but nobody is warned */
    /* Adds to dir->features, before the walk; NULL: nothing. */
    int (*produce)(void *arg, struct dir *dir, struct error *err);
    /* Lays over the tree that was written; NULL: nothing. */
    int (*lay)(void *arg, struct dir *dir, struct snapshot *snapshot, struct error *err);
    /* Whose a file is, where that is not who lstat(2) says; NULL: it is. */
    void (*own)(void *arg, struct stat *st);
    void *arg;
};

/* Import the directory behind an fd, which stays the caller's. */
int dir_import(const struct import_options *options, int root, const char *namespace, const struct dir_source *source,
               struct error *err);

#endif
