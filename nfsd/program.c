/* program.c - the tables of procedures, and where their arguments' bytes go while they are decoded. */
#include "nfsd/program.h"

#include "nfsd/procedures.h"

/* Where XDR puts the bytes of a variable-length field, of the most that the .x file lets it have. The arena is empty
 * when a call begins, so there is room. */
#define ROOM(call, field, size) ((field) = rpc_call_alloc((call), (size)))

/* Whatever begins with a handle: nfs_fh3 is the first member of all these arguments. */
static void prepare_handle(struct rpc_call *call, void *args)
{
    nfs_fh3 *handle = args;

    ROOM(call, handle->data.data_val, NFS3_FHSIZE);
}

static void prepare_diropargs(struct rpc_call *call, void *args)
{
    diropargs3 *where = args;

    ROOM(call, where->dir.data.data_val, NFS3_FHSIZE);
    ROOM(call, where->name.filename3_val, NFS3_NAME_WIRE_MAX);
}

static void prepare_rename(struct rpc_call *call, void *args)
{
    RENAME3handles *in = args;

    prepare_diropargs(call, &in->from);
    prepare_handle(call, &in->todir);
}

static void prepare_link(struct rpc_call *call, void *args)
{
    LINK3handles *in = args;

    prepare_handle(call, &in->file);
    prepare_handle(call, &in->linkdir);
}

#define PROC(title, handler, prepare, decoder, in, encoder, out)                                                       \
    {                                                                                                                  \
        title, handler, (xdrproc_t)(decoder), sizeof(in), (xdrproc_t)(encoder), sizeof(out), prepare                   \
    }
#define NULL_PROC(answer)                                                                                              \
    {                                                                                                                  \
        .name = "NULL", .handler = (answer)                                                                            \
    }
/* Of one object, which the arguments name first. */
#define OF_OBJECT(title, handler, result)                                                                              \
    PROC(title, handler, prepare_handle, xdr_GETATTR3args, GETATTR3args, xdr_##result, result)
#define REFUSED(title)                                                                                                 \
    PROC(title, nfs3_refuse_change, prepare_handle, xdr_GETATTR3args, GETATTR3args, xdr_CHANGE3fail, CHANGE3fail)

/* RFC 1813, 3.3. */
static const struct rpc_procedure nfs3_procedures[] = {
    [0] = NULL_PROC(nfs3_null),
    [1] = OF_OBJECT("GETATTR", nfs3_getattr, GETATTR3res),
    [2] = REFUSED("SETATTR"),
    [3] = PROC("LOOKUP", nfs3_lookup, prepare_diropargs, xdr_LOOKUP3args, LOOKUP3args, xdr_LOOKUP3res, LOOKUP3res),
    [4] = PROC("ACCESS", nfs3_access, prepare_handle, xdr_ACCESS3args, ACCESS3args, xdr_ACCESS3res, ACCESS3res),
    [5] = OF_OBJECT("READLINK", nfs3_readlink, READLINK3res),
    [6] = PROC("READ", nfs3_read, prepare_handle, xdr_READ3args, READ3args, read_result_encode, struct read_result),
    [7] = REFUSED("WRITE"),
    [8] = REFUSED("CREATE"),
    [9] = REFUSED("MKDIR"),
    [10] = REFUSED("SYMLINK"),
    [11] = REFUSED("MKNOD"),
    [12] = REFUSED("REMOVE"),
    [13] = REFUSED("RMDIR"),
    [14] = PROC("RENAME", nfs3_refuse_rename, prepare_rename, xdr_RENAME3handles, RENAME3handles, xdr_RENAME3fail,
                RENAME3fail),
    [15] = PROC("LINK", nfs3_refuse_link, prepare_link, xdr_LINK3handles, LINK3handles, xdr_LINK3fail, LINK3fail),
    [16] = PROC("READDIR", nfs3_readdir, prepare_handle, xdr_READDIR3args, READDIR3args, readdir_result_encode,
                struct readdir_result),
    [17] = PROC("READDIRPLUS", nfs3_readdirplus, prepare_handle, xdr_READDIRPLUS3args, READDIRPLUS3args,
                readdir_result_encode, struct readdir_result),
    [18] = OF_OBJECT("FSSTAT", nfs3_fsstat, FSSTAT3res),
    [19] = OF_OBJECT("FSINFO", nfs3_fsinfo, FSINFO3res),
    [20] = OF_OBJECT("PATHCONF", nfs3_pathconf, PATHCONF3res),
    [21] = REFUSED("COMMIT"),
};

/* As Solaris has it, and Linux. */
static const struct rpc_procedure nfsacl_procedures[] = {
    [0] = NULL_PROC(nfs3_null),
    [1] = PROC("GETACL", nfsacl_getacl, prepare_handle, xdr_GETACL3args, GETACL3args, xdr_GETACL3res, GETACL3res),
    [2] = PROC("SETACL", nfsacl_setacl, prepare_handle, xdr_GETATTR3args, GETATTR3args, xdr_SETACL3fail, SETACL3fail),
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
    [0] = NULL_PROC(nlm_null),
    [1] = LOCK_PROC("TEST", nlm_test, testargs),
    [2] = LOCK_PROC("LOCK", nlm_lock, lockargs),
    [3] = LOCK_PROC("CANCEL", nlm_cancel, cancargs),
    [4] = LOCK_PROC("UNLOCK", nlm_unlock, unlockargs),
    [5] = LOCK_PROC("GRANTED", nlm_granted, testargs),
    [20] = SHARE_PROC("SHARE", nlm_share_file),
    [21] = SHARE_PROC("UNSHARE", nlm_unshare),
    [22] = LOCK_PROC("NM_LOCK", nlm_lock, lockargs),
    [23] = {.name = "FREE_ALL", .handler = nlm_free_all},
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

static const struct rpc_version nfs_versions[] = {{3, nfs3_procedures, COUNT(nfs3_procedures)}};
static const struct rpc_version nfsacl_versions[] = {{3, nfsacl_procedures, COUNT(nfsacl_procedures)}};
static const struct rpc_version nlm_versions[] = {{4, nlm4_procedures, COUNT(nlm4_procedures)}};

const struct rpc_program nfs_program = {100003, "nfs", nfs_versions, COUNT(nfs_versions), .datagrams = false};
const struct rpc_program nfsacl_program = {100227, "nfsacl", nfsacl_versions, COUNT(nfsacl_versions),
                                           .datagrams = false};
const struct rpc_program nlm_program = {100021, "nlm", nlm_versions, COUNT(nlm_versions), .datagrams = true};
