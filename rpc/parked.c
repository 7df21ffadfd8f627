/* parked.c - letting a call wait: memory for it, and its way back to its worker.
 *
 * The handler parks; another thread does what takes its time, and calls rpc_parked_done(); the worker finds the call in
 * its `done` list (worker.c), and has it answered when the connection's turn comes (connection.c).
 */
#include "rpc/parked.h"

#include <stdlib.h>

struct rpc_parked *rpc_call_park(struct rpc_call *call, size_t size, rpc_finish finish)
{
    struct rpc_transport *transport = call->transport;
    struct connection *connection = transport->connection;
    size_t all = sizeof(struct rpc_parked) + size;

    if (!connection || size > RPC_ARENA_MAX)
        return NULL;
    struct rpc_parked *parked = malloc(all);
    if (!parked)
        return NULL;
    *parked = (struct rpc_parked){
        .worker = transport->parking, .connection = connection, .call = *call, .finish = finish, .size = all};
    parked->call.transport = NULL;
    parked->call.record = (struct words){0};
    connection->parked++;
    connection->parked_bytes += all;
    return parked;
}

void *rpc_parked_memory(struct rpc_parked *parked)
{
    return parked->memory;
}

void rpc_parked_done(struct rpc_parked *parked)
{
    worker_take_done(parked->worker, parked);
}
