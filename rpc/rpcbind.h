/* rpcbind.h - telling a running rpcbind where our programs are (RFC 1833), bounded in time. */
#ifndef RPC_RPCBIND_H
#define RPC_RPCBIND_H

#include "base/error.h"
#include "rpc/server.h"

/* Is an rpcbind (or any portmapper) answering on this machine? Waits at most RPCBIND_WAIT_SECONDS. */
bool rpcbind_running(void);

/* Register every program and version of the table at this port, TCP for all, UDP for those that take datagrams, for
 * IPv4 and IPv6. Old registrations of the same programs are replaced. Error: what rpcbind refused, or that it is slow.
 */
int rpcbind_register(const struct rpc_program *const *programs, size_t count, uint16_t port, struct error *err);

/* Take the registrations back. */
void rpcbind_unregister(const struct rpc_program *const *programs, size_t count);

#endif
