/* export.c - the table of all kinds of objects, and what is the same for all of them. */
#include "nfsd/export.h"

#include "base/bytes.h"
#include "base/cleanup.h"
#include "nfsd/kind.h"
#include "nfsd/permission.h"
#include "nfsd/verdicts.h"
#include "nfsd/virtual.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Cookies of a listing's two first entries. */
enum { COOKIE_SELF = 1, COOKIE_PARENT = 2 };

const struct access_option export_options[] = {
    {"blob", EXPORT_BLOB}, {"meta", EXPORT_META}, {"cache=rw", EXPORT_CACHE}, {NULL, 0}};

static const struct export_kind *const kinds[] = {
    [HANDLE_VIRTUAL] = &kind_virtual,    [HANDLE_SNAPSHOT] = &kind_tree, [HANDLE_BLOBS] = &kind_blobs,
    [HANDLE_BLOB] = &kind_blob,          [HANDLE_META] = &kind_meta,     [HANDLE_LAYER] = &kind_tree,
    [HANDLE_CHAIN] = &kind_tree,         [HANDLE_DIFF] = &kind_diff,     [HANDLE_DIFF_OLD] = &kind_diff_side,
    [HANDLE_DIFF_NEW] = &kind_diff_side, [HANDLE_AT] = &kind_at,         [HANDLE_AT_TIME] = &kind_at_time,
    [HANDLE_VERDICT] = &kind_verdict,
};

/* --- Contents ----------------------------------------------------------------------------------------------------- */

static int map_blob(struct mapping **mapping, struct nfsd_worker *worker, const struct blob *blob, uint64_t offset)
{
    cleanup_close int fd = blob_open(worker->store, blob, &worker->err);

    return fd < 0 ? fd : mappings_add(mapping, &worker->mappings, fd, blob->id, blob->size, offset);
}

int content_of_blob(struct content *content, struct nfsd_worker *worker, int64_t id, uint64_t offset)
{
    struct mapping *mapping = mappings_find(&worker->mappings, id, offset);
    struct tree_blob blob;

    if (!mapping) {
        int result = tree_blob(&blob, worker->reader, id, &worker->err);
        if (result < 0)
            return result;
        *content = (struct content){.size = blob.size, .fd = -1};
        if (blob.bytes)
            content->bytes = blob.bytes + (offset < blob.size ? offset : blob.size);
        if (blob.bytes || offset >= blob.size)
            return 0;
        result = map_blob(&mapping, worker, blob.blob, offset);
        if (result < 0)
            return result;
    }
    *content = (struct content){
        .size = mapping->size,
        .fd = -1,
        .bytes = mapping->bytes + (offset - mapping->start),
        .hold = &mapping->hold,
    };
    return 0;
}

static ssize_t read_rendering(void *out, struct nfsd_worker *worker, const struct content *content, uint64_t offset,
                              size_t size)
{
    ssize_t n;

    (void)worker;
    do
        n = pread(content->fd, out, size, (off_t)offset);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

int content_of_rendering(struct content *content, struct nfsd_worker *worker, const struct rendered *what)
{
    *content = (struct content){.fd = -1, .read = read_rendering};
    return renderings_find(&content->size, &content->fd, worker->app->renderings, what, &worker->err);
}

/* --- Objects of any kind ------------------------------------------------------------------------------------------ */

int object_resolve(struct object *object, const struct rpc_call *call, const void *bytes, size_t size)
{
    struct nfsd_worker *worker = call->worker;
    struct handle handle;

    worker->options = call->options;
    nfsd_worker_look(worker);
    if (!handle_decode(&handle, store_key(worker->store), bytes, size))
        return -EBADF;
    if (kinds[handle.kind]->needs & ~worker->options)
        return -EACCES;
    return kinds[handle.kind]->resolve(object, worker, &handle);
}

static struct handle handle_of(const struct object *object)
{
    struct handle handle = {.kind = object->kind,
                            .number = object->place.entry ? object->place.file : object->own.number};

    memcpy(handle.id, object->id, sizeof handle.id);
    return handle;
}

size_t object_handle(uint8_t out[HANDLE_SIZE_MAX], const struct nfsd_worker *worker, const struct object *object)
{
    struct handle handle = handle_of(object);

    return handle_encode(out, store_key(worker->store), &handle);
}

uint32_t object_mode(const struct object *object)
{
    return object->place.entry ? object->place.entry->mode : object->own.mode;
}

uint32_t object_uid(const struct object *object)
{
    return object->place.entry ? object->place.entry->uid : object->own.uid;
}

uint32_t object_gid(const struct object *object)
{
    return object->place.entry ? object->place.entry->gid : object->own.gid;
}

uint64_t object_fileid(const struct object *object)
{
    return object->place.entry ? tree_fileid(object) : object->own.fileid;
}

bool name_is(const char *name, size_t size, const char *text)
{
    return size == strlen(text) && memcmp(name, text, size) == 0;
}

bool name_is_hex(void *out, size_t count, const char *name, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (name[i] >= 'A' && name[i] <= 'F')
            return false;
    return size == 2 * count && hex_decode(out, count, name, size);
}

int object_lookup(struct object *child, struct nfsd_worker *worker, const struct object *directory, const char *name,
                  size_t size)
{
    if (!S_ISDIR(object_mode(directory)))
        return -ENOTDIR;
    if (size > ENTRY_NAME_MAX)
        return -ENAMETOOLONG;
    if (size == 0 || memchr(name, '/', size) || memchr(name, '\0', size))
        return -ENOENT; /* LOOKUP has no better word for what cannot exist (RFC 1813, 3.3.3) */
    if (name_is(name, size, ".")) {
        *child = *directory;
        return 0;
    }
    return kinds[directory->kind]->lookup(child, worker, directory, name, size);
}

size_t object_target(const char **target, char room[TIMESTAMP_TEXT_SIZE], const struct object *link)
{
    if (link->place.entry) {
        *target = link->place.entry->target;
        return link->place.entry->target_size;
    }
    timestamp_format(room, (uint64_t)link->own.row);
    *target = room;
    return strlen(room);
}

/* One step of a walk. Links of virtual directories are followed: they lead to a name beside them, which is none. */
static int walk_step(struct object *object, const struct rpc_call *call, const struct object *directory,
                     const char *name, size_t size)
{
    char room[TIMESTAMP_TEXT_SIZE];
    const char *target;

    if (S_ISDIR(object_mode(directory)) && !(object_permits(directory, &call->credential) & PERMIT_EXECUTE))
        return -EACCES;
    int found = object_lookup(object, call->worker, directory, name, size);
    if (found < 0 || object->place.entry || !S_ISLNK(object_mode(object)))
        return found;
    size = object_target(&target, room, object);
    return object_lookup(object, call->worker, directory, target, size);
}

int object_walk(struct object *object, const struct rpc_call *call, const char *path, size_t size)
{
    struct nfsd_worker *worker = call->worker;
    const char *end = path + size;

    worker->options = call->options;
    nfsd_worker_look(worker);
    if (size == 0 || *path != '/')
        return -ENOENT;
    virtual_object(object, worker, VIRTUAL_ROOT);
    while (path < end) {
        const char *slash = memchr(path, '/', (size_t)(end - path));
        const char *next = slash ? slash : end;
        struct object directory = *object;

        int found = next > path ? walk_step(object, call, &directory, path, (size_t)(next - path)) : 0;
        if (found < 0)
            return found;
        path = slash ? slash + 1 : end;
    }
    return 0;
}

static int list_dots(struct nfsd_worker *worker, const struct object *directory, uint64_t cookie, listing_visit visit,
                     void *arg)
{
    struct object parent;
    int result = 0;

    if (cookie < COOKIE_SELF) {
        struct listing_entry self = {".", 1, COOKIE_SELF, object_fileid(directory), directory};
        result = visit(arg, &self);
    }
    if (result == 0 && cookie < COOKIE_PARENT) {
        result = object_lookup(&parent, worker, directory, "..", 2);
        if (result == 0) {
            struct listing_entry above = {"..", 2, COOKIE_PARENT, object_fileid(&parent), &parent};
            result = visit(arg, &above);
        }
    }
    return result;
}

int object_list(struct nfsd_worker *worker, const struct object *directory, uint64_t cookie, listing_visit visit,
                void *arg)
{
    int result = list_dots(worker, directory, cookie, visit, arg);

    if (result != 0)
        return result;
    return kinds[directory->kind]->list(worker, directory, cookie, visit, arg);
}

bool object_is_writable(const struct object *object, const struct rpc_call *call)
{
    return object->kind == HANDLE_VERDICT && (call->options & EXPORT_CACHE);
}

int object_space(struct space *space, struct nfsd_worker *worker, const struct object *object)
{
    uint64_t *nodes = &space->files;

    struct tree_place root;
    struct object slash;

    *space = (struct space){0};
    if (object->kind == HANDLE_VERDICT)
        return verdicts_space(space, worker, object);
    if (!object->place.entry) {
        int found = virtual_object(&slash, worker, VIRTUAL_ROOT);
        *nodes = found < 0 ? 0 : slash.own.nlink - 1;
        return found;
    }
    int found = tree_find(&root, worker->reader, object->place.tree, 0, &worker->err);
    if (found == 0)
        *nodes = 1 + (uint64_t)root.entry->below.nodes;
    return found;
}

bool object_still_exported(struct nfsd_worker *worker, const struct object *object)
{
    const struct handle handle = handle_of(object);
    struct object again;

    nfsd_worker_forget(worker);
    return kinds[object->kind]->resolve(&again, worker, &handle) != -ESTALE;
}

int object_open(struct content *content, struct nfsd_worker *worker, const struct object *file, uint64_t offset)
{
    return kinds[file->kind]->open(content, worker, file, offset);
}
