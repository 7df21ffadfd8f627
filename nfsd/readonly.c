/* readonly.c - everything that would change something: refused with ROFS, since nothing here can be changed.
 *
 * A handle that names nothing is told first, as a server that could write would. What else is in the arguments is not
 * even decoded. ROFS and not ACCES, because tools know what to do then: rpm needs no lock on a read-only file system.
 */
#include "nfsd/procedures.h"

/* The next argument, a handle: what becomes of it. */
static bool refuse(struct named *named, nfsstat3 *status, struct rpc_call *call, struct words *args)
{
    if (!nfs3_take_object(named, call, args))
        return false;
    *status = named->status == NFS3_OK ? NFS3ERR_ROFS : named->status;
    return true;
}

static bool skip_name(struct words *args)
{
    const uint8_t *name;
    uint32_t size;

    return words_take_opaque(&name, &size, args, NFS3_NAME_WIRE_MAX);
}

/* wcc_data: attributes before the operation are not given, as the RFC allows. */
static uint8_t *put_wcc_data(uint8_t *p, const struct named *named)
{
    return put_post_op_attr(put_word(p, FALSE), named_object(named));
}

/* Request: the handle of a file or directory, and what to do with it (RFC 1813, 3.3.2, 3.3.7 to 3.3.13, 3.3.21).
 * Reply: ROFS and its attributes.
 * Bound: one descent in a tree. */
enum accept_stat nfs3_refuse_change(struct rpc_call *call, struct words *args, uint8_t **result)
{
    struct named named;
    nfsstat3 status;

    if (!refuse(&named, &status, call, args))
        return GARBAGE_ARGS;
    *result = put_wcc_data(put_word(*result, status), &named);
    return SUCCESS;
}

/* Request: a directory and a name, and where to move it (RFC 1813, 3.3.14).
 * Reply: ROFS and the attributes of both directories.
 * Bound: two descents in a tree. */
enum accept_stat nfs3_refuse_rename(struct rpc_call *call, struct words *args, uint8_t **result)
{
    struct named from, to;
    nfsstat3 status, to_status;

    if (!refuse(&from, &status, call, args) || !skip_name(args) || !refuse(&to, &to_status, call, args))
        return GARBAGE_ARGS;
    uint8_t *p = put_word(*result, status == NFS3ERR_ROFS ? to_status : status);
    *result = put_wcc_data(put_wcc_data(p, &from), &to);
    return SUCCESS;
}

/* Request: a file, and the directory and name of the new link (RFC 1813, 3.3.15).
 * Reply: ROFS and the attributes of both.
 * Bound: two descents in a tree. */
enum accept_stat nfs3_refuse_link(struct rpc_call *call, struct words *args, uint8_t **result)
{
    struct named file, directory;
    nfsstat3 status, directory_status;

    if (!refuse(&file, &status, call, args) || !refuse(&directory, &directory_status, call, args))
        return GARBAGE_ARGS;
    uint8_t *p = put_word(*result, status == NFS3ERR_ROFS ? directory_status : status);
    *result = put_wcc_data(put_post_op_attr(p, named_object(&file)), &directory);
    return SUCCESS;
}
