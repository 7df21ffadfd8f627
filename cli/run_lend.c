/* run_lend.c - see run_lend.h. This process has more open than the run's root, and what stands there may be hostile: so
 * no path is followed off the overlay, nor by a link of /proc.
 */
#include "cli/run_lend.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_inside(const char *path, uint64_t flags)
{
    struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS};

    return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
}

/* It is there, may be executed, and its content was captured. */
static bool usable(const char *path)
{
    cleanup_close int fd = open_inside(path, O_RDONLY | O_NONBLOCK);
    struct stat stat;
    char byte;

    return fd >= 0 && fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && (stat.st_mode & 0111) &&
           read(fd, &byte, sizeof byte) == sizeof byte;
}

/* A directory, made if it is not there; -1: neither. */
static int make_directory(int above, const char *path)
{
    int fd = open_inside(path, O_PATH | O_DIRECTORY);

    if (fd < 0 && errno == ENOENT && mkdirat(above, strrchr(path, '/') + 1, 0755) == 0)
        fd = open_inside(path, O_PATH | O_DIRECTORY);
    return fd;
}

/* An empty file to be covered, with the directories above it. */
static bool make_place(const char *path)
{
    cleanup_close int directory = open_inside("/", O_PATH | O_DIRECTORY);
    char parent[PATH_MAX];

    snprintf(parent, sizeof parent, "%s", path);
    for (char *at = strchr(parent + 1, '/'); at && directory >= 0; at = strchr(at + 1, '/')) {
        int above = directory;

        *at = '\0';
        directory = make_directory(above, parent);
        close(above);
        *at = '/';
    }
    cleanup_close int fd =
        directory < 0 ? -1 : openat(directory, strrchr(path, '/') + 1, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    return fd >= 0;
}

static bool lend(const char *from, const char *at)
{
    if (!*from || *at != '/' || usable(at))
        return false;
    cleanup_close int tree = open_tree(AT_FDCWD, from, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    int found = open_inside(at, O_PATH);
    if (found < 0 && errno == ENOENT && make_place(at))
        found = open_inside(at, O_PATH);
    cleanup_close int place = found;
    return tree >= 0 && place >= 0 &&
           move_mount(tree, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0;
}

bool run_lend(const struct run_tool *tool)
{
    if (!tool->count || !lend(tool->program, tool->loader))
        return false;
    lend(tool->shell, RUN_TOOLS_SHELL);
    return true;
}
