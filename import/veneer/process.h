/* process.h - a process while it is rendered. Private to process*.c.
 *
 *     process.c         what features tell of it, and which files it has
 *     process_text.c    what is in them
 *     process_links.c   cwd, exe, root, fd/N, ns/NAME
 */
#ifndef IMPORT_VENEER_PROCESS_H
#define IMPORT_VENEER_PROCESS_H

#include "import/veneer/render.h"

#define PROCESS_IDS 4 /* real, effective, saved, and that for the file system */

struct process {
    uint64_t pid, parent, threads, created, vms, rss;
    bool has_created, has_vms, has_rss;
    uint32_t row;
    uint32_t metric; /* row */
    bool has_metric;
    uint64_t uids[PROCESS_IDS], gids[PROCESS_IDS];
    char directory[32];
    /* Of the thread that is rendered; of a process that is its first one. */
    uint64_t tid;
    struct fact name, start, utime, stime; /* of these, what is told; ticks */
    const char *state;                     /* "S (sleeping)" */
};

struct fact process_own(const struct veneer *v, const struct process *p, unsigned field);
struct fact process_measured(const struct veneer *v, const struct process *p, unsigned field);

/* A line of one of the tables that the process sees, where that is told. */
struct fact process_mounts(const struct veneer *v, const struct process *p, unsigned field);

/* Put something at a name below its directory, as `like`, but with its owner and time. */
int process_put(struct veneer *v, const struct process *p, const struct made *like, const char *name,
                struct error *err);

int process_render_links(struct veneer *v, const struct process *p, struct error *err);

/* --- Texts, appended to v->text ----------------------------------------------------------------------------------- */

typedef void process_text(struct veneer *v, const struct process *p);

process_text process_add_stat, process_add_statm, process_add_status, process_add_comm, process_add_cmdline,
    process_add_environ, process_add_maps, process_add_limits, process_add_cgroup, process_add_login,
    process_add_mounts, process_add_mountinfo;

#endif
