/* write.c - SETATTR, WRITE, COMMIT: the bytes and the attributes of verdicts, in "/cache". */
#include "nfsd/change.h"
#include "nfsd/permission.h"

#include <string.h>
#include <sys/stat.h>

/* stable_how (RFC 1813, 3.3.7). */
enum { UNSTABLE = 0, DATA_SYNC = 1, FILE_SYNC = 2 };

/* The owner may, whatever the mode is: the file may be open (permission.c tells why READ does so too). */
static bool may_write(const struct object *file, const struct rpc_credential *who)
{
    return who->uid == object_uid(file) || (object_permits(file, who) & PERMIT_WRITE);
}

/* --- SETATTR ------------------------------------------------------------------------------------------------------ */

static enum accept_stat finish_setattr(struct rpc_call *call, void *memory, uint8_t **result)
{
    const struct verdict_job *job = memory;
    uint8_t *p = put_word(*result, nfs3_job_status(call, job));

    *result = put_wcc_data(p, call, &job->result.before, &job->result.file);
    return SUCCESS;
}

/* As POSIX has it for chmod(), chown(), utimensat() and truncate(). */
static nfsstat3 check_setattr(const struct object *file, const struct verdict_change *change,
                              const struct rpc_credential *who)
{
    bool root = who->uid == 0, owner = root || who->uid == object_uid(file);

    if (!owner && (change->mode || change->uid || change->gid || change->mtime))
        return NFS3ERR_PERM;
    if (!root && ((change->uid && change->to.uid != object_uid(file)) ||
                  (change->gid && change->to.gid != object_gid(file) && change->to.gid != who->gid)))
        return NFS3ERR_PERM;
    return (change->size || change->mtime_now) && !may_write(file, who) ? NFS3ERR_ACCES : NFS3_OK;
}

/* sattrguard3. */
static bool take_guard(bool *guarded, uint64_t *ctime, struct words *args)
{
    uint32_t check, seconds, rest;

    if (!words_take(&check, args))
        return false;
    *guarded = check != 0;
    if (!check)
        return true;
    if (!words_take(&seconds, args) || !words_take(&rest, args))
        return false;
    *ctime = seconds * 1000000000ull + rest;
    return true;
}

/* Request: a handle, attributes, and the ctime that it must have (RFC 1813, 3.3.2).
 * Reply: its attributes before and after; NOT_SYNC when it has another ctime.
 * Bound: one row of at most VERDICT_SIZE_MAX, in a transaction of the writer's. */
enum accept_stat nfs3_setattr(struct rpc_call *call, struct words *args, uint8_t **result)
{
    struct verdict_change change = {0};
    struct named file;
    uint64_t guard = 0;
    bool guarded;

    if (!nfs3_take_writable(&file, call, args))
        return GARBAGE_ARGS;
    if (file.status != NFS3_OK)
        return nfs3_refuse(result, file.status, &file);
    if (!nfs3_take_sattr(&change, args) || !take_guard(&guarded, &guard, args))
        return GARBAGE_ARGS;
    nfsstat3 status = check_setattr(&file.object, &change, &call->credential);
    struct verdict_job *job = status == NFS3_OK ? nfs3_park(call, &file.object, 0, finish_setattr) : NULL;
    if (!job)
        return nfs3_refuse(result, status, &file);
    job->change = change;
    job->guarded = guarded;
    job->guard = guard;
    job->run = verdict_job_set;
    return nfs3_hand(call, job);
}

/* --- WRITE, COMMIT ------------------------------------------------------------------------------------------------ */

static enum accept_stat finish_write(struct rpc_call *call, void *memory, uint8_t **result)
{
    const struct verdict_job *job = memory;
    const struct verdict_result *out = &job->result;
    nfsstat3 status = nfs3_job_status(call, job);
    uint8_t *p = put_wcc_data(put_word(*result, status), call, &out->before, &out->file);

    if (status == NFS3_OK) {
        p = put_word(put_word(p, job->count), out->stable ? FILE_SYNC : UNSTABLE);
        memcpy(p, out->verifier, sizeof out->verifier);
        p += sizeof out->verifier;
    }
    *result = p;
    return SUCCESS;
}

static nfsstat3 check_write(const struct object *file, const struct rpc_credential *who)
{
    if (!S_ISREG(object_mode(file)))
        return NFS3ERR_INVAL;
    return may_write(file, who) ? NFS3_OK : NFS3ERR_ACCES;
}

/* Request: a file, where and what to write, and how durable that is to be (RFC 1813, 3.3.7).
 * Reply: all of it is written, as durable as was asked for or more; FBIG beyond VERDICT_SIZE_MAX; DQUOT; NOSPC.
 * Bound: the bytes of the call, which are copied, and one row of at most VERDICT_SIZE_MAX. */
enum accept_stat nfs3_write(struct rpc_call *call, struct words *args, uint8_t **result)
{
    const uint8_t *data;
    struct named file;
    uint64_t offset;
    uint32_t count, how, size;

    if (!nfs3_take_writable(&file, call, args))
        return GARBAGE_ARGS;
    if (file.status != NFS3_OK)
        return nfs3_refuse(result, file.status, &file);
    if (!words_take64(&offset, args) || !words_take(&count, args) || !words_take(&how, args) || how > FILE_SYNC ||
        !words_take_opaque(&data, &size, args, UINT32_MAX))
        return GARBAGE_ARGS;
    nfsstat3 status = check_write(&file.object, &call->credential);
    if (status == NFS3_OK && count != size)
        status = NFS3ERR_INVAL;
    if (status == NFS3_OK && (offset > VERDICT_SIZE_MAX || count > VERDICT_SIZE_MAX - offset))
        status = NFS3ERR_FBIG;
    struct verdict_job *job = status == NFS3_OK ? nfs3_park(call, &file.object, count, finish_write) : NULL;
    if (!job)
        return nfs3_refuse(result, status, &file);
    memcpy(job + 1, data, count);
    job->data = (const uint8_t *)(job + 1);
    job->offset = offset;
    job->count = count;
    job->stable = how != UNSTABLE;
    job->run = verdict_job_write;
    return nfs3_hand(call, job);
}

static enum accept_stat finish_commit(struct rpc_call *call, void *memory, uint8_t **result)
{
    const struct verdict_job *job = memory;
    const struct verdict_result *out = &job->result;
    nfsstat3 status = nfs3_job_status(call, job);
    uint8_t *p = put_wcc_data(put_word(*result, status), call, &out->before, &out->file);

    if (status == NFS3_OK) {
        memcpy(p, out->verifier, sizeof out->verifier);
        p += sizeof out->verifier;
    }
    *result = p;
    return SUCCESS;
}

/* Request: a file and a range, which does not matter: all of it is made durable (RFC 1813, 3.3.21).
 * Reply: the write verifier.
 * Bound: one row of at most VERDICT_SIZE_MAX, in a transaction of the writer's. */
enum accept_stat nfs3_commit(struct rpc_call *call, struct words *args, uint8_t **result)
{
    struct named file;
    uint64_t offset;
    uint32_t count;

    if (!nfs3_take_writable(&file, call, args))
        return GARBAGE_ARGS;
    if (file.status != NFS3_OK)
        return nfs3_refuse(result, file.status, &file);
    if (!words_take64(&offset, args) || !words_take(&count, args))
        return GARBAGE_ARGS;
    nfsstat3 status = check_write(&file.object, &call->credential);
    struct verdict_job *job = status == NFS3_OK ? nfs3_park(call, &file.object, 0, finish_commit) : NULL;
    if (!job)
        return nfs3_refuse(result, status, &file);
    job->run = verdict_job_commit;
    return nfs3_hand(call, job);
}
