/* change.c - CREATE, MKDIR, REMOVE, RMDIR, RENAME: names that come and go, in "/cache".
 *
 * They are remembered with their effect, so that a client that asks again, having heard nothing, is answered as it
 * would have been, whatever happened to the server in between.
 */
#include "nfsd/change.h"

#include "base/siphash.h"
#include "base/timestamp.h"
#include "nfsd/permission.h"
#include "rpc/peer.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Permissions of a file whose maker did not say. An exclusive CREATE has no room to. */
#define MODE_UNTOLD 0600u

/* createmode3 (RFC 1813, 3.3.8). */
enum { CREATE_UNCHECKED = 0, CREATE_GUARDED = 1, CREATE_EXCLUSIVE = 2 };

/* --- What all changes share --------------------------------------------------------------------------------------- */

uint8_t *put_wcc_after(uint8_t *p, const struct object *after)
{
    return put_post_op_attr(put_word(p, FALSE), after);
}

uint8_t *put_wcc_data(uint8_t *p, struct rpc_call *call, const struct verdict_file *before,
                      const struct verdict_file *after)
{
    struct object object;

    if (before->row)
        p = put_nfstime3(put_nfstime3(put_word64(put_word(p, TRUE), before->size), before->mtime), before->ctime);
    else
        p = put_word(p, FALSE);
    if (!after->row)
        after = before;
    if (!after->row)
        return put_word(p, FALSE);
    verdict_object(&object, call->worker, after);
    return put_post_op_attr(p, &object);
}

bool nfs3_take_writable(struct named *named, struct rpc_call *call, struct words *args)
{
    if (!nfs3_take_object(named, call, args))
        return false;
    if (named->status == NFS3_OK && !object_is_writable(&named->object, call))
        named->status = NFS3ERR_ROFS;
    return true;
}

enum accept_stat nfs3_refuse(uint8_t **result, nfsstat3 status, const struct named *named)
{
    uint8_t *p = put_word(*result, status == NFS3_OK ? NFS3ERR_JUKEBOX : status);

    *result = put_wcc_after(p, attributes_of(named));
    return SUCCESS;
}

/* set_mode3, set_uid3, set_gid3. */
static bool take_word_if(bool *is, uint32_t *value, struct words *args)
{
    uint32_t given;

    if (!words_take(&given, args))
        return false;
    *is = given != 0;
    return !*is || words_take(value, args);
}

/* set_atime, set_mtime. */
static bool take_time(bool *now, bool *is, uint64_t *value, struct words *args)
{
    enum { TO_SERVER_TIME = 1, TO_CLIENT_TIME = 2 };
    uint32_t how, seconds, rest;

    if (!words_take(&how, args) || how > TO_CLIENT_TIME)
        return false;
    *now = how == TO_SERVER_TIME;
    *is = how == TO_CLIENT_TIME;
    if (!*is)
        return true;
    if (!words_take(&seconds, args) || !words_take(&rest, args) || rest >= NANOSECONDS)
        return false;
    *value = seconds * NANOSECONDS + rest;
    return true;
}

bool nfs3_take_sattr(struct verdict_change *change, struct words *args)
{
    struct verdict_file *to = &change->to;
    bool ignored_now, ignored_is;
    uint64_t ignored;
    uint32_t given;

    if (!take_word_if(&change->mode, &to->mode, args) || !take_word_if(&change->uid, &to->uid, args) ||
        !take_word_if(&change->gid, &to->gid, args) || !words_take(&given, args))
        return false;
    change->size = given != 0;
    if (change->size && !words_take64(&to->size, args))
        return false;
    return take_time(&ignored_now, &ignored_is, &ignored, args) && /* there is no atime */
           take_time(&change->mtime_now, &change->mtime, &to->mtime, args);
}

struct verdict_job *nfs3_park(struct rpc_call *call, const struct object *object, size_t extra, rpc_finish finish)
{
    struct rpc_parked *parked = rpc_call_park(call, sizeof(struct verdict_job) + extra, finish);

    if (!parked)
        return NULL;
    struct verdict_job *job = rpc_parked_memory(parked);
    memset(job, 0, sizeof *job);
    job->parked = parked;
    job->row = object->own.row;
    memcpy(job->id, object->id + 8, sizeof job->id);
    return job;
}

enum accept_stat nfs3_hand(struct rpc_call *call, struct verdict_job *job)
{
    const struct nfsd_worker *worker = call->worker;

    verdict_writer_hand(worker->app->verdict_writer, job);
    return RPC_PARKED;
}

nfsstat3 nfs3_job_status(struct rpc_call *call, const struct verdict_job *job)
{
    struct nfsd_worker *worker = call->worker;

    /* The writer has logged what it was. */
    if (job->result.error)
        error_refused(&worker->err, -job->result.error, "the scan cache could not be written");
    return nfs3_status(worker, job->result.error);
}

/* --- Names -------------------------------------------------------------------------------------------------------- */

/* A directory and a name in it. */
struct place {
    struct named directory;
    const char *name;
    uint32_t size;
};

static nfsstat3 check_place(const struct place *place, struct rpc_call *call)
{
    const struct object *directory = &place->directory.object;
    const unsigned needed = PERMIT_WRITE | PERMIT_EXECUTE;

    if (!S_ISDIR(object_mode(directory)))
        return NFS3ERR_NOTDIR;
    if (place->size > VERDICT_NAME_MAX)
        return NFS3ERR_NAMETOOLONG;
    return (object_permits(directory, &call->credential) & needed) == needed ? NFS3_OK : NFS3ERR_ACCES;
}

/* The name, once the directory is taken. */
static bool take_name(struct place *place, struct words *args)
{
    const uint8_t *name;

    if (!words_take_opaque(&name, &place->size, args, NFS3_NAME_WIRE_MAX))
        return false;
    place->name = (const char *)name;
    return true;
}

static void set_name(struct verdict_name_at *at, char *bytes, const struct place *place)
{
    memcpy(bytes, place->name, place->size);
    *at = (struct verdict_name_at){place->directory.object.own.row, bytes, place->size};
}

static const struct siphash_key check_key = {0x636f6e66757365, 0x63616368650a};

/* A call that must not be done twice is known by its peer's address, its xid and all of its bytes. */
static void identify(struct verdict_job *job, const struct rpc_call *call)
{
    bool v4;

    job->once = peer_address(job->call.peer, &v4, call->peer);
    job->call.xid = call->xid;
    job->call.check = siphash(&check_key, call->record.at, (size_t)(call->record.end - call->record.at));
}

static struct verdict_job *park_name(struct rpc_call *call, const struct place *place, rpc_finish finish)
{
    struct verdict_job *job = nfs3_park(call, &place->directory.object, 0, finish);

    if (!job)
        return NULL;
    set_name(&job->name, job->name_bytes, place);
    identify(job, call);
    return job;
}

/* What a call on one name asks for. */
struct naming {
    struct place place;
    struct verdict_new as;
    struct verdict_change change;
};

/* How such a call goes on, once it has its directory and its name; NULL: there is nothing of that. */
struct procedure {
    bool (*take)(struct naming *naming, struct words *args);
    nfsstat3 (*check)(struct rpc_call *call, const struct naming *naming);
    void (*fill)(struct verdict_job *job, const struct naming *naming, const struct rpc_credential *who);
    int (*run)(struct verdict_writer *writer, struct verdict_job *job, struct error *err);
    rpc_finish finish;
};

static enum accept_stat change_name(struct rpc_call *call, struct words *args, uint8_t **result,
                                    const struct procedure *procedure)
{
    struct naming naming = {0};
    struct place *place = &naming.place;

    if (!nfs3_take_writable(&place->directory, call, args))
        return GARBAGE_ARGS;
    if (place->directory.status != NFS3_OK)
        return nfs3_refuse(result, place->directory.status, &place->directory);
    if (!take_name(place, args) || (procedure->take && !procedure->take(&naming, args)))
        return GARBAGE_ARGS;
    nfsstat3 status = check_place(place, call);
    if (status == NFS3_OK && procedure->check)
        status = procedure->check(call, &naming);
    struct verdict_job *job = status == NFS3_OK ? park_name(call, place, procedure->finish) : NULL;
    if (!job)
        return nfs3_refuse(result, status, &place->directory);
    if (procedure->fill)
        procedure->fill(job, &naming, &call->credential);
    job->run = procedure->run;
    return nfs3_hand(call, job);
}

/* --- CREATE, MKDIR ------------------------------------------------------------------------------------------------ */

static enum accept_stat finish_new(struct rpc_call *call, void *memory, uint8_t **result)
{
    const struct verdict_job *job = memory;
    const struct verdict_result *out = &job->result;
    nfsstat3 status = nfs3_job_status(call, job);
    uint8_t *p = put_word(*result, status), handle[HANDLE_SIZE_MAX];
    struct object object;

    if (status == NFS3_OK) {
        verdict_object(&object, call->worker, &out->file);
        p = put_opaque(put_word(p, TRUE), handle, (uint32_t)object_handle(handle, call->worker, &object));
        /* One that a repeated call made may have gone since. */
        p = put_post_op_attr(p, out->file.mode ? &object : NULL);
    }
    *result = put_wcc_data(p, call, &out->above_before, &out->above);
    return SUCCESS;
}

/* Who is it to belong to? */
static void set_owner(struct verdict_new *as, const struct verdict_change *change, const struct rpc_credential *who)
{
    bool root = who->uid == 0;

    as->mode = change->mode ? change->to.mode & 07777 : MODE_UNTOLD;
    as->uid = root && change->uid ? change->to.uid : who->uid;
    as->gid = root && change->gid ? change->to.gid : who->gid;
}

/* What create's attributes still ask for once it has its owner and mode. */
static struct verdict_change rest_of(const struct verdict_change *change)
{
    struct verdict_change rest = *change;

    rest.mode = rest.uid = rest.gid = rest.mtime_now = false;
    return rest;
}

static bool take_how(struct naming *naming, struct words *args)
{
    static const enum verdict_how hows[] = {
        [CREATE_UNCHECKED] = VERDICT_UNCHECKED,
        [CREATE_GUARDED] = VERDICT_GUARDED,
        [CREATE_EXCLUSIVE] = VERDICT_EXCLUSIVE,
    };
    uint32_t how;

    if (!words_take(&how, args) || how > CREATE_EXCLUSIVE)
        return false;
    naming->as.how = hows[how];
    if (how != CREATE_EXCLUSIVE)
        return nfs3_take_sattr(&naming->change, args);
    if (args->end - args->at < VERDICT_VERIFIER_SIZE)
        return false;
    memcpy(naming->as.verifier, args->at, VERDICT_VERIFIER_SIZE);
    return true;
}

/* Linux makes its verifiers of the time since it was started and the number of a process: machines that were started
 * together may send the same. With the peer's address in it, it is of one machine. */
static void make_own(uint8_t verifier[VERDICT_VERIFIER_SIZE], const struct verdict_call *call)
{
    uint8_t both[VERDICT_PEER_SIZE + VERDICT_VERIFIER_SIZE];

    memcpy(both, call->peer, VERDICT_PEER_SIZE);
    memcpy(both + VERDICT_PEER_SIZE, verifier, VERDICT_VERIFIER_SIZE);
    put_be64(verifier, siphash(&check_key, both, sizeof both));
}

/* Cutting a file that is there takes the right to write to it. */
static nfsstat3 check_create(struct rpc_call *call, const struct naming *naming)
{
    const struct place *place = &naming->place;
    struct object file;

    if (!naming->change.size ||
        object_lookup(&file, call->worker, &place->directory.object, place->name, place->size) < 0)
        return NFS3_OK;
    if (object_uid(&file) == call->credential.uid || (object_permits(&file, &call->credential) & PERMIT_WRITE))
        return NFS3_OK;
    return NFS3ERR_ACCES;
}

static void fill_create(struct verdict_job *job, const struct naming *naming, const struct rpc_credential *who)
{
    job->as = naming->as;
    set_owner(&job->as, &naming->change, who);
    if (job->as.how == VERDICT_EXCLUSIVE)
        make_own(job->as.verifier, &job->call);
    job->change = rest_of(&naming->change);
}

/* Request: a directory, a name, how one that is there is taken, and attributes (RFC 1813, 3.3.8).
 * Reply: the file's handle and attributes; EXIST; INVAL when it is no name for a verdict; DQUOT.
 * Bound: one row, in a transaction of the writer's. */
enum accept_stat nfs3_create(struct rpc_call *call, struct words *args, uint8_t **result)
{
    static const struct procedure creation = {take_how, check_create, fill_create, verdict_job_create, finish_new};

    return change_name(call, args, result, &creation);
}

static bool take_attributes(struct naming *naming, struct words *args)
{
    return nfs3_take_sattr(&naming->change, args);
}

static nfsstat3 check_mkdir(struct rpc_call *call, const struct naming *naming)
{
    (void)call;
    return naming->place.directory.object.own.row == VERDICTS_ROOT ? NFS3_OK : NFS3ERR_ACCES;
}

static void fill_mkdir(struct verdict_job *job, const struct naming *naming, const struct rpc_credential *who)
{
    set_owner(&job->as, &naming->change, who);
}

/* Request: a directory, a name, and attributes (RFC 1813, 3.3.9).
 * Reply: the new directory's handle and attributes; ACCES but in "/cache" itself.
 * Bound: one row, in a transaction of the writer's. */
enum accept_stat nfs3_mkdir(struct rpc_call *call, struct words *args, uint8_t **result)
{
    static const struct procedure making = {take_attributes, check_mkdir, fill_mkdir, verdict_job_make_scanner,
                                            finish_new};

    return change_name(call, args, result, &making);
}

/* --- REMOVE, RMDIR ------------------------------------------------------------------------------------------------ */

static enum accept_stat finish_removal(struct rpc_call *call, void *memory, uint8_t **result)
{
    const struct verdict_job *job = memory;
    uint8_t *p = put_word(*result, nfs3_job_status(call, job));

    *result = put_wcc_data(p, call, &job->result.above_before, &job->result.above);
    return SUCCESS;
}

/* Request: a directory and a name (RFC 1813, 3.3.12).
 * Reply: the directory's attributes before and after; ACCES for a claim, which nobody removes by name.
 * Bound: one row, in a transaction of the writer's. */
enum accept_stat nfs3_remove(struct rpc_call *call, struct words *args, uint8_t **result)
{
    static const struct procedure removal = {.run = verdict_job_remove, .finish = finish_removal};

    return change_name(call, args, result, &removal);
}

/* In a scanner's directory there are files only. */
static nfsstat3 check_rmdir(struct rpc_call *call, const struct naming *naming)
{
    const struct place *place = &naming->place;
    struct object file;

    if (place->directory.object.own.row == VERDICTS_ROOT)
        return NFS3_OK;
    int found = object_lookup(&file, call->worker, &place->directory.object, place->name, place->size);
    return found < 0 ? nfs3_status(call->worker, found) : NFS3ERR_NOTDIR;
}

/* Request: a directory and a name (RFC 1813, 3.3.13).
 * Reply: the directory's attributes before and after; NOTEMPTY.
 * Bound: one row, in a transaction of the writer's. */
enum accept_stat nfs3_rmdir(struct rpc_call *call, struct words *args, uint8_t **result)
{
    static const struct procedure removal = {
        .check = check_rmdir, .run = verdict_job_remove_scanner, .finish = finish_removal};

    return change_name(call, args, result, &removal);
}

/* --- RENAME ------------------------------------------------------------------------------------------------------- */

static enum accept_stat finish_rename(struct rpc_call *call, void *memory, uint8_t **result)
{
    const struct verdict_job *job = memory;
    const struct verdict_result *out = &job->result;
    uint8_t *p = put_word(*result, nfs3_job_status(call, job));

    p = put_wcc_data(p, call, &out->above_before, &out->above);
    *result = put_wcc_data(p, call, &out->to_before, &out->to_above);
    return SUCCESS;
}

/* Request: a directory and a name, and those that it is to have (RFC 1813, 3.3.14).
 * Reply: the attributes of both directories before and after. What had the new name is replaced; a verdict is
 * published. Bound: three rows, and the bytes of a draft, in a transaction of the writer's. */
enum accept_stat nfs3_rename(struct rpc_call *call, struct words *args, uint8_t **result)
{
    struct place from, to;

    if (!nfs3_take_writable(&from.directory, call, args) || !take_name(&from, args) ||
        !nfs3_take_writable(&to.directory, call, args))
        return GARBAGE_ARGS;
    nfsstat3 status = from.directory.status == NFS3_OK ? to.directory.status : from.directory.status;
    if (status == NFS3_OK && !take_name(&to, args))
        return GARBAGE_ARGS;
    if (status == NFS3_OK)
        status = check_place(&from, call);
    if (status == NFS3_OK)
        status = check_place(&to, call);
    struct verdict_job *job = status == NFS3_OK ? park_name(call, &from, finish_rename) : NULL;
    if (job) {
        set_name(&job->to, job->to_bytes, &to);
        job->run = verdict_job_rename;
        return nfs3_hand(call, job);
    }
    uint8_t *p = put_word(*result, status == NFS3_OK ? NFS3ERR_JUKEBOX : status);
    *result = put_wcc_after(put_wcc_after(p, attributes_of(&from.directory)), attributes_of(&to.directory));
    return SUCCESS;
}
