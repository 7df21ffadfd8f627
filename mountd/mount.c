/* mount.c - MOUNT: from a path to the handle that a client begins with. */
#include "mountd/mount.h"

#include "base/log.h"
#include "mountd/program.h"
#include "nfsd/export.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* What EXPORT names, to those who may see it. A client may mount anything below these too. */
static const struct {
    const char *path;
    unsigned needs; /* options of a rule */
} exports[] = {
    {"/", 0}, {"/snap", 0}, {"/at", 0}, {"/layer", 0}, {"/chain", 0}, {"/blob", EXPORT_BLOB}, {"/meta", EXPORT_META}};

/* -ENAMETOOLONG and the like for what is no path; else the directory at it. */
static int find_directory(struct object *object, struct rpc_call *call, const dirpath *path)
{
    int found;

    if (path->dirpath_len > MNTPATHLEN)
        return -ENAMETOOLONG;
    if (memchr(path->dirpath_val, '\0', path->dirpath_len))
        return -EINVAL;
    found = object_walk(object, call, path->dirpath_val, path->dirpath_len);
    if (found == 0 && !S_ISDIR(object_mode(object)))
        return -ENOTDIR;
    return found;
}

static mountstat3 mount_status(struct nfsd_worker *worker, int error)
{
    static const struct {
        int error;
        mountstat3 status;
    } table[] = {
        {0, MNT3_OK},
        {-ENOENT, MNT3ERR_NOENT},
        {-ESTALE, MNT3ERR_NOENT}, /* removed between two steps of the walk */
        {-EACCES, MNT3ERR_ACCES},
        {-ENOTDIR, MNT3ERR_NOTDIR},
        {-EINVAL, MNT3ERR_INVAL},
        {-ENAMETOOLONG, MNT3ERR_NAMETOOLONG},
        {-EBUSY, MNT3ERR_SERVERFAULT}, /* MOUNT knows no "later"; only files are made on demand */
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].error == error)
            return table[i].status;
    nfsd_worker_report(worker);
    return MNT3ERR_IO;
}

static void log_mount(struct rpc_call *call, const dirpath *path, int error)
{
    char peer[RPC_PEER_TEXT_SIZE], text[MNTPATHLEN + 1];
    size_t size = path->dirpath_len < MNTPATHLEN ? path->dirpath_len : MNTPATHLEN;

    if (!nfsd_worker_logs_mount(call->worker))
        return;
    rpc_peer_format(peer, call->peer);
    memcpy(text, path->dirpath_val, size);
    text[size] = '\0';
    if (error == 0)
        log_event("mount", "peer", peer, "path", text, NULL);
    else
        log_event("mount-refused", "peer", peer, "path", text, "reason", strerror(-error), NULL);
}

/* The handle at a path (HANDLE_SIZE_MAX bytes at `handle`); its size, or 0 and why. */
static size_t mount_path(mountstat3 *status, uint8_t *handle, struct rpc_call *call, const dirpath *path)
{
    struct object object;
    int found = find_directory(&object, call, path);

    *status = mount_status(call->worker, found);
    log_mount(call, path, found);
    return found == 0 ? object_handle(handle, call->worker, &object) : 0;
}

/* Request: none. Reply: none.
 * NULL serves clients' pings; UMNT and UMNTALL have nothing to take off a list (see DUMP).
 * Bound: no work. */
static enum accept_stat do_nothing(struct rpc_call *call, const void *args, void *result)
{
    (void)call;
    (void)args;
    (void)result;
    return SUCCESS;
}

/* Request: a path (RFC 1813, I.5.2.1).
 * Reply: its handle, and the credentials it may be used with: AUTH_SYS first, since clients take the first they can.
 * Bound: one descent in a tree, or six queries, for each of at most 512 components. */
static enum accept_stat mount3(struct rpc_call *call, const void *args, void *result)
{
    static const int flavors[MNT_FLAVORS_MAX] = {AUTH_SYS, AUTH_NONE};
    const mountargs *in = args;
    mountres3 *out = result;
    uint8_t *handle = rpc_call_alloc(call, HANDLE_SIZE_MAX);
    int *allowed = rpc_call_alloc(call, sizeof flavors);

    if (!handle || !allowed)
        return SYSTEM_ERR;
    memcpy(allowed, flavors, sizeof flavors);
    size_t size = mount_path(&out->fhs_status, handle, call, &in->path);
    out->mountres3_u.mountinfo = (mountres3_ok){
        .fhandle = {.fhandle3_len = (unsigned)size, .fhandle3_val = (char *)handle},
        .auth_flavors = {.auth_flavors_len = MNT_FLAVORS_MAX, .auth_flavors_val = allowed},
    };
    return SUCCESS;
}

/* Request: a path (RFC 1094, A.5.2).
 * Reply: its handle, which here has exactly FHSIZE bytes; one that had not would be refused.
 * Bound: as version 3. */
static enum accept_stat mount1(struct rpc_call *call, const void *args, void *result)
{
    const mountargs *in = args;
    fhstatus *out = result;
    uint8_t handle[HANDLE_SIZE_MAX];
    mountstat3 status;
    size_t size = mount_path(&status, handle, call, &in->path);

    if (status == MNT3_OK && size != FHSIZE)
        status = MNT3ERR_ACCES;
    out->fhs_status = status;
    if (status == MNT3_OK)
        memcpy(out->fhstatus_u.fhs_fhandle, handle, FHSIZE);
    return SUCCESS;
}

/* Request: none (RFC 1813, I.5.2.2).
 * Reply: an empty list. Who has mounted what is not kept: clients crash without a word, so such lists are wrong
 *   everywhere, and it would be the only state of the server.
 * Bound: no work. */
static enum accept_stat dump(struct rpc_call *call, const void *args, void *result)
{
    (void)call;
    (void)args;
    *(bool_t *)result = FALSE; /* "none follows" */
    return SUCCESS;
}

/* The access rules, which are still there when the reply is encoded. */
struct export_result {
    const struct access_list *access;
    unsigned options; /* of the caller's rule */
};

/* Request: none (RFC 1813, I.5.2.5).
 * Reply: what can be mounted, and the addresses that may.
 * Bound: ACCESS_RULES_MAX addresses for each of seven paths. */
static enum accept_stat export_list(struct rpc_call *call, const void *args, void *result)
{
    struct export_result *out = result;

    (void)args;
    out->access = call->access;
    out->options = call->options;
    return SUCCESS;
}

static bool_t encode_text(XDR *xdrs, const char *text)
{
    static const char zeros[BYTES_PER_XDR_UNIT];
    unsigned size = (unsigned)strlen(text);

    return xdr_u_int(xdrs, &size) && XDR_PUTBYTES(xdrs, text, size) && XDR_PUTBYTES(xdrs, zeros, -size % 4);
}

/* The addresses of the rules that have these options. */
static bool_t encode_groups(XDR *xdrs, const struct access_list *access, unsigned needs)
{
    bool_t one = TRUE;

    for (size_t i = 0; i < access_list_size(access); i++)
        if (!(needs & ~access_list_options(access, i)) &&
            (!xdr_bool(xdrs, &one) || !encode_text(xdrs, access_list_cidr(access, i))))
            return FALSE;
    return TRUE;
}

/* exports: a list of paths, each with a list of groups. Encoded by a walk, since rpcgen's lists are recursion. */
static bool_t encode_exports(XDR *xdrs, struct export_result *result)
{
    bool_t one = TRUE, none = FALSE;

    if (xdrs->x_op != XDR_ENCODE)
        return TRUE; /* nothing in it was allocated */
    for (size_t i = 0; i < sizeof exports / sizeof *exports; i++) {
        if (exports[i].needs & ~result->options)
            continue;
        if (!xdr_bool(xdrs, &one) || !encode_text(xdrs, exports[i].path) ||
            !encode_groups(xdrs, result->access, exports[i].needs) || !xdr_bool(xdrs, &none))
            return FALSE;
    }
    return xdr_bool(xdrs, &none);
}

/* Request: a path (XNFS; version 2's last procedure).
 * Reply: limits on names and links, those of NFS 3's PATHCONF; of terminals and pipes, which are the client's: 0.
 * Bound: as MNT. */
static enum accept_stat pathconf2(struct rpc_call *call, const void *args, void *result)
{
    const mountargs *in = args;
    ppathcnf *out = result;
    struct object object;

    if (find_directory(&object, call, &in->path) < 0)
        return SYSTEM_ERR; /* the result has no room for an error */
    *out = (ppathcnf){.pc_link_max = 32000, .pc_name_max = ENTRY_NAME_MAX, .pc_path_max = MNTPATHLEN};
    return SUCCESS;
}

static void prepare_path(struct rpc_call *call, void *args)
{
    mountargs *in = args;

    in->path.dirpath_val = rpc_call_alloc(call, MNT_PATH_WIRE_MAX); /* the arena is empty: there is room */
}

#define BY_PATH(title, does, encoder, out)                                                                             \
    {                                                                                                                  \
        title, does, (xdrproc_t)xdr_mountargs, sizeof(mountargs), (xdrproc_t)(encoder), sizeof(out), prepare_path,     \
            NULL                                                                                                       \
    }
#define LIST(title, does, encoder, out)                                                                                \
    {                                                                                                                  \
        .name = (title), .handler = (does), .encode = (xdrproc_t)(encoder), .result_size = sizeof(out)                 \
    }
#define SILENT(title)                                                                                                  \
    {                                                                                                                  \
        .name = (title), .handler = do_nothing                                                                         \
    }

static const struct rpc_procedure procedures_1_2[] = {
    [0] = SILENT("NULL"),
    [1] = BY_PATH("MNT", mount1, xdr_fhstatus, fhstatus),
    [2] = LIST("DUMP", dump, xdr_bool, bool_t),
    [3] = SILENT("UMNT"),
    [4] = SILENT("UMNTALL"),
    [5] = LIST("EXPORT", export_list, encode_exports, struct export_result),
    [6] = LIST("EXPORTALL", export_list, encode_exports, struct export_result),
    [7] = BY_PATH("PATHCONF", pathconf2, xdr_ppathcnf, ppathcnf), /* version 2 only */
};

static const struct rpc_procedure procedures_3[] = {
    [0] = SILENT("NULL"),
    [1] = BY_PATH("MNT", mount3, xdr_mountres3, mountres3),
    [2] = LIST("DUMP", dump, xdr_bool, bool_t),
    [3] = SILENT("UMNT"),
    [4] = SILENT("UMNTALL"),
    [5] = LIST("EXPORT", export_list, encode_exports, struct export_result),
};

static const struct rpc_version versions[] = {
    {1, procedures_1_2, 7},
    {2, procedures_1_2, 8},
    {3, procedures_3, sizeof procedures_3 / sizeof *procedures_3},
};

const struct rpc_program mount_program = {100005, "mount", versions, sizeof versions / sizeof *versions,
                                          .datagrams = true};
