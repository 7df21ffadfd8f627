/* echo_program.c - procedures that use each way in and out of the transport once. */
#include "tests/unit/rpc/echo_program.h"

#include "rpc/limits.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILE_SIZE 1048576u
#define MAPPED_SIZE (2 * FILE_SIZE) /* so what is asked for may be longer than the file */

struct bytes {
    u_int size;
    char *at;
};

static int file = -1;
static uint8_t *mapped;

/* It stays mapped for as long as any of them. */
static void file_unused(struct rpc_hold *hold)
{
    (void)hold;
}

static _Thread_local struct rpc_hold file_hold = {.unused = file_unused};

void echo_file_open(void)
{
    uint8_t *content = malloc(FILE_SIZE);

    file = memfd_create("echo", MFD_CLOEXEC);
    if (!content || file < 0)
        abort();
    for (unsigned i = 0; i < FILE_SIZE; i++)
        content[i] = (uint8_t)(i % 251);
    if (write(file, content, FILE_SIZE) != FILE_SIZE)
        abort();
    free(content);
    mapped = mmap(NULL, MAPPED_SIZE, PROT_READ, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED)
        abort();
}

void echo_file_close(void)
{
    munmap(mapped, MAPPED_SIZE);
    close(file);
    file = -1;
}

static bool_t xdr_echo(XDR *xdr, struct bytes *bytes)
{
    return xdr_bytes(xdr, &bytes->at, &bytes->size, ECHO_MAX);
}

static bool_t xdr_text(XDR *xdr, char **text)
{
    return xdr_string(xdr, text, 255);
}

static bool_t xdr_credential(XDR *xdr, struct rpc_credential *credential)
{
    uint32_t *groups = credential->groups;

    return xdr_u_int(xdr, &credential->uid) && xdr_u_int(xdr, &credential->gid) &&
           xdr_array(xdr, (char **)&groups, &credential->group_count, RPC_GROUPS_MAX, sizeof *groups,
                     (xdrproc_t)xdr_u_int);
}

static enum accept_stat do_null(struct rpc_call *call, const void *args, void *result)
{
    (void)call, (void)args, (void)result;
    return SUCCESS;
}

static void prepare_echo(struct rpc_call *call, void *args)
{
    ((struct bytes *)args)->at = rpc_call_alloc(call, ECHO_MAX);
}

static enum accept_stat do_echo(struct rpc_call *call, const void *args, void *result)
{
    (void)call;
    memcpy(result, args, sizeof(struct bytes));
    return SUCCESS;
}

static enum accept_stat do_who(struct rpc_call *call, const void *args, void *result)
{
    (void)args;
    memcpy(result, &call->credential, sizeof call->credential);
    return SUCCESS;
}

static enum accept_stat do_file(struct rpc_call *call, const void *args, void *result)
{
    const uint32_t *size = args;

    memcpy(result, size, sizeof *size);
    return rpc_call_send(call, mapped, *size, &file_hold) == 0 ? SUCCESS : SYSTEM_ERR;
}

static enum accept_stat do_big(struct rpc_call *call, const void *args, void *result)
{
    const uint32_t *size = args;
    struct bytes *bytes = result;

    bytes->size = *size;
    bytes->at = rpc_call_alloc(call, *size);
    if (!bytes->at)
        return SYSTEM_ERR;
    memset(bytes->at, 0, *size);
    return SUCCESS;
}

static bool_t xdr_big(XDR *xdr, struct bytes *bytes)
{
    return xdr_bytes(xdr, &bytes->at, &bytes->size, ~0u);
}

/* The result points into arguments that XDR allocated. */
static enum accept_stat do_string(struct rpc_call *call, const void *args, void *result)
{
    (void)call;
    memcpy(result, args, sizeof(char *));
    return SUCCESS;
}

static enum accept_stat do_fail(struct rpc_call *call, const void *args, void *result)
{
    (void)result;
    rpc_call_send(call, mapped, 100, &file_hold);
    return *(const enum accept_stat *)args;
}

static pthread_mutex_t waiting_lock = PTHREAD_MUTEX_INITIALIZER;
static struct waiting {
    struct rpc_parked *parked;
    struct waiting *next;
} * waiting, **waiting_end = &waiting;
static unsigned waiting_count;

static enum accept_stat finish_later(struct rpc_call *call, void *memory, uint8_t **result)
{
    (void)call, (void)memory;
    *result = put_word(*result, 4711);
    return SUCCESS;
}

static enum accept_stat answer_later(struct rpc_call *call, struct words *args, uint8_t **result)
{
    struct rpc_parked *parked = rpc_call_park(call, sizeof(struct waiting), finish_later);

    (void)args, (void)result;
    if (!parked)
        return SYSTEM_ERR;
    struct waiting *memory = rpc_parked_memory(parked);
    *memory = (struct waiting){.parked = parked};
    pthread_mutex_lock(&waiting_lock);
    *waiting_end = memory;
    waiting_end = &memory->next;
    waiting_count++;
    pthread_mutex_unlock(&waiting_lock);
    return RPC_PARKED;
}

unsigned echo_waiting(void)
{
    pthread_mutex_lock(&waiting_lock);
    unsigned count = waiting_count;
    pthread_mutex_unlock(&waiting_lock);
    return count;
}

void echo_release(void)
{
    struct waiting *next;

    pthread_mutex_lock(&waiting_lock);
    struct waiting *first = waiting;
    waiting = NULL;
    waiting_end = &waiting;
    waiting_count = 0;
    pthread_mutex_unlock(&waiting_lock);
    for (struct waiting *one = first; one; one = next) {
        next = one->next;
        rpc_parked_done(one->parked);
    }
}

static const struct rpc_procedure procedures[ECHO_PROCEDURES] = {
    [ECHO_NULL] = {.name = "NULL", .handler = do_null},
    [ECHO_OPAQUE] = {"OPAQUE", do_echo, (xdrproc_t)xdr_echo, sizeof(struct bytes), (xdrproc_t)xdr_echo,
                     sizeof(struct bytes), prepare_echo, NULL},
    [ECHO_WHO] = {.name = "WHO",
                  .handler = do_who,
                  .encode = (xdrproc_t)xdr_credential,
                  .result_size = sizeof(struct rpc_credential)},
    [ECHO_FILE] = {"FILE", do_file, (xdrproc_t)xdr_u_int, 4, (xdrproc_t)xdr_u_int, 4, NULL, NULL},
    [ECHO_BIG] = {"BIG", do_big, (xdrproc_t)xdr_u_int, 4, (xdrproc_t)xdr_big, sizeof(struct bytes), NULL, NULL},
    [ECHO_STRING] = {"STRING", do_string, (xdrproc_t)xdr_text, sizeof(char *), (xdrproc_t)xdr_text, sizeof(char *),
                     NULL, NULL},
    [ECHO_FAIL] = {"FAIL", do_fail, (xdrproc_t)xdr_u_int, 4, NULL, 0, NULL, NULL},
    [ECHO_LATER] = {.name = "LATER", .answer = answer_later},
};

static const struct rpc_version echo_versions[] = {{2, procedures, 1}, {3, procedures, ECHO_PROCEDURES}};
static const struct rpc_version stream_versions[] = {{1, procedures, 1}};

static const struct rpc_program echo = {ECHO_PROGRAM, "echo", echo_versions, 2, true};
static const struct rpc_program stream = {STREAM_PROGRAM, "stream", stream_versions, 1, false};

const struct rpc_program *const echo_programs[] = {&echo, &stream};
const size_t echo_program_count = 2;
