/* listen.h - listening sockets: opening them (rpc_server_listen), accepting, pausing when resources ran out. All of it
 * is worker 0's. */
#ifndef RPC_LISTEN_H
#define RPC_LISTEN_H

#include "rpc/worker.h"

/* Watch all listeners. Returns 0 or a negative errno. */
int listen_watch(struct worker *worker);

/* Accept what waits and deal it to the workers in turn. */
void listen_accept(struct worker *worker, const struct listener *listener);

/* Accept again after a pause. */
void listen_resume(struct worker *worker);

/* Answer the datagrams that have come, and close all listeners. */
void listen_close(struct worker *worker);

#endif
