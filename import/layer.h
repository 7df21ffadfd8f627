/* layer.h - one layer of an image: its tar into the store, by itself and over the chain of those below it. */
#ifndef IMPORT_LAYER_H
#define IMPORT_LAYER_H

#include "db/layer.h"
#include "import/import.h"
#include "import/input.h"
#include "tree/reader.h"

/* What was left out, for the one warning at the end. Accumulates. */
struct layer_report {
    uint64_t left_out;
    char first_why[512]; /* name and reason of the first */
};

/* Read a layer's tar to its end (compressed or not; the input is borrowed, and every byte of it is read). `diffid` is
 * what its uncompressed bytes must have as SHA-256; `below` the chain under it, NULL: it is the lowest. Fills both
 * trees and the digests; no row is written, so nothing of it is published. -EBADMSG: the tar is broken, or is another.
 */
int layer_import(struct layer *alone, struct layer *chain, struct layer_report *report,
                 const struct import_options *options, struct input *input, const struct digest *diffid,
                 const struct layer *below, struct tree_reader *reader, struct error *err);

#endif
