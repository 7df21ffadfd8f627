/* readonly.c - what nothing here can do: SYMLINK, MKNOD, LINK. ROFS, as change.c and write.c answer outside of
 * "/cache", or PERM where there are changes, but not these: what POSIX has link() say of file systems without links.
 * Linux makes of NOTSUPP a number without a name.
 *
 * A handle that names nothing is told first, as a server that could write would. What else is in the arguments is not
 * even decoded. ROFS and not ACCES, because tools know what to do then: rpm needs no lock on a read-only file system.
 */
#include "nfsd/change.h"

/* The next argument, a handle: what becomes of it. */
static bool refuse(struct named *named, nfsstat3 *status, struct rpc_call *call, struct words *args)
{
    if (!nfs3_take_object(named, call, args))
        return false;
    *status = named->status;
    if (*status == NFS3_OK)
        *status = object_is_writable(&named->object, call) ? NFS3ERR_PERM : NFS3ERR_ROFS;
    return true;
}

/* Request: a directory's handle, and what to make in it (RFC 1813, 3.3.10, 3.3.11).
 * Reply: ROFS or PERM, and its attributes.
 * Bound: one descent in a tree. */
enum accept_stat nfs3_refuse_change(struct rpc_call *call, struct words *args, uint8_t **result)
{
    struct named named;
    nfsstat3 status;

    if (!refuse(&named, &status, call, args))
        return GARBAGE_ARGS;
    *result = put_wcc_after(put_word(*result, status), named_object(&named));
    return SUCCESS;
}

/* Request: a file, and the directory and name of the new link (RFC 1813, 3.3.15).
 * Reply: ROFS or PERM, and the attributes of both.
 * Bound: two descents in a tree. */
enum accept_stat nfs3_refuse_link(struct rpc_call *call, struct words *args, uint8_t **result)
{
    struct named file, directory;
    nfsstat3 status, directory_status;

    if (!refuse(&file, &status, call, args) || !refuse(&directory, &directory_status, call, args))
        return GARBAGE_ARGS;
    uint8_t *p = put_word(*result, status == NFS3ERR_ROFS || status == NFS3ERR_PERM ? directory_status : status);
    *result = put_wcc_after(put_post_op_attr(p, named_object(&file)), named_object(&directory));
    return SUCCESS;
}
