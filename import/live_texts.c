/* live_texts.c - texts of the kernel that tell of the system, kept line by line: of proc records, and of the mounts
 * that processes see. Features of crawlers tell of the same in their own words, and less of it.
 */
#include "import/live.h"

#include "base/jsonl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* --- The system --------------------------------------------------------------------------------------------------- */

static int produce_text(struct live *live, const char *path, int at, const char *name, struct error *err)
{
    buffer_clear(&live->text);
    int result = live_read(&live->text, at, name, LIVE_TEXT_MAX);

    if (result == -ENOENT) /* another kernel has it */
        return 0;
    if (result < 0)
        return live_note(live, path, "unreadable", strerror(-result), err);
    live_begin(live);
    jsonl_string(&live->value, "path", path);
    live_lines(live, "lines", &live->text);
    if (result == 1)
        result = live_note(live, path, "left-out", "there is more of it than is kept", err);
    return result < 0 ? result : live_record(live, "proc", path, strlen(path), err);
}

/* Is its PID namespace ours? Others may have another pid_max, which is told inside only. */
static bool has_own_pids(const struct live *live)
{
    struct stat own, its;

    return stat("/proc/self/ns/pid", &own) == 0 && fstatat(live->process, "ns/pid", &its, 0) == 0 &&
           own.st_ino == its.st_ino;
}

/* Those of the machine, which look the same from everywhere; those of the container's network. */
static int produce_texts(struct live *live, struct error *err)
{
    static const char *const machine[] = {
        "/proc/cmdline",
        "/proc/cpuinfo",
        "/proc/diskstats",
        "/proc/filesystems",
        "/proc/meminfo",
        "/proc/partitions",
        "/proc/stat",
        "/proc/sys/kernel/osrelease",
        "/proc/sys/kernel/ostype",
        "/proc/sys/kernel/random/boot_id",
        "/proc/sys/kernel/version",
        "/proc/uptime",
        "/proc/version",
    };
    static const char pid_max[] = "/proc/sys/kernel/pid_max";
    static const char *const network[] = {"/proc/net/dev", "/proc/net/route", "/proc/net/unix"};
    int result = 0;

    for (size_t i = 0; i < sizeof machine / sizeof *machine && result == 0; i++)
        result = produce_text(live, machine[i], AT_FDCWD, machine[i], err);
    for (size_t i = 0; i < sizeof network / sizeof *network && result == 0; i++)
        result = produce_text(live, network[i], live->process, network[i] + strlen("/proc/"), err);
    return result == 0 && has_own_pids(live) ? produce_text(live, pid_max, AT_FDCWD, pid_max, err) : result;
}

/* --- Mounts ------------------------------------------------------------------------------------------------------- */

struct live_mount_table {
    uint64_t namespace;
    char root[128]; /* the beginning of it: longer ones that are alike are told of once */
};

static bool is_told(const struct live *live, const struct live_mount_table *table)
{
    const struct live_mount_table *tables = (const struct live_mount_table *)(const void *)live->mount_tables.bytes;

    for (size_t i = 0; i < live->mount_tables.size / sizeof *tables; i++)
        if (tables[i].namespace == table->namespace && strcmp(tables[i].root, table->root) == 0)
            return true;
    return false;
}

static int add_table(struct live *live, int at, const char *name, struct error *err)
{
    char path[32];

    buffer_clear(&live->text);
    int result = live_read(&live->text, at, name, LIVE_TEXT_MAX);
    if (result == 0) {
        live_lines(live, name, &live->text);
        return 0;
    }
    snprintf(path, sizeof path, "/proc/%s", name);
    if (result == -ENOENT || result == -ESRCH || result == -EINVAL) /* the process has ended */
        return 0;
    return live_note(live, path, result > 0 ? "left-out" : "unreadable",
                     result > 0 ? "there are too many mounts" : strerror(-result), err);
}

/* Keys count them: "mounts" are those that the process sees which was asked for. */
int live_mounts(struct live *live, int at, struct error *err)
{
    struct live_mount_table table = {0};
    size_t count = live->mount_tables.size / sizeof table;
    struct stat namespace;
    char key[32];

    buffer_clear(&live->path);
    if (fstatat(at, "ns/mnt", &namespace, 0) < 0 || live_read_link(&live->path, live, at, "root") < 0)
        return 0;
    buffer_add_byte(&live->path, '\0');
    table.namespace = namespace.st_ino;
    snprintf(table.root, sizeof table.root, "%s", live->path.failed ? "" : (const char *)live->path.bytes);
    if (is_told(live, &table))
        return 0;
    if (count > LIVE_MOUNT_TABLES_MAX)
        return 0;
    buffer_add(&live->mount_tables, &table, sizeof table);
    if (count == LIVE_MOUNT_TABLES_MAX) /* said once */
        return live_note(live, "/proc", "left-out", "too many mount namespaces", err);
    live_begin(live);
    jsonl_number(&live->value, "namespace", table.namespace);
    jsonl_text(&live->value, "root", live->path.bytes, live->path.size - 1);
    int result = add_table(live, at, "mountinfo", err);
    if (result == 0)
        result = add_table(live, at, "mounts", err);
    int size = count ? snprintf(key, sizeof key, "mounts/%zu", count) : snprintf(key, sizeof key, "mounts");
    live->value.failed |= live->mount_tables.failed;
    return result < 0 ? result : live_record(live, "mounts", key, (size_t)size, err);
}

int live_texts(struct live *live, struct error *err)
{
    int result = produce_texts(live, err);

    return result == 0 ? live_mounts(live, live->process, err) : result;
}
