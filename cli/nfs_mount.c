/* nfs_mount.c - see nfs_mount.h. */
#include "cli/nfs_mount.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mount.h>

#define OPTIONS_MAX 512 /* bytes */
#define PATH_SIZE 256   /* of an export */

#define OPTIONS "vers=3,proto=%s,mountproto=%s,port=%u,mountport=%u,mountvers=3,nolock,sec=sys,addr=%s,%s"

int nfs_mount(const struct run_server *server, const char *path, const char *at, unsigned long flags,
              const char *options, struct error *err)
{
    char source[INET6_ADDRSTRLEN + PATH_SIZE], all[OPTIONS_MAX];
    bool six = server->family == AF_INET6;
    const char *protocol = six ? "tcp6" : "tcp";

    snprintf(source, sizeof source, "%s%s%s:%s", six ? "[" : "", server->address, six ? "]" : "", path);
    snprintf(all, sizeof all, OPTIONS, protocol, protocol, server->port, server->port, server->address, options);
    if (mount(source, at, "nfs", flags, all) == 0)
        return 0;
    if (errno == ENODEV || errno == EPROTONOSUPPORT)
        return error_refused(err, errno, "this kernel has no NFS client (modules nfs and nfsv3)");
    return error_system(err, errno, "cannot mount %s", source);
}
