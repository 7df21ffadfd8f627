/* live_system.c - the system that a container sees: os, memory, load, and its mounts as disk records. */
#include "import/live.h"

#include "base/cleanup.h"
#include "base/jsonl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#define KIB 1024u
#define PERCENT 100.0

/* --- os ----------------------------------------------------------------------------------------------------------- */

/* Local IPv4 addresses: in fib_trie a line "|-- ADDRESS" stands above its "/32 host LOCAL". */
static size_t find_addresses(in_addr_t *addresses, struct live *live)
{
    struct live_span line, word;
    in_addr_t address = 0;
    size_t count = 0;

    buffer_clear(&live->text);
    if (live_read(&live->text, live->process, "net/fib_trie", LIVE_TABLE_MAX) < 0)
        return 0;
    for (size_t at = 0; live_next_line(&line, &at, (const char *)live->text.bytes, live->text.size);) {
        char text[INET_ADDRSTRLEN] = "";
        bool local = memmem(line.text, line.size, "/32 host LOCAL", 14) != NULL;

        if (live_next_word(&word, &line) && word.size == 3 && memcmp(word.text, "|--", 3) == 0 &&
            live_next_word(&word, &line) && word.size < sizeof text) {
            memcpy(text, word.text, word.size);
            address = inet_addr(text);
        }
        bool known = false;
        for (size_t i = 0; i < count; i++)
            known |= addresses[i] == address;
        if (local && !known && count < LIVE_ADDRESSES_MAX)
            addresses[count++] = address;
    }
    return count;
}

static void add_addresses(struct live *live)
{
    in_addr_t addresses[LIVE_ADDRESSES_MAX];
    size_t count = live->process < 0 ? 0 : find_addresses(addresses, live);
    char text[INET_ADDRSTRLEN];

    jsonl_list(&live->value, "ipaddr");
    for (size_t i = 0; i < count; i++) {
        inet_ntop(AF_INET, &addresses[i], text, sizeof text);
        jsonl_item(&live->value, text, strlen(text));
    }
    jsonl_list_end(&live->value);
}

/* Of a directory nobody knows on which kernel it will run. */
static void add_kernel(struct live *live)
{
    struct utsname kernel;
    char text[sizeof kernel.sysname + sizeof kernel.release + sizeof kernel.machine];

    if (live->process < 0 || uname(&kernel) < 0)
        return;
    snprintf(text, sizeof text, "%s-%s-%s", kernel.sysname, kernel.release, kernel.machine);
    jsonl_string(&live->value, "os_kernel", text);
    jsonl_string(&live->value, "architecture", kernel.machine);
}

static void add_times(struct live *live)
{
    struct live_span word;

    if (live->process < 0)
        return;
    if (live->boot)
        live_decimal(live, "boottime", (double)live->boot, 1);
    buffer_clear(&live->text);
    if (live_read(&live->text, AT_FDCWD, "/proc/uptime", LIVE_PROC_MAX) < 0)
        return;
    struct live_span rest = {(const char *)live->text.bytes, live->text.size};
    if (live_next_word(&word, &rest))
        jsonl_raw(&live->value, "uptime", word.text, word.size);
}

static int produce_os(struct live *live, struct error *err)
{
    static const struct {
        const char *member, *name;
    } names[] = {{"os", "ID"}, {"os_version", "VERSION_ID"}};
    struct live_span value;

    live_begin(live);
    add_times(live);
    add_addresses(live);
    buffer_clear(&live->text);
    if (live_read_inside(&live->text, live, "/etc/os-release", LIVE_CONFIG_MAX) < 0)
        live_read_inside(&live->text, live, "/usr/lib/os-release", LIVE_CONFIG_MAX);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (live->text.bytes &&
            live_find_assignment(&value, names[i].name, (const char *)live->text.bytes, live->text.size))
            live_span(live, names[i].member, &value);
        else
            jsonl_string(&live->value, names[i].member, "unknown");
    add_kernel(live);
    return live_record(live, "os", "linux", strlen("linux"), err);
}

/* --- memory, load ------------------------------------------------------------------------------------------------- */

/* Bytes; 0 where the kernel has no such line. */
static uint64_t memory(const struct live *live, const char *name)
{
    uint64_t value;

    return live_find_number(&value, name, (const char *)live->text.bytes, live->text.size) ? value * KIB : 0;
}

/* All of the machine, as free(1) inside shows it; used is what is not free, as crawlers have it. */
static int produce_memory(struct live *live, struct error *err)
{
    buffer_clear(&live->text);
    int result = live_read(&live->text, AT_FDCWD, "/proc/meminfo", LIVE_PROC_MAX);
    if (result != 0)
        return live_note(live, "/proc/meminfo", "unreadable", result < 0 ? strerror(-result) : NULL, err);
    uint64_t available = memory(live, "MemFree:"), buffered = memory(live, "Buffers:"),
             cached = memory(live, "Cached:") + memory(live, "SReclaimable:"), used;

    live->memory_total = memory(live, "MemTotal:");
    used = live->memory_total - available;
    live_begin(live);
    jsonl_number(&live->value, "memory_used", used);
    jsonl_number(&live->value, "memory_buffered", buffered);
    jsonl_number(&live->value, "memory_cached", cached);
    jsonl_number(&live->value, "memory_free", available);
    if (used + available > 0)
        live_decimal(live, "memory_util_percentage", PERCENT * (double)used / (double)(used + available), 2);
    else
        jsonl_string(&live->value, "memory_util_percentage", "unknown");
    return live_record(live, "memory", "memory", strlen("memory"), err);
}

static int produce_load(struct live *live, struct error *err)
{
    static const char *const names[] = {"shortterm", "midterm", "longterm"};
    struct live_span word;

    buffer_clear(&live->text);
    if (live_read(&live->text, AT_FDCWD, "/proc/loadavg", LIVE_PROC_MAX) < 0)
        return live_note(live, "/proc/loadavg", "unreadable", NULL, err);
    struct live_span rest = {(const char *)live->text.bytes, live->text.size};
    live_begin(live);
    for (size_t i = 0; i < sizeof names / sizeof *names && live_next_word(&word, &rest); i++)
        jsonl_raw(&live->value, names[i], word.text, word.size);
    return live_record(live, "load", "load", strlen("load"), err);
}

/* --- disk --------------------------------------------------------------------------------------------------------- */

/* Ask a file system how large it is, at its mount point in live->path; only one that the kernel itself answers for. */
static bool measure(struct statfs *st, const struct live *live, const struct live_mount *mount)
{
    struct open_how how = {
        .flags = O_PATH | O_CLOEXEC,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
    };

    if (live_is_remote(&mount->type))
        return false;
    cleanup_close int fd = (int)syscall(SYS_openat2, live->root, (const char *)live->path.bytes, &how, sizeof how);
    return fd >= 0 && fstatfs(fd, st) == 0;
}

/* The part that is free of what users may use, as df has it. */
static double free_percent(const struct statfs *st)
{
    double used = (double)(st->f_blocks - st->f_bfree), available = (double)st->f_bavail;

    return used + available > 0 ? PERCENT - PERCENT * used / (used + available) : PERCENT;
}

static void add_unescaped(struct live *live, const char *name, const struct live_span *field)
{
    buffer_clear(&live->text);
    live_unescape(&live->text, field);
    live->value.failed |= live->text.failed;
    jsonl_text(&live->value, name, live->text.bytes, live->text.size);
}

static int produce_disk(struct live *live, const struct live_mount *mount, struct error *err)
{
    struct statfs st;

    buffer_clear(&live->path);
    live_unescape(&live->path, &mount->point);
    buffer_add_byte(&live->path, '\0');
    if (live->path.failed)
        return error_system(err, ENOMEM, "%s: its mounts", live->name);
    live->path.size--;
    bool measured = measure(&st, live, mount);
    live_begin(live);
    add_unescaped(live, "partitionname", &mount->source);
    if (measured)
        live_decimal(live, "freepct", free_percent(&st), 1);
    else
        jsonl_string(&live->value, "freepct", "unknown");
    add_unescaped(live, "fstype", &mount->type);
    jsonl_text(&live->value, "mountpt", live->path.bytes, live->path.size);
    buffer_clear(&live->text);
    live_mount_options(&live->text, mount);
    jsonl_text(&live->value, "mountopts", live->text.bytes, live->text.size);
    if (measured)
        jsonl_number(&live->value, "partitionsize", (uint64_t)st.f_blocks * (uint64_t)st.f_frsize);
    else
        jsonl_string(&live->value, "partitionsize", "unknown");
    int result = measured ? 0
                          : live_note(live, (const char *)live->path.bytes, "unreadable",
                                      "nothing is asked of its file system", err);
    return result < 0 ? result : live_record(live, "disk", (const char *)live->path.bytes, live->path.size, err);
}

static int produce_disks(struct live *live, struct error *err)
{
    const char *text = (const char *)live->mountinfo.bytes;
    struct live_span line;
    struct live_mount mount;
    int result = 0;

    for (size_t at = 0; live_next_line(&line, &at, text, live->mountinfo.size) && result == 0;)
        if (live_parse_mount(&mount, line.text, line.size))
            result = produce_disk(live, &mount, err);
    return result;
}

int live_system(struct live *live, struct error *err)
{
    buffer_clear(&live->text);
    if (live->process >= 0 && live_read(&live->text, AT_FDCWD, "/proc/stat", LIVE_PROC_MAX) >= 0)
        live_find_number(&live->boot, "btime", (const char *)live->text.bytes, live->text.size);
    int result = produce_os(live, err);
    if (result < 0 || live->process < 0)
        return result;
    result = produce_memory(live, err);
    if (result == 0)
        result = produce_load(live, err);
    return result == 0 ? produce_disks(live, err) : result;
}
