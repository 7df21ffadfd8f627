/* run_root.c - see run_root.h. */
#include "cli/run_root.h"

#include "base/cleanup.h"
#include "cli/nfs_mount.h"
#include "cli/run_pids.h"
#include "cli/run_tools.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* All of it stands in a tmpfs over /tmp, which every system has, in a namespace where nobody else looks. */
#define WORK "/tmp"
#define LOWER WORK "/lower"
#define UPPER WORK "/upper"
#define MERGED WORK "/root"
#define TMPFS_SIZE "size=50%" /* of memory, for all that tools write */

#define UNTRUSTED (MS_NODEV | MS_NOSUID) /* nobody's captured device is this machine's, no program makes root */

/* A snapshot never changes, so attributes may be held for an hour (s). */
#define SNAPSHOT_OPTIONS "nocto,actimeo=3600"
#define SNAPSHOT_PATH_SIZE 64 /* "/snap/" and an id */

static const char *const WORK_FOLDERS[] = {LOWER, UPPER, WORK "/work", MERGED};

/* What programs open whatever they do. All else in /dev is as captured, and opens nothing. */
static const char *const DEVICES[] = {"null", "zero", "full", "random", "urandom", "tty"};
#define DEVICE_COUNT (sizeof DEVICES / sizeof *DEVICES)

/* Of /proc: what tells about who asks. */
static const struct {
    const char *name, *target;
    bool captured_wins;
} PROC_LINKS[] = {
    {"self", ".confuse/self", false},
    {"thread-self", ".confuse/thread-self", false},
    {"mounts", "self/mounts", true},       /* df and mount end without it, */
    {"cpuinfo", ".confuse/cpuinfo", true}, /* as ps does */
};
#define PROC_LINK_COUNT (sizeof PROC_LINKS / sizeof *PROC_LINKS)

/* --- The snapshot below ------------------------------------------------------------------------------------------- */

int run_root_separate(struct error *err)
{
    if (unshare(CLONE_NEWNS | CLONE_NEWIPC) < 0)
        return error_system(err, errno, "cannot make a mount namespace");
    if (mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0)
        return error_system(err, errno, "cannot make mounts private");
    return 0;
}

int run_root_begin(struct error *err)
{
    if (mount("confuse", WORK, "tmpfs", UNTRUSTED, TMPFS_SIZE ",mode=0700") < 0)
        return error_system(err, errno, "cannot mount a tmpfs at " WORK);
    for (size_t i = 0; i < sizeof WORK_FOLDERS / sizeof *WORK_FOLDERS; i++)
        if (mkdir(WORK_FOLDERS[i], 0755) < 0)
            return error_system(err, errno, "%s", WORK_FOLDERS[i]);
    return 0;
}

int run_root_mount(const struct run_server *server, const char *id, struct error *err)
{
    char path[SNAPSHOT_PATH_SIZE];

    snprintf(path, sizeof path, "/snap/%s", id);
    int result = nfs_mount(server, path, LOWER, MS_RDONLY | UNTRUSTED, SNAPSHOT_OPTIONS, err);
    return result == -ENOENT ? error_input(err, "%s: the server has no such snapshot", id) : result;
}

int run_root_bind(const char *directory, struct error *err)
{
    if (mount(directory, LOWER, "none", MS_BIND, NULL) < 0)
        return error_system(err, errno, "cannot bind %s", directory);
    return 0;
}

/* --- What stands above -------------------------------------------------------------------------------------------- */

/* UPPER/name, with the attributes that the snapshot's directory has (the overlay shows those of the upper one). What is
 * no directory there, a link for one, is covered. *lower becomes it, or -1. */
static int make_folder(int *lower, const char *name, mode_t mode, struct error *err)
{
    char path[64];
    struct stat stat = {.st_mode = mode};

    snprintf(path, sizeof path, LOWER "/%s", name);
    *lower = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*lower >= 0 && fstat(*lower, &stat) < 0)
        return error_system(err, errno, "/%s", name);
    snprintf(path, sizeof path, UPPER "/%s", name);
    if (mkdir(path, 0755) < 0 || chown(path, stat.st_uid, stat.st_gid) < 0 || chmod(path, stat.st_mode & 07777) < 0)
        return error_system(err, errno, "/%s in the tmpfs", name);
    return 0;
}

/* The time that the snapshot's has, once nothing more is made in it. */
static void keep_time(const char *name, int lower)
{
    char path[64];
    struct stat stat;

    snprintf(path, sizeof path, UPPER "/%s", name);
    if (lower < 0 || fstat(lower, &stat) < 0)
        return;
    const struct timespec times[2] = {stat.st_mtim, stat.st_mtim};
    utimensat(AT_FDCWD, path, times, 0);
}

static int make_proc(struct run_root *root, struct error *err)
{
    cleanup_close int lower = -1;
    uint32_t highest;
    int result = make_folder(&lower, "proc", 0555, err);

    root->proc = -1;
    root->captured_proc = result == 0 && lower >= 0 && run_pids_captured(lower, &highest);
    if (!root->captured_proc)
        return result;
    if (mkdir(UPPER RUN_PROC_ASIDE, 0555) < 0)
        return error_system(err, errno, RUN_PROC_ASIDE);
    for (size_t i = 0; i < PROC_LINK_COUNT; i++) {
        char path[64];
        if (PROC_LINKS[i].captured_wins && faccessat(lower, PROC_LINKS[i].name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            continue;
        snprintf(path, sizeof path, UPPER "/proc/%s", PROC_LINKS[i].name);
        if (symlink(PROC_LINKS[i].target, path) < 0)
            return error_system(err, errno, "/proc/%s", PROC_LINKS[i].name);
    }
    keep_time("proc", lower);
    return 0;
}

/* A node for each to be bound over: a listing tells what lies below a mount, and find(1) believes it. */
static int make_dev(struct error *err)
{
    cleanup_close int lower = -1;
    int result = make_folder(&lower, "dev", 0755, err);

    for (size_t i = 0; i < DEVICE_COUNT && result == 0; i++) {
        char from[64], path[64];
        struct stat stat;
        snprintf(from, sizeof from, "/dev/%s", DEVICES[i]);
        snprintf(path, sizeof path, UPPER "/dev/%s", DEVICES[i]);
        if (fstatat(AT_FDCWD, from, &stat, 0) < 0 || mknod(path, stat.st_mode, stat.st_rdev) < 0)
            result = error_system(err, errno, "%s", from);
    }
    /* Of shells, and of what they start; where the capture has them, these are the same. */
    if (result == 0 && symlink("/proc/self/fd", UPPER "/dev/fd") < 0)
        result = error_system(err, errno, "/dev/fd");
    keep_time("dev", lower);
    return result;
}

static int bind_devices(struct error *err)
{
    for (size_t i = 0; i < DEVICE_COUNT; i++) {
        char from[64], to[64];
        snprintf(from, sizeof from, "/dev/%s", DEVICES[i]);
        snprintf(to, sizeof to, MERGED "/dev/%s", DEVICES[i]);
        if (mount(from, to, "none", MS_BIND, NULL) < 0)
            return error_system(err, errno, "cannot bind %s", from);
    }
    return 0;
}

static int bind_tools(int tools, struct error *err)
{
    char from[32];

    if (tools < 0)
        return 0;
    snprintf(from, sizeof from, "/proc/self/fd/%d", tools);
    if (mount(from, MERGED RUN_TOOLS, "none", MS_BIND, NULL) < 0 ||
        mount("none", MERGED RUN_TOOLS, "none", MS_BIND | MS_REMOUNT | MS_RDONLY | UNTRUSTED, NULL) < 0)
        return error_system(err, errno, "cannot bind the directory of tools");
    return 0;
}

/* The root's own attributes are those of the snapshot's. */
static int make_upper(struct run_root *root, bool tools, struct error *err)
{
    struct stat stat;
    int result = make_proc(root, err);

    if (result == 0)
        result = make_dev(err);
    if (result == 0 && tools && mkdir(UPPER RUN_TOOLS, 0755) < 0)
        result = error_system(err, errno, RUN_TOOLS);
    if (result < 0)
        return result;
    if (lstat(LOWER, &stat) < 0 || chown(UPPER, stat.st_uid, stat.st_gid) < 0 || chmod(UPPER, stat.st_mode & 07777) < 0)
        return error_system(err, errno, "the snapshot's root");
    const struct timespec times[2] = {stat.st_mtim, stat.st_mtim};
    utimensat(AT_FDCWD, UPPER, times, 0);
    return 0;
}

int run_root_make(struct run_root *root, int tools, struct error *err)
{
    int result = make_upper(root, tools >= 0, err);

    if (result < 0)
        return result;
    if (mount("confuse", MERGED, "overlay", UNTRUSTED, "lowerdir=" LOWER ",upperdir=" UPPER ",workdir=" WORK "/work") <
        0)
        return errno == ENODEV ? error_refused(err, errno, "this kernel has no overlay file system")
                               : error_system(err, errno, "cannot mount an overlay over the snapshot");
    result = bind_devices(err);
    if (result == 0)
        result = bind_tools(tools, err);
    if (result == 0 && root->captured_proc) {
        root->proc = open(MERGED "/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        result = root->proc < 0 ? error_system(err, errno, "/proc") : 0;
    }
    return result;
}

/* --- In it -------------------------------------------------------------------------------------------------------- */

/* pivot_root(2), "NOTES": the old root ends up below the new one and is let go from there. */
int run_root_enter(struct error *err)
{
    if (chdir(MERGED) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return error_system(err, errno, "cannot make the snapshot the root directory");
    return 0;
}

/* Its files of root would let root change the machine: /proc/sys, /proc/sysrq-trigger. */
int run_root_mount_proc(const struct run_root *root, struct error *err)
{
    const char *at = root->captured_proc ? RUN_PROC_ASIDE : "/proc";

    if (mount("proc", at, "proc", MS_RDONLY | MS_NOEXEC | UNTRUSTED, NULL) < 0)
        return error_system(err, errno, "cannot mount procfs at %s", at);
    return 0;
}
