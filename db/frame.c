/* frame.c - frames as received: cut into chunks by content, compressed, shared.
 *
 * The cut is the gear hash of FastCDC (Xia et al., 2016): the hash of the last 64 bytes, shifted by one a byte, so a
 * change moves no cut further away than one chunk. Where chunks are cut is no part of any digest and may be tuned.
 */
#include "db/frame.h"

#include "base/buffer.h"
#include "db/sql.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define CHUNK_MIN 4096               /* bytes */
#define CHUNK_MAX 65536              /* bytes */
#define CHUNK_MASK 0x07ff00000000ULL /* 11 bits: a cut each 2 KiB behind the minimum; see doc/PERFORMANCE.md */
#define CHUNK_ZSTD_LEVEL 1           /* frames are JSON: level 3 saves 3 % more and takes twice the time */

static const char INSERT_CHUNK[] = "INSERT INTO chunk (digest, size, data) VALUES (?1, ?2, ?3)";
static const char INSERT_FRAME[] = "INSERT INTO frame (digest, size) VALUES (?1, ?2)";
static const char INSERT_FRAME_CHUNK[] = "INSERT INTO frame_chunk (frame, position, chunk) VALUES (?1, ?2, ?3)";
static const char READ_FRAME[] = "SELECT digest, size FROM frame WHERE id = ?1";
static const char READ_CHUNK[] = "SELECT size, data, digest FROM chunk WHERE id = ?1";
static const char READ_CHUNKS[] = "SELECT c.size, c.data, f.position FROM frame_chunk AS f"
                                  " JOIN chunk AS c ON c.id = f.chunk WHERE f.frame = ?1 ORDER BY f.position";
static const char READ_RANGE[] = "SELECT c.size, c.data, f.position FROM frame_chunk AS f"
                                 " JOIN chunk AS c ON c.id = f.chunk WHERE f.frame = ?1 AND f.position < ?3"
                                 " AND f.position >= (SELECT max(position) FROM frame_chunk WHERE frame = ?1"
                                 " AND position <= ?2) ORDER BY f.position";

struct piece {
    int64_t position, chunk;
};

struct frame_writer {
    struct store *store;
    struct sha256 *whole; /* of the frame; the store's own is for each chunk */
    ZSTD_CCtx *zstd;
    uint64_t size;
    struct buffer chunks; /* the chunks so far: struct piece each */
    uint64_t cut;         /* bytes in them */
    size_t filled;
    uint8_t chunk[CHUNK_MAX];
    uint8_t packed[ZSTD_COMPRESSBOUND(CHUNK_MAX)];
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
    const struct piece piece = {(int64_t)writer->cut, id};
    buffer_add(&writer->chunks, &piece, sizeof piece);
    writer->cut += size;
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
        size_t part = CHUNK_MAX - writer->filled < size ? CHUNK_MAX - writer->filled : size;

        memcpy(writer->chunk + writer->filled, from, part);
        writer->filled += part;
        from += part;
        size -= part;
        if (writer->filled == CHUNK_MAX) {
            int result = put_chunk(writer, find_cut(writer->chunk, CHUNK_MAX), err);
            if (result < 0)
                return result;
        }
    }
    return 0;
}

static int insert_frame(int64_t *id, struct frame_writer *writer, const struct digest *digest, struct error *err)
{
    struct store *store = writer->store;
    cleanup_reset sqlite3_stmt *add = sql_statement(store, INSERT_FRAME, err);
    cleanup_reset sqlite3_stmt *row = sql_statement(store, INSERT_FRAME_CHUNK, err);
    size_t count = writer->chunks.size / sizeof(struct piece);

    if (!add || !row)
        return -EIO;
    sql_bind_digest(add, 1, digest);
    sqlite3_bind_int64(add, 2, (int64_t)writer->size);
    int result = sql_step(store, add, err);
    *id = sqlite3_last_insert_rowid(store->db);
    for (size_t i = 0; result == 0 && i < count; i++) {
        struct piece piece;

        memcpy(&piece, writer->chunks.bytes + i * sizeof piece, sizeof piece);
        sqlite3_bind_int64(row, 1, *id);
        sqlite3_bind_int64(row, 2, piece.position);
        sqlite3_bind_int64(row, 3, piece.chunk);
        result = sql_step(store, row, err);
        sqlite3_reset(row);
    }
    return result < 0 ? result : sql_batch_wrote(store, count * 3 * sizeof(int64_t), err);
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
    writer->size = writer->cut = 0;
    return result < 0 ? result : 0;
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

static int unpack(uint8_t raw[CHUNK_MAX], size_t *size, sqlite3_stmt *row, const char *what, int64_t id,
                  struct error *err)
{
    size_t got = ZSTD_decompress(raw, CHUNK_MAX, sqlite3_column_blob(row, 1), (size_t)sqlite3_column_bytes(row, 1));

    if (ZSTD_isError(got) || got != (size_t)sqlite3_column_int64(row, 0))
        return error_refused(err, EIO, "%s %lld is damaged", what, (long long)id);
    *size = got;
    return 0;
}

static int misplaced(int64_t id, struct error *err)
{
    return error_refused(err, EIO, "a chunk of frame %lld is missing or stands at the wrong place", (long long)id);
}

int frame_read(struct store *store, int64_t id, int (*sink)(void *arg, const void *bytes, size_t size), void *arg,
               struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, READ_FRAME, err);
    cleanup_reset sqlite3_stmt *row = sql_statement(store, READ_CHUNKS, err);
    struct digest expected, got;
    uint8_t raw[CHUNK_MAX];
    size_t size = 0;

    if (!find || !row)
        return -EIO;
    sqlite3_bind_int64(find, 1, id);
    int result = sql_step(store, find, err);
    if (result < 0)
        return result;
    if (result == 0 || !sql_column_digest(&expected, find, 0))
        return error_refused(err, EIO, "frame %lld is not in the store", (long long)id);
    uint64_t expected_size = (uint64_t)sqlite3_column_int64(find, 1), done = 0;
    sqlite3_bind_int64(row, 1, id);
    struct sha256 *whole = sha256_new();
    if (!whole)
        return error_system(err, ENOMEM, "cannot read a frame");
    while ((result = sql_step(store, row, err)) == 1) {
        result = unpack(raw, &size, row, "a chunk of frame", id, err);
        if (result == 0 && (uint64_t)sqlite3_column_int64(row, 2) != done)
            result = misplaced(id, err);
        if (result == 0) {
            sha256_add(whole, raw, size);
            done += size;
        }
        if (result == 0)
            result = sink(arg, raw, size);
        if (result != 0)
            break;
    }
    sha256_final(&got, whole);
    sha256_free(whole);
    if (result == 0 && (done != expected_size || !digest_equal(&got, &expected)))
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
    cleanup_reset sqlite3_stmt *row = sql_statement(store, READ_RANGE, err);
    uint8_t raw[CHUNK_MAX];
    uint64_t whole;
    size_t got, done = 0;

    if (!row)
        return -EIO;
    int result = frame_size(&whole, store, id, err);
    if (result < 0 || offset >= whole)
        return result;
    if (size > whole - offset)
        size = (size_t)(whole - offset);
    sqlite3_bind_int64(row, 1, id);
    sqlite3_bind_int64(row, 2, (int64_t)offset);
    sqlite3_bind_int64(row, 3, (int64_t)(offset + size));
    while (done < size && (result = sql_step(store, row, err)) == 1) {
        uint64_t at = (uint64_t)sqlite3_column_int64(row, 2);

        result = unpack(raw, &got, row, "a chunk of frame", id, err);
        if (result < 0)
            return result;
        if (at > offset + done || at + got <= offset + done)
            return misplaced(id, err);
        size_t skip = (size_t)(offset + done - at), part = got - skip < size - done ? got - skip : size - done;
        memcpy((uint8_t *)out + done, raw + skip, part);
        done += part;
    }
    if (result < 0)
        return result;
    return done == size ? (ssize_t)size : misplaced(id, err);
}

int frame_check_chunk(struct store *store, int64_t id, struct error *err)
{
    cleanup_reset sqlite3_stmt *row = sql_statement(store, READ_CHUNK, err);
    struct digest expected, got;
    uint8_t raw[CHUNK_MAX];
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
