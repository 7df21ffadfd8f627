/* watched.h - which files of watched directories need no second look: those that were imported, or refused as bad.
 *
 * A row is written after the file's snapshots were published. Who is killed in between imports the file once more,
 * which finds them there and changes nothing.
 */
#ifndef DB_WATCHED_H
#define DB_WATCHED_H

#include "base/error.h"
#include "db/store.h"

#define WATCHED_NAME_SIZE 256 /* NAME_MAX of Linux and a NUL */

/* A file as it was when it was read; written to or replaced it is another one. */
struct watched {
    const char *directory; /* its real path */
    const char *name;
    uint64_t size;  /* bytes */
    uint64_t inode; /* number */
    uint64_t mtime; /* ns */
    bool rejected;  /* it was bad */
};

/* Is this very file remembered? Fills `rejected`. -ENOENT (err not filled): it is not. */
int watched_find(struct watched *file, struct store *store, struct error *err);

/* Remember it, in the place of another one of this name. Committed when this returns. */
int watched_put(struct store *store, const struct watched *file, struct error *err);

/* Forget the file of this name. Committed when this returns. */
int watched_drop(struct store *store, const char *directory, const char *name, struct error *err);

/* The first name of a directory behind another one ("": of all), in byte order. -ENOENT (err not filled): none is left.
 */
int watched_next(char name[WATCHED_NAME_SIZE], struct store *store, const char *directory, const char *after,
                 struct error *err);

#endif
