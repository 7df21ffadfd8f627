/* run_command.h - the command of a run, and the first process of its namespace, which waits for it.
 *
 * When the first process ends, the kernel ends all others of the namespace, and with the last of them the mounts go:
 * nothing has to be cleaned up, and nothing can be missed.
 */
#ifndef CLI_RUN_COMMAND_H
#define CLI_RUN_COMMAND_H

#include "cli/run_pids.h"
#include "cli/run_tools.h"

#include <stdbool.h>

#define RUN_NOT_EXECUTABLE 126 /* as the shell and env(1) have it */
#define RUN_NOT_FOUND 127
#define RUN_KILLED 128 /* and the number of the signal */

/* What is run, and in what. */
struct run_command {
    char **arguments;            /* ends with NULL */
    const struct run_tool *tool; /* what takes the place of the first argument; or NULL */
    bool tools;                  /* RUN_TOOLS is there, behind all else in PATH */
    bool lent;                   /* programs out of PATH need the tools' libraries */
    struct run_pids *pids;       /* kept meanwhile; or NULL */
};

/* Start it in the root, network and numbers that this process has, and wait for it: its exit status, or RUN_KILLED + n.
 * All signals but SIGCHLD are blocked here and are not in the command. */
int run_command(const struct run_command *command, struct error *err);

#endif
