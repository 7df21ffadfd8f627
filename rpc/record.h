/* record.h - records out of a byte stream (RFC 5531, section 11): fragments with a length word each, put together.
 *
 * Bytes are read into a buffer that belongs to the worker; only what stays incomplete, or has to wait, moves to memory
 * of the connection's own. So an idle connection holds none, and a peer that claims 2 GiB gets as much as it sent.
 *
 *     record_room()  where to read to          record_filled()  how much was read
 *     record_next()  each complete record      record_settle()  before the worker's buffer serves somebody else
 */
#ifndef RPC_RECORD_H
#define RPC_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The buffer, while the second of three fragments is being put behind the first:
 *
 *     bytes  start             end        next             filled          room
 *       |      |   record so far  |  gap    |  not looked at  |    free      |
 *       ..done.|AAAAAAAAAAAABBBBBB|(words)  |BBBBBB(word)CCCC |              |
 *
 * Bytes of B move from `next` down to `end`; the length words that were passed over stay in the gap between. */
struct record_reader {
    uint8_t *bytes;
    size_t room;
    bool borrowed;       /* `bytes` is the worker's */
    size_t start, end;   /* the record so far */
    size_t next, filled; /* bytes not yet looked at; between `end` and `next` stand the length words passed over */
    uint32_t left;       /* bytes that the fragment still lacks */
    bool in_fragment;    /* its length word was read */
    bool last;           /* it ends the record */
    unsigned empty;      /* empty fragments in this record */
};

/* All zero is a reader at the beginning of a stream. */
void record_free(struct record_reader *reader);

/* Where the next bytes go: *size of them, never 0. `lent` (lent_size bytes) is used while nothing waits. NULL when
 * memory is out. Only to be called when record_next() has returned 0. */
uint8_t *record_room(size_t *size, struct record_reader *reader, uint8_t *lent, size_t lent_size);
void record_filled(struct record_reader *reader, size_t size);

/* 1 and the next record, borrowed until the next call of any function here; 0 when more must be read; -EBADMSG when no
 * good can come of this stream. */
int record_next(const uint8_t **record, size_t *size, struct record_reader *reader);

/* The record of one fragment that stands `*at` bytes behind what record_next() has passed, if it is there whole; *at is
 * its end then. Changes nothing. */
bool record_peek(const uint8_t **record, size_t *size, size_t *at, const struct record_reader *reader);

/* Return the lent buffer; what is left moves to own memory. Returns 0 or -ENOMEM. */
int record_settle(struct record_reader *reader);

/* Has part of a record come, and the rest not? */
bool record_is_partial(const struct record_reader *reader);

#endif
