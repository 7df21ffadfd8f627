/* virtual.c - the table of virtual directories, and "/snap", which lists the store's snapshots. */
#include "nfsd/virtual.h"

#include "db/snapshot.h"

#include <errno.h>
#include <string.h>

/* Cookies are 2 + the number of a virtual directory, or VIRTUAL_FIXED_MAX + the number of a row: both rise in the order
 * of the listing, and stay what they are while rows come and go. */
enum { FIXED_COOKIE = 2 };

static bool lower_hex(const char *text, size_t size)
{
    return strspn(text, "0123456789abcdef") >= size;
}

/* Full ids in lower case only, as they are listed: a name has one spelling. */
static int snap_lookup(struct object *child, struct nfsd_worker *worker, const char *name, size_t size)
{
    char text[SNAPSHOT_ID_HEX_SIZE] = "";
    uint8_t id[SNAPSHOT_ID_SIZE];

    if (size != 2 * SNAPSHOT_ID_SIZE)
        return -ENOENT;
    memcpy(text, name, size);
    if (!lower_hex(text, size) || !hex_decode(id, sizeof id, text, size))
        return -ENOENT;
    return snapshot_object(child, worker, id, 0);
}

struct snap_listing {
    listing_visit visit;
    void *arg;
};

static int snap_visit(void *arg, const struct snapshot *snapshot)
{
    struct snap_listing *listing = arg;
    char name[SNAPSHOT_ID_HEX_SIZE];

    hex_encode(name, snapshot->id, SNAPSHOT_ID_SIZE);
    struct listing_entry entry = {
        .name = name,
        .size = 2 * SNAPSHOT_ID_SIZE,
        .cookie = VIRTUAL_FIXED_MAX + (uint64_t)snapshot->number,
        .fileid = VIRTUAL_FIXED_MAX + (uint64_t)snapshot->number,
    };
    return listing->visit(listing->arg, &entry);
}

static int snap_list(struct nfsd_worker *worker, uint64_t after, listing_visit visit, void *arg)
{
    struct snap_listing listing = {visit, arg};

    return snapshot_visit(worker->store, (int64_t)after, snap_visit, &listing, &worker->err);
}

/* By number - 1. "/snap" does not count its subdirectories: they may be 100,000. 1 is how directories say so (btrfs
 * does too); 2 would tell find(1) that there are none. */
static const struct virtual_directory directories[VIRTUAL_COUNT] = {
    {VIRTUAL_ROOT, VIRTUAL_ROOT, "", "/", .nlink = 2 + 1},
    {VIRTUAL_SNAP, VIRTUAL_ROOT, "snap", "/snap", .nlink = 1, .lookup = snap_lookup, .list = snap_list},
};

bool virtual_object(struct object *object, struct nfsd_worker *worker, uint32_t number)
{
    if (number - 1 >= VIRTUAL_COUNT)
        return false;
    *object = (struct object){
        .kind = HANDLE_VIRTUAL,
        .fsid = worker->virtual_fsid,
        .directory = &directories[number - 1],
    };
    return true;
}

/* Is it listed in the other one? */
static bool stands_in(const struct virtual_directory *directory, const struct virtual_directory *above)
{
    return directory != above && directory->parent == above->number;
}

int virtual_lookup(struct object *child, struct nfsd_worker *worker, const struct object *above, const char *name,
                   size_t size)
{
    const struct virtual_directory *directory = above->directory;

    if (size == 2 && memcmp(name, "..", 2) == 0)
        return virtual_object(child, worker, directory->parent) ? 0 : -ENOENT;
    for (size_t i = 0; i < VIRTUAL_COUNT; i++) {
        const struct virtual_directory *below = &directories[i];

        if (stands_in(below, directory) && strlen(below->name) == size && memcmp(below->name, name, size) == 0)
            return virtual_object(child, worker, below->number) ? 0 : -ENOENT;
    }
    return directory->lookup ? directory->lookup(child, worker, name, size) : -ENOENT;
}

int virtual_list(struct nfsd_worker *worker, const struct object *above, uint64_t cookie, listing_visit visit,
                 void *arg)
{
    const struct virtual_directory *directory = above->directory;
    struct object object;

    for (uint32_t i = 0; i < VIRTUAL_COUNT; i++) {
        const struct virtual_directory *below = &directories[i];

        if (!stands_in(below, directory) || FIXED_COOKIE + below->number <= cookie)
            continue;
        virtual_object(&object, worker, below->number);
        struct listing_entry entry = {below->name, strlen(below->name), FIXED_COOKIE + below->number, below->number,
                                      &object};
        int result = visit(arg, &entry);
        if (result != 0)
            return result;
    }
    if (!directory->list || cookie > INT64_MAX)
        return 0;
    return directory->list(worker, cookie > VIRTUAL_FIXED_MAX ? cookie - VIRTUAL_FIXED_MAX : 0, visit, arg);
}

uint64_t virtual_mtime(struct nfsd_worker *worker, const struct virtual_directory *directory)
{
    uint64_t *mtime = &worker->virtual_mtime[directory->number - 1];

    if (*mtime == UINT64_MAX && store_directory_mtime(mtime, worker->store, directory->path, &worker->err) < 0) {
        nfsd_worker_report(worker);
        *mtime = UINT64_MAX;
        return 0;
    }
    return *mtime;
}
