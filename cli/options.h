/* options.h - command-line options by tables: one row says how an option is read and how --help shows it. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_FLAG,  /* bool: set to true */
    OPTION_TEXT,  /* const char *: the argument */
    OPTION_TEXTS, /* struct text_list: every argument */
};

#define TEXT_LIST_MAX 64 /* how often an option may be repeated */

struct text_list {
    const char *texts[TEXT_LIST_MAX];
    size_t count;
};

/* A row; the table ends with one whose name is NULL. */
struct option_spec {
    const char *name; /* without the dashes */
    char letter;      /* short form, or 0 */
    enum option_kind kind;
    void *value;
    const char *argument; /* what --help calls it */
    const char *help;
};

#define OPTION_TABLES_MAX 2
#define OPTIONS_MAX 32

/* Read options by several tables (one of them may be NULL). Stops at the first argument that is none if `stop_early`;
 * else options and arguments may be mixed. *first is the index of the first argument; --help sets *help. */
int options_parse(int *first, bool *help, const struct option_spec *const tables[OPTION_TABLES_MAX], bool stop_early,
                  int argc, char **argv, struct error *err);

/* Show a table as --help does. */
void options_print(const struct option_spec *table);

/* "64M": a number, maybe with K, M, G or T behind it. False: it is none. */
bool option_size(uint64_t *size, const char *text);

#endif
