/* scan_store.c - a store on this machine: contents where they lie (or in a private file), verdicts in verdicts.db. */
#include "base/cleanup.h"
#include "base/file.h"
#include "cli/scan_place.h"
#include "db/verdicts.h"
#include "tree/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CACHE_BYTES (8u << 20) /* of trees' nodes: each is gone over twice at most */
#define COPY_SIZE (1u << 20)
#define FOLDER_SIZE 32 /* of "/" and a number */

struct scan_place {
    const struct scan_where *where;
    struct store *store;
    struct tree_cache *cache;
    struct tree_reader *reader;
    struct verdicts *verdicts;
    int64_t directory; /* row of the scanner key */
};

/* --- The cache ---------------------------------------------------------------------------------------------------- */

static int find_directory(int64_t *row, struct scan_place *place, const char *key, struct error *err)
{
    struct verdict_file file;
    int result = verdict_lookup(&file, place->verdicts, VERDICTS_ROOT, key, strlen(key), err);

    *row = result == 0 ? file.row : 0;
    return result;
}

static int refuse(int result, const char *key, struct error *err)
{
    switch (result) {
    case -EEXIST:
    case -ENOENT:
    case -EINVAL:
    case -EACCES:
    case -EFBIG:
    case -EDQUOT:
        return error_system(err, -result, "verdicts of %s", key);
    default:
        return result;
    }
}

/* End a transaction in the way that its result asks for. */
static int finish(struct scan_place *place, int result, struct error *err)
{
    if (result == 0)
        return verdicts_commit(place->verdicts, err);
    verdicts_rollback(place->verdicts);
    return refuse(result, place->where->key, err);
}

static struct verdict_new ours(uint32_t mode)
{
    return (struct verdict_new){.mode = mode, .uid = geteuid(), .gid = getegid(), .how = VERDICT_GUARDED};
}

static int make_directory(struct scan_place *place, struct error *err)
{
    const struct verdict_new as = ours(0755);
    const char *key = place->where->key;
    struct verdict_file file;
    int result = find_directory(&place->directory, place, key, err);

    if (result != -ENOENT)
        return result;
    result = verdicts_begin(place->verdicts, err);
    if (result < 0)
        return result;
    result = verdict_make_scanner(&file, place->verdicts, key, strlen(key), &as, err);
    if (result == -EEXIST)
        result = find_directory(&file.row, place, key, err);
    place->directory = file.row;
    return finish(place, result, err);
}

static int open_place(struct scan_place **out, const struct scan_where *where, struct error *err)
{
    struct scan_place *place = *out = calloc(1, sizeof *place);
    int result = place ? store_open(&place->store, where->directory, STORE_READ, err)
                       : error_system(err, ENOMEM, "cannot open %s", where->directory);

    if (result < 0)
        return result;
    place->where = where;
    result = tree_cache_new(&place->cache, CACHE_BYTES, err);
    if (result == 0)
        result = tree_reader_new(&place->reader, place->store, place->cache, err);
    if (result == 0)
        result = verdicts_open(&place->verdicts, where->directory, VERDICTS_CREATE, NULL, err);
    return result == 0 ? make_directory(place, err) : result;
}

static void close_place(struct scan_place *place)
{
    if (!place)
        return;
    verdicts_close(place->verdicts);
    tree_reader_free(place->reader);
    tree_cache_free(place->cache);
    store_close(place->store);
    free(place);
}

static int fetch(struct buffer *out, struct scan_place *place, const char *key, const char *name, struct error *err)
{
    int64_t directory = place->directory;
    struct verdict_file file;
    size_t size = 0;
    int result = strcmp(key, place->where->key) == 0 ? 0 : find_directory(&directory, place, key, err);

    if (result == 0)
        result = verdict_lookup(&file, place->verdicts, directory, name, strlen(name), err);
    if (result < 0)
        return result;
    uint8_t *bytes = buffer_reserve(out, VERDICT_SIZE_MAX);
    if (!bytes)
        return error_system(err, ENOMEM, "verdicts of %s", key);
    result = verdict_read(bytes, &size, place->verdicts, file.row, 0, VERDICT_SIZE_MAX, err);
    buffer_took(out, size);
    return result;
}

/* A file with this content, in the open transaction. */
static int put(struct scan_place *place, const char *name, const void *bytes, size_t size, const struct verdict_new *as,
               struct error *err)
{
    struct verdict_file file;
    bool made;
    int result = verdict_create(&file, &made, place->verdicts, place->directory, name, strlen(name), as, err);

    if (result < 0)
        return result;
    verdict_touch(&file, place->verdicts, true);
    return verdict_write(&file, place->verdicts, bytes, size, err);
}

static void claim_name(char out[SCAN_NAME_SIZE + sizeof SCAN_CLAIM], const char *name)
{
    snprintf(out, SCAN_NAME_SIZE + sizeof SCAN_CLAIM, "%s" SCAN_CLAIM, name);
}

static int claim(bool *won, struct scan_place *place, const char (*names)[SCAN_NAME_SIZE], size_t count,
                 const char *text, struct error *err)
{
    const struct verdict_new as = ours(0644);
    char name[SCAN_NAME_SIZE + sizeof SCAN_CLAIM];
    int result = verdicts_begin(place->verdicts, err);

    if (result < 0)
        return result;
    for (size_t i = 0; i < count && result == 0; i++) {
        claim_name(name, names[i]);
        result = put(place, name, text, strlen(text), &as, err);
        won[i] = result == 0;
        result = result == -EEXIST ? 0 : result;
    }
    return finish(place, result, err);
}

static int hold(struct scan_place *place, const char *name, const char *text, struct error *err)
{
    char claimed[SCAN_NAME_SIZE + sizeof SCAN_CLAIM];
    struct verdict_file file;
    int result = verdicts_begin(place->verdicts, err);

    if (result < 0)
        return result;
    claim_name(claimed, name);
    result = verdict_lookup(&file, place->verdicts, place->directory, claimed, strlen(claimed), err);
    if (result == 0) {
        verdict_touch(&file, place->verdicts, true);
        result = verdict_write(&file, place->verdicts, text, strlen(text), err);
    }
    return finish(place, result, err);
}

static int publish(struct scan_place *place, const char (*names)[SCAN_NAME_SIZE], const struct buffer *documents,
                   size_t count, struct error *err)
{
    struct verdict_new as = ours(0644);
    int result = verdicts_begin(place->verdicts, err);

    as.how = VERDICT_UNCHECKED;
    if (result < 0)
        return result;
    for (size_t i = 0; i < count && result == 0; i++)
        result = put(place, names[i], documents[i].bytes, documents[i].size, &as, err);
    return finish(place, result, err);
}

/* --- Snapshots ---------------------------------------------------------------------------------------------------- */

static int resolve(char id[SNAPSHOT_ID_HEX_SIZE], struct scan_place *place, const char *snap, struct error *err)
{
    struct snapshot snapshot;
    int result = snapshot_resolve(&snapshot, place->store, snap, err);

    if (result == 0)
        hex_encode(id, snapshot.id, SNAPSHOT_ID_SIZE);
    return result;
}

struct visiting {
    struct scan_place *place;
    scan_visit visitor;
    void *arg;
    struct error *err;
};

static int visit_step(void *arg, const struct tree_step *step)
{
    const struct visiting *v = arg;
    const struct entry *entry = step->place.entry;
    struct scan_file file = {.path = step->path, .path_size = step->size, .mode = entry->mode};
    struct blob blob;

    if (!S_ISREG(entry->mode))
        return 0;
    file.uid = entry->uid;
    file.gid = entry->gid;
    int result = tree_content(&blob, v->place->reader, entry, v->err);
    file.absent = result == -EACCES;
    if (result == 0)
        file.content = blob.digest;
    else if (result == -ENOENT)
        return error_system(v->err, EIO, "the content of %s is not in the store", step->path);
    else if (!file.absent)
        return result;
    return v->visitor(v->arg, &file);
}

static int visit(struct scan_place *place, const char *id, scan_visit visitor, void *arg, struct error *err)
{
    struct visiting v = {place, visitor, arg, err};
    struct snapshot snapshot;
    int result = snapshot_resolve(&snapshot, place->store, id, err);

    return result < 0 ? result : tree_visit_all(place->reader, tree_of_snapshot(&snapshot), visit_step, &v, err);
}

/* --- Contents ----------------------------------------------------------------------------------------------------- */

static int copy(int fd, struct scan_place *place, const struct blob *blob, struct error *err)
{
    cleanup_free uint8_t *bytes = malloc(COPY_SIZE);
    int result = bytes ? 0 : error_system(err, ENOMEM, "cannot copy a content");

    for (uint64_t at = 0; result == 0 && at < blob->size;) {
        ssize_t got = blob_read(bytes, place->store, blob, at, COPY_SIZE, err);
        if (got <= 0)
            result = got < 0 ? (int)got : error_system(err, EIO, "a content ends early");
        else if ((result = file_write_all(fd, bytes, (size_t)got, at)) < 0)
            result = error_system(err, -result, "cannot copy a content");
        at += got > 0 ? (uint64_t)got : 0;
    }
    blob_rest(place->store);
    return result;
}

/* A directory for each, since two may be called alike. */
static int make_path(char path[PATH_MAX], struct scan_place *place, const struct scan_item *item, struct error *err)
{
    char hex[DIGEST_HEX_SIZE];
    const char *name = item->path ? strrchr(item->path, '/') + 1 : hex;

    hex_encode(hex, item->content.bytes, DIGEST_SIZE);
    if ((size_t)snprintf(path, PATH_MAX - ENTRY_NAME_MAX - FOLDER_SIZE, "%s/XXXXXX", place->where->private) >=
            PATH_MAX - ENTRY_NAME_MAX - FOLDER_SIZE ||
        !mkdtemp(path))
        return error_system(err, errno, "%s", place->where->private);
    size_t used = strlen(path);
    snprintf(path + used, PATH_MAX - used, "/%s", name);
    return 0;
}

static int set_owner(int fd, const struct scan_item *item, struct error *err)
{
    if (fchown(fd, item->uid, item->gid) < 0)
        return error_system(err, errno, "cannot give a file the owner %u:%u", item->uid, item->gid);
    if (fchmod(fd, item->mode & 07777) < 0)
        return error_system(err, errno, "cannot give a file the mode %04o", item->mode & 07777);
    return 0;
}

static void release(struct scan_place *place, const char *path)
{
    size_t size = strlen(place->where->private);
    char folder[PATH_MAX];

    if (strncmp(path, place->where->private, size) != 0 || path[size] != '/')
        return; /* the store's own */
    unlink(path);
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    rmdir(folder);
}

static int make_file(char path[PATH_MAX], struct scan_place *place, const struct scan_item *item,
                     const struct blob *blob, struct error *err)
{
    int result = make_path(path, place, item, err);

    if (result < 0)
        return result;
    cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    result = fd < 0 ? error_system(err, errno, "%s", path) : copy(fd, place, blob, err);
    if (result == 0 && place->where->kind->has_owner)
        result = set_owner(fd, item, err);
    if (result < 0)
        release(place, path);
    return result;
}

static int content(char path[PATH_MAX], struct scan_place *place, const struct scan_item *item, const char *id,
                   struct error *err)
{
    char hex[DIGEST_HEX_SIZE];
    struct blob blob;
    int result = blob_find_digest(&blob, place->store, &item->content, err);

    (void)id;
    if (result == -ENOENT)
        return error_refused(err, ENOENT, "its content is not in the store any more");
    if (result < 0)
        return result;
    if (item->path || !blob.in_file)
        return make_file(path, place, item, &blob, err);
    hex_encode(hex, item->content.bytes, DIGEST_SIZE);
    snprintf(path, PATH_MAX, "%s/blobs/%.2s/%s", place->where->directory, hex, hex);
    return 0;
}

const struct scan_way scan_way_store = {open_place, close_place, resolve, visit, content,
                                        release,    fetch,       claim,   hold,  publish};
