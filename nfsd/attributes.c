/* attributes.c - what is known of objects and file systems: NULL, GETATTR, ACCESS, FSSTAT, FSINFO, PATHCONF, and the
 * attributes and the status that all other replies carry too. */
#include "nfsd/permission.h"
#include "nfsd/procedures.h"

#include "base/timestamp.h"
#include "db/verdicts.h"

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
        {-EEXIST, NFS3ERR_EXIST},
        {-EISDIR, NFS3ERR_ISDIR},
        {-EINVAL, NFS3ERR_INVAL},
        {-EFBIG, NFS3ERR_FBIG},
        {-EDQUOT, NFS3ERR_DQUOT},
        {-ENOSPC, NFS3ERR_NOSPC},
        {-EAGAIN, NFS3ERR_NOT_SYNC},
        {-ENOTEMPTY, NFS3ERR_NOTEMPTY},
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

/* By the four bits of a mode's format. */
static const uint8_t types[16] = {
    [S_IFREG >> 12] = NF3REG, [S_IFDIR >> 12] = NF3DIR,   [S_IFLNK >> 12] = NF3LNK,  [S_IFCHR >> 12] = NF3CHR,
    [S_IFBLK >> 12] = NF3BLK, [S_IFSOCK >> 12] = NF3SOCK, [S_IFIFO >> 12] = NF3FIFO,
};

static uint32_t type_of(uint32_t mode)
{
    uint32_t type = types[mode >> 12 & 15];

    return type ? type : NF3REG;
}

static uint64_t size_of(const struct entry *entry)
{
    if (S_ISLNK(entry->mode) && !(entry->flags & ENTRY_ABSENT))
        return entry->target_size;
    return entry->size < FILE_SIZE_MAX ? entry->size : FILE_SIZE_MAX;
}

static uint64_t used_of(uint64_t size)
{
    return (size + ALLOCATION_UNIT - 1) / ALLOCATION_UNIT * ALLOCATION_UNIT;
}

/* What trees and the store's own files know in their own ways. */
struct facts {
    uint32_t nlink, rdev_major, rdev_minor;
    uint64_t size, used, mtime, ctime;
};

static struct facts facts_of(const struct object *object)
{
    const struct entry *entry = object->place.entry;

    if (!entry)
        return (struct facts){.nlink = object->own.nlink,
                              .size = object->own.size,
                              .used = used_of(object->own.size),
                              .mtime = object->own.mtime,
                              .ctime = object->own.ctime ? object->own.ctime : object->own.mtime};
    return (struct facts){
        .nlink = object->place.nlink,
        .rdev_major = entry->rdev_major,
        .rdev_minor = entry->rdev_minor,
        .size = size_of(entry),
        .used = entry->flags & ENTRY_ABSENT ? 0 : used_of(size_of(entry)),
        .mtime = entry->mtime,
        .ctime = entry->mtime,
    };
}

uint8_t *put_nfstime3(uint8_t *p, uint64_t ns)
{
    return put_word(put_word(p, (uint32_t)(ns / NANOSECONDS)), (uint32_t)(ns % NANOSECONDS));
}

uint8_t *put_fattr3(uint8_t *p, const struct object *object)
{
    const struct facts facts = facts_of(object);
    uint32_t mode = object_mode(object);

    p = put_word(p, type_of(mode));
    p = put_word(p, mode & 07777);
    p = put_word(p, facts.nlink);
    p = put_word(p, object_uid(object));
    p = put_word(p, object_gid(object));
    p = put_word64(p, facts.size);
    p = put_word64(p, facts.used);
    p = put_word(p, facts.rdev_major);
    p = put_word(p, facts.rdev_minor);
    p = put_word64(p, object->fsid);
    p = put_word64(p, object_fileid(object));
    /* atime and ctime are no part of a tree, and atime of nothing here: mtime stands for them. */
    p = put_nfstime3(put_nfstime3(p, facts.mtime), facts.mtime);
    return put_nfstime3(p, facts.ctime);
}

uint8_t *put_post_op_attr(uint8_t *p, const struct object *object)
{
    return object ? put_fattr3(put_word(p, TRUE), object) : put_word(p, FALSE);
}

bool nfs3_take_object(struct named *named, struct rpc_call *call, struct words *args)
{
    const uint8_t *handle;
    uint32_t size;

    if (!words_take_opaque(&handle, &size, args, NFS3_FHSIZE))
        return false;
    named->status = nfs3_status(call->worker, object_resolve(&named->object, call, handle, size));
    return true;
}

/* Request: none. Reply: none (RFC 1813, 3.3.0).
 * Serves clients' pings.
 * Bound: no work. */
enum accept_stat nfs3_null(struct rpc_call *call, struct words *args, uint8_t **result)
{
    (void)call;
    (void)args;
    (void)result;
    return SUCCESS;
}

/* Request: a handle (RFC 1813, 3.3.1).
 * Reply: the object's attributes.
 * Bound: one descent in a tree. */
enum accept_stat nfs3_getattr(struct rpc_call *call, struct words *args, uint8_t **result)
{
    struct named named;

    if (!nfs3_take_object(&named, call, args))
        return GARBAGE_ARGS;
    *result = put_word(*result, named.status);
    if (named.status == NFS3_OK)
        *result = put_fattr3(*result, &named.object);
    return SUCCESS;
}

/* What ACCESS may grant, from what the mode permits. EXECUTE has no meaning for a directory, but some clients read it
 * instead of LOOKUP. MODIFY, EXTEND and DELETE are granted in "/cache" only: nothing else can be changed. */
static uint32_t granted(uint32_t mode, unsigned permits, bool writable)
{
    uint32_t access = permits & PERMIT_READ ? ACCESS3_READ : 0;

    if (writable && (permits & PERMIT_WRITE))
        access |= ACCESS3_MODIFY | ACCESS3_EXTEND | (S_ISDIR(mode) ? ACCESS3_DELETE : 0);

    if (permits & PERMIT_EXECUTE)
        access |= ACCESS3_EXECUTE | (S_ISDIR(mode) ? ACCESS3_LOOKUP : 0);
    return access;
}

/* Request: a handle, and the kinds of access that are asked for (RFC 1813, 3.3.4).
 * Reply: the object's attributes, and those kinds that its mode grants to the caller.
 * Bound: one descent in a tree. */
enum accept_stat nfs3_access(struct rpc_call *call, struct words *args, uint8_t **result)
{
    struct named named;
    uint32_t asked;

    if (!nfs3_take_object(&named, call, args) || !words_take(&asked, args))
        return GARBAGE_ARGS;
    *result = put_post_op_attr(put_word(*result, named.status), named_object(&named));
    if (named.status == NFS3_OK)
        *result = put_word(*result,
                           asked & granted(object_mode(&named.object), object_permits(&named.object, &call->credential),
                                           object_is_writable(&named.object, call)));
    return SUCCESS;
}

/* Request: any handle of the file system (RFC 1813, 3.3.18).
 * Reply: how many nodes its tree holds; that nothing is free; that it never changes but as a whole. Of "/cache": what
 *   its quotas and the disk leave.
 * Bound: two descents in a tree. */
enum accept_stat nfs3_fsstat(struct rpc_call *call, struct words *args, uint8_t **result)
{
    struct named named;
    struct space space = {0};

    if (!nfs3_take_object(&named, call, args))
        return GARBAGE_ARGS;
    const struct object *object = named_object(&named);
    if (object)
        named.status = nfs3_status(call->worker, object_space(&space, call->worker, object));
    uint8_t *p = put_post_op_attr(put_word(*result, named.status), object);
    if (named.status == NFS3_OK) {
        p = put_word64(put_word64(put_word64(p, space.bytes), space.bytes_free), space.bytes_free);
        p = put_word64(put_word64(put_word64(p, space.files), space.files_free), space.files_free);
        p = put_word(p, 0); /* invarsec */
    }
    *result = p;
    return SUCCESS;
}

/* Request: any handle of the file system (RFC 1813, 3.3.19).
 * Reply: the sizes of transfers, and what the file system can do. Writes are of a whole verdict at most, so that one
 *   comes by one call; where they are all refused their sizes are not 0 because libnfs divides by them.
 * Bound: one descent in a tree. */
enum accept_stat nfs3_fsinfo(struct rpc_call *call, struct words *args, uint8_t **result)
{
    static const uint32_t sizes[] = {
        READ_SIZE_MAX,    /* rtmax */
        READ_SIZE_MAX,    /* rtpref */
        ALLOCATION_UNIT,  /* rtmult */
        VERDICT_SIZE_MAX, /* wtmax */
        VERDICT_SIZE_MAX, /* wtpref */
        ALLOCATION_UNIT,  /* wtmult */
        READDIR_SIZE_MAX, /* dtpref */
    };
    struct named named;

    if (!nfs3_take_object(&named, call, args))
        return GARBAGE_ARGS;
    uint8_t *p = put_post_op_attr(put_word(*result, named.status), named_object(&named));
    if (named.status == NFS3_OK) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            p = put_word(p, sizes[i]);
        bool verdicts = named.object.kind == HANDLE_VERDICT;

        p = put_word64(p, verdicts ? VERDICT_SIZE_MAX : FILE_SIZE_MAX);
        p = put_word(put_word(p, 0), 1); /* time_delta: a nanosecond */
        p = put_word(p, FSF3_HOMOGENEOUS | (verdicts ? FSF3_CANSETTIME : FSF3_LINK | FSF3_SYMLINK));
    }
    *result = p;
    return SUCCESS;
}

/* Request: a handle (RFC 1813, 3.3.20).
 * Reply: limits on names and links; the same everywhere.
 * Bound: one descent in a tree. */
enum accept_stat nfs3_pathconf(struct rpc_call *call, struct words *args, uint8_t **result)
{
    static const uint32_t limits[] = {
        32000,                /* linkmax: ext4's is 65000, older ones have 32000; nothing makes links here */
        ENTRY_NAME_MAX, TRUE, /* no_trunc */
        TRUE,                 /* chown_restricted */
        FALSE,                /* case_insensitive */
        TRUE,                 /* case_preserving */
    };
    struct named named;

    if (!nfs3_take_object(&named, call, args))
        return GARBAGE_ARGS;
    uint8_t *p = put_post_op_attr(put_word(*result, named.status), named_object(&named));
    for (size_t i = 0; named.status == NFS3_OK && i < sizeof limits / sizeof *limits; i++)
        p = put_word(p, limits[i]);
    *result = p;
    return SUCCESS;
}
