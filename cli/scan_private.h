/* scan_private.h - a directory of this process's own, which goes with it however it ends: a child, which sees the end
 * of a pipe, removes it.
 */
#ifndef CLI_SCAN_PRIVATE_H
#define CLI_SCAN_PRIVATE_H

#include "base/error.h"

#include <limits.h>
#include <sys/types.h>

struct scan_private {
    char path[PATH_MAX]; /* in $TMPDIR, or /tmp; mode 0700 */
    pid_t sweeper;
    int alive; /* the pipe's end */
};

/* Before there is a thread. */
int scan_private_make(struct scan_private *private, struct error *err);

/* Returns when it is gone. */
void scan_private_remove(struct scan_private *private);

#endif
