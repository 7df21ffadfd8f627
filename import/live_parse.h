/* live_parse.h - the texts of /proc, line by line, as proc(5) has them: what a container may have put into them is
 * bytes, and what is malformed is no answer. Nothing here reads a file.
 */
#ifndef IMPORT_LIVE_PARSE_H
#define IMPORT_LIVE_PARSE_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIVE_COMM_MAX 64  /* bytes: a kernel worker's name with what it works on */
#define LIVE_DEPTH_MAX 33 /* PID namespaces inside one another: the kernel allows 32 below the first */
#define LIVE_ID_KINDS 4

/* A part of a text; not NUL-terminated. */
struct live_span {
    const char *text;
    size_t size;
};

/* /proc/PID/stat: the numbers behind the state, in the order and the units of proc_pid_stat(5). */
enum live_stat_field {
    STAT_PPID,
    STAT_PGRP,
    STAT_SESSION,
    STAT_TTY,
    STAT_TPGID,
    STAT_FLAGS,
    STAT_MINFLT,
    STAT_CMINFLT,
    STAT_MAJFLT,
    STAT_CMAJFLT,
    STAT_UTIME,
    STAT_STIME,
    STAT_CUTIME,
    STAT_CSTIME,
    STAT_PRIORITY,
    STAT_NICE,
    STAT_THREADS,
    STAT_ITREALVALUE,
    STAT_START,
    LIVE_STAT_FIELDS
};

struct live_stat {
    char comm[LIVE_COMM_MAX];
    size_t comm_size;
    char state;
    int64_t fields[LIVE_STAT_FIELDS];
};

/* The name stands between the first "(" and the last ")": it may hold both. */
bool live_parse_stat(struct live_stat *stat, const char *text, size_t size);

/* /proc/PID/status */
struct live_status {
    uint64_t uids[LIVE_ID_KINDS]; /* as the reader's user namespace has them: real, effective, saved, file system */
    uint64_t gids[LIVE_ID_KINDS];
    uint64_t pids[LIVE_DEPTH_MAX];
    uint64_t groups[LIVE_DEPTH_MAX], sessions[LIVE_DEPTH_MAX]; /* 0: it is of another namespace, or not told */
    size_t depth;                                              /* how many: one a PID namespace, the reader's first */
};

bool live_parse_status(struct live_status *status, const char *text, size_t size);

/* A line of /proc/PID/net/{tcp,tcp6,udp,udp6}; false: its heading, or no such line. */
struct live_socket {
    int family;        /* AF_INET, AF_INET6 */
    uint8_t local[16]; /* network order; 4 bytes of it are an IPv4 address */
    uint8_t remote[16];
    unsigned local_port, remote_port;
    unsigned state; /* TCP_… of the kernel */
    uint64_t uid;   /* as the reader's user namespace has it */
    uint64_t inode; /* 0: it has no owner any more */
};

bool live_parse_socket(struct live_socket *socket, const char *line, size_t size);

/* A line of /proc/PID/mountinfo. The spans lie in the line, still escaped. */
struct live_mount {
    uint64_t id;
    struct live_span point, options, type, source, super_options;
};

bool live_parse_mount(struct live_mount *mount, const char *line, size_t size);

/* A line of /proc/PID/maps: what stands before the path, blanks included, and the path, which may be empty. */
struct live_map {
    struct live_span head, path;
};

bool live_parse_map(struct live_map *map, const char *line, size_t size);

/* Append a field in which blanks, line ends and backslashes stand as \ooo. */
void live_unescape(struct buffer *out, const struct live_span *field);

/* Append the options of a mount as /proc/mounts has them. */
void live_mount_options(struct buffer *out, const struct live_mount *mount);

/* A line of /proc/PID/net/dev; false: its headings. */
enum live_counter { RX_BYTES, RX_PACKETS, RX_ERRORS, TX_BYTES = 8, TX_PACKETS, TX_ERRORS, LIVE_COUNTERS = 16 };

struct live_interface {
    struct live_span name;
    uint64_t counters[LIVE_COUNTERS];
};

bool live_parse_interface(struct live_interface *interface, const char *line, size_t size);

/* A line of /proc/diskstats. */
enum live_disk_counter {
    DISK_READS,
    DISK_SECTORS_READ = 2,
    DISK_WRITES = 4,
    DISK_SECTORS_WRITTEN = 6,
    LIVE_DISK_COUNTERS
};

struct live_disk {
    struct live_span name;
    uint64_t counters[LIVE_DISK_COUNTERS];
};

bool live_parse_disk(struct live_disk *disk, const char *line, size_t size);

/* A line "cpuN …" of /proc/stat, in ticks; false: any other. */
enum live_cpu_time {
    CPU_USER,
    CPU_NICE,
    CPU_SYSTEM,
    CPU_IDLE,
    CPU_WAIT,
    CPU_IRQ,
    CPU_SOFTIRQ,
    CPU_STEAL,
    LIVE_CPU_TIMES
};

struct live_cpu {
    uint64_t number;
    uint64_t times[LIVE_CPU_TIMES];
};

bool live_parse_cpu(struct live_cpu *cpu, const char *line, size_t size);

/* The number behind "NAME" at the beginning of a line, blanks between: "MemTotal:", "btime". */
bool live_find_number(uint64_t *value, const char *name, const char *text, size_t size);

/* VALUE of a line NAME=VALUE or NAME="VALUE" (os-release(5)), without the quotes; false: no such line. */
bool live_find_assignment(struct live_span *value, const char *name, const char *text, size_t size);

/* The id that container engines put into the names of cgroups: 64 hexadecimal digits, the first in the text. */
#define LIVE_CONTAINER_ID_SIZE 64
bool live_find_container_id(struct live_span *id, const char *text, size_t size);

/* Lines, one by one: false at the end. *at begins at 0; a line's end is no part of it. */
bool live_next_line(struct live_span *line, size_t *at, const char *text, size_t size);

/* The next word between blanks of a line; false: there is none. What is taken is cut off *rest. */
bool live_next_word(struct live_span *word, struct live_span *rest);

/* A decimal number that is all of a span. */
bool live_number(uint64_t *value, const struct live_span *span);

#endif
