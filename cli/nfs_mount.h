/* nfs_mount.h - mounting from a server by mount(2) itself: no mount.nfs, no rpcbind. */
#ifndef CLI_NFS_MOUNT_H
#define CLI_NFS_MOUNT_H

#include "base/error.h"
#include "cli/run_server.h"

/* Mount what the server exports as `path` at a directory. `options` are added to those that every mount has. -ENOENT:
 * the server has no such path. */
int nfs_mount(const struct run_server *server, const char *path, const char *at, unsigned long flags,
              const char *options, struct error *err);

#endif
