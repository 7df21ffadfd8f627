/* live_read.c - reading what somebody hostile may have put there: with a limit, without waiting, below a root. */
#include "import/live.h"

#include "base/cleanup.h"
#include "import/kernel_fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define READ_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
#define READ_SIZE ((size_t)64 << 10) /* bytes asked for at once */

/* --- Any file ----------------------------------------------------------------------------------------------------- */

static int read_open(struct buffer *out, int fd, size_t max)
{
    size_t left = max + 1; /* one more tells that there is more */

    while (left > 0) {
        size_t room = left < READ_SIZE ? left : READ_SIZE;
        uint8_t *to = buffer_reserve(out, room + 1);
        ssize_t got = to ? read(fd, to, room) : -1;

        if (!to)
            return -ENOMEM;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        to[got] = '\0';
        if (got == 0)
            return 0;
        buffer_took(out, (size_t)got);
        left -= (size_t)got;
    }
    out->bytes[--out->size] = '\0';
    return 1;
}

int live_read(struct buffer *out, int at, const char *name, size_t max)
{
    cleanup_close int fd = openat(at, name, READ_FLAGS | O_NOFOLLOW);

    return fd < 0 ? -errno : read_open(out, fd, max);
}

/* --- Files of the container --------------------------------------------------------------------------------------- */

/* By the names that /proc/filesystems and mountinfo have; "fuse" is also every "fuse.NAME". */
static const char *const REMOTE[] = {"fuse", "fuseblk",  "nfs",  "nfs4",   "cifs", "smb3",  "9p",       "ceph",
                                     "afs",  "virtiofs", "coda", "autofs", "gfs2", "ocfs2", "orangefs", "lustre"};

bool live_is_remote(const struct live_span *type)
{
    for (size_t i = 0; i < sizeof REMOTE / sizeof *REMOTE; i++) {
        size_t size = strlen(REMOTE[i]);
        if (type->size >= size && memcmp(type->text, REMOTE[i], size) == 0 &&
            (type->size == size || type->text[size] == '.'))
            return true;
    }
    return false;
}

static int open_inside(int at, const char *path, uint64_t flags, uint64_t resolve)
{
    struct open_how how = {.flags = flags | O_PATH | O_CLOEXEC, .resolve = resolve | RESOLVE_NO_MAGICLINKS};

    return (int)syscall(SYS_openat2, at, path, &how, sizeof how);
}

static bool is_remote_mount(const struct live *live, uint64_t id)
{
    const char *text = (const char *)live->mountinfo.bytes;
    struct live_span line;
    struct live_mount mount;

    for (size_t at = 0; live_next_line(&line, &at, text, live->mountinfo.size);)
        if (live_parse_mount(&mount, line.text, line.size) && mount.id == id)
            return live_is_remote(&mount.type);
    return true; /* whatever was mounted since */
}

/* A file that is a mount by itself, as engines give containers their hosts, hostname and resolv.conf. */
static int open_mounted_file(const struct live *live, const char *path)
{
    const char *slash = strrchr(path, '/');
    cleanup_free char *parent = slash ? strndup(path, (size_t)(slash - path) + 1) : NULL;
    struct statx st;

    if (!parent || live->process < 0)
        return -EXDEV;
    cleanup_close int at = open_inside(live->root, parent, O_DIRECTORY, RESOLVE_IN_ROOT | RESOLVE_NO_XDEV);
    if (at < 0)
        return -errno;
    int fd = open_inside(at, slash + 1, O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
    if (fd < 0)
        return -errno;
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_MNT_ID, &st) == 0 &&
        S_ISREG(st.stx_mode) && !is_remote_mount(live, st.stx_mnt_id))
        return fd;
    close(fd);
    return -EXDEV;
}

/* Nobody waits in mounts whose answers come from the kernel: all may be crossed, if all are such. */
static int open_across(const struct live *live, const char *path)
{
    const char *text = (const char *)live->mountinfo.bytes;
    struct live_span line;
    struct live_mount mount;

    for (size_t at = 0; live_next_line(&line, &at, text, live->mountinfo.size);)
        if (!live_parse_mount(&mount, line.text, line.size) || live_is_remote(&mount.type))
            return -EXDEV;
    int fd = live->process < 0 ? -1 : open_inside(live->root, path, 0, RESOLVE_IN_ROOT);
    return fd < 0 ? -EXDEV : fd;
}

/* Opening for reading can do things, to a tape for instance: only what was seen to be a regular file is. */
static int read_regular(struct buffer *out, int found, size_t max)
{
    char link[sizeof "/proc/self/fd/" + 3 * sizeof(int)];
    struct statx st;
    size_t size = out->size;

    if (statx(found, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) < 0)
        return -errno;
    if (!S_ISREG(st.stx_mode) || kernel_fs_is(found))
        return -EINVAL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", found);
    cleanup_close int fd = open(link, READ_FLAGS);
    int result = fd < 0 ? -errno : read_open(out, fd, max);
    if (result == 1) {
        out->size = size;
        return -EFBIG;
    }
    return result;
}

static int find_inside(const struct live *live, const char *path)
{
    int found = open_inside(live->root, path, 0, RESOLVE_IN_ROOT | RESOLVE_NO_XDEV);

    if (found < 0)
        found = errno == EXDEV ? open_mounted_file(live, path) : -errno;
    return found == -EXDEV ? open_across(live, path) : found;
}

int live_read_inside(struct buffer *out, const struct live *live, const char *path, size_t max)
{
    int found = find_inside(live, path);

    if (found < 0)
        return found;
    int result = read_regular(out, found, max);
    close(found);
    return result;
}

int live_stat_inside(struct stat *st, const struct live *live, const char *path)
{
    int found = find_inside(live, path);

    if (found < 0)
        return found;
    int result = fstat(found, st) < 0 ? -errno : 0;
    close(found);
    return result;
}

int live_has(const struct live *live, const char *path)
{
    int found = open_inside(live->root, path, O_NOFOLLOW, RESOLVE_IN_ROOT | RESOLVE_NO_XDEV);

    if (found < 0)
        return -errno;
    close(found);
    return 0;
}

/* --- Links of /proc ----------------------------------------------------------------------------------------------- */

/* The kernel shows them below the root of the mount namespace, not below that of whoever is chrooted in it. */
int live_read_link(struct buffer *out, const struct live *live, int at, const char *name)
{
    size_t top = strlen(live->top);
    char target[PATH_MAX];
    ssize_t size = readlinkat(at, name, target, sizeof target);

    if (size < 0)
        return -errno;
    bool inside =
        (size_t)size >= top && memcmp(target, live->top, top) == 0 && ((size_t)size == top || target[top] == '/');
    size_t cut = inside && target[0] == '/' ? top : 0;
    if ((size_t)size == cut)
        buffer_add_byte(out, '/');
    buffer_add(out, target + cut, (size_t)size - cut);
    return out->failed ? -ENOMEM : 0;
}
