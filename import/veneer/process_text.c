/* process_text.c - the files of /proc/PID (proc(5)). What is not told is 0, or "unknown" where that is a word. */
#include "import/veneer/process.h"

#include "base/timestamp.h"

#include <stdio.h>
#include <string.h>

#define CPU_PERCENT_MAX 1e6 /* of 10,000 CPUs */
#define PRIORITY "20"       /* of what runs with nice 0 */
#define MAPS_ESCAPED "\n"   /* as seq_path() does in maps */
#define INTEGER_MAX 20      /* bytes of a number's text */

static struct fact fact(const char *text)
{
    return (struct fact){text, strlen(text)};
}

/* A whole number, maybe negative; else what stands for unknown. */
static void add_number(struct buffer *out, struct fact told, bool negative, const char *unknown)
{
    size_t sign = negative && told.size > 1 && told.text[0] == '-';
    bool good = told.size > sign && told.size <= INTEGER_MAX;

    for (size_t i = sign; i < told.size && good; i++)
        good = told.text[i] >= '0' && told.text[i] <= '9';
    if (!good)
        told = fact(unknown);
    buffer_add_byte(out, ' ');
    buffer_add(out, told.text, told.size);
}

static void add_count(struct buffer *out, struct fact told)
{
    add_number(out, told, false, "0");
}

static void add_signed(struct buffer *out, struct fact told, const char *unknown)
{
    add_number(out, told, true, unknown);
}

/* --- stat --------------------------------------------------------------------------------------------------------- */

static uint64_t ticks_between(uint64_t from, uint64_t to)
{
    return to > from ? (to - from) / (NANOSECONDS / VENEER_TICKS) : 0;
}

/* What ps shows as %CPU is this over the time since the start. */
static uint64_t cpu_ticks(const struct veneer *v, const struct process *p)
{
    double percent;

    if (p->tid != p->pid || !p->has_created || !fact_real(&percent, process_measured(v, p, METRIC_CPU)) ||
        percent > CPU_PERCENT_MAX)
        return 0;
    return (uint64_t)(percent / 100 * (double)ticks_between(p->created, v->frame->time));
}

/* Ticks that are told, or what was worked out. */
static void add_ticks(struct veneer *v, struct fact told, uint64_t otherwise)
{
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)otherwise);
    add_number(&v->text, told, false, text);
}

/* The group to the faults: what a thread has of its process. */
static void add_groups(struct veneer *v, const struct process *p)
{
    static const unsigned measured[] = {METRIC_FLAGS, METRIC_MINFLT, METRIC_CMINFLT, METRIC_MAJFLT, METRIC_CMAJFLT};

    add_count(&v->text, process_own(v, p, PROCESS_GROUP));
    add_count(&v->text, process_own(v, p, PROCESS_SESSION));
    add_signed(&v->text, process_own(v, p, PROCESS_TTY), "0");
    add_signed(&v->text, process_own(v, p, PROCESS_FOREGROUND), "-1");
    for (size_t i = 0; i < sizeof measured / sizeof *measured; i++)
        add_count(&v->text, process_measured(v, p, measured[i]));
}

/* All 52 fields of proc_pid_stat(5). */
void process_add_stat(struct veneer *v, const struct process *p)
{
    uint64_t start = v->has_boot && p->has_created ? ticks_between(v->boot, p->created) : 0;

    buffer_add_format(&v->text, "%llu (", (unsigned long long)p->tid);
    buffer_add(&v->text, p->name.text, p->name.size);
    buffer_add_format(&v->text, ") %c %llu", p->state[0], (unsigned long long)p->parent);
    add_groups(v, p);
    add_ticks(v, p->utime, cpu_ticks(v, p));
    add_count(&v->text, p->stime);
    add_signed(&v->text, process_measured(v, p, METRIC_CUTIME), "0");
    add_signed(&v->text, process_measured(v, p, METRIC_CSTIME), "0");
    add_signed(&v->text, process_measured(v, p, METRIC_PRIORITY), PRIORITY);
    add_signed(&v->text, process_measured(v, p, METRIC_NICE), "0");
    buffer_add_format(&v->text, " %llu 0", (unsigned long long)p->threads);
    add_ticks(v, p->start, start);
    buffer_add_format(&v->text,
                      " %llu %llu 18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
                      (unsigned long long)p->vms, (unsigned long long)(p->rss / VENEER_PAGE));
}

void process_add_statm(struct veneer *v, const struct process *p)
{
    buffer_add_format(&v->text, "%llu %llu 0 0 0 0 0\n", (unsigned long long)(p->vms / VENEER_PAGE),
                      (unsigned long long)(p->rss / VENEER_PAGE));
}

/* --- status, comm ------------------------------------------------------------------------------------------------- */

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

static void add_ids(struct buffer *out, const char *name, const uint64_t ids[PROCESS_IDS])
{
    buffer_add_text(out, name);
    for (size_t i = 0; i < PROCESS_IDS; i++)
        buffer_add_format(out, "\t%u", (unsigned)ids[i]);
    buffer_add_byte(out, '\n');
}

void process_add_status(struct veneer *v, const struct process *p)
{
    buffer_add_text(&v->text, "Name:\t");
    add_name(&v->text, p->name);
    buffer_add_format(&v->text, "\nState:\t%s\nTgid:\t%llu\nNgid:\t0\nPid:\t%llu\nPPid:\t%llu\nTracerPid:\t0\n",
                      p->state, (unsigned long long)p->pid, (unsigned long long)p->tid, (unsigned long long)p->parent);
    add_ids(&v->text, "Uid:", p->uids);
    add_ids(&v->text, "Gid:", p->gids);
    if (p->has_vms)
        buffer_add_format(&v->text, "VmSize:\t%8llu kB\n", (unsigned long long)(p->vms / 1024));
    if (p->has_rss)
        buffer_add_format(&v->text, "VmRSS:\t%8llu kB\n", (unsigned long long)(p->rss / 1024));
    if (p->threads)
        buffer_add_format(&v->text, "Threads:\t%llu\n", (unsigned long long)p->threads);
}

void process_add_comm(struct veneer *v, const struct process *p)
{
    buffer_add(&v->text, p->name.text, p->name.size);
    buffer_add_byte(&v->text, '\n');
}

/* --- Memory ------------------------------------------------------------------------------------------------------- */

/* Crawlers join arguments by spaces, and nothing tells which of them are its own: so that is one argument. */
void process_add_cmdline(struct veneer *v, const struct process *p)
{
    struct fact arguments = process_own(v, p, PROCESS_ARGUMENTS), command = process_own(v, p, PROCESS_COMMAND);

    if (fact_is_list(arguments)) {
        veneer_add_strings(v, arguments);
        return;
    }
    buffer_add(&v->text, command.text, command.size);
    if (command.size)
        buffer_add_byte(&v->text, '\0');
}

void process_add_environ(struct veneer *v, const struct process *p)
{
    veneer_add_strings(v, process_own(v, p, PROCESS_ENVIRONMENT));
}

static int add_map(void *arg, const char *text, size_t size)
{
    struct veneer *v = arg;

    buffer_add_format(&v->text, "%-72s ", "00000000-00000000 ---p 00000000 00:00 0");
    veneer_add_escaped(&v->text, text, size, MAPS_ESCAPED);
    buffer_add_byte(&v->text, '\n');
    return 0;
}

void process_add_maps(struct veneer *v, const struct process *p)
{
    struct fact lines = process_own(v, p, PROCESS_MAP_LINES);

    if (fact_is_list(lines))
        veneer_add_lines(v, lines);
    else
        fact_visit_list(process_own(v, p, PROCESS_MAPS), add_map, v);
}

/* --- What the kernel told ----------------------------------------------------------------------------------------- */

void process_add_limits(struct veneer *v, const struct process *p)
{
    veneer_add_lines(v, process_own(v, p, PROCESS_LIMITS));
}

void process_add_cgroup(struct veneer *v, const struct process *p)
{
    veneer_add_lines(v, process_own(v, p, PROCESS_CGROUP));
}

/* The kernel ends no line here; what is no id is nobody. */
void process_add_login(struct veneer *v, const struct process *p)
{
    uint64_t id;

    if (!fact_number(&id, process_own(v, p, PROCESS_LOGIN)) || id > UINT32_MAX)
        id = UINT32_MAX;
    buffer_add_format(&v->text, "%llu", (unsigned long long)id);
}

void process_add_mounts(struct veneer *v, const struct process *p)
{
    veneer_add_lines(v, process_mounts(v, p, MOUNTS_MOUNTS));
}

void process_add_mountinfo(struct veneer *v, const struct process *p)
{
    veneer_add_lines(v, process_mounts(v, p, MOUNTS_MOUNTINFO));
}
