/* connection.c - the life of a connection.
 *
 * One wake-up: send what still waits; read once; answer the complete calls into the worker's output; send that by one
 * call. While replies wait for the peer nothing is read, so what it costs is bounded by one wake-up's output and one
 * record. A peer that has ended its side still gets its replies.
 */
#include "rpc/connection.h"

#include "base/bytes.h"
#include "rpc/parked.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { RECORD_MARK_SIZE = 4 };

#define LAST_FRAGMENT 0x80000000u

/* Best effort: a socket without them still works. */
static void set_options(int fd)
{
    static const struct {
        int level, name, value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {SOL_SOCKET, SO_SNDBUF, RPC_SEND_BUFFER},
        {IPPROTO_TCP, TCP_KEEPIDLE, RPC_KEEPALIVE_IDLE},
        {IPPROTO_TCP, TCP_KEEPINTVL, RPC_KEEPALIVE_INTERVAL},
        {IPPROTO_TCP, TCP_KEEPCNT, RPC_KEEPALIVE_PROBES},
    };

    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof options[i].value);
}

struct connection *connection_new(int fd, const struct sockaddr_storage *peer, uint32_t only)
{
    struct connection *connection = calloc(1, sizeof *connection);

    if (!connection) {
        close(fd);
        return NULL;
    }
    connection->source = SOURCE_CONNECTION;
    connection->fd = fd;
    connection->peer = *peer;
    connection->only = only;
    set_options(fd);
    return connection;
}

void connection_drop(struct connection *connection, struct rpc_server *server)
{
    close(connection->fd);
    free(connection);
    atomic_fetch_sub_explicit(&server->connections, 1, memory_order_relaxed);
}

void connection_adopt(struct worker *worker, struct connection *connection)
{
    const struct sockaddr *peer = (const struct sockaddr *)&connection->peer;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};

    /* The rules may have changed since it was accepted. */
    if (!access_list_find(&connection->options, worker->access, peer)) {
        worker_log_refused(worker, peer, "address");
        connection_drop(connection, worker->server);
        return;
    }
    if (epoll_ctl(worker->epoll, EPOLL_CTL_ADD, connection->fd, &event) < 0) {
        worker_log_refused(worker, peer, strerror(errno));
        connection_drop(connection, worker->server);
        return;
    }
    connection->interest = EPOLLIN;
    connection->next = worker->connections;
    if (connection->next)
        connection->next->previous = connection;
    worker->connections = connection;
    if (worker->stopping)
        connection_work(worker, connection, 0);
}

/* Count what the connection holds now. -ENOBUFS when all together hold too much, and this one took more. */
static int count_held(struct worker *worker, struct connection *connection)
{
    size_t before = connection->held;
    size_t now =
        connection->input.room + connection->parked_bytes + (connection->unsent ? output_held(connection->unsent) : 0);

    if (now == before)
        return 0;
    connection->held = now;
    size_t sum = atomic_fetch_add_explicit(&worker->server->held, now - before, memory_order_relaxed) + (now - before);
    if (now < before || sum <= RPC_HELD_MAX)
        return 0;
    worker_log_refused(worker, (const struct sockaddr *)&connection->peer, "memory");
    return -ENOBUFS;
}

void connection_bury(struct worker *worker, struct connection *connection)
{
    connection->dying = true;
    connection->next_listed = worker->dead;
    worker->dead = connection;
}

static void queue(struct worker *worker, struct connection *connection)
{
    if (connection->queued)
        return;
    connection->queued = true;
    connection->next_listed = worker->ready;
    worker->ready = connection;
}

/* --- Parked calls ------------------------------------------------------------------------------------------------- */

/* Must some be finished before it has another one? */
static bool has_its_fill(const struct connection *connection)
{
    return connection->parked >= RPC_PARKED_CALLS_MAX || connection->parked_bytes >= RPC_PARKED_BYTES_MAX;
}

static void forget_parked(struct connection *connection, struct rpc_parked *parked)
{
    connection->parked--;
    connection->parked_bytes -= parked->size;
    free(parked);
}

void connection_finished(struct worker *worker, struct rpc_parked *parked)
{
    struct connection *connection = parked->connection;

    if (connection->fd >= 0) {
        parked->next = NULL;
        if (!connection->finished)
            connection->finished_end = &connection->finished;
        *connection->finished_end = parked;
        connection->finished_end = &parked->next;
        queue(worker, connection);
        return;
    }
    forget_parked(connection, parked);
    count_held(worker, connection);
    if (connection->parked == 0 && !connection->queued && !connection->dying)
        connection_bury(worker, connection);
}

/* Of a connection that is closed. */
static void drop_finished(struct connection *connection)
{
    struct rpc_parked *next;

    for (struct rpc_parked *parked = connection->finished; parked; parked = next) {
        next = parked->next;
        forget_parked(connection, parked);
    }
    connection->finished = NULL;
}

/* --- Life --------------------------------------------------------------------------------------------------------- */

void connection_close(struct worker *worker, struct connection *connection)
{
    close(connection->fd);
    connection->fd = -1;
    record_free(&connection->input);
    output_free(connection->unsent);
    connection->unsent = NULL;
    drop_finished(connection);
    count_held(worker, connection);
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        worker->connections = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    atomic_fetch_sub_explicit(&worker->server->connections, 1, memory_order_relaxed);
    /* One in the ready list is buried when its turn comes. */
    if (!connection->queued)
        connection_bury(worker, connection);
}

/* Read once. Returns 0, or a negative errno that ends the connection. */
static int read_once(struct worker *worker, struct connection *connection)
{
    size_t room;
    uint8_t *to = record_room(&room, &connection->input, worker->input, RPC_READ_SIZE);

    if (!to)
        return -ENOMEM;
    ssize_t n = recv(connection->fd, to, room, MSG_DONTWAIT);
    if (n > 0) {
        record_filled(&connection->input, (size_t)n);
        connection->pending = true;
        return 0;
    }
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        return -errno;
    /* While draining, what has not come by now is not waited for. */
    if (n == 0 || (worker->stopping && errno != EINTR))
        connection->eof = true;
    return 0;
}

/* A reply of so many bytes was written behind the room for its mark. */
static void add_reply(struct output *output, const struct rpc_transport *transport, size_t n)
{
    uint8_t *mark = output->bytes + output->size;

    put_be32(mark, LAST_FRAGMENT | ((uint32_t)n + ((transport->tail.size + 3) & ~3u)));
    output->size += RECORD_MARK_SIZE + n;
    if (transport->tail.size)
        output_add_piece(output, &transport->tail);
}

/* Answer one record into the worker's output. */
static int answer(struct worker *worker, struct rpc_transport *transport, const uint8_t *record, size_t size)
{
    struct output *output = &worker->output;
    ssize_t n = call_answer(output->bytes + output->size + RECORD_MARK_SIZE, RPC_RECORD_MAX, transport, record, size);

    if (n < 0)
        return (int)n;
    if (n > 0)
        add_reply(output, transport, (size_t)n);
    return 0;
}

static struct rpc_transport transport_of(struct worker *worker, struct connection *connection)
{
    struct rpc_transport transport = worker_transport(worker);

    transport.only = connection->only;
    transport.stream = true;
    transport.peer = (const struct sockaddr *)&connection->peer;
    transport.options = connection->options;
    transport.version_logged = &connection->version_logged;
    transport.parking = worker;
    transport.connection = connection;
    return transport;
}

/* Answer parked calls that are done. */
static void answer_finished(struct worker *worker, struct connection *connection)
{
    struct rpc_transport transport = transport_of(worker, connection);
    struct output *output = &worker->output;

    while (connection->finished && !output_is_full(output)) {
        struct rpc_parked *parked = connection->finished;
        uint8_t *reply = output->bytes + output->size + RECORD_MARK_SIZE;

        connection->finished = parked->next;
        add_reply(output, &transport,
                  (size_t)call_finish(reply, &transport, &parked->call, parked->finish, parked->memory));
        forget_parked(connection, parked);
    }
}

/* Tell of the calls that came together. One that came alone has nothing to wait beside. */
static void look_ahead(struct worker *worker, const struct connection *connection)
{
    struct rpc_ahead calls[RPC_CALLS_PER_WAKE];
    const uint8_t *record;
    unsigned count = 0;
    size_t size, at = 0;

    while (count < RPC_CALLS_PER_WAKE && record_peek(&record, &size, &at, &connection->input))
        count += call_ahead(&calls[count], record, size);
    if (count > 1)
        worker->server->config.worker_ahead(worker->app, calls, count);
}

/* Answer complete calls up to the limits of a wake-up; `pending` tells whether some may be left. Sets *answered. */
static int answer_calls(bool *answered, struct worker *worker, struct connection *connection)
{
    struct rpc_transport transport = transport_of(worker, connection);
    const uint8_t *record;
    size_t size;

    if (worker->server->config.worker_ahead)
        look_ahead(worker, connection);
    for (unsigned calls = 0;
         calls < RPC_CALLS_PER_WAKE && !output_is_full(&worker->output) && !has_its_fill(connection); calls++) {
        int r = record_next(&record, &size, &connection->input);

        if (r == 1)
            r = answer(worker, &transport, record, size) < 0 ? -EBADMSG : 1;
        if (r <= 0) {
            connection->pending = false;
            return r;
        }
        *answered = true;
    }
    return 0;
}

/* Send the worker's output; what does not go stays with the connection. */
static int send_output(struct worker *worker, struct connection *connection)
{
    struct output *output = &worker->output;

    region_touch(&worker->output_region, output->size);
    int r = output_send(output, connection->fd);
    if (r == 0) {
        connection->unsent = output_keep(output);
        connection->unread_since = worker->now;
        worker->timed = true;
        if (!connection->unsent)
            r = -ENOMEM;
    }
    output_clear(output);
    return r < 0 ? r : 0;
}

/* Send what waits from earlier wake-ups. */
static int send_unsent(struct worker *worker, struct connection *connection)
{
    size_t before = output_waiting(connection->unsent);
    int r = output_send(connection->unsent, connection->fd);

    if (r == 0 && output_waiting(connection->unsent) != before)
        connection->unread_since = worker->now;
    if (r == 1) {
        output_free(connection->unsent);
        connection->unsent = NULL;
        connection->unread_since = 0;
    }
    return r < 0 ? r : 0;
}

/* Read and answer. A stream that makes no sense is closed after the replies before it are sent. */
static int serve(struct worker *worker, struct connection *connection)
{
    bool answered = false;
    int r = 0;

    answer_finished(worker, connection);
    if (!connection->pending && !connection->eof && !has_its_fill(connection))
        r = read_once(worker, connection);
    int bad = 0;
    if (r == 0 && connection->pending)
        bad = answer_calls(&answered, worker, connection);
    if (r == 0 && output_waiting(&worker->output))
        r = send_output(worker, connection);
    else
        output_clear(&worker->output);
    if (r == 0)
        r = record_settle(&connection->input);
    if (connection->pending || connection->unsent || !record_is_partial(&connection->input))
        connection->partial_since = 0;
    else if (answered || !connection->partial_since)
        connection->partial_since = worker->now;
    worker->timed = worker->timed || connection->partial_since;
    return r < 0 ? r : bad;
}

static int watch(struct worker *worker, struct connection *connection)
{
    struct epoll_event event = {.data.ptr = connection};

    if (connection->unsent)
        event.events = EPOLLOUT;
    else if (!connection->eof && !has_its_fill(connection))
        event.events = EPOLLIN;
    if (event.events == connection->interest)
        return 0;
    connection->interest = event.events;
    return epoll_ctl(worker->epoll, EPOLL_CTL_MOD, connection->fd, &event) < 0 ? -errno : 0;
}

void connection_work(struct worker *worker, struct connection *connection, uint32_t events)
{
    int r = events & (EPOLLERR | EPOLLHUP) ? -ECONNRESET : 0;

    if (r == 0 && connection->unsent)
        r = send_unsent(worker, connection);
    if (r == 0 && !connection->unsent)
        r = serve(worker, connection);
    if (r == 0)
        r = count_held(worker, connection);
    bool done = connection->eof && !connection->pending && !connection->unsent && !connection->parked;
    if (r < 0 || done || watch(worker, connection) < 0) {
        connection_close(worker, connection);
        return;
    }
    /* Draining, nobody waits for an event to read what is there. */
    bool more = (connection->pending && !has_its_fill(connection)) || connection->finished ||
                (worker->stopping && !connection->parked);
    if (more && !connection->unsent)
        queue(worker, connection);
}

bool connection_is_overdue(const struct connection *connection, uint64_t now)
{
    return (connection->partial_since && now - connection->partial_since >= 1000u * RPC_HALF_RECORD_SECONDS) ||
           (connection->unread_since && now - connection->unread_since >= 1000u * RPC_UNREAD_SECONDS);
}
