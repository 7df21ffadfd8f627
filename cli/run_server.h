/* run_server.h - where `confuse run` mounts from: a server that is there, or a child of its own which nobody else can
 * reach.
 */
#ifndef CLI_RUN_SERVER_H
#define CLI_RUN_SERVER_H

#include "base/error.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

/* Where NFS and MOUNT answer, both on one port. */
struct run_server {
    char address[INET6_ADDRSTRLEN]; /* in digits, as the kernel wants it */
    int family;                     /* AF_INET or AF_INET6 */
    uint16_t port;
    pid_t child; /* 0: it is not ours */
    int log;     /* what the child says; -1: none */
};

/* A running one, `text` being ADDR[:PORT]. */
int run_server_find(struct run_server *server, const char *text, struct error *err);

/* Make a network of our own and start `confuse serve` on its loopback; returns when it answers. The caller has to be in
 * that network to mount. `signals` (blocked) end the wait: -EINTR, err not filled. */
int run_server_start(struct run_server *server, const char *store, const sigset_t *signals, struct error *err);

/* The last line of what it said, for an error that it is the reason of. */
int run_server_died(const struct run_server *server, struct error *err);

void run_server_stop(struct run_server *server);

/* This process in a new network in which there is nothing but loopback. */
int run_network_new(struct error *err);

#endif
