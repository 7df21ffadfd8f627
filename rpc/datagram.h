/* datagram.h - calls by UDP: one call a datagram, one reply at most, and never a large one for a small question. */
#ifndef RPC_DATAGRAM_H
#define RPC_DATAGRAM_H

#include "rpc/worker.h"

/* Answer what waits in the socket, up to RPC_DATAGRAMS_PER_WAKE. */
void datagrams_answer(struct worker *worker, const struct listener *listener);

#endif
