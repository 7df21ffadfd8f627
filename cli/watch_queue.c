/* watch_queue.c - see watch_queue.h. */
#include "cli/watch_queue.h"

#include "base/cleanup.h"
#include "base/timestamp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

uint64_t watch_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int watch_queue_begin(struct watch_queue *queue, int directory, uint64_t settle, struct error *err)
{
    *queue = (struct watch_queue){.directory = directory, .settle = settle};
    queue->files = calloc(WATCH_QUEUE_MAX, sizeof *queue->files);
    return queue->files ? 0 : error_system(err, ENOMEM, "a queue of files");
}

void watch_queue_end(struct watch_queue *queue)
{
    free(queue->files);
}

bool watch_is_final(const char *name)
{
    static const char *const unfinished[] = {".tmp", ".part"};
    size_t size = strlen(name);

    for (size_t i = 0; i < sizeof unfinished / sizeof *unfinished; i++) {
        size_t end = strlen(unfinished[i]);

        if (size >= end && strcmp(name + size - end, unfinished[i]) == 0)
            return false;
    }
    return name[0] != '.';
}

bool watch_look(struct watch_file *file, int directory, const char *name)
{
    struct stat st;

    if (!watch_is_final(name) || strlen(name) >= sizeof file->name ||
        fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
        return false;
    *file = (struct watch_file){
        .size = (uint64_t)st.st_size,
        .inode = st.st_ino,
        .mtime = (uint64_t)st.st_mtim.tv_sec * NANOSECONDS + (uint64_t)st.st_mtim.tv_nsec,
        .since = watch_now(),
    };
    snprintf(file->name, sizeof file->name, "%s", name);
    return true;
}

static bool is_same(const struct watch_file *a, const struct watch_file *b)
{
    return a->size == b->size && a->inode == b->inode && a->mtime == b->mtime;
}

void watch_queue_add(struct watch_queue *queue, const struct watch_file *file)
{
    for (size_t i = 0; i < queue->count; i++)
        if (strcmp(queue->files[i].name, file->name) == 0) {
            queue->files[i] = *file;
            return;
        }
    if (queue->count == WATCH_QUEUE_MAX) {
        queue->is_incomplete = true;
        return;
    }
    queue->files[queue->count] = *file;
    /* What nobody wrote to for longer than that had its time already. */
    uint64_t age = timestamp_now() > file->mtime ? (timestamp_now() - file->mtime) / 1000000 : 0;
    if (age >= queue->settle && file->since >= queue->settle)
        queue->files[queue->count].since -= queue->settle;
    queue->count++;
}

static void take_out(struct watch_queue *queue, size_t i)
{
    queue->count--;
    memmove(&queue->files[i], &queue->files[i + 1], (queue->count - i) * sizeof *queue->files);
}

/* A read lease is refused while the file is open for writing. Whoever may not have one (another owner's file, a file
 * system without leases) learns nothing, and time alone decides. */
static bool is_being_written(int directory, const char *name)
{
    cleanup_close int fd = openat(directory, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return false;
    if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0)
        return errno == EAGAIN;
    fcntl(fd, F_SETLEASE, F_UNLCK);
    return false;
}

/* Look at one that had its time. WATCH_NOTHING: it is gone, and out of the queue; WATCH_WAIT: it has changed. */
static enum watch_state look_again(struct watch_file *found, struct watch_queue *queue, size_t i)
{
    struct watch_file *file = &queue->files[i], now;

    if (!watch_look(&now, queue->directory, file->name)) {
        take_out(queue, i);
        return WATCH_NOTHING;
    }
    bool changed = !is_same(&now, file);
    *file = *found = now;
    if (changed)
        return WATCH_WAIT;
    if (is_being_written(queue->directory, file->name))
        return WATCH_BUSY;
    take_out(queue, i);
    return WATCH_READY;
}

enum watch_state watch_queue_next(struct watch_file *found, uint64_t *wait, struct watch_queue *queue)
{
    uint64_t now = watch_now();

    *wait = UINT64_MAX;
    for (size_t i = 0; i < queue->count;) {
        uint64_t ready = queue->files[i].since + queue->settle;
        enum watch_state state = WATCH_WAIT;

        if (ready <= now) {
            state = look_again(found, queue, i);
            if (state == WATCH_READY || state == WATCH_BUSY)
                return state;
            ready = now + queue->settle;
        }
        if (state == WATCH_NOTHING)
            continue;
        *wait = ready - now < *wait ? ready - now : *wait;
        i++;
    }
    return queue->count ? WATCH_WAIT : WATCH_NOTHING;
}

void watch_queue_defer(struct watch_queue *queue, struct watch_file *file, uint64_t ms)
{
    if (queue->count == WATCH_QUEUE_MAX) {
        queue->is_incomplete = true;
        return;
    }
    file->since = watch_now() + ms;
    queue->files[queue->count++] = *file;
}
