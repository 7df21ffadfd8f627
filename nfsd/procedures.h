/* procedures.h - the handlers of NFS 3, NFSACL 3 and NLM 4, for the tables in program.c, and what several of them open with. */
#ifndef NFSD_PROCEDURES_H
#define NFSD_PROCEDURES_H

#include "nfsd/export.h"
#include "nfsd/nfs3.h"
#include "nfsd/nfsacl.h"
#include "nfsd/nlm4.h"
#include "rpc/server.h"

/* Sizes that FSINFO tells and that READ and READDIR keep to; bytes. */
#define READ_SIZE_MAX 1048576u  /* Linux asks for no more in one READ */
#define READDIR_SIZE_MAX 65536u /* some 400 entries with attributes: a neighbour waits about 0.1 ms for it */
#define FILE_SIZE_MAX INT64_MAX /* off_t of every client */

/* errno to nfsstat3. What is not an answer but a failure is logged. */
nfsstat3 nfs3_status(struct nfsd_worker *worker, int error);

/* All attributes (RFC 1813, 2.6). */
void fattr3_fill(fattr3 *attributes, const struct object *object);
post_op_attr fattr3_after(const struct object *object);

/* The object of a handle and its attributes, which every reply carries, failed or not. */
nfsstat3 nfs3_object(struct object *object, post_op_attr *attributes, struct rpc_call *call, const nfs_fh3 *handle);

/* A handler as struct rpc_procedure has it. */
#define NFSD_HANDLER(name) enum accept_stat name(struct rpc_call *call, const void *args, void *result)

/* attributes.c */
NFSD_HANDLER(nfs3_null);
NFSD_HANDLER(nfs3_getattr);
NFSD_HANDLER(nfs3_access);
NFSD_HANDLER(nfs3_fsstat);
NFSD_HANDLER(nfs3_fsinfo);
NFSD_HANDLER(nfs3_pathconf);
/* acl.c */
NFSD_HANDLER(nfsacl_getacl);
NFSD_HANDLER(nfsacl_setacl);
/* lookup.c */
NFSD_HANDLER(nfs3_lookup);
/* read.c */
NFSD_HANDLER(nfs3_readlink);
NFSD_HANDLER(nfs3_read);
/* readdir.c */
NFSD_HANDLER(nfs3_readdir);
NFSD_HANDLER(nfs3_readdirplus);
/* readonly.c */
NFSD_HANDLER(nfs3_refuse_change);
NFSD_HANDLER(nfs3_refuse_rename);
NFSD_HANDLER(nfs3_refuse_link);
/* nlm.c */
NFSD_HANDLER(nlm_null);
NFSD_HANDLER(nlm_test);
NFSD_HANDLER(nlm_lock);
NFSD_HANDLER(nlm_cancel);
NFSD_HANDLER(nlm_unlock);
NFSD_HANDLER(nlm_granted);
NFSD_HANDLER(nlm_share_file);
NFSD_HANDLER(nlm_unshare);
NFSD_HANDLER(nlm_free_all);

/* A READ's result: the data follow from memory or, when `data` is NULL, from the file given to rpc_call_send_file(). */
struct read_result {
    nfsstat3 status;
    post_op_attr attributes;
    uint32_t count;
    bool eof;
    char *data;
};

bool_t read_result_encode(XDR *xdrs, struct read_result *result);

/* A READDIR's or READDIRPLUS's result: what to list. Encoding it walks the directory. */
struct readdir_result {
    nfsstat3 status;
    post_op_attr attributes;
    struct nfsd_worker *worker;
    struct object directory;
    uint64_t cookie;
    uint32_t size_max;  /* bytes of READDIR3resok or READDIRPLUS3resok */
    uint32_t names_max; /* bytes of fileids, names and cookies: READDIRPLUS's dircount */
    bool plus;          /* the form of READDIRPLUS */
    bool attached;      /* with attributes and handles */
};

bool_t readdir_result_encode(XDR *xdrs, struct readdir_result *result);

#endif
