/* journal.c - records as they lie in memory, one behind the other; nobody but this process reads them. */
#include "import/journal.h"

#include "import/spool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_SIZE 65536u /* bytes of the spool that are held; some hundred records */
#define GLANCE_SIZE 1024u  /* bytes that are read where the next one asked for may be anywhere; a record and more */

/* What an entry is, without its texts and what is below it; and how the record goes on. No byte of it is padding. */
struct head {
    uint64_t size, mtime, tag;
    int64_t content, xattrs;
    uint32_t mode, uid, gid, rdev_major, rdev_minor, flags;
    uint16_t path_size, text_size; /* text: of a symbolic link or a hard link, which no file is both of */
    uint16_t has_link, has_digests;
};

_Static_assert(sizeof(struct head) == 72, "a head has padding");

#define RECORD_MAX (sizeof(struct head) + 2 * DIGEST_SIZE + 2 * (size_t)UINT16_MAX)

struct journal {
    struct spool *spool;
    uint64_t window_at;
    size_t window_used;
    uint8_t window[WINDOW_SIZE];
    uint8_t record[RECORD_MAX]; /* the one that was read last, or is being written */
};

struct journal *journal_new(const char *directory)
{
    struct journal *journal = malloc(sizeof *journal);

    if (!journal)
        return NULL;
    journal->window_at = 0;
    journal->window_used = 0;
    journal->spool = spool_new(directory);
    if (!journal->spool) {
        free(journal);
        return NULL;
    }
    return journal;
}

void journal_free(struct journal *journal)
{
    if (!journal)
        return;
    spool_free(journal->spool);
    free(journal);
}

uint64_t journal_end(const struct journal *journal)
{
    return spool_size(journal->spool);
}

static uint8_t *put(uint8_t *at, const void *bytes, size_t size)
{
    if (size > 0)
        memcpy(at, bytes, size);
    return at + size;
}

int journal_add(uint64_t *offset, struct journal *journal, const struct journal_record *record, struct error *err)
{
    const struct entry *entry = &record->entry;
    const char *text = record->link ? record->link : entry->target;
    const struct head head = {
        .size = entry->size,
        .mtime = entry->mtime,
        .tag = record->tag,
        .content = entry->content,
        .xattrs = entry->xattrs,
        .mode = entry->mode,
        .uid = entry->uid,
        .gid = entry->gid,
        .rdev_major = entry->rdev_major,
        .rdev_minor = entry->rdev_minor,
        .flags = entry->flags,
        .path_size = record->path_size,
        .text_size = record->link    ? record->link_size
                     : entry->target ? entry->target_size
                                     : 0,
        .has_link = record->link != NULL,
        .has_digests = entry->content || entry->xattrs,
    };
    uint8_t *at = put(journal->record, &head, sizeof head);

    if (head.has_digests) {
        at = put(at, record->digests.content.bytes, DIGEST_SIZE);
        at = put(at, record->digests.xattrs.bytes, DIGEST_SIZE);
    }
    at = put(at, record->path, head.path_size);
    at = put(at, text, head.text_size);
    *offset = spool_size(journal->spool);
    return spool_add(journal->spool, journal->record, (size_t)(at - journal->record), err);
}

/* Fill the window from an offset on: as far as it goes where reading moves forward, else with little. */
static int fill_window(struct journal *journal, uint64_t offset, size_t size, struct error *err)
{
    uint64_t end = journal->window_at + journal->window_used, left = spool_size(journal->spool) - offset;
    bool is_next = offset >= journal->window_at && offset <= end + GLANCE_SIZE;
    size_t wanted = is_next ? WINDOW_SIZE : size > GLANCE_SIZE ? size : GLANCE_SIZE;

    if (wanted > left)
        wanted = (size_t)left;
    journal->window_at = offset;
    journal->window_used = 0;
    int result = spool_read(journal->window, journal->spool, offset, wanted, err);
    if (result == 0)
        journal->window_used = wanted;
    return result;
}

static int read_bytes(uint8_t *out, struct journal *journal, uint64_t offset, size_t size, struct error *err)
{
    if (offset < journal->window_at || offset + size > journal->window_at + journal->window_used) {
        if (size > WINDOW_SIZE || size > spool_size(journal->spool) - offset)
            return spool_read(out, journal->spool, offset, size, err);
        int result = fill_window(journal, offset, size, err);
        if (result < 0)
            return result;
    }
    memcpy(out, journal->window + (offset - journal->window_at), size);
    return 0;
}

static struct entry entry_of(const struct head *head)
{
    return (struct entry){
        .mode = head->mode,
        .uid = head->uid,
        .gid = head->gid,
        .rdev_major = head->rdev_major,
        .rdev_minor = head->rdev_minor,
        .flags = head->flags,
        .size = head->size,
        .mtime = head->mtime,
        .content = head->content,
        .xattrs = head->xattrs,
    };
}

int journal_read(struct journal_record *record, uint64_t *next, struct journal *journal, uint64_t offset,
                 struct error *err)
{
    struct head head;
    int result = read_bytes(journal->record, journal, offset, sizeof head, err);

    if (result < 0)
        return result;
    memcpy(&head, journal->record, sizeof head);
    size_t size = (head.has_digests ? 2 * DIGEST_SIZE : 0) + (size_t)head.path_size + head.text_size;
    result = read_bytes(journal->record, journal, offset + sizeof head, size, err);
    if (result < 0)
        return result;
    const uint8_t *at = journal->record;
    *record = (struct journal_record){.path_size = head.path_size, .tag = head.tag, .entry = entry_of(&head)};
    if (head.has_digests) {
        memcpy(record->digests.content.bytes, at, DIGEST_SIZE);
        memcpy(record->digests.xattrs.bytes, at + DIGEST_SIZE, DIGEST_SIZE);
        at += 2 * DIGEST_SIZE;
    }
    record->path = (const char *)at;
    if (head.has_link) {
        record->link = record->path + head.path_size;
        record->link_size = head.text_size;
    } else if (head.text_size) {
        record->entry.target = record->path + head.path_size;
        record->entry.target_size = head.text_size;
    }
    if (next)
        *next = offset + sizeof head + size;
    return 0;
}
