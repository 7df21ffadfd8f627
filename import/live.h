/* live.h - what runs, told from outside: records of features, as a crawler would have made them inside the container.
 *
 *     live_open()                 in live.c: a process of the container, or the directory of an unpacked one
 *     live_produce()              in live.c: records, one by one, into a sink
 *         live_system()           in live_system.c: os, memory, load; disk from the process's mounts
 *         live_texts()            in live_texts.c: proc, texts of the kernel as they are, and the process's mounts
 *         live_packages()         in live_packages.c: what dpkg and apk say is installed; live_rpm.c: and rpm
 *         live_processes()        in live_process.c: process and metric; keeps who has which socket
 *         live_network()          in live_network.c: connection
 *         live_rates()            in live_rates.c: cpu, interface and diskio, from two looks
 *
 * `confuse import --format live` adds the records to a snapshot, `confuse capture` writes them as a frame.
 *
 * Nothing of the container is entered and nothing of it runs: no setns, no ptrace, no exec. All is read from /proc,
 * whose links are not followed but read, and from files below its root, from which no link leads out. Whoever is inside
 * is hostile: what is read has a limit (below), only regular files are opened, and file systems that somebody inside
 * may answer for are not asked. What cannot be read is left out and noted; a process that ends meanwhile is none.
 */
#ifndef IMPORT_LIVE_H
#define IMPORT_LIVE_H

#include "base/buffer.h"
#include "base/error.h"
#include "import/live_parse.h"

#include <limits.h>
#include <sys/stat.h>
#include <sys/types.h>

#define LIVE_PROCESSES_MAX 131072u            /* the kernel's pid_max is 32768 unless somebody raised it */
#define LIVE_FDS_MAX 65536u                   /* looked at in one process */
#define LIVE_OPEN_FILES_MAX ((size_t)4 << 20) /* bytes of the paths that one process has open */
#define LIVE_COMMAND_MAX ((size_t)128 << 10)  /* bytes of a command line that are kept */
#define LIVE_ENVIRON_MAX ((size_t)128 << 10)  /* bytes of an environment */
#define LIVE_MAPS_MAX ((size_t)1 << 20)       /* bytes of the lines of maps: some 10,000 */
#define LIVE_MEMORY_MAX LIVE_MAPS_MAX         /* bytes: the most of these three */
#define LIVE_TASKS_MAX 65536u                 /* threads of one process */
#define LIVE_MOUNT_TABLES_MAX 256u            /* mount namespaces and roots whose mounts are told */
#define LIVE_TEXT_MAX ((size_t)1 << 20)       /* bytes of a text of /proc about the system */
#define LIVE_PROC_MAX ((size_t)1 << 20)       /* bytes of a text of /proc about one process */
#define LIVE_TABLE_MAX ((size_t)64 << 20)     /* bytes of its tables: sockets, mounts */
#define LIVE_CONFIG_MAX ((size_t)4 << 20)     /* bytes of a file that is read for what it says: passwd, os-release */
#define LIVE_DATABASE_MAX ((size_t)64 << 20)  /* bytes of a package database */
#define LIVE_RPMDB_MAX ((size_t)256 << 20)    /* bytes of rpm's, which knows each file, and its log's */
#define LIVE_ADDRESSES_MAX 1024u              /* IPv4 addresses of its network namespace */

/* What the metadata says was captured: of a process, and of a directory. Files are the sink's. */
#define LIVE_FEATURES "os,package,process,metric,connection,disk,memory,load,cpu,interface,diskio,mounts,proc"
#define LIVE_FEATURES_OF_DIR "os,package"

/* Takes what is produced; non-zero ends it with that value. */
struct live_sink {
    /* A record; the value is one JSON object. */
    int (*record)(void *arg, const char *type, const char *key, size_t key_size, const struct buffer *value,
                  struct error *err);
    /* Something at a path of the container could not be taken (what: the words of note_capture()). */
    int (*note)(void *arg, const char *path, size_t size, const char *what, const char *why, struct error *err);
    void *arg;
};

struct live_user {
    uint64_t uid;
    size_t line;           /* of passwd: the first one counts */
    struct live_span name; /* in live.passwd */
};

struct live_process {
    uint64_t outer, pid;                               /* as this program's PID namespace has it, … */
    uint64_t group, session;                           /* … and as the container's has it */
    uint64_t uids[LIVE_ID_KINDS], gids[LIVE_ID_KINDS]; /* as the container's user namespace has them */
    size_t depth;                                      /* which of its numbers is the container's */
    struct live_stat stat;
};

/* An open socket: whose it is. */
struct live_owner {
    uint64_t inode;
    size_t process;
};

struct live {
    const struct live_sink *sink;
    const char *name;                    /* PID or DIR, as given */
    int root;                            /* its root directory */
    int process;                         /* /proc/PID, or -1: a directory */
    bool is_host;                        /* in the first PID namespace */
    char id[LIVE_CONTAINER_ID_SIZE + 1]; /* the container's; "": its cgroup has none */
    char top[PATH_MAX];                  /* its root as links of /proc show it, without a slash at the end: "" is / */
    uint64_t time;                       /* of the capture, ns */
    uint64_t boot;                       /* s since 1970 */
    uint64_t memory_total;               /* bytes; 0: unknown */
    struct buffer mountinfo, passwd;
    struct buffer uid_map, gid_map; /* empty: as outside */
    struct buffer users;            /* struct live_user, by uid */
    struct buffer processes;        /* struct live_process, by outer pid */
    struct buffer owners;           /* struct live_owner */
    struct buffer value;            /* the record that is being made */
    struct buffer text, path;
    struct buffer list;         /* an object inside of the record, while it is made */
    struct buffer mount_tables; /* struct live_mount_table: those that have a record */
    /* Who reads the memory of processes (live_memory.c). */
    pid_t reader_pid; /* 0: nobody yet */
    int reader_fd;
    bool reader_stuck; /* it did not answer … */
    unsigned stuck;    /* … as so many before */
};

/* Open a process (its number in this program's PID namespace) or, if that is no number, a directory. Errors: there is
 * none, or it may not be looked at. The name and the sink are borrowed. */
int live_open(struct live **live, const char *name, const struct live_sink *sink, struct error *err);
void live_close(struct live *live);

/* Is it a process's number? */
bool live_is_pid(const char *name);

/* HOST/ID of a container with an id, HOST/PID of one without, HOST of the host; a directory's own name. */
int live_namespace(char **name, const struct live *live, struct error *err);

/* Produce all records but those of files. `features`: which there are, for the metadata. */
int live_produce(struct live *live, const char *name_space, const char *features, struct error *err);

/* --- The parts ---------------------------------------------------------------------------------------------------- */

int live_system(struct live *live, struct error *err);
int live_texts(struct live *live, struct error *err);
int live_packages(struct live *live, struct error *err);
int live_rpm(struct live *live, struct error *err);
int live_processes(struct live *live, struct error *err);
int live_network(struct live *live, struct error *err);
int live_rates(struct live *live, struct error *err);

/* Members of a process's record that crawlers do not have, and of its metric's (live_details.c). `at`: /proc/PID. */
int live_details(struct live *live, int at, const struct live_process *process, struct error *err);
int live_tasks(struct live *live, int at, const struct live_process *process, struct error *err);

/* The mounts that a process sees, if none did with its namespace and root: a record, after that of the process. */
int live_mounts(struct live *live, int at, struct error *err);

/* What `confuse capture` has of files instead of a tree: file records of all; config records of what crawlers take by
 * default, and of further absolute paths. */
int live_files(struct live *live, bool cross_mounts, struct error *err);
int live_configs(struct live *live, const char *const *more, size_t count, struct error *err);

/* --- live_read.c: files with a limit ------------------------------------------------------------------------------ */

/* Append a file of /proc below an fd, and a NUL that does not count. 0; 1: it has more than `max` bytes, of which the
 * first are there; or a negative errno. */
int live_read(struct buffer *out, int at, const char *name, size_t max);

/* The same of a regular file of the container: links are followed inside its root, but not to what the kernel
 * makes up. Where any mount is remote, not through mounts; only the file itself may be one that is not. -EFBIG instead
 * of 1, and nothing is appended. */
int live_read_inside(struct buffer *out, const struct live *live, const char *path, size_t max);

/* What a file of the container is that live_read_inside() would read. 0, or a negative errno. */
int live_stat_inside(struct stat *st, const struct live *live, const char *path);

/* 0, or a negative errno: is there anything, were it a link to nowhere? */
int live_has(const struct live *live, const char *path);

/* Is a mounted file system one whose answers come from elsewhere (a process, another machine), and may never come? */
bool live_is_remote(const struct live_span *type);

/* Append a link of /proc as the container sees it: below its root. 0 or a negative errno. */
int live_read_link(struct buffer *out, const struct live *live, int at, const char *name);

/* Append a file that lies in a process's memory: 0; 1: it was cut; or a negative errno, -ETIMEDOUT where the process
 * keeps it to itself. live_close() ends what this began. */
enum live_memory_file { LIVE_CMDLINE, LIVE_ENVIRON, LIVE_MAPS };
int live_memory(struct buffer *out, struct live *live, uint64_t pid, enum live_memory_file file);
void live_memory_end(struct live *live);

/* --- Records ------------------------------------------------------------------------------------------------------ */

/* Begin the record's value; members are added to live->value (base/jsonl.h, live_decimal); hand it on. */
void live_begin(struct live *live);
int live_record(struct live *live, const char *type, const char *key, size_t key_size, struct error *err);
void live_decimal(struct live *live, const char *name, double value, int digits);
void live_span(struct live *live, const char *name, const struct live_span *value);
void live_null(struct live *live, const char *name);
void live_lines(struct live *live, const char *name, const struct buffer *text);   /* a list of a text's lines */
void live_strings(struct live *live, const char *name, const struct buffer *text); /* of what NULs end */

int live_note(struct live *live, const char *path, const char *what, const char *why, struct error *err);

/* A note at where the container has a file of a process; what reading it came to: 1, it is cut; negative, it cannot be
 * read, and nothing for a process that has ended or a file that there is not. */
int live_note_process(struct live *live, const struct live_process *process, const char *file, int result,
                      struct error *err);

/* The name of a user by the container's own passwd, else the number. */
void live_user(struct live *live, const char *name, uint64_t uid);

/* An id of this program's user namespace as the container's has it, by one of the maps; and who owns a file. */
#define LIVE_ID_OVERFLOW 65534u /* user_namespaces(7): of those that it does not have */
uint64_t live_id_inside(const struct buffer *map, uint64_t id);
void live_own(const struct live *live, struct stat *st);

#endif
