/* live_process.c - the processes of a PID namespace: process and metric records, and who has which socket open. */
#include "import/live.h"

#include "base/cleanup.h"
#include "base/jsonl.h"

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
    process.depth = depth;
    process.pid = status.pids[depth - 1];
    process.group = status.groups[depth - 1];
    process.session = status.sessions[depth - 1];
    for (size_t i = 0; i < LIVE_ID_KINDS; i++) {
        process.uids[i] = live_id_inside(&live->uid_map, status.uids[i]);
        process.gids[i] = live_id_inside(&live->gid_map, status.gids[i]);
    }
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

/* A process's number inside; 0 where it is outside, as the kernel shows it. */
static uint64_t inside(const struct live *live, int64_t outer)
{
    const struct live_process key = {.outer = (uint64_t)outer};
    const struct live_process *found =
        bsearch(&key, live->processes.bytes, count_of(live), sizeof key, compare_processes);

    return found ? found->pid : 0;
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

/* What is behind each fd goes to live->list; a socket is kept with its owner, a regular file's path goes to live->path,
 * a NUL behind it. How many of these; *cut: there are more. */
static size_t read_fds(bool *cut, struct live *live, int at, size_t process)
{
    int fds = openat(at, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fds < 0 ? NULL : fdopendir(fds);
    const struct dirent *found;
    size_t files = 0, looked = 0;

    buffer_clear(&live->path);
    buffer_clear(&live->list);
    jsonl_begin(&live->list);
    *cut = false;
    while (listing && !*cut && (found = readdir(listing))) {
        size_t before = live->path.size;
        if (!live_is_pid(found->d_name) || live_read_link(&live->path, live, dirfd(listing), found->d_name) < 0)
            continue;
        const char *target = (const char *)live->path.bytes + before;
        jsonl_text(&live->list, found->d_name, target, live->path.size - before);
        if (*target == '/' && is_regular(dirfd(listing), found->d_name)) {
            buffer_add_byte(&live->path, '\0');
            files++;
        } else {
            add_socket(live, target, live->path.size - before, process);
            live->path.size = before;
        }
        *cut = ++looked >= LIVE_FDS_MAX || live->list.size >= LIVE_OPEN_FILES_MAX;
    }
    buffer_add_byte(&live->list, '}');
    if (listing)
        closedir(listing);
    else {
        buffer_clear(&live->list);
        if (fds >= 0)
            close(fds);
    }
    return files;
}

static void add_open_files(struct live *live, size_t files)
{
    cleanup_free const char **paths = calloc(files + 1, sizeof *paths);
    const char *path = (const char *)live->path.bytes;

    live->value.failed |= !paths || live->path.failed || live->list.failed;
    jsonl_list(&live->value, "openfiles");
    for (size_t i = 0; i < files && !live->value.failed; i++, path += strlen(path) + 1)
        paths[i] = path;
    if (files > 1 && !live->value.failed)
        qsort(paths, files, sizeof *paths, compare_paths);
    for (size_t i = 0; i < files && !live->value.failed; i++)
        jsonl_item(&live->value, paths[i], strlen(paths[i]));
    jsonl_list_end(&live->value);
    if (live->list.size)
        jsonl_raw(&live->value, "fds", live->list.bytes, live->list.size);
}

/* --- Records ------------------------------------------------------------------------------------------------------ */

/* Arguments end with NUL each; blanks stand between them in what crawlers tell. */
static int add_command(struct live *live, const struct live_process *process, struct error *err)
{
    buffer_clear(&live->text);
    int result = live_memory(&live->text, live, process->outer, LIVE_CMDLINE);
    size_t size = live->text.size;

    if (result >= 0)
        live_strings(live, "argv", &live->text);
    if (size > 0 && live->text.bytes[size - 1] == '\0')
        size--;
    for (size_t i = 0; i < size; i++)
        if (live->text.bytes[i] == '\0')
            live->text.bytes[i] = ' ';
    jsonl_text(&live->value, "cmd", live->text.bytes, size);
    return live_note_process(live, process, "cmdline", result, err);
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
    return (double)live->boot + (double)process->stat.fields[STAT_START] / (double)sysconf(_SC_CLK_TCK);
}

/* Its group, session and terminal. The group that has the terminal is known as long as its leader runs. */
static void add_terminal(struct live *live, const struct live_process *process)
{
    int64_t foreground = process->stat.fields[STAT_TPGID];

    jsonl_number(&live->value, "pgrp", process->group);
    jsonl_number(&live->value, "session", process->session);
    live_decimal(live, "tty_nr", (double)process->stat.fields[STAT_TTY], 0);
    live_decimal(live, "tpgid", foreground < 0 ? -1 : (double)inside(live, foreground), 0);
    jsonl_number(&live->value, "starttime", (uint64_t)process->stat.fields[STAT_START]);
}

/* What moves while it runs, as stat has it. */
static void add_counters(struct live *live, const struct live_process *process)
{
    static const struct {
        const char *name;
        enum live_stat_field field;
    } counters[] = {
        {"flags", STAT_FLAGS},     {"minflt", STAT_MINFLT}, {"cminflt", STAT_CMINFLT},   {"majflt", STAT_MAJFLT},
        {"cmajflt", STAT_CMAJFLT}, {"utime", STAT_UTIME},   {"stime", STAT_STIME},       {"cutime", STAT_CUTIME},
        {"cstime", STAT_CSTIME},   {"nice", STAT_NICE},     {"priority", STAT_PRIORITY},
    };

    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
        live_decimal(live, counters[i].name, (double)process->stat.fields[counters[i].field], 0);
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
    jsonl_number(&live->value, "ppid", inside(live, process->stat.fields[STAT_PPID]));
    jsonl_number(&live->value, "threads", (uint64_t)process->stat.fields[STAT_THREADS]);
    live_user(live, "user", process->uids[0]);
    add_terminal(live, process);
    if (result == 0)
        result = live_note_process(live, process, "fd", cut, err);
    if (result == 0)
        result = live_details(live, at, process, err);
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
        {'W', "waking"},       {'I', "idle"},     {'P', "parked"},     {'Z', "zombie"},
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
    double ticks = (double)(process->stat.fields[STAT_UTIME] + process->stat.fields[STAT_STIME]);

    return lived > 0 ? PERCENT * ticks / (double)sysconf(_SC_CLK_TCK) / lived : 0;
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

    if (!read_memory(&memory, live, at))
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
    live_user(live, "user", process->uids[0]);
    jsonl_number(&live->value, "vms", memory.vms);
    add_transfer(live, "write", "write_bytes:");
    add_counters(live, process);
    result = live_note_process(live, process, "io", result, err);
    if (result == 0)
        result = live_tasks(live, at, process, err);
    if (result < 0)
        return result;
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
    if (at < 0 || !read_stat(&again, live, at) || again.fields[STAT_START] != process->stat.fields[STAT_START])
        return 0;
    int result = produce_process(live, at, number, err);
    if (result == 0)
        result = produce_metric(live, at, process, err);
    return result == 0 ? live_mounts(live, at, err) : result;
}

int live_processes(struct live *live, struct error *err)
{
    cleanup_close int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = proc < 0 ? error_system(err, errno, "/proc") : find_processes(live, err);

    for (size_t i = 0; i < count_of(live) && result == 0; i++)
        result = produce_both(live, proc, i, err);
    return result;
}
