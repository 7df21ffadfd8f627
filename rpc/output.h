/* output.h - replies on their way out: a byte string with pieces of other memory between its bytes.
 *
 * Each worker has one, in a region, where all replies of a wake-up of a connection gather and leave by one sendmsg(2).
 * What the socket does not take moves to a small one of the connection's own, and goes first next time.
 */
#ifndef RPC_OUTPUT_H
#define RPC_OUTPUT_H

#include "rpc/call.h"
#include "rpc/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output_piece {
    size_t at; /* goes out before the byte string's byte `at` */
    const uint8_t *bytes;
    size_t left;
    struct rpc_hold *hold; /* counts this piece; NULL: valid until the worker rests */
};

struct output {
    uint8_t *bytes;
    size_t sent, size;
    struct output_piece pieces[RPC_PIECES_MAX];
    unsigned piece_first, piece_count; /* pieces[piece_first .. piece_count) are to be sent */
    size_t piece_bytes;                /* what they have together */
};

/* Bytes not yet sent. */
size_t output_waiting(const struct output *output);

/* Must it be sent before another reply is made? */
bool output_is_full(const struct output *output);

/* A piece after the bytes that are there now, and zeros that pad it to four. */
void output_add_piece(struct output *output, const struct rpc_tail *tail);

/* Send what the socket takes: 1 when that was all, 0 when it is full, or a negative errno. */
int output_send(struct output *output, int socket);

/* Move what is not sent into a new one, with copies of pieces that nothing holds; `output` is empty then. NULL when
 * memory is out (and nothing was moved). */
struct output *output_keep(struct output *output);

/* Bytes of memory that one made by output_keep() has. */
size_t output_held(const struct output *output);

/* Forget what is not sent. */
void output_clear(struct output *output);

/* For those that output_keep() made. */
void output_free(struct output *output);

#endif
