/* watch.c - `confuse watch DIR`: imports what a crawler drops into a directory, as it comes.
 *
 * One step after the other: what inotify(7) tells goes into the queue (watch_queue.c), the first file that is whole is
 * imported, and then remembered in the store (db/watched.h) or moved away. Signals are only looked at between two
 * files. Whenever it is killed, the next start lists the directory and goes on: what was imported but not yet
 * remembered is found to be there.
 */
#include "cli/command.h"
#include "cli/importing.h"
#include "cli/terminal.h"
#include "cli/watch_metrics.h"
#include "cli/watch_queue.h"
#include "db/lease.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/quote.h"
#include "base/timestamp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define SETTLE_MS 2000                     /* a file stays as it is for so long before it is read */
#define SETTLE_MAX_MS 3600000              /* that --settle takes */
#define RETRY_MS 60000                     /* until a file is tried again that the store or the system failed at */
#define MOVE_TRIES 10000                   /* names that are tried for a file in --done DIR: "frame", "frame.1", … */
#define EVENTS_SIZE 65536                  /* bytes of events read at once: some thousand */
#define RESCAN_BELOW (WATCH_QUEUE_MAX / 2) /* files in the queue, when there was no room for all */

static struct {
    const char *done, *rejected, *metrics, *settle;
    bool once;
} given;

static const struct option_spec OPTIONS[] = {
    {"done", 0, OPTION_TEXT, &given.done, "DIR", "move files there that were imported"},
    {"rejected", 0, OPTION_TEXT, &given.rejected, "DIR", "move files there that are bad"},
    {"metrics", 0, OPTION_TEXT, &given.metrics, "FILE", "keep counts there, as text for Prometheus"},
    {"settle", 0, OPTION_TEXT, &given.settle, "SECONDS", "how long a file has to stay as it is (2)"},
    {"once", 0, OPTION_FLAG, &given.once, NULL, "end when all that is there was imported"},
    {"format", 0, OPTION_TEXT, &importing_given.format, "F", "auto (told by content), frame, oci, docker or tar"},
    IMPORTING_OPTIONS,
    {0},
};

struct watching {
    struct importing importing;
    const char *store;
    char path[PATH_MAX]; /* of the directory, without links */
    int directory, done, rejected, events, signals;
    struct watch_queue queue;
    struct watch_metrics metrics;
    bool scans; /* the directory is to be listed */
    bool stops, any_bad;
};

/* One line, whatever the names of files are. */
static void report(const struct error *err)
{
    struct buffer line cleanup_buffer = {0};

    quote_text(&line, err->text, strlen(err->text));
    progress_clear();
    fprintf(stderr, "confuse watch: %.*s\n", (int)line.size, line.size ? (const char *)line.bytes : "");
}

static void tell_metrics(struct watching *w)
{
    struct error err;

    w->metrics.pending = w->queue.count;
    if (given.metrics && watch_metrics_write(&w->metrics, given.metrics, &err) < 0)
        report(&err);
}

static void count_snapshot(void *arg, const struct snapshot *snapshot, bool is_new)
{
    struct watching *w = arg;

    w->metrics.snapshots += is_new;
    if (snapshot->time > w->metrics.newest)
        w->metrics.newest = snapshot->time;
}

/* --- What becomes of a file --------------------------------------------------------------------------------------- */

static struct watched watched_of(const struct watching *w, const struct watch_file *file)
{
    return (struct watched){
        .directory = w->path, .name = file->name, .size = file->size, .inode = file->inode, .mtime = file->mtime};
}

static bool is_there(int directory, const char *name, const struct watch_file *file)
{
    struct watch_file now;

    return watch_look(&now, directory, name) && now.inode == file->inode && now.size == file->size &&
           now.mtime == file->mtime;
}

/* Move it under a name that is free there. If it turns out to be another file, which just took its place, that one goes
 * back; its coming is an event. */
static int move(struct watching *w, int target, const char *target_name, const struct watch_file *file,
                struct error *err)
{
    char name[WATCHED_NAME_SIZE + 8];
    int result = -1;

    snprintf(name, sizeof name, "%s", file->name);
    for (int i = 1; i <= MOVE_TRIES; i++) {
        result = renameat2(w->directory, file->name, target, name, RENAME_NOREPLACE);
        if (result == 0 || errno != EEXIST)
            break;
        snprintf(name, sizeof name, "%s.%d", file->name, i);
    }
    if (result < 0 && errno == ENOENT)
        return 0; /* somebody took it away */
    if (result == 0 && !is_there(target, name, file))
        result = renameat2(target, name, w->directory, file->name, RENAME_NOREPLACE);
    return result < 0 ? error_system(err, errno, "%s/%s: cannot be moved to %s", w->path, file->name, target_name) : 0;
}

/* It was imported, or is bad: now or in an earlier run. */
static int put_away(struct watching *w, const struct watch_file *file, bool rejected, struct error *err)
{
    int target = rejected ? w->rejected : w->done;

    if (target < 0)
        return 0;
    int result = move(w, target, rejected ? given.rejected : given.done, file, err);
    return result < 0 ? result : watched_drop(w->importing.options.store, w->path, file->name, err);
}

static int remember(struct watching *w, const struct watch_file *file, bool rejected, struct error *err)
{
    struct watched watched = watched_of(w, file);

    watched.rejected = rejected;
    int result = watched_put(w->importing.options.store, &watched, err);
    if (result == 0)
        result = lease_end(w->importing.options.store, err); /* who waits for files keeps nobody's gc waiting */
    return result < 0 ? result : put_away(w, file, rejected, err);
}

/* What a broken import left in the connection goes with it. */
static int reopen_store(struct watching *w, struct error *err)
{
    store_close(w->importing.options.store);
    w->importing.options.store = NULL;
    return store_open(&w->importing.options.store, w->store, STORE_CREATE, err);
}

static int import_file(struct watching *w, const struct watch_file *file, struct error *err)
{
    char path[PATH_MAX + WATCHED_NAME_SIZE + 1];
    uint64_t began = watch_now();

    snprintf(path, sizeof path, "%s/%s", w->path, file->name);
    int result = importing_source(&w->importing, path, err);
    progress_clear();
    w->metrics.import_ns += (watch_now() - began) * 1000000;
    if (result < 0)
        return result;
    w->metrics.files++;
    w->metrics.bytes += file->size;
    w->metrics.last = timestamp_now();
    return remember(w, file, false, err);
}

/* The file is bad: say so, once. */
static int reject(struct watching *w, const struct watch_file *file, struct error *err)
{
    report(err);
    w->metrics.rejected++;
    w->any_bad = true;
    int result = reopen_store(w, err);
    return result < 0 ? result : remember(w, file, true, err);
}

/* The store or the system failed, not the file; it may be gone by now. */
static int try_again(struct watching *w, struct watch_file *file, struct error *err)
{
    struct error reopening;

    if (given.once)
        return -EIO;
    report(err);
    w->metrics.failures++;
    if (reopen_store(w, &reopening) < 0) {
        *err = reopening;
        return -EIO;
    }
    watch_queue_defer(&w->queue, file, RETRY_MS);
    return 0;
}

static int handle(struct watching *w, struct watch_file *file, struct error *err)
{
    struct watched watched = watched_of(w, file);
    int result = watched_find(&watched, w->importing.options.store, err);

    if (result == 0)
        result = put_away(w, file, watched.rejected, err);
    else if (result == -ENOENT)
        result = import_file(w, file, err);
    if (result < 0 && !is_there(w->directory, file->name, file))
        result = reopen_store(w, err); /* who replaced it has caused an event */
    else if (result < 0 && (err->code == EXIT_INPUT || err->code == EXIT_USAGE))
        result = reject(w, file, err);
    if (result < 0)
        result = try_again(w, file, err);
    tell_metrics(w);
    return result;
}

/* --- What comes --------------------------------------------------------------------------------------------------- */

/* Rows of files that are gone. */
static int forget_gone(struct watching *w, struct error *err)
{
    struct store *store = w->importing.options.store;
    char name[WATCHED_NAME_SIZE] = "";
    struct stat st;
    int result;

    while ((result = watched_next(name, store, w->path, name, err)) == 0)
        if (fstatat(w->directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT) {
            result = watched_drop(store, w->path, name, err);
            if (result < 0)
                return result;
        }
    return result == -ENOENT ? 0 : result;
}

/* Queue what is neither remembered nor without need of being moved. */
static int found(struct watching *w, const struct watch_file *file, struct error *err)
{
    struct watched watched = watched_of(w, file);
    int result = watched_find(&watched, w->importing.options.store, err);

    if (result == 0 && (watched.rejected ? w->rejected : w->done) < 0)
        return 0;
    if (result == 0 || result == -ENOENT)
        watch_queue_add(&w->queue, file);
    return result == -ENOENT ? 0 : result;
}

static int scan(struct watching *w, struct error *err)
{
    int fd = openat(w->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = 0;
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct watch_file file;

    if (!directory) {
        result = error_system(err, errno, "%s", w->path);
        if (fd >= 0)
            close(fd);
        return result;
    }
    w->scans = w->queue.is_incomplete = false;
    for (struct dirent *entry; result == 0 && (entry = readdir(directory));)
        if (watch_look(&file, w->directory, entry->d_name))
            result = found(w, &file, err);
    closedir(directory);
    return result;
}

static int take_event(struct watching *w, const struct inotify_event *event, struct error *err)
{
    struct watch_file file;
    struct stat st;

    if (event->mask & IN_Q_OVERFLOW)
        w->scans = true;
    if (event->mask & (IN_IGNORED | IN_UNMOUNT | IN_MOVE_SELF))
        return error_system(err, ENOENT, "%s is not there any more", w->path);
    if (!event->len)
        return 0;
    if ((event->mask & (IN_DELETE | IN_MOVED_FROM)) && watch_is_final(event->name))
        return watched_drop(w->importing.options.store, w->path, event->name, err);
    /* A new name is a file that is being written, unless it is a further one of a file (link(2)). */
    if ((event->mask & IN_CREATE) &&
        (fstatat(w->directory, event->name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_nlink < 2))
        return 0;
    if (watch_look(&file, w->directory, event->name))
        watch_queue_add(&w->queue, &file);
    return 0;
}

static int take_events(struct watching *w, struct error *err)
{
    static _Alignas(struct inotify_event) char bytes[EVENTS_SIZE];
    ssize_t size;
    int result = 0;

    while (result == 0 && (size = read(w->events, bytes, sizeof bytes)) > 0)
        for (ssize_t at = 0; at < size && result == 0;) {
            const struct inotify_event *event = (const void *)(bytes + at);

            result = take_event(w, event, err);
            at += (ssize_t)(sizeof *event + event->len);
        }
    return result;
}

static bool was_signalled(const struct watching *w)
{
    struct signalfd_siginfo info;

    return read(w->signals, &info, sizeof info) > 0;
}

static void wait_for(const struct watching *w, uint64_t ms)
{
    struct pollfd fds[] = {{w->events, POLLIN, 0}, {w->signals, POLLIN, 0}};

    poll(fds, 2, ms > INT_MAX ? -1 : (int)ms);
}

/* --- Together ----------------------------------------------------------------------------------------------------- */

/* It is open for writing. Whoever cannot wait is told that it is left. */
static void leave_busy(struct watching *w, const struct watch_file *file)
{
    struct error err;

    if (!given.once)
        return;
    error_refused(&err, EBUSY, "%s/%s is being written to; it is left", w->path, file->name);
    report(&err);
    for (size_t i = 0; i < w->queue.count; i++)
        if (strcmp(w->queue.files[i].name, file->name) == 0)
            w->queue.files[i] = w->queue.files[--w->queue.count];
}

static int step(struct watching *w, struct error *err)
{
    struct watch_file file;
    uint64_t wait;
    int result = take_events(w, err);

    if (result == 0 && (w->scans || (w->queue.is_incomplete && w->queue.count < RESCAN_BELOW)))
        result = scan(w, err);
    if (result < 0)
        return result;
    switch (watch_queue_next(&file, &wait, &w->queue)) {
    case WATCH_READY:
        return handle(w, &file, err);
    case WATCH_BUSY:
        leave_busy(w, &file);
        return 0;
    case WATCH_NOTHING:
        w->stops = given.once;
        break;
    case WATCH_WAIT:
        break;
    }
    if (!w->stops)
        wait_for(w, wait);
    return 0;
}

/* A directory on the same file system as the watched one; none: -1. */
static int open_target(int *fd, const struct watching *w, const char *option, const char *path, struct error *err)
{
    struct stat here, there;

    *fd = -1;
    if (!path)
        return 0;
    *fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0 || fstat(*fd, &there) < 0 || fstat(w->directory, &here) < 0)
        return error_system(err, errno, "--%s %s", option, path);
    if (there.st_dev == here.st_dev && there.st_ino == here.st_ino)
        return error_usage(err, "--%s %s is the watched directory", option, path);
    return there.st_dev == here.st_dev
               ? 0
               : error_usage(err, "--%s %s is on another file system: files are only renamed", option, path);
}

static int open_directories(struct watching *w, const char *name, struct error *err)
{
    if (!realpath(name, w->path))
        return error_system(err, errno, "%s", name);
    w->directory = open(w->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (w->directory < 0)
        return error_system(err, errno, "%s", name);
    int result = open_target(&w->done, w, "done", given.done, err);
    return result < 0 ? result : open_target(&w->rejected, w, "rejected", given.rejected, err);
}

/* Threads of imports inherit the mask, so all signals come to the descriptor. */
static int open_events(struct watching *w, struct error *err)
{
    sigset_t set;

    signal(SIGIO, SIG_IGN); /* somebody opens a file while its lease is tried */
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    w->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    w->events = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (w->signals < 0 || w->events < 0 ||
        inotify_add_watch(w->events, w->path,
                          IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVE_SELF |
                              IN_ONLYDIR) < 0)
        return error_system(err, errno, "cannot watch %s", w->path);
    return 0;
}

static int check(struct watching *w, uint64_t *settle, int argc, struct error *err)
{
    const char *format = importing_given.format;
    uint64_t ns;

    if (argc != 1)
        return error_usage(err, "one directory is needed");
    if (format && (strcmp(format, "dir") == 0 || strcmp(format, "live") == 0))
        return error_usage(err, "--format is auto, frame, oci, docker or tar here, not %s", format);
    if (given.settle && (!timestamp_parse_seconds(&ns, given.settle, strlen(given.settle)) || given.settle[0] == '-' ||
                         ns > SETTLE_MAX_MS * 1000000ULL))
        return error_usage(err, "--settle %s is no number of seconds up to %d", given.settle, SETTLE_MAX_MS / 1000);
    if (given.settle)
        *settle = ns / 1000000;
    return importing_begin(&w->importing, err);
}

static int begin(struct watching *w, const char *name, uint64_t settle, struct error *err)
{
    int result = open_directories(w, name, err);

    if (result == 0)
        result = watch_queue_begin(&w->queue, w->directory, settle, err);
    if (result == 0)
        result = open_events(w, err);
    if (result == 0)
        result = store_open(&w->importing.options.store, w->store, STORE_CREATE, err);
    if (result == 0)
        result = lease_end(w->importing.options.store, err);
    if (result == 0)
        result = forget_gone(w, err);
    if (result == 0 && given.metrics)
        result = watch_metrics_write(&w->metrics, given.metrics, err);
    return result;
}

static void end(struct watching *w)
{
    const int fds[] = {w->directory, w->done, w->rejected, w->events, w->signals};

    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    store_close(w->importing.options.store);
    watch_queue_end(&w->queue);
}

static int run(const struct invocation *invocation, int argc, char **argv, struct error *err)
{
    static struct watching w = {
        .directory = -1, .done = -1, .rejected = -1, .events = -1, .signals = -1, .scans = true};
    uint64_t settle = SETTLE_MS;

    w.store = invocation->store;
    w.importing = (struct importing){.command = "watch", .json = invocation->json, .told = count_snapshot, .arg = &w};
    int result = check(&w, &settle, argc, err);
    if (result == 0)
        result = begin(&w, argv[0], settle, err);
    while (result == 0 && !w.stops && !was_signalled(&w))
        result = step(&w, err);
    if (result == 0)
        tell_metrics(&w);
    end(&w);
    if (result == 0 && given.once && w.any_bad)
        return EXIT_INPUT;
    return result;
}

const struct command command_watch = {
    .name = "watch",
    .arguments = "DIR",
    .summary = "Import what a crawler drops into a directory, as it comes",
    .help =
        "What is there already is imported, then what is written or moved there. A file is read when it stayed as it\n"
        "is for --settle seconds and nobody has it open for writing; names that begin with '.' or end with .tmp or\n"
        ".part are left alone, as are directories and links. Prints `ID NAMESPACE TIME` for each snapshot, once it\n"
        "is durable. A bad file is told of once, and left or moved to --rejected. Files that were imported are\n"
        "remembered by name, size, inode and mtime, or moved to --done, so it can be killed and started again at any\n"
        "time. SIGTERM ends it after the file at hand. With --once the exit code is 3 if a file was bad.\n\n"
        "    confuse watch /var/spool/crawler\n"
        "    confuse watch --done /var/spool/done --rejected /var/spool/bad /var/spool/crawler\n"
        "    confuse watch --metrics /var/lib/node_exporter/confuse.prom /var/spool/crawler\n"
        "    confuse --json watch --once /var/spool/crawler | jq -r .id\n",
    .options = OPTIONS,
    .run = run,
};
