/* connection.h - one TCP connection: reading calls, answering them, writing the replies of a wake-up together. */
#ifndef RPC_CONNECTION_H
#define RPC_CONNECTION_H

#include "rpc/record.h"
#include "rpc/worker.h"

#include <netinet/in.h>

struct connection {
    enum source source;
    int fd;                       /* -1 when closed */
    struct sockaddr_storage peer; /* IPv4 as such, also on dual-stack sockets */
    uint32_t only;
    unsigned options;
    uint32_t interest; /* epoll events asked for */
    bool version_logged;
    bool eof;            /* nothing more will be read */
    bool pending;        /* complete calls may wait in `input` */
    bool queued;         /* is in the worker's ready list */
    bool dying;          /* is in the worker's dead list */
    unsigned parked;     /* calls that others have to finish; it outlives its socket until all are … */
    size_t parked_bytes; /* … and what these hold */
    struct rpc_parked *finished, **finished_end; /* those that can be answered, oldest first */
    struct record_reader input;
    struct output *unsent;
    size_t held;            /* bytes in `input` and `unsent`, as counted in the server's sum */
    uint64_t partial_since; /* ms: when the record that is incomplete began; 0: none is */
    uint64_t unread_since;  /* ms: when the peer last took a byte of `unsent`; 0: nothing waits */
    struct connection *previous, *next;
    struct connection *next_listed; /* in the inbox, the ready list or the dead list */
};

/* Takes the fd over. NULL when memory is out (the fd is closed then). */
struct connection *connection_new(int fd, const struct sockaddr_storage *peer, uint32_t only);

/* Free one that no worker has adopted. */
void connection_drop(struct connection *connection, struct rpc_server *server);

/* Make it this worker's, or drop it when the rules say no. */
void connection_adopt(struct worker *worker, struct connection *connection);

/* Events came, or its turn did: read if there is something, answer, write. */
void connection_work(struct worker *worker, struct connection *connection, uint32_t events);

/* Has one of the time limits passed? */
bool connection_is_overdue(const struct connection *connection, uint64_t now);

/* A parked call of it can be answered: when its turn comes, or never when it is closed. */
void connection_finished(struct worker *worker, struct rpc_parked *parked);

/* Have it freed at the end of this wake-up. */
void connection_bury(struct worker *worker, struct connection *connection);

/* Close it and leave it to the dead list. */
void connection_close(struct worker *worker, struct connection *connection);

#endif
