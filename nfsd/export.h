/* export.h - what is exported: objects, found by handle, by name or by path, and the listings of directories.
 *
 * An object is a file or directory of a tree (HANDLE_SNAPSHOT), or a virtual directory. Here the kinds of handles are
 * told apart; the procedures above see objects only.
 *
 * Errors are negative errno: -EBADF not a handle of ours; -ESTALE its file system was removed; -ENOENT; -ENOTDIR;
 * -ENAMETOOLONG; -EACCES; anything else is the store's failure and is described in worker->err.
 */
#ifndef NFSD_EXPORT_H
#define NFSD_EXPORT_H

#include "nfsd/handle.h"
#include "nfsd/worker.h"
#include "tree/reader.h"

struct virtual_directory;

struct object {
    enum handle_kind kind;
    uint8_t id[HANDLE_ID_MAX]; /* of its file system */
    uint64_t fsid;
    const struct virtual_directory *directory; /* HANDLE_VIRTUAL */
    struct tree_place place;                   /* else; valid until the worker rests */
};

/* The object that a handle names. */
int object_resolve(struct object *object, struct nfsd_worker *worker, const void *handle, size_t size);

/* The name with this rank in the tree of a snapshot; -ENOENT if there is no such snapshot or rank. */
int snapshot_object(struct object *object, struct nfsd_worker *worker, const uint8_t *id, uint32_t rank);

/* An object's handle; returns its size. */
size_t object_handle(uint8_t out[HANDLE_SIZE_MAX], const struct nfsd_worker *worker, const struct object *object);

/* Whole st_mode, the owner and the group. Virtual directories are root's, 0555. */
uint32_t object_mode(const struct object *object);
uint32_t object_uid(const struct object *object);
uint32_t object_gid(const struct object *object);

/* Unique in its file system and never 0. */
uint64_t object_fileid(const struct object *object);

/* The entry `name` of a directory, "." and ".." included. Does not look at permissions. */
int object_lookup(struct object *child, struct nfsd_worker *worker, const struct object *directory, const char *name,
                  size_t size);

/* The object at a path from "/"; empty components are skipped, links are not followed. `who` needs the permission to
 * search each directory on the way, as for a row of LOOKUPs: else a MNT would be a way around them. */
int object_walk(struct object *object, struct nfsd_worker *worker, const char *path, size_t size,
                const struct rpc_credential *who);

/* One entry of a listing. Cookies: "." is 1, ".." is 2, the rest rise from 3. */
struct listing_entry {
    const char *name;
    size_t size;
    uint64_t cookie, fileid;
    const struct object *object; /* NULL: it is the root of another file system */
};

typedef int (*listing_visit)(void *arg, const struct listing_entry *entry);

/* Visit the entries behind a cookie (0: all). Ends with the visitor's first non-zero value, or 0 behind the last entry.
 * Each entry costs what it holds; starting anywhere costs one descent or one query. */
int object_list(struct nfsd_worker *worker, const struct object *directory, uint64_t cookie, listing_visit visit,
                void *arg);

/* File-system nodes of the file system that it is in; of the virtual directories' own, how many directories. */
int object_count_nodes(uint64_t *nodes, struct nfsd_worker *worker, const struct object *object);

/* Is its file system still there? Asks the store, not the worker's memory. */
bool object_still_exported(struct nfsd_worker *worker, const struct object *object);

#endif
