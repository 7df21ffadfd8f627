/* acl.c - access control lists: every file has the one that its mode tells, and none can be changed.
 *
 * A client that only asks a server for access (ACCESS) needs none of this. Linux checks permissions itself where the
 * mount is the lower directory of an overlay, wants the list for that, and takes "there is no such program" for a
 * failure of the file. What lists were captured is in /meta/<id>/xattrs.
 */
#include "nfsd/procedures.h"

/* One entry of each kind: three say what the mode does, and the class is the group's, as without further entries. */
static uint8_t *put_list_of_mode(uint8_t *p, const struct object *object)
{
    const uint32_t mode = object_mode(object), user = mode >> 6 & 7, group = mode >> 3 & 7, other = mode & 7;
    const aclent3 entries[NFS_ACL_OF_MODE] = {
        {NFS_ACL_USER_OBJ, object_uid(object), user},
        {NFS_ACL_GROUP_OBJ, object_gid(object), group},
        {NFS_ACL_CLASS_OBJ, 0, group},
        {NFS_ACL_OTHER_OBJ, 0, other},
    };

    p = put_word(p, NFS_ACL_OF_MODE);
    for (int i = 0; i < NFS_ACL_OF_MODE; i++)
        p = put_word(put_word(put_word(p, entries[i].type), entries[i].id), entries[i].perm);
    return p;
}

/* Request: an object, and which of its two lists.
 * Reply: its attributes; the list of its mode, and that a directory hands down none.
 * Bound: one descent in a tree. */
enum accept_stat nfsacl_getacl(struct rpc_call *call, struct words *args, uint8_t **result)
{
    struct named named;
    uint32_t mask;

    if (!nfs3_take_object(&named, call, args) || !words_take(&mask, args))
        return GARBAGE_ARGS;
    uint8_t *p = put_post_op_attr(put_word(*result, named.status), named_object(&named));
    if (named.status == NFS3_OK) {
        p = put_word(p, mask & (NFS_ACL | NFS_ACLCNT | NFS_DFACL | NFS_DFACLCNT));
        p = put_word(p, NFS_ACL_OF_MODE);
        p = mask & NFS_ACL ? put_list_of_mode(p, &named.object) : put_word(p, 0);
        p = put_word(put_word(p, 0), 0);
    }
    *result = p;
    return SUCCESS;
}

/* Request: an object, and lists for it, which are not even looked at.
 * Reply: ROFS and its attributes.
 * Bound: one descent in a tree. */
enum accept_stat nfsacl_setacl(struct rpc_call *call, struct words *args, uint8_t **result)
{
    struct named named;

    if (!nfs3_take_object(&named, call, args))
        return GARBAGE_ARGS;
    *result = put_post_op_attr(put_word(*result, named.status == NFS3_OK ? NFS3ERR_ROFS : named.status),
                               named_object(&named));
    return SUCCESS;
}
