/* acl.c - access control lists: every file has the one that its mode tells, and none can be changed.
 *
 * A client that only asks a server for access (ACCESS) needs none of this. Linux checks permissions itself where the
 * mount is the lower directory of an overlay, wants the list for that, and takes "there is no such program" for a
 * failure of the file. What lists were captured is in /meta/<id>/xattrs.
 */
#include "nfsd/procedures.h"

/* One entry of each kind: three say what the mode does, and the class is the group's, as without further entries. */
static aclent3 *list_of_mode(struct rpc_call *call, const fattr3 *attributes)
{
    const uint32_t user = attributes->mode >> 6 & 7, group = attributes->mode >> 3 & 7, other = attributes->mode & 7;
    aclent3 *entries = rpc_call_alloc(call, NFS_ACL_OF_MODE * sizeof *entries);

    if (!entries)
        return NULL;
    entries[0] = (aclent3){NFS_ACL_USER_OBJ, attributes->uid, user};
    entries[1] = (aclent3){NFS_ACL_GROUP_OBJ, attributes->gid, group};
    entries[2] = (aclent3){NFS_ACL_CLASS_OBJ, 0, group};
    entries[3] = (aclent3){NFS_ACL_OTHER_OBJ, 0, other};
    return entries;
}

/* Request: an object, and which of its two lists.
 * Reply: its attributes; the list of its mode, and that a directory hands down none.
 * Bound: one descent in a tree. */
enum accept_stat nfsacl_getacl(struct rpc_call *call, const void *args, void *result)
{
    const GETACL3args *in = args;
    GETACL3res *out = result;
    GETACL3resok *ok = &out->GETACL3res_u.resok;
    struct object object;
    post_op_attr attributes;

    out->status = nfs3_object(&object, &attributes, call, &in->object);
    if (out->status != NFS3_OK) {
        out->GETACL3res_u.resfail.obj_attributes = attributes;
        return SUCCESS;
    }
    *ok = (GETACL3resok){
        .obj_attributes = attributes,
        .mask = in->mask & (NFS_ACL | NFS_ACLCNT | NFS_DFACL | NFS_DFACLCNT),
        .count = NFS_ACL_OF_MODE,
    };
    if (!(in->mask & NFS_ACL))
        return SUCCESS;
    ok->entries.entries_val = list_of_mode(call, &attributes.post_op_attr_u.attributes);
    ok->entries.entries_len = NFS_ACL_OF_MODE;
    return ok->entries.entries_val ? SUCCESS : SYSTEM_ERR;
}

/* Request: an object, and lists for it, which are not even decoded.
 * Reply: ROFS and its attributes.
 * Bound: one descent in a tree. */
enum accept_stat nfsacl_setacl(struct rpc_call *call, const void *args, void *result)
{
    const GETATTR3args *in = args;
    SETACL3fail *out = result;
    struct object object;
    nfsstat3 status = nfs3_object(&object, &out->obj_attributes, call, &in->object);

    out->status = status == NFS3_OK ? NFS3ERR_ROFS : status;
    return SUCCESS;
}
