/* image_store.h - one image into the store: the layers that it lacks, then snapshots. Private to import/image_*.c. */
#ifndef IMPORT_IMAGE_STORE_H
#define IMPORT_IMAGE_STORE_H

#include "import/image_content.h"
#include "import/import.h"
#include "tree/reader.h"

/* A name that it is published by. */
struct image_target {
    const char *namespace;
    const char *tag; /* NULL: none */
};

/* One snapshot for each namespace of the targets (one at least), where all of their tags stand. Layers below the
 * highest chain that is in the store are not opened. -EBADMSG: a layer is missing, broken or not what its digests say;
 * nothing is published then. */
int image_store(const struct image_content *content, const char *format, const struct image_target *targets,
                size_t count, const struct members *members, const struct import_options *options,
                struct tree_reader *reader, struct error *err);

#endif
