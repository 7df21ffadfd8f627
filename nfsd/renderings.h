/* renderings.h - files that are made on demand: by threads of their own, since a manifest of a large tree takes
 * seconds, and kept as temporary results, the ones not asked for longest let go first.
 *
 * A rendering is made of a snapshot alone, so whoever makes it again gets the same bytes, and no result needs to
 * outlive the process. They are files without a name in the store's directory: large ones cost no memory, and nothing
 * is left behind by a server that is killed. Thread-safe.
 */
#ifndef NFSD_RENDERINGS_H
#define NFSD_RENDERINGS_H

#include "base/error.h"
#include "nfsd/handle.h"
#include "tree/reader.h"

#include <stdint.h>

#define RENDERINGS_BYTES_MAX (1ull << 30) /* of disk; a single larger one is kept until the next one is made */
#define RENDERINGS_MAX 256                /* kept, being made and waiting; each has a descriptor */
#define RENDER_THREADS 2u                 /* a second one, so that one large tree delays nobody else */

struct renderings;

/* Which file: of a snapshot (meta.h) or of two (diffs.h), by the ids that its handle has. */
struct rendered {
    enum handle_kind kind;
    uint8_t id[HANDLE_ID_MAX]; /* zero behind the kind's size */
    uint32_t file;             /* the kind's own number */
};

/* Where a rendering goes; non-zero ends it. */
typedef int (*render_sink)(void *arg, const void *bytes, size_t size);

/* Make a file. -ENOENT: a snapshot was removed (err filled). */
typedef int (*render_function)(struct tree_reader *reader, const struct rendered *what, render_sink sink, void *arg,
                               struct error *err);

/* Results of at most `limit` bytes, made of the store in a directory. Starts the threads, which take no signals. */
int renderings_new(struct renderings **out, const char *store_directory, uint64_t limit, struct error *err);

/* After the last worker has ended. What is being made is given up. */
void renderings_free(struct renderings *renderings);

/* 0 when it is made: its size, and if `fd` is no NULL, a descriptor that the caller closes. -EBUSY: it will be, ask
 * again. Else why it could not be made; whoever asks after that has it tried again. */
int renderings_find(uint64_t *size, int *fd, struct renderings *renderings, const struct rendered *what,
                    struct error *err);

#endif
