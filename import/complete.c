/* complete.c - a frame's stored snapshot over its image: the tree's entries into a builder, the rest from its notes. */
#include "import/complete.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "db/image.h"
#include "import/file_record.h"
#include "import/join.h"
#include "import/notes.h"
#include "import/veneer/veneer.h"
#include "tree/features.h"
#include "tree/known.h"
#include "tree/node.h"
#include "tree/walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COMPLETE_BATCH 64         /* frames that are listed at once */
#define COMPLETE_CACHE (8u << 20) /* bytes of nodes; each tree is gone along once */

/* A note's key. */
struct key {
    size_t at, size;   /* in completing.text */
    uint64_t recorded; /* of a file that the veneer filled: its own size */
};

struct completing {
    const struct import_options *options;
    struct tree_reader *reader;
    struct builder *builder;
    struct buffer text, no_record, not_crawled, filled, made_here; /* struct key, by key */
    struct journal *made;                                          /* the veneer, which is laid over again */
    int64_t content;                                               /* the last one, which many empty files have */
    struct digest digest;
    struct error *err;
};

/* --- Notes -------------------------------------------------------------------------------------------------------- */

static bool says(const struct feature *note, const char *value)
{
    return note->value_size == strlen(value) && memcmp(note->value, value, note->value_size) == 0;
}

static bool has_member(struct json_span *value, const struct feature *note, const char *name)
{
    struct json json;

    json_begin(&json, note->value, note->value_size);
    return json_find(value, &json, name) == 1;
}

static bool says_what(const struct feature *note, const char *quoted)
{
    struct json_span what;

    return has_member(&what, note, "what") && what.size == strlen(quoted) && memcmp(what.text, quoted, what.size) == 0;
}

/* {"held":H,"size":S,"what":"filled"} */
static bool says_filled(uint64_t *recorded, const struct feature *note)
{
    struct json_span size;

    return says_what(note, "\"" NOTE_FILLED "\"") && has_member(&size, note, "size") &&
           file_number_parse(recorded, size.text, size.size);
}

static int take_note(void *arg, const struct feature *note)
{
    struct completing *c = arg;
    struct key key = {.at = c->text.size, .size = note->key_size};
    struct buffer *list = says(note, "{\"what\":\"" KNOWN_NO_RECORD "\"}")     ? &c->no_record
                          : says(note, "{\"what\":\"" KNOWN_NOT_CRAWLED "\"}") ? &c->not_crawled
                          : says_filled(&key.recorded, note)                   ? &c->filled
                          : says_what(note, "\"" NOTE_MADE "\"")               ? &c->made_here
                                                                               : NULL;

    if (!list)
        return 0;
    buffer_add(&c->text, note->key, note->key_size);
    buffer_add(list, &key, sizeof key);
    return c->text.failed || list->failed ? error_system(c->err, ENOMEM, "cannot hold notes") : 0;
}

/* NULL: none has this path. */
static const struct key *find_key(const struct completing *c, const struct buffer *list, const char *path, size_t size)
{
    const struct key *keys = (const struct key *)(const void *)list->bytes;
    size_t low = 0, high = list->size / sizeof *keys;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = name_compare(path, size, (const char *)c->text.bytes + keys[middle].at, keys[middle].size);

        if (order == 0)
            return &keys[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* --- The tree ----------------------------------------------------------------------------------------------------- */

static int find_content(struct completing *c, int64_t id)
{
    struct blob blob;

    if (id == c->content)
        return 0;
    int rc = blob_find(&blob, c->options->store, id, c->err);
    if (rc < 0)
        return rc == -ENOENT ? error_refused(c->err, EIO, "a content is not in the store") : rc;
    c->content = id;
    c->digest = blob.digest;
    return 0;
}

/* Directories that frames have without a record. */
static bool is_uncrawled(const char *path)
{
    const struct join_uncrawled *each = join_uncrawled;

    while (each->path && strcmp(each->path, path) != 0)
        each++;
    return each->path;
}

/* What the veneer made, apart from the rest: it is laid over what the join becomes. */
static int take_made(struct entry *entry, struct completing *c, const struct tree_step *step)
{
    const struct key *filled = find_key(c, &c->filled, step->path, step->size);
    const struct journal_record record = {
        .path = step->path,
        .path_size = (uint16_t)step->size,
        .entry = *entry,
        .digests.content = c->digest,
    };
    uint64_t at;
    int rc = journal_add(&at, c->made, &record, c->err);

    if (rc < 0 || !filled || !S_ISREG(entry->mode))
        return rc < 0 ? rc : 0;
    entry->flags = ENTRY_ABSENT;
    entry->content = 0;
    entry->size = filled->recorded;
    return 1;
}

/* A directory that is there for what stands in it alone comes with that. */
static bool is_implied(const struct entry *entry, const struct completing *c, const struct tree_step *step)
{
    return entry->mode == (S_IFDIR | 0755) && entry->uid == 0 && entry->gid == 0 && entry->mtime == 0 &&
           !find_key(c, &c->made_here, step->path, step->size);
}

static int add_entry(void *arg, const struct tree_step *step)
{
    struct completing *c = arg;
    struct entry entry = *step->place.entry;
    int rc = entry.content ? find_content(c, entry.content) : 0;

    if (rc == 0 && entry.flags & ENTRY_MADE && step->size > 1 && !is_uncrawled(step->path)) {
        rc = is_implied(&entry, c, step) ? 0 : take_made(&entry, c, step);
        if (rc <= 0)
            return rc;
    }
    if (rc < 0)
        return rc;
    uint64_t tag = find_key(c, &c->no_record, step->path, step->size) ? JOIN_NO_RECORD : 0;
    return builder_add(c->builder, step->path, step->size, &entry, &(struct entry_digests){.content = c->digest}, tag,
                       c->err);
}

/* A stored tree has none. */
static int refuse(void *arg, enum builder_conflict conflict, const char *path, size_t size, uint64_t tag,
                  struct error *err)
{
    (void)arg, (void)conflict, (void)tag;
    return error_refused(err, EIO, "a tree of the store has a path that is none: %.*s", (int)size, path);
}

static int tell_unknown(struct completing *c, bool *whole, struct error *err)
{
    const struct key *keys = (const struct key *)(const void *)c->not_crawled.bytes;
    int rc = 0;

    for (size_t i = 0; i < c->not_crawled.size / sizeof *keys && rc == 0; i++) {
        const char *path = (const char *)c->text.bytes + keys[i].at;

        *whole |= keys[i].size == 1;
        rc = builder_unknown(c->builder, path, keys[i].size, err);
    }
    return rc;
}

static int join_tree(struct snapshot *snapshot, struct completing *c, const struct join_image *image, struct error *err)
{
    bool whole = false;
    int rc = features_visit(c->options->store, snapshot->features.id, FEATURE_NOTE, take_note, c, err);

    if (rc == 0)
        rc = tree_visit_all(c->reader, tree_of_snapshot(snapshot), add_entry, c, err);
    tree_reader_rest(c->reader);
    if (rc == -ESTALE || rc == -ENOENT)
        return error_refused(err, EIO, "a tree is not in the store");
    if (rc == 0)
        rc = builder_settle(c->builder, refuse, NULL, err);
    if (rc == 0)
        rc = tell_unknown(c, &whole, err);
    if (rc < 0)
        return rc;
    rc = join_write(&snapshot->root, &snapshot->links, c->builder, c->options->store, image, whole, err);
    if (rc < 0 || journal_end(c->made) == 0)
        return rc;
    return veneer_lay(&snapshot->root, &snapshot->links, c->made, c->options->store, err);
}

/* --- Frames ------------------------------------------------------------------------------------------------------- */

static int publish(struct snapshot *snapshot, struct completing *c, const struct join_image *image, struct error *err)
{
    const struct import_options *options = c->options;
    bool is_new;

    snapshot->image = image->number;
    snapshot->wants = NULL;
    int rc = snapshot_publish(&is_new, snapshot, options->store, err);
    return rc == 0 && is_new && options->imported ? options->imported(options->arg, snapshot, is_new) : rc;
}

static int complete(const struct import_options *options, struct tree_reader *reader, const struct join_image *image,
                    const uint8_t *id, struct error *err)
{
    struct store *store = options->store;
    struct completing c = {.options = options, .reader = reader, .err = err};
    struct snapshot snapshot;
    int rc = snapshot_find(&snapshot, store, id, err);

    if (rc < 0)
        return rc == -ENOENT ? 0 : rc; /* it was forgotten meanwhile */
    cleanup_free char *namespace = strdup(snapshot.namespace);
    snapshot.namespace = namespace;
    snapshot.format = "frame";
    c.builder = builder_new(BUILDER_RECORDS, store_directory(store));
    c.made = journal_new(store_directory(store));
    if (!namespace || !c.builder || !c.made)
        rc = error_system(err, ENOMEM, "cannot join a frame with its image");
    if (rc == 0)
        rc = join_tree(&snapshot, &c, image, err);
    if (rc == 0)
        rc = publish(&snapshot, &c, image, err);
    if (rc < 0)
        store_rollback(store);
    builder_free(c.builder);
    journal_free(c.made);
    buffer_free(&c.filled);
    buffer_free(&c.made_here);
    buffer_free(&c.text);
    buffer_free(&c.no_record);
    buffer_free(&c.not_crawled);
    return rc;
}

struct batch {
    int64_t after;
    size_t count;
    uint8_t ids[COMPLETE_BATCH][SNAPSHOT_ID_SIZE];
};

static int list(void *arg, const struct snapshot *snapshot)
{
    struct batch *batch = arg;

    batch->after = snapshot->number;
    memcpy(batch->ids[batch->count++], snapshot->id, SNAPSHOT_ID_SIZE);
    return batch->count == COMPLETE_BATCH;
}

/* Those that wait now; more may come, and they find the image. */
static int complete_all(const struct import_options *options, struct tree_reader *reader, const char *name,
                        const struct join_image *image, struct error *err)
{
    struct batch batch = {0};
    int rc;

    do {
        batch.count = 0;
        rc = image_visit_waiting(options->store, name, batch.after, list, &batch, err);
        for (size_t i = 0; i < batch.count && rc >= 0; i++) {
            int completed = complete(options, reader, image, batch.ids[i], err);

            rc = completed < 0 ? completed : rc;
        }
    } while (rc > 0);
    return rc;
}

int complete_waiting(const struct import_options *options, const char *name, struct error *err)
{
    struct tree_cache *cache = NULL;
    struct tree_reader *reader = NULL;
    struct join_image image;
    int rc = join_find(&image, options->store, name, err);

    if (rc < 0)
        return rc == -ENOENT ? 0 : rc;
    rc = tree_cache_new(&cache, COMPLETE_CACHE, err);
    if (rc == 0)
        rc = tree_reader_new(&reader, options->store, cache, err);
    if (rc == 0)
        rc = complete_all(options, reader, name, &image, err);
    tree_reader_free(reader);
    tree_cache_free(cache);
    return rc;
}
