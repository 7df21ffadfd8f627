/* import.h - from a source to snapshots in the store: what the command line calls. */
#ifndef IMPORT_IMPORT_H
#define IMPORT_IMPORT_H

#include "base/error.h"
#include "db/snapshot.h"
#include "db/store.h"
#include "import/source.h"

#include <stdbool.h>
#include <stdint.h>

/* A few kilobytes can be compressed petabytes; real systems have less than this. */
#define IMPORT_SIZE_MAX (1ull << 40) /* bytes */

/* How far an import is. What it found new and known, blob_tally() of the store tells. */
struct import_progress {
    uint64_t bytes;       /* read of the source, or of a part of it (compressed, where that is) */
    uint64_t size;        /* of that; 0: nobody knows */
    uint64_t records;     /* of it: records, entries, files */
    unsigned part, parts; /* which layer of how many is read; 0: the source has none */
};

struct import_options {
    struct store *store;
    const char *namespace; /* NULL: the source's own */
    bool has_time;
    uint64_t time;               /* ns, where has_time */
    const char *strip_prefix;    /* NULL: none; else an absolute path that becomes the root */
    const char *const *excluded; /* of frames: paths that their crawler left out besides the usual ones */
    size_t excluded_count;
    bool partial;         /* take what is complete of a source that is cut short */
    bool cross_mounts;    /* of a directory: what is mounted inside belongs to it */
    bool veneer;          /* of frames and what runs: make the files that their features tell of */
    bool render;          /* do so again where an earlier version of the veneer was there */
    bool strict;          /* what a tree cannot hold is an error */
    uint64_t size_max;    /* bytes of a stream when it is uncompressed; 0: IMPORT_SIZE_MAX */
    const char *ref;      /* of images: those of this name; NULL: all */
    const char *platform; /* of images: OS/ARCH[/VARIANT], or "all"; NULL: the machine's own, else the only one */
    /* All may be NULL. A text for people, one line. */
    void (*warn)(void *arg, const char *text);
    /* Each snapshot as soon as it is published (or was found to be there); non-zero ends the import with that value. */
    int (*imported)(void *arg, const struct snapshot *snapshot, bool is_new);
    /* Now and then. */
    void (*progress)(void *arg, const struct import_progress *progress);
    void *arg;
    unsigned part, parts; /* for progress */
};

/* Import each frame of a source. A bad frame leaves nothing behind (-EBADMSG), but frames before it are imported. */
int import_frame(const struct import_options *options, struct source *source, struct error *err);

/* Import a tar, compressed or not. Without a namespace it takes the file's name without .tar and the like; without a
 * time, now. A broken one publishes nothing (-EBADMSG). The input is borrowed. */
int import_tar(const struct import_options *options, struct input *input, struct error *err);

enum image_format {
    IMAGE_ANY,    /* told by content */
    IMAGE_OCI,    /* an image layout */
    IMAGE_DOCKER, /* what docker save writes */
};

/* Import the images of a tar, compressed or not: all of them, or those that options->ref and ->platform choose. Each is
 * published by itself: one that is broken (-EBADMSG) publishes nothing. IMAGE_ANY: a tar that holds no images is
 * imported as import_tar() does. The input is borrowed. */
int import_image(const struct import_options *options, enum image_format format, struct input *input,
                 struct error *err);

/* The same of a directory, which image_is_layout() or somebody said is one of images. */
int import_image_dir(const struct import_options *options, enum image_format format, const char *path,
                     struct error *err);

/* Is a directory an OCI image layout? */
bool image_is_layout(const char *path);

/* Import a directory. What cannot be read, vanishes or changes meanwhile is noted. Errors: it is no directory or may
 * not be read, and those of the store. */
int import_dir(const struct import_options *options, const char *path, struct error *err);

/* Import what runs: the root of a process (its number in this program's PID namespace) as import_dir() does, and as
 * features what a crawler inside would have told of the container. Without a namespace it is HOST/CONTAINER. Errors:
 * there is no such process, or it may not be looked at, and those of the store. */
int import_live(const struct import_options *options, const char *pid, struct error *err);

#endif
