/* import_line.h - the line that tells on a terminal how far an import is. */
#ifndef CLI_IMPORT_LINE_H
#define CLI_IMPORT_LINE_H

#include "db/blob.h"
#include "import/import.h"

#define IMPORT_LINE_NAME_MAX 40 /* characters of the source's name */

struct import_line {
    const char *units;              /* what the source consists of: "entries" */
    const struct blob_tally *tally; /* the store's, which goes on … */
    struct blob_tally before;       /* … from here */
    char name[4 * IMPORT_LINE_NAME_MAX + 1];
    unsigned part;  /* that was shown last … */
    uint64_t began; /* … and when it began, ns */
};

void import_line_begin(struct import_line *line, const struct store *store, const char *name);

/* Bytes, their part of the whole, records, bytes a second, the time that is left, and which contents were new. */
void import_line_show(struct import_line *line, const struct import_progress *progress);

#endif
