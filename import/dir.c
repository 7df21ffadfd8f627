/* dir.c - a directory into a snapshot: walked, written, published. */
#include "import/dir.h"

#include "base/cleanup.h"
#include "base/quote.h"
#include "base/timestamp.h"
#include "db/lease.h"
#include "import/notes.h"
#include "import/source_name.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define SHOWN_MAX 256 /* bytes of a path in the warning */

/* --- Notes -------------------------------------------------------------------------------------------------------- */

int dir_note(struct dir *dir, const char *what, const char *why, struct error *err)
{
    struct noted noted = {dir->path, dir->path_size};

    bool expected = dir->source->has_mounts && strcmp(what, "not-entered") == 0;

    if (!expected && dir->notes++ == 0) {
        cleanup_buffer struct buffer path = {0};
        quote_text(&path, dir->path, dir->path_size);
        snprintf(dir->first_note, sizeof dir->first_note, "%.*s: %s%s%s",
                 path.size < SHOWN_MAX ? (int)path.size : SHOWN_MAX, (const char *)path.bytes, what, why ? ", " : "",
                 why ? why : "");
    }
    return note_capture(&dir->features, noted, what, why, err);
}

static void warn_notes(const struct dir *dir, const struct snapshot *snapshot)
{
    cleanup_buffer struct buffer text = {0};
    char id[SNAPSHOT_ID_HEX_SIZE];

    if (dir->notes == 0 || !dir->options->warn)
        return;
    hex_encode(id, snapshot->id, SNAPSHOT_ID_SIZE);
    buffer_add_format(&text, "%llu %s not be taken as found (first: %s); see confuse manifest %s",
                      (unsigned long long)dir->notes, dir->notes == 1 ? "file could" : "files could", dir->first_note,
                      id);
    buffer_add_byte(&text, '\0');
    if (!text.failed)
        dir->options->warn(dir->options->arg, (const char *)text.bytes);
}

/* A file may have become a directory, or the other way round, between two looks at it: the later one counts. */
static int note_conflict(void *arg, enum builder_conflict conflict, const char *path, size_t size, uint64_t tag,
                         struct error *err)
{
    struct dir *dir = arg;
    (void)conflict, (void)tag;

    memcpy(dir->path, path, size);
    dir->path[size] = '\0';
    dir->path_size = size;
    return dir_note(dir, "changed", "it became something else", err);
}

/* --- Importing ---------------------------------------------------------------------------------------------------- */

static void dir_free(struct dir *dir)
{
    if (!dir)
        return;
    arrivals_free(dir->arrivals);
    blob_writer_free(dir->writer);
    builder_free(dir->builder);
    record_set_free(&dir->features);
    spool_free(dir->values);
    inodes_free(&dir->inodes);
    xattrs_free(&dir->xattrs);
    free(dir);
}

static int into_builder(void *builder, const struct journal_record *record, struct error *err)
{
    if (record->link)
        return builder_link(builder, record->path, record->path_size, record->link, record->link_size, 0, err);
    return builder_add(builder, record->path, record->path_size, &record->entry, &record->digests, 0, err);
}

static const struct dir_taker INTO_STORE = {dir_add, dir_add_bare, dir_note};

static int dir_new(struct dir **out, const struct import_options *options, struct error *err)
{
    struct dir *dir = calloc(1, sizeof *dir);

    if (!dir)
        return error_system(err, ENOMEM, "cannot import a directory");
    dir->options = options;
    dir->taker = &INTO_STORE;
    dir->builder = builder_new(BUILDER_ARCHIVE, store_directory(options->store));
    dir->values = spool_new(store_directory(options->store));
    dir->features.values = dir->values;
    int result = dir->builder && dir->values ? blob_writer_new(&dir->writer, options->store, err)
                                             : error_system(err, ENOMEM, "cannot import a directory");
    if (result == 0 && !(dir->arrivals = arrivals_new(dir->writer, into_builder, dir->builder)))
        result = error_system(err, ENOMEM, "cannot import a directory");
    if (result == 0 && stat(store_directory(options->store), &dir->store) < 0)
        result = error_system(err, errno, "%s", store_directory(options->store));
    if (result == 0)
        *out = dir;
    else
        dir_free(dir);
    return result;
}

static int write_all(struct snapshot *snapshot, bool *is_new, struct dir *dir, struct error *err)
{
    struct store *store = dir->options->store;
    int result = arrivals_settle(dir->arrivals, err);

    if (result == 0)
        result = store_flush(store, err);
    if (result == 0)
        result = builder_settle(dir->builder, note_conflict, dir, err);
    if (result == 0)
        result = builder_write(&snapshot->root, &snapshot->links, dir->builder, store, err);
    if (result == 0 && dir->source->lay)
        result = dir->source->lay(dir->source->arg, dir, snapshot, err);
    if (result == 0)
        result = record_set_write(&snapshot->features, &dir->features, store, err);
    if (result == 0)
        result = snapshot_publish(is_new, snapshot, store, err);
    return result;
}

static int import(struct dir *dir, int root, const char *namespace, struct error *err)
{
    const struct dir_source *source = dir->source;
    const struct import_options *options = dir->options;
    struct snapshot snapshot = {
        .namespace = namespace,
        .time = options->has_time ? options->time : timestamp_now(),
        .format = source->format,
    };
    bool is_new;
    int result = source->produce ? source->produce(source->arg, dir, err) : 0;

    if (result == 0)
        result = dir_walk(dir, root, err);
    if (result == 0)
        result = write_all(&snapshot, &is_new, dir, err);
    if (result < 0)
        store_rollback(options->store);
    if (result == 0 && options->imported)
        result = options->imported(options->arg, &snapshot, is_new);
    if (result == 0)
        warn_notes(dir, &snapshot);
    return result;
}

int dir_import(const struct import_options *options, int root, const char *namespace, const struct dir_source *source,
               struct error *err)
{
    struct dir *dir = NULL;
    int result = lease_begin(options->store, err);

    if (result == 0)
        result = dir_new(&dir, options, err);
    if (result < 0)
        return result;
    dir->source = source;
    result = import(dir, root, namespace, err);
    dir_free(dir);
    return result;
}

int import_dir(const struct import_options *options, const char *path, struct error *err)
{
    static const struct dir_source source = {.format = "dir"};
    cleanup_free char *own = NULL;
    cleanup_close int root = open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);

    if (root < 0)
        return error_system(err, errno, "%s", path);
    int result = options->namespace ? 0 : source_name_of_dir(&own, path, err);
    return result < 0 ? result : dir_import(options, root, own ? own : options->namespace, &source, err);
}
