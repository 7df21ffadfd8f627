/* call.c - from a record to its reply (RFC 5531, sections 8 to 10).
 *
 * The header is read here, bounded by the record, because xdr_callmsg() fails alike on another RPC version, on a long
 * credential and on a short record, which want three different answers. So is the header of a reply of success written;
 * others are XDR's, and so are arguments and results where a procedure does not say otherwise.
 */
#include "rpc/call.h"

#include "base/log.h"
#include "rpc/credential.h"
#include "rpc/limits.h"
#include "rpc/words.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* xid, REPLY, MSG_ACCEPTED, the verifier's flavour and size, accept_stat. */
enum { REPLY_HEAD_SIZE = 24 };

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

static enum accept_stat encode_result(uint8_t **at, void *result, const struct rpc_procedure *procedure)
{
    XDR xdr;

    if (!procedure->encode)
        return SUCCESS;
    xdrmem_create(&xdr, (char *)*at, RPC_RECORD_MAX - REPLY_HEAD_SIZE, XDR_ENCODE);
    if (!procedure->encode(&xdr, result))
        return SYSTEM_ERR;
    *at += xdr_getpos(&xdr);
    return SUCCESS;
}

/* As an rpc_answer does: decode, run the handler, encode what it made. */
static enum accept_stat answer_by_xdr(struct rpc_call *call, const struct rpc_procedure *procedure, struct words *words,
                                      uint8_t **at)
{
    void *args = zeroed(call, procedure->args_size);
    void *result = zeroed(call, procedure->result_size);

    if (!args || !result)
        return SYSTEM_ERR;
    enum accept_stat stat = run(result, args, call, procedure, words);
    if (stat == SUCCESS)
        stat = encode_result(at, result, procedure);
    /* Only now: the result may point into the arguments. */
    if (procedure->decode && !procedure->prepare)
        xdr_free(procedure->decode, args);
    return stat;
}

/* What every reply of success begins with: the verifier is AUTH_NONE, all zero. */
static void put_success(uint8_t *p, uint32_t xid)
{
    p = put_word(put_word(put_word(p, xid), REPLY), MSG_ACCEPTED);
    put_word(put_word64(p, AUTH_NONE), SUCCESS);
}

/* The reply whose result ends at `end`. */
static ssize_t conclude(uint8_t *reply, const uint8_t *end, struct rpc_call *call, enum accept_stat stat)
{
    struct rpc_transport *transport = call->transport;

    if (stat == RPC_PARKED)
        return 0;
    if (stat == SUCCESS && (size_t)(end - reply) + transport->tail.size <= RPC_RECORD_MAX) {
        put_success(reply, call->xid);
        return end - reply;
    }
    transport->tail = (struct rpc_tail){0};
    return fail(reply, RPC_RECORD_MAX, call->xid, stat == SUCCESS ? SYSTEM_ERR : stat);
}

static ssize_t perform(uint8_t *reply, struct rpc_call *call, const struct rpc_procedure *procedure,
                       struct words *words)
{
    uint8_t *end = reply + REPLY_HEAD_SIZE;
    enum accept_stat stat =
        procedure->answer ? procedure->answer(call, words, &end) : answer_by_xdr(call, procedure, words, &end);

    return conclude(reply, end, call, stat);
}

ssize_t call_finish(uint8_t *reply, struct rpc_transport *transport, struct rpc_call *call, rpc_finish finish,
                    void *memory)
{
    uint8_t *end = reply + REPLY_HEAD_SIZE;

    transport->tail = (struct rpc_tail){0};
    call->transport = transport;
    call->access = transport->access;
    enum accept_stat stat = finish(call, memory, &end);
    ssize_t size = conclude(reply, end, call, stat);
    region_reset(transport->arena);
    return size;
}

static ssize_t dispatch(uint8_t *reply, size_t room, struct rpc_transport *transport, const struct header *header,
                        struct words *words, struct words record)
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
                            .record = record,
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
    const struct rpc_procedure *procedure =
        header->procedure < version->count ? &version->procedures[header->procedure] : NULL;
    if (!procedure || (!procedure->handler && !procedure->answer))
        return fail(reply, room, header->xid, PROC_UNAVAIL);
    return perform(reply, &call, procedure, words);
}

ssize_t call_answer(uint8_t *reply, size_t room, struct rpc_transport *transport, const uint8_t *record, size_t size)
{
    const struct words all = {record, record + size};
    struct words words = all;
    struct header header;
    ssize_t answered;

    transport->tail = (struct rpc_tail){0};
    switch (read_header(&header, &words)) {
    case HEADER_GOOD:
        answered = dispatch(reply, room, transport, &header, &words, all);
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

bool call_ahead(struct rpc_ahead *out, const uint8_t *record, size_t size)
{
    struct words words = {record, record + size};
    struct header header;

    if (read_header(&header, &words) != HEADER_GOOD)
        return false;
    *out = (struct rpc_ahead){header.program, header.version, header.procedure, words};
    return true;
}

void *rpc_call_alloc(struct rpc_call *call, size_t size)
{
    return region_alloc(call->transport->arena, size);
}

int rpc_call_send(struct rpc_call *call, const void *bytes, uint32_t size, struct rpc_hold *hold)
{
    struct rpc_transport *transport = call->transport;

    if (!transport->stream || transport->tail.size)
        return -ENOTSUP;
    if (size > RPC_RECORD_MAX)
        return -EMSGSIZE;
    if (size)
        transport->tail = (struct rpc_tail){bytes, size, hold};
    return 0;
}
