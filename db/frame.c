/* frame.c - frames as received: cut into chunks by content, compressed, shared.
 *
 * The cut is the gear hash of FastCDC (Xia et al., 2016): the hash of the last 64 bytes, shifted by one a byte, so a
 * change moves no cut further away than one chunk. Where chunks are cut is no part of any digest and may be tuned.
 */
#include "db/frame.h"

#include "base/buffer.h"
#include "db/chunk_list.h"
#include "db/sql.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define CHUNK_MIN 4096               /* bytes; CHUNK_SIZE_MAX at most */
#define CHUNK_MASK 0x07ff00000000ULL /* 11 bits: a cut each 2 KiB behind the minimum; see doc/PERFORMANCE.md */
#define CHUNK_ZSTD_LEVEL 1           /* frames are JSON: level 3 saves 3 % more and takes twice the time */

static const char INSERT_CHUNK[] = "INSERT INTO chunk (digest, size, data) VALUES (?1, ?2, ?3)";
static const char INSERT_FRAME[] = "INSERT INTO frame (digest, size) VALUES (?1, ?2)";
static const char INSERT_LIST[] = "INSERT INTO frame_chunks (frame, position, chunks) VALUES (?1, ?2, ?3)";
static const char READ_FRAME[] = "SELECT digest, size FROM frame WHERE id = ?1";
static const char READ_CHUNK[] = "SELECT size, data, digest FROM chunk WHERE id = ?1";
/* From the list on that has the byte ?2. */
static const char READ_LISTS[] = "SELECT position, chunks FROM frame_chunks WHERE frame = ?1 AND position >="
                                 " (SELECT max(position) FROM frame_chunks WHERE frame = ?1 AND position <= ?2)"
                                 " ORDER BY position";
static const char ALL_LISTS[] = "SELECT frame, chunks FROM frame_chunks WHERE frame BETWEEN ?1 AND ?2";

struct frame_writer {
    struct store *store;
    struct sha256 *whole; /* of the frame; the store's own is for each chunk */
    ZSTD_CCtx *zstd;
    uint64_t size;
    struct buffer chunks; /* the chunks so far: struct chunk_ref each */
    struct buffer list;   /* a row */
    size_t filled;
    uint8_t chunk[CHUNK_SIZE_MAX];
    uint8_t packed[ZSTD_COMPRESSBOUND(CHUNK_SIZE_MAX)];
};

/* 256 fixed pseudo-random numbers, by SplitMix64 (Steele et al., 2014). */
static uint64_t gear[256];

static void make_gear(void)
{
    uint64_t state = 0;

    for (int i = 0; i < 256; i++) {
        uint64_t z = state += 0x9e3779b97f4a7c15ULL;

        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
        gear[i] = z ^ z >> 31;
    }
}

int frame_writer_new(struct frame_writer **out, struct store *store, struct error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct frame_writer *writer = calloc(1, sizeof *writer);

    pthread_once(&once, make_gear);
    if (writer) {
        writer->store = store;
        writer->whole = sha256_new();
        writer->zstd = ZSTD_createCCtx();
    }
    if (!writer || !writer->whole || !writer->zstd) {
        frame_writer_free(writer);
        return error_system(err, ENOMEM, "cannot keep a frame");
    }
    *out = writer;
    return 0;
}

void frame_writer_free(struct frame_writer *writer)
{
    if (!writer)
        return;
    sha256_free(writer->whole);
    ZSTD_freeCCtx(writer->zstd);
    buffer_free(&writer->chunks);
    buffer_free(&writer->list);
    free(writer);
}

static int insert_chunk(int64_t *id, struct frame_writer *writer, const struct digest *digest, size_t size,
                        struct error *err)
{
    cleanup_reset sqlite3_stmt *add = sql_statement(writer->store, INSERT_CHUNK, err);

    if (!add)
        return -EIO;
    size_t packed =
        ZSTD_compressCCtx(writer->zstd, writer->packed, sizeof writer->packed, writer->chunk, size, CHUNK_ZSTD_LEVEL);
    if (ZSTD_isError(packed))
        return error_system(err, EIO, "cannot compress a frame: %s", ZSTD_getErrorName(packed));
    sql_bind_digest(add, 1, digest);
    sqlite3_bind_int64(add, 2, (int64_t)size);
    sqlite3_bind_blob64(add, 3, writer->packed, packed, SQLITE_STATIC);
    int result = sql_step(writer->store, add, err);
    if (result < 0)
        return result;
    *id = sqlite3_last_insert_rowid(writer->store->db);
    return sql_batch_wrote(writer->store, packed, err);
}

/* Put the first `size` bytes of what is gathered as one chunk. */
static int put_chunk(struct frame_writer *writer, size_t size, struct error *err)
{
    struct store *store = writer->store;
    struct digest digest;
    int64_t id = 0;

    sha256_of(&digest, store->sha, writer->chunk, size);
    int result = sql_find_or_begin(&id, store, OBJECT_CHUNK, &digest, err);
    if (result == 0)
        result = insert_chunk(&id, writer, &digest, size, err);
    if (result < 0)
        return result;
    const struct chunk_ref chunk = {id, (uint32_t)size};
    buffer_add(&writer->chunks, &chunk, sizeof chunk);
    writer->filled -= size;
    memmove(writer->chunk, writer->chunk + size, writer->filled);
    return 0;
}

/* Where the chunk that begins at `bytes` ends; `size` when it does not end in them. */
static size_t find_cut(const uint8_t *bytes, size_t size)
{
    uint64_t hash = 0;

    for (size_t i = CHUNK_MIN; i < size; i++) {
        hash = (hash << 1) + gear[bytes[i]];
        if ((hash & CHUNK_MASK) == 0)
            return i + 1;
    }
    return size;
}

int frame_writer_add(struct frame_writer *writer, const void *bytes, size_t size, struct error *err)
{
    const uint8_t *from = bytes;

    sha256_add(writer->whole, bytes, size);
    writer->size += size;
    while (size) {
        size_t part = CHUNK_SIZE_MAX - writer->filled < size ? CHUNK_SIZE_MAX - writer->filled : size;

        memcpy(writer->chunk + writer->filled, from, part);
        writer->filled += part;
        from += part;
        size -= part;
        if (writer->filled == CHUNK_SIZE_MAX) {
            int result = put_chunk(writer, find_cut(writer->chunk, CHUNK_SIZE_MAX), err);
            if (result < 0)
                return result;
        }
    }
    return 0;
}

/* One row: `count` chunks, which begin at *position and end where it moves to. */
static int insert_list(uint64_t *position, struct frame_writer *writer, int64_t frame, const struct chunk_ref *chunks,
                       size_t count, struct error *err)
{
    cleanup_reset sqlite3_stmt *add = sql_statement(writer->store, INSERT_LIST, err);

    if (!add)
        return -EIO;
    buffer_clear(&writer->list);
    chunk_list_pack(&writer->list, chunks, count);
    if (writer->list.failed)
        return error_system(err, ENOMEM, "cannot keep a frame");
    sqlite3_bind_int64(add, 1, frame);
    sqlite3_bind_int64(add, 2, (int64_t)*position);
    sqlite3_bind_blob64(add, 3, writer->list.bytes, writer->list.size, SQLITE_STATIC);
    for (size_t i = 0; i < count; i++)
        *position += chunks[i].size;
    writer->store->batch_bytes += writer->list.size;
    return sql_step(writer->store, add, err);
}

/* All rows of it in one batch. */
static int insert_frame(int64_t *id, struct frame_writer *writer, const struct digest *digest, struct error *err)
{
    struct store *store = writer->store;
    cleanup_reset sqlite3_stmt *add = sql_statement(store, INSERT_FRAME, err);
    const struct chunk_ref *chunks = (const struct chunk_ref *)(const void *)writer->chunks.bytes;
    size_t count = writer->chunks.size / sizeof *chunks;
    uint64_t position = 0;

    if (!add)
        return -EIO;
    sql_bind_digest(add, 1, digest);
    sqlite3_bind_int64(add, 2, (int64_t)writer->size);
    int result = sql_step(store, add, err);
    *id = sqlite3_last_insert_rowid(store->db);
    for (size_t i = 0; result == 0 && i < count; i += CHUNK_LIST_MAX)
        result = insert_list(&position, writer, *id, chunks + i,
                             count - i < CHUNK_LIST_MAX ? count - i : CHUNK_LIST_MAX, err);
    return result < 0 ? result : sql_batch_wrote(store, 0, err);
}

int frame_writer_finish(int64_t *id, struct digest *digest, struct frame_writer *writer, struct error *err)
{
    struct store *store = writer->store;
    int result = 0;

    while (writer->filled && result == 0)
        result = put_chunk(writer, find_cut(writer->chunk, writer->filled), err);
    if (result == 0 && writer->chunks.failed)
        result = error_system(err, ENOMEM, "cannot keep a frame");
    if (result < 0)
        return result;
    sha256_final(digest, writer->whole);
    result = sql_find_or_begin(id, store, OBJECT_FRAME, digest, err);
    if (result == 0)
        result = insert_frame(id, writer, digest, err);
    buffer_clear(&writer->chunks);
    writer->size = 0;
    return result < 0 ? result : 0;
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

static int unpack(uint8_t raw[CHUNK_SIZE_MAX], size_t *size, sqlite3_stmt *row, const char *what, int64_t id,
                  struct error *err)
{
    size_t got =
        ZSTD_decompress(raw, CHUNK_SIZE_MAX, sqlite3_column_blob(row, 1), (size_t)sqlite3_column_bytes(row, 1));

    if (ZSTD_isError(got) || got != (size_t)sqlite3_column_int64(row, 0))
        return error_refused(err, EIO, "%s %lld is damaged", what, (long long)id);
    *size = got;
    return 0;
}

static int misplaced(int64_t id, struct error *err)
{
    return error_refused(err, EIO, "a chunk of frame %lld is missing or stands at the wrong place", (long long)id);
}

/* Where somebody who reads a frame stands in its lists. */
struct place {
    struct store *store;
    int64_t frame;
    sqlite3_stmt *rows;
    struct chunk_list list;
    uint64_t position; /* bytes before the next chunk */
    struct error *err;
};

/* The next list, which must begin where the one before it ended. */
static int next_list(struct place *p)
{
    int result = sql_step(p->store, p->rows, p->err);

    if (result <= 0)
        return result;
    if (sqlite3_column_int64(p->rows, 0) != (int64_t)p->position)
        return misplaced(p->frame, p->err);
    chunk_list_begin(&p->list, sqlite3_column_blob(p->rows, 1), (size_t)sqlite3_column_bytes(p->rows, 1));
    return 1;
}

/* 1: the next chunk, which p->position stands behind; 0: there is none. */
static int next_chunk(struct chunk_ref *chunk, struct place *p)
{
    int result;

    while ((result = chunk_list_next(chunk, &p->list)) == 0) {
        result = next_list(p);
        if (result <= 0)
            return result;
    }
    if (result < 0)
        return misplaced(p->frame, p->err);
    p->position += chunk->size;
    return 1;
}

/* Begin with the list that has the byte at `offset`. 0: there is none. */
static int place_begin(struct place *p, uint64_t offset)
{
    sqlite3_bind_int64(p->rows, 1, p->frame);
    sqlite3_bind_int64(p->rows, 2, (int64_t)offset);
    int result = sql_step(p->store, p->rows, p->err);
    if (result <= 0)
        return result;
    p->position = (uint64_t)sqlite3_column_int64(p->rows, 0);
    if (p->position > offset)
        return misplaced(p->frame, p->err);
    chunk_list_begin(&p->list, sqlite3_column_blob(p->rows, 1), (size_t)sqlite3_column_bytes(p->rows, 1));
    return 1;
}

static int read_chunk(uint8_t raw[CHUNK_SIZE_MAX], const struct place *p, const struct chunk_ref *chunk)
{
    cleanup_reset sqlite3_stmt *row = NULL;
    size_t size;
    int result = sql_find_row(&row, p->store, READ_CHUNK, chunk->id, p->err);

    if (result < 0)
        return result == -ENOENT ? misplaced(p->frame, p->err) : result;
    result = unpack(raw, &size, row, "a chunk of frame", p->frame, p->err);
    return result == 0 && size != chunk->size ? misplaced(p->frame, p->err) : result;
}

static int read_all(struct place *p, struct sha256 *whole, int (*sink)(void *arg, const void *bytes, size_t size),
                    void *arg)
{
    uint8_t raw[CHUNK_SIZE_MAX];
    struct chunk_ref chunk;
    int result = place_begin(p, 0);

    if (result == 1 && p->position != 0)
        return misplaced(p->frame, p->err);
    while (result == 1 && (result = next_chunk(&chunk, p)) == 1) {
        result = read_chunk(raw, p, &chunk);
        if (result == 0) {
            sha256_add(whole, raw, chunk.size);
            result = sink(arg, raw, chunk.size);
        }
        if (result != 0)
            return result;
        result = 1;
    }
    return result;
}

int frame_read(struct store *store, int64_t id, int (*sink)(void *arg, const void *bytes, size_t size), void *arg,
               struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, READ_FRAME, err);
    cleanup_reset sqlite3_stmt *rows = sql_statement(store, READ_LISTS, err);
    struct place p = {.store = store, .frame = id, .rows = rows, .err = err};
    struct digest expected, got;

    if (!find || !rows)
        return -EIO;
    sqlite3_bind_int64(find, 1, id);
    int result = sql_step(store, find, err);
    if (result < 0)
        return result;
    if (result == 0 || !sql_column_digest(&expected, find, 0))
        return error_refused(err, EIO, "frame %lld is not in the store", (long long)id);
    uint64_t expected_size = (uint64_t)sqlite3_column_int64(find, 1);
    struct sha256 *whole = sha256_new();
    if (!whole)
        return error_system(err, ENOMEM, "cannot read a frame");
    result = read_all(&p, whole, sink, arg);
    sha256_final(&got, whole);
    sha256_free(whole);
    if (result == 0 && (p.position != expected_size || !digest_equal(&got, &expected)))
        result = error_refused(err, EIO, "frame %lld does not have its digest any more", (long long)id);
    return result;
}

int frame_size(uint64_t *size, struct store *store, int64_t id, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = NULL;
    int result = sql_find_row(&find, store, READ_FRAME, id, err);

    if (result < 0)
        return result;
    *size = (uint64_t)sqlite3_column_int64(find, 1);
    return 0;
}

ssize_t frame_read_range(void *out, struct store *store, int64_t id, uint64_t offset, size_t size, struct error *err)
{
    cleanup_reset sqlite3_stmt *rows = sql_statement(store, READ_LISTS, err);
    struct place p = {.store = store, .frame = id, .rows = rows, .err = err};
    uint8_t raw[CHUNK_SIZE_MAX];
    struct chunk_ref chunk;
    uint64_t whole;
    size_t done = 0;

    if (!rows)
        return -EIO;
    int result = frame_size(&whole, store, id, err);
    if (result < 0 || offset >= whole)
        return result;
    if (size > whole - offset)
        size = (size_t)(whole - offset);
    result = place_begin(&p, offset);
    while (done < size && result == 1 && (result = next_chunk(&chunk, &p)) == 1) {
        if (p.position <= offset)
            continue;
        size_t skip = (size_t)(offset + done - (p.position - chunk.size));
        size_t part = chunk.size - skip < size - done ? chunk.size - skip : size - done;

        result = read_chunk(raw, &p, &chunk);
        if (result < 0)
            return result;
        memcpy((uint8_t *)out + done, raw + skip, part);
        done += part;
        result = 1;
    }
    if (result < 0)
        return result;
    return done == size ? (ssize_t)size : misplaced(id, err);
}

int frame_check_chunk(struct store *store, int64_t id, struct error *err)
{
    cleanup_reset sqlite3_stmt *row = sql_statement(store, READ_CHUNK, err);
    struct digest expected, got;
    uint8_t raw[CHUNK_SIZE_MAX];
    size_t size;

    if (!row)
        return -EIO;
    sqlite3_bind_int64(row, 1, id);
    int result = sql_step(store, row, err);
    if (result <= 0)
        return result; /* it went meanwhile */
    result = unpack(raw, &size, row, "chunk", id, err);
    if (result < 0)
        return result;
    sha256_of(&got, store->sha, raw, size);
    if (!sql_column_digest(&expected, row, 2) || !digest_equal(&got, &expected))
        return error_refused(err, EIO, "chunk %lld holds other bytes than its name says", (long long)id);
    return 0;
}

int frame_visit_chunks(struct store *store, int64_t first, int64_t last,
                       int (*visit)(void *arg, int64_t frame, int64_t chunk), void *arg, struct error *err)
{
    cleanup_reset sqlite3_stmt *rows = sql_statement(store, ALL_LISTS, err);
    struct chunk_ref chunk;
    struct chunk_list list;
    int result;

    if (!rows)
        return -EIO;
    sqlite3_bind_int64(rows, 1, first);
    sqlite3_bind_int64(rows, 2, last);
    while ((result = sql_step(store, rows, err)) == 1) {
        int64_t frame = sqlite3_column_int64(rows, 0);

        chunk_list_begin(&list, sqlite3_column_blob(rows, 1), (size_t)sqlite3_column_bytes(rows, 1));
        while ((result = chunk_list_next(&chunk, &list)) == 1)
            if ((result = visit(arg, frame, chunk.id)) != 0)
                return result;
        if (result < 0 && (result = visit(arg, frame, 0)) != 0)
            return result;
    }
    return result;
}
