/* call.c - from a record to its reply (RFC 5531, sections 8 to 10).
 *
 * The header is read here, bounded by the record, because xdr_callmsg() fails alike on another RPC version, on a long
 * credential and on a short record, which want three different answers. Arguments, results and reply headers are XDR's.
 */
#include "rpc/call.h"

#include "base/log.h"
#include "rpc/credential.h"
#include "rpc/limits.h"
#include "rpc/words.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct header {
    uint32_t xid, program, version, procedure;
    uint32_t flavor, body_size;
    const uint8_t *body;
};

/* What reading a header came to. */
enum header_verdict {
    HEADER_GOOD,
    HEADER_NO_CALL, /* a reply, or cut short */
    HEADER_OTHER_RPC,
    HEADER_LONG_CREDENTIAL,
    HEADER_LONG_VERIFIER,
};

static enum header_verdict read_auth(struct header *header, struct words *words)
{
    struct words peek;
    uint32_t flavor, size;
    const uint8_t *body;

    if (!words_take(&header->flavor, words))
        return HEADER_NO_CALL;
    peek = *words;
    if (!words_take_opaque(&header->body, &header->body_size, words, RPC_AUTH_BODY_MAX))
        return words_take(&size, &peek) && size > RPC_AUTH_BODY_MAX ? HEADER_LONG_CREDENTIAL : HEADER_NO_CALL;
    if (!words_take(&flavor, words))
        return HEADER_NO_CALL;
    peek = *words;
    if (!words_take_opaque(&body, &size, words, RPC_AUTH_BODY_MAX))
        return words_take(&size, &peek) && size > RPC_AUTH_BODY_MAX ? HEADER_LONG_VERIFIER : HEADER_NO_CALL;
    return HEADER_GOOD;
}

static enum header_verdict read_header(struct header *header, struct words *words)
{
    uint32_t type, rpc_version;

    if (!words_take(&header->xid, words) || !words_take(&type, words) || type != CALL ||
        !words_take(&rpc_version, words))
        return HEADER_NO_CALL;
    if (rpc_version != RPC_MSG_VERSION)
        return HEADER_OTHER_RPC;
    if (!words_take(&header->program, words) || !words_take(&header->version, words) ||
        !words_take(&header->procedure, words))
        return HEADER_NO_CALL;
    return read_auth(header, words);
}

/* Encode a reply; 0 when it does not fit. */
static ssize_t encode(uint8_t *reply, size_t room, struct rpc_msg *message)
{
    XDR xdr;

    xdrmem_create(&xdr, (char *)reply, (u_int)room, XDR_ENCODE);
    return xdr_replymsg(&xdr, message) ? (ssize_t)xdr_getpos(&xdr) : 0;
}

static ssize_t deny_rpc(uint8_t *reply, size_t room, uint32_t xid)
{
    struct rpc_msg message = {.rm_xid = xid, .rm_direction = REPLY};

    message.rm_reply.rp_stat = MSG_DENIED;
    message.rjcted_rply.rj_stat = RPC_MISMATCH;
    message.rjcted_rply.rj_vers.low = message.rjcted_rply.rj_vers.high = RPC_MSG_VERSION;
    return encode(reply, room, &message);
}

static ssize_t deny_auth(uint8_t *reply, size_t room, uint32_t xid, enum auth_stat why)
{
    struct rpc_msg message = {.rm_xid = xid, .rm_direction = REPLY};

    message.rm_reply.rp_stat = MSG_DENIED;
    message.rjcted_rply.rj_stat = AUTH_ERROR;
    message.rjcted_rply.rj_why = why;
    return encode(reply, room, &message);
}

static struct rpc_msg accepted(uint32_t xid, enum accept_stat stat)
{
    struct rpc_msg message = {.rm_xid = xid, .rm_direction = REPLY};

    message.rm_reply.rp_stat = MSG_ACCEPTED;
    message.acpted_rply.ar_stat = stat; /* the verifier is AUTH_NONE, all zero */
    return message;
}

static ssize_t fail(uint8_t *reply, size_t room, uint32_t xid, enum accept_stat stat)
{
    struct rpc_msg message = accepted(xid, stat);

    return encode(reply, room, &message);
}

static const struct rpc_program *find_program(const struct rpc_transport *transport, uint32_t number)
{
    if (transport->only && number != transport->only)
        return NULL;
    for (size_t i = 0; i < transport->program_count; i++) {
        const struct rpc_program *program = transport->programs[i];

        if (program->number == number)
            return transport->stream || program->datagrams ? program : NULL;
    }
    return NULL;
}

static const struct rpc_version *find_version(const struct rpc_program *program, uint32_t number)
{
    for (size_t i = 0; i < program->version_count; i++)
        if (program->versions[i].number == number)
            return &program->versions[i];
    return NULL;
}

/* Clients step down by what this answers: when a mount does not work, it is the first thing to know. */
static void log_version(struct rpc_transport *transport, const struct rpc_program *program, uint32_t asked,
                        uint32_t low, uint32_t high)
{
    char peer[RPC_PEER_TEXT_SIZE], number[12], offered[24];

    if (!transport->version_logged || *transport->version_logged)
        return;
    *transport->version_logged = true;
    rpc_peer_format(peer, transport->peer);
    snprintf(number, sizeof number, "%u", asked);
    snprintf(offered, sizeof offered, low == high ? "%u" : "%u-%u", low, high);
    log_event("version", "peer", peer, "program", program->name, "asked", number, "offered", offered, NULL);
}

static ssize_t mismatch(uint8_t *reply, size_t room, struct rpc_transport *transport, const struct rpc_program *program,
                        const struct header *header)
{
    struct rpc_msg message = accepted(header->xid, PROG_MISMATCH);
    uint32_t low = program->versions[0].number;
    uint32_t high = program->versions[program->version_count - 1].number;

    log_version(transport, program, header->version, low, high);
    message.acpted_rply.ar_vers.low = low;
    message.acpted_rply.ar_vers.high = high;
    return encode(reply, room, &message);
}

static void drop_file(struct rpc_transport *transport)
{
    if (transport->file.fd >= 0)
        close(transport->file.fd);
    transport->file.fd = -1;
    transport->file.length = 0;
}

/* Zeroed memory for XDR to work on; a size of 0 is a type without fields. */
static void *zeroed(struct rpc_call *call, size_t size)
{
    void *memory = rpc_call_alloc(call, size);

    return memory ? memset(memory, 0, size) : NULL;
}

static enum accept_stat run(void *result, void *args, struct rpc_call *call, const struct rpc_procedure *procedure,
                            struct words *words)
{
    XDR xdr;

    if (procedure->decode) {
        if (procedure->prepare)
            procedure->prepare(call, args);
        /* XDR never writes to what it decodes; its prototype is for both ways. */
        xdrmem_create(&xdr, (char *)(uintptr_t)words->at, (u_int)(words->end - words->at), XDR_DECODE);
        if (!procedure->decode(&xdr, args))
            return GARBAGE_ARGS;
    }
    return procedure->handler(call, args, result);
}

/* xdr_void() lacks the parameters that an xdrproc_t has. */
static bool_t encode_void(XDR *xdr, ...)
{
    (void)xdr;
    return TRUE;
}

/* Run the handler and encode what it made of it. */
static ssize_t answer(uint8_t *reply, size_t room, void *result, void *args, struct rpc_call *call,
                      const struct rpc_procedure *procedure, struct words *words)
{
    struct rpc_transport *transport = call->transport;
    struct rpc_msg message = accepted(call->xid, SUCCESS);
    enum accept_stat stat = run(result, args, call, procedure, words);

    if (stat == SUCCESS) {
        message.acpted_rply.ar_results.where = result;
        message.acpted_rply.ar_results.proc = procedure->encode ? procedure->encode : encode_void;
        ssize_t size = encode(reply, room, &message);
        if (size && (size_t)size + transport->file.length <= RPC_RECORD_MAX)
            return size;
        stat = SYSTEM_ERR;
    }
    drop_file(transport);
    return fail(reply, room, call->xid, stat);
}

static ssize_t perform(uint8_t *reply, size_t room, struct rpc_call *call, const struct rpc_procedure *procedure,
                       struct words *words)
{
    void *args = zeroed(call, procedure->args_size);
    void *result = zeroed(call, procedure->result_size);

    if (!args || !result)
        return fail(reply, room, call->xid, SYSTEM_ERR);
    ssize_t size = answer(reply, room, result, args, call, procedure, words);
    /* Only now: the result may point into the arguments. */
    if (procedure->decode && !procedure->prepare)
        xdr_free(procedure->decode, args);
    return size;
}

static ssize_t dispatch(uint8_t *reply, size_t room, struct rpc_transport *transport, const struct header *header,
                        struct words *words)
{
    struct rpc_call call = {.xid = header->xid,
                            .program = header->program,
                            .version = header->version,
                            .procedure = header->procedure,
                            .peer = transport->peer,
                            .options = transport->options,
                            .stream = transport->stream,
                            .worker = transport->worker,
                            .access = transport->access,
                            .transport = transport};
    enum auth_stat auth = credential_read(&call.credential, header->flavor, header->body, header->body_size);

    if (auth != AUTH_OK)
        return deny_auth(reply, room, header->xid, auth);
    credential_limit(&call.credential, transport->options, transport->peer);
    const struct rpc_program *program = find_program(transport, header->program);
    if (!program)
        return fail(reply, room, header->xid, PROG_UNAVAIL);
    const struct rpc_version *version = find_version(program, header->version);
    if (!version)
        return mismatch(reply, room, transport, program, header);
    if (header->procedure >= version->count || !version->procedures[header->procedure].handler)
        return fail(reply, room, header->xid, PROC_UNAVAIL);
    return perform(reply, room, &call, &version->procedures[header->procedure], words);
}

ssize_t call_answer(uint8_t *reply, size_t room, struct rpc_transport *transport, const uint8_t *record, size_t size)
{
    struct words words = {record, record + size};
    struct header header;
    ssize_t answered;

    transport->file.fd = -1;
    transport->file.length = 0;
    switch (read_header(&header, &words)) {
    case HEADER_GOOD:
        answered = dispatch(reply, room, transport, &header, &words);
        region_reset(transport->arena);
        return answered;
    case HEADER_OTHER_RPC:
        return deny_rpc(reply, room, header.xid);
    case HEADER_LONG_CREDENTIAL:
        return deny_auth(reply, room, header.xid, AUTH_BADCRED);
    case HEADER_LONG_VERIFIER:
        return deny_auth(reply, room, header.xid, AUTH_BADVERF);
    case HEADER_NO_CALL:
        break;
    }
    return -EBADMSG;
}

void *rpc_call_alloc(struct rpc_call *call, size_t size)
{
    return region_alloc(call->transport->arena, size);
}

int rpc_call_send_file(struct rpc_call *call, int fd, uint64_t offset, uint32_t length)
{
    struct rpc_transport *transport = call->transport;

    if (!transport->stream || transport->file.fd >= 0)
        return -ENOTSUP;
    if (length > RPC_RECORD_MAX)
        return -EMSGSIZE;
    if (length == 0)
        return 0;
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0)
        return -errno;
    transport->file.fd = own;
    transport->file.offset = offset;
    transport->file.length = length;
    return 0;
}
