/* readonly.c - everything that would change something: refused with ROFS, since nothing here can be changed.
 *
 * A handle that names nothing is told first, as a server that could write would. What else is in the arguments is not
 * even decoded. ROFS and not ACCES, because tools know what to do then: rpm needs no lock on a read-only file system.
 */
#include "nfsd/procedures.h"

/* The object's attributes go into *after; those before the operation are not given, as the RFC allows. */
static nfsstat3 refuse(post_op_attr *after, struct rpc_call *call, const nfs_fh3 *handle)
{
    struct object object;
    nfsstat3 status = nfs3_object(&object, after, call, handle);

    return status == NFS3_OK ? NFS3ERR_ROFS : status;
}

/* Request: the handle of a file or directory, and what to do with it (RFC 1813, 3.3.2, 3.3.7 to 3.3.13, 3.3.21).
 * Reply: ROFS and its attributes.
 * Bound: one descent in a tree. */
enum accept_stat nfs3_refuse_change(struct rpc_call *call, const void *args, void *result)
{
    const GETATTR3args *in = args;
    CHANGE3fail *out = result;

    out->status = refuse(&out->wcc.after, call, &in->object);
    return SUCCESS;
}

/* Request: a directory and a name, and where to move it (RFC 1813, 3.3.14).
 * Reply: ROFS and the attributes of both directories.
 * Bound: two descents in a tree. */
enum accept_stat nfs3_refuse_rename(struct rpc_call *call, const void *args, void *result)
{
    const RENAME3handles *in = args;
    RENAME3fail *out = result;
    nfsstat3 to_status = refuse(&out->todir_wcc.after, call, &in->todir);

    out->status = refuse(&out->fromdir_wcc.after, call, &in->from.dir);
    if (out->status == NFS3ERR_ROFS)
        out->status = to_status;
    return SUCCESS;
}

/* Request: a file, and the directory and name of the new link (RFC 1813, 3.3.15).
 * Reply: ROFS and the attributes of both.
 * Bound: two descents in a tree. */
enum accept_stat nfs3_refuse_link(struct rpc_call *call, const void *args, void *result)
{
    const LINK3handles *in = args;
    LINK3fail *out = result;
    nfsstat3 directory_status = refuse(&out->linkdir_wcc.after, call, &in->linkdir);

    out->status = refuse(&out->file_attributes, call, &in->file);
    if (out->status == NFS3ERR_ROFS)
        out->status = directory_status;
    return SUCCESS;
}
