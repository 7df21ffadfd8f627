/* members.c - the names of members, and directories; tars are in members_tar.c. */
#include "import/members.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/quote.h"
#include "import/members_tar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct members {
    char *name;
    int fd;                  /* the directory, or the file that the tar is in */
    struct tar_table *table; /* NULL: a directory */
    uint64_t counted;        /* members_count_bytes() */
};

/* --- Names -------------------------------------------------------------------------------------------------------- */

/* Without its last component. */
static size_t parent_size(const char *path, size_t size)
{
    while (size > 0 && path[size - 1] != '/')
        size--;
    return size > 0 ? size - 1 : 0;
}

bool member_name_read(char *out, const char *base, size_t base_size, const char *name)
{
    size_t used = name[0] == '/' ? 0 : base_size;

    if (base_size > MEMBER_NAME_MAX)
        return false;
    memcpy(out, base, used);
    for (const char *at = name; *at;) {
        size_t length = strcspn(at, "/");
        bool is_up = length == 2 && memcmp(at, "..", 2) == 0, is_here = length == 0 || (length == 1 && *at == '.');

        if (is_up && used == 0)
            return false;
        if (is_up)
            used = parent_size(out, used);
        if (!is_up && !is_here) {
            if (used + 1 + length > MEMBER_NAME_MAX)
                return false;
            if (used > 0)
                out[used++] = '/';
            memcpy(out + used, at, length);
            used += length;
        }
        at += length;
        at += *at == '/';
    }
    out[used] = '\0';
    return used > 0;
}

/* --- Opening ------------------------------------------------------------------------------------------------------ */

static int members_new(struct members **members, int fd, const char *name, struct error *err)
{
    struct members *m = calloc(1, sizeof *m);

    if (m)
        m->name = strdup(name);
    if (!m || !m->name) {
        free(m);
        close(fd);
        return error_system(err, ENOMEM, "%s", name);
    }
    m->fd = fd;
    *members = m;
    return 0;
}

int members_open_dir(struct members **members, const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? error_system(err, errno, "%s", path) : members_new(members, fd, path, err);
}

int members_open_tar(struct members **members, int fd, uint64_t offset, uint64_t size, const char *name,
                     struct error *err)
{
    struct members *m;
    int rc = members_new(&m, fd, name, err);

    if (rc < 0)
        return rc;
    rc = tar_table_read(&m->table, fd, offset, size, name, err);
    if (rc < 0)
        members_close(m);
    else
        *members = m;
    return rc;
}

void members_close(struct members *members)
{
    if (!members)
        return;
    tar_table_free(members->table);
    close(members->fd);
    free(members->name);
    free(members);
}

uint64_t members_count_bytes(struct members *members, uint64_t bytes)
{
    return members->counted += bytes;
}

const char *members_name(const struct members *members)
{
    return members->name;
}

/* --- Finding ------------------------------------------------------------------------------------------------------ */

/* A name of any origin in one line; NULL: out of memory. */
static const char *show(struct buffer *text, const char *name)
{
    quote_text(text, name, strlen(name));
    buffer_add_byte(text, '\0');
    return text->failed ? NULL : (const char *)text->bytes;
}

int members_refuse(struct error *err, const struct members *members, const char *name, const char *format, ...)
{
    cleanup_buffer struct buffer text = {0};
    const char *shown = show(&text, name);
    char why[ERROR_TEXT_MAX / 2];
    va_list args;

    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    return shown ? error_input(err, "%s: %s: %s", members->name, shown, why)
                 : error_system(err, ENOMEM, "%s", members->name);
}

static int open_failed(struct error *err, int errnum, const struct members *m, const char *name)
{
    cleanup_buffer struct buffer text = {0};
    const char *shown = show(&text, name);

    if (errnum == ENOENT || errnum == ENAMETOOLONG)
        return -ENOENT;
    if (errnum == ELOOP || errnum == ENOTDIR)
        return members_refuse(err, m, name, "a link, or below something that is no directory");
    return error_system(err, shown ? errnum : ENOMEM, "%s: %s", m->name, shown ? shown : "");
}

/* Opening a device can do things, so what it is is looked at before and after. */
static int open_file(struct extent *extent, int directory, const char *part)
{
    struct stat st;

    if (fstatat(directory, part, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (S_ISLNK(st.st_mode))
        return -ELOOP;
    if (!S_ISREG(st.st_mode))
        return -EISDIR;
    int fd = openat(directory, part, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return -EISDIR;
    }
    *extent = (struct extent){fd, 0, (uint64_t)st.st_size};
    return 0;
}

/* Component by component, so that no link is followed on the way. The name is a clean one. */
static int find_file(struct extent *extent, const struct members *m, char *name, struct error *err)
{
    cleanup_close int directory = fcntl(m->fd, F_DUPFD_CLOEXEC, 3);
    char *part = name;

    for (char *slash; directory >= 0 && (slash = strchr(part, '/')); part = slash + 1) {
        *slash = '\0';
        int next = openat(directory, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int errnum = errno;
        *slash = '/';
        if (next < 0)
            return open_failed(err, errnum, m, name);
        close(directory);
        directory = next;
    }
    if (directory < 0)
        return error_system(err, errno, "%s", m->name);
    int rc = open_file(extent, directory, part);
    if (rc == -EISDIR)
        return members_refuse(err, m, name, "not a regular file");
    return rc < 0 ? open_failed(err, -rc, m, name) : 0;
}

static int find_in_tar(struct extent *extent, const struct members *m, const char *name, struct error *err)
{
    const char *why = NULL;
    int rc = tar_table_find(&extent->offset, &extent->size, &why, m->table, name);

    if (rc < 0)
        return why ? members_refuse(err, m, name, "%s", why) : rc;
    extent->fd = fcntl(m->fd, F_DUPFD_CLOEXEC, 3);
    return extent->fd < 0 ? error_system(err, errno, "%s", m->name) : 0;
}

int members_find(struct extent *extent, const struct members *members, const char *name, struct error *err)
{
    char clean[MEMBER_NAME_MAX + 1];

    if (!member_name_read(clean, "", 0, name))
        return members_refuse(err, members, name, "no name that a member can have");
    return members->table ? find_in_tar(extent, members, clean, err) : find_file(extent, members, clean, err);
}

bool members_have(const struct members *members, const char *name)
{
    struct extent extent;

    if (members_find(&extent, members, name, NULL) < 0)
        return false;
    close(extent.fd);
    return true;
}

int members_input(struct input **input, uint64_t *size, const struct members *members, const char *name,
                  struct error *err)
{
    cleanup_buffer struct buffer text = {0}, shown = {0};
    struct extent extent;
    int rc = members_find(&extent, members, name, err);

    if (rc == -ENOENT)
        return members_refuse(err, members, name, "it is not there");
    if (rc < 0)
        return rc;
    const char *member = show(&shown, name);
    buffer_add_format(&text, "%s: %s%c", members->name, member ? member : "", '\0');
    if (!member || text.failed) {
        close(extent.fd);
        return error_system(err, ENOMEM, "%s", members->name);
    }
    if (size)
        *size = extent.size;
    return input_open_extent(input, extent.fd, extent.offset, extent.size, (const char *)text.bytes, err);
}
