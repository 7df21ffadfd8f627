/* importing.h - what commands that import share: the options of sources, importing one of them, and telling what came
 * of it. */
#ifndef CLI_IMPORTING_H
#define CLI_IMPORTING_H

#include "cli/import_line.h"
#include "cli/options.h"
#include "import/detect.h"
#include "import/import.h"

/* What options say; there is one command in a process. */
extern struct importing_given {
    const char *namespace, *time, *format, *strip_prefix, *max_size, *ref, *platform;
    struct text_list excluded;
    bool partial, strict, cross_mounts, no_veneer, render;
} importing_given;

/* Rows of a table of options: those that make sense for any source. */
#define IMPORTING_OPTIONS                                                                                                \
    {                                                                                                                    \
        "namespace", 0,                                                                                                  \
        OPTION_TEXT, &importing_given.namespace,                                                                         \
        "NS",        "name of the history, instead of the source's own"},                                                \
        {"strip-prefix", 0, OPTION_TEXT, &importing_given.strip_prefix, "P", "the directory P becomes the root"},        \
        {"excluded",   0,                                                                                                \
         OPTION_TEXTS, &importing_given.excluded,                                                                        \
         "P",          "the crawler left out P, too: there a frame is as its image"},                                    \
        {"ref", 0, OPTION_TEXT, &importing_given.ref, "NAME", "of several images those of this name or tag"},            \
        {"platform",  0,                                                                                                 \
         OPTION_TEXT, &importing_given.platform,                                                                         \
         "P",         "of an image for several: OS/ARCH[/VARIANT], or all"},                                             \
        {"max-size",  0,                                                                                                 \
         OPTION_TEXT, &importing_given.max_size,                                                                         \
         "BYTES",     "at most, uncompressed (1T; K, M, G, T behind a number)"},                                         \
        {"partial", 0, OPTION_FLAG, &importing_given.partial, NULL, "take what is whole of a source that is cut short"}, \
        {"strict", 0, OPTION_FLAG, &importing_given.strict, NULL, "what a tree cannot hold is an error, not a note"},    \
    {                                                                                                                    \
        "no-veneer", 0, OPTION_FLAG, &importing_given.no_veneer, NULL, "make no files from features"                     \
    }

/* The first four are the caller's to fill. */
struct importing {
    const char *command; /* for warnings */
    bool json;
    void (*told)(void *arg, const struct snapshot *snapshot, bool is_new); /* of each snapshot; may be NULL */
    void *arg;
    struct import_options options; /* `store` is the caller's, too, before the first source */
    bool detects;                  /* format is told by content, for each source */
    enum source_format format;
    const char *name; /* of the source */
    struct import_line line;
};

/* Check the options and take them over. Error: what is wrong with them. */
int importing_begin(struct importing *importing, struct error *err);

/* Import a source, and print `ID NAMESPACE TIME` (or JSON) for each snapshot once it is durable. */
int importing_source(struct importing *importing, const char *name, struct error *err);

#endif
