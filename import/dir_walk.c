/* dir_walk.c - every directory below one, by descriptors: nothing that is renamed meanwhile leads out of it. */
#include "import/dir.h"

#include "base/cleanup.h"
#include "import/kernel_fs.h"
#include "import/notes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

/* Directories that are open at once; what is deeper is opened name by name, from the last of these on. */
#define OPEN_MAX 64

#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

#define OTHER_MOUNT "another file system"

struct walk {
    struct dir *dir;
    int open[OPEN_MAX]; /* by depth; the root's is 0 */
    size_t anchor;      /* where in the path the names begin that lie below the last of them */
};

/* --- Paths -------------------------------------------------------------------------------------------------------- */

/* Append a name; false: the path would be too long. */
static bool enter(struct dir *dir, const char *name)
{
    size_t size = strlen(name), slash = dir->path_size > 1;

    if (dir->path_size + slash + size > BUILDER_PATH_MAX)
        return false;
    if (slash)
        dir->path[dir->path_size] = '/';
    memcpy(dir->path + dir->path_size + slash, name, size + 1);
    dir->path_size += slash + size;
    return true;
}

static void leave(struct dir *dir, size_t path_size)
{
    dir->path_size = path_size;
    dir->path[path_size] = '\0';
}

/* The note stands at the directory, since the path itself is too long for one. */
static int leave_out(struct dir *dir, struct error *err)
{
    static const char why[] = "what is in it has a path of more than 4095 bytes";

    if (dir->options->strict)
        return error_input(err, "%s: %s", dir->path, why);
    return dir->taker->note(dir, "left-out", why, err);
}

/* --- Opening ------------------------------------------------------------------------------------------------------ */

static int open_by_names(const struct walk *w)
{
    char names[BUILDER_PATH_MAX + 1], *rest;
    int at = openat(w->open[OPEN_MAX - 1], ".", DIRECTORY_FLAGS);

    memcpy(names, w->dir->path + w->anchor, w->dir->path_size - w->anchor + 1);
    for (char *name = strtok_r(names, "/", &rest); name && at >= 0; name = strtok_r(NULL, "/", &rest)) {
        int next = openat(at, name, DIRECTORY_FLAGS), failed = errno;

        close(at);
        errno = failed;
        at = next;
    }
    return at;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* A mount is one even where it shows the same file system again; kernels before 5.6 do not tell. */
static int open_child(const struct dir *dir, int parent, const char *name)
{
    struct open_how how = {.flags = DIRECTORY_FLAGS, .resolve = RESOLVE_NO_XDEV};
    int fd = dir->options->cross_mounts ? -1 : (int)syscall(SYS_openat2, parent, name, &how, sizeof how);

    return fd < 0 && (dir->options->cross_mounts || errno == ENOSYS) ? openat(parent, name, DIRECTORY_FLAGS) : fd;
}

/* Why nothing below a directory is looked at, or NULL. */
static const char *boundary(const struct dir *dir, const struct stat *st)
{
    if (is_same(st, &dir->store))
        return "the store that it is imported into";
    return st->st_dev != dir->mount && !dir->options->cross_mounts ? OTHER_MOUNT : NULL;
}

/* The directory at dir->path, `name` in the one around it. *fd is -1 where it cannot be listed, or is not to be; then
 * all is said about it. */
static int open_directory(int *fd, struct dir *dir, int parent, const char *name, struct error *err)
{
    struct stat st;

    *fd = -1;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0 || !S_ISDIR(st.st_mode))
        return dir->taker->note(dir, "vanished", NULL, err);
    const char *why = boundary(dir, &st);
    if (why)
        return dir->taker->add_bare(dir, &st, "not-entered", why, err);
    *fd = open_child(dir, parent, name);
    if (*fd < 0 && errno == EXDEV)
        return dir->taker->add_bare(dir, &st, "not-entered", OTHER_MOUNT, err);
    if (*fd < 0)
        return dir_add_failed(dir, &st, errno, err);
    int result = fstat(*fd, &st) < 0 ? error_system(err, errno, "%s", dir->path) : 0;
    why = result == 0 ? boundary(dir, &st) : NULL;
    if (result == 0 && !why && st.st_dev != dir->mount && kernel_fs_is(*fd))
        why = "a file system of the kernel";
    if (result == 0)
        result =
            why ? dir->taker->add_bare(dir, &st, "not-entered", why, err) : dir->taker->add(dir, *fd, NULL, &st, err);
    if (result == 0 && !why)
        return 0;
    close(*fd);
    *fd = -1;
    return result;
}

/* --- Listing ------------------------------------------------------------------------------------------------------ */

/* One name of the directory that is listed; of a subdirectory only the name is kept, until all the files are read. */
static int visit_name(struct dir *dir, struct buffer *subdirectories, int parent, const char *name, struct error *err)
{
    size_t path_size = dir->path_size;
    struct stat st;
    int result;

    if (!enter(dir, name))
        return leave_out(dir, err);
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
        result = dir->taker->note(dir, errno == ENOENT ? "vanished" : "unreadable", strerror(errno), err);
    else if (!S_ISDIR(st.st_mode))
        result = dir->taker->add(dir, parent, name, &st, err);
    else {
        buffer_add(subdirectories, name, strlen(name) + 1);
        result = subdirectories->failed ? error_system(err, ENOMEM, "a directory") : 0;
    }
    leave(dir, path_size);
    return result;
}

static int list(struct dir *dir, struct buffer *subdirectories, DIR *listing, struct error *err)
{
    const struct dirent *found;
    int result = 0;

    while (errno = 0, result == 0 && (found = readdir(listing)))
        if (strcmp(found->d_name, ".") != 0 && strcmp(found->d_name, "..") != 0)
            result = visit_name(dir, subdirectories, dirfd(listing), found->d_name, err);
    return result == 0 && errno ? dir->taker->note(dir, "unreadable", strerror(errno), err) : result;
}

static int walk_into(struct walk *w, const struct buffer *names, unsigned depth, struct error *err);

/* The fd is of the directory at dir->path; it is closed here. */
static int walk(struct walk *w, int fd, unsigned depth, struct error *err)
{
    cleanup_buffer struct buffer subdirectories = {0};
    DIR *listing = fdopendir(fd);

    if (!listing) {
        close(fd);
        return error_system(err, ENOMEM, "%s", w->dir->path);
    }
    int result = list(w->dir, &subdirectories, listing, err);
    if (depth < OPEN_MAX)
        w->open[depth] = fd;
    else
        closedir(take(listing));
    if (depth == OPEN_MAX - 1)
        w->anchor = w->dir->path_size;
    if (result == 0)
        result = walk_into(w, &subdirectories, depth + 1, err);
    if (listing)
        closedir(listing);
    return result;
}

/* `names` are directories in that at dir->path; `depth` is theirs. */
static int walk_into(struct walk *w, const struct buffer *names, unsigned depth, struct error *err)
{
    struct dir *dir = w->dir;
    size_t path_size = dir->path_size;
    int result = 0;

    for (size_t at = 0; at < names->size && result == 0; at += strlen((const char *)names->bytes + at) + 1) {
        const char *name = (const char *)names->bytes + at;
        int parent = depth <= OPEN_MAX ? w->open[depth - 1] : open_by_names(w), fd;

        enter(dir, name); /* there was room for it when it was listed */
        result = open_directory(&fd, dir, parent, name, err);
        if (depth > OPEN_MAX && parent >= 0)
            close(parent);
        if (result == 0 && fd >= 0)
            result = walk(w, fd, depth, err);
        leave(dir, path_size);
    }
    return result;
}

int dir_walk(struct dir *dir, int root, struct error *err)
{
    struct walk w = {.dir = dir};
    struct stat st;

    memcpy(dir->path, "/", 2);
    dir->path_size = 1;
    int fd = openat(root, ".", DIRECTORY_FLAGS);
    if (fd < 0 || fstat(fd, &st) < 0) {
        int failed = errno;
        if (fd >= 0)
            close(fd);
        return error_system(err, failed, "cannot read the directory");
    }
    dir->mount = st.st_dev;
    int result = dir->taker->add(dir, fd, NULL, &st, err);
    if (result == 0)
        return walk(&w, fd, 0, err);
    close(fd);
    return result;
}
