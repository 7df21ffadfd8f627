/* verdicts.c - "/cache", read. */
#include "nfsd/verdicts.h"

#include "base/bytes.h"
#include "base/name_hash.h"
#include "base/timestamp.h"
#include "nfsd/kind.h"
#include "nfsd/verdict_writer.h"
#include "nfsd/virtual.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* What a worker remembers; powers of two. A row has some 120 bytes, a name as many: 8 MB where all are in use. Rows
 * follow each other, so they fall on slots of their own; names fall on sets of some slots. */
#define ROWS 32768u
#define NAMES 32768u
#define NAME_WAYS 4u
#define REMEMBERED_NAME_MAX 72u /* bytes; claims have 70 */

struct remembered_row {
    struct verdict_file file; /* row 0: none */
    uint64_t generation;
};

struct remembered_name {
    int64_t directory; /* 0: none */
    int64_t row;       /* 0: there is no such file */
    uint64_t generation;
    uint8_t size;
    char name[REMEMBERED_NAME_MAX];
};

struct verdict_reader {
    struct verdicts *verdicts;
    struct verdict_writer *writer;
    uint64_t fsid;
    uint64_t epoch; /* rises when somebody else may have written: nothing remembered is true any more */
    struct remembered_row rows[ROWS];
    struct remembered_name names[NAMES / NAME_WAYS][NAME_WAYS];
    unsigned next_way; /* that is given up in a full set */
};

/* --- The reader --------------------------------------------------------------------------------------------------- */

int verdict_reader_new(struct verdict_reader **out, const struct nfsd_app *app, struct error *err)
{
    struct verdict_reader *reader = calloc(1, sizeof *reader); /* resident where it is used */

    if (!reader)
        return error_system(err, ENOMEM, "a worker");
    reader->writer = app->verdict_writer;
    int result = verdicts_open(&reader->verdicts, app->store_directory, VERDICTS_READ,
                               verdict_writer_limits(app->verdict_writer), err);
    if (result < 0) {
        verdict_reader_free(reader);
        return result;
    }
    *out = reader;
    return 0;
}

void verdict_reader_free(struct verdict_reader *reader)
{
    if (!reader)
        return;
    verdicts_close(reader->verdicts);
    free(reader);
}

void verdict_reader_look(struct nfsd_worker *worker)
{
    bool changed = false;

    if (verdicts_changed(&changed, worker->verdicts->verdicts, &worker->err) < 0)
        nfsd_worker_report(worker);
    else if (changed)
        worker->verdicts->epoch++;
}

static bool has_expired(const struct verdict_file *file, const struct verdict_reader *reader)
{
    return file->expires && file->expires <= verdicts_now(reader->verdicts);
}

/* A generation as it is remembered: another one in each epoch. */
static uint64_t in_epoch(const struct verdict_reader *reader, uint64_t generation)
{
    return generation + (reader->epoch << 40);
}

/* The generation is looked at before the store is: what changes in between makes it old at once. */
static int find_row(struct verdict_file *file, struct nfsd_worker *worker, int64_t row)
{
    struct verdict_reader *reader = worker->verdicts;
    struct remembered_row *slot = &reader->rows[(uint64_t)row % ROWS];

    if (verdict_draft_find(file, reader->writer, row))
        return has_expired(file, reader) ? -ENOENT : 0;
    uint64_t generation = in_epoch(reader, verdict_generation(reader->writer, row));
    if (slot->file.row == row && slot->generation == generation) {
        *file = slot->file;
        return has_expired(file, reader) ? -ENOENT : 0;
    }
    int result = verdict_find(file, reader->verdicts, row, &worker->err);
    if (result == 0)
        *slot = (struct remembered_row){*file, generation};
    return result;
}

/* The slot that has a name, or that may take it: *found tells. */
static struct remembered_name *name_slot(bool *found, struct verdict_reader *reader, uint64_t hash, int64_t directory,
                                         const char *name, size_t size)
{
    struct remembered_name *set = reader->names[hash % (NAMES / NAME_WAYS)], *free_slot = NULL;

    *found = true;
    for (unsigned i = 0; i < NAME_WAYS; i++) {
        if (set[i].directory == directory && set[i].size == size && memcmp(set[i].name, name, size) == 0)
            return &set[i];
        if (set[i].directory == 0)
            free_slot = &set[i];
    }
    *found = false;
    return free_slot ? free_slot : &set[reader->next_way++ % NAME_WAYS];
}

/* The row of a name; -ENOENT is remembered too, since most of what a scanner asks for is not there yet. */
static int find_name(int64_t *row, struct nfsd_worker *worker, int64_t directory, const char *name, size_t size)
{
    struct verdict_reader *reader = worker->verdicts;
    uint64_t hash = name_hash(directory, name, size);
    bool found;
    struct remembered_name *slot = name_slot(&found, reader, hash, directory, name, size);
    uint64_t generation = in_epoch(reader, verdict_name_generation(reader->writer, hash));
    struct verdict_file file = {0};

    if (found && slot->generation == generation) {
        *row = slot->row;
        return *row ? 0 : -ENOENT;
    }
    int result = verdict_lookup(&file, reader->verdicts, directory, name, size, &worker->err);
    if (result < 0 && result != -ENOENT)
        return result;
    *row = result == 0 ? file.row : 0;
    if (size <= REMEMBERED_NAME_MAX) {
        *slot = (struct remembered_name){directory, *row, generation, (uint8_t)size, {0}};
        memcpy(slot->name, name, size);
    }
    return result;
}

/* --- Objects ------------------------------------------------------------------------------------------------------ */

static uint32_t links_of(const struct verdict_file *file)
{
    if (!S_ISDIR(file->mode))
        return 1;
    return 2 + (file->row == VERDICTS_ROOT ? (uint32_t)file->files : 0);
}

void verdict_object(struct object *object, const struct nfsd_worker *worker, const struct verdict_file *file)
{
    static const uint8_t no_id[HANDLE_ID_MAX];
    struct verdict_reader *reader = worker->verdicts;

    if (!reader->fsid)
        reader->fsid = handle_fsid(store_key(worker->store), HANDLE_VERDICT, no_id);
    *object = (struct object){
        .kind = HANDLE_VERDICT,
        .fsid = reader->fsid,
        .own = {.mode = file->mode,
                .nlink = links_of(file),
                .size = file->size,
                .mtime = file->mtime,
                .ctime = file->ctime,
                .uid = file->uid,
                .gid = file->gid,
                .fileid = (uint64_t)file->row,
                .row = file->row,
                .directory = file->directory},
    };
    put_be64(object->id, (uint64_t)file->row);
    memcpy(object->id + 8, file->id, VERDICT_ID_SIZE);
}

static int row_object(struct object *object, struct nfsd_worker *worker, int64_t row)
{
    struct verdict_file file;
    int result = find_row(&file, worker, row);

    if (result == 0)
        verdict_object(object, worker, &file);
    return result;
}

int verdicts_root(struct object *object, struct nfsd_worker *worker)
{
    return row_object(object, worker, VERDICTS_ROOT);
}

static int resolve(struct object *object, struct nfsd_worker *worker, const struct handle *handle)
{
    struct verdict_file file;

    if (handle->number != 0)
        return -EBADF;
    int result = find_row(&file, worker, (int64_t)get_be64(handle->id));
    if (result == -ENOENT || (result == 0 && memcmp(file.id, handle->id + 8, VERDICT_ID_SIZE) != 0))
        return -ESTALE;
    if (result == 0)
        verdict_object(object, worker, &file);
    return result;
}

static int lookup(struct object *child, struct nfsd_worker *worker, const struct object *directory, const char *name,
                  size_t size)
{
    int64_t row;

    if (name_is(name, size, ".."))
        return directory->own.row == VERDICTS_ROOT ? virtual_object(child, worker, VIRTUAL_ROOT)
                                                   : row_object(child, worker, directory->own.directory);
    int result = find_name(&row, worker, directory->own.row, name, size);
    return result < 0 ? result : row_object(child, worker, row);
}

struct verdict_listing {
    struct nfsd_worker *worker;
    listing_visit visit;
    void *arg;
};

static int visit_file(void *arg, const struct verdict_file *stored, const char *name, size_t size)
{
    struct verdict_listing *listing = arg;
    struct verdict_file file = *stored;
    struct object object;

    verdict_draft_find(&file, listing->worker->verdicts->writer, file.row);
    verdict_object(&object, listing->worker, &file);
    const struct listing_entry entry = {name, size, listing_cookie(file.row), object.own.fileid, &object};
    return listing->visit(listing->arg, &entry);
}

static int list(struct nfsd_worker *worker, const struct object *directory, uint64_t cookie, listing_visit visit,
                void *arg)
{
    struct verdict_listing listing = {worker, visit, arg};

    return verdict_list(worker->verdicts->verdicts, directory->own.row, listing_row(cookie), visit_file, &listing,
                        &worker->err);
}

static ssize_t read_verdict(void *out, struct nfsd_worker *worker, const struct content *content, uint64_t offset,
                            size_t size)
{
    struct verdict_reader *reader = worker->verdicts;
    size_t read;

    if (!verdict_draft_read(out, &read, reader->writer, content->row, offset, size)) {
        int result = verdict_read(out, &read, reader->verdicts, content->row, offset, size, &worker->err);
        if (result < 0)
            return result == -ENOENT ? -EBUSY : result;
    }
    return read == size ? (ssize_t)read : -EBUSY; /* cut meanwhile: ask again */
}

static int open_verdict(struct content *content, struct nfsd_worker *worker, const struct object *file, uint64_t offset)
{
    (void)worker;
    (void)offset;
    *content = (struct content){.size = file->own.size, .fd = -1, .read = read_verdict, .row = file->own.row};
    return 0;
}

const struct export_kind kind_verdict = {
    .resolve = resolve,
    .lookup = lookup,
    .list = list,
    .open = open_verdict,
};

/* --- Space -------------------------------------------------------------------------------------------------------- */

static uint64_t less(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What a scanner's directory may hold, or all of them. */
int verdicts_space(struct space *space, struct nfsd_worker *worker, const struct object *object)
{
    const struct verdict_limits *limits = verdicts_limits(worker->verdicts->verdicts);
    const struct object *directory = object;
    struct verdict_file file;
    struct statvfs disk;
    int64_t row = S_ISDIR(object_mode(directory)) ? directory->own.row : directory->own.directory;
    int result = find_row(&file, worker, row);

    if (result < 0)
        return result;
    if (statvfs(worker->app->store_directory, &disk) < 0)
        return error_system(&worker->err, errno, "%s", worker->app->store_directory);
    uint64_t bytes_free = (uint64_t)disk.f_bavail * disk.f_frsize;
    *space = (struct space){.bytes = (uint64_t)disk.f_blocks * disk.f_frsize,
                            .bytes_free = bytes_free,
                            .files = limits->scanners,
                            .files_free = limits->scanners - less(file.files, limits->scanners)};
    if (row != VERDICTS_ROOT)
        *space = (struct space){.bytes = limits->bytes,
                                .bytes_free = less(bytes_free, limits->bytes - less(file.bytes, limits->bytes)),
                                .files = limits->files,
                                .files_free = limits->files - less(file.files, limits->files)};
    return 0;
}
