/* trees.c - files of the trees that are exported: of snapshots, layers and chains, each a file system of its own; and
 * the directories that list them. */
#include "nfsd/trees.h"

#include "base/bytes.h"
#include "db/layer.h"
#include "db/snapshot.h"
#include "nfsd/kind.h"
#include "nfsd/virtual.h"

#include <errno.h>
#include <string.h>

/* A root's fileid is this and 31 bits of its id, so that the roots below "/snap" differ even where a client takes
 * fileids for unique across file systems; all other fileids of a tree are ranks, which are smaller. */
#define ROOT_FILEID 0x80000000u

uint64_t tree_fileid(const struct object *object)
{
    uint32_t file = object->place.file;
    const uint8_t *id = object->id + (object->kind == HANDLE_DIFF_NEW ? SNAPSHOT_ID_SIZE : 0);

    return file ? file : ROOT_FILEID | (get_be32(id) & (ROOT_FILEID - 1));
}

/* --- Files -------------------------------------------------------------------------------------------------------- */

int trees_object(struct object *object, struct nfsd_worker *worker, enum handle_kind kind, const uint8_t *id,
                 uint32_t rank)
{
    struct served_tree served;
    int found = served_trees_find(&served, &worker->trees, worker->store, kind, id, &worker->err);

    if (found < 0)
        return found;
    *object = (struct object){.kind = kind, .fsid = served.fsid};
    memcpy(object->id, served.id, sizeof object->id);
    return tree_find(&object->place, worker->reader, served.tree, rank, &worker->err);
}

int trees_resolve(struct object *object, struct nfsd_worker *worker, const struct handle *handle)
{
    int found = trees_object(object, worker, handle->kind, handle->id, handle->number);

    return found == -ENOENT ? -ESTALE : found;
}

/* Above the root of a tree is that root again: each tree is a file system of its own, and all that a client
 * sees under one fsid stays inside. Clients that came through "/snap" go back up by their own mount table. */
static int tree_object_lookup(struct object *child, struct nfsd_worker *worker, const struct object *directory,
                              const char *name, size_t size)
{
    *child = *directory;
    if (name_is(name, size, ".."))
        return tree_find(&child->place, worker->reader, directory->place.tree, directory->place.parent, &worker->err);
    return tree_lookup(&child->place, worker->reader, &directory->place, name, size, &worker->err);
}

static int tree_list(struct nfsd_worker *worker, const struct object *directory, uint64_t cookie, listing_visit visit,
                     void *arg)
{
    uint64_t ordinal = cookie < TREE_COOKIE_FIRST ? 0 : cookie - TREE_COOKIE_FIRST + 1;
    struct object object = *directory;
    struct tree_listing listing;
    int result;

    if (ordinal > UINT32_MAX)
        return 0; /* behind the end of any directory */
    tree_listing_begin(&listing, worker->reader, &directory->place, (uint32_t)ordinal);
    while ((result = tree_listing_next(&object.place, &listing, &worker->err)) > 0) {
        struct listing_entry entry = {
            .name = object.place.entry->name,
            .size = object.place.entry->name_size,
            .cookie = TREE_COOKIE_FIRST + ordinal++,
            .fileid = object_fileid(&object),
            .object = &object,
        };

        result = visit(arg, &entry);
        if (result != 0)
            break;
    }
    return result;
}

int trees_open(struct content *content, struct nfsd_worker *worker, const struct object *file, uint64_t offset)
{
    int64_t id = file->place.entry->content;

    return id ? content_of_blob(content, worker, id, offset) : -EACCES;
}

const struct export_kind kind_tree = {
    .resolve = trees_resolve,
    .lookup = tree_object_lookup,
    .list = tree_list,
    .open = trees_open,
};

/* --- Roots -------------------------------------------------------------------------------------------------------- */

struct roots_listing {
    enum handle_kind kind;
    uint64_t fileid_base;
    listing_visit visit;
    void *arg;
};

static int visit_root(const struct roots_listing *listing, int64_t number, const uint8_t *id)
{
    char name[2 * HANDLE_ID_MAX + 1];
    size_t size = handle_id_size(listing->kind);

    hex_encode(name, id, size);
    const struct listing_entry entry = {
        .name = name,
        .size = 2 * size,
        .cookie = listing_cookie(number),
        .fileid = listing->fileid_base + (uint64_t)number,
    };
    return listing->visit(listing->arg, &entry);
}

static int visit_snapshot(void *listing, const struct snapshot *snapshot)
{
    return visit_root(listing, snapshot->number, snapshot->id);
}

static int visit_layer(void *listing, const struct layer *layer)
{
    return visit_root(listing, layer->number, layer->digest.bytes);
}

static int list_snapshots(struct nfsd_worker *worker, int64_t after, struct roots_listing *listing)
{
    return snapshot_visit(worker->store, after, visit_snapshot, listing, &worker->err);
}

static int list_layers(struct nfsd_worker *worker, int64_t after, struct roots_listing *listing)
{
    return layer_visit(worker->store, LAYER_ALONE, after, visit_layer, listing, &worker->err);
}

static int list_chains(struct nfsd_worker *worker, int64_t after, struct roots_listing *listing)
{
    return layer_visit(worker->store, LAYER_CHAIN, after, visit_layer, listing, &worker->err);
}

static const struct {
    uint64_t fileid_base;
    int (*list)(struct nfsd_worker *worker, int64_t after, struct roots_listing *listing);
} roots[] = {
    [HANDLE_SNAPSHOT] = {FILEID_SNAPSHOT(0), list_snapshots},
    [HANDLE_LAYER] = {FILEID_LAYER(0), list_layers},
    [HANDLE_CHAIN] = {FILEID_CHAIN(0), list_chains},
};

int trees_lookup(struct object *child, struct nfsd_worker *worker, enum handle_kind kind, const char *name, size_t size)
{
    uint8_t id[HANDLE_ID_MAX];

    return name_is_hex(id, handle_id_size(kind), name, size) ? trees_object(child, worker, kind, id, 0) : -ENOENT;
}

int trees_list(struct nfsd_worker *worker, enum handle_kind kind, int64_t after, listing_visit visit, void *arg)
{
    struct roots_listing listing = {kind, roots[kind].fileid_base, visit, arg};

    return roots[kind].list(worker, after, &listing);
}
