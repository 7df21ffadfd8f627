/* arrivals.c - a queue of records. */
#include "import/arrivals.h"

#include "base/buffer.h"

#include <errno.h>
#include <stdlib.h>

/* Records that wait at most, and bytes of their texts: some 2 MiB, and more than large contents can be among. */
#define WAITING_MAX 4096
#define TEXT_MAX (1u << 20)

struct arrivals {
    struct blob_writer *writer;
    arrivals_goal goal;
    void *arg;
    struct journal_record *waiting; /* WAITING_MAX of them; where their texts are is known when they go on */
    size_t count;
    struct buffer text; /* path, link and target of each, one behind the other */
};

struct arrivals *arrivals_new(struct blob_writer *writer, arrivals_goal goal, void *arg)
{
    struct arrivals *arrivals = calloc(1, sizeof *arrivals);

    if (!arrivals)
        return NULL;
    arrivals->writer = writer;
    arrivals->goal = goal;
    arrivals->arg = arg;
    arrivals->waiting = malloc(WAITING_MAX * sizeof *arrivals->waiting);
    if (arrivals->waiting)
        return arrivals;
    free(arrivals);
    return NULL;
}

void arrivals_free(struct arrivals *arrivals)
{
    if (!arrivals)
        return;
    buffer_free(&arrivals->text);
    free(arrivals->waiting);
    free(arrivals);
}

/* The texts of a record, which begin here; returns where the next one's do. */
static const char *find_texts(struct journal_record *record, const char *at)
{
    record->path = at;
    at += record->path_size;
    if (record->link)
        record->link = at;
    at += record->link_size;
    if (record->entry.target)
        record->entry.target = at;
    return at + record->entry.target_size;
}

int arrivals_settle(struct arrivals *arrivals, struct error *err)
{
    const char *at = (const char *)arrivals->text.bytes;
    int result = blob_writer_settle(arrivals->writer, err);

    for (size_t i = 0; i < arrivals->count && result == 0; i++) {
        struct journal_record *record = &arrivals->waiting[i];

        at = find_texts(record, at);
        blob_writer_redeem(&record->entry.content, &record->digests.content, arrivals->writer);
        result = arrivals->goal(arrivals->arg, record, err);
    }
    arrivals->count = 0;
    buffer_clear(&arrivals->text);
    return result;
}

int arrivals_add(struct arrivals *arrivals, const struct journal_record *record, struct error *err)
{
    struct buffer *text = &arrivals->text;

    if (arrivals->count == 0 && record->entry.content >= 0)
        return arrivals->goal(arrivals->arg, record, err);
    arrivals->waiting[arrivals->count++] = *record;
    buffer_add(text, record->path, record->path_size);
    buffer_add(text, record->link, record->link_size);
    buffer_add(text, record->entry.target, record->entry.target_size);
    if (text->failed)
        return error_system(err, ENOMEM, "cannot hold an entry");
    bool is_full = arrivals->count == WAITING_MAX || text->size >= TEXT_MAX;
    return is_full || blob_writer_is_full(arrivals->writer) ? arrivals_settle(arrivals, err) : 0;
}
