/* wal.c - frames, checked as SQLite checks them, up to the last one that ends a transaction. */
#include "import/wal.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define FILE_HEADER_SIZE 100u
#define FILE_PAGE_SIZE 16u      /* where the page's size stands: be16, 1 is 65536 */
#define FILE_WRITE_VERSION 18u  /* and of reading behind it: 1 without a log, 2 with one */
#define FILE_CHANGE_COUNTER 24u /* the size at 28 counts where this equals … */
#define FILE_VALID_FOR 92u      /* … this */
#define WAL_HEADER_SIZE 32u
#define WAL_MAGIC 0x377f0682u /* the lowest bit: sums are over big-endian words */
#define WAL_VERSION 3007000u
#define WAL_SALT 16u /* in the header; in a frame's it stands at 8 */
#define WAL_SUM 24u
#define FRAME_HEADER_SIZE 24u /* be32 page, size of the database in pages if it ends a transaction, salt, sum */
#define FRAME_SALT 8u
#define FRAME_SUM 16u
#define SALT_SIZE 8u

struct log {
    const uint8_t *bytes;
    size_t size, page;
    bool is_big;
    uint32_t sum[2];
};

static size_t page_size(const struct buffer *file)
{
    size_t size = (size_t)file->bytes[FILE_PAGE_SIZE] << 8 | file->bytes[FILE_PAGE_SIZE + 1];

    size = size == 1 ? 65536 : size;
    return size < 512 || (size & (size - 1)) > 0 ? 0 : size;
}

static uint32_t word(const struct log *log, const uint8_t *at)
{
    uint32_t little;

    if (log->is_big)
        return get_be32(at);
    memcpy(&little, at, sizeof little);
    return le32toh(little);
}

static void add_sum(struct log *log, const uint8_t *at, size_t size)
{
    for (size_t i = 0; i < size; i += 8) {
        log->sum[0] += word(log, at + i) + log->sum[1];
        log->sum[1] += word(log, at + i + 4) + log->sum[0];
    }
}

static bool has_sum(const struct log *log, const uint8_t *at)
{
    return get_be32(at) == log->sum[0] && get_be32(at + 4) == log->sum[1];
}

static bool open_log(struct log *log, const struct buffer *wal, size_t page)
{
    if (wal->size < WAL_HEADER_SIZE || (get_be32(wal->bytes) & ~1u) != WAL_MAGIC ||
        get_be32(wal->bytes + 4) != WAL_VERSION || get_be32(wal->bytes + 8) != page)
        return false;
    *log = (struct log){.bytes = wal->bytes, .size = wal->size, .page = page, .is_big = (get_be32(wal->bytes) & 1) > 0};
    add_sum(log, wal->bytes, WAL_SUM);
    return has_sum(log, wal->bytes + WAL_SUM);
}

/* How much of the log is committed, and how many pages the database has then (0: nothing is). */
static size_t find_commit(uint32_t *pages, struct log *log)
{
    const size_t step = FRAME_HEADER_SIZE + log->page;
    size_t end = WAL_HEADER_SIZE;

    *pages = 0;
    for (size_t at = WAL_HEADER_SIZE; log->size - at >= step; at += step) {
        const uint8_t *frame = log->bytes + at;

        add_sum(log, frame, FRAME_SALT);
        add_sum(log, frame + FRAME_HEADER_SIZE, log->page);
        if (memcmp(frame + FRAME_SALT, log->bytes + WAL_SALT, SALT_SIZE) != 0 || !has_sum(log, frame + FRAME_SUM) ||
            get_be32(frame) == 0)
            return end;
        if (get_be32(frame + 4) == 0)
            continue;
        *pages = get_be32(frame + 4);
        end = at + step;
    }
    return end;
}

static int resize(struct buffer *file, size_t size, size_t max)
{
    if (size > max)
        return -EFBIG;
    if (size > file->size) {
        const size_t more = size - file->size;
        uint8_t *to = buffer_reserve(file, more);

        if (!to)
            return -ENOMEM;
        memset(to, 0, more);
    }
    file->size = size;
    return 0;
}

static int copy_committed(struct buffer *file, struct log *log, size_t max)
{
    const size_t step = FRAME_HEADER_SIZE + log->page;
    uint32_t pages;
    const size_t end = find_commit(&pages, log);
    int rc = pages ? resize(file, pages * log->page, max) : 0;

    for (size_t at = WAL_HEADER_SIZE; at < end && rc == 0; at += step) {
        const uint8_t *frame = log->bytes + at;
        const uint32_t page = get_be32(frame);

        if (page <= pages) /* a later transaction may have cut it off */
            memcpy(file->bytes + (page - 1) * log->page, frame + FRAME_HEADER_SIZE, log->page);
    }
    return rc;
}

int wal_apply(struct buffer *file, const struct buffer *wal, size_t max)
{
    static const char magic[] = "SQLite format 3";
    struct log log;

    if (file->size < FILE_HEADER_SIZE || memcmp(file->bytes, magic, sizeof magic) != 0 || page_size(file) == 0)
        return -EBADMSG;
    int rc = open_log(&log, wal, page_size(file)) ? copy_committed(file, &log, max) : 0;
    if (rc == 0) {
        memset(file->bytes + FILE_WRITE_VERSION, 1, 2);
        memset(file->bytes + FILE_CHANGE_COUNTER, 0, 4);
        memset(file->bytes + FILE_VALID_FOR, 1, 4); /* the file's own size counts */
    }
    return rc;
}
