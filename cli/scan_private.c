/* scan_private.c - see scan_private.h. */
#include "cli/scan_private.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SWEEP_FDS 8

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
    (void)stat;
    (void)ftw;
    if (type == FTW_DP)
        rmdir(path);
    else
        unlink(path);
    return 0;
}

/* In a session of its own, so that a terminal's Ctrl-C is not for it. What is mounted in there, it does not see: that
 * is in another mount namespace. */
static void sweep(const char *path, int alive)
{
    char byte;

    setsid();
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_IGN);
    prctl(PR_SET_NAME, "scan-sweeper");
    close_range(STDIN_FILENO, STDERR_FILENO, 0);
    while (read(alive, &byte, 1) < 0 && errno == EINTR)
        ;
    nftw(path, remove_one, SWEEP_FDS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    _exit(EXIT_DONE);
}

/* 0, or an errno. */
static int start_sweeper(struct scan_private *private)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return errno;
    private->alive = ends[1];
    private->sweeper = fork();
    int number = errno;
    if (private->sweeper == 0) {
        close(ends[1]);
        sweep(private->path, ends[0]);
    }
    close(ends[0]);
    return private->sweeper > 0 ? 0 : number;
}

int scan_private_make(struct scan_private *private, struct error *err)
{
    const char *temporary = getenv("TMPDIR");

    *private = (struct scan_private){.alive = -1};
    if (!temporary || *temporary != '/')
        temporary = "/tmp";
    if ((size_t)snprintf(private->path, sizeof private->path, "%s/confuse-scan-XXXXXX", temporary) >=
        sizeof private->path)
        return error_usage(err, "$TMPDIR is too long");
    if (!mkdtemp(private->path))
        return error_system(err, errno, "%s", private->path);
    int number = start_sweeper(private);
    if (number == 0)
        return 0;
    rmdir(private->path);
    return error_system(err, number, "cannot start a process");
}

void scan_private_remove(struct scan_private *private)
{
    if (private->alive >= 0)
        close(private->alive);
    if (private->sweeper > 0)
        waitpid(private->sweeper, NULL, 0);
    *private = (struct scan_private){.alive = -1};
}
