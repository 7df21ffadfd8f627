/* unified.h - the lines that differ between two contents, by the system's diff(1). */
#ifndef CLI_UNIFIED_H
#define CLI_UNIFIED_H

#include "base/error.h"
#include "db/store.h"

#include <stddef.h>
#include <stdint.h>

/* Bytes of a content that is compared line by line: configurations and scripts are smaller, and both sides are held in
 * memory. */
#define UNIFIED_SIZE_MAX (1u << 20)

/* A side: the id of a blob, or 0 where there is nothing (an empty file). */
struct unified_side {
    int64_t content;
    const char *label; /* what stands behind "---" and "+++" */
};

/* Write the hunks to standard output, coloured; of what is too large, or no text, one line that says so. */
int unified_print(struct store *store, const struct unified_side *a, const struct unified_side *b, struct error *err);

#endif
