/* run_tools.h - a directory of tools that a snapshot lacks: where a command stands in it, and how it is started there
 * so that it takes its own loader and libraries and nothing of the snapshot.
 */
#ifndef CLI_RUN_TOOLS_H
#define CLI_RUN_TOOLS_H

#include "base/error.h"

#include <limits.h>

#define RUN_TOOLS "/.confuse-tools" /* where the directory stands in the run's root */

#define RUN_TOOLS_SHELL "/bin/sh" /* that programs start others by: system(3) */

#define RUN_TOOLS_ARGUMENTS 8 /* at most what is put before a command's own arguments */

/* What to execute in place of COMMAND. */
struct run_tool {
    char program[PATH_MAX]; /* the loader, an interpreter, or the file itself */
    char *arguments[RUN_TOOLS_ARGUMENTS + 1];
    int count; /* of arguments; they stand in place of the command's name. 0: it is not among the tools */
    char texts[RUN_TOOLS_ARGUMENTS][PATH_MAX];
    char loader[PATH_MAX]; /* as its file asks for it; empty if it does not, else `program` is that of the tools */
    char libraries[PATH_MAX];
    char shell[PATH_MAX]; /* the tools' own, or empty */
};

/* Where `command` (a name, or a path that begins with RUN_TOOLS) is in the directory: links in it are followed as if it
 * were the root. Wants the machine's own /proc. */
int run_tools_find(struct run_tool *tool, int directory, const char *command, struct error *err);

#endif
