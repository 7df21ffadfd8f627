/* attributes.c - what is known of objects and file systems: NULL, GETATTR, ACCESS, FSSTAT, FSINFO, PATHCONF, and the
 * attributes and the status that all other replies carry too. */
#include "nfsd/permission.h"
#include "nfsd/procedures.h"

#include "base/timestamp.h"

#include <errno.h>
#include <sys/stat.h>

enum { ALLOCATION_UNIT = 4096 }; /* bytes in which `used` is counted, as most file systems do */

nfsstat3 nfs3_status(struct nfsd_worker *worker, int error)
{
    static const struct {
        int error;
        nfsstat3 status;
    } table[] = {
        {0, NFS3_OK},
        {-EBADF, NFS3ERR_BADHANDLE},
        {-ESTALE, NFS3ERR_STALE},
        {-ENOENT, NFS3ERR_NOENT},
        {-ENOTDIR, NFS3ERR_NOTDIR},
        {-EACCES, NFS3ERR_ACCES},
        {-ENAMETOOLONG, NFS3ERR_NAMETOOLONG},
        {-EBUSY, NFS3ERR_JUKEBOX}, /* being made, or the store is locked for longer than a call may wait: ask again */
        {-ENOMEM, NFS3ERR_JUKEBOX},
        {-EMFILE, NFS3ERR_JUKEBOX}, /* no descriptor for a content just now */
        {-ENFILE, NFS3ERR_JUKEBOX},
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].error == error)
            return table[i].status;
    nfsd_worker_report(worker);
    return NFS3ERR_IO;
}

static ftype3 type_of(uint32_t mode)
{
    static const struct {
        uint32_t format;
        ftype3 type;
    } table[] = {
        {S_IFREG, NF3REG}, {S_IFDIR, NF3DIR},   {S_IFLNK, NF3LNK},  {S_IFCHR, NF3CHR},
        {S_IFBLK, NF3BLK}, {S_IFSOCK, NF3SOCK}, {S_IFIFO, NF3FIFO},
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].format == (mode & S_IFMT))
            return table[i].type;
    return NF3REG;
}

static nfstime3 time_of(uint64_t ns)
{
    return (nfstime3){(unsigned)(ns / NANOSECONDS), (unsigned)(ns % NANOSECONDS)};
}

static uint64_t size_of(const struct entry *entry)
{
    if (S_ISLNK(entry->mode) && !(entry->flags & ENTRY_ABSENT))
        return entry->target_size;
    return entry->size < FILE_SIZE_MAX ? entry->size : FILE_SIZE_MAX;
}

static uint64_t used_of(const struct entry *entry)
{
    if (entry->flags & ENTRY_ABSENT)
        return 0;
    return (size_of(entry) + ALLOCATION_UNIT - 1) / ALLOCATION_UNIT * ALLOCATION_UNIT;
}

static void fill_own(fattr3 *out, const struct own_file *own)
{
    out->nlink = own->nlink;
    out->size = own->size;
    out->used = (own->size + ALLOCATION_UNIT - 1) / ALLOCATION_UNIT * ALLOCATION_UNIT;
    out->mtime = time_of(own->mtime);
}

static void fill_place(fattr3 *out, const struct tree_place *place)
{
    const struct entry *entry = place->entry;

    out->nlink = place->nlink;
    out->size = size_of(entry);
    out->used = used_of(entry);
    out->rdev = (specdata3){entry->rdev_major, entry->rdev_minor};
    out->mtime = time_of(entry->mtime);
}

void fattr3_fill(fattr3 *out, const struct object *object)
{
    uint32_t mode = object_mode(object);

    *out = (fattr3){
        .type = type_of(mode),
        .mode = mode & 07777,
        .uid = object_uid(object),
        .gid = object_gid(object),
        .fsid = object->fsid,
        .fileid = object_fileid(object),
    };
    if (object->place.entry)
        fill_place(out, &object->place);
    else
        fill_own(out, &object->own);
    out->atime = out->ctime = out->mtime; /* the other two are no part of a tree */
}

post_op_attr fattr3_after(const struct object *object)
{
    post_op_attr after = {.attributes_follow = TRUE};

    fattr3_fill(&after.post_op_attr_u.attributes, object);
    return after;
}

nfsstat3 nfs3_object(struct object *object, post_op_attr *attributes, struct rpc_call *call, const nfs_fh3 *handle)
{
    struct nfsd_worker *worker = call->worker;
    int found = object_resolve(object, call, handle->data.data_val, handle->data.data_len);

    attributes->attributes_follow = FALSE;
    if (found == 0)
        *attributes = fattr3_after(object);
    return nfs3_status(worker, found);
}

/* Request: none. Reply: none (RFC 1813, 3.3.0).
 * Serves clients' pings.
 * Bound: no work. */
enum accept_stat nfs3_null(struct rpc_call *call, const void *args, void *result)
{
    (void)call;
    (void)args;
    (void)result;
    return SUCCESS;
}

/* Request: a handle (RFC 1813, 3.3.1).
 * Reply: the object's attributes.
 * Bound: one descent in a tree. */
enum accept_stat nfs3_getattr(struct rpc_call *call, const void *args, void *result)
{
    const GETATTR3args *in = args;
    GETATTR3res *out = result;
    struct object object;
    post_op_attr attributes;

    out->status = nfs3_object(&object, &attributes, call, &in->object);
    if (out->status == NFS3_OK)
        out->GETATTR3res_u.obj_attributes = attributes.post_op_attr_u.attributes;
    return SUCCESS;
}

/* What ACCESS may grant, from what the mode permits. EXECUTE has no meaning for a directory, but some clients read it
 * instead of LOOKUP. MODIFY, EXTEND and DELETE are never granted: nothing can be changed. */
static uint32_t granted(uint32_t mode, unsigned permits)
{
    uint32_t access = permits & PERMIT_READ ? ACCESS3_READ : 0;

    if (permits & PERMIT_EXECUTE)
        access |= ACCESS3_EXECUTE | (S_ISDIR(mode) ? ACCESS3_LOOKUP : 0);
    return access;
}

/* Request: a handle, and the kinds of access that are asked for (RFC 1813, 3.3.4).
 * Reply: the object's attributes, and those kinds that its mode grants to the caller.
 * Bound: one descent in a tree. */
enum accept_stat nfs3_access(struct rpc_call *call, const void *args, void *result)
{
    const ACCESS3args *in = args;
    ACCESS3res *out = result;
    struct object object;
    post_op_attr attributes;

    out->status = nfs3_object(&object, &attributes, call, &in->object);
    if (out->status != NFS3_OK) {
        out->ACCESS3res_u.resfail.obj_attributes = attributes;
        return SUCCESS;
    }
    out->ACCESS3res_u.resok = (ACCESS3resok){
        .obj_attributes = attributes,
        .access = in->access & granted(object_mode(&object), object_permits(&object, &call->credential)),
    };
    return SUCCESS;
}

/* Request: any handle of the file system (RFC 1813, 3.3.18).
 * Reply: how many nodes its tree holds; that nothing is free; that it never changes but as a whole.
 * Bound: two descents in a tree. */
enum accept_stat nfs3_fsstat(struct rpc_call *call, const void *args, void *result)
{
    const GETATTR3args *in = args;
    FSSTAT3res *out = result;
    struct object object;
    post_op_attr attributes;
    uint64_t nodes = 0;

    out->status = nfs3_object(&object, &attributes, call, &in->object);
    if (out->status == NFS3_OK)
        out->status = nfs3_status(call->worker, object_count_nodes(&nodes, call->worker, &object));
    if (out->status == NFS3_OK)
        out->FSSTAT3res_u.resok = (FSSTAT3resok){.obj_attributes = attributes, .tfiles = nodes};
    else
        out->FSSTAT3res_u.resfail.obj_attributes = attributes;
    return SUCCESS;
}

/* Request: any handle of the file system (RFC 1813, 3.3.19).
 * Reply: the sizes of transfers, and what the file system can do. The sizes of writes, which are all refused, are not
 *   0 because libnfs divides by them.
 * Bound: one descent in a tree. */
enum accept_stat nfs3_fsinfo(struct rpc_call *call, const void *args, void *result)
{
    const GETATTR3args *in = args;
    FSINFO3res *out = result;
    struct object object;
    post_op_attr attributes;

    out->status = nfs3_object(&object, &attributes, call, &in->object);
    if (out->status != NFS3_OK) {
        out->FSINFO3res_u.resfail.obj_attributes = attributes;
        return SUCCESS;
    }
    out->FSINFO3res_u.resok = (FSINFO3resok){
        .obj_attributes = attributes,
        .rtmax = READ_SIZE_MAX,
        .rtpref = READ_SIZE_MAX,
        .rtmult = ALLOCATION_UNIT,
        .wtmax = 65536,
        .wtpref = 65536,
        .wtmult = ALLOCATION_UNIT,
        .dtpref = READDIR_SIZE_MAX,
        .maxfilesize = FILE_SIZE_MAX,
        .time_delta = {0, 1},
        .properties = FSF3_LINK | FSF3_SYMLINK | FSF3_HOMOGENEOUS,
    };
    return SUCCESS;
}

/* Request: a handle (RFC 1813, 3.3.20).
 * Reply: limits on names and links; the same everywhere.
 * Bound: one descent in a tree. */
enum accept_stat nfs3_pathconf(struct rpc_call *call, const void *args, void *result)
{
    const GETATTR3args *in = args;
    PATHCONF3res *out = result;
    struct object object;
    post_op_attr attributes;

    out->status = nfs3_object(&object, &attributes, call, &in->object);
    if (out->status != NFS3_OK) {
        out->PATHCONF3res_u.resfail.obj_attributes = attributes;
        return SUCCESS;
    }
    out->PATHCONF3res_u.resok = (PATHCONF3resok){
        .obj_attributes = attributes,
        .linkmax = 32000, /* ext4's is 65000, older ones have 32000; nothing makes links here */
        .name_max = ENTRY_NAME_MAX,
        .no_trunc = TRUE,
        .chown_restricted = TRUE,
        .case_preserving = TRUE,
    };
    return SUCCESS;
}
