/* procedures.h - the handlers of NFS 3, NFSACL 3 and NLM 4, for the tables in program.c, and what several of them open
 * with. */
#ifndef NFSD_PROCEDURES_H
#define NFSD_PROCEDURES_H

#include "nfsd/export.h"
#include "nfsd/nfs3.h"
#include "nfsd/nfsacl.h"
#include "nfsd/nlm4.h"
#include "rpc/server.h"
#include "rpc/words.h"

/* Sizes that FSINFO tells and that READ and READDIR keep to; bytes. */
#define READ_SIZE_MAX 1048576u  /* Linux asks for no more in one READ */
#define READDIR_SIZE_MAX 65536u /* some 400 entries with attributes: a neighbour waits about 0.1 ms for it */
#define FILE_SIZE_MAX INT64_MAX /* off_t of every client */

/* errno to nfsstat3. What is not an answer but a failure is logged. */
nfsstat3 nfs3_status(struct nfsd_worker *worker, int error);

/* Sizes on the wire, in bytes. */
enum {
    WORD_SIZE = 4,
    FATTR3_SIZE = 84,
    POST_OP_SIZE = WORD_SIZE + FATTR3_SIZE,
};

/* nfstime3: 8 bytes. */
uint8_t *put_nfstime3(uint8_t *p, uint64_t ns);

/* All attributes (RFC 1813, 2.6): FATTR3_SIZE bytes. */
uint8_t *put_fattr3(uint8_t *p, const struct object *object);

/* The same as a post_op_attr, which every reply carries, failed or not; none when there is no object (NULL). */
uint8_t *put_post_op_attr(uint8_t *p, const struct object *object);

/* An object that a call names by its handle. */
struct named {
    struct object object;
    nfsstat3 status; /* NFS3_OK: it is there */
};

/* The next argument, a handle, and the object of it. False: that is no nfs_fh3. */
bool nfs3_take_object(struct named *named, struct rpc_call *call, struct words *args);

/* The object, if there is one. */
static inline const struct object *named_object(const struct named *named)
{
    return named->status == NFS3_OK ? &named->object : NULL;
}

/* A procedure of NFS 3 as struct rpc_procedure has it: no result but a READ's and a listing's has more than some 5000
 * bytes. */
#define NFS3_ANSWER(name) enum accept_stat name(struct rpc_call *call, struct words *args, uint8_t **result)

/* attributes.c */
NFS3_ANSWER(nfs3_null);
NFS3_ANSWER(nfs3_getattr);
NFS3_ANSWER(nfs3_access);
NFS3_ANSWER(nfs3_fsstat);
NFS3_ANSWER(nfs3_fsinfo);
NFS3_ANSWER(nfs3_pathconf);
/* acl.c */
NFS3_ANSWER(nfsacl_getacl);
NFS3_ANSWER(nfsacl_setacl);
/* lookup.c */
NFS3_ANSWER(nfs3_lookup);
/* read.c */
NFS3_ANSWER(nfs3_readlink);
NFS3_ANSWER(nfs3_read);
/* readdir.c */
NFS3_ANSWER(nfs3_readdir);
NFS3_ANSWER(nfs3_readdirplus);
/* change.c */
NFS3_ANSWER(nfs3_create);
NFS3_ANSWER(nfs3_mkdir);
NFS3_ANSWER(nfs3_remove);
NFS3_ANSWER(nfs3_rmdir);
NFS3_ANSWER(nfs3_rename);
/* write.c */
NFS3_ANSWER(nfs3_setattr);
NFS3_ANSWER(nfs3_write);
NFS3_ANSWER(nfs3_commit);
/* readonly.c */
NFS3_ANSWER(nfs3_refuse_change);
NFS3_ANSWER(nfs3_refuse_rename);
NFS3_ANSWER(nfs3_refuse_link);

/* A handler of NLM 4 as struct rpc_procedure has it. */
#define NLM_HANDLER(name) enum accept_stat name(struct rpc_call *call, const void *args, void *result)

/* nlm.c */
NLM_HANDLER(nlm_null);
NLM_HANDLER(nlm_test);
NLM_HANDLER(nlm_lock);
NLM_HANDLER(nlm_cancel);
NLM_HANDLER(nlm_unlock);
NLM_HANDLER(nlm_granted);
NLM_HANDLER(nlm_share_file);
NLM_HANDLER(nlm_unshare);
NLM_HANDLER(nlm_free_all);

#endif
