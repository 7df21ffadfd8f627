/* facts.h - what a frame's features tell, as rows of texts: what the veneer's renderers read.
 *
 * Rows of a kind come in the order of features (key, then value). A field is told or not; numbers are the text that
 * they were written as, so nothing is lost on the way.
 */
#ifndef IMPORT_VENEER_FACTS_H
#define IMPORT_VENEER_FACTS_H

#include "base/buffer.h"
#include "base/error.h"
#include "import/json.h"
#include "import/record_set.h"

#define FACT_ROWS_MAX 131072u       /* of a kind; the busiest real hosts have some 30,000 processes */
#define FACT_TEXT_MAX (2u << 20)    /* bytes of a field: as much as execve(2) takes by default */
#define FACTS_SIZE_MAX (256u << 20) /* bytes of all fields */
#define FACT_FIELDS_MAX 28          /* of a kind, its key included */

/* Of fields that records can do without, small ones have half of all bytes, larger ones a quarter. */
#define FACT_SMALL_MAX 1024u /* bytes */

enum fact_kind {
    FACT_CONNECTION,
    FACT_CPU,
    FACT_DISK,
    FACT_DISKIO,
    FACT_INSPECT,
    FACT_INTERFACE,
    FACT_LOAD,
    FACT_MEMORY,
    FACT_METADATA,
    FACT_METRIC,
    FACT_MOUNTS,
    FACT_OS,
    FACT_PACKAGE,
    FACT_PROC,
    FACT_PROCESS,
    FACT_KINDS,
};

/* Fields of each kind; facts.c has their names. */
enum { FACT_KEY };
enum {
    CONNECTION_PID = 1,
    CONNECTION_ADDRESS,
    CONNECTION_PORT,
    CONNECTION_REMOTE,
    CONNECTION_REMOTE_PORT,
    CONNECTION_STATUS,
    CONNECTION_INODE,
    CONNECTION_UID
};
enum { CPU_USER = 1, CPU_NICE, CPU_SYSTEM, CPU_IDLE, CPU_WAIT, CPU_INTERRUPT, CPU_STEAL };
enum { DISK_PARTITION = 1, DISK_POINT, DISK_TYPE, DISK_OPTIONS, DISK_SIZE };
enum { INSPECT_CONFIG = 1 };
enum { LOAD_SHORT = 1, LOAD_MIDDLE, LOAD_LONG };
enum { MEMORY_USED = 1, MEMORY_BUFFERED, MEMORY_CACHED, MEMORY_FREE };
enum { METADATA_SYSTEM = 1, METADATA_IMAGE, METADATA_LONG_NAME };
enum {
    METRIC_PID = 1,
    METRIC_CPU,
    METRIC_RSS,
    METRIC_VMS,
    METRIC_STATUS,
    METRIC_USER,
    METRIC_FLAGS,
    METRIC_MINFLT,
    METRIC_CMINFLT,
    METRIC_MAJFLT,
    METRIC_CMAJFLT,
    METRIC_UTIME,
    METRIC_STIME,
    METRIC_CUTIME,
    METRIC_CSTIME,
    METRIC_PRIORITY,
    METRIC_NICE,
    METRIC_TASKS
};
enum { MOUNTS_NAMESPACE = 1, MOUNTS_ROOT, MOUNTS_MOUNTS, MOUNTS_MOUNTINFO };
enum {
    OS_BOOT = 1,
    OS_UPTIME,
    OS_NAME,
    OS_VERSION,
    OS_KERNEL,
    OS_ARCHITECTURE,
    OS_DISTRO,
    OS_RELEASE,
    OS_TYPE,
    OS_KERNEL_VERSION,
    OS_PLATFORM
};
enum { PROC_LINES = 1 };
enum { PKG_NAME = 1, PKG_VERSION, PKG_SIZE, PKG_ARCHITECTURE, PKG_INSTALLED, PKG_FILES };
enum {
    PROCESS_PID = 1,
    PROCESS_PARENT,
    PROCESS_NAME,
    PROCESS_COMMAND,
    PROCESS_CREATED,
    PROCESS_DIRECTORY,
    PROCESS_FILES,
    PROCESS_MAPS,
    PROCESS_THREADS,
    PROCESS_USER,
    PROCESS_ARGUMENTS,
    PROCESS_ENVIRONMENT,
    PROCESS_EXE,
    PROCESS_ROOT,
    PROCESS_CGROUP,
    PROCESS_LIMITS,
    PROCESS_LOGIN,
    PROCESS_FDS,
    PROCESS_MAP_LINES,
    PROCESS_NAMESPACES,
    PROCESS_GROUP,
    PROCESS_SESSION,
    PROCESS_TTY,
    PROCESS_FOREGROUND,
    PROCESS_START,
    PROCESS_UIDS,
    PROCESS_GIDS
};

/* What could not be taken, for a note. */
struct facts_left {
    uint64_t records; /* beyond a limit, or no objects */
    uint64_t fields;  /* of other records, beyond a limit: those that records can do without */
};

/* All zero: no facts. */
struct facts {
    struct buffer text, rows[FACT_KINDS];
    struct facts_left left[FACT_KINDS];
    struct buffer string; /* while they are gathered */
};

/* Strings are their bytes, numbers and truths the text as written, lists and objects canonical JSON. */
struct fact {
    const char *text; /* NULL: not told */
    size_t size;
};

int facts_gather(struct facts *facts, struct record_set *features, struct error *err);
void facts_free(struct facts *facts);

const char *facts_type(enum fact_kind kind);
uint32_t facts_count(const struct facts *facts, enum fact_kind kind);
struct fact facts_get(const struct facts *facts, enum fact_kind kind, uint32_t row, unsigned field);

/* The first row's field: for kinds that have one record. */
struct fact facts_one(const struct facts *facts, enum fact_kind kind, unsigned field);

bool fact_is(struct fact fact, const char *text);
bool fact_is_list(struct fact fact);
bool fact_is_object(struct fact fact);

/* Whole numbers from 0 on; a finite number from 0 on; epoch seconds as ns. False: it is none. */
bool fact_number(uint64_t *number, struct fact fact);
bool fact_real(double *number, struct fact fact);
bool fact_time(uint64_t *ns, struct fact fact);

/* Each string of a list, decoded; others are passed over. A non-zero value ends the visit. */
int fact_visit_list(struct fact fact, int (*visit)(void *arg, const char *text, size_t size), void *arg);

/* Each member of an object: its name, and its value's text as facts have it. */
int fact_visit_members(struct fact fact, int (*visit)(void *arg, struct fact name, struct fact value), void *arg);

/* A list of so many whole numbers from 0 on. */
bool fact_numbers(uint64_t *numbers, size_t count, struct fact fact);

#endif
