/* run_sockets.c - see run_sockets.h. */
#include "cli/run_sockets.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "cli/run_pids.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOCKET_NAME "socket:[%" PRIu64 "]"
#define NAME_SIZE 48 /* "PID/fd/socket:[INODE]", both of any size */

/* Tables that lsof reads, and where their inode numbers are: words before it. */
static const struct {
    const char *name;
    unsigned before;
} TABLES[] = {{"tcp", 9}, {"tcp6", 9}, {"udp", 9}, {"udp6", 9}, {"raw", 9}, {"raw6", 9}, {"unix", 6}};
#define TABLE_COUNT (sizeof TABLES / sizeof *TABLES)

/* A descriptor of a captured process that is a socket. */
struct held {
    uint64_t captured, node; /* inode numbers */
    uint32_t pid, fd;
};

struct sockets {
    int proc;
    struct held *held; /* at most RUN_SOCKETS_LOOKED_MAX; as they are found, then by captured number */
    size_t count;
    uint32_t looked; /* at processes and descriptors */
};

/* --- Who holds which ---------------------------------------------------------------------------------------------- */

static int open_fds(int proc, uint32_t pid)
{
    char name[16];

    snprintf(name, sizeof name, "%" PRIu32, pid);
    cleanup_close int process = openat(proc, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return process < 0 ? -1 : openat(process, "fd", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool parse_target(uint64_t *inode, const char *text)
{
    char *end;

    if (strncmp(text, "socket:[", strlen("socket:[")) != 0)
        return false;
    *inode = strtoull(text + strlen("socket:["), &end, 10);
    return *inode > 0 && strcmp(end, "]") == 0;
}

static void take_fd(struct sockets *s, int fds, uint32_t pid, const char *name)
{
    char target[NAME_SIZE], *end;
    unsigned long fd = strtoul(name, &end, 10);
    uint64_t inode;

    if (name[0] < '0' || name[0] > '9' || *end || fd > INT_MAX || (name[0] == '0' && name[1]))
        return;
    ssize_t size = readlinkat(fds, name, target, sizeof target - 1);
    target[size > 0 ? size : 0] = '\0';
    if (parse_target(&inode, target))
        s->held[s->count++] = (struct held){.captured = inode, .pid = pid, .fd = (uint32_t)fd};
}

static void take_process(void *arg, uint32_t pid)
{
    struct sockets *s = arg;
    int fds = s->looked++ < RUN_SOCKETS_LOOKED_MAX ? open_fds(s->proc, pid) : -1;
    DIR *list = fds < 0 ? NULL : fdopendir(fds);

    if (!list) {
        if (fds >= 0)
            close(fds);
        return;
    }
    for (const struct dirent *entry; s->looked < RUN_SOCKETS_LOOKED_MAX && (entry = readdir(list)); s->looked++)
        take_fd(s, fds, pid, entry->d_name);
    closedir(list);
}

static int by_captured(const void *a, const void *b)
{
    const struct held *x = a, *y = b;

    if (x->captured != y->captured)
        return x->captured < y->captured ? -1 : 1;
    return (x->pid > y->pid) - (x->pid < y->pid);
}

/* --- Their nodes -------------------------------------------------------------------------------------------------- */

/* The node of a socket in the first process that has it: only then is its number known, which its name tells. */
static bool make_node(struct held *h, int fds)
{
    static const char aside[] = "socket:[]";
    char name[NAME_SIZE];
    struct stat stat;

    if (mknodat(fds, aside, S_IFSOCK | 0777, 0) < 0 || fstatat(fds, aside, &stat, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    h->node = stat.st_ino;
    snprintf(name, sizeof name, SOCKET_NAME, h->node);
    return renameat(fds, aside, fds, name) == 0;
}

/* Another name of it in a process that shares it; there already, if that is the same process. */
static bool link_node(int proc, const struct held *first, struct held *h, int fds)
{
    char from[NAME_SIZE], name[NAME_SIZE];

    h->node = first->node;
    snprintf(name, sizeof name, SOCKET_NAME, h->node);
    snprintf(from, sizeof from, "%" PRIu32 "/fd/" SOCKET_NAME, first->pid, h->node);
    return linkat(proc, from, fds, name, 0) == 0 || (errno == EEXIST && first->pid == h->pid);
}

static bool make_link(const struct held *h, int fds)
{
    char name[16], target[NAME_SIZE];

    snprintf(name, sizeof name, "%" PRIu32, h->fd);
    snprintf(target, sizeof target, SOCKET_NAME, h->node);
    return unlinkat(fds, name, 0) == 0 && symlinkat(target, fds, name) == 0;
}

/* Nothing of a process changes its times. */
static void keep_time(int fd, const struct stat *stat)
{
    const struct timespec times[2] = {stat->st_mtim, stat->st_mtim};

    futimens(fd, times);
}

/* Its node is 0 if that does not work: who captured may have put anything there. */
static void make_one(const struct sockets *s, struct held *h, const struct held *first)
{
    cleanup_close int fds = open_fds(s->proc, h->pid);
    struct stat stat;

    if (fds < 0 || fstat(fds, &stat) < 0)
        return;
    if (!(first ? link_node(s->proc, first, h, fds) : make_node(h, fds)) || !make_link(h, fds))
        h->node = 0;
    keep_time(fds, &stat);
}

static void make_nodes(const struct sockets *s)
{
    const struct held *first = NULL;

    qsort(s->held, s->count, sizeof *s->held, by_captured);
    for (struct held *h = s->held; h < s->held + s->count; h++) {
        if (first && first->captured != h->captured)
            first = NULL;
        make_one(s, h, first);
        if (!first && h->node)
            first = h;
    }
}

/* --- The tables --------------------------------------------------------------------------------------------------- */

static const struct held *find(const struct sockets *s, uint64_t captured)
{
    size_t from = 0, to = s->count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (s->held[middle].captured < captured)
            from = middle + 1;
        else
            to = middle;
    }
    while (from < s->count && s->held[from].captured == captured && !s->held[from].node)
        from++;
    return from < s->count && s->held[from].captured == captured ? &s->held[from] : NULL;
}

static void rewrite_line(struct buffer *out, const struct sockets *s, const char *line, size_t size, unsigned before)
{
    size_t at = 0, end;

    for (unsigned word = 0;; word++) {
        while (at < size && line[at] == ' ')
            at++;
        for (end = at; end < size && line[end] != ' ';)
            end++;
        if (word == before)
            break;
        at = end;
    }
    const struct held *h = end > at ? find(s, strtoull(line + at, NULL, 10)) : NULL;
    buffer_add(out, line, h ? at : size);
    if (!h)
        return;
    buffer_add_format(out, "%" PRIu64, h->node);
    buffer_add(out, line + end, size - end);
}

static bool read_all(struct buffer *text, int fd, size_t size)
{
    uint8_t *to = buffer_reserve(text, size + 1);
    ssize_t got = 0;

    for (; to && text->size < size; buffer_took(text, (size_t)got))
        if ((got = read(fd, to + text->size, size - text->size)) <= 0)
            return false;
    if (!to)
        return false;
    text->bytes[text->size] = '\0';
    return true;
}

static int write_all(int fd, const struct buffer *text)
{
    for (size_t at = 0; at < text->size;) {
        ssize_t done = write(fd, text->bytes + at, text->size - at);
        if (done < 0)
            return -errno;
        at += (size_t)done;
    }
    return ftruncate(fd, (off_t)text->size) < 0 ? -errno : 0;
}

static int rewrite_table(const struct sockets *s, int net, size_t table, struct error *err)
{
    cleanup_close int fd = openat(net, TABLES[table].name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    cleanup_buffer struct buffer text = {0}, out = {0};
    struct stat stat;

    if (fd < 0 || fstat(fd, &stat) < 0 || !S_ISREG(stat.st_mode) || stat.st_size > RUN_SOCKETS_TABLE_MAX ||
        !read_all(&text, fd, (size_t)stat.st_size))
        return 0;
    for (const char *line = (char *)text.bytes, *end = line + text.size; line < end;) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        next = next ? next + 1 : end;
        rewrite_line(&out, s, line, (size_t)(next - line), TABLES[table].before);
        line = next;
    }
    if (out.failed)
        return error_system(err, ENOMEM, "/proc/net/%s", TABLES[table].name);
    cleanup_close int to = openat(net, TABLES[table].name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    int result = to < 0 ? -errno : write_all(to, &out);
    if (result < 0)
        return error_system(err, -result, "/proc/net/%s", TABLES[table].name);
    keep_time(to, &stat);
    return 0;
}

int run_sockets_make(int proc, struct error *err)
{
    cleanup_close int net = openat(proc, "net", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct sockets s = {.proc = proc};
    int result = 0;

    if (net < 0)
        return 0;
    cleanup_free struct held *held = calloc(RUN_SOCKETS_LOOKED_MAX, sizeof *held);
    if (!held)
        return error_system(err, ENOMEM, "sockets");
    s.held = held;
    run_pids_each(proc, take_process, &s);
    if (s.count > 0)
        make_nodes(&s);
    for (size_t i = 0; i < TABLE_COUNT && s.count > 0 && result == 0; i++)
        result = rewrite_table(&s, net, i, err);
    return result;
}
