/* serve.c - `confuse serve`: the programs, the listeners, the portmapper and the signals, put together.
 *
 * From here the flow goes to rpc/server.c, and for each call into nfsd/ or mountd/.
 */
#include "base/cleanup.h"
#include "base/log.h"
#include "base/timestamp.h"
#include "cli/address.h"
#include "cli/command.h"
#include "mountd/program.h"
#include "nfsd/export.h"
#include "nfsd/program.h"
#include "nfsd/verdict_writer.h"
#include "nfsd/worker.h"
#include "rpc/rpcbind.h"
#include "rpc/server.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define PORTMAP_PORT 111
#define PORTMAP_PROGRAM 100000
#define THREADS_MAX 64
#define DEFAULT_CACHE "128M"
#define CLAIM_SECONDS_MAX 86400u /* temporaries do not live longer either */

static struct {
    struct text_list listen, allow;
    const char *portmap, *exports, *threads, *cache, *key_file, *log;
    const char *claim_ttl, *cache_files, *cache_bytes;
} given;

static const struct option_spec OPTIONS[] = {
    {"listen", 0, OPTION_TEXTS, &given.listen, "ADDR:PORT", "where to listen; ADDR or :PORT may be left out"},
    {"allow", 0, OPTION_TEXTS, &given.allow, "CIDR[,OPT]…",
     "who may connect; OPT is insecure, root_squash, blob, meta or cache=rw"},
    {"exports", 0, OPTION_TEXT, &given.exports, "FILE", "rules as of --allow, one a line; SIGHUP reads it again"},
    {"portmap", 0, OPTION_TEXT, &given.portmap, "HOW", "auto (rpcbind if it runs, else builtin), builtin or off"},
    {"threads", 0, OPTION_TEXT, &given.threads, "N", "workers; as many as there are processors if not given"},
    {"cache", 0, OPTION_TEXT, &given.cache, "SIZE",
     "memory for nodes of trees and small contents; " DEFAULT_CACHE " if not given"},
    {"key-file", 0, OPTION_TEXT, &given.key_file, "F", "16 bytes that sign handles, instead of the store's"},
    {"claim-ttl", 0, OPTION_TEXT, &given.claim_ttl, "T",
     "claims in /cache untouched for so long are gone: 90s, 10m, 2h"},
    {"cache-files", 0, OPTION_TEXT, &given.cache_files, "N", "files that a scanner may have in /cache"},
    {"cache-bytes", 0, OPTION_TEXT, &given.cache_bytes, "SIZE", "bytes that these may have"},
    {"log", 0, OPTION_TEXT, &given.log, "FORM", "text or json"},
    {0},
};

static const struct rpc_program *const PROGRAMS[] = {&nfs_program, &nfsacl_program, &mount_program, &nlm_program,
                                                     &portmap_program};
#define PROGRAM_COUNT (sizeof PROGRAMS / sizeof *PROGRAMS)

struct serving {
    struct nfsd_app app;
    struct siphash_key key;
    struct rpc_server *server;
    unsigned threads;
    bool registered; /* with rpcbind */
};

/* --- Options ------------------------------------------------------------------------------------------------------ */

static int parse_threads(unsigned *threads, const char *text, struct error *err)
{
    char *end = NULL;
    long number = text ? strtol(text, &end, 10) : sysconf(_SC_NPROCESSORS_ONLN);

    if (text && (*end || number < 1 || number > THREADS_MAX))
        return error_usage(err, "--threads is a number from 1 to %d", THREADS_MAX);
    *threads = number < 1 ? 1 : number > THREADS_MAX ? THREADS_MAX : (unsigned)number;
    return 0;
}

/* Seconds, minutes or hours. */
static int parse_claim_ttl(uint64_t *ns, const char *text, struct error *err)
{
    static const struct {
        const char *unit;
        unsigned long seconds;
    } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}};
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (end != text && strcmp(end, units[i].unit) == 0 && number >= 1 &&
            number <= CLAIM_SECONDS_MAX / units[i].seconds) {
            *ns = number * units[i].seconds * NANOSECONDS;
            return 0;
        }
    return error_usage(err, "--claim-ttl %s is no time such as 90s, 10m or 2h, a day at most", text);
}

static int parse_limits(struct verdict_limits *limits, struct error *err)
{
    char *end = NULL;

    *limits = verdict_limits_default;
    if (given.cache_files) {
        limits->files = strtoull(given.cache_files, &end, 10);
        if (end == given.cache_files || *end || limits->files < 1 || limits->files > VERDICT_FILES_MAX)
            return error_usage(err, "--cache-files is a number from 1 to %u", VERDICT_FILES_MAX);
    }
    if (given.cache_bytes && !option_size(&limits->bytes, given.cache_bytes))
        return error_usage(err, "--cache-bytes %s is no size such as 16G", given.cache_bytes);
    return given.claim_ttl ? parse_claim_ttl(&limits->claim_ns, given.claim_ttl, err) : 0;
}

static int read_key(struct siphash_key *key, const char *path, struct error *err)
{
    uint8_t bytes[SIPHASH_KEY_SIZE];
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return error_system(err, errno, "%s", path);
    if (read(fd, bytes, sizeof bytes) != sizeof bytes)
        return error_input(err, "%s: a key of %d bytes is needed; head -c %d /dev/urandom makes one", path,
                           SIPHASH_KEY_SIZE, SIPHASH_KEY_SIZE);
    *key = siphash_key_load(bytes);
    return 0;
}

/* The rules as they are now; without any, this machine alone. */
static int load_access(struct access_list **out, struct error *err)
{
    struct access_list *list = access_list_new();
    int result = list ? 0 : error_system(err, ENOMEM, "no room for rules");

    if (list)
        access_list_take_options(list, export_options);

    for (size_t i = 0; i < given.allow.count && result == 0; i++)
        result = access_list_add(list, given.allow.texts[i], err);
    if (result == 0 && given.exports)
        result = access_list_read(list, given.exports, err);
    if (result == 0 && !given.exports && given.allow.count == 0) {
        result = access_list_add(list, "127.0.0.0/8", err);
        if (result == 0)
            result = access_list_add(list, "::1/128", err);
    }
    if (result < 0) {
        access_list_free(list);
        return result;
    }
    *out = list;
    return 0;
}

/* --- Listening ---------------------------------------------------------------------------------------------------- */

/* Without a host: everywhere. */
static int parse_listen(struct address *at, const char *text, struct error *err)
{
    if (!address_parse(at, text))
        return error_usage(err, "--listen %s is no ADDR:PORT such as 0.0.0.0:2049 or [::]:2049", text);
    if (!*at->host)
        snprintf(at->host, sizeof at->host, "*");
    return 0;
}

static void log_listening(const char *what, const char *address, uint16_t port)
{
    char text[8];

    snprintf(text, sizeof text, "%u", port);
    log_event("listening", "for", what, "address", address, "port", text, NULL);
}

static int listen_at(struct serving *s, const char *text, struct error *err)
{
    struct address at;
    uint16_t bound;
    int result = parse_listen(&at, text, err);

    if (result == 0)
        result = rpc_server_listen(&bound, s->server, at.host, at.port, RPC_LISTEN_TCP | RPC_LISTEN_UDP, 0, err);
    if (result < 0)
        return result;
    s->app.served.tcp_port = s->app.served.udp_port = bound;
    log_listening("nfs", at.host, bound);
    return 0;
}

/* Rules for others make it listen to others; without them, loopback only. IPv6 may be missing on a machine. */
static int listen_all(struct serving *s, struct error *err)
{
    bool local = !given.exports && given.allow.count == 0;

    for (size_t i = 0; i < given.listen.count; i++) {
        int result = listen_at(s, given.listen.texts[i], err);
        if (result < 0)
            return result;
    }
    if (given.listen.count)
        return 0;
    int result = listen_at(s, local ? "127.0.0.1" : "*", err);
    struct error ignored;
    if (result == 0 && local && listen_at(s, "[::1]", &ignored) < 0)
        log_event("warning", "what", "not listening on ::1", "why", ignored.text, NULL);
    return result;
}

/* --- Portmap ------------------------------------------------------------------------------------------------------ */

/* Beside each address that serves NFS; a privileged port that may be taken, so nothing depends on it. */
static void serve_portmap(struct serving *s)
{
    static const char *const local[] = {"127.0.0.1", "::1"}, *const all[] = {"*"};
    bool everywhere = given.exports || given.allow.count;
    size_t count = given.listen.count ? given.listen.count : everywhere ? 1 : 2;
    struct error err;

    for (size_t i = 0; i < count; i++) {
        struct address at;
        uint16_t port;

        if (given.listen.count && parse_listen(&at, given.listen.texts[i], &err) < 0)
            continue;
        if (!given.listen.count)
            snprintf(at.host, sizeof at.host, "%s", everywhere ? all[i] : local[i]);
        if (rpc_server_listen(&port, s->server, at.host, PORTMAP_PORT, RPC_LISTEN_TCP | RPC_LISTEN_UDP, PORTMAP_PROGRAM,
                              &err) == 0)
            log_listening("portmap", at.host, port);
        else
            log_event("warning", "what", "no portmap; clients need port= and mountport=", "why", err.text, NULL);
    }
}

static int start_portmap(struct serving *s, struct error *err)
{
    const char *how = given.portmap ? given.portmap : "auto";
    struct error refused;

    if (strcmp(how, "off") == 0)
        return 0;
    if (strcmp(how, "builtin") == 0) {
        serve_portmap(s);
        return 0;
    }
    if (strcmp(how, "auto") != 0)
        return error_usage(err, "--portmap is auto, builtin or off, not %s", how);
    if (!rpcbind_running()) {
        serve_portmap(s);
        return 0;
    }
    /* rpcbind speaks for itself: the portmap program, last in the table, is not registered. */
    s->registered = rpcbind_register(PROGRAMS, PROGRAM_COUNT - 1, s->app.served.tcp_port, &refused) == 0;
    if (!s->registered)
        log_event("warning", "what", "not registered with rpcbind; clients need port= and mountport=", "why",
                  refused.text, NULL);
    return 0;
}

/* --- Signals ------------------------------------------------------------------------------------------------------ */

static void reload_access(struct rpc_server *server)
{
    struct access_list *list;
    struct error err;

    if (load_access(&list, &err) < 0) {
        log_event("warning", "what", "the rules stay as they were", "why", err.text, NULL);
        return;
    }
    rpc_server_set_access(server, list);
    log_event("reloaded", NULL);
}

static void signals_wanted(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
}

/* A thread of its own takes signals, so that what they ask for is ordinary code. */
static void *handle_signals(void *arg)
{
    struct rpc_server *server = arg;
    sigset_t set;
    int number;

    signals_wanted(&set);
    while (sigwait(&set, &number) == 0) {
        if (number == SIGHUP) {
            reload_access(server);
            continue;
        }
        log_event("stopping", "signal", number == SIGINT ? "SIGINT" : "SIGTERM", NULL);
        rpc_server_stop(server);
    }
    return NULL;
}

/* --- All of it ---------------------------------------------------------------------------------------------------- */

/* Every connection takes a descriptor, and the usual soft limit, which is for select(2), is a quarter of what is
 * allowed here. Where more is not to be had, accepting pauses at the limit. */
static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Signals are taken from the first moment on: looking for rpcbind may take seconds, and SIGHUP would end us there. */
static int serve(struct serving *s, struct error *err)
{
    pthread_t signals;
    int result = pthread_create(&signals, NULL, handle_signals, s->server);

    if (result != 0)
        return error_system(err, result, "cannot start a thread");
    result = listen_all(s, err);
    if (result == 0)
        result = start_portmap(s, err);
    if (result == 0) {
        log_event("serving", "store", s->app.store_directory, NULL);
        result = rpc_server_run(s->server, err);
    }
    pthread_cancel(signals);
    pthread_join(signals, NULL);
    if (s->registered)
        rpcbind_unregister(PROGRAMS, PROGRAM_COUNT - 1);
    return result;
}

static int prepare(struct serving *s, const struct invocation *invocation, struct error *err)
{
    struct access_list *access = NULL;
    struct verdict_limits limits;
    uint64_t cache;
    int result = parse_limits(&limits, err);

    if (result == 0 && !option_size(&cache, given.cache ? given.cache : DEFAULT_CACHE))
        result = error_usage(err, "--cache %s is no size such as " DEFAULT_CACHE, given.cache ? given.cache : "");
    if (result == 0)
        result = parse_threads(&s->threads, given.threads, err);
    if (result == 0 && given.log && strcmp(given.log, "text") != 0 && strcmp(given.log, "json") != 0)
        result = error_usage(err, "--log is text or json, not %s", given.log);
    log_set_form(given.log && strcmp(given.log, "json") == 0 ? LOG_JSON : LOG_TEXT);
    if (result == 0 && given.key_file) {
        result = read_key(&s->key, given.key_file, err);
        s->app.key = &s->key;
    }
    if (result == 0)
        result = tree_cache_new(&s->app.cache, cache, err);
    if (result == 0)
        result = renderings_new(&s->app.renderings, invocation->store, RENDERINGS_BYTES_MAX, err);
    if (result == 0)
        result = verdict_writer_new(&s->app.verdict_writer, invocation->store, &limits, err);
    if (result == 0)
        result = load_access(&access, err);
    if (result < 0)
        return result;
    s->app.store_directory = invocation->store;
    s->app.served.programs = PROGRAMS;
    s->app.served.program_count = PROGRAM_COUNT;
    const struct rpc_config config = {
        .programs = PROGRAMS,
        .program_count = PROGRAM_COUNT,
        .threads = s->threads,
        .app = &s->app,
        .worker_begin = nfsd_worker_begin,
        .worker_ahead = nfsd_worker_ahead,
        .worker_rest = nfsd_worker_rest,
        .worker_tick = nfsd_worker_tick,
        .worker_end = nfsd_worker_end,
    };
    return rpc_server_new(&s->server, &config, access, err);
}

static int run(const struct invocation *invocation, int argc, char **argv, struct error *err)
{
    struct serving serving = {0};
    struct store *store;
    sigset_t signals;

    (void)argv;
    if (argc)
        return error_usage(err, "there is nothing to name; every snapshot of the store is served");
    signals_wanted(&signals);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* for handle_signals() */
    raise_descriptors();
    /* Workers open the store for themselves; this one makes it where there is none yet, so that a server may be first.
     */
    int result = store_open(&store, invocation->store, STORE_CREATE, err);
    if (result < 0)
        return result;
    store_close(store);
    result = prepare(&serving, invocation, err);
    if (result == 0)
        result = serve(&serving, err);
    verdict_writer_free(serving.app.verdict_writer); /* its last calls end in the server's workers */
    rpc_server_free(serving.server);
    renderings_free(serving.app.renderings);
    tree_cache_free(serving.app.cache);
    return result;
}

const struct command command_serve = {
    .name = "serve",
    .arguments = "",
    .summary = "Serve every snapshot of the store over NFS 3",
    .help =
        "NFS, MOUNT, NLM and portmap answer on one port, TCP (MOUNT, NLM and portmap on UDP too). Without --allow\n"
        "and --exports only this machine may connect. A snapshot that is imported meanwhile is there at once.\n"
        "uid 0 is believed from ports below 1024 only, unless the rule says insecure. SIGHUP reads --exports again;\n"
        "SIGTERM answers what has come and ends. What scanners said is shared in /cache, by peers with cache=rw.\n\n"
        "    confuse serve --allow 10.0.0.0/8\n"
        "    mount -t nfs HOST:/snap/ID /mnt -o ro,nolock\n"
        "    mount -t nfs HOST:/snap/ID /mnt -o ro,nolock,vers=3,proto=tcp,port=2049,mountproto=tcp,mountport=2049\n",
    .options = OPTIONS,
    .run = run,
};
