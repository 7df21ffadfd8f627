/* parked.h - calls that wait for another thread, as the transport sees them. */
#ifndef RPC_PARKED_H
#define RPC_PARKED_H

#include "rpc/connection.h"

#include <stdalign.h>

struct rpc_parked {
    struct worker *worker;
    struct connection *connection; /* stays while it has parked calls, closed or not */
    struct rpc_call call;
    rpc_finish finish;
    size_t size; /* bytes of all this */
    struct rpc_parked *next;
    alignas(max_align_t) uint8_t memory[];
};

#endif
