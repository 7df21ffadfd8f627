/* watch_metrics.c - see watch_metrics.h. */
#include "cli/watch_metrics.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/timestamp.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

/* Ages are left to who reads: a file that nobody writes any more could not tell them. */
static const struct row {
    const char *name, *type, *help;
    size_t offset;
    bool is_time; /* ns, shown as seconds */
} rows[] = {
#define ROW(name, type, field, is_time, help)                                                                          \
    {                                                                                                                  \
        "confuse_watch_" name, type, help, offsetof(struct watch_metrics, field), is_time                              \
    }
    ROW("files_total", "counter", files, false, "Files imported."),
    ROW("snapshots_total", "counter", snapshots, false, "Snapshots of them that were new."),
    ROW("bytes_total", "counter", bytes, false, "Bytes of the files imported."),
    ROW("rejected_total", "counter", rejected, false, "Files that were bad."),
    ROW("failures_total", "counter", failures, false, "Failures of the store or the system; the file is tried again."),
    ROW("import_seconds_total", "counter", import_ns, true, "Time spent importing."),
    ROW("pending_files", "gauge", pending, false, "Files that wait to be imported."),
    ROW("newest_capture_timestamp_seconds", "gauge", newest, true, "Newest time of a capture that was imported."),
    ROW("last_import_timestamp_seconds", "gauge", last, true, "When a file was imported last."),
#undef ROW
};

static void add_row(struct buffer *text, const struct watch_metrics *metrics, const struct row *row)
{
    uint64_t value = *(const uint64_t *)((const char *)metrics + row->offset);

    buffer_add_format(text, "# HELP %s %s\n# TYPE %s %s\n%s ", row->name, row->help, row->name, row->type, row->name);
    if (row->is_time)
        buffer_add_format(text, "%llu.%09llu\n", (unsigned long long)(value / NANOSECONDS),
                          (unsigned long long)(value % NANOSECONDS));
    else
        buffer_add_format(text, "%llu\n", (unsigned long long)value);
}

int watch_metrics_write(const struct watch_metrics *metrics, const char *path, struct error *err)
{
    struct buffer text cleanup_buffer = {0};
    char aside[PATH_MAX];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        add_row(&text, metrics, &rows[i]);
    if (text.failed || (size_t)snprintf(aside, sizeof aside, "%s.tmp", path) >= sizeof aside)
        return error_system(err, text.failed ? ENOMEM : ENAMETOOLONG, "%s", path);
    cleanup_close int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int result = fd < 0 ? -errno : file_write_all(fd, text.bytes, text.size, 0);
    if (result == 0 && rename(aside, path) < 0)
        result = -errno;
    return result < 0 ? error_system(err, -result, "cannot write %s", path) : 0;
}
