/* run_lend.c - see run_lend.h. */
#include "cli/run_lend.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* It is there, may be executed, and its content was captured. */
static bool usable(const char *path)
{
    cleanup_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat stat;
    char byte;

    return fd >= 0 && fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && (stat.st_mode & 0111) &&
           read(fd, &byte, sizeof byte) == sizeof byte;
}

/* An empty file to be covered, with the directories above it. */
static bool make_place(const char *path)
{
    char parent[PATH_MAX];

    snprintf(parent, sizeof parent, "%s", path);
    for (char *at = strchr(parent + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(parent, 0755) < 0 && errno != EEXIST)
            return false;
        *at = '/';
    }
    cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    return fd >= 0;
}

static bool lend(const char *from, const char *at)
{
    if (!*from || !*at || usable(at))
        return false;
    return mount(from, at, "none", MS_BIND, NULL) == 0 ||
           (errno == ENOENT && make_place(at) && mount(from, at, "none", MS_BIND, NULL) == 0);
}

bool run_lend(const struct run_tool *tool)
{
    if (!tool->count || !lend(tool->program, tool->loader))
        return false;
    lend(tool->shell, RUN_TOOLS_SHELL);
    return true;
}
