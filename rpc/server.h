/* server.h - an ONC RPC server (RFC 5531) on an event loop of its own. It knows no file system.
 *
 * N worker threads, each with its own epoll; accepted connections are dealt to them in turn. A worker reads what a
 * connection has, answers every complete call in it, and writes all replies by one call at the end of that wake-up.
 * Whoever sends half a record or reads no replies costs its own connection only. Every limit is named in limits.h.
 */
#ifndef RPC_SERVER_H
#define RPC_SERVER_H

#include "base/error.h"
#include "rpc/access.h"
#include "rpc/words.h"

#include <rpc/rpc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define RPC_GROUPS_MAX 16 /* supplementary groups in an AUTH_SYS credential (RFC 5531, appendix A) */
#define RPC_NOBODY 65534u /* who a caller is that shows no identity, or whose uid 0 is not believed */

struct rpc_credential {
    uint32_t uid, gid;
    uint32_t group_count;
    uint32_t groups[RPC_GROUPS_MAX];
};

/* One call, while its handler runs. */
struct rpc_call {
    uint32_t xid, program, version, procedure;
    struct rpc_credential credential; /* who the caller is, after the access rule's options were applied */
    const struct sockaddr *peer;
    unsigned options;                 /* of the access rule that let the peer in: access.h */
    bool stream;                      /* came by TCP */
    void *worker;                     /* what worker_begin made for this thread */
    const struct access_list *access; /* the rules in force, valid until the handler returns */
    struct words record;              /* all of it, header and arguments; valid until the handler returns */
    struct rpc_transport *transport;  /* the server's own */
};

/* Memory that lives until the reply is encoded; comes from the worker's arena, is never freed one by one.
 * NULL when the arena's limit (RPC_ARENA_MAX) is reached. Not zeroed. */
void *rpc_call_alloc(struct rpc_call *call, size_t size);

/* What keeps memory that replies are sent from. The transport counts in `users` the replies that are not sent yet, in
 * the worker's own thread; whoever made it frees it when that comes back to 0. */
struct rpc_hold {
    unsigned users;
    void (*unused)(struct rpc_hold *hold); /* `users` is 0 again */
};

/* Memory that follows the encoded result on the wire (padded to four), and is not copied: the data of a READ reply. It
 * stays as it is until worker_rest(), or, with a hold, until that is unused. Only for stream calls; at most one a call.
 * It may be a mapped file: where that has become shorter, the connection is closed. Returns 0 or a negative errno. */
int rpc_call_send(struct rpc_call *call, const void *bytes, uint32_t size, struct rpc_hold *hold);

/* Answers a call: fills *result (zeroed, result_size bytes) from *args and returns SUCCESS, or another accept_stat of
 * RFC 5531 (GARBAGE_ARGS, SYSTEM_ERR), in which case the result is not sent. The result is never freed: what it points
 * to is in *args, in memory of rpc_call_alloc(), or the handler's own business. */
typedef enum accept_stat (*rpc_handler)(struct rpc_call *call, const void *args, void *result);

/* The same without XDR, by hand: takes its arguments and puts its result, behind which *result is left when it returns
 * SUCCESS. There is room for RPC_RECORD_MAX bytes of reply. */
typedef enum accept_stat (*rpc_answer)(struct rpc_call *call, struct words *args, uint8_t **result);

/* A call that is answered later: its handler has parked it, handed its memory to another thread, and returned this. */
#define RPC_PARKED ((enum accept_stat)100)

/* Puts the result of a parked call, in the worker's own thread, as an rpc_answer does. */
typedef enum accept_stat (*rpc_finish)(struct rpc_call *call, void *memory, uint8_t **result);

struct rpc_parked;

/* Let this call wait, with so many bytes of memory of its own (aligned for any type, not zeroed), until somebody calls
 * rpc_parked_done(). Its connection goes on with other calls meanwhile, as many as limits.h allows. The memory is freed
 * after finish(), which is not called when the connection is gone by then. NULL: it cannot wait (memory is out, or it
 * came as a datagram). */
struct rpc_parked *rpc_call_park(struct rpc_call *call, size_t size, rpc_finish finish);
void *rpc_parked_memory(struct rpc_parked *parked);

/* From any thread, once: it can be answered now. Its memory is the worker's again. The server must not have been freed;
 * it may have ended to run. */
void rpc_parked_done(struct rpc_parked *parked);

/* Before decoding: set pointers in *args (zeroed, args_size bytes) to memory for what the caller's opaque and string
 * fields hold, so that XDR allocates nothing; *args is not freed then. NULL: XDR allocates, and *args is freed by
 * xdr_free() once the reply is encoded. */
typedef void (*rpc_prepare)(struct rpc_call *call, void *args);

/* A procedure; an entry without a handler or an answer is PROC_UNAVAIL. */
struct rpc_procedure {
    const char *name;
    rpc_handler handler;
    xdrproc_t decode; /* NULL: no arguments */
    size_t args_size;
    xdrproc_t encode; /* NULL: void result */
    size_t result_size;
    rpc_prepare prepare;
    rpc_answer answer; /* instead of all these */
};

struct rpc_version {
    uint32_t number;
    const struct rpc_procedure *procedures; /* indexed by procedure number */
    uint32_t count;
};

/* A program; a version that is not in the table gets PROG_MISMATCH with the lowest and highest that are. */
struct rpc_program {
    uint32_t number;
    const char *name;
    const struct rpc_version *versions; /* rising */
    size_t version_count;
    bool datagrams; /* answered over UDP too */
};

/* A call that is yet to be answered. Only its header was looked at. */
struct rpc_ahead {
    uint32_t program, version, procedure;
    struct words args;
};

struct rpc_config {
    const struct rpc_program *const *programs;
    size_t program_count;
    unsigned threads; /* workers, >= 1 */
    void *app;        /* handed to worker_begin */
    /* A worker thread's own context (database connection and the like), made before the first call. */
    int (*worker_begin)(void **worker, void *app, struct error *err);
    /* Calls that came together, before the first of them is answered; NULL: nobody wants to know. */
    void (*worker_ahead)(void *worker, const struct rpc_ahead *calls, unsigned count);
    /* The end of each wake-up, before the worker sleeps: let go what must not outlive it. */
    void (*worker_rest)(void *worker);
    /* Each RPC_TICK_MS while anything comes, and after that as long as it returns true: let go what was not used for
     * some time. NULL: there is no such thing. */
    bool (*worker_tick)(void *worker);
    void (*worker_end)(void *worker);
};

struct rpc_server;

/* The access list is taken over. */
int rpc_server_new(struct rpc_server **server, const struct rpc_config *config, struct access_list *access,
                   struct error *err);
void rpc_server_free(struct rpc_server *server);

enum rpc_listen {
    RPC_LISTEN_TCP = 1,
    RPC_LISTEN_UDP = 2,
};

/* Listen on an address ("127.0.0.1", "::1"; "*" is every address, IPv6 and IPv4 by one socket where it can be) and
 * port (0: any free one; the same number for TCP and UDP). *bound is the port. May be called several times before
 * rpc_server_run. `only` limits what is answered on these sockets to one program (0: all): port 111 serves portmap. */
int rpc_server_listen(uint16_t *bound, struct rpc_server *server, const char *address, uint16_t port, int transports,
                      uint32_t only, struct error *err);

/* Serve until rpc_server_stop(). Starts threads - 1 threads, which take no signals, and works in the calling one. The
 * process ignores SIGPIPE from here on. */
int rpc_server_run(struct rpc_server *server, struct error *err);

/* Stop accepting, answer what has come, flush for at most RPC_DRAIN_SECONDS, return from rpc_server_run.
 * Async-signal-safe. */
void rpc_server_stop(struct rpc_server *server);

/* New rules (taken over): connections that they do not allow are closed by their workers at once. Thread-safe, but
 * not for signal handlers. */
void rpc_server_set_access(struct rpc_server *server, struct access_list *access);

/* "10.0.0.7:843", "[::1]:2049" */
#define RPC_PEER_TEXT_SIZE 72
void rpc_peer_format(char out[RPC_PEER_TEXT_SIZE], const struct sockaddr *peer);

#endif
