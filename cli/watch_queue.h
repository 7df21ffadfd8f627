/* watch_queue.h - files of a watched directory that are to be imported, and when each of them is whole.
 *
 * A file is whole when its size, its mtime and its inode stayed what they are for as long as the queue was told, and
 * nobody has it open for writing. What the crawler died over is whole in this sense too: that it was cut short is for
 * the import to find.
 */
#ifndef CLI_WATCH_QUEUE_H
#define CLI_WATCH_QUEUE_H

#include "db/watched.h"

/* More files wait in the directory: it is listed again when these are done. */
#define WATCH_QUEUE_MAX 4096

struct watch_file {
    char name[WATCHED_NAME_SIZE];
    uint64_t size, inode, mtime; /* as struct watched has them */
    uint64_t since;              /* ms on the monotonic clock: so long it is like this */
};

struct watch_queue {
    int directory;   /* descriptor */
    uint64_t settle; /* ms */
    struct watch_file *files;
    size_t count;
    bool is_incomplete; /* there was no room for one */
};

int watch_queue_begin(struct watch_queue *queue, int directory, uint64_t settle, struct error *err);
void watch_queue_end(struct watch_queue *queue);

/* ms, monotonic */
uint64_t watch_now(void);

/* Can this be a finished file's name? Crawlers write under others first: ".NAME", "NAME.tmp", "NAME.part". */
bool watch_is_final(const char *name);

/* What stands under a name, if that is a regular file with a final name. */
bool watch_look(struct watch_file *file, int directory, const char *name);

/* It has just become what it is, or was found: look at it when it had its time. One that was there already has its time
 * from now on. */
void watch_queue_add(struct watch_queue *queue, const struct watch_file *file);

enum watch_state { WATCH_NOTHING, WATCH_WAIT, WATCH_READY, WATCH_BUSY };

/* The first file that is whole, which leaves the queue; else how many ms to wait at least. WATCH_BUSY: *file had its
 * time, but somebody writes to it; it stays and has it again. */
enum watch_state watch_queue_next(struct watch_file *file, uint64_t *wait, struct watch_queue *queue);

/* Have it back, not before so many ms have gone by. */
void watch_queue_defer(struct watch_queue *queue, struct watch_file *file, uint64_t ms);

#endif
