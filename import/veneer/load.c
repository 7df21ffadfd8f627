/* load.c - /proc/uptime, loadavg, meminfo, stat, cpuinfo. What counts since the boot and is not told is 0. */
#include "import/veneer/render.h"

#define UPTIME_MAX 4294967295.0 /* s: what a time can be */

int render_time(struct veneer *v, struct error *err)
{
    if (!v->has_uptime || v->uptime > UPTIME_MAX)
        return 0;
    buffer_add_format(&v->text, "%.2f 0.00\n", v->uptime);
    return veneer_put_file(v, "/proc/uptime", err);
}

static uint64_t highest_pid(const struct veneer *v)
{
    uint64_t highest = 0, pid;

    for (uint32_t i = 0; i < facts_count(&v->facts, FACT_PROCESS); i++)
        if (fact_number(&pid, facts_get(&v->facts, FACT_PROCESS, i, PROCESS_PID)) && pid <= VENEER_PID_MAX &&
            pid > highest)
            highest = pid;
    return highest;
}

static uint32_t running(const struct veneer *v)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < facts_count(&v->facts, FACT_METRIC); i++)
        count += fact_is(facts_get(&v->facts, FACT_METRIC, i, METRIC_STATUS), "running");
    return count;
}

int render_load(struct veneer *v, struct error *err)
{
    double load[3];

    for (unsigned i = 0; i < 3; i++)
        if (!fact_real(&load[i], facts_one(&v->facts, FACT_LOAD, LOAD_SHORT + i)))
            return 0;
    buffer_add_format(&v->text, "%.2f %.2f %.2f %u/%u %llu\n", load[0], load[1], load[2], running(v),
                      facts_count(&v->facts, FACT_PROCESS), (unsigned long long)highest_pid(v));
    return veneer_put_file(v, "/proc/loadavg", err);
}

int render_memory(struct veneer *v, struct error *err)
{
    static const struct {
        const char *name;
        unsigned field;
    } lines[] = {{"MemFree:", MEMORY_FREE}, {"Buffers:", MEMORY_BUFFERED}, {"Cached:", MEMORY_CACHED}};
    uint64_t used, free, bytes;

    /* The crawler's used is all that is not free. */
    if (fact_number(&used, facts_one(&v->facts, FACT_MEMORY, MEMORY_USED)) &&
        fact_number(&free, facts_one(&v->facts, FACT_MEMORY, MEMORY_FREE)))
        buffer_add_format(&v->text, "%-15s %8llu kB\n", "MemTotal:", (unsigned long long)((used / 1024) + free / 1024));
    for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++)
        if (fact_number(&bytes, facts_one(&v->facts, FACT_MEMORY, lines[i].field)))
            buffer_add_format(&v->text, "%-15s %8llu kB\n", lines[i].name, (unsigned long long)(bytes / 1024));
    return v->text.size ? veneer_put_file(v, "/proc/meminfo", err) : 0;
}

/* --- Processors --------------------------------------------------------------------------------------------------- */

#define CPU_COLUMNS 10 /* of a line in /proc/stat */
#define CPUS_MAX 8192u /* NR_CPUS of distributions */

/* user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice; 0: no feature tells. */
static const unsigned columns[CPU_COLUMNS] = {CPU_USER,      CPU_NICE, CPU_SYSTEM, CPU_IDLE, CPU_WAIT,
                                              CPU_INTERRUPT, 0,        CPU_STEAL,  0,        0};

/* The key is "cpu-N". */
static bool number_of_cpu(uint64_t *number, struct fact key)
{
    return key.size > 4 && key.text[0] == 'c' && fact_number(number, (struct fact){key.text + 4, key.size - 4}) &&
           *number < CPUS_MAX;
}

/* A share of the time since the boot, for a counter since the boot. */
static uint64_t ticks_of(const struct veneer *v, uint32_t row, unsigned field)
{
    double percent;

    if (!field || !v->has_uptime || v->uptime > UPTIME_MAX ||
        !fact_real(&percent, facts_get(&v->facts, FACT_CPU, row, field)) || percent > 100)
        return 0;
    return (uint64_t)(percent / 100 * v->uptime * VENEER_TICKS);
}

static void add_cpu(struct buffer *out, const uint64_t ticks[CPU_COLUMNS])
{
    for (unsigned i = 0; i < CPU_COLUMNS; i++)
        buffer_add_format(out, " %llu", (unsigned long long)ticks[i]);
    buffer_add_byte(out, '\n');
}

/* One line a CPU, behind the sum of them, which is taken again. */
static void add_cpus(struct veneer *v)
{
    uint64_t sum[CPU_COLUMNS] = {0}, ticks[CPU_COLUMNS], number;
    struct buffer lines = {0};

    for (uint32_t row = 0; row < facts_count(&v->facts, FACT_CPU); row++) {
        if (!number_of_cpu(&number, facts_get(&v->facts, FACT_CPU, row, FACT_KEY)))
            continue;
        for (unsigned i = 0; i < CPU_COLUMNS; i++)
            sum[i] += ticks[i] = ticks_of(v, row, columns[i]);
        buffer_add_format(&lines, "cpu%llu", (unsigned long long)number);
        add_cpu(&lines, ticks);
    }
    buffer_add_text(&v->text, "cpu ");
    add_cpu(&v->text, sum);
    buffer_add(&v->text, lines.bytes, lines.size);
    v->text.failed |= lines.failed;
    buffer_free(&lines);
}

int render_cpus(struct veneer *v, struct error *err)
{
    uint64_t number;

    for (uint32_t row = 0; row < facts_count(&v->facts, FACT_CPU); row++)
        if (number_of_cpu(&number, facts_get(&v->facts, FACT_CPU, row, FACT_KEY)))
            buffer_add_format(&v->text, "processor\t: %llu\nmodel name\t: unknown\n\n", (unsigned long long)number);
    int rc = v->text.size ? veneer_put_file(v, "/proc/cpuinfo", err) : 0;
    if (rc < 0 || (!facts_count(&v->facts, FACT_CPU) && !v->has_boot))
        return rc;
    add_cpus(v);
    buffer_add_text(&v->text, "ctxt 0\n");
    if (v->has_boot)
        buffer_add_format(&v->text, "btime %llu\n", (unsigned long long)(v->boot / 1000000000u));
    buffer_add_format(&v->text, "processes %llu\nprocs_running %u\nprocs_blocked 0\n",
                      (unsigned long long)highest_pid(v), running(v));
    return veneer_put_file(v, "/proc/stat", err);
}
