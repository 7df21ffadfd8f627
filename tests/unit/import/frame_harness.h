/* frame_harness.h - importing a frame from memory in a test, and a text of everything that came of it. */
#ifndef TESTS_UNIT_IMPORT_FRAME_HARNESS_H
#define TESTS_UNIT_IMPORT_FRAME_HARNESS_H

#include "base/buffer.h"
#include "import/import.h"

struct outcome {
    struct buffer dump;     /* of each snapshot: its line, its manifest, its records but notes; then the warnings */
    struct buffer warnings; /* one a line */
    struct snapshot last;
    unsigned snapshots, new_ones;
    bool dumping;
};

/* A source from an open file, which is the source's from now on; and from a path. */
int harness_source(struct source **source, int fd, const char *name, struct error *err);
int harness_source_file(struct source **source, const char *path, struct error *err);

/* Import bytes as a source named "frame"; the options' callbacks are the harness's. */
int harness_import(struct outcome *outcome, struct import_options *options, const void *bytes, size_t size,
                   struct error *err);

/* The same for a tar, as a file of that name. */
int harness_import_tar(struct outcome *outcome, struct import_options *options, const void *bytes, size_t size,
                       const char *name, struct error *err);

/* The same from a file's path. */
int harness_import_file(struct outcome *outcome, struct import_options *options, const char *path, struct error *err);

void outcome_free(struct outcome *outcome);

/* A whole file, or NULL; *size may be NULL. */
char *harness_read_file(size_t *size, const char *path);

/* Has nothing ever been put into the store? */
bool harness_store_is_empty(struct store *store);

#endif
