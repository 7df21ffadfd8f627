/* command.h - what every subcommand of `confuse` is given, and what it gives back. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/error.h"
#include "cli/options.h"

#include <stdbool.h>

/* What stands before the subcommand, or among its options, for all of them. */
struct invocation {
    const char *store; /* directory */
    bool json;
};

/* A subcommand. `run` gets what is left after its options; it returns an exit code, or a negative errno with err
 * filled. */
struct command {
    const char *name;
    const char *arguments; /* for the usage line */
    const char *summary;   /* one line */
    const char *help;      /* paragraphs below the options */
    const struct option_spec *options;
    bool keeps_dashes; /* the first "--" stays among the arguments: it parts them */
    int (*run)(const struct invocation *invocation, int argc, char **argv, struct error *err);
};

extern const struct command command_import, command_serve, command_log, command_ls, command_show, command_cat,
    command_manifest, command_find, command_fsck, command_capture, command_run, command_diff, command_watch,
    command_tag, command_forget, command_gc, command_export, command_scan;

/* The store of --store, $CONFUSE_STORE, or where root's or one's own is. Lives as long as the program. */
const char *default_store(void);

#endif
