/* program.h - NFS version 3 (RFC 1813) and beside it access control lists and the lock manager, as tables for the
 * transport. */
#ifndef NFSD_PROGRAM_H
#define NFSD_PROGRAM_H

#include "rpc/server.h"

extern const struct rpc_program nfs_program;    /* 100003 version 3; by TCP only */
extern const struct rpc_program nfsacl_program; /* 100227 version 3; by TCP only */
extern const struct rpc_program nlm_program;    /* 100021 version 4; by TCP and UDP */

#endif
