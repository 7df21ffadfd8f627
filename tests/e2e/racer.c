/* racer.c - calls of libnfs, one after the other.
 *
 * Its calls by path look a name up anew for each step, and do not look at write verifiers; these are those beneath
 * them. By itself it connects again only while it is not refused: a server that is not back yet ends its calls, so they
 * are made again here, with the xid that they had.
 */
#include "tests/e2e/racer.h"

#include "tests/e2e/nfs_calls.h"
#include "tests/e2e/process.h"

#include <errno.h>
#include <nfsc/libnfs.h> /* before the others, which need it */

#include <nfsc/libnfs-raw-nfs.h>
#include <nfsc/libnfs-raw.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_S 60 /* that a racer waits for an answer */
#define POLL_MS 10

struct racer {
    struct rpc_context *rpc;
    uint16_t port;
    uint32_t xid; /* of the next call */
    bool answered;
    int rpc_status;
    /* What an answer says. */
    uint32_t status;
    struct fh made;
    uint64_t verifier;
};

/* --- Answers ------------------------------------------------------------------------------------------------------ */

/* Of a call that came through. */
static bool take(struct racer *racer, int rpc_status)
{
    racer->answered = true;
    racer->rpc_status = rpc_status;
    return rpc_status == RPC_STATUS_SUCCESS;
}

static void take_connected(struct rpc_context *rpc, int status, void *data, void *private)
{
    (void)rpc;
    (void)data;
    take(private, status);
}

static void take_created(struct rpc_context *rpc, int status, void *data, void *private)
{
    struct racer *racer = private;
    const CREATE3res *result = data;
    (void)rpc;

    if (!take(racer, status))
        return;
    racer->status = result->status;
    if (result->status != NFS3_OK)
        return;
    const nfs_fh3 *made = &result->CREATE3res_u.resok.obj.post_op_fh3_u.handle;
    if (!result->CREATE3res_u.resok.obj.handle_follows || made->data.data_len > sizeof racer->made.bytes)
        process_fail("CREATE: no handle");
    racer->made.size = made->data.data_len;
    memcpy(racer->made.bytes, made->data.data_val, made->data.data_len);
}

static void take_written(struct rpc_context *rpc, int status, void *data, void *private)
{
    struct racer *racer = private;
    const WRITE3res *result = data;
    (void)rpc;

    if (!take(racer, status))
        return;
    racer->status = result->status;
    if (result->status == NFS3_OK)
        memcpy(&racer->verifier, result->WRITE3res_u.resok.verf, sizeof racer->verifier);
}

static void take_committed(struct rpc_context *rpc, int status, void *data, void *private)
{
    struct racer *racer = private;
    const COMMIT3res *result = data;
    (void)rpc;

    if (!take(racer, status))
        return;
    racer->status = result->status;
    if (result->status == NFS3_OK)
        memcpy(&racer->verifier, result->COMMIT3res_u.resok.verf, sizeof racer->verifier);
}

static void take_renamed(struct rpc_context *rpc, int status, void *data, void *private)
{
    struct racer *racer = private;
    const RENAME3res *result = data;
    (void)rpc;

    if (take(racer, status))
        racer->status = result->status;
}

/* --- Asking ------------------------------------------------------------------------------------------------------- */

/* Until a connection is there, or an answer. False: it will not come. */
static bool wait_for(struct racer *racer)
{
    double end = process_seconds() + PATIENCE_S;

    while (!racer->answered) {
        struct pollfd fd = {.fd = rpc_get_fd(racer->rpc), .events = (short)rpc_which_events(racer->rpc)};

        if (process_seconds() > end)
            process_fail("no answer within %d s", PATIENCE_S);
        if (poll(&fd, 1, POLL_MS) < 0)
            process_fail("poll: %s", strerror(errno));
        if (rpc_service(racer->rpc, fd.revents) < 0)
            return false;
    }
    return racer->rpc_status == RPC_STATUS_SUCCESS;
}

/* A connection that broke, or one that was never made. */
static void disconnect(struct racer *racer)
{
    rpc_disconnect(racer->rpc, "the server went");
    if (rpc_get_fd(racer->rpc) < 0)
        return;
    close(rpc_get_fd(racer->rpc));
    rpc_set_fd(racer->rpc, -1);
}

static void reconnect(struct racer *racer)
{
    for (double end = process_seconds() + PATIENCE_S; process_seconds() < end; process_sleep(POLL_MS / 1e3)) {
        disconnect(racer);
        racer->answered = false;
        if (rpc_connect_async(racer->rpc, "127.0.0.1", racer->port, take_connected, racer) == 0 && wait_for(racer))
            return;
    }
    process_fail("no server on port %u", racer->port);
}

/* How a call is sent, with its arguments. */
typedef int (*send_call)(struct racer *racer, void *args);

static uint32_t ask(struct racer *racer, send_call send, void *args)
{
    for (;; reconnect(racer)) {
        racer->answered = false;
        rpc_set_next_xid(racer->rpc, racer->xid);
        if (send(racer, args) != 0)
            process_fail("libnfs: %s", rpc_get_error(racer->rpc));
        if (wait_for(racer))
            break;
    }
    racer->xid++;
    return racer->status;
}

static void must(struct racer *racer, send_call send, void *args, const char *what)
{
    uint32_t status = ask(racer, send, args);

    if (status != OK)
        process_fail("%s: %u", what, status);
}

struct racer *racer_connect(uint16_t port, uint32_t xid)
{
    struct racer *racer = calloc(1, sizeof *racer);

    if (!racer || !(racer->rpc = rpc_init_context()))
        process_fail("out of memory");
    racer->port = port;
    racer->xid = xid;
    reconnect(racer);
    return racer;
}

void racer_close(struct racer *racer)
{
    rpc_destroy_context(racer->rpc);
    free(racer);
}

/* --- Calls -------------------------------------------------------------------------------------------------------- */

/* Borrowed: libnfs only reads what it is given. */
static nfs_fh3 handle(const struct fh *fh)
{
    return (nfs_fh3){.data = {.data_len = fh->size, .data_val = (char *)(uintptr_t)fh->bytes}};
}

static diropargs3 at(const struct fh *directory, const char *name)
{
    return (diropargs3){.dir = handle(directory), .name = (char *)(uintptr_t)name};
}

static int send_create(struct racer *racer, void *args)
{
    return rpc_nfs3_create_async(racer->rpc, take_created, args, racer);
}

static int send_write(struct racer *racer, void *args)
{
    return rpc_nfs3_write_async(racer->rpc, take_written, args, racer);
}

static int send_commit(struct racer *racer, void *args)
{
    return rpc_nfs3_commit_async(racer->rpc, take_committed, args, racer);
}

static int send_rename(struct racer *racer, void *args)
{
    return rpc_nfs3_rename_async(racer->rpc, take_renamed, args, racer);
}

uint32_t racer_claim(struct racer *racer, const struct fh *directory, const char *name, uint64_t verifier)
{
    CREATE3args args = {.where = at(directory, name), .how = {.mode = EXCLUSIVE}};

    memcpy(args.how.createhow3_u.verf, &verifier, sizeof verifier);
    return ask(racer, send_create, &args);
}

void racer_create(struct fh *fh, struct racer *racer, const struct fh *directory, const char *name)
{
    CREATE3args args = {.where = at(directory, name), .how = {.mode = GUARDED}};

    must(racer, send_create, &args, "CREATE");
    *fh = racer->made;
}

static void write_as(struct racer *racer, const struct fh *fh, const char *text, size_t size, stable_how stable)
{
    WRITE3args args = {.file = handle(fh),
                       .count = (count3)size,
                       .stable = stable,
                       .data = {.data_len = (u_int)size, .data_val = (char *)(uintptr_t)text}};

    must(racer, send_write, &args, "WRITE");
}

void racer_write(struct racer *racer, const struct fh *fh, const char *text, size_t size)
{
    write_as(racer, fh, text, size, FILE_SYNC);
}

void racer_write_and_commit(struct racer *racer, const struct fh *fh, const char *text, size_t size)
{
    COMMIT3args args = {.file = handle(fh)};
    uint64_t written;

    do {
        write_as(racer, fh, text, size, UNSTABLE);
        written = racer->verifier;
        must(racer, send_commit, &args, "COMMIT");
    } while (racer->verifier != written);
}

void racer_rename(struct racer *racer, const struct fh *directory, const char *from, const char *to)
{
    RENAME3args args = {.from = at(directory, from), .to = at(directory, to)};

    must(racer, send_rename, &args, "RENAME");
}
