/* call.h - one call: reading its header, finding its procedure, running that, making the reply. Knows no socket. */
#ifndef RPC_CALL_H
#define RPC_CALL_H

#include "rpc/region.h"
#include "rpc/server.h"

#include <sys/types.h>

struct worker;
struct connection;

/* What surrounds a call: where it came from and what answering it may use. */
struct rpc_transport {
    const struct rpc_program *const *programs;
    size_t program_count;
    uint32_t only; /* the one program answered here, or 0 */
    bool stream;
    const struct sockaddr *peer;
    unsigned options; /* of the access rule that let the peer in */
    const struct access_list *access;
    void *worker;
    struct region *arena;          /* empty between calls */
    struct worker *parking;        /* whose calls may be parked, … */
    struct connection *connection; /* … for this one; NULL: none may */
    bool *version_logged;          /* one "version" event a connection; NULL: none at all */
    /* What rpc_call_send() asked for, behind the reply; no bytes: nothing. */
    struct rpc_tail {
        const uint8_t *bytes;
        uint32_t size;
        struct rpc_hold *hold;
    } tail;
};

/* Answer the call in `record`. Returns the size of the reply written at `reply` (room: at least RPC_RECORD_MAX bytes;
 * transport->tail follows it), 0 when it was parked, or -EBADMSG when this is no call that can be answered. */
ssize_t call_answer(uint8_t *reply, size_t room, struct rpc_transport *transport, const uint8_t *record, size_t size);

/* Put the reply of a call that was parked: its size, as call_answer(). */
ssize_t call_finish(uint8_t *reply, struct rpc_transport *transport, struct rpc_call *call, rpc_finish finish,
                    void *memory);

/* What the call in `record` asks for; false: nothing that makes sense. */
bool call_ahead(struct rpc_ahead *out, const uint8_t *record, size_t size);

#endif
