/* process.h - what a running server costs, as the kernel counts it. */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

/* ns that all threads of a process have been on a processor, from /proc/PID/task/TID/schedstat. Right when it rests. */
uint64_t process_cpu_ns(pid_t pid);

/* KiB resident now: all, and without files that are mapped, which are the page cache's; and at most so far. */
uint64_t process_rss_kib(pid_t pid);
uint64_t process_anonymous_kib(pid_t pid);
uint64_t process_peak_kib(pid_t pid);

#endif
