/* live_process.c - the processes of a PID namespace: process and metric records, and who has which socket open. */
#include "import/live.h"

#include "base/cleanup.h"
#include "base/jsonl.h"
#include "base/quote.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define PROCESS_FLAGS (O_PATH | O_DIRECTORY | O_CLOEXEC)
#define PERCENT 100.0
#define KIB 1024u

struct memory {
    uint64_t rss, vms; /* bytes: what is in memory, and the address space */
};

static struct live_process *processes_of(const struct live *live)
{
    return (struct live_process *)(void *)live->processes.bytes;
}

static size_t count_of(const struct live *live)
{
    return live->processes.size / sizeof(struct live_process);
}

/* --- Which there are ---------------------------------------------------------------------------------------------- */

static bool read_stat(struct live_stat *stat, struct live *live, int at)
{
    buffer_clear(&live->text);
    return live_read(&live->text, at, "stat", LIVE_PROC_MAX) == 0 &&
           live_parse_stat(stat, (const char *)live->text.bytes, live->text.size);
}

static bool read_status(struct live_status *status, struct live *live, int at)
{
    buffer_clear(&live->text);
    return live_read(&live->text, at, "status", LIVE_PROC_MAX) == 0 &&
           live_parse_status(status, (const char *)live->text.bytes, live->text.size);
}

/* Is a process in the PID namespace, or in one below it? It is seen inside then, by its number at that depth. */
static bool is_inside(int at, const struct stat *namespace, size_t levels)
{
    cleanup_close int fd = openat(at, "ns/pid", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat st;

    for (; levels > 0 && fd >= 0; levels--) {
        int parent = ioctl(fd, NS_GET_PARENT);
        close(fd);
        fd = parent;
    }
    return fd >= 0 && fstat(fd, &st) == 0 && st.st_ino == namespace->st_ino && st.st_dev == namespace->st_dev;
}

/* One that has ended by now is none. */
static void add_process(struct live *live, int proc, const char *name, const struct stat *namespace, size_t depth)
{
    cleanup_close int at = openat(proc, name, PROCESS_FLAGS);
    struct live_process process = {.outer = strtoull(name, NULL, 10)};
    struct live_status status;

    if (at < 0 || !read_status(&status, live, at) || status.depth < depth ||
        !is_inside(at, namespace, status.depth - depth) || !read_stat(&process.stat, live, at))
        return;
    process.pid = status.pids[depth - 1];
    process.uid = live_id_inside(&live->uid_map, status.uid);
    buffer_add(&live->processes, &process, sizeof process);
}

static int compare_processes(const void *a, const void *b)
{
    const struct live_process *x = a, *y = b;

    return (x->outer > y->outer) - (x->outer < y->outer);
}

static int find_processes(struct live *live, struct error *err)
{
    struct live_status status;
    struct stat namespace;
    DIR *listing = opendir("/proc");
    const struct dirent *found;

    if (!listing)
        return error_system(err, errno, "/proc");
    bool known = read_status(&status, live, live->process) && fstatat(live->process, "ns/pid", &namespace, 0) == 0;
    while (known && (found = readdir(listing)) && count_of(live) < LIVE_PROCESSES_MAX)
        if (live_is_pid(found->d_name))
            add_process(live, dirfd(listing), found->d_name, &namespace, status.depth);
    closedir(listing);
    if (!known || live->processes.failed)
        return known ? error_system(err, ENOMEM, "%s: its processes", live->name)
                     : error_input(err, "%s: the process has ended", live->name);
    if (count_of(live) > 1)
        qsort(live->processes.bytes, count_of(live), sizeof(struct live_process), compare_processes);
    return count_of(live) < LIVE_PROCESSES_MAX ? 0 : live_note(live, "/proc", "left-out", "too many processes", err);
}

/* The parent's number inside; 0 where that is outside, as the kernel shows it. */
static uint64_t parent_of(const struct live *live, const struct live_process *process)
{
    const struct live_process key = {.outer = process->stat.ppid};
    const struct live_process *parent =
        bsearch(&key, live->processes.bytes, count_of(live), sizeof key, compare_processes);

    return parent ? parent->pid : 0;
}

/* --- Open files --------------------------------------------------------------------------------------------------- */

static bool is_regular(int at, const char *name)
{
    struct statx st;

    return statx(at, name, AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_TYPE, &st) == 0 && S_ISREG(st.stx_mode);
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_socket(struct live *live, const char *target, size_t size, size_t process)
{
    static const char prefix[] = "socket:[";
    struct live_owner owner = {.process = process};
    struct live_span digits = {target + sizeof prefix - 1, size - sizeof prefix};

    if (size > sizeof prefix && memcmp(target, prefix, sizeof prefix - 1) == 0 && live_number(&owner.inode, &digits))
        buffer_add(&live->owners, &owner, sizeof owner);
}

/* What is behind each fd: a socket is kept with its owner, a regular file's path goes to live->path, a NUL behind it.
 * How many of these; *cut: there are more. */
static size_t read_fds(bool *cut, struct live *live, int at, size_t process)
{
    int fds = openat(at, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fds < 0 ? NULL : fdopendir(fds);
    const struct dirent *found;
    size_t files = 0, looked = 0;

    buffer_clear(&live->path);
    *cut = false;
    while (listing && !*cut && (found = readdir(listing))) {
        size_t before = live->path.size;
        if (!live_is_pid(found->d_name) || live_read_link(&live->path, live, dirfd(listing), found->d_name) < 0)
            continue;
        const char *target = (const char *)live->path.bytes + before;
        if (*target == '/' && is_regular(dirfd(listing), found->d_name)) {
            buffer_add_byte(&live->path, '\0');
            files++;
        } else {
            add_socket(live, target, live->path.size - before, process);
            live->path.size = before;
        }
        *cut = ++looked >= LIVE_FDS_MAX || live->path.size >= LIVE_OPEN_FILES_MAX;
    }
    if (listing)
        closedir(listing);
    else if (fds >= 0)
        close(fds);
    return files;
}

static void add_open_files(struct live *live, size_t files)
{
    cleanup_free const char **paths = calloc(files + 1, sizeof *paths);
    const char *path = (const char *)live->path.bytes;

    live->value.failed |= !paths || live->path.failed;
    jsonl_raw(&live->value, "openfiles", "[", 1);
    for (size_t i = 0; i < files && !live->value.failed; i++, path += strlen(path) + 1)
        paths[i] = path;
    if (files > 1 && !live->value.failed)
        qsort(paths, files, sizeof *paths, compare_paths);
    for (size_t i = 0; i < files && !live->value.failed; i++) {
        if (i > 0)
            buffer_add_byte(&live->value, ',');
        quote_json(&live->value, paths[i], strlen(paths[i]));
    }
    buffer_add_byte(&live->value, ']');
}

/* --- Records ------------------------------------------------------------------------------------------------------ */

/* A note at where the container has the file. */
static int note_process(struct live *live, const struct live_process *process, const char *file, const char *what,
                        const char *why, struct error *err)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%llu/%s", (unsigned long long)process->pid, file);
    return live_note(live, path, what, why, err);
}

/* Arguments end with NUL each; blanks stand between them in a record. */
static int add_command(struct live *live, const struct live_process *process, struct error *err)
{
    buffer_clear(&live->text);
    int result = live_command(&live->text, live, process->outer);
    size_t size = live->text.size;

    if (size > 0 && live->text.bytes[size - 1] == '\0')
        size--;
    for (size_t i = 0; i < size; i++)
        if (live->text.bytes[i] == '\0')
            live->text.bytes[i] = ' ';
    jsonl_text(&live->value, "cmd", live->text.bytes, size);
    if (result == 1)
        return note_process(live, process, "cmdline", "left-out", "the command line is cut", err);
    return result < 0 && result != -ENOENT && result != -ESRCH
               ? note_process(live, process, "cmdline", "unreadable", strerror(-result), err)
               : 0;
}

static void add_cwd(struct live *live, int at, const struct live_process *process)
{
    buffer_clear(&live->path);
    bool known = process->stat.state != 'Z' && live_read_link(&live->path, live, at, "cwd") == 0;

    if (known)
        jsonl_text(&live->value, "cwd", live->path.bytes, live->path.size);
    else
        jsonl_string(&live->value, "cwd", "unknown");
}

static double created(const struct live *live, const struct live_process *process)
{
    return (double)live->boot + (double)process->stat.start / (double)sysconf(_SC_CLK_TCK);
}

/* "NAME/PID" into live->path. */
static const struct buffer *make_key(struct live *live, const struct live_process *process)
{
    buffer_clear(&live->path);
    buffer_add(&live->path, process->stat.comm, process->stat.comm_size);
    buffer_add_format(&live->path, "/%llu", (unsigned long long)process->pid);
    live->value.failed |= live->path.failed;
    return &live->path;
}

static int produce_process(struct live *live, int at, size_t number, struct error *err)
{
    const struct live_process *process = &processes_of(live)[number];
    struct live_span comm = {process->stat.comm, process->stat.comm_size};
    bool cut;

    live_begin(live);
    int result = add_command(live, process, err);
    live_decimal(live, "created", created(live, process), 2);
    add_cwd(live, at, process);
    live_span(live, "pname", &comm);
    size_t files = read_fds(&cut, live, at, number);
    add_open_files(live, files);
    jsonl_number(&live->value, "pid", process->pid);
    jsonl_number(&live->value, "ppid", parent_of(live, process));
    jsonl_number(&live->value, "threads", process->stat.threads);
    live_user(live, "user", process->uid);
    if (result == 0 && cut)
        result = note_process(live, process, "fd", "left-out", "too many open files", err);
    const struct buffer *key = make_key(live, process);
    return result < 0 ? result : live_record(live, "process", (const char *)key->bytes, key->size, err);
}

/* As psutil names them. */
static const char *state_name(char state)
{
    static const struct {
        char state;
        const char *name;
    } names[] = {
        {'R', "running"},      {'S', "sleeping"}, {'D', "disk-sleep"}, {'T', "stopped"},
        {'t', "tracing-stop"}, {'X', "dead"},     {'x', "dead"},       {'K', "wake-kill"},
        {'W', "waking"},       {'I', "idle"},     {'P', "parked"},
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].state == state)
            return names[i].name;
    return "unknown";
}

/* CPU time over the process's life, as ps has it. */
static double cpu_percent(const struct live *live, const struct live_process *process)
{
    double lived = (double)live->time / 1e9 - created(live, process);

    return lived > 0 ? PERCENT * (double)process->stat.ticks / (double)sysconf(_SC_CLK_TCK) / lived : 0;
}

/* Bytes; the sums of status are exact where those of statm lag behind. The kernel's own threads have none. */
static bool read_memory(struct memory *memory, struct live *live, int at)
{
    *memory = (struct memory){0};
    buffer_clear(&live->text);
    if (live_read(&live->text, at, "status", LIVE_PROC_MAX) != 0)
        return false;
    live_find_number(&memory->rss, "VmRSS:", (const char *)live->text.bytes, live->text.size);
    live_find_number(&memory->vms, "VmSize:", (const char *)live->text.bytes, live->text.size);
    memory->rss *= KIB;
    memory->vms *= KIB;
    return true;
}

static void add_transfer(struct live *live, const char *member, const char *name)
{
    uint64_t bytes;

    if (live->text.bytes && live_find_number(&bytes, name, (const char *)live->text.bytes, live->text.size))
        jsonl_number(&live->value, member, bytes);
}

static int produce_metric(struct live *live, int at, const struct live_process *process, struct error *err)
{
    struct live_span comm = {process->stat.comm, process->stat.comm_size};
    struct memory memory;

    if (process->stat.state == 'Z' || !read_memory(&memory, live, at))
        return 0;
    live_begin(live);
    live_decimal(live, "cpupct", cpu_percent(live, process), 2);
    if (live->memory_total)
        live_decimal(live, "mempct", PERCENT * (double)memory.rss / (double)live->memory_total, 2);
    live_span(live, "pname", &comm);
    jsonl_number(&live->value, "pid", process->pid);
    buffer_clear(&live->text);
    int result = live_read(&live->text, at, "io", LIVE_PROC_MAX);
    add_transfer(live, "read", "read_bytes:");
    jsonl_number(&live->value, "rss", memory.rss);
    jsonl_string(&live->value, "status", state_name(process->stat.state));
    live_user(live, "user", process->uid);
    jsonl_number(&live->value, "vms", memory.vms);
    add_transfer(live, "write", "write_bytes:");
    if (result < 0 && result != -ESRCH)
        result = note_process(live, process, "io", "unreadable", strerror(-result), err);
    const struct buffer *key = make_key(live, process);
    return live_record(live, "metric", (const char *)key->bytes, key->size, err);
}

/* The number may be another process's by now, whose start is later then. */
static int produce_both(struct live *live, int proc, size_t number, struct error *err)
{
    const struct live_process *process = &processes_of(live)[number];
    char name[24];
    struct live_stat again;

    snprintf(name, sizeof name, "%llu", (unsigned long long)process->outer);
    cleanup_close int at = openat(proc, name, PROCESS_FLAGS);
    if (at < 0 || !read_stat(&again, live, at) || again.start != process->stat.start)
        return 0;
    int result = produce_process(live, at, number, err);
    return result < 0 ? result : produce_metric(live, at, process, err);
}

int live_processes(struct live *live, struct error *err)
{
    cleanup_close int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = proc < 0 ? error_system(err, errno, "/proc") : find_processes(live, err);

    for (size_t i = 0; i < count_of(live) && result == 0; i++)
        result = produce_both(live, proc, i, err);
    return result;
}
