/* verdict_draft.c - data of unstable WRITEs, in memory until their row is written. */
#include "nfsd/verdict_draft.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 4096u /* bytes; doubled as needed */

static struct draft *find(struct verdict_writer *writer, int64_t row)
{
    for (size_t i = 0; i < DRAFTS_MAX; i++)
        if (writer->drafts[i].file.row == row)
            return &writer->drafts[i];
    return NULL;
}

struct draft *draft_of(struct verdict_writer *writer, int64_t row)
{
    if (atomic_load_explicit(&writer->draft_count, memory_order_relaxed) == 0)
        return NULL;
    struct draft *draft = find(writer, row);
    return draft && !draft->settled ? draft : NULL;
}

/* Room for so many bytes, zeros behind what there is. The lock is held. */
static int grow(struct draft *draft, size_t size)
{
    size_t room = draft->room ? draft->room : ROOM_FIRST;

    if (size <= draft->room)
        return 0;
    while (room < size)
        room *= 2;
    uint8_t *bytes = realloc(draft->bytes, room);
    if (!bytes)
        return -ENOMEM;
    memset(bytes + draft->room, 0, room - draft->room);
    draft->bytes = bytes;
    draft->room = room;
    return 0;
}

struct draft *draft_new(struct verdict_writer *writer, const struct verdict_file *file)
{
    struct draft *draft = find(writer, file->row) ? NULL : find(writer, 0);
    struct draft made = {.file = *file, .written = verdicts_now(writer->verdicts)};
    size_t read = 0;

    if (!draft || grow(&made, file->size) < 0)
        return NULL;
    if (verdict_read(made.bytes, &read, writer->verdicts, file->row, 0, file->size, NULL) < 0 || read != file->size) {
        free(made.bytes);
        return NULL;
    }
    pthread_mutex_lock(&writer->draft_lock);
    *draft = made;
    pthread_mutex_unlock(&writer->draft_lock);
    atomic_fetch_add_explicit(&writer->draft_count, 1, memory_order_release);
    return draft;
}

int draft_put(struct draft *draft, struct verdict_writer *writer, uint64_t offset, const uint8_t *bytes, size_t size)
{
    pthread_mutex_lock(&writer->draft_lock);
    int result = grow(draft, (size_t)offset + size);
    if (result == 0) {
        if (size)
            memcpy(draft->bytes + offset, bytes, size);
        draft->written = verdicts_now(writer->verdicts);
    }
    pthread_mutex_unlock(&writer->draft_lock);
    return result;
}

void draft_set(struct draft *draft, struct verdict_writer *writer, const struct verdict_file *file)
{
    pthread_mutex_lock(&writer->draft_lock);
    draft->file = *file;
    pthread_mutex_unlock(&writer->draft_lock);
}

int draft_write(struct draft *draft, struct verdict_writer *writer, struct error *err)
{
    struct verdict_file file = draft->file;
    int result = verdict_write(&file, writer->verdicts, draft->bytes, (size_t)file.size, err);

    if (result == 0)
        draft->settled = true;
    return result;
}

void draft_drop(struct draft *draft, struct verdict_writer *writer)
{
    pthread_mutex_lock(&writer->draft_lock);
    free(draft->bytes);
    *draft = (struct draft){0};
    pthread_mutex_unlock(&writer->draft_lock);
    atomic_fetch_sub_explicit(&writer->draft_count, 1, memory_order_release);
}

void drafts_settle(struct verdict_writer *writer, bool committed)
{
    for (size_t i = 0; i < DRAFTS_MAX; i++) {
        struct draft *draft = &writer->drafts[i];

        if (draft->settled && committed)
            draft_drop(draft, writer);
        draft->settled = false;
    }
}

bool verdict_draft_find(struct verdict_file *file, struct verdict_writer *writer, int64_t row)
{
    if (atomic_load_explicit(&writer->draft_count, memory_order_acquire) == 0)
        return false;
    pthread_mutex_lock(&writer->draft_lock);
    const struct draft *draft = find(writer, row);
    if (draft)
        *file = draft->file;
    pthread_mutex_unlock(&writer->draft_lock);
    return draft;
}

bool verdict_draft_read(void *out, size_t *read, struct verdict_writer *writer, int64_t row, uint64_t offset,
                        size_t size)
{
    if (atomic_load_explicit(&writer->draft_count, memory_order_acquire) == 0)
        return false;
    pthread_mutex_lock(&writer->draft_lock);
    const struct draft *draft = find(writer, row);
    if (draft) {
        uint64_t left = offset < draft->file.size ? draft->file.size - offset : 0;

        *read = size < left ? size : (size_t)left;
        if (*read)
            memcpy(out, draft->bytes + offset, *read);
    }
    pthread_mutex_unlock(&writer->draft_lock);
    return draft;
}
