/* configs.h - `config` records: the contents that a frame holds, and which files they belong to.
 *
 * Crawlers follow links when they read, and say so badly: a record's path may be the link's, the file's, or one under
 * /proc that only the crawler saw. So where a content belongs is known when the whole tree is.
 */
#ifndef IMPORT_CONFIGS_H
#define IMPORT_CONFIGS_H

#include "base/buffer.h"
#include "base/digest.h"
#include "import/record.h"

#include <stdint.h>

struct frame;

/* All zero is none. */
struct configs {
    struct buffer names; /* keys, names and destinations */
    struct buffer list;
};

void configs_free(struct configs *configs);

/* Take a config record: its content goes to frame->values. */
int configs_take(struct frame *frame, const struct record *record, struct error *err);

/* In a settled tree: set sizes and flags of the files whose contents are here, make those that have no record; what has
 * no place is left out. */
int configs_place(struct frame *frame, struct error *err);

/* Put the placed contents into the store, and into the tree. */
int configs_store(struct frame *frame, struct error *err);

#endif
