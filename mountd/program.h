/* program.h - MOUNT 1 to 3 (RFC 1813, appendix I; RFC 1094, appendix A) and portmap 2 to 4 (RFC 1833), as tables for
 * the transport. Their calls find their way by struct nfsd_worker, as those of nfsd/ do. */
#ifndef MOUNTD_PROGRAM_H
#define MOUNTD_PROGRAM_H

#include "rpc/server.h"

extern const struct rpc_program mount_program;   /* 100005; by TCP and UDP */
extern const struct rpc_program portmap_program; /* 100000; by TCP and UDP */

#endif
