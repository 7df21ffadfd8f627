/* live_rates.c - what only two looks tell, a moment apart: how busy CPUs are, what goes through interfaces and disks.
 */
#include "import/live.h"

#include "base/jsonl.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MOMENT_MS 100 /* between the looks: as the crawler waited */
#define PERCENT 100.0

struct look {
    struct buffer cpus, interfaces, disks;
    struct timespec time;
};

static void look(struct look *look, const struct live *live)
{
    live_read(&look->cpus, AT_FDCWD, "/proc/stat", LIVE_PROC_MAX);
    live_read(&look->interfaces, live->process, "net/dev", LIVE_PROC_MAX);
    live_read(&look->disks, AT_FDCWD, "/proc/diskstats", LIVE_PROC_MAX);
    clock_gettime(CLOCK_MONOTONIC, &look->time);
}

static double seconds_between(const struct timespec *a, const struct timespec *b)
{
    return (double)(b->tv_sec - a->tv_sec) + (double)(b->tv_nsec - a->tv_nsec) / 1e9;
}

static double difference(uint64_t before, uint64_t after)
{
    return after > before ? (double)(after - before) : 0;
}

/* --- CPUs --------------------------------------------------------------------------------------------------------- */

static int produce_cpu(struct live *live, const struct live_cpu *before, const struct live_cpu *after,
                       struct error *err)
{
    static const char *const names[LIVE_CPU_TIMES] = {
        [CPU_USER] = "cpu_user", [CPU_NICE] = "cpu_nice",     [CPU_SYSTEM] = "cpu_system", [CPU_IDLE] = "cpu_idle",
        [CPU_WAIT] = "cpu_wait", [CPU_IRQ] = "cpu_interrupt", [CPU_STEAL] = "cpu_steal",
    };
    double total = 0, idle = 0;
    char key[32];

    for (size_t i = 0; i < LIVE_CPU_TIMES; i++)
        total += difference(before->times[i], after->times[i]);
    live_begin(live);
    for (size_t i = 0; i < LIVE_CPU_TIMES; i++) {
        double percent = total > 0 ? PERCENT * difference(before->times[i], after->times[i]) / total : 0;
        if (i == CPU_IDLE)
            idle = total > 0 ? percent : PERCENT;
        if (names[i])
            live_decimal(live, names[i], i == CPU_IDLE ? idle : percent, 1);
    }
    live_decimal(live, "cpu_util", PERCENT - idle, 1);
    int size = snprintf(key, sizeof key, "cpu-%llu", (unsigned long long)after->number);
    return live_record(live, "cpu", key, (size_t)size, err);
}

static bool find_cpu(struct live_cpu *cpu, uint64_t number, const struct buffer *text)
{
    struct live_span line;

    for (size_t at = 0; live_next_line(&line, &at, (const char *)text->bytes, text->size);)
        if (live_parse_cpu(cpu, line.text, line.size) && cpu->number == number)
            return true;
    return false;
}

static int produce_cpus(struct live *live, const struct look looks[2], struct error *err)
{
    const struct buffer *text = &looks[1].cpus;
    struct live_cpu before, after;
    struct live_span line;
    int result = 0;

    for (size_t at = 0; live_next_line(&line, &at, (const char *)text->bytes, text->size) && result == 0;)
        if (live_parse_cpu(&after, line.text, line.size) && find_cpu(&before, after.number, &looks[0].cpus))
            result = produce_cpu(live, &before, &after, err);
    return result;
}

/* --- Interfaces --------------------------------------------------------------------------------------------------- */

static int produce_interface(struct live *live, const struct live_interface *before, const struct live_interface *after,
                             double seconds, struct error *err)
{
    static const struct {
        const char *name;
        enum live_counter counter;
    } members[] = {
        {"if_octets_tx", TX_BYTES},    {"if_octets_rx", RX_BYTES},  {"if_packets_tx", TX_PACKETS},
        {"if_packets_rx", RX_PACKETS}, {"if_errors_tx", TX_ERRORS}, {"if_errors_rx", RX_ERRORS},
    };

    live_begin(live);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        enum live_counter counter = members[i].counter;
        live_decimal(live, members[i].name, difference(before->counters[counter], after->counters[counter]) / seconds,
                     1);
    }
    buffer_clear(&live->path);
    buffer_add_text(&live->path, "interface-");
    buffer_add(&live->path, after->name.text, after->name.size);
    return live_record(live, "interface", (const char *)live->path.bytes, live->path.size, err);
}

static bool find_interface(struct live_interface *interface, const struct live_span *name, const struct buffer *text)
{
    struct live_span line;

    for (size_t at = 0; live_next_line(&line, &at, (const char *)text->bytes, text->size);)
        if (live_parse_interface(interface, line.text, line.size) && interface->name.size == name->size &&
            memcmp(interface->name.text, name->text, name->size) == 0)
            return true;
    return false;
}

static int produce_interfaces(struct live *live, const struct look looks[2], struct error *err)
{
    const struct buffer *text = &looks[1].interfaces;
    double seconds = seconds_between(&looks[0].time, &looks[1].time);
    struct live_interface before, after;
    struct live_span line;
    int result = 0;

    for (size_t at = 0; live_next_line(&line, &at, (const char *)text->bytes, text->size) && result == 0;)
        if (live_parse_interface(&after, line.text, line.size) &&
            find_interface(&before, &after.name, &looks[0].interfaces))
            result = produce_interface(live, &before, &after, seconds, err);
    return result;
}

/* --- Disks -------------------------------------------------------------------------------------------------------- */

#define SECTOR 512 /* bytes: what diskstats counts in, whatever the device has */

static int produce_disk(struct live *live, const struct live_disk *before, const struct live_disk *after,
                        double seconds, struct error *err)
{
    static const struct {
        const char *name;
        enum live_disk_counter counter;
        double unit;
    } members[] = {
        {"readoprate", DISK_READS, 1},
        {"writeoprate", DISK_WRITES, 1},
        {"readbytesrate", DISK_SECTORS_READ, SECTOR},
        {"writebytesrate", DISK_SECTORS_WRITTEN, SECTOR},
    };

    live_begin(live);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        enum live_disk_counter counter = members[i].counter;
        double rate = difference(before->counters[counter], after->counters[counter]) * members[i].unit / seconds;
        live_decimal(live, members[i].name, rate, 1);
    }
    buffer_clear(&live->path);
    buffer_add_text(&live->path, "diskio-");
    buffer_add(&live->path, after->name.text, after->name.size);
    return live_record(live, "diskio", (const char *)live->path.bytes, live->path.size, err);
}

static bool find_disk(struct live_disk *disk, const struct live_span *name, const struct buffer *text)
{
    struct live_span line;

    for (size_t at = 0; live_next_line(&line, &at, (const char *)text->bytes, text->size);)
        if (live_parse_disk(disk, line.text, line.size) && disk->name.size == name->size &&
            memcmp(disk->name.text, name->text, name->size) == 0)
            return true;
    return false;
}

static int produce_disks(struct live *live, const struct look looks[2], struct error *err)
{
    const struct buffer *text = &looks[1].disks;
    double seconds = seconds_between(&looks[0].time, &looks[1].time);
    struct live_disk before, after;
    struct live_span line;
    int result = 0;

    for (size_t at = 0; live_next_line(&line, &at, (const char *)text->bytes, text->size) && result == 0;)
        if (live_parse_disk(&after, line.text, line.size) && find_disk(&before, &after.name, &looks[0].disks))
            result = produce_disk(live, &before, &after, seconds, err);
    return result;
}

int live_rates(struct live *live, struct error *err)
{
    const struct timespec moment = {.tv_nsec = MOMENT_MS * 1000000};
    struct look looks[2] = {0};

    look(&looks[0], live);
    nanosleep(&moment, NULL);
    look(&looks[1], live);
    int result = produce_cpus(live, looks, err);
    if (result == 0)
        result = produce_interfaces(live, looks, err);
    if (result == 0)
        result = produce_disks(live, looks, err);
    for (size_t i = 0; i < 2; i++) {
        buffer_free(&looks[i].cpus);
        buffer_free(&looks[i].interfaces);
        buffer_free(&looks[i].disks);
    }
    return result;
}
