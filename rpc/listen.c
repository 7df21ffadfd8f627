/* listen.c - opening sockets and accepting connections.
 *
 * When descriptors or memory run out, accept(2) fails with the connection still in the queue, and a level-triggered
 * epoll would say so again at once, for ever. So the listeners are then not watched for a tenth of a second.
 */
#include "rpc/listen.h"

#include "rpc/connection.h"
#include "rpc/datagram.h"
#include "rpc/peer.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* "*": IPv6 and IPv4 by one socket. */
static const struct sockaddr_in6 any_v6 = {.sin6_family = AF_INET6};
static const struct sockaddr_in any_v4 = {.sin_family = AF_INET};

struct endpoint {
    struct sockaddr_storage address;
    socklen_t size;
    bool dual; /* an IPv6 socket that takes IPv4 too */
};

static void set_port(struct endpoint *endpoint, uint16_t port)
{
    struct sockaddr *address = (struct sockaddr *)&endpoint->address;

    if (address->sa_family == AF_INET)
        ((struct sockaddr_in *)address)->sin_port = htons(port);
    else
        ((struct sockaddr_in6 *)address)->sin6_port = htons(port);
}

static struct endpoint endpoint_any(bool v6)
{
    struct endpoint endpoint = {.size = v6 ? sizeof any_v6 : sizeof any_v4, .dual = v6};

    memcpy(&endpoint.address, v6 ? (const void *)&any_v6 : (const void *)&any_v4, endpoint.size);
    return endpoint;
}

static int endpoint_parse(struct endpoint *endpoint, const char *text, struct error *err)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *found;
    int r = getaddrinfo(text, NULL, &hints, &found);

    if (r != 0)
        return error_usage(err, "cannot listen on \"%s\": %s", text, gai_strerror(r));
    *endpoint = (struct endpoint){.size = found->ai_addrlen};
    memcpy(&endpoint->address, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return 0;
}

static int set_flag(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) < 0 ? -errno : 0;
}

/* SO_REUSEADDR is for TCP only: with UDP it would let another process share, that is take, our port. */
static int set_options(int fd, const struct endpoint *endpoint, bool datagrams)
{
    bool v6 = endpoint->address.ss_family == AF_INET6;
    int r = v6 ? set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, !endpoint->dual) : 0;

    if (r == 0 && !datagrams)
        r = set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (r == 0 && datagrams)
        r = v6 ? set_flag(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) : set_flag(fd, IPPROTO_IP, IP_PKTINFO, 1);
    return r;
}

/* A bound socket, listening when it is TCP; or a negative errno. */
static int open_socket(const struct endpoint *endpoint, bool datagrams)
{
    int type = (datagrams ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
    int fd = socket(endpoint->address.ss_family, type, 0);

    if (fd < 0)
        return -errno;
    int r = set_options(fd, endpoint, datagrams);
    if (r == 0 && bind(fd, (const struct sockaddr *)&endpoint->address, endpoint->size) < 0)
        r = -errno;
    if (r == 0 && !datagrams && listen(fd, RPC_BACKLOG) < 0)
        r = -errno;
    if (r < 0) {
        close(fd);
        return r;
    }
    return fd;
}

static uint16_t bound_port(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;

    getsockname(fd, (struct sockaddr *)&address, &size);
    return peer_port((struct sockaddr *)&address);
}

static void close_socket(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* TCP first, then UDP on the same number. -EADDRINUSE when port was 0 and UDP has the number already: try again. */
static int open_pair(int *tcp, int *udp, struct endpoint endpoint, uint16_t *port, int transports)
{
    *tcp = *udp = -1;
    set_port(&endpoint, *port);
    if (transports & RPC_LISTEN_TCP) {
        *tcp = open_socket(&endpoint, false);
        if (*tcp < 0)
            return *tcp;
        *port = bound_port(*tcp);
        set_port(&endpoint, *port);
    }
    if (transports & RPC_LISTEN_UDP) {
        *udp = open_socket(&endpoint, true);
        if (*udp < 0) {
            close_socket(*tcp);
            return *udp;
        }
        *port = bound_port(*udp);
    }
    return 0;
}

static int open_any_port(int *tcp, int *udp, const struct endpoint *endpoint, uint16_t *port, int transports)
{
    int r = -EADDRINUSE;

    for (unsigned tries = 0; r == -EADDRINUSE && tries < RPC_PORT_TRIES; tries++) {
        *port = 0;
        r = open_pair(tcp, udp, *endpoint, port, transports);
    }
    return r;
}

static void add_listener(struct rpc_server *server, int fd, enum source source, uint32_t only)
{
    if (fd >= 0)
        server->listeners[server->listener_count++] = (struct listener){.source = source, .fd = fd, .only = only};
}

int rpc_server_listen(uint16_t *bound, struct rpc_server *server, const char *address, uint16_t port, int transports,
                      uint32_t only, struct error *err)
{
    bool any = strcmp(address, "*") == 0;
    struct endpoint endpoint = endpoint_any(true);
    int tcp, udp, r = any ? 0 : endpoint_parse(&endpoint, address, err);

    if (r < 0)
        return r;
    if (server->listener_count + 2 > RPC_LISTENERS_MAX)
        return error_usage(err, "more than %u listening sockets", RPC_LISTENERS_MAX);
    for (;;) {
        *bound = port;
        r = port ? open_pair(&tcp, &udp, endpoint, bound, transports)
                 : open_any_port(&tcp, &udp, &endpoint, bound, transports);
        if (!any || endpoint.address.ss_family == AF_INET || (r != -EAFNOSUPPORT && r != -EADDRNOTAVAIL))
            break;
        endpoint = endpoint_any(false); /* no IPv6 on this machine */
    }
    if (r < 0)
        return error_system(err, -r, "cannot listen on %s port %u", address, port);
    add_listener(server, tcp, SOURCE_LISTENER, only);
    add_listener(server, udp, SOURCE_DATAGRAMS, only);
    return 0;
}

int listen_watch(struct worker *worker)
{
    struct rpc_server *server = worker->server;

    for (size_t i = 0; i < server->listener_count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &server->listeners[i]};

        if (epoll_ctl(worker->epoll, EPOLL_CTL_ADD, server->listeners[i].fd, &event) < 0)
            return -errno;
    }
    return 0;
}

static void set_interest(struct worker *worker, uint32_t events)
{
    struct rpc_server *server = worker->server;

    for (size_t i = 0; i < server->listener_count; i++) {
        struct epoll_event event = {.events = events, .data.ptr = &server->listeners[i]};

        if (server->listeners[i].source == SOURCE_LISTENER)
            epoll_ctl(worker->epoll, EPOLL_CTL_MOD, server->listeners[i].fd, &event);
    }
}

static void pause_accepting(struct worker *worker)
{
    set_interest(worker, 0);
    worker->accept_at = worker->now + RPC_ACCEPT_PAUSE_MS;
}

void listen_resume(struct worker *worker)
{
    set_interest(worker, EPOLLIN);
    worker->accept_at = 0;
}

/* Errors of the one connection that was about to be accepted (accept(2), "Error handling"). */
static bool is_of_the_peer(int error)
{
    static const int errors[] = {ECONNABORTED, EINTR,  EPERM,        EPROTO,     ENETDOWN,   ENOPROTOOPT,
                                 EHOSTDOWN,    ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH};

    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i] == error)
            return true;
    return false;
}

/* Its place among the connections is taken already. */
static void deal(struct worker *worker, int fd, const struct sockaddr_storage *peer, uint32_t only)
{
    struct rpc_server *server = worker->server;
    struct worker *to = &server->workers[server->next_worker++ % server->config.threads];
    struct connection *connection = connection_new(fd, peer, only);

    if (!connection)
        atomic_fetch_sub_explicit(&server->connections, 1, memory_order_relaxed);
    else if (to == worker)
        connection_adopt(worker, connection);
    else
        worker_hand(to, connection);
}

static void welcome(struct worker *worker, int fd, struct sockaddr_storage *peer, uint32_t only)
{
    const struct sockaddr *address = (const struct sockaddr *)peer;
    struct rpc_server *server = worker->server;
    unsigned options;

    peer_unmap(peer);
    if (!access_list_find(&options, worker->access, address)) {
        worker_log_refused(worker, address, "address");
        close(fd);
    } else if (atomic_fetch_add_explicit(&server->connections, 1, memory_order_relaxed) >= RPC_CONNECTIONS_MAX) {
        atomic_fetch_sub_explicit(&server->connections, 1, memory_order_relaxed);
        worker_log_refused(worker, address, "too many connections");
        close(fd);
    } else {
        deal(worker, fd, peer, only);
    }
}

void listen_accept(struct worker *worker, const struct listener *listener)
{
    /* Closed by another event of this wake-up: every accept(2) would fail. */
    if (listener->fd < 0)
        return;
    for (unsigned i = 0; i < RPC_ACCEPTS_PER_WAKE; i++) {
        struct sockaddr_storage peer = {0};
        socklen_t size = sizeof peer;

        int fd = accept4(listener->fd, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            welcome(worker, fd, &peer, listener->only);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (!is_of_the_peer(errno)) {
            worker_log_refused(worker, NULL, strerror(errno));
            pause_accepting(worker);
            return;
        }
    }
}

void listen_close(struct worker *worker)
{
    struct rpc_server *server = worker->server;

    for (size_t i = 0; i < server->listener_count; i++) {
        if (server->listeners[i].source == SOURCE_DATAGRAMS)
            datagrams_answer(worker, &server->listeners[i]);
        close_socket(server->listeners[i].fd);
        server->listeners[i].fd = -1;
    }
    worker->accept_at = 0;
}
