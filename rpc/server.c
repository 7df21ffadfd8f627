/* server.c - the server's own life: making it, running its workers, stopping it, changing its rules.
 *
 * The flow of a call: listen.c accepts and deals connections out; worker.c waits for them; connection.c reads records
 * (record.c), has each answered (call.c) and sends the replies (output.c). Calls by UDP: datagram.c. Limits: limits.h.
 */
#include "rpc/server.h"

#include "rpc/listen.h"
#include "rpc/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int check_config(const struct rpc_config *config, struct error *err)
{
    if (config->threads < 1 || config->threads > RPC_THREADS_MAX)
        return error_usage(err, "threads: 1 to %u", RPC_THREADS_MAX);
    for (size_t i = 0; i < config->program_count; i++)
        if (config->programs[i]->version_count == 0)
            return error_usage(err, "program %u has no version", config->programs[i]->number);
    return 0;
}

static int init(struct rpc_server *server, struct access_list *access, struct error *err)
{
    unsigned threads = server->config.threads;

    pthread_mutex_init(&server->access_lock, NULL);
    sem_init(&server->begun, 0, 0);
    server->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->stop < 0)
        return error_system(err, errno, "RPC server");
    server->workers = calloc(threads, sizeof *server->workers);
    if (!server->workers)
        return error_system(err, ENOMEM, "RPC server");
    for (unsigned i = 0; i < threads; i++) {
        int r = worker_init(&server->workers[i], server, i, err);
        if (r < 0)
            return r;
    }
    server->access = access;
    return 0;
}

int rpc_server_new(struct rpc_server **made, const struct rpc_config *config, struct access_list *access,
                   struct error *err)
{
    int r = check_config(config, err);
    struct rpc_server *server = r < 0 ? NULL : calloc(1, sizeof *server);

    if (r == 0 && !server)
        r = error_system(err, ENOMEM, "RPC server");
    if (r == 0) {
        server->config = *config;
        r = init(server, access, err);
        if (r == 0) {
            *made = server;
            return 0;
        }
        rpc_server_free(server);
    }
    access_list_free(access);
    return r;
}

void rpc_server_free(struct rpc_server *server)
{
    if (!server)
        return;
    for (unsigned i = 0; server->workers && i < server->config.threads; i++)
        worker_destroy(&server->workers[i]);
    free(server->workers);
    for (size_t i = 0; i < server->listener_count; i++)
        if (server->listeners[i].fd >= 0)
            close(server->listeners[i].fd);
    access_list_free(server->access);
    if (server->stop >= 0)
        close(server->stop);
    sem_destroy(&server->begun);
    pthread_mutex_destroy(&server->access_lock);
    free(server);
}

static void begin(struct worker *worker)
{
    const struct rpc_config *config = &worker->server->config;

    if (config->worker_begin)
        worker->begun = config->worker_begin(&worker->app, config->app, &worker->error);
}

static void serve(struct worker *worker)
{
    const struct rpc_config *config = &worker->server->config;

    if (worker->begun < 0)
        return;
    worker_run(worker);
    if (config->worker_end)
        config->worker_end(worker->app);
}

static void *thread_main(void *argument)
{
    struct worker *worker = argument;

    begin(worker);
    sem_post(&worker->server->begun);
    serve(worker);
    return NULL;
}

/* Signals are for the calling thread: the others start with all of them blocked. Returns how many were started. */
static unsigned start_threads(struct rpc_server *server)
{
    sigset_t all, before;
    unsigned started = 1;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; started < server->config.threads; started++) {
        struct worker *worker = &server->workers[started];
        int r = pthread_create(&worker->thread, NULL, thread_main, worker);

        if (r != 0) {
            worker->begun = error_system(&worker->error, r, "thread %u", started);
            break;
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

static void wait_until_begun(struct rpc_server *server, unsigned started)
{
    for (unsigned i = 1; i < started; i++)
        while (sem_wait(&server->begun) < 0 && errno == EINTR)
            continue;
}

/* The first worker that could not begin says why nothing runs. */
static int first_failure(const struct rpc_server *server, struct error *err)
{
    for (unsigned i = 0; i < server->config.threads; i++) {
        const struct worker *worker = &server->workers[i];

        if (worker->begun < 0) {
            if (err)
                *err = worker->error;
            return worker->begun;
        }
    }
    return 0;
}

int rpc_server_run(struct rpc_server *server, struct error *err)
{
    struct worker *own = &server->workers[0];
    int r = listen_watch(own);

    if (r < 0)
        return error_system(err, -r, "watching the listeners");
    signal(SIGPIPE, SIG_IGN); /* a log that goes to a pipe may lose its reader */
    begin(own);
    unsigned started = own->begun < 0 ? 1 : start_threads(server);
    wait_until_begun(server, started);
    r = first_failure(server, err);
    if (r < 0)
        rpc_server_stop(server);
    serve(own);
    for (unsigned i = 1; i < started; i++)
        pthread_join(server->workers[i].thread, NULL);
    return r;
}

void rpc_server_stop(struct rpc_server *server)
{
    const uint64_t one = 1;
    int before = errno;
    ssize_t ignored = write(server->stop, &one, sizeof one);

    (void)ignored;
    errno = before;
}

void rpc_server_set_access(struct rpc_server *server, struct access_list *access)
{
    pthread_mutex_lock(&server->access_lock);
    struct access_list *old = server->access;
    server->access = access;
    pthread_mutex_unlock(&server->access_lock);
    access_list_free(old);
    for (unsigned i = 0; i < server->config.threads; i++)
        worker_wake(&server->workers[i]);
}
