/* harness.h - a real server on loopback in a thread of its own, and a client made of raw sockets. */
#ifndef TESTS_RPC_HARNESS_H
#define TESTS_RPC_HARNESS_H

#include "base/buffer.h"
#include "rpc/server.h"
#include "tests/unit/rpc/echo_program.h"

#include <pthread.h>

struct harness {
    struct rpc_server *server;
    pthread_t thread;
    uint16_t port;
    int ran; /* what rpc_server_run() returned */
};

/* Start a server of so many threads, listening on address; `rules` is a list ended by NULL. */
void harness_start(struct harness *harness, unsigned threads, const char *address, const char *const *rules);

/* The same with "127.0.0.0/8,insecure". */
void harness_start_default(struct harness *harness, unsigned threads);

/* The same with one thread, which asks `tick` (rpc_config's worker_tick). */
void harness_start_ticking(struct harness *harness, bool (*tick)(void *worker));

/* Serve with a server that the test has made and that listens. */
void harness_run(struct harness *harness);
void harness_stop(struct harness *harness);

/* A connected socket; reads on it give up after some seconds. */
int client_connect(uint16_t port);
int client_connect_from(uint16_t port, const char *source);

/* The head of a call with an AUTH_NONE credential. */
void call_begin(struct buffer *record, uint32_t xid, uint32_t program, uint32_t version, uint32_t procedure);

/* The head of a call with a credential of any body. */
void call_begin_auth(struct buffer *record, uint32_t xid, uint32_t procedure, uint32_t flavor, const void *body,
                     size_t size);

/* An AUTH_SYS body. */
void authsys_body(struct buffer *body, uint32_t uid, uint32_t gid, uint32_t group_count, const uint32_t *groups);

/* opaque<> */
void add_opaque(struct buffer *record, const void *bytes, size_t size);

/* One record of one fragment; the bytes of a stream. */
void send_record(int fd, const struct buffer *record);
void send_all(int fd, const void *bytes, size_t size);

/* The next reply record; false when the connection ended instead. */
bool receive_record(struct buffer *reply, int fd);
uint32_t word(const struct buffer *reply, size_t index);

/* Has the peer closed? Waits for it some seconds. */
bool is_closed(int fd);

/* A NULL call that is answered. */
void assert_served(int fd, uint32_t xid);

#endif
