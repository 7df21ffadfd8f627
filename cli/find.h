/* find.h - what the parts of `confuse find` share. */
#ifndef CLI_FIND_H
#define CLI_FIND_H

#include "base/error.h"
#include "tree/climb.h"

/* The contents that hold a text, by their rows: reads each blob of the store once, by as many threads as there are
 * processors, with progress. *found is the caller's to free. */
int find_text(int64_t **found, size_t *count, const char *store_directory, const char *text, struct error *err);

struct find_report {
    struct store *store;
    const struct climb *climb;
    bool json;
    bool files; /* paths, else packages */
    uint64_t shown;
};

/* For each name of a thing in a namespace: from when to when it is there. */
int find_report(struct find_report *report, struct error *err);

#endif
