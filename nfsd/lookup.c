/* lookup.c - LOOKUP: from a directory and a name to a handle. */
#include "nfsd/permission.h"
#include "nfsd/procedures.h"

#include <errno.h>
#include <sys/stat.h>

static int find(struct object *child, struct rpc_call *call, const struct object *directory, const filename3 *name)
{
    if (!S_ISDIR(object_mode(directory)))
        return -ENOTDIR;
    if (!(object_permits(directory, &call->credential) & PERMIT_EXECUTE))
        return -EACCES;
    return object_lookup(child, call->worker, directory, name->filename3_val, name->filename3_len);
}

/* Request: a directory's handle and a name (RFC 1813, 3.3.3).
 * Reply: the handle and the attributes of what has the name, and the directory's attributes, on errors too. Into a
 *   tree ("/snap/<id>", "/layer/<diffid>") the fsid changes, and clients mount it by themselves if the attributes say
 * so. Bound: three descents in a tree; one query when the name is that of a tree. */
enum accept_stat nfs3_lookup(struct rpc_call *call, const void *args, void *result)
{
    const LOOKUP3args *in = args;
    LOOKUP3res *out = result;
    struct object directory, child;
    post_op_attr after;

    out->status = nfs3_object(&directory, &after, call, &in->what.dir);
    if (out->status == NFS3_OK)
        out->status = nfs3_status(call->worker, find(&child, call, &directory, &in->what.name));
    if (out->status != NFS3_OK) {
        out->LOOKUP3res_u.resfail.dir_attributes = after;
        return SUCCESS;
    }
    uint8_t *handle = rpc_call_alloc(call, HANDLE_SIZE_MAX);
    if (!handle)
        return SYSTEM_ERR;
    out->LOOKUP3res_u.resok = (LOOKUP3resok){
        .object.data.data_val = (char *)handle,
        .object.data.data_len = (unsigned)object_handle(handle, call->worker, &child),
        .obj_attributes = fattr3_after(&child),
        .dir_attributes = after,
    };
    return SUCCESS;
}
