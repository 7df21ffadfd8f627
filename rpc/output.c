/* output.c - sending replies and the pieces of other memory in them. */
#include "rpc/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Bytes, a piece, bytes, a piece, …, bytes. */
#define PARTS_MAX (2 * RPC_PIECES_MAX + 1)

size_t output_waiting(const struct output *output)
{
    return output->size - output->sent + output->piece_bytes;
}

bool output_is_full(const struct output *output)
{
    return output_waiting(output) >= RPC_OUTPUT_MAX || output->piece_count == RPC_PIECES_MAX;
}

void output_add_piece(struct output *output, const struct rpc_tail *tail)
{
    size_t pad = -(size_t)tail->size & 3;

    output->pieces[output->piece_count++] = (struct output_piece){output->size, tail->bytes, tail->size, tail->hold};
    output->piece_bytes += tail->size;
    if (tail->hold)
        tail->hold->users++;
    memset(output->bytes + output->size, 0, pad);
    output->size += pad;
}

/* --- Sending ------------------------------------------------------------------------------------------------------ */

/* All that is to be sent, in order. A part of the byte string that is behind the last piece is there too when empty. */
static size_t gather(struct iovec parts[PARTS_MAX], const struct output *output)
{
    size_t at = output->sent, count = 0;

    for (unsigned i = output->piece_first; i < output->piece_count; i++) {
        const struct output_piece *piece = &output->pieces[i];

        if (at < piece->at)
            parts[count++] = (struct iovec){output->bytes + at, piece->at - at};
        at = piece->at;
        parts[count++] = (struct iovec){(void *)(uintptr_t)piece->bytes, piece->left}; /* sendmsg(2) only reads it */
    }
    if (at < output->size)
        parts[count++] = (struct iovec){output->bytes + at, output->size - at};
    return count;
}

static void let_go(struct rpc_hold *hold)
{
    if (hold && --hold->users == 0)
        hold->unused(hold);
}

/* `size` bytes have gone. */
static void advance(struct output *output, size_t size)
{
    while (size) {
        struct output_piece *piece =
            output->piece_first < output->piece_count ? &output->pieces[output->piece_first] : NULL;
        size_t before = (piece ? piece->at : output->size) - output->sent;
        size_t part = size < before ? size : before;

        output->sent += part;
        size -= part;
        if (!piece || !size)
            return;
        part = size < piece->left ? size : piece->left;
        piece->bytes += part;
        piece->left -= part;
        output->piece_bytes -= part;
        size -= part;
        if (piece->left == 0) {
            output->piece_first++;
            let_go(piece->hold);
        }
    }
}

int output_send(struct output *output, int socket)
{
    struct iovec parts[PARTS_MAX];

    while (output_waiting(output)) {
        const struct msghdr message = {.msg_iov = parts, .msg_iovlen = gather(parts, output)};
        ssize_t n = sendmsg(socket, &message, MSG_NOSIGNAL);

        if (n >= 0)
            advance(output, (size_t)n);
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return 0;
        else if (errno != EINTR)
            return -errno; /* EFAULT: a mapped file is shorter than it was */
    }
    return 1;
}

/* --- What is not sent --------------------------------------------------------------------------------------------- */

static size_t loose_bytes(const struct output *output)
{
    size_t sum = 0;

    for (unsigned i = output->piece_first; i < output->piece_count; i++)
        sum += output->pieces[i].hold ? 0 : output->pieces[i].left;
    return sum;
}

/* Copy the byte string up to `until`. */
static void copy_bytes(struct output *kept, struct output *output, size_t until)
{
    memcpy(kept->bytes + kept->size, output->bytes + output->sent, until - output->sent);
    kept->size += until - output->sent;
    output->sent = until;
}

struct output *output_keep(struct output *output)
{
    size_t size = output->size - output->sent + loose_bytes(output);
    struct output *kept = malloc(sizeof *kept + size);

    if (!kept)
        return NULL;
    *kept = (struct output){.bytes = (uint8_t *)(kept + 1)};
    for (unsigned i = output->piece_first; i < output->piece_count; i++) {
        struct output_piece piece = output->pieces[i];

        copy_bytes(kept, output, piece.at);
        piece.at = kept->size;
        if (piece.hold) {
            kept->pieces[kept->piece_count++] = piece;
            kept->piece_bytes += piece.left;
        } else {
            memcpy(kept->bytes + kept->size, piece.bytes, piece.left);
            kept->size += piece.left;
        }
    }
    copy_bytes(kept, output, output->size);
    output->piece_first = output->piece_count; /* their holds moved */
    output_clear(output);
    return kept;
}

size_t output_held(const struct output *output)
{
    return output->size;
}

void output_clear(struct output *output)
{
    for (unsigned i = output->piece_first; i < output->piece_count; i++)
        let_go(output->pieces[i].hold);
    output->sent = output->size = output->piece_bytes = 0;
    output->piece_first = output->piece_count = 0;
}

void output_free(struct output *output)
{
    if (!output)
        return;
    output_clear(output);
    free(output);
}
