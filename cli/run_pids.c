/* run_pids.c - see run_pids.h. */
#include "cli/run_pids.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PID_LIMIT (1u << 22) /* PID_MAX_LIMIT of 64-bit Linux */
#define PID_LOWEST 300       /* RESERVED_PIDS: where the kernel begins anew */

/* A process number, or 0. */
static uint32_t pid_of(const char *name)
{
    size_t size = strspn(name, "0123456789");

    return size > 0 && size <= 9 && !name[size] && name[0] != '0' ? (uint32_t)strtoul(name, NULL, 10) : 0;
}

void run_pids_each(int directory, void (*found)(void *arg, uint32_t pid), void *arg)
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);

    if (!list) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(list));) {
        uint32_t pid = pid_of(entry->d_name);
        if (pid)
            found(arg, pid);
    }
    closedir(list);
}

static void note_highest(void *arg, uint32_t pid)
{
    uint32_t *highest = arg;

    *highest = pid > *highest ? pid : *highest;
}

bool run_pids_captured(int directory, uint32_t *highest)
{
    *highest = 0;
    run_pids_each(directory, note_highest, highest);
    return *highest > 0;
}

static void note_taken(void *arg, uint32_t pid)
{
    bool *taken = arg;

    if (pid < PID_LIMIT)
        taken[pid] = true;
}

/* The widest run of free numbers below `max`; the first number of it. */
static uint32_t widest_gap(const bool *taken, uint32_t max, uint32_t *width)
{
    uint32_t begin = PID_LOWEST, best = PID_LOWEST;

    *width = 0;
    for (uint32_t pid = PID_LOWEST; pid < max; pid++) {
        if (taken[pid])
            begin = pid + 1;
        else if (pid + 1 - begin > *width)
            best = begin, *width = pid + 1 - begin;
    }
    return best;
}

static int choose(struct run_pids *pids, struct error *err)
{
    uint32_t highest, width;

    run_pids_captured(pids->proc, &highest);
    pids->from = highest < PID_LOWEST ? PID_LOWEST : highest + 1;
    if (pids->from < pids->max && pids->max - pids->from >= 2 * RUN_PIDS_AHEAD)
        return 0;
    cleanup_free bool *taken = calloc(PID_LIMIT, sizeof *taken);
    if (!taken)
        return error_system(err, ENOMEM, "process numbers");
    run_pids_each(pids->proc, note_taken, taken);
    pids->from = widest_gap(taken, pids->max, &width);
    return width > RUN_PIDS_AHEAD ? 0 : error_refused(err, EAGAIN, "the captured processes leave no numbers free");
}

static uint32_t read_number(int fd)
{
    char text[16];
    ssize_t size = pread(fd, text, sizeof text - 1, 0);

    text[size > 0 ? size : 0] = '\0';
    return (uint32_t)strtoul(text, NULL, 10);
}

int run_pids_begin(struct run_pids *pids, int proc, const char *real, struct error *err)
{
    cleanup_close int max = open("/proc/sys/kernel/pid_max", O_RDONLY | O_CLOEXEC);

    *pids = (struct run_pids){.proc = proc, .real = real, .max = read_number(max)};
    pids->max = pids->max > PID_LIMIT ? PID_LIMIT : pids->max;
    pids->last_pid = open("/proc/sys/kernel/ns_last_pid", O_RDWR | O_CLOEXEC);
    if (pids->last_pid < 0)
        return error_system(err, errno, "/proc/sys/kernel/ns_last_pid");
    int result = choose(pids, err);
    if (result < 0)
        return result;
    if (dprintf(pids->last_pid, "%u", pids->from - 1) < 0)
        return error_system(err, errno, "/proc/sys/kernel/ns_last_pid");
    pids->next = pids->from;
    return 0;
}

/* What was captured under a number stays. */
static void make_link(const struct run_pids *pids, uint32_t pid)
{
    char name[16], target[PATH_MAX];

    snprintf(name, sizeof name, "%u", pid);
    snprintf(target, sizeof target, "%s/%u", pids->real, pid);
    (void)!symlinkat(target, pids->proc, name);
}

/* Numbers go round: behind the last comes PID_LOWEST. */
void run_pids_keep(struct run_pids *pids)
{
    uint32_t last = read_number(pids->last_pid), ring = pids->max - PID_LOWEST;
    uint32_t ahead = (pids->next + ring - last) % ring;

    if (ahead > RUN_PIDS_AHEAD) { /* it has passed us */
        pids->next = last + 1;
        ahead = 1;
    }
    for (; ahead < RUN_PIDS_AHEAD; ahead++) {
        pids->next = pids->next < pids->max ? pids->next : PID_LOWEST;
        make_link(pids, pids->next++);
    }
}

void run_pids_end(struct run_pids *pids)
{
    close(pids->last_pid);
}
