/* worker.h - the server as its threads see it: workers, what they share, what each has for itself.
 *
 * A worker owns its connections, its memory and its epoll; nobody else touches them. What crosses threads is small and
 * off the warm path: new connections come through the inbox, parked calls through `done`, new rules through `access`,
 * all announced by the `wake` eventfd; `stop` is one eventfd in every worker's epoll, written once and never read.
 * Worker 0 is the thread that called rpc_server_run() and has the listeners too.
 */
#ifndef RPC_WORKER_H
#define RPC_WORKER_H

#include "rpc/call.h"
#include "rpc/limits.h"
#include "rpc/output.h"
#include "rpc/region.h"
#include "rpc/server.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

/* What an epoll event points at; the first member of whatever it is. */
enum source {
    SOURCE_CONNECTION,
    SOURCE_LISTENER,
    SOURCE_DATAGRAMS,
    SOURCE_WAKE,
    SOURCE_STOP,
};

struct connection;

/* How often something happened in one second. */
struct rate {
    uint64_t second;
    unsigned count;
};

struct listener {
    enum source source; /* SOURCE_LISTENER or SOURCE_DATAGRAMS */
    int fd;
    uint32_t only;
};

struct worker {
    struct rpc_server *server;
    unsigned number;
    pthread_t thread;
    void *app; /* what worker_begin made */
    int epoll;
    uint64_t now; /* milliseconds, read once a wake-up */

    struct access_list *access; /* the rules that this worker goes by */
    struct rate refusals;

    uint8_t *input; /* RPC_READ_SIZE bytes, lent to the connection at work */
    struct region output_region;
    struct output output;
    struct region arena;

    struct connection *connections; /* all */
    struct connection *ready;       /* those with complete calls that had to wait for their turn */
    struct connection *dead;        /* closed in this wake-up: an event not yet looked at may still name them */
    bool busy;                      /* something happened since the last tick */
    bool timed;                     /* a time limit may run for some connection */
    bool aging;                     /* the next tick is waited for though nothing happens */
    uint64_t tick_at;               /* ms */
    uint64_t accept_at;             /* worker 0: when the paused listeners try again, or 0 */
    bool stopping;
    uint64_t stop_at; /* when draining ends */

    enum source wake_source, stop_source;
    int wake;
    pthread_mutex_t inbox_lock;
    struct connection *inbox;
    struct rpc_parked *done; /* parked calls that can be answered, the newest first */

    int begun; /* what worker_begin returned */
    struct error error;
};

struct rpc_server {
    struct rpc_config config;
    struct worker *workers;
    struct listener listeners[RPC_LISTENERS_MAX];
    size_t listener_count;
    unsigned next_worker; /* who gets the next connection; worker 0's */
    atomic_uint connections;
    atomic_size_t held; /* bytes that connections hold; changes only when something could not be served at once */
    int stop;
    pthread_mutex_t access_lock;
    struct access_list *access; /* the rules in force */
    sem_t begun;                /* posted by each thread after its worker_begin */
};

/* Set up worker `number`'s memory and descriptors. */
int worker_init(struct worker *worker, struct rpc_server *server, unsigned number, struct error *err);
void worker_destroy(struct worker *worker);

/* Serve until the server stops. */
void worker_run(struct worker *worker);

/* Make the worker look at its inbox and at the rules. */
void worker_wake(struct worker *worker);

/* Give a connection to a worker, from another thread. */
void worker_hand(struct worker *worker, struct connection *connection);

/* A parked call can be answered, from another thread. */
void worker_take_done(struct worker *worker, struct rpc_parked *parked);

/* The part of a transport that is the same for every call here. */
struct rpc_transport worker_transport(struct worker *worker);

/* Tell of a peer (NULL: unknown) that is not let in, at most RPC_REFUSALS_PER_SECOND times a second. */
void worker_log_refused(struct worker *worker, const struct sockaddr *peer, const char *reason);

#endif
