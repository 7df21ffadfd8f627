/* process.c - /proc/PID/… (proc(5)) from process, metric, mounts and connection features. What could only be guessed
 * is not there.
 */
#include "import/veneer/process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TASKS_MAX 65536u /* of one process */
#define TASK_WORDS 4     /* that stand before the name of one */

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

struct fact process_own(const struct veneer *v, const struct process *p, unsigned field)
{
    return facts_get(&v->facts, FACT_PROCESS, p->row, field);
}

struct fact process_measured(const struct veneer *v, const struct process *p, unsigned field)
{
    return p->has_metric ? facts_get(&v->facts, FACT_METRIC, p->metric, field) : (struct fact){0};
}

struct finding {
    const char *name;
    struct fact found;
    char text[24];
};

static int find_member(void *arg, struct fact name, struct fact value)
{
    struct finding *finding = arg;

    if (!value.text || !fact_is(name, finding->name) || value.size > sizeof finding->text)
        return 0;
    memcpy(finding->text, value.text, value.size);
    finding->found = (struct fact){finding->text, value.size};
    return 1;
}

struct fact process_mounts(const struct veneer *v, const struct process *p, unsigned field)
{
    struct finding finding = {.name = "mnt"};

    fact_visit_members(process_own(v, p, PROCESS_NAMESPACES), find_member, &finding);
    return finding.found.text ? mounts_seen(v, finding.found, process_own(v, p, PROCESS_ROOT), field)
                              : (struct fact){0};
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

static const char *state_of(struct fact status)
{
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (fact_is(status, states[i].word))
            return states[i].state;
    return STATE_UNKNOWN;
}

static const char *state_of_letter(struct fact letter)
{
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (letter.size == 1 && letter.text[0] == states[i].state[0])
            return states[i].state;
    return STATE_UNKNOWN;
}

static bool read_ids(uint64_t ids[PROCESS_IDS], struct fact told)
{
    if (!fact_numbers(ids, PROCESS_IDS, told))
        return false;
    for (size_t i = 0; i < PROCESS_IDS; i++)
        if (ids[i] > UINT32_MAX)
            return false;
    return true;
}

/* All four, or those of the user's account. */
static void read_owner(struct process *p, const struct veneer *v)
{
    struct fact user = process_own(v, p, PROCESS_USER);
    struct account account = accounts_find(&v->accounts, user.text ? user : process_measured(v, p, METRIC_USER));

    if (!read_ids(p->uids, process_own(v, p, PROCESS_UIDS)))
        for (size_t i = 0; i < PROCESS_IDS; i++)
            p->uids[i] = account.uid;
    if (!read_ids(p->gids, process_own(v, p, PROCESS_GIDS)))
        for (size_t i = 0; i < PROCESS_IDS; i++)
            p->gids[i] = account.gid;
}

static struct fact name_of(struct fact name)
{
    if (!name.text)
        return (struct fact){"unknown", strlen("unknown")};
    return name.size > VENEER_COMM_MAX ? (struct fact){name.text, VENEER_COMM_MAX} : name;
}

static void read_process(struct process *p, const struct veneer *v, const struct numbered *numbered)
{
    size_t metrics;
    const struct numbered *metric = numbering_find(&metrics, &v->metrics, numbered->number);

    *p = (struct process){.pid = numbered->number, .tid = numbered->number, .row = numbered->row, .has_metric = metric};
    if (metric)
        p->metric = metric->row;
    if (!fact_number(&p->parent, process_own(v, p, PROCESS_PARENT)) || p->parent > VENEER_PID_MAX)
        p->parent = 0;
    if (!fact_number(&p->threads, process_own(v, p, PROCESS_THREADS)) || p->threads > VENEER_PID_MAX)
        p->threads = 0;
    p->has_created = fact_time(&p->created, process_own(v, p, PROCESS_CREATED));
    p->has_vms = fact_number(&p->vms, process_measured(v, p, METRIC_VMS));
    p->has_rss = fact_number(&p->rss, process_measured(v, p, METRIC_RSS));
    read_owner(p, v);
    p->name = name_of(process_own(v, p, PROCESS_NAME));
    p->state = state_of(process_measured(v, p, METRIC_STATUS));
    p->start = process_own(v, p, PROCESS_START);
    p->utime = process_measured(v, p, METRIC_UTIME);
    p->stime = process_measured(v, p, METRIC_STIME);
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
    return (uint32_t)p.uids[1];
}

/* --- Files -------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    process_text *add;
    uint32_t mode;
    unsigned needs, list; /* fields of which one has to be told, the second as a list; 0: none */
    unsigned mounts;      /* the same of the mounts that it sees */
    bool of_task;         /* task/TID has it, too */
} files[] = {
    {"stat", process_add_stat, 0444, 0, 0, 0, true},
    {"statm", process_add_statm, 0444, 0, 0, 0, true},
    {"status", process_add_status, 0444, 0, 0, 0, true},
    {"comm", process_add_comm, 0444, 0, 0, 0, true},
    {"cmdline", process_add_cmdline, 0444, PROCESS_COMMAND, PROCESS_ARGUMENTS, 0, true},
    {"cgroup", process_add_cgroup, 0444, 0, PROCESS_CGROUP, 0, false},
    {"environ", process_add_environ, 0400, 0, PROCESS_ENVIRONMENT, 0, false},
    {"limits", process_add_limits, 0444, 0, PROCESS_LIMITS, 0, false},
    {"loginuid", process_add_login, 0644, PROCESS_LOGIN, 0, 0, false},
    {"maps", process_add_maps, 0444, PROCESS_MAPS, PROCESS_MAP_LINES, 0, false},
    {"mountinfo", process_add_mountinfo, 0444, 0, 0, MOUNTS_MOUNTINFO, false},
    {"mounts", process_add_mounts, 0444, 0, 0, MOUNTS_MOUNTS, false},
};

int process_put(struct veneer *v, const struct process *p, const struct made *like, const char *name, struct error *err)
{
    char path[VENEER_PATH_MAX];
    struct made made = *like;

    snprintf(path, sizeof path, "%s%s", p->directory, name);
    made.path = path;
    made.uid = (uint32_t)p->uids[1];
    made.gid = (uint32_t)p->gids[1];
    made.mtime = p->has_created ? p->created : v->boot;
    made.unnoted = name[0] != '\0';
    return veneer_put(v, &made, err);
}

static bool is_told(const struct veneer *v, const struct process *p, size_t file)
{
    unsigned needs = files[file].needs, list = files[file].list;

    if (files[file].mounts)
        return fact_is_list(process_mounts(v, p, files[file].mounts));
    return (!needs && !list) || (needs && process_own(v, p, needs).text) ||
           (list && fact_is_list(process_own(v, p, list)));
}

static int render_files(struct veneer *v, const struct process *p, const char *below, bool of_task, struct error *err)
{
    char name[64];
    int rc = 0;

    for (size_t i = 0; i < sizeof files / sizeof *files && rc == 0; i++) {
        const struct made file = {.mode = S_IFREG | files[i].mode};

        if ((of_task && !files[i].of_task) || !is_told(v, p, i))
            continue;
        files[i].add(v, p);
        snprintf(name, sizeof name, "%s/%s", below, files[i].name);
        rc = process_put(v, p, &file, name, err);
    }
    return rc;
}

/* --- Threads ------------------------------------------------------------------------------------------------------ */

static const struct made directory = {.mode = S_IFDIR | 0555};

static int render_task(struct veneer *v, const struct process *p, struct error *err)
{
    char task[40];

    snprintf(task, sizeof task, "/task/%llu", (unsigned long long)p->tid);
    int rc = process_put(v, p, &directory, task, err);
    return rc < 0 ? rc : render_files(v, p, task, true, err);
}

struct threading {
    struct veneer *v;
    const struct process *p;
    struct error *err;
    uint32_t count;
};

/* "STATE STARTTIME UTIME STIME NAME"; what is not of this form tells of the number only. */
static void read_task(struct process *task, struct fact told)
{
    struct fact words[TASK_WORDS] = {{0}};
    size_t i = 0;

    for (; i < TASK_WORDS && told.text; i++) {
        const char *blank = memchr(told.text, ' ', told.size);
        if (!blank)
            break;
        words[i] = (struct fact){told.text, (size_t)(blank - told.text)};
        told = (struct fact){blank + 1, told.size - words[i].size - 1};
    }
    bool good = i == TASK_WORDS;
    task->name = name_of(good ? told : (struct fact){0});
    task->state = state_of_letter(good ? words[0] : (struct fact){0});
    task->start = good ? words[1] : (struct fact){0};
    task->utime = good ? words[2] : (struct fact){0};
    task->stime = good ? words[3] : (struct fact){0};
}

static int put_task(void *arg, struct fact number, struct fact told)
{
    struct threading *t = arg;
    struct process task = *t->p;

    if (!fact_number(&task.tid, number) || task.tid == 0 || task.tid > VENEER_PID_MAX || t->count >= TASKS_MAX) {
        t->v->tasks_left_out++;
        return 0;
    }
    if (task.tid == t->p->pid)
        return 0; /* as the process itself */
    t->count++;
    read_task(&task, told);
    return render_task(t->v, &task, t->err);
}

static int render_tasks(struct veneer *v, const struct process *p, struct error *err)
{
    struct threading threading = {v, p, err, 0};
    int rc = process_put(v, p, &directory, "/task", err);

    if (rc == 0)
        rc = render_task(v, p, err);
    return rc < 0 ? rc : fact_visit_members(process_measured(v, p, METRIC_TASKS), put_task, &threading);
}

/* --- All of them -------------------------------------------------------------------------------------------------- */

static int render_process(struct veneer *v, const struct numbered *numbered, struct error *err)
{
    struct process p;

    read_process(&p, v, numbered);
    int rc = process_put(v, &p, &directory, "", err);
    if (rc == 0)
        rc = render_files(v, &p, "", false, err);
    if (rc == 0)
        rc = render_tasks(v, &p, err);
    return rc < 0 ? rc : process_render_links(v, &p, err);
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
    const struct {
        uint64_t count;
        const char *record, *why;
    } left_out[] = {
        {v->processes.without, "process", "its pid is no number from 1 to 4194304"},
        {repeated, "process", "another record has its pid"},
        {v->fds_left_out, "process", "an open file that no link can name, or too many"},
        {v->tasks_left_out, "metric", "a thread whose number is none, or too many"},
    };
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out && rc == 0; i++)
        rc = veneer_left_out(v, left_out[i].record, left_out[i].why, left_out[i].count, err);
    return rc;
}
