/* run_pids.h - process numbers where captured and real processes stand in one /proc.
 *
 * The captured ones are directories with ordinary files; the run's own get numbers of which none was captured, and a
 * link each into the real procfs of their namespace, made before the process is.
 */
#ifndef CLI_RUN_PIDS_H
#define CLI_RUN_PIDS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define RUN_PIDS_AHEAD 1024 /* links that stand ready: ten times what a machine starts between two looks */

struct run_pids {
    int proc;         /* directory that shows the captured processes; borrowed */
    const char *real; /* where procfs is, as links in `proc` name it; borrowed */
    int last_pid;     /* the namespace's ns_last_pid */
    uint32_t max;     /* numbers are below this */
    uint32_t from;    /* the first number of our own */
    uint32_t next;    /* no link yet */
};

/* Call for each number that is the name of an entry. */
void run_pids_each(int directory, void (*found)(void *arg, uint32_t pid), void *arg);

/* Whether `directory` holds captured processes; *highest is the highest number among them. */
bool run_pids_captured(int directory, uint32_t *highest);

/* Number this namespace's next processes from above the captured ones, or, with no room there, from the widest gap
 * below. Wants the machine's own /proc. */
int run_pids_begin(struct run_pids *pids, int proc, const char *real, struct error *err);

/* Make links ahead of what has been given out; often enough, and cheap if nothing was. */
void run_pids_keep(struct run_pids *pids);

void run_pids_end(struct run_pids *pids);

#endif
