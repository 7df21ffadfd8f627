/* dir_file.c - one file of a directory: its attributes, its content, its extended attributes. */
#include "import/dir.h"

#include "base/cleanup.h"
#include "base/timestamp.h"
#include "import/notes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/limits.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define READ_MAX ((size_t)256 << 10) /* bytes read at once, behind which progress is told */

/* --- Attributes --------------------------------------------------------------------------------------------------- */

/* Times before 1970 and after 2106 are beyond what NFS can say. */
static int fill_time(struct entry *entry, struct dir *dir, const struct stat *st, struct error *err)
{
    static const char *const fields[] = {"mtime", NULL};
    const struct timespec *time = &st->st_mtim;

    if (time->tv_sec >= 0 && (uint64_t)time->tv_sec <= TIMESTAMP_MAX / NANOSECONDS) {
        entry->mtime = (uint64_t)time->tv_sec * NANOSECONDS + (uint64_t)time->tv_nsec;
        return 0;
    }
    entry->mtime = time->tv_sec < 0 ? 0 : TIMESTAMP_MAX;
    return note_unknown(&dir->features, (struct noted){dir->path, dir->path_size}, fields, err);
}

static int fill_attributes(struct entry *entry, struct dir *dir, const struct stat *st, struct error *err)
{
    bool device = S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode);
    struct stat owned = *st;

    if (dir->source->own)
        dir->source->own(dir->source->arg, &owned);
    *entry = (struct entry){
        .mode = st->st_mode,
        .uid = owned.st_uid,
        .gid = owned.st_gid,
        .rdev_major = device ? major(st->st_rdev) : 0,
        .rdev_minor = device ? minor(st->st_rdev) : 0,
        .size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0,
    };
    return fill_time(entry, dir, st, err);
}

/* --- Extended attributes ------------------------------------------------------------------------------------------ */

/* What has attributes: an open file, or (fd < 0) a path by which the file itself is found, were it a link. */
struct bearer {
    int fd;
    char path[sizeof "/proc/self/fd//" + 3 * sizeof(int) + NAME_MAX];
};

static ssize_t list_names(const struct bearer *of, char *list, size_t size)
{
    return of->fd < 0 ? llistxattr(of->path, list, size) : flistxattr(of->fd, list, size);
}

static ssize_t get_value(const struct bearer *of, const char *name, void *value, size_t size)
{
    return of->fd < 0 ? lgetxattr(of->path, name, value, size) : fgetxattr(of->fd, name, value, size);
}

static int collect_one(struct dir *dir, const struct bearer *of, const char *name, uint8_t *room, struct error *err)
{
    ssize_t got = get_value(of, name, room, XATTRS_VALUE_MAX);

    if (got < 0 && errno == ENODATA) /* gone meanwhile */
        return 0;
    if (got < 0 || xattrs_problem(&dir->xattrs, name, strlen(name), (size_t)got))
        return dir_note(dir, "xattr-unreadable", name, err);
    xattrs_add(&dir->xattrs, name, strlen(name), room, (size_t)got);
    return 0;
}

static int collect(struct dir *dir, const struct bearer *of, const char *list, size_t size, struct error *err)
{
    cleanup_free uint8_t *room = malloc(XATTRS_VALUE_MAX);
    int result = room ? 0 : error_system(err, ENOMEM, "extended attributes");

    xattrs_clear(&dir->xattrs);
    for (const char *name = list; name < list + size && result == 0; name += strlen(name) + 1)
        result = collect_one(dir, of, name, room, err);
    return result;
}

/* Most files have none, which is one system call. File systems that know of none say so, each in its way. */
static int fill_xattrs(struct entry *entry, struct digest *digest, struct dir *dir, const struct bearer *of,
                       struct error *err)
{
    cleanup_free char *list = NULL;
    ssize_t size = list_names(of, NULL, 0);

    if (size <= 0)
        return 0;
    list = malloc(XATTR_LIST_MAX);
    if (!list)
        return error_system(err, ENOMEM, "extended attributes");
    size = list_names(of, list, XATTR_LIST_MAX);
    int result = size > 0 ? collect(dir, of, list, (size_t)size, err) : 0;
    if (size <= 0 || result < 0)
        return result;
    return xattrs_put(&entry->xattrs, digest, &dir->xattrs, dir->options->store, err);
}

/* --- Content ------------------------------------------------------------------------------------------------------ */

static void report_progress(struct dir *dir)
{
    const struct import_progress progress = {.bytes = dir->bytes, .records = dir->files};

    if (dir->options->progress)
        dir->options->progress(dir->options->arg, &progress);
}

/* Up to the size that the file had when it was opened: one that is written to all the time has an end, too. 0, or 1
 * where it cannot be read, with errno. */
static int read_content(uint64_t *size, struct dir *dir, int fd, struct error *err)
{
    uint64_t left = *size;

    while (left > 0) {
        size_t room;
        void *to;
        int result = blob_writer_reserve(&to, &room, dir->writer, err);

        if (result < 0)
            return result;
        if (room > READ_MAX)
            room = READ_MAX;
        ssize_t got = read(fd, to, left < room ? (size_t)left : room);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return 1;
        if (got == 0)
            break;
        blob_writer_took(dir->writer, (size_t)got);
        left -= (uint64_t)got;
        dir->bytes += (uint64_t)got;
        report_progress(dir);
    }
    *size -= left;
    return 0;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* What was read is taken; a note says where it may never have been the file's content at any one time. */
static int note_change(struct dir *dir, int fd, const struct stat *before, uint64_t size, struct error *err)
{
    struct stat after;

    if (size == (uint64_t)before->st_size && fstat(fd, &after) == 0 && after.st_size == before->st_size &&
        same_time(&after.st_mtim, &before->st_mtim))
        return 0;
    return dir_note(dir, "changed", "it was written to while it was read", err);
}

static int fill_content(struct entry *entry, struct digest *digest, struct dir *dir, int fd, const struct stat *st,
                        struct error *err)
{
    int result = read_content(&entry->size, dir, fd, err);

    if (result == 1) {
        const char *why = strerror(errno);
        blob_writer_drop(dir->writer);
        entry->flags |= ENTRY_ABSENT;
        entry->size = (uint64_t)st->st_size;
        return dir_note(dir, "unreadable", why, err);
    }
    if (result == 0)
        result = blob_writer_finish(&entry->content, digest, &entry->size, dir->writer, err);
    return result < 0 ? result : note_change(dir, fd, st, entry->size, err);
}

/* --- Files -------------------------------------------------------------------------------------------------------- */

static int hold(struct dir *dir, const struct entry *entry, const struct entry_digests *digests, struct error *err)
{
    struct journal_record record = {.path = dir->path, .path_size = (uint16_t)dir->path_size, .entry = *entry};

    if (digests)
        record.digests = *digests;
    dir->added++;
    return arrivals_add(dir->arrivals, &record, err);
}

static int add_open(struct dir *dir, int fd, const struct stat *st, struct error *err)
{
    struct entry_digests digests = {0};
    struct bearer of = {.fd = fd};
    struct entry entry;
    int result = fill_attributes(&entry, dir, st, err);

    if (result == 0)
        result = fill_xattrs(&entry, &digests.xattrs, dir, &of, err);
    if (result == 0 && S_ISREG(st->st_mode))
        result = fill_content(&entry, &digests.content, dir, fd, st, err);
    return result < 0 ? result : hold(dir, &entry, &digests, err);
}

/* A reader leaves no trace where he may: O_NOATIME is for owners and root. */
static int open_regular(int parent, const char *name)
{
    int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int fd = openat(parent, name, flags | O_NOATIME);

    return fd < 0 && errno == EPERM ? openat(parent, name, flags) : fd;
}

int dir_add_bare(struct dir *dir, const struct stat *st, const char *what, const char *why, struct error *err)
{
    struct entry entry;
    int result = fill_attributes(&entry, dir, st, err);

    if (S_ISREG(st->st_mode))
        entry.flags |= ENTRY_ABSENT;
    if (result == 0)
        result = dir_note(dir, what, why, err);
    return result < 0 ? result : hold(dir, &entry, NULL, err);
}

int dir_add_failed(struct dir *dir, const struct stat *st, int failed, struct error *err)
{
    switch (failed) {
    case ENOENT:
        return dir->taker->note(dir, "vanished", NULL, err);
    case ELOOP:
    case ENOTDIR:
    case ENXIO:
        return dir->taker->note(dir, "vanished", "it became something else", err);
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return error_system(err, failed, "%s", dir->path);
    default:
        return dir->taker->add_bare(dir, st, "unreadable", strerror(failed), err);
    }
}

/* Whatever stands there now may not be what fstatat() saw. */
static int add_regular(struct dir *dir, int parent, const char *name, const struct stat *st, struct error *err)
{
    cleanup_close int fd = open_regular(parent, name);
    struct stat opened;

    if (fd < 0 || fstat(fd, &opened) < 0)
        return dir_add_failed(dir, st, errno, err);
    if (!S_ISREG(opened.st_mode))
        return dir_add_failed(dir, st, ENXIO, err);
    return add_open(dir, fd, &opened, err);
}

/* A symbolic link, a device, a fifo, a socket: nothing of it is opened. */
static int add_closed(struct dir *dir, int parent, const char *name, const struct stat *st, struct error *err)
{
    struct entry_digests digests = {0};
    struct bearer of = {.fd = -1};
    struct entry entry;
    char target[ENTRY_TARGET_MAX + 1];
    int result = fill_attributes(&entry, dir, st, err);

    if (result < 0)
        return result;
    if (S_ISLNK(st->st_mode)) {
        ssize_t size = readlinkat(parent, name, target, sizeof target);
        if (size < 0 || size > ENTRY_TARGET_MAX)
            return dir_note(dir, "vanished", size < 0 ? strerror(errno) : NULL, err);
        entry.target = target;
        entry.target_size = (uint16_t)size;
        entry.size = (uint64_t)size;
    }
    snprintf(of.path, sizeof of.path, "/proc/self/fd/%d/%s", parent, name);
    result = fill_xattrs(&entry, &digests.xattrs, dir, &of, err);
    return result < 0 ? result : hold(dir, &entry, &digests, err);
}

/* A further name of a file that has been added: 1, else 0. */
static int add_link(struct dir *dir, const struct stat *st, struct error *err)
{
    size_t size;
    const char *first = inodes_find(&size, &dir->inodes, st->st_dev, st->st_ino);

    if (!first)
        return 0;
    const struct journal_record record = {
        .path = dir->path,
        .path_size = (uint16_t)dir->path_size,
        .link = first,
        .link_size = (uint16_t)size,
    };
    int result = arrivals_add(dir->arrivals, &record, err);
    return result < 0 ? result : 1;
}

/* Remember the first name; unless it vanished, and nothing stands there. */
static int add_first(struct dir *dir, int parent, const char *name, const struct stat *st, struct error *err)
{
    uint64_t before = dir->added;
    int result =
        S_ISREG(st->st_mode) ? add_regular(dir, parent, name, st, err) : add_closed(dir, parent, name, st, err);

    if (result < 0 || st->st_nlink < 2 || dir->added == before)
        return result;
    result = inodes_put(&dir->inodes, st->st_dev, st->st_ino, dir->path, dir->path_size);
    return result < 0 ? error_system(err, -result, "cannot hold the names of a file") : 0;
}

int dir_add(struct dir *dir, int parent, const char *name, const struct stat *st, struct error *err)
{
    int result = store_yield(dir->options->store, err);

    dir->files++;
    report_progress(dir);
    if (result < 0 || !name)
        return result < 0 ? result : add_open(dir, parent, st, err);
    int linked = st->st_nlink > 1 ? add_link(dir, st, err) : 0;
    return linked != 0 ? (linked < 0 ? linked : 0) : add_first(dir, parent, name, st, err);
}
