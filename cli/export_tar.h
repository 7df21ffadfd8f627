/* export_tar.h - a snapshot's tree as a tar (pax), whose import gives the same tree. */
#ifndef CLI_EXPORT_TAR_H
#define CLI_EXPORT_TAR_H

#include "cli/view.h"

struct export_options {
    bool made;  /* take what was made, too */
    bool layer; /* for an image: a name that would be a whiteout cannot be in it */
};

/* What became of the tree's files. */
struct export_count {
    uint64_t files, bytes; /* written */
    uint64_t absent, made; /* left out */
    uint64_t lossy;        /* written with the content that there is */
    uint64_t unfit;        /* left out, for a tar (or a layer) cannot hold them: sockets, whiteouts */
};

/* Write it all to a sink, which returns 0 or a negative errno with err filled. */
int export_tar(struct export_count *count, struct view *view, const struct export_options *options,
               int (*sink)(void *arg, const void *bytes, size_t size, struct error *err), void *arg, struct error *err);

#endif
