/* program.c - the tables of procedures, and where the bytes of NLM's arguments go while XDR decodes them. */
#include "nfsd/program.h"

#include "nfsd/procedures.h"

/* Where XDR puts the bytes of a variable-length field, of the most that the .x file lets it have. The arena is empty
 * when a call begins, so there is room. */
#define ROOM(call, field, size) ((field) = rpc_call_alloc((call), (size)))

#define PROC(title, handler, prepare, decoder, in, encoder, out)                                                       \
    {                                                                                                                  \
        title, handler, (xdrproc_t)(decoder), sizeof(in), (xdrproc_t)(encoder), sizeof(out), prepare, NULL             \
    }
#define BY_HAND(title, by)                                                                                             \
    {                                                                                                                  \
        .name = (title), .answer = (by)                                                                                \
    }

/* RFC 1813, 3.3. */
static const struct rpc_procedure nfs3_procedures[] = {
    [0] = BY_HAND("NULL", nfs3_null),
    [1] = BY_HAND("GETATTR", nfs3_getattr),
    [2] = BY_HAND("SETATTR", nfs3_setattr),
    [3] = BY_HAND("LOOKUP", nfs3_lookup),
    [4] = BY_HAND("ACCESS", nfs3_access),
    [5] = BY_HAND("READLINK", nfs3_readlink),
    [6] = BY_HAND("READ", nfs3_read),
    [7] = BY_HAND("WRITE", nfs3_write),
    [8] = BY_HAND("CREATE", nfs3_create),
    [9] = BY_HAND("MKDIR", nfs3_mkdir),
    [10] = BY_HAND("SYMLINK", nfs3_refuse_change),
    [11] = BY_HAND("MKNOD", nfs3_refuse_change),
    [12] = BY_HAND("REMOVE", nfs3_remove),
    [13] = BY_HAND("RMDIR", nfs3_rmdir),
    [14] = BY_HAND("RENAME", nfs3_rename),
    [15] = BY_HAND("LINK", nfs3_refuse_link),
    [16] = BY_HAND("READDIR", nfs3_readdir),
    [17] = BY_HAND("READDIRPLUS", nfs3_readdirplus),
    [18] = BY_HAND("FSSTAT", nfs3_fsstat),
    [19] = BY_HAND("FSINFO", nfs3_fsinfo),
    [20] = BY_HAND("PATHCONF", nfs3_pathconf),
    [21] = BY_HAND("COMMIT", nfs3_commit),
};

/* As Solaris has it, and Linux. */
static const struct rpc_procedure nfsacl_procedures[] = {
    [0] = BY_HAND("NULL", nfs3_null),
    [1] = BY_HAND("GETACL", nfsacl_getacl),
    [2] = BY_HAND("SETACL", nfsacl_setacl),
};

static void prepare_lock(struct rpc_call *call, nlm4_netobj *cookie, nlm4_lock *lock)
{
    ROOM(call, cookie->nlm4_netobj_val, MAXNETOBJ_SZ);
    ROOM(call, lock->caller_name.nlm4_caller_val, LM_MAXSTRLEN);
    ROOM(call, lock->fh.nlm4_netobj_val, MAXNETOBJ_SZ);
    ROOM(call, lock->oh.nlm4_netobj_val, MAXNETOBJ_SZ);
}

static void prepare_lockargs(struct rpc_call *call, void *args)
{
    nlm4_lockargs *in = args;

    prepare_lock(call, &in->cookie, &in->alock);
}

static void prepare_cancargs(struct rpc_call *call, void *args)
{
    nlm4_cancargs *in = args;

    prepare_lock(call, &in->cookie, &in->alock);
}

static void prepare_testargs(struct rpc_call *call, void *args)
{
    nlm4_testargs *in = args;

    prepare_lock(call, &in->cookie, &in->alock);
}

static void prepare_unlockargs(struct rpc_call *call, void *args)
{
    nlm4_unlockargs *in = args;

    prepare_lock(call, &in->cookie, &in->alock);
}

static void prepare_shareargs(struct rpc_call *call, void *args)
{
    nlm4_shareargs *in = args;

    ROOM(call, in->cookie.nlm4_netobj_val, MAXNETOBJ_SZ);
    ROOM(call, in->share.caller_name.nlm4_caller_val, LM_MAXSTRLEN);
    ROOM(call, in->share.fh.nlm4_netobj_val, MAXNETOBJ_SZ);
    ROOM(call, in->share.oh.nlm4_netobj_val, MAXNETOBJ_SZ);
}

/* The arguments' type is nlm4_<args>. */
#define LOCK_PROC(title, handler, args)                                                                                \
    PROC(title, handler, prepare_##args, xdr_nlm4_##args, nlm4_##args, xdr_nlm4_res, nlm4_res)
#define SHARE_PROC(title, handler)                                                                                     \
    PROC(title, handler, prepare_shareargs, xdr_nlm4_shareargs, nlm4_shareargs, xdr_nlm4_shareres, nlm4_shareres)

/* XNFS, 10.3. Numbers 6 to 15, the _MSG and _RES procedures, are not served: why, see nlm.c. */
static const struct rpc_procedure nlm4_procedures[] = {
    [0] = {.name = "NULL", .handler = nlm_null},       [1] = LOCK_PROC("TEST", nlm_test, testargs),
    [2] = LOCK_PROC("LOCK", nlm_lock, lockargs),       [3] = LOCK_PROC("CANCEL", nlm_cancel, cancargs),
    [4] = LOCK_PROC("UNLOCK", nlm_unlock, unlockargs), [5] = LOCK_PROC("GRANTED", nlm_granted, testargs),
    [20] = SHARE_PROC("SHARE", nlm_share_file),        [21] = SHARE_PROC("UNSHARE", nlm_unshare),
    [22] = LOCK_PROC("NM_LOCK", nlm_lock, lockargs),   [23] = {.name = "FREE_ALL", .handler = nlm_free_all},
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

static const struct rpc_version nfs_versions[] = {{3, nfs3_procedures, COUNT(nfs3_procedures)}};
static const struct rpc_version nfsacl_versions[] = {{3, nfsacl_procedures, COUNT(nfsacl_procedures)}};
static const struct rpc_version nlm_versions[] = {{4, nlm4_procedures, COUNT(nlm4_procedures)}};

const struct rpc_program nfs_program = {100003, "nfs", nfs_versions, COUNT(nfs_versions), .datagrams = false};
const struct rpc_program nfsacl_program = {100227, "nfsacl", nfsacl_versions, COUNT(nfsacl_versions),
                                           .datagrams = false};
const struct rpc_program nlm_program = {100021, "nlm", nlm_versions, COUNT(nlm_versions), .datagrams = true};
