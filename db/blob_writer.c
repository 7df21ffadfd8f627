/* blob_writer.c - gathering a content until it is known to be small or large, and following large ones to their rows.
 *
 * A content that fits into one piece is hashed first, and written only where the store does not have it; a larger one
 * is written while it comes. */
#include "db/blob_writer.h"

#include "db/blob.h"
#include "db/blob_worker.h"
#include "db/sql.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* Contents with tickets: so many keep files open and locked, and so many bytes are made durable at once. */
#define WAITING_MAX 64
#define WAITING_BYTES_MAX (64u << 20)

struct blob_writer {
    struct store *store;
    struct blob_worker *worker;
    struct blob_piece pieces[BLOB_PIECES_MAX];
    struct blob_piece *idle[BLOB_PIECES_MAX]; /* those that the worker does not have, nor is `current` */
    size_t idle_count;
    /* The content that is being added. */
    struct blob_piece *current; /* what is gathered of it, or NULL */
    struct blob_large *stream;  /* it is larger than a piece, and has a file */
    uint64_t size;
    /* Those with tickets: -1 is the first. */
    struct blob_large waiting[WAITING_MAX];
    size_t waiting_count;
    uint64_t waiting_bytes;
    bool is_settled; /* they are in the store; the next content takes their places */
};

int blob_writer_new(struct blob_writer **out, struct store *store, struct error *err)
{
    struct blob_writer *writer = calloc(1, sizeof *writer);

    if (writer)
        writer->worker = blob_worker_new(store);
    if (!writer || !writer->worker) {
        free(writer);
        return error_system(err, ENOMEM, "cannot write a blob");
    }
    writer->store = store;
    for (size_t i = 0; i < BLOB_PIECES_MAX; i++)
        writer->idle[writer->idle_count++] = &writer->pieces[i];
    *out = writer;
    return 0;
}

void blob_writer_free(struct blob_writer *writer)
{
    if (!writer)
        return;
    blob_worker_free(writer->worker);
    for (size_t i = 0; i < writer->waiting_count; i++)
        blob_file_drop(&writer->waiting[i].file);
    for (size_t i = 0; i < BLOB_PIECES_MAX; i++)
        free(writer->pieces[i].bytes);
    free(writer);
}

/* --- The worker --------------------------------------------------------------------------------------------------- */

static void give(struct blob_writer *writer, struct blob_large *content, enum blob_task task)
{
    struct blob_piece *piece = writer->current;

    writer->current = NULL;
    piece->content = content;
    piece->task = task;
    blob_worker_give(writer->worker, piece);
}

/* Does an earlier one of those that wait have the same bytes? */
static bool is_repeated(const struct blob_writer *writer, const struct blob_large *content)
{
    for (const struct blob_large *earlier = writer->waiting; earlier < content; earlier++)
        if (digest_equal(&earlier->digest, &content->digest))
            return true;
    return false;
}

/* A content is hashed: does it need a file? */
static bool is_needed(struct blob_writer *writer, struct blob_large *content)
{
    if (is_repeated(writer, content))
        return false;
    int found = blob_lookup(&content->id, writer->store, &content->digest, NULL);
    if (found < 0)
        content->failed = found;
    return found == 0;
}

/* What the worker has done with a piece, and what comes next. */
static void follow(struct blob_writer *writer, struct blob_piece *piece)
{
    struct blob_large *content = piece->content;
    bool is_hashed = piece->task == BLOB_HASH || piece->task == BLOB_END, needed = false;

    if (piece->failed < 0)
        content->failed = piece->failed;
    if (is_hashed && content->failed == 0) {
        needed = is_needed(writer, content);
        if (!needed && content->failed == 0)
            blob_count_known(writer->store, piece->task == BLOB_END ? content->file.size : piece->size);
    }
    if (piece->task == BLOB_HASH && needed) {
        piece->task = BLOB_WRITE;
        blob_worker_give(writer->worker, piece);
        return;
    }
    if (is_hashed && !needed)
        blob_file_drop(&content->file);
    writer->idle[writer->idle_count++] = piece;
}

static void follow_done(struct blob_writer *writer)
{
    struct blob_piece *piece;

    while ((piece = blob_worker_take(writer->worker, false)))
        follow(writer, piece);
}

/* Until the worker has nothing left to do. */
static void follow_all(struct blob_writer *writer)
{
    struct blob_piece *piece;

    while ((piece = blob_worker_take(writer->worker, true)))
        follow(writer, piece);
}

/* --- Adding ------------------------------------------------------------------------------------------------------- */

/* The place of the content that is being added. */
static struct blob_large *new_content(struct blob_writer *writer)
{
    assert(!blob_writer_is_full(writer));
    if (writer->is_settled)
        writer->waiting_count = writer->waiting_bytes = 0;
    writer->is_settled = false;
    struct blob_large *content = &writer->waiting[writer->waiting_count++];
    *content = (struct blob_large){.file.fd = -1};
    return content;
}

/* A piece is full, and more comes. */
static int pass_on(struct blob_writer *writer, struct error *err)
{
    int result = writer->stream ? 0 : blob_files_prepare(writer->store, err);

    if (result == 0 && !writer->stream) {
        writer->stream = new_content(writer);
        result = blob_file_failed(writer->store, blob_file_begin(&writer->stream->file, writer->store), err);
    }
    if (result == 0)
        result = blob_file_failed(writer->store, writer->stream->failed, err);
    if (result == 0)
        give(writer, writer->stream, BLOB_STREAM);
    return result;
}

/* Where there is none, the worker is waited for, and nobody else should wait for that. */
static struct blob_piece *idle_piece(struct blob_writer *writer, struct error *err)
{
    follow_done(writer);
    if ((writer->idle_count ? store_yield(writer->store, err) : store_flush(writer->store, err)) < 0)
        return NULL;
    while (writer->idle_count == 0)
        follow(writer, blob_worker_take(writer->worker, true));
    struct blob_piece *piece = writer->idle[writer->idle_count - 1];
    if (!piece->bytes && !(piece->bytes = malloc(BLOB_PIECE_SIZE))) {
        error_system(err, ENOMEM, "cannot write a blob");
        return NULL;
    }
    writer->idle_count--;
    piece->size = 0;
    return piece;
}

int blob_writer_reserve(void **room, size_t *size, struct blob_writer *writer, struct error *err)
{
    if (writer->current && writer->current->size == BLOB_PIECE_SIZE) {
        int result = pass_on(writer, err);
        if (result < 0)
            return result;
    }
    if (!writer->current)
        writer->current = idle_piece(writer, err);
    if (!writer->current)
        return -EIO;
    *room = writer->current->bytes + writer->current->size;
    *size = BLOB_PIECE_SIZE - writer->current->size;
    return 0;
}

void blob_writer_took(struct blob_writer *writer, size_t size)
{
    writer->current->size += size;
    writer->size += size;
}

int blob_writer_add(struct blob_writer *writer, const void *bytes, size_t size, struct error *err)
{
    const uint8_t *from = bytes;
    int result = 0;

    while (size && result == 0) {
        size_t room;
        void *to;

        result = blob_writer_reserve(&to, &room, writer, err);
        if (result < 0)
            break;
        if (room > size)
            room = size;
        memcpy(to, from, room);
        blob_writer_took(writer, room);
        from += room;
        size -= room;
    }
    return result;
}

/* --- Finishing ---------------------------------------------------------------------------------------------------- */

static void begin_next(struct blob_writer *writer)
{
    if (writer->current)
        writer->idle[writer->idle_count++] = writer->current;
    writer->current = NULL;
    writer->stream = NULL;
    writer->size = 0;
}

/* The worker has to be done with it, and the digest of what it was given be out of the way. */
static void drop_stream(struct blob_writer *writer)
{
    struct blob_large *content = writer->stream;

    follow_all(writer);
    if (!writer->current)
        writer->current = writer->idle[--writer->idle_count];
    writer->current->size = 0;
    content->failed = -ECANCELED;
    give(writer, content, BLOB_END);
    follow_all(writer);
    blob_file_drop(&content->file);
    writer->waiting_count--;
}

void blob_writer_drop(struct blob_writer *writer)
{
    if (writer->stream)
        drop_stream(writer);
    begin_next(writer);
}

/* The content gets a ticket. */
static int finish_large(int64_t *id, struct blob_writer *writer, struct error *err)
{
    struct blob_large *content = writer->stream;
    int result = content ? 0 : blob_files_prepare(writer->store, err);

    if (result < 0)
        return result;
    give(writer, content ? content : new_content(writer), content ? BLOB_END : BLOB_HASH);
    writer->waiting_bytes += writer->size;
    *id = -(int64_t)writer->waiting_count;
    return 0;
}

int blob_writer_finish(int64_t *id, struct digest *digest, uint64_t *size, struct blob_writer *writer,
                       struct error *err)
{
    int result;

    *size = writer->size;
    if (writer->size <= BLOB_INLINE_MAX)
        result =
            blob_put(id, digest, writer->store, writer->current ? writer->current->bytes : NULL, writer->size, err);
    else
        result = finish_large(id, writer, err);
    if (result == 0)
        begin_next(writer);
    else
        blob_writer_drop(writer);
    return result;
}

/* --- Tickets ------------------------------------------------------------------------------------------------------ */

bool blob_writer_is_full(const struct blob_writer *writer)
{
    return !writer->is_settled && (writer->waiting_count == WAITING_MAX || writer->waiting_bytes >= WAITING_BYTES_MAX);
}

/* Repeated ones have the row of the first. */
static void share_rows(struct blob_writer *writer)
{
    for (size_t i = 0; i < writer->waiting_count; i++)
        for (size_t j = 0; j < i && !writer->waiting[i].id; j++)
            if (digest_equal(&writer->waiting[j].digest, &writer->waiting[i].digest))
                writer->waiting[i].id = writer->waiting[j].id;
}

int blob_writer_settle(struct blob_writer *writer, struct error *err)
{
    int result = 0;

    if (writer->is_settled || writer->waiting_count == 0)
        return 0;
    result = store_flush(writer->store, err);
    follow_all(writer);
    for (size_t i = 0; i < writer->waiting_count && result == 0; i++)
        result = blob_file_failed(writer->store, writer->waiting[i].failed, err);
    if (result == 0)
        result = blob_adopt(writer->waiting, writer->waiting_count, writer->store, err);
    for (size_t i = 0; i < writer->waiting_count; i++)
        blob_file_drop(&writer->waiting[i].file);
    share_rows(writer);
    writer->is_settled = true;
    return result;
}

void blob_writer_redeem(int64_t *id, struct digest *digest, const struct blob_writer *writer)
{
    if (*id >= 0)
        return;
    const struct blob_large *content = &writer->waiting[-*id - 1];
    *id = content->id;
    *digest = content->digest;
}
