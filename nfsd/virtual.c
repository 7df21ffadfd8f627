/* virtual.c - the table of virtual directories. */
#include "nfsd/virtual.h"

#include "nfsd/at.h"
#include "nfsd/blobs.h"
#include "nfsd/diffs.h"
#include "nfsd/kind.h"
#include "nfsd/meta.h"
#include "nfsd/trees.h"
#include "nfsd/verdicts.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Cookies are 2 + the number of a virtual directory, or VIRTUAL_FIXED_MAX + the number of a row: both rise in the order
 * of the listing, and stay what they are while rows come and go. */
enum { FIXED_COOKIE = 2 };

struct virtual_directory {
    uint32_t number, parent;
    const char *name;
    const char *touched; /* the path whose time the store keeps for it */
    uint32_t mode, nlink;
    unsigned needs; /* options of the peer's rule; without them it does not exist */
    /* What it holds beside other virtual directories: trees of a kind, or what the functions tell. 0, NULL: nothing. */
    enum handle_kind trees;
    int (*lookup)(struct object *child, struct nfsd_worker *worker, const char *name, size_t size);
    int (*list)(struct nfsd_worker *worker, int64_t after, listing_visit visit, void *arg);
    /* It is the root of another kind of objects, and here by name only. */
    int (*root)(struct object *object, struct nfsd_worker *worker);
};

/* By number - 1. Those with very many subdirectories do not count them: 1 is how directories say so (btrfs does too); 2
 * would tell find(1) that there are none. "/blob", "/meta" and "/diff" move when "/snap" does: blobs.c,
 * meta.c, diffs.c. */
static const struct virtual_directory directories[VIRTUAL_COUNT] = {
    {VIRTUAL_ROOT, VIRTUAL_ROOT, "", "/", 0555, .nlink = 2},
    {VIRTUAL_SNAP, VIRTUAL_ROOT, "snap", "/snap", 0555, 1, .trees = HANDLE_SNAPSHOT},
    {VIRTUAL_BLOB, VIRTUAL_ROOT, "blob", "/snap", 0500, 1, EXPORT_BLOB, .lookup = blobs_lookup, .list = blobs_list},
    {VIRTUAL_META, VIRTUAL_ROOT, "meta", "/snap", 0500, 1, EXPORT_META, .lookup = meta_lookup_snapshot,
     .list = meta_list_snapshots},
    {VIRTUAL_LAYER, VIRTUAL_ROOT, "layer", "/layer", 0555, 1, .trees = HANDLE_LAYER},
    {VIRTUAL_CHAIN, VIRTUAL_ROOT, "chain", "/chain", 0555, 1, .trees = HANDLE_CHAIN},
    {VIRTUAL_DIFF, VIRTUAL_ROOT, "diff", "/snap", 0555, 1, .lookup = diffs_lookup},
    {VIRTUAL_AT, VIRTUAL_ROOT, "at", "/at", 0555, 1, .lookup = at_lookup_top, .list = at_list_top},
    {VIRTUAL_CACHE, VIRTUAL_ROOT, "cache", "/", 0555, 1, .root = verdicts_root},
};

static bool is_shown(const struct virtual_directory *directory, const struct nfsd_worker *worker)
{
    return !(directory->needs & ~worker->options);
}

/* Is it listed in the other one? */
static bool stands_in(const struct virtual_directory *directory, const struct virtual_directory *above,
                      const struct nfsd_worker *worker)
{
    return directory != above && directory->parent == above->number && is_shown(directory, worker);
}

static uint32_t count_shown(const struct virtual_directory *above, const struct nfsd_worker *worker)
{
    uint32_t count = 0;

    for (size_t i = 0; i < VIRTUAL_COUNT; i++)
        count += stands_in(&directories[i], above, worker);
    return count;
}

static void fill(struct object *object, struct nfsd_worker *worker, const struct virtual_directory *directory)
{
    *object = (struct object){
        .kind = HANDLE_VIRTUAL,
        .fsid = worker->virtual_fsid,
        .own = {.number = directory->number,
                .mode = S_IFDIR | directory->mode,
                .nlink = directory->nlink + count_shown(directory, worker),
                .size = ENTRY_DIRECTORY_SIZE,
                .mtime = virtual_mtime(worker, directory->number),
                .fileid = directory->number},
    };
}

int virtual_object(struct object *object, struct nfsd_worker *worker, uint32_t number)
{
    if (number - 1 >= VIRTUAL_COUNT)
        return -EBADF;
    const struct virtual_directory *directory = &directories[number - 1];
    if (!is_shown(directory, worker))
        return -EACCES;
    if (directory->root)
        return directory->root(object, worker);
    fill(object, worker, directory);
    return 0;
}

static int virtual_resolve(struct object *object, struct nfsd_worker *worker, const struct handle *handle)
{
    if (handle->number - 1 < VIRTUAL_COUNT && directories[handle->number - 1].root)
        return -EBADF;
    return virtual_object(object, worker, handle->number);
}

static int virtual_lookup(struct object *child, struct nfsd_worker *worker, const struct object *above,
                          const char *name, size_t size)
{
    const struct virtual_directory *directory = &directories[above->own.number - 1];

    if (name_is(name, size, ".."))
        return virtual_object(child, worker, directory->parent);
    for (size_t i = 0; i < VIRTUAL_COUNT; i++)
        if (stands_in(&directories[i], directory, worker) && name_is(name, size, directories[i].name))
            return virtual_object(child, worker, directories[i].number);
    if (directory->trees)
        return trees_lookup(child, worker, directory->trees, name, size);
    return directory->lookup ? directory->lookup(child, worker, name, size) : -ENOENT;
}

static int virtual_list(struct nfsd_worker *worker, const struct object *above, uint64_t cookie, listing_visit visit,
                        void *arg)
{
    const struct virtual_directory *directory = &directories[above->own.number - 1];
    struct object object;

    for (uint32_t i = 0; i < VIRTUAL_COUNT; i++) {
        const struct virtual_directory *below = &directories[i];

        if (!stands_in(below, directory, worker) || FIXED_COOKIE + below->number <= cookie)
            continue;
        fill(&object, worker, below);
        const struct listing_entry entry = {below->name, strlen(below->name), FIXED_COOKIE + below->number,
                                            below->number, below->root ? NULL : &object};
        int result = visit(arg, &entry);
        if (result != 0)
            return result;
    }
    if (directory->trees)
        return trees_list(worker, directory->trees, listing_row(cookie), visit, arg);
    return directory->list ? directory->list(worker, listing_row(cookie), visit, arg) : 0;
}

const struct export_kind kind_virtual = {
    .resolve = virtual_resolve,
    .lookup = virtual_lookup,
    .list = virtual_list,
};

uint64_t virtual_mtime(struct nfsd_worker *worker, uint32_t number)
{
    uint64_t *mtime = &worker->virtual_mtime[number - 1];

    if (*mtime == UINT64_MAX &&
        store_directory_mtime(mtime, worker->store, directories[number - 1].touched, &worker->err) < 0) {
        nfsd_worker_report(worker);
        *mtime = UINT64_MAX;
        return 0;
    }
    return *mtime;
}
