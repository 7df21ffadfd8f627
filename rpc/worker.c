/* worker.c - the loop of a worker: wait, serve what woke it, give waiting calls their turn, look at the clock. */
#include "rpc/worker.h"

#include "base/log.h"
#include "rpc/clock.h"
#include "rpc/connection.h"
#include "rpc/datagram.h"
#include "rpc/listen.h"
#include "rpc/parked.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A worker's replies of one wake-up: up to the limit, the one that passes it, a record mark, padding. */
#define OUTPUT_ROOM (RPC_OUTPUT_MAX + RPC_RECORD_MAX + 8u)

static int watch(struct worker *worker, int fd, enum source *source)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};

    return epoll_ctl(worker->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int worker_init(struct worker *worker, struct rpc_server *server, unsigned number, struct error *err)
{
    worker->server = server;
    worker->number = number;
    worker->wake_source = SOURCE_WAKE;
    worker->stop_source = SOURCE_STOP;
    pthread_mutex_init(&worker->inbox_lock, NULL);
    worker->epoll = epoll_create1(EPOLL_CLOEXEC);
    worker->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (worker->epoll < 0 || worker->wake < 0)
        return error_system(err, errno, "worker %u", number);
    worker->input = malloc(RPC_READ_SIZE);
    if (!worker->input || region_reserve(&worker->output_region, OUTPUT_ROOM) < 0 ||
        region_reserve(&worker->arena, RPC_ARENA_MAX) < 0)
        return error_system(err, ENOMEM, "worker %u", number);
    worker->output.bytes = worker->output_region.bytes;
    region_reset(&worker->arena);
    int r = watch(worker, worker->wake, &worker->wake_source);
    if (r == 0)
        r = watch(worker, server->stop, &worker->stop_source);
    return r < 0 ? error_system(err, -r, "worker %u", number) : 0;
}

/* Use the rules in force; true when they are others than before. */
static bool renew_access(struct worker *worker)
{
    struct rpc_server *server = worker->server;
    struct access_list *old = worker->access;

    pthread_mutex_lock(&server->access_lock);
    bool changed = old != server->access;
    if (changed)
        worker->access = access_list_use(server->access);
    pthread_mutex_unlock(&server->access_lock);
    if (changed)
        access_list_free(old);
    return changed;
}

static void bury_dead(struct worker *worker)
{
    struct connection *next;

    for (struct connection *connection = worker->dead; connection; connection = next) {
        next = connection->next_listed;
        connection->dying = false;
        if (connection->parked == 0)
            free(connection);
    }
    worker->dead = NULL;
}

static struct connection *take_inbox(struct worker *worker)
{
    pthread_mutex_lock(&worker->inbox_lock);
    struct connection *first = worker->inbox;
    worker->inbox = NULL;
    pthread_mutex_unlock(&worker->inbox_lock);
    return first;
}

/* Oldest first. */
static struct rpc_parked *take_done(struct worker *worker)
{
    struct rpc_parked *oldest = NULL, *next;

    pthread_mutex_lock(&worker->inbox_lock);
    struct rpc_parked *newest = worker->done;
    worker->done = NULL;
    pthread_mutex_unlock(&worker->inbox_lock);
    for (struct rpc_parked *parked = newest; parked; parked = next) {
        next = parked->next;
        parked->next = oldest;
        oldest = parked;
    }
    return oldest;
}

static void finish_done(struct worker *worker)
{
    struct rpc_parked *next;

    for (struct rpc_parked *parked = take_done(worker); parked; parked = next) {
        next = parked->next;
        connection_finished(worker, parked);
    }
}

static void close_all(struct worker *worker)
{
    struct connection *next;

    while (worker->connections)
        connection_close(worker, worker->connections);
    for (struct connection *connection = worker->ready; connection; connection = next) {
        next = connection->next_listed;
        connection->queued = false;
        connection_bury(worker, connection);
    }
    worker->ready = NULL;
    for (struct connection *connection = take_inbox(worker); connection; connection = next) {
        next = connection->next_listed;
        connection_drop(connection, worker->server);
    }
    finish_done(worker);
    bury_dead(worker);
}

void worker_destroy(struct worker *worker)
{
    if (!worker->server)
        return;
    close_all(worker);
    access_list_free(worker->access);
    region_free(&worker->arena);
    region_free(&worker->output_region);
    free(worker->input);
    if (worker->epoll >= 0)
        close(worker->epoll);
    if (worker->wake >= 0)
        close(worker->wake);
    pthread_mutex_destroy(&worker->inbox_lock);
}

void worker_wake(struct worker *worker)
{
    eventfd_write(worker->wake, 1);
}

void worker_hand(struct worker *worker, struct connection *connection)
{
    pthread_mutex_lock(&worker->inbox_lock);
    connection->next_listed = worker->inbox;
    worker->inbox = connection;
    pthread_mutex_unlock(&worker->inbox_lock);
    worker_wake(worker);
}

void worker_take_done(struct worker *worker, struct rpc_parked *parked)
{
    pthread_mutex_lock(&worker->inbox_lock);
    bool first = !worker->done;
    parked->next = worker->done;
    worker->done = parked;
    pthread_mutex_unlock(&worker->inbox_lock);
    if (first)
        worker_wake(worker);
}

struct rpc_transport worker_transport(struct worker *worker)
{
    return (struct rpc_transport){
        .programs = worker->server->config.programs,
        .program_count = worker->server->config.program_count,
        .access = worker->access,
        .worker = worker->app,
        .arena = &worker->arena,
    };
}

void worker_log_refused(struct worker *worker, const struct sockaddr *peer, const char *reason)
{
    struct rate *rate = &worker->refusals;
    char text[RPC_PEER_TEXT_SIZE];

    if (rate->second != worker->now / 1000)
        *rate = (struct rate){.second = worker->now / 1000};
    if (rate->count++ >= RPC_REFUSALS_PER_SECOND)
        return;
    if (peer)
        rpc_peer_format(text, peer);
    log_event("refused", "peer", peer ? text : "unknown", "reason", reason, NULL);
}

/* Whom the new rules do not allow goes; the others get the options they have now. */
static void check_access(struct worker *worker)
{
    struct connection *next;

    for (struct connection *connection = worker->connections; connection; connection = next) {
        const struct sockaddr *peer = (const struct sockaddr *)&connection->peer;

        next = connection->next;
        if (!access_list_find(&connection->options, worker->access, peer)) {
            worker_log_refused(worker, peer, "address");
            connection_close(worker, connection);
        }
    }
}

static void look_around(struct worker *worker)
{
    struct connection *next;
    eventfd_t ignored;

    eventfd_read(worker->wake, &ignored);
    if (renew_access(worker))
        check_access(worker);
    for (struct connection *connection = take_inbox(worker); connection; connection = next) {
        next = connection->next_listed;
        connection_adopt(worker, connection);
    }
    finish_done(worker);
}

/* The last round: read what has come, answer it, flush. */
static void begin_drain(struct worker *worker)
{
    struct connection *next;

    if (worker->stopping)
        return;
    worker->stopping = true;
    worker->stop_at = worker->now + 1000u * RPC_DRAIN_SECONDS;
    epoll_ctl(worker->epoll, EPOLL_CTL_DEL, worker->server->stop, NULL);
    if (worker->number == 0)
        listen_close(worker);
    look_around(worker);
    for (struct connection *connection = worker->connections; connection; connection = next) {
        next = connection->next;
        connection_work(worker, connection, 0);
    }
}

static void handle(struct worker *worker, const struct epoll_event *event)
{
    switch (*(enum source *)event->data.ptr) {
    case SOURCE_CONNECTION: {
        struct connection *connection = event->data.ptr;

        if (connection->fd >= 0)
            connection_work(worker, connection, event->events);
        break;
    }
    case SOURCE_LISTENER:
        listen_accept(worker, event->data.ptr);
        break;
    case SOURCE_DATAGRAMS:
        datagrams_answer(worker, event->data.ptr);
        break;
    case SOURCE_WAKE:
        look_around(worker);
        break;
    case SOURCE_STOP:
        begin_drain(worker);
        break;
    }
}

/* Connections with calls left over from their last wake-up: one more turn each. */
static void serve_ready(struct worker *worker)
{
    struct connection *next, *first = worker->ready;

    worker->ready = NULL;
    for (struct connection *connection = first; connection; connection = next) {
        next = connection->next_listed;
        connection->queued = false;
        if (connection->fd >= 0) {
            connection_work(worker, connection, 0);
        } else {
            connection_bury(worker, connection);
        }
    }
}

static void close_overdue(struct worker *worker)
{
    struct connection *next;

    worker->timed = false;
    for (struct connection *connection = worker->connections; connection; connection = next) {
        next = connection->next;
        worker->timed = worker->timed || connection->partial_since || connection->unread_since;
        if (connection_is_overdue(connection, worker->now)) {
            char peer[RPC_PEER_TEXT_SIZE];

            rpc_peer_format(peer, (const struct sockaddr *)&connection->peer);
            log_event("closed", "peer", peer, "reason", connection->partial_since ? "half a call" : "reads no replies",
                      NULL);
            connection_close(worker, connection);
        }
    }
}

/* Once a second while there is anything to watch: time limits, and memory of a burst that is over. */
static void tick(struct worker *worker)
{
    const struct rpc_config *config = &worker->server->config;

    if (worker->now < worker->tick_at)
        return;
    close_overdue(worker);
    if (!worker->busy) {
        region_relax(&worker->arena);
        region_relax(&worker->output_region);
    }
    worker->busy = false;
    worker->aging = config->worker_tick && config->worker_tick(worker->app);
    worker->tick_at = worker->now + RPC_TICK_MS;
}

static int time_left(uint64_t now, uint64_t at)
{
    return at > now ? (int)(at - now) : 0;
}

/* Milliseconds that the worker may sleep, -1: until something comes. */
static int sleep_time(struct worker *worker)
{
    int wait = -1, until;

    if (worker->ready)
        return 0;
    if (worker->stopping)
        return time_left(worker->now, worker->stop_at);
    if (worker->timed || worker->busy || worker->aging || region_is_large(&worker->arena) ||
        region_is_large(&worker->output_region))
        wait = time_left(worker->now, worker->tick_at);
    if (worker->accept_at) {
        until = time_left(worker->now, worker->accept_at);
        wait = wait < 0 || until < wait ? until : wait;
    }
    return wait;
}

void worker_run(struct worker *worker)
{
    struct epoll_event events[RPC_EVENTS_MAX];

    worker->now = clock_milliseconds();
    look_around(worker);
    while (!worker->stopping || (worker->connections && worker->now < worker->stop_at)) {
        int n = epoll_wait(worker->epoll, events, RPC_EVENTS_MAX, sleep_time(worker));

        worker->now = clock_milliseconds();
        worker->busy = worker->busy || n > 0;
        for (int i = 0; i < n; i++)
            handle(worker, &events[i]);
        serve_ready(worker);
        if (worker->accept_at && worker->now >= worker->accept_at)
            listen_resume(worker);
        tick(worker);
        bury_dead(worker);
        if (worker->server->config.worker_rest)
            worker->server->config.worker_rest(worker->app);
    }
    close_all(worker);
}
