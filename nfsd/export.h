/* export.h - what is exported: objects, found by handle, by name or by path, and the listings of directories.
 *
 * An object is a file of a tree (of a snapshot, a layer or a chain), or one of the store's own file system: virtual
 * directories, "/blob",
 * "/meta", "/cache". Each kind of handle is a row of functions (kind.h), and only export.c looks at which one it is;
 * the procedures above see objects.
 *
 * Errors are negative errno: -EBADF not a handle of ours; -ESTALE its file system was removed; -ENOENT; -ENOTDIR;
 * -ENAMETOOLONG; -EACCES; -EBUSY it is being made, ask again; anything else is the store's failure and is described in
 * worker->err.
 */
#ifndef NFSD_EXPORT_H
#define NFSD_EXPORT_H

#include "base/timestamp.h"
#include "nfsd/handle.h"
#include "nfsd/worker.h"
#include "tree/reader.h"

/* Options of an access rule that let its peers see more: without them the names do not exist. */
#define EXPORT_BLOB ACCESS_OWN
#define EXPORT_META (ACCESS_OWN << 1)

/* Its peers may write to "/cache", which everybody may read. */
#define EXPORT_CACHE (ACCESS_OWN << 2)

/* Their names in rules, for access_list_take_options(). */
extern const struct access_option export_options[];

/* What is known of an object that no tree holds. All but those of "/cache" are root's, and change only as a whole. */
struct own_file {
    uint32_t number; /* in its handle */
    uint32_t mode;   /* whole st_mode */
    uint32_t nlink;
    uint64_t size;  /* bytes */
    uint64_t mtime; /* ns */
    uint64_t fileid;
    int64_t
        row; /* in the store, of a blob, a frame or a namespace; of a link the time that it leads to, ns; of a file of
              * "/cache" in that */
    int64_t directory; /* of "/cache": the row that it stands in */
    uint32_t uid, gid;
    uint64_t ctime; /* ns; 0: as mtime */
};

struct object {
    enum handle_kind kind;
    uint8_t id[HANDLE_ID_MAX]; /* of its file system, or of itself: as in its handle */
    uint64_t fsid;
    struct tree_place place; /* of a tree: valid until the worker rests; else its entry is NULL */
    struct own_file own;     /* else */
};

/* The object that a handle names, for the peer of a call. -EACCES: it is one of those that its rule does not show. */
int object_resolve(struct object *object, const struct rpc_call *call, const void *handle, size_t size);

/* An object's handle; returns its size. */
size_t object_handle(uint8_t out[HANDLE_SIZE_MAX], const struct nfsd_worker *worker, const struct object *object);

/* Whole st_mode, the owner and the group. */
uint32_t object_mode(const struct object *object);
uint32_t object_uid(const struct object *object);
uint32_t object_gid(const struct object *object);

/* Unique in its file system and never 0. */
uint64_t object_fileid(const struct object *object);

/* The entry `name` of a directory, "." and ".." included. Does not look at permissions. */
int object_lookup(struct object *child, struct nfsd_worker *worker, const struct object *directory, const char *name,
                  size_t size);

/* Where a symbolic link leads whose target was captured: borrowed from it, or written into `room`. Returns the size. */
size_t object_target(const char **target, char room[TIMESTAMP_TEXT_SIZE], const struct object *link);

/* The object at a path from "/"; empty components are skipped, links are followed in virtual directories only. The
 * caller needs the permission to search each directory on the way, as for a row of LOOKUPs: else a MNT would be a way
 * around them. */
int object_walk(struct object *object, const struct rpc_call *call, const char *path, size_t size);

/* One entry of a listing. Cookies: "." is 1, ".." is 2, the rest rise from 3. */
struct listing_entry {
    const char *name;
    size_t size;
    uint64_t cookie, fileid;
    const struct object *object; /* NULL: it is the root of another file system, or still being made */
};

typedef int (*listing_visit)(void *arg, const struct listing_entry *entry);

/* Visit the entries behind a cookie (0: all). Ends with the visitor's first non-zero value, or 0 behind the last entry.
 * Each entry costs what it holds; starting anywhere costs one descent or one query. */
int object_list(struct nfsd_worker *worker, const struct object *directory, uint64_t cookie, listing_visit visit,
                void *arg);

/* Where the bytes of a file from an offset on are: in memory, or to be had from somewhere. */
struct content {
    uint64_t size;        /* of all, bytes */
    const uint8_t *bytes; /* at the offset, READ_SIZE_MAX of them or all that are left; valid until the worker rests, */
    struct rpc_hold *hold; /* or as long as this is used */
    /* Without memory: up to `size` bytes at `offset` into `out`; how many, or a negative errno. */
    ssize_t (*read)(void *out, struct nfsd_worker *worker, const struct content *content, uint64_t offset, size_t size);
    int64_t row; /* for read() */
    int fd;      /* of a rendering, or -1; whoever opened the content closes it */
};

/* The content of a regular file that is not absent. */
int object_open(struct content *content, struct nfsd_worker *worker, const struct object *file, uint64_t offset);

/* What its file system holds and may hold. */
struct space {
    uint64_t bytes, bytes_free, files, files_free;
};

/* Of trees and the store's own only `files`: nodes, or the virtual directories that the caller sees. */
int object_space(struct space *space, struct nfsd_worker *worker, const struct object *object);

/* May the peer of this call change it, if modes allow that? */
bool object_is_writable(const struct object *object, const struct rpc_call *call);

/* Is its file system still there? Asks the store, not the worker's memory. */
bool object_still_exported(struct nfsd_worker *worker, const struct object *object);

#endif
