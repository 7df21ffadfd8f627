/* options.c - tables to getopt_long and back. */
#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELP_COLUMN 28 /* columns of an option, before what it does */
#define LONG_ONLY 256  /* getopt's value for row i of an option without a letter */

struct reading {
    const struct option_spec *rows[OPTIONS_MAX];
    struct option longs[OPTIONS_MAX + 2];
    char shorts[2 * OPTIONS_MAX + 4];
    int count;
};

/* "+" stops at the first argument; ":" tells a missing argument from an unknown option. */
static void prepare(struct reading *r, const struct option_spec *const tables[OPTION_TABLES_MAX], bool stop_early)
{
    size_t used = (size_t)snprintf(r->shorts, sizeof r->shorts, "%s:h", stop_early ? "+" : "");

    for (int t = 0; t < OPTION_TABLES_MAX; t++)
        for (const struct option_spec *row = tables[t]; row && row->name && r->count < OPTIONS_MAX; row++) {
            int argument = row->kind == OPTION_FLAG ? no_argument : required_argument;

            r->longs[r->count] = (struct option){row->name, argument, NULL, LONG_ONLY + r->count};
            r->rows[r->count++] = row;
            if (row->letter)
                used += (size_t)snprintf(r->shorts + used, sizeof r->shorts - used, "%c%s", row->letter,
                                         argument ? ":" : "");
        }
    r->longs[r->count] = (struct option){"help", no_argument, NULL, 'h'};
}

static const struct option_spec *find_row(const struct reading *r, int value)
{
    if (value >= LONG_ONLY)
        return r->rows[value - LONG_ONLY];
    for (int i = 0; i < r->count; i++)
        if (r->rows[i]->letter == value)
            return r->rows[i];
    return NULL;
}

/* What getopt refused. Of letters that stand together it has not passed the argument yet, so that is not to be shown.
 */
static int refuse(const char *argument, struct error *err)
{
    if (optopt > 0 && optopt < LONG_ONLY)
        return error_usage(err, "unknown option -%c; --help lists them", optopt);
    if (optopt >= LONG_ONLY)
        return error_usage(err, "%s: the option takes no argument", argument);
    return error_usage(err, "unknown option %s; --help lists them", argument);
}

static int store_value(const struct option_spec *row, const char *argument, struct error *err)
{
    struct text_list *list = row->value;

    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)row->value = true;
        return 0;
    case OPTION_TEXT:
        *(const char **)row->value = argument;
        return 0;
    case OPTION_TEXTS:
        if (list->count == TEXT_LIST_MAX)
            return error_usage(err, "--%s can be given %d times at most", row->name, TEXT_LIST_MAX);
        list->texts[list->count++] = argument;
        return 0;
    }
    return 0;
}

int options_parse(int *first, bool *help, const struct option_spec *const tables[OPTION_TABLES_MAX], bool stop_early,
                  int argc, char **argv, struct error *err)
{
    struct reading r = {0};
    int value;

    prepare(&r, tables, stop_early);
    optind = 0; /* glibc: start anew */
    while ((value = getopt_long(argc, argv, r.shorts, r.longs, NULL)) != -1) {
        if (value == 'h') {
            *help = true;
            continue;
        }
        if (value == ':')
            return error_usage(err, "%s needs an argument", argv[optind - 1]);
        if (value == '?')
            return refuse(argv[optind - 1], err);
        int result = store_value(find_row(&r, value), optarg, err);
        if (result < 0)
            return result;
    }
    *first = optind;
    return 0;
}

/* Bytes of UTF-8 that begin no character, which printf counts as columns. */
static size_t continuation_bytes(const char *text)
{
    size_t count = 0;

    for (; *text; text++)
        count += (*text & 0xc0) == 0x80;
    return count;
}

void options_print(const struct option_spec *table)
{
    for (const struct option_spec *row = table; row && row->name; row++) {
        char left[64];

        snprintf(left, sizeof left, "%c%c%s--%s%s%s", row->letter ? '-' : ' ', row->letter ? row->letter : ' ',
                 row->letter ? ", " : "  ", row->name, row->argument ? " " : "", row->argument ? row->argument : "");
        printf("  %-*s %s\n", HELP_COLUMN + (int)continuation_bytes(left), left, row->help);
    }
}

bool option_size(uint64_t *size, const char *text)
{
    static const char units[] = "KMGT";
    char *end;

    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, *end) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    if (!isdigit((unsigned char)*text) || errno || (*end && (!unit || end[1])) || number > (uint64_t)INT64_MAX >> shift)
        return false;
    *size = (uint64_t)number << shift;
    return true;
}
