/* permission.h - who may do what with a file, by its mode bits (POSIX.1-2017, XBD 4.5). */
#ifndef NFSD_PERMISSION_H
#define NFSD_PERMISSION_H

#include "nfsd/export.h"
#include "rpc/server.h"

/* The same bits as in a mode's three groups. */
#define PERMIT_EXECUTE 1u
#define PERMIT_WRITE 2u
#define PERMIT_READ 4u

/* What the mode alone lets a caller do. uid 0 may do all, but execute a file only if anybody may. */
unsigned mode_permits(uint32_t mode, uint32_t uid, uint32_t gid, const struct rpc_credential *who);

/* What a caller may do with an object: its mode, but neither read nor execute what was never captured. */
unsigned object_permits(const struct object *object, const struct rpc_credential *who);

/* May READ serve its content? Also to the owner, and to those who may execute it (why: permission.c). */
bool object_readable(const struct object *object, const struct rpc_credential *who);

/* Is it known to exist, without its content or link target? */
bool object_is_absent(const struct object *object);

#endif
