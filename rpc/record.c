/* record.c - record marking, in place: the bytes of later fragments move down over the length words between them, each
 * byte once, so that a record of many fragments costs what one of few does. */
#include "rpc/record.h"

#include "base/bytes.h"
#include "rpc/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_WORD = 4 };

#define LAST_FRAGMENT 0x80000000u

void record_free(struct record_reader *reader)
{
    if (!reader->borrowed)
        free(reader->bytes);
    *reader = (struct record_reader){0};
}

static size_t waiting(const struct record_reader *reader)
{
    return (reader->end - reader->start) + (reader->filled - reader->next);
}

/* Copy the record so far and the bytes after it to `to`, without the gap between them; `to` may be the same buffer. */
static void move(struct record_reader *reader, uint8_t *to)
{
    size_t record = reader->end - reader->start, rest = reader->filled - reader->next;

    if (record)
        memmove(to, reader->bytes + reader->start, record);
    if (rest)
        memmove(to + record, reader->bytes + reader->next, rest);
    reader->start = 0;
    reader->end = reader->next = record;
    reader->filled = record + rest;
}

static int move_to_own(struct record_reader *reader, size_t room)
{
    uint8_t *own = malloc(room);

    if (!own)
        return -ENOMEM;
    uint8_t *old = reader->borrowed ? NULL : reader->bytes;
    move(reader, own);
    free(old);
    reader->bytes = own;
    reader->room = room;
    reader->borrowed = false;
    return 0;
}

uint8_t *record_room(size_t *size, struct record_reader *reader, uint8_t *lent, size_t lent_size)
{
    if (!reader->bytes) {
        reader->bytes = lent;
        reader->room = lent_size;
        reader->borrowed = true;
        reader->start = reader->end = reader->next = reader->filled = 0;
    } else if (reader->filled == reader->room) {
        size_t held = waiting(reader);

        /* Half full or less after closing the gaps is room enough. Else double: the record limit, checked at each
         * length word, is what ends this. */
        if (2 * held <= reader->room)
            move(reader, reader->bytes);
        else if (move_to_own(reader, 2 * reader->room) < 0)
            return NULL;
    }
    *size = reader->room - reader->filled;
    return reader->bytes + reader->filled;
}

void record_filled(struct record_reader *reader, size_t size)
{
    reader->filled += size;
}

/* Read a length word; 0 when it has not come whole. */
static int begin_fragment(struct record_reader *reader)
{
    if (reader->filled - reader->next < LENGTH_WORD)
        return 0;
    uint32_t word = get_be32(reader->bytes + reader->next);
    reader->next += LENGTH_WORD;
    reader->last = word & LAST_FRAGMENT;
    reader->left = word & ~LAST_FRAGMENT;
    if (reader->left > RPC_RECORD_MAX - (reader->end - reader->start))
        return -EBADMSG;
    if (reader->left == 0 && !reader->last && ++reader->empty > RPC_EMPTY_FRAGMENTS_MAX)
        return -EBADMSG;
    if (reader->end == reader->start)
        reader->start = reader->end = reader->next;
    reader->in_fragment = true;
    return 1;
}

int record_next(const uint8_t **record, size_t *size, struct record_reader *reader)
{
    for (;;) {
        if (!reader->in_fragment) {
            int r = begin_fragment(reader);
            if (r <= 0)
                return r;
        }
        size_t here = reader->filled - reader->next;
        if (here > reader->left)
            here = reader->left;
        if (here && reader->end != reader->next)
            memmove(reader->bytes + reader->end, reader->bytes + reader->next, here);
        reader->end += here;
        reader->next += here;
        reader->left -= (uint32_t)here;
        if (reader->left)
            return 0;
        reader->in_fragment = false;
        if (reader->last) {
            *record = reader->bytes + reader->start;
            *size = reader->end - reader->start;
            reader->start = reader->end = reader->next;
            reader->empty = 0;
            return 1;
        }
    }
}

bool record_peek(const uint8_t **record, size_t *size, size_t *at, const struct record_reader *reader)
{
    size_t here = reader->filled - reader->next - *at;

    if (reader->in_fragment || reader->end != reader->start || here < LENGTH_WORD)
        return false;
    const uint8_t *from = reader->bytes + reader->next + *at;
    uint32_t word = get_be32(from);
    *size = word & ~LAST_FRAGMENT;
    if (!(word & LAST_FRAGMENT) || *size > here - LENGTH_WORD)
        return false;
    *record = from + LENGTH_WORD;
    *at += LENGTH_WORD + *size;
    return true;
}

int record_settle(struct record_reader *reader)
{
    size_t held = waiting(reader);

    if (held == 0) {
        if (!reader->borrowed)
            free(reader->bytes);
        reader->bytes = NULL;
        reader->borrowed = false;
        reader->room = reader->start = reader->end = reader->next = reader->filled = 0;
        return 0;
    }
    size_t room = held < RPC_INPUT_FIRST ? RPC_INPUT_FIRST : held;
    if (!reader->borrowed && reader->room / 4 <= room)
        return 0;
    return move_to_own(reader, room);
}

bool record_is_partial(const struct record_reader *reader)
{
    return waiting(reader) || reader->in_fragment || reader->empty;
}
