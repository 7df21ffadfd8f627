/* process.c - /proc/PID/… (proc(5)) from process, metric and connection features. What is not told is 0, or "unknown"
 * where that is a word; what could only be guessed (environ, exe, root, limits, cgroup) is not there.
 */
#include "import/veneer/render.h"

#include "base/timestamp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FIRST_FD 3u         /* features tell of no numbers, and whoever reads 0 to 2 expects a terminal */
#define FDS_MAX 65536u      /* of one process */
#define CPU_PERCENT_MAX 1e6 /* of 10,000 CPUs */
#define PRIORITY 20         /* of what runs with nice 0 */
#define MAPS_ESCAPED "\n"   /* as seq_path() does in maps */

/* A process while it is rendered. */
struct process {
    uint64_t pid, parent, threads, created, vms, rss;
    bool has_created, has_vms, has_rss;
    uint32_t row;
    uint32_t metric; /* row */
    bool has_metric;
    struct account account;
    struct fact name;
    const char *state; /* "S (sleeping)" */
    char directory[32];
};

/* psutil's words for the kernel's task_state_array. */
static const struct {
    const char *word, *state;
} states[] = {
    {"running", "R (running)"},
    {"sleeping", "S (sleeping)"},
    {"disk-sleep", "D (disk sleep)"},
    {"stopped", "T (stopped)"},
    {"tracing-stop", "t (tracing stop)"},
    {"zombie", "Z (zombie)"},
    {"dead", "X (dead)"},
    {"idle", "I (idle)"},
    {"parked", "P (parked)"},
};

#define STATE_UNKNOWN "? (unknown)"

static struct fact own(const struct veneer *v, const struct process *p, unsigned field)
{
    return facts_get(&v->facts, FACT_PROCESS, p->row, field);
}

static struct fact measured(const struct veneer *v, const struct process *p, unsigned field)
{
    return p->has_metric ? facts_get(&v->facts, FACT_METRIC, p->metric, field) : (struct fact){0};
}

static const char *state_of(struct fact status)
{
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (fact_is(status, states[i].word))
            return states[i].state;
    return STATE_UNKNOWN;
}

static void read_process(struct process *p, const struct veneer *v, const struct numbered *numbered)
{
    size_t metrics;
    const struct numbered *metric = numbering_find(&metrics, &v->metrics, numbered->number);

    *p = (struct process){.pid = numbered->number, .row = numbered->row, .has_metric = metric};
    if (metric)
        p->metric = metric->row;
    if (!fact_number(&p->parent, own(v, p, PROCESS_PARENT)) || p->parent > VENEER_PID_MAX)
        p->parent = 0;
    if (!fact_number(&p->threads, own(v, p, PROCESS_THREADS)) || p->threads > VENEER_PID_MAX)
        p->threads = 0;
    p->has_created = fact_time(&p->created, own(v, p, PROCESS_CREATED));
    p->has_vms = fact_number(&p->vms, measured(v, p, METRIC_VMS));
    p->has_rss = fact_number(&p->rss, measured(v, p, METRIC_RSS));
    struct fact user = own(v, p, PROCESS_USER);
    p->account = accounts_find(&v->accounts, user.text ? user : measured(v, p, METRIC_USER));
    p->name = own(v, p, PROCESS_NAME);
    if (!p->name.text)
        p->name = (struct fact){"unknown", strlen("unknown")};
    if (p->name.size > VENEER_COMM_MAX)
        p->name.size = VENEER_COMM_MAX;
    p->state = state_of(measured(v, p, METRIC_STATUS));
    snprintf(p->directory, sizeof p->directory, "/proc/%llu", (unsigned long long)p->pid);
}

uint32_t process_uid(const struct veneer *v, uint64_t pid)
{
    size_t count;
    const struct numbered *numbered = numbering_find(&count, &v->processes, pid);
    struct process p;

    if (!numbered)
        return ACCOUNT_UNKNOWN;
    read_process(&p, v, numbered);
    return p.account.uid;
}

/* --- Texts -------------------------------------------------------------------------------------------------------- */

static uint64_t ticks_between(uint64_t from, uint64_t to)
{
    return to > from ? (to - from) / (NANOSECONDS / VENEER_TICKS) : 0;
}

/* What ps shows as %CPU is this over the time since the start. */
static uint64_t cpu_ticks(const struct veneer *v, const struct process *p)
{
    double percent;

    if (!p->has_created || !fact_real(&percent, measured(v, p, METRIC_CPU)) || percent > CPU_PERCENT_MAX)
        return 0;
    return (uint64_t)(percent / 100 * (double)ticks_between(p->created, v->frame->time));
}

/* All 52 fields of proc_pid_stat(5). */
static void add_stat(struct veneer *v, const struct process *p)
{
    uint64_t start = v->has_boot && p->has_created ? ticks_between(v->boot, p->created) : 0;

    buffer_add_format(&v->text, "%llu (", (unsigned long long)p->pid);
    buffer_add(&v->text, p->name.text, p->name.size);
    buffer_add_format(&v->text,
                      ") %c %llu 0 0 0 -1 0 0 0 0 0 %llu 0 0 0 %d 0 %llu 0 %llu %llu %llu"
                      " 18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
                      p->state[0], (unsigned long long)p->parent, (unsigned long long)cpu_ticks(v, p), PRIORITY,
                      (unsigned long long)p->threads, (unsigned long long)start, (unsigned long long)p->vms,
                      (unsigned long long)(p->rss / VENEER_PAGE));
}

static void add_statm(struct veneer *v, const struct process *p)
{
    buffer_add_format(&v->text, "%llu %llu 0 0 0 0 0\n", (unsigned long long)(p->vms / VENEER_PAGE),
                      (unsigned long long)(p->rss / VENEER_PAGE));
}

/* The kernel escapes a name here, but not in stat. */
static void add_name(struct buffer *out, struct fact name)
{
    for (size_t i = 0; i < name.size; i++) {
        if (name.text[i] == '\n' || name.text[i] == '\\')
            buffer_add_text(out, name.text[i] == '\n' ? "\\n" : "\\\\");
        else
            buffer_add_byte(out, (uint8_t)name.text[i]);
    }
}

static void add_status(struct veneer *v, const struct process *p)
{
    const struct account *a = &p->account;

    buffer_add_text(&v->text, "Name:\t");
    add_name(&v->text, p->name);
    buffer_add_format(&v->text,
                      "\nState:\t%s\nTgid:\t%llu\nNgid:\t0\nPid:\t%llu\nPPid:\t%llu\nTracerPid:\t0\n"
                      "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n",
                      p->state, (unsigned long long)p->pid, (unsigned long long)p->pid, (unsigned long long)p->parent,
                      a->uid, a->uid, a->uid, a->uid, a->gid, a->gid, a->gid, a->gid);
    if (p->has_vms)
        buffer_add_format(&v->text, "VmSize:\t%8llu kB\n", (unsigned long long)(p->vms / 1024));
    if (p->has_rss)
        buffer_add_format(&v->text, "VmRSS:\t%8llu kB\n", (unsigned long long)(p->rss / 1024));
    if (p->threads)
        buffer_add_format(&v->text, "Threads:\t%llu\n", (unsigned long long)p->threads);
}

static void add_comm(struct veneer *v, const struct process *p)
{
    buffer_add(&v->text, p->name.text, p->name.size);
    buffer_add_byte(&v->text, '\n');
}

/* The crawler joins arguments by spaces, and nothing tells which of them are its own: so it is one argument. */
static void add_cmdline(struct veneer *v, const struct process *p)
{
    struct fact command = own(v, p, PROCESS_COMMAND);

    buffer_add(&v->text, command.text, command.size);
    if (command.size)
        buffer_add_byte(&v->text, '\0');
}

static int add_map(void *arg, const char *text, size_t size)
{
    struct veneer *v = arg;

    buffer_add_format(&v->text, "%-72s ", "00000000-00000000 ---p 00000000 00:00 0");
    veneer_add_escaped(&v->text, text, size, MAPS_ESCAPED);
    buffer_add_byte(&v->text, '\n');
    return 0;
}

static void add_maps(struct veneer *v, const struct process *p)
{
    fact_visit_list(own(v, p, PROCESS_MAPS), add_map, v);
}

/* --- Files -------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*add)(struct veneer *v, const struct process *p);
    unsigned needs; /* field that has to be told; 0: none */
    bool of_task;   /* task/PID has it, too */
} files[] = {
    {"stat", add_stat, 0, true},
    {"statm", add_statm, 0, true},
    {"status", add_status, 0, true},
    {"comm", add_comm, 0, true},
    {"cmdline", add_cmdline, PROCESS_COMMAND, true},
    {"maps", add_maps, PROCESS_MAPS, false},
};

static int put(struct veneer *v, const struct process *p, const struct made *like, const char *name, struct error *err)
{
    char path[VENEER_PATH_MAX];
    struct made made = *like;

    snprintf(path, sizeof path, "%s%s", p->directory, name);
    made.path = path;
    made.uid = p->account.uid;
    made.gid = p->account.gid;
    made.mtime = p->has_created ? p->created : v->boot;
    made.unnoted = name[0] != '\0';
    return veneer_put(v, &made, err);
}

static int put_link(struct veneer *v, const struct process *p, const char *name, struct fact target, struct error *err)
{
    const struct made link = {.mode = S_IFLNK | 0777, .target = target.text, .target_size = target.size};

    return put(v, p, &link, name, err);
}

static bool is_target(const char *text, size_t size)
{
    return size > 0 && size <= ENTRY_TARGET_MAX && !memchr(text, '\0', size);
}

/* What is open while its links are put. */
struct opening {
    struct veneer *v;
    const struct process *p;
    struct error *err;
    uint32_t next;
};

static int put_fd(void *arg, const char *text, size_t size)
{
    struct opening *o = arg;
    char name[32];

    if (!is_target(text, size) || o->next >= FDS_MAX) {
        o->v->fds_left_out++;
        return 0;
    }
    snprintf(name, sizeof name, "/fd/%u", o->next++);
    return put_link(o->v, o->p, name, (struct fact){text, size}, o->err);
}

static int put_sockets(struct opening *o)
{
    size_t count;
    const struct numbered *list = numbering_find(&count, &o->v->connections, o->p->pid);
    int rc = 0;

    for (size_t i = 0; i < count && rc == 0; i++) {
        struct socket socket;
        char target[32];

        if (!socket_of(&socket, o->v, list[i].row))
            continue;
        int size = snprintf(target, sizeof target, "socket:[%llu]", (unsigned long long)socket.inode);
        rc = put_fd(o, target, (size_t)size);
    }
    return rc;
}

static int render_fds(struct veneer *v, const struct process *p, struct error *err)
{
    static const struct made directory = {.mode = S_IFDIR | 0500};
    struct opening opening = {v, p, err, FIRST_FD};
    int rc = put(v, p, &directory, "/fd", err);

    if (rc == 0)
        rc = fact_visit_list(own(v, p, PROCESS_FILES), put_fd, &opening);
    return rc < 0 ? rc : put_sockets(&opening);
}

static int render_files(struct veneer *v, const struct process *p, const char *below, bool of_task, struct error *err)
{
    static const struct made file = {.mode = S_IFREG | 0444};
    char name[64];
    int rc = 0;

    for (size_t i = 0; i < sizeof files / sizeof *files && rc == 0; i++) {
        if ((of_task && !files[i].of_task) || (files[i].needs && !own(v, p, files[i].needs).text))
            continue;
        files[i].add(v, p);
        snprintf(name, sizeof name, "%s/%s", below, files[i].name);
        rc = put(v, p, &file, name, err);
    }
    return rc;
}

static int render_process(struct veneer *v, const struct numbered *numbered, struct error *err)
{
    static const struct made directory = {.mode = S_IFDIR | 0555};
    struct process p;
    char task[40];

    read_process(&p, v, numbered);
    snprintf(task, sizeof task, "/task/%llu", (unsigned long long)p.pid);
    int rc = put(v, &p, &directory, "", err);
    if (rc == 0)
        rc = render_files(v, &p, "", false, err);
    if (rc == 0)
        rc = put(v, &p, &directory, "/task", err);
    if (rc == 0)
        rc = put(v, &p, &directory, task, err);
    if (rc == 0)
        rc = render_files(v, &p, task, true, err);
    struct fact cwd = own(v, &p, PROCESS_DIRECTORY);
    if (rc == 0 && cwd.text && is_target(cwd.text, cwd.size))
        rc = put_link(v, &p, "/cwd", cwd, err);
    return rc < 0 ? rc : render_fds(v, &p, err);
}

int render_processes(struct veneer *v, struct error *err)
{
    size_t count;
    const struct numbered *list = numbering_all(&count, &v->processes);
    uint64_t repeated = 0;
    int rc = 0;

    for (size_t i = 0; i < count && rc == 0; i++) {
        if (i > 0 && list[i].number == list[i - 1].number)
            repeated++;
        else
            rc = render_process(v, &list[i], err);
    }
    if (rc == 0)
        rc = veneer_left_out(v, "process", "its pid is no number from 1 to 4194304", v->processes.without, err);
    if (rc == 0)
        rc = veneer_left_out(v, "process", "another record has its pid", repeated, err);
    return rc < 0
               ? rc
               : veneer_left_out(v, "process", "an open file that no link can name, or too many", v->fds_left_out, err);
}
