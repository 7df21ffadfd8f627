/* change.h - inside nfsd: what the procedures that change something have in common (change.c, write.c, readonly.c).
 *
 * Each takes its arguments, answers at once what it can (ROFS outside of "/cache", permissions), and else parks the
 * call with a job for the writer of verdicts (verdict_writer.h), and puts its result when that is durable.
 */
#ifndef NFSD_CHANGE_H
#define NFSD_CHANGE_H

#include "nfsd/procedures.h"
#include "nfsd/verdict_writer.h"

/* wcc_data without attributes before the operation, as the RFC allows. */
uint8_t *put_wcc_after(uint8_t *p, const struct object *after);

/* wcc_data of a file of "/cache"; row 0: not known. One that was not changed is after what it was before. */
uint8_t *put_wcc_data(uint8_t *p, struct rpc_call *call, const struct verdict_file *before,
                      const struct verdict_file *after);

/* The next argument, a handle of something that is to be changed; its status is ROFS where nothing may be. False: that
 * is no nfs_fh3. */
bool nfs3_take_writable(struct named *named, struct rpc_call *call, struct words *args);

/* What the object is, with the status of a call that changes it. */
static inline const struct object *attributes_of(const struct named *named)
{
    return named->status == NFS3_OK || named->status == NFS3ERR_ROFS ? &named->object : NULL;
}

/* The answer to a call that is not parked: OK is JUKEBOX, it could not be. */
enum accept_stat nfs3_refuse(uint8_t **result, nfsstat3 status, const struct named *named);

/* sattr3 (RFC 1813, 2.5.3). */
bool nfs3_take_sattr(struct verdict_change *change, struct words *args);

/* Park the call with a job for an object's row and `extra` bytes behind it; NULL: it cannot wait, JUKEBOX. Hand it over
 * by nfs3_hand(). */
struct verdict_job *nfs3_park(struct rpc_call *call, const struct object *object, size_t extra, rpc_finish finish);
enum accept_stat nfs3_hand(struct rpc_call *call, struct verdict_job *job);

/* The status of a job that was done. */
nfsstat3 nfs3_job_status(struct rpc_call *call, const struct verdict_job *job);

#endif
