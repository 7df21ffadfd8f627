/* at.c - "/at": namespaces as directories, and in each the versions of the one that is called so.
 *
 *     /at/docker.io/library/nginx/latest                          a link to the newest, listed
 *                                 2017-03-11                      a link to the newest that is not after that day, not
 *                                                                 listed: there is one for every spelling of every time
 *                                 2017-03-11T17:04:42Z            a version: the root of its snapshot, a file system
 *                                 2017-03-11T17:04:42Z.0123abcd   of its own
 *
 * A component of a namespace that would mean a version or a time shows with '~' before it, and so does one that begins
 * with '~'. If that has more bytes than a name may have, it does not show.
 *
 * Whoever mounts a version has its snapshot's handle, so it stays what it is. A link is found anew each time: its
 * target is the directory's business, and its mtime is the directory's, which moves with every version.
 */
#include "nfsd/at.h"

#include "base/bytes.h"
#include "db/history.h"
#include "db/namespace_prefix.h"
#include "nfsd/kind.h"
#include "nfsd/trees.h"
#include "nfsd/virtual.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define ESCAPE '~'
#define LATEST "latest"

/* Cookies: the only link that is listed, then versions, then prefixes; those of rows are as listing_cookie() has them,
 * and FILEID_PREFIX(number). */
enum { COOKIE_LATEST = 3 };

static int64_t prefix_behind(uint64_t cookie)
{
    if (cookie > INT64_MAX)
        return INT64_MAX;
    return cookie > FILEID_PREFIX(0) ? (int64_t)(cookie - FILEID_PREFIX(0)) : 0;
}

/* --- Names -------------------------------------------------------------------------------------------------------- */

static bool needs_escape(const char *component, size_t size)
{
    return component[0] == ESCAPE || history_is_name(component, size);
}

/* What a component is called; 0: it has no name here. */
static size_t show_component(char name[ENTRY_NAME_MAX], const char *component, size_t size)
{
    bool escaped = needs_escape(component, size);

    if (size + escaped > ENTRY_NAME_MAX)
        return 0;
    name[0] = ESCAPE;
    memcpy(name + escaped, component, size);
    return size + escaped;
}

/* The other way round. False: no component is called so. */
static bool read_component(const char **component, size_t *size, const char *name, size_t name_size)
{
    bool escaped = name[0] == ESCAPE;

    *component = name + escaped;
    *size = name_size - escaped;
    return *size > 0 && needs_escape(*component, *size) == escaped;
}

/* --- Objects ------------------------------------------------------------------------------------------------------ */

static void prefix_object(struct object *object, struct nfsd_worker *worker, const struct namespace_prefix *prefix)
{
    *object = (struct object){
        .kind = HANDLE_AT,
        .fsid = worker->virtual_fsid,
        .own = {.mode = S_IFDIR | 0555,
                .nlink = 1, /* as virtual.c says of directories that do not count what is in them */
                .size = ENTRY_DIRECTORY_SIZE,
                .mtime = prefix->mtime,
                .fileid = FILEID_PREFIX(prefix->number),
                .row = prefix->namespace},
    };
    memcpy(object->id, prefix->id, PREFIX_ID_SIZE);
}

/* The link to the newest that is not after a time. -ENOENT: there is none. */
static int time_object(struct object *object, struct nfsd_worker *worker, const struct object *directory, uint64_t time)
{
    struct version version;
    char target[TIMESTAMP_TEXT_SIZE];
    int found = history_newest(&version, worker->store, directory->own.row, time, &worker->err);

    if (found < 0)
        return found;
    *object = (struct object){.kind = HANDLE_AT_TIME, .fsid = worker->virtual_fsid};
    memcpy(object->id, directory->id, PREFIX_ID_SIZE);
    put_be64(object->id + PREFIX_ID_SIZE, time);
    timestamp_format(target, version.time);
    object->own = (struct own_file){
        .mode = S_IFLNK | 0777,
        .nlink = 1,
        .size = strlen(target),
        .mtime = directory->own.mtime,
        .fileid = FILEID_AT_TIME(handle_fsid(store_key(worker->store), HANDLE_AT_TIME, object->id)),
        .row = (int64_t)version.time,
    };
    return 0;
}

static int find_prefix(struct object *object, struct nfsd_worker *worker, const uint8_t *id)
{
    struct namespace_prefix prefix;
    int found = namespace_prefix_find(&prefix, worker->store, id, &worker->err);

    if (found == 0)
        prefix_object(object, worker, &prefix);
    return found;
}

static int at_resolve(struct object *object, struct nfsd_worker *worker, const struct handle *handle)
{
    int found = handle->number == 0 ? find_prefix(object, worker, handle->id) : -EBADF;

    return found == -ENOENT ? -ESTALE : found;
}

static int time_resolve(struct object *object, struct nfsd_worker *worker, const struct handle *handle)
{
    struct object directory;
    int found = at_resolve(&directory, worker, handle);

    if (found == 0)
        found = time_object(object, worker, &directory, get_be64(handle->id + PREFIX_ID_SIZE));
    return found == -ENOENT ? -ESTALE : found;
}

/* --- Names to objects --------------------------------------------------------------------------------------------- */

/* What stands in a prefix, or (NULL) at the top. */
static int lookup_prefix(struct object *child, struct nfsd_worker *worker, const uint8_t *above, const char *name,
                         size_t size)
{
    struct namespace_prefix prefix;
    const char *component;

    if (!read_component(&component, &size, name, size))
        return -ENOENT;
    int found = namespace_prefix_find_below(&prefix, worker->store, above, component, size, &worker->err);
    if (found == 0)
        prefix_object(child, worker, &prefix);
    return found;
}

int at_lookup_top(struct object *child, struct nfsd_worker *worker, const char *name, size_t size)
{
    return lookup_prefix(child, worker, NULL, name, size);
}

/* A version, or else a link to one. */
static int lookup_version(struct object *child, struct nfsd_worker *worker, const struct object *directory,
                          const char *name, size_t size)
{
    struct version version;
    uint64_t time;
    int found = history_find(&version, worker->store, directory->own.row, name, size, &worker->err);

    if (found == 0)
        return trees_object(child, worker, HANDLE_SNAPSHOT, version.id, 0);
    if (found == -ENOENT && history_time(&time, name, size))
        return time_object(child, worker, directory, time);
    return found;
}

static int lookup_above(struct object *above, struct nfsd_worker *worker, const struct object *directory)
{
    struct namespace_prefix prefix;
    int found = namespace_prefix_find(&prefix, worker->store, directory->id, &worker->err);

    if (found < 0)
        return found;
    return prefix.is_top ? virtual_object(above, worker, VIRTUAL_AT) : find_prefix(above, worker, prefix.above);
}

static int at_lookup(struct object *child, struct nfsd_worker *worker, const struct object *directory, const char *name,
                     size_t size)
{
    if (name_is(name, size, ".."))
        return lookup_above(child, worker, directory);
    return history_is_name(name, size) ? lookup_version(child, worker, directory, name, size)
                                       : lookup_prefix(child, worker, directory->id, name, size);
}

/* --- Listings ----------------------------------------------------------------------------------------------------- */

struct at_listing {
    struct nfsd_worker *worker;
    listing_visit visit;
    void *arg;
};

static int visit_prefix(void *arg, const struct namespace_prefix *prefix)
{
    const struct at_listing *listing = arg;
    char name[ENTRY_NAME_MAX];
    struct object object;
    size_t size = show_component(name, prefix->name, prefix->name_size);

    if (size == 0)
        return 0;
    prefix_object(&object, listing->worker, prefix);
    const struct listing_entry entry = {name, size, object.own.fileid, object.own.fileid, &object};
    return listing->visit(listing->arg, &entry);
}

static int visit_version(void *arg, const struct version *version)
{
    const struct at_listing *listing = arg;
    char name[VERSION_NAME_SIZE];

    version_name(name, version);
    const struct listing_entry entry = {name, strlen(name), listing_cookie(version->number),
                                        FILEID_SNAPSHOT(version->number), NULL};
    return listing->visit(listing->arg, &entry);
}

static int list_latest(const struct at_listing *listing, const struct object *directory)
{
    struct object object;
    int found = time_object(&object, listing->worker, directory, TIMESTAMP_MAX);

    if (found < 0)
        return found == -ENOENT ? 0 : found;
    const struct listing_entry entry = {LATEST, strlen(LATEST), COOKIE_LATEST, object.own.fileid, &object};
    return listing->visit(listing->arg, &entry);
}

int at_list_top(struct nfsd_worker *worker, int64_t after, listing_visit visit, void *arg)
{
    struct at_listing listing = {worker, visit, arg};

    return namespace_prefix_visit(worker->store, NULL, prefix_behind(listing_cookie(after)), visit_prefix, &listing,
                                  &worker->err);
}

static int at_list(struct nfsd_worker *worker, const struct object *directory, uint64_t cookie, listing_visit visit,
                   void *arg)
{
    struct at_listing listing = {worker, visit, arg};
    int result = cookie < COOKIE_LATEST ? list_latest(&listing, directory) : 0;

    if (result == 0 && cookie < FILEID_PREFIX(0))
        result = history_visit(worker->store, directory->own.row, listing_row(cookie), visit_version, &listing,
                               &worker->err);
    if (result == 0)
        result = namespace_prefix_visit(worker->store, directory->id, prefix_behind(cookie), visit_prefix, &listing,
                                        &worker->err);
    return result;
}

const struct export_kind kind_at = {
    .resolve = at_resolve,
    .lookup = at_lookup,
    .list = at_list,
};

const struct export_kind kind_at_time = {
    .resolve = time_resolve,
};
