/* process.c - reading /proc. */
#include "bench/process.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t thread_cpu_ns(pid_t pid, const char *thread)
{
    char path[320];
    uint64_t ns = 0;

    snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)pid, thread);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0; /* it ended meanwhile */
    if (fscanf(file, "%" SCNu64, &ns) != 1)
        ns = 0;
    fclose(file);
    return ns;
}

uint64_t process_cpu_ns(pid_t pid)
{
    char path[64];
    uint64_t sum = 0;

    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *threads = opendir(path);
    if (!threads)
        return 0;
    for (const struct dirent *entry; (entry = readdir(threads));)
        if (entry->d_name[0] != '.')
            sum += thread_cpu_ns(pid, entry->d_name);
    closedir(threads);
    return sum;
}

static uint64_t status_of(pid_t pid, const char *name)
{
    char path[64], line[256];
    uint64_t value = 0;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            value = strtoull(line + strlen(name), NULL, 10);
    if (file)
        fclose(file);
    return value;
}

uint64_t process_rss_kib(pid_t pid)
{
    return status_of(pid, "VmRSS:");
}

uint64_t process_anonymous_kib(pid_t pid)
{
    return status_of(pid, "RssAnon:");
}

uint64_t process_peak_kib(pid_t pid)
{
    return status_of(pid, "VmHWM:");
}
