/* run_root.h - the root directory of a run: a snapshot below, a tmpfs above, in a mount namespace of its own.
 *
 * What stands above from the start, so that nothing of the snapshot (which may be hostile) decides what is written or
 * mounted where: /proc with links of its own into the real procfs, /dev with the nodes that every program opens, the
 * directory for tools.
 */
#ifndef CLI_RUN_ROOT_H
#define CLI_RUN_ROOT_H

#include "base/error.h"
#include "cli/run_server.h"

#include <stdbool.h>

#define RUN_PROC_ASIDE "/proc/.confuse" /* the real procfs, where /proc is the captured one */

struct run_root {
    bool captured_proc; /* /proc shows captured processes */
    int proc;           /* /proc; where it is the captured one, else -1 */
};

/* A private mount namespace: what is to be taken along from the machine is opened in it. */
int run_root_separate(struct error *err);

/* A place in it to work at, over /tmp. */
int run_root_begin(struct error *err);

/* Mount /snap/<id> of the server where run_root_make() looks for it. Wants to be in a mount namespace of its own, and
 * in the network that the server answers in. */
int run_root_mount(const struct run_server *server, const char *id, struct error *err);

/* The same of a directory, for tests where the kernel has no NFS client. */
int run_root_bind(const char *directory, struct error *err);

/* Put the root together; `tools` is a directory of the machine, or -1. */
int run_root_make(struct run_root *root, int tools, struct error *err);

/* Make it this process's root, and let go of the machine's. */
int run_root_enter(struct error *err);

/* The real procfs, of the namespace that this process is in, read-only: at /proc, or aside. */
int run_root_mount_proc(const struct run_root *root, struct error *err);

#endif
