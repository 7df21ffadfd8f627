/* portmap.c - the portmap program: version 2, and 3 and 4 (rpcbind), for clients that were given no ports.
 *
 * It tells where the programs of this server are and nothing else: nobody can register (SET, UNSET: false), it forwards
 * no calls (CALLIT, BCAST and INDIRECT make others pay for the caller's lies), and RPCB 3's and 4's other procedures
 * are not served; clients ask GETADDR first and take PROC_UNAVAIL for an answer.
 */
#include "mountd/program.h"
#include "mountd/rpcb.h"
#include "nfsd/worker.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const struct netid {
    const char *name;
    uint32_t protocol;
    const char *any; /* the universal address of all interfaces, without the port */
    bool version_2;  /* version 2 knows IPv4 only */
} netids[] = {
    {"tcp", IPPROTO_TCP, "0.0.0.0", true},
    {"udp", IPPROTO_UDP, "0.0.0.0", true},
    {"tcp6", IPPROTO_TCP, "::", false},
    {"udp6", IPPROTO_UDP, "::", false},
};

enum { NETIDS = sizeof netids / sizeof *netids };

static const struct served *served_by(const struct rpc_call *call)
{
    return &((const struct nfsd_worker *)call->worker)->app->served;
}

/* 0: this program is not served by this protocol. */
static uint16_t port_of(const struct served *served, const struct rpc_program *program, uint32_t protocol)
{
    if (protocol == IPPROTO_TCP)
        return served->tcp_port;
    return protocol == IPPROTO_UDP && program->datagrams ? served->udp_port : 0;
}

/* The port of exactly this program, version and protocol, or 0. */
static uint16_t find_port(const struct served *served, uint32_t number, uint32_t version, uint32_t protocol)
{
    for (size_t i = 0; i < served->program_count; i++) {
        const struct rpc_program *program = served->programs[i];

        for (size_t j = 0; program->number == number && j < program->version_count; j++)
            if (program->versions[j].number == version)
                return port_of(served, program, protocol);
    }
    return 0;
}

/* Request: none. Reply: none.
 * Serves clients' pings.
 * Bound: no work. */
static enum accept_stat ping(struct rpc_call *call, const void *args, void *result)
{
    (void)call;
    (void)args;
    (void)result;
    return SUCCESS;
}

/* Request: a registration, which is not looked at (RFC 1833, 2.2.1 and 3.2).
 * Reply: false.
 * Bound: no work. */
static enum accept_stat refuse(struct rpc_call *call, const void *args, void *result)
{
    (void)call;
    (void)args;
    *(bool_t *)result = FALSE;
    return SUCCESS;
}

/* Request: program, version and protocol (RFC 1833, 3.2, PMAPPROC_GETPORT).
 * Reply: the port, or 0.
 * Bound: a search among some ten programs and versions. */
static enum accept_stat getport(struct rpc_call *call, const void *args, void *result)
{
    const struct pmap *in = args;

    *(uint32_t *)result =
        find_port(served_by(call), (uint32_t)in->pm_prog, (uint32_t)in->pm_vers, (uint32_t)in->pm_prot);
    return SUCCESS;
}

/* How much of a universal address is the host: "host.p1.p2", ports in decimal bytes (RFC 5665, 5.2.3). */
static size_t host_size(const char *address, size_t size)
{
    for (int dots = 0; size > 0;)
        if (address[--size] == '.' && ++dots == 2)
            break;
    return size;
}

/* The address of a port on this server begins with the host by which the caller knows us, which is what it says in
 * r_addr (Linux and libtirpc do). */
static size_t put_address(char *out, size_t room, const char *known_as, size_t size, const struct netid *netid,
                          uint16_t port)
{
    size_t given = host_size(known_as, size);
    const char *host = given ? known_as : netid->any;
    size_t host_length = given ? given : strlen(host);

    return (size_t)snprintf(out, room, "%.*s.%u.%u", (int)host_length, host, port >> 8, port & 255u);
}

static const struct netid *find_netid(const struct rpcb_args *in)
{
    for (size_t i = 0; i < NETIDS; i++)
        if (strlen(netids[i].name) == in->netid.netid_len &&
            memcmp(netids[i].name, in->netid.netid_val, in->netid.netid_len) == 0)
            return &netids[i];
    return NULL;
}

struct address_result {
    char *text;
    uint32_t size;
};

/* Request: program, version and netid (RFC 1833, 2.2.1, RPCBPROC_GETADDR).
 * Reply: a universal address, or an empty one.
 * Bound: as GETPORT; RPCB_ADDRESS_MAX bytes of reply and some. */
static enum accept_stat getaddr(struct rpc_call *call, const void *args, void *result)
{
    enum { ROOM = RPCB_ADDRESS_MAX + 16 };
    const struct rpcb_args *in = args;
    const struct netid *netid = find_netid(in);
    struct address_result *out = result;
    uint16_t port = netid ? find_port(served_by(call), in->r_prog, in->r_vers, netid->protocol) : 0;

    if (port == 0)
        return SUCCESS;
    out->text = rpc_call_alloc(call, ROOM);
    if (!out->text)
        return SYSTEM_ERR;
    out->size = (uint32_t)put_address(out->text, ROOM, in->address.address_val, in->address.address_len, netid, port);
    return SUCCESS;
}

static bool_t encode_address(XDR *xdrs, struct address_result *result)
{
    return xdr_u_int(xdrs, &result->size) && (result->size == 0 || xdr_opaque(xdrs, result->text, result->size));
}

struct dump_result {
    const struct served *served;
};

/* Request: none (RFC 1833, 2.2.1 and 3.2: DUMP).
 * Reply: all that is served, in the form of the version.
 * Bound: a row for each program, version and netid, some 30. */
static enum accept_stat dump(struct rpc_call *call, const void *args, void *result)
{
    struct dump_result *out = result;

    (void)args;
    out->served = served_by(call);
    return SUCCESS;
}

typedef bool_t (*row_encode)(XDR *xdrs, const struct rpc_program *program, uint32_t version, const struct netid *netid,
                             uint16_t port);

static bool_t encode_program(XDR *xdrs, const struct served *served, const struct rpc_program *program, row_encode row)
{
    for (size_t i = 0; i < program->version_count; i++)
        for (size_t j = 0; j < NETIDS; j++) {
            uint16_t port = port_of(served, program, netids[j].protocol);

            if (port && !row(xdrs, program, program->versions[i].number, &netids[j], port))
                return FALSE;
        }
    return TRUE;
}

static bool_t encode_rows(XDR *xdrs, const struct served *served, row_encode row)
{
    bool_t none = FALSE;

    if (xdrs->x_op != XDR_ENCODE)
        return TRUE; /* nothing in it was allocated */
    for (size_t i = 0; i < served->program_count; i++)
        if (!encode_program(xdrs, served, served->programs[i], row))
            return FALSE;
    return xdr_bool(xdrs, &none);
}

static bool_t encode_mapping(XDR *xdrs, const struct rpc_program *program, uint32_t version, const struct netid *netid,
                             uint16_t port)
{
    struct pmap mapping = {program->number, version, netid->protocol, port};
    bool_t one = TRUE;

    return !netid->version_2 || (xdr_bool(xdrs, &one) && xdr_pmap(xdrs, &mapping));
}

static bool_t encode_text(XDR *xdrs, char *text, uint32_t size)
{
    return xdr_u_int(xdrs, &size) && xdr_opaque(xdrs, text, size);
}

static bool_t encode_rpcb(XDR *xdrs, const struct rpc_program *program, uint32_t version, const struct netid *netid,
                          uint16_t port)
{
    char name[RPCB_NETID_MAX], address[RPCB_ADDRESS_MAX], owner[] = "superuser"; /* as rpcbind says of root's */
    uint32_t number = program->number;
    bool_t one = TRUE;

    snprintf(name, sizeof name, "%s", netid->name);
    uint32_t size = (uint32_t)put_address(address, sizeof address, NULL, 0, netid, port);
    return xdr_bool(xdrs, &one) && xdr_u_int(xdrs, &number) && xdr_u_int(xdrs, &version) &&
           encode_text(xdrs, name, (uint32_t)strlen(name)) && encode_text(xdrs, address, size) &&
           encode_text(xdrs, owner, sizeof owner - 1);
}

static bool_t encode_dump_2(XDR *xdrs, struct dump_result *result)
{
    return encode_rows(xdrs, result->served, encode_mapping);
}

static bool_t encode_dump_3(XDR *xdrs, struct dump_result *result)
{
    return encode_rows(xdrs, result->served, encode_rpcb);
}

static void prepare_rpcb(struct rpc_call *call, void *args)
{
    struct rpcb_args *in = args;

    /* The arena is empty when a call begins: there is room. */
    in->netid.netid_val = rpc_call_alloc(call, RPCB_NETID_MAX);
    in->address.address_val = rpc_call_alloc(call, RPCB_ADDRESS_MAX);
    in->owner.owner_val = rpc_call_alloc(call, RPCB_OWNER_MAX);
}

#define SIMPLE(title, does, encoder, out)                                                                              \
    {                                                                                                                  \
        .name = (title), .handler = (does), .encode = (xdrproc_t)(encoder), .result_size = sizeof(out)                 \
    }
#define BY_RPCB(title)                                                                                                 \
    {                                                                                                                  \
        title, getaddr, (xdrproc_t)xdr_rpcb_args, sizeof(rpcb_args), (xdrproc_t)encode_address,                        \
            sizeof(struct address_result), prepare_rpcb, NULL                                                          \
    }
#define NULL_PROC                                                                                                      \
    {                                                                                                                  \
        .name = "NULL", .handler = ping                                                                                \
    }

static const struct rpc_procedure procedures_2[] = {
    [0] = NULL_PROC,
    [1] = SIMPLE("SET", refuse, xdr_bool, bool_t),
    [2] = SIMPLE("UNSET", refuse, xdr_bool, bool_t),
    [3] = {"GETPORT", getport, (xdrproc_t)xdr_pmap, sizeof(struct pmap), (xdrproc_t)xdr_u_int, sizeof(uint32_t), NULL,
           NULL},
    [4] = SIMPLE("DUMP", dump, encode_dump_2, struct dump_result),
};

static const struct rpc_procedure procedures_3_4[] = {
    [0] = NULL_PROC,
    [1] = SIMPLE("SET", refuse, xdr_bool, bool_t),
    [2] = SIMPLE("UNSET", refuse, xdr_bool, bool_t),
    [3] = BY_RPCB("GETADDR"),
    [4] = SIMPLE("DUMP", dump, encode_dump_3, struct dump_result),
    [9] = BY_RPCB("GETVERSADDR"), /* version 4 only: GETADDR that insists on the version, as ours does anyway */
};

static const struct rpc_version versions[] = {
    {2, procedures_2, sizeof procedures_2 / sizeof *procedures_2},
    {3, procedures_3_4, 5},
    {4, procedures_3_4, sizeof procedures_3_4 / sizeof *procedures_3_4},
};

const struct rpc_program portmap_program = {100000, "portmap", versions, sizeof versions / sizeof *versions,
                                            .datagrams = true};
