/* run_lend.h - a loader and a shell for snapshots that have none: frames hold the content of no program.
 *
 * A command out of --tools is started by its loader there, but what it starts itself is found by way of PATH and asks
 * for the loader of the snapshot. Where that is not there or was not captured, no program of the snapshot can run
 * anyhow, so the tools' own stands in its place.
 */
#ifndef CLI_RUN_LEND_H
#define CLI_RUN_LEND_H

#include "cli/run_tools.h"

#include <stdbool.h>

/* In the run's root, which this process is in: whether the loader was lent; then programs need the tools' libraries.
 * Where a snapshot leaves no place for it nothing is lent. */
bool run_lend(const struct run_tool *tool);

#endif
