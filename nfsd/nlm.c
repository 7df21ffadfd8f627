/* nlm.c - NLM 4: byte-range locks on files that nobody can write.
 *
 * Nothing ever conflicts with a shared lock here, so shared ones are granted and forgotten: no state, nothing to
 * recover after a restart. Exclusive ones are refused with ROFS, which Linux's lockd hands to the program as EROFS at
 * once (DENIED would be EAGAIN, which is tried again, and DENIED_NOLOCKS and FAILED are ENOLCK).
 *
 * The _MSG procedures are not served (PROC_UNAVAIL): their answers are calls to the lock manager of the client, at an
 * address that its portmap would have to tell, so that a datagram could make us call anybody. Linux, Solaris and
 * FreeBSD use the plain ones; clients that know only _MSG (macOS) mount with nolocks.
 */
#include "nfsd/procedures.h"

#include <errno.h>

static nlm4_stats check_handle(struct rpc_call *call, const nlm4_netobj *handle)
{
    struct object object;
    int found = object_resolve(&object, call, handle->nlm4_netobj_val, handle->nlm4_netobj_len);

    if (found == 0)
        return NLM4_GRANTED;
    return found == -EBADF || found == -ESTALE ? NLM4_STALE_FH : NLM4_FAILED;
}

/* Cookies are the caller's, to find its call again; they are handed back and stay valid until the reply is encoded. */
static enum accept_stat answer(nlm4_res *out, nlm4_netobj cookie, nlm4_stats stat)
{
    *out = (nlm4_res){.cookie = cookie, .stat = stat};
    return SUCCESS;
}

/* Request: none. Reply: none.
 * Serves clients' pings.
 * Bound: no work. */
enum accept_stat nlm_null(struct rpc_call *call, const void *args, void *result)
{
    (void)call;
    (void)args;
    (void)result;
    return SUCCESS;
}

/* Request: a lock that somebody might hold (XNFS 10.3, NLM_TEST).
 * Reply: that nobody holds it, for exclusive ones too: fcntl(F_GETLK) asks about others, not about what it could get
 *   itself, and SQLite gives up a database when the question fails.
 * Bound: one descent in a tree. */
enum accept_stat nlm_test(struct rpc_call *call, const void *args, void *result)
{
    const nlm4_testargs *in = args;

    return answer(result, in->cookie, check_handle(call, &in->alock.fh));
}

/* Request: a lock to take, by LOCK or NM_LOCK (XNFS 10.3).
 * Reply: granted if it is shared, else ROFS.
 * Bound: one descent in a tree. */
enum accept_stat nlm_lock(struct rpc_call *call, const void *args, void *result)
{
    const nlm4_lockargs *in = args;
    nlm4_stats stat = check_handle(call, &in->alock.fh);

    return answer(result, in->cookie, stat == NLM4_GRANTED && in->exclusive ? NLM4_ROFS : stat);
}

/* Request: a lock that is no longer waited for (XNFS 10.3, NLM_CANCEL).
 * Reply: denied, which says that none was waited for.
 * Bound: one descent in a tree. */
enum accept_stat nlm_cancel(struct rpc_call *call, const void *args, void *result)
{
    const nlm4_cancargs *in = args;
    nlm4_stats stat = check_handle(call, &in->alock.fh);

    return answer(result, in->cookie, stat == NLM4_GRANTED ? NLM4_DENIED : stat);
}

/* Request: a range to unlock (XNFS 10.3, NLM_UNLOCK).
 * Reply: granted; a client that forgets must be able to, so even when the file is gone.
 * Bound: no work. */
enum accept_stat nlm_unlock(struct rpc_call *call, const void *args, void *result)
{
    const nlm4_unlockargs *in = args;

    (void)call;
    return answer(result, in->cookie, NLM4_GRANTED);
}

/* Request: a server's word that a lock was granted (XNFS 10.3, NLM_GRANTED).
 * Reply: denied: we wait for no lock.
 * Bound: no work. */
enum accept_stat nlm_granted(struct rpc_call *call, const void *args, void *result)
{
    const nlm4_testargs *in = args;

    (void)call;
    return answer(result, in->cookie, NLM4_DENIED);
}

/* What a DOS client may have: reading, and that nobody writes. That nobody else reads is not promised to anybody. */
static nlm4_stats share_stat(const nlm4_share *share)
{
    if (share->access & FSA_W)
        return NLM4_ROFS;
    return share->mode & FSM_DR ? NLM4_DENIED : NLM4_GRANTED;
}

/* Request: how a DOS client wants to have a file open (XNFS 10.3, NLM_SHARE).
 * Reply: granted for reading, without state.
 * Bound: one descent in a tree. */
enum accept_stat nlm_share_file(struct rpc_call *call, const void *args, void *result)
{
    const nlm4_shareargs *in = args;
    nlm4_shareres *out = result;

    out->cookie = in->cookie;
    out->stat = check_handle(call, &in->share.fh);
    if (out->stat == NLM4_GRANTED)
        out->stat = share_stat(&in->share);
    return SUCCESS;
}

/* Request: the end of such a share (XNFS 10.3, NLM_UNSHARE).
 * Reply: granted.
 * Bound: no work. */
enum accept_stat nlm_unshare(struct rpc_call *call, const void *args, void *result)
{
    const nlm4_shareargs *in = args;
    nlm4_shareres *out = result;

    (void)call;
    out->cookie = in->cookie;
    out->stat = NLM4_GRANTED;
    return SUCCESS;
}

/* Request: a client has restarted: forget its locks (XNFS 10.3, NLM_FREE_ALL). The arguments are not looked at.
 * Reply: none. There is nothing to forget.
 * Bound: no work. */
enum accept_stat nlm_free_all(struct rpc_call *call, const void *args, void *result)
{
    (void)call;
    (void)args;
    (void)result;
    return SUCCESS;
}
