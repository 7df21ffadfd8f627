/* rpcbind.c - a client of rpcbind that never waits longer than RPCBIND_WAIT_SECONDS.
 *
 * libtirpc's rpcb_set() waits 15 seconds and more a call, in a connect(2) and by timeouts that cannot be set from
 * outside; so its XDR is used here on a socket of our own with one deadline for everything. rpcbind believes root on
 * its local socket; where that is not to be seen (a container with the host's network) its old face, portmap by TCP on
 * loopback, knows IPv4 at least.
 */
#include "rpc/rpcbind.h"

#include "base/bytes.h"
#include "base/cleanup.h"
#include "rpc/clock.h"
#include "rpc/limits.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <rpc/pmap_prot.h>
#include <rpc/rpcb_prot.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

/* Bytes of a call or reply here: names and addresses of some tens of bytes. */
enum { MESSAGE_MAX = 1024, RECORD_MARK_SIZE = 4 };

#define LAST_FRAGMENT 0x80000000u

struct client {
    int fd;
    bool local; /* speaks rpcbind version 4; else portmap version 2 */
    uint64_t deadline;
    uint32_t xid;
};

/* Newer ones listen on the abstract name, which containers of other networks do not see; older ones on a path. */
static const char *const local_names[] = {"@/run/rpcbind.sock", "/run/rpcbind.sock", "/var/run/rpcbind.sock"};

/* Wait for the socket; 0, or -ETIMEDOUT. */
static int wait_for(const struct client *client, short events)
{
    struct pollfd poller = {.fd = client->fd, .events = events};
    int n;

    do {
        uint64_t now = clock_milliseconds();

        if (now >= client->deadline)
            return -ETIMEDOUT;
        n = poll(&poller, 1, (int)(client->deadline - now));
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n == 0 ? -ETIMEDOUT : 0;
}

static int connect_to(struct client *client, const struct sockaddr *address, socklen_t size)
{
    int error = 0;
    socklen_t error_size = sizeof error;

    client->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (client->fd < 0)
        return -errno;
    int r = connect(client->fd, address, size) < 0 ? -errno : 0;
    if (r == -EINPROGRESS)
        r = wait_for(client, POLLOUT);
    if (r == 0 && getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &error_size) == 0)
        r = -error;
    if (r < 0) {
        close(client->fd);
        client->fd = -1;
    }
    return r;
}

static int connect_local(struct client *client, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);

    memcpy(address.sun_path, name, length);
    if (*name == '@')
        address.sun_path[0] = '\0';
    return connect_to(client, (struct sockaddr *)&address,
                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (*name != '@')));
}

static int client_open(struct client *client)
{
    struct sockaddr_in portmap = {
        .sin_family = AF_INET, .sin_port = htons(PMAPPORT), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    *client = (struct client){.fd = -1, .local = true};
    client->deadline = clock_milliseconds() + 1000u * RPCBIND_WAIT_SECONDS;
    client->xid = (uint32_t)client->deadline;
    for (size_t i = 0; i < sizeof local_names / sizeof *local_names; i++)
        if (connect_local(client, local_names[i]) == 0)
            return 0;
    client->local = false;
    return connect_to(client, (struct sockaddr *)&portmap, sizeof portmap);
}

static void client_close(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
}
#define cleanup_client __attribute__((cleanup(client_close)))

static int send_all(struct client *client, const uint8_t *bytes, size_t size)
{
    while (size) {
        ssize_t n = send(client->fd, bytes, size, MSG_NOSIGNAL);

        if (n >= 0) {
            bytes += n;
            size -= (size_t)n;
            continue;
        }
        int r = errno == EAGAIN || errno == EINTR ? wait_for(client, POLLOUT) : -errno;
        if (r < 0)
            return r;
    }
    return 0;
}

static int receive_all(struct client *client, uint8_t *bytes, size_t size)
{
    while (size) {
        ssize_t n = recv(client->fd, bytes, size, 0);

        if (n == 0)
            return -ECONNRESET;
        if (n > 0) {
            bytes += n;
            size -= (size_t)n;
            continue;
        }
        int r = errno == EAGAIN || errno == EINTR ? wait_for(client, POLLIN) : -errno;
        if (r < 0)
            return r;
    }
    return 0;
}

/* xdr_void() lacks the parameters that an xdrproc_t has. */
static bool_t xdr_nothing(XDR *xdr, ...)
{
    (void)xdr;
    return TRUE;
}

static int send_call(struct client *client, uint32_t procedure, xdrproc_t encode, void *args)
{
    uint8_t message[RECORD_MARK_SIZE + MESSAGE_MAX];
    struct rpc_msg head = {.rm_xid = ++client->xid, .rm_direction = CALL};
    XDR xdr;

    head.rm_call.cb_rpcvers = RPC_MSG_VERSION;
    head.rm_call.cb_prog = PMAPPROG; /* rpcbind's too */
    head.rm_call.cb_vers = client->local ? RPCBVERS4 : PMAPVERS;
    head.rm_call.cb_proc = procedure;
    xdrmem_create(&xdr, (char *)message + RECORD_MARK_SIZE, MESSAGE_MAX, XDR_ENCODE);
    if (!xdr_callmsg(&xdr, &head) || !encode(&xdr, args))
        return -EMSGSIZE;
    uint32_t size = xdr_getpos(&xdr);
    put_be32(message, LAST_FRAGMENT | size);
    return send_all(client, message, RECORD_MARK_SIZE + size);
}

/* Receive a reply and decode its result. */
static int receive_reply(void *result, struct client *client, xdrproc_t decode)
{
    uint8_t message[MESSAGE_MAX], mark[RECORD_MARK_SIZE];
    char verifier[MAX_AUTH_BYTES]; /* else XDR would allocate it */
    struct rpc_msg head = {0};
    XDR xdr;
    int r = receive_all(client, mark, sizeof mark);

    if (r < 0)
        return r;
    uint32_t size = get_be32(mark) & ~LAST_FRAGMENT;
    if (!(mark[0] & 0x80) || size > sizeof message)
        return -EBADMSG;
    r = receive_all(client, message, size);
    if (r < 0)
        return r;
    head.acpted_rply.ar_verf.oa_base = verifier;
    head.acpted_rply.ar_results.where = result;
    head.acpted_rply.ar_results.proc = decode;
    xdrmem_create(&xdr, (char *)message, size, XDR_DECODE);
    if (!xdr_replymsg(&xdr, &head) || head.rm_xid != client->xid)
        return -EBADMSG;
    return head.rm_reply.rp_stat == MSG_ACCEPTED && head.acpted_rply.ar_stat == SUCCESS ? 0 : -EPROTO;
}

/* A call that says whether it did something. */
static int call(bool *done, struct client *client, uint32_t procedure, xdrproc_t encode, void *args)
{
    bool_t answer = FALSE;
    int r = send_call(client, procedure, encode, args);

    if (r == 0)
        r = receive_reply(&answer, client, (xdrproc_t)xdr_bool);
    *done = answer;
    return r;
}

bool rpcbind_running(void)
{
    cleanup_client struct client client;

    return client_open(&client) == 0 && send_call(&client, NULLPROC, xdr_nothing, NULL) == 0 &&
           receive_reply(NULL, &client, xdr_nothing) == 0;
}

static char *text(const char *constant)
{
    return (char *)(uintptr_t)constant; /* XDR's structures serve both ways; encoding only reads */
}

/* RFC 1833: an address with the port's two bytes after it, in decimal. */
static int set_local(bool *done, struct client *client, uint32_t program, uint32_t version, const char *netid,
                     uint16_t port)
{
    char address[32];
    struct rpcb entry = {program, version, text(netid), address, text("")};

    snprintf(address, sizeof address, "%s.%u.%u", strchr(netid, '6') ? "::" : "0.0.0.0", port >> 8, port & 255u);
    return call(done, client, RPCBPROC_SET, (xdrproc_t)xdr_rpcb, &entry);
}

static int set_portmap(bool *done, struct client *client, uint32_t program, uint32_t version, unsigned protocol,
                       uint16_t port)
{
    struct pmap entry = {program, version, protocol, port};

    return call(done, client, PMAPPROC_SET, (xdrproc_t)xdr_pmap, &entry);
}

/* Of every transport. That there was nothing to take back is no error. */
static int unset(struct client *client, uint32_t program, uint32_t version)
{
    struct rpcb entry = {program, version, text(""), text(""), text("")};
    struct pmap old = {program, version, 0, 0};
    bool done;

    return client->local ? call(&done, client, RPCBPROC_UNSET, (xdrproc_t)xdr_rpcb, &entry)
                         : call(&done, client, PMAPPROC_UNSET, (xdrproc_t)xdr_pmap, &old);
}

static int register_transport(bool *done, struct client *client, const struct rpc_program *program, uint32_t version,
                              bool datagrams, uint16_t port)
{
    if (!client->local)
        return set_portmap(done, client, program->number, version, datagrams ? IPPROTO_UDP : IPPROTO_TCP, port);
    int r = set_local(done, client, program->number, version, datagrams ? "udp" : "tcp", port);
    bool ignored; /* a machine without IPv6 has no such netid */
    return r < 0 ? r : set_local(&ignored, client, program->number, version, datagrams ? "udp6" : "tcp6", port);
}

static int register_version(bool *done, struct client *client, const struct rpc_program *program, uint32_t version,
                            uint16_t port)
{
    int r = unset(client, program->number, version);

    if (r == 0)
        r = register_transport(done, client, program, version, false, port);
    if (r == 0 && *done && program->datagrams)
        r = register_transport(done, client, program, version, true, port);
    return r;
}

int rpcbind_register(const struct rpc_program *const *programs, size_t count, uint16_t port, struct error *err)
{
    cleanup_client struct client client;
    int r = client_open(&client);

    for (size_t i = 0; r == 0 && i < count; i++) {
        const struct rpc_program *program = programs[i];

        for (size_t v = 0; r == 0 && program->number != PMAPPROG && v < program->version_count; v++) {
            bool done = false;

            r = register_version(&done, &client, program, program->versions[v].number, port);
            if (r == 0 && !done)
                return error_system(err, EPERM, "rpcbind does not take %s version %u", program->name,
                                    program->versions[v].number);
        }
    }
    return r < 0 ? error_system(err, -r, "rpcbind") : 0;
}

void rpcbind_unregister(const struct rpc_program *const *programs, size_t count)
{
    cleanup_client struct client client;
    int r = client_open(&client);

    for (size_t i = 0; r == 0 && i < count; i++)
        for (size_t v = 0; r == 0 && programs[i]->number != PMAPPROG && v < programs[i]->version_count; v++)
            r = unset(&client, programs[i]->number, programs[i]->versions[v].number);
}
