/* nfs_calls.h - NFS 3 and MOUNT 3 as a test speaks them: requests by hand, replies taken apart and checked for form. */
#ifndef TESTS_E2E_NFS_CALLS_H
#define TESTS_E2E_NFS_CALLS_H

#include "tests/e2e/client.h"

enum {
    MOUNT_PROGRAM = 100005,
    NFS_PROGRAM = 100003,
    NFSACL_PROGRAM = 100227,
    NLM_PROGRAM = 100021,
    PORTMAP_PROGRAM = 100000
};

/* Procedures (RFC 1813, 3.3). */
enum {
    GETATTR = 1,
    SETATTR,
    LOOKUP,
    ACCESS,
    READLINK,
    READ,
    WRITE,
    CREATE,
    MKDIR,
    SYMLINK,
    MKNOD,
    REMOVE,
    RMDIR,
    RENAME,
    LINK,
    READDIR,
    READDIRPLUS,
    FSSTAT,
    FSINFO,
    PATHCONF,
    COMMIT
};

/* Status (RFC 1813, 2.6). */
enum {
    OK = 0,
    PERM = 1,
    NOENT = 2,
    IO = 5,
    ACCES = 13,
    EXIST = 17,
    NOTDIR = 20,
    ISDIR = 21,
    INVAL = 22,
    FBIG = 27,
    NOSPC = 28,
    ROFS = 30,
    NAMETOOLONG = 63,
    NOTEMPTY = 66,
    DQUOT = 69,
    STALE = 70,
    BADHANDLE = 10001,
    NOT_SYNC = 10002,
    BAD_COOKIE = 10003,
    TOOSMALL = 10005,
    JUKEBOX = 10008
};

struct fh {
    uint32_t size;
    uint8_t bytes[64];
};

struct attr {
    bool there;
    uint32_t type, mode, nlink, uid, gid;
    uint64_t size, used;
    uint32_t major, minor;
    uint64_t fsid, fileid;
    uint64_t atime, mtime, ctime; /* ns */
};

/* MNT 3 of a path; the status, and the handle when it is 0. */
uint32_t call_mount(struct fh *fh, struct client *client, const char *path);

/* A procedure with a handle and what else `args` holds (may be NULL): the status; the rest of the reply is unread. */
uint32_t call_nfs(struct client *client, uint32_t procedure, const struct fh *fh, const struct buffer *args);

/* Pieces of replies. */
void read_attr(struct attr *attr, struct client *client);
void read_post_op(struct attr *attr, struct client *client);
void read_wcc(struct attr *after, struct client *client); /* fails if attributes from before are given */
void read_handle(struct fh *fh, struct client *client);

/* Whole procedures: status, and what they ask for. Outputs may be NULL. */
uint32_t call_getattr(struct attr *attr, struct client *client, const struct fh *fh);
uint32_t call_lookup(struct fh *child, struct attr *attr, struct client *client, const struct fh *directory,
                     const char *name, size_t size);
uint32_t call_access(uint32_t *granted, struct client *client, const struct fh *fh, uint32_t asked);
/* *data is borrowed from the client until its next call. */
uint32_t call_read(const uint8_t **data, uint32_t *count, bool *eof, struct client *client, const struct fh *fh,
                   uint64_t offset, uint32_t asked);

/* The handle at a path of plain names below a directory; fails the test if there is none. */
struct fh call_walk(struct client *client, const struct fh *from, const char *path);

#endif
