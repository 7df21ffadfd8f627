/* blobs.c - "/blob": 256 directories, each there as long as it holds a blob, and the blobs in them.
 *
 * A blob is found by its digest, which is what its handle carries: so that is the same on every replica. It is listed
 * by its row, so a listing goes on rightly while blobs come. Its bytes never change, so neither does its mtime: the
 * store keeps no time for a blob, and the time when the store was made is one that every copy of it agrees on.
 * Directories have the mtime of "/snap": blobs are committed before the snapshot that names them, so a client that
 * listed them half-way sees the time move once all are there.
 */
#include "nfsd/blobs.h"

#include "db/blob.h"
#include "nfsd/kind.h"
#include "nfsd/virtual.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

static void prefix_object(struct object *object, struct nfsd_worker *worker, uint8_t prefix)
{
    *object = (struct object){
        .kind = HANDLE_BLOBS,
        .fsid = worker->virtual_fsid,
        .own = {.number = prefix,
                .mode = S_IFDIR | 0500,
                .nlink = 2,
                .size = ENTRY_DIRECTORY_SIZE,
                .mtime = virtual_mtime(worker, VIRTUAL_BLOB),
                .fileid = FILEID_BLOBS(prefix)},
    };
}

static void blob_object(struct object *object, struct nfsd_worker *worker, const struct blob *blob)
{
    *object = (struct object){
        .kind = HANDLE_BLOB,
        .fsid = worker->virtual_fsid,
        .own = {.mode = S_IFREG | 0400,
                .nlink = 1,
                .size = blob->size,
                .mtime = virtual_mtime(worker, VIRTUAL_ROOT),
                .fileid = FILEID_BLOB(blob->id),
                .row = blob->id},
    };
    memcpy(object->id, blob->digest.bytes, DIGEST_SIZE);
}

/* --- "/blob" ------------------------------------------------------------------------------------------------------ */

/* The directory of a prefix, if there is a blob in it. */
static int find_prefix(struct object *object, struct nfsd_worker *worker, uint8_t prefix)
{
    uint8_t next;
    int found = blob_next_prefix(&next, worker->store, prefix, &worker->err);

    if (found < 0)
        return found;
    if (next != prefix)
        return -ENOENT;
    prefix_object(object, worker, prefix);
    return 0;
}

int blobs_lookup(struct object *child, struct nfsd_worker *worker, const char *name, size_t size)
{
    uint8_t prefix;

    return name_is_hex(&prefix, 1, name, size) ? find_prefix(child, worker, prefix) : -ENOENT;
}

/* Rows are prefixes counted from 1. */
int blobs_list(struct nfsd_worker *worker, int64_t after, listing_visit visit, void *arg)
{
    struct object object;
    uint8_t prefix;

    while (after <= UINT8_MAX) {
        int result = blob_next_prefix(&prefix, worker->store, (uint8_t)after, &worker->err);
        char name[3];

        if (result < 0)
            return result == -ENOENT ? 0 : result;
        prefix_object(&object, worker, prefix);
        snprintf(name, sizeof name, "%02x", prefix);
        after = prefix + 1;
        const struct listing_entry entry = {name, 2, listing_cookie(after), object.own.fileid, &object};
        result = visit(arg, &entry);
        if (result != 0)
            return result;
    }
    return 0;
}

/* --- "/blob/ab" --------------------------------------------------------------------------------------------------- */

static int prefix_resolve(struct object *object, struct nfsd_worker *worker, const struct handle *handle)
{
    if (handle->number > UINT8_MAX)
        return -EBADF;
    int found = find_prefix(object, worker, (uint8_t)handle->number);
    return found == -ENOENT ? -ESTALE : found;
}

static int prefix_lookup(struct object *child, struct nfsd_worker *worker, const struct object *directory,
                         const char *name, size_t size)
{
    struct digest digest;
    struct blob blob;

    if (name_is(name, size, ".."))
        return virtual_object(child, worker, VIRTUAL_BLOB);
    if (!name_is_hex(digest.bytes, DIGEST_SIZE, name, size) || digest.bytes[0] != directory->own.number)
        return -ENOENT;
    int found = blob_find_digest(&blob, worker->store, &digest, &worker->err);
    if (found == 0)
        blob_object(child, worker, &blob);
    return found;
}

struct prefix_listing {
    struct nfsd_worker *worker;
    listing_visit visit;
    void *arg;
};

static int prefix_visit(void *arg, const struct blob *blob)
{
    struct prefix_listing *listing = arg;
    char name[DIGEST_HEX_SIZE];
    struct object object;

    blob_object(&object, listing->worker, blob);
    hex_encode(name, blob->digest.bytes, DIGEST_SIZE);
    const struct listing_entry entry = {name, DIGEST_HEX_SIZE - 1, listing_cookie(blob->id), object.own.fileid,
                                        &object};
    return listing->visit(listing->arg, &entry);
}

static int prefix_list(struct nfsd_worker *worker, const struct object *directory, uint64_t cookie, listing_visit visit,
                       void *arg)
{
    struct prefix_listing listing = {worker, visit, arg};

    return blob_visit(worker->store, (uint8_t)directory->own.number, listing_row(cookie), prefix_visit, &listing,
                      &worker->err);
}

const struct export_kind kind_blobs = {
    .needs = EXPORT_BLOB,
    .resolve = prefix_resolve,
    .lookup = prefix_lookup,
    .list = prefix_list,
};

/* --- "/blob/ab/<sha256>" ------------------------------------------------------------------------------------------ */

static int blob_resolve(struct object *object, struct nfsd_worker *worker, const struct handle *handle)
{
    struct digest digest;
    struct blob blob;

    if (handle->number != 0)
        return -EBADF;
    memcpy(digest.bytes, handle->id, DIGEST_SIZE);
    int found = blob_find_digest(&blob, worker->store, &digest, &worker->err);
    if (found == 0)
        blob_object(object, worker, &blob);
    return found == -ENOENT ? -ESTALE : found;
}

static int blob_content(struct content *content, struct nfsd_worker *worker, const struct object *file, uint64_t offset)
{
    return content_of_blob(content, worker, file->own.row, offset);
}

const struct export_kind kind_blob = {
    .needs = EXPORT_BLOB,
    .resolve = blob_resolve,
    .open = blob_content,
};
