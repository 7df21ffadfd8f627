/* lookup.c - LOOKUP: from a directory and a name to a handle. */
#include "nfsd/permission.h"
#include "nfsd/procedures.h"

#include <errno.h>
#include <sys/stat.h>

static int find(struct object *child, struct rpc_call *call, const struct object *directory, const char *name,
                uint32_t size)
{
    if (!S_ISDIR(object_mode(directory)))
        return -ENOTDIR;
    if (!(object_permits(directory, &call->credential) & PERMIT_EXECUTE))
        return -EACCES;
    return object_lookup(child, call->worker, directory, name, size);
}

/* Request: a directory's handle and a name (RFC 1813, 3.3.3).
 * Reply: the handle and the attributes of what has the name, and the directory's attributes, on errors too. Into a
 *   tree ("/snap/<id>", "/layer/<diffid>") the fsid changes, and clients mount it by themselves if the attributes say
 *   so.
 * Bound: three descents in a tree; one query when the name is that of a tree, three below "/at". */
enum accept_stat nfs3_lookup(struct rpc_call *call, struct words *args, uint8_t **result)
{
    uint8_t handle[HANDLE_SIZE_MAX];
    const uint8_t *name;
    struct named directory;
    struct object child;
    uint32_t size;

    if (!nfs3_take_object(&directory, call, args) || !words_take_opaque(&name, &size, args, NFS3_NAME_WIRE_MAX))
        return GARBAGE_ARGS;
    const struct object *above = named_object(&directory);
    nfsstat3 status = directory.status;
    if (above)
        status = nfs3_status(call->worker, find(&child, call, above, (const char *)name, size));
    uint8_t *p = put_word(*result, status);
    if (status == NFS3_OK) {
        p = put_opaque(p, handle, (uint32_t)object_handle(handle, call->worker, &child));
        p = put_post_op_attr(p, &child);
    }
    *result = put_post_op_attr(p, above);
    return SUCCESS;
}
