/* changes.c - the three kinds of changes one after the other, and a line for each. */
#include "tree/changes.h"

#include "base/jsonl.h"
#include "base/quote.h"
#include "tree/manifest.h"

#include <errno.h>
#include <string.h>

const struct change_options change_defaults = {.files = {.renames = true}};

const char *diff_change_name(enum diff_change change)
{
    static const char *const names[] = {[DIFF_ADDED] = "added",
                                        [DIFF_REMOVED] = "removed",
                                        [DIFF_MODIFIED] = "modified",
                                        [DIFF_RENAMED] = "renamed",
                                        [DIFF_COPIED] = "copied"};

    return names[change];
}

const char *feature_change_name(enum feature_change change)
{
    static const char *const names[] = {[FEATURE_ADDED] = "added",
                                        [FEATURE_REMOVED] = "removed",
                                        [FEATURE_MODIFIED] = "modified",
                                        [FEATURE_UPGRADED] = "upgraded"};

    return names[change];
}

struct capture capture_of_snapshot(const struct snapshot *snapshot)
{
    return (struct capture){tree_of_snapshot(snapshot), snapshot->features.id};
}

struct capture capture_of_layer(const struct layer *layer)
{
    return (struct capture){tree_of(&layer->root, &layer->links), 0};
}

int changes_visit(bool *too_many, struct tree_reader *reader, const struct capture *a, const struct capture *b,
                  const struct change_options *options, const struct change_visitor *visitor, struct error *err)
{
    int result = 0;

    if (too_many)
        *too_many = false;
    if (visitor->file)
        result = diff_trees(too_many, reader, a->tree, b->tree, &options->files, visitor->file, visitor->arg, err);
    if (result == 0 && visitor->links)
        result = links_diff(reader, a->tree, b->tree, visitor->links, visitor->arg, err);
    if (result == 0 && visitor->feature && a->features && b->features)
        result =
            features_diff(reader, a->features, b->features, options->measured, visitor->feature, visitor->arg, err);
    return result;
}

/* --- Lines -------------------------------------------------------------------------------------------------------- */

struct writing {
    struct tree_reader *reader;
    const struct change_options *options;
    struct buffer line, list;
    uint64_t lines;
    int (*sink)(void *arg, const void *bytes, size_t size);
    void *arg;
    struct error *err;
};

static void begin(struct writing *w, const char *change)
{
    buffer_clear(&w->line);
    jsonl_begin(&w->line);
    jsonl_string(&w->line, "change", change);
}

static int flush(struct writing *w)
{
    jsonl_end(&w->line);
    if (w->line.failed || w->list.failed)
        return error_system(w->err, ENOMEM, "cannot write what changed");
    w->lines++;
    return w->sink(w->arg, w->line.bytes, w->line.size);
}

static void list_begin(struct writing *w)
{
    buffer_clear(&w->list);
    buffer_add_byte(&w->list, '[');
}

static void list_comma(struct writing *w)
{
    if (w->list.size > 1)
        buffer_add_byte(&w->list, ',');
}

static void list_end(struct writing *w, const char *name)
{
    buffer_add_byte(&w->list, ']');
    jsonl_raw(&w->line, name, w->list.bytes, w->list.size);
}

/* --- Files -------------------------------------------------------------------------------------------------------- */

static int add_digest(struct writing *w, struct buffer *object, const char *name, int64_t id, const char *path)
{
    struct blob blob;
    int result;

    if (!id)
        return 0;
    result = blob_find(&blob, tree_reader_store(w->reader), id, w->err);
    if (result == 0)
        jsonl_hex(object, name, blob.digest.bytes, DIGEST_SIZE);
    return result == -ENOENT ? error_system(w->err, EIO, "a part of %s is not in the store", path) : result;
}

static int add_entry(struct writing *w, const char *name, const struct entry *entry, const char *path)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } flags[] = {{ENTRY_ABSENT, "absent"}, {ENTRY_LOSSY, "lossy"}, {ENTRY_MADE, "made"}};
    struct buffer object cleanup_buffer = {0};

    if (!entry)
        return 0;
    jsonl_begin(&object);
    manifest_attributes(&object, entry);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (entry->flags & flags[i].flag)
            jsonl_bool(&object, flags[i].name, true);
    int result = add_digest(w, &object, "sha256", entry->content, path);
    if (result == 0)
        result = add_digest(w, &object, "xattrs", entry->xattrs, path);
    buffer_add_byte(&object, '}');
    w->line.failed |= object.failed;
    if (result == 0 && !object.failed)
        jsonl_raw(&w->line, name, object.bytes, object.size);
    return result;
}

static int add_file(struct writing *w, const struct diff_step *step)
{
    jsonl_string(&w->line, "change", diff_change_name(step->change));
    jsonl_text(&w->line, "path", step->path, step->size);
    if (step->from)
        jsonl_text(&w->line, "from", step->from, step->from_size);
    if (step->a && step->b) {
        list_begin(w);
        for (unsigned i = 0; i < DIFF_BITS; i++)
            if (step->changed & 1u << i) {
                list_comma(w);
                quote_json(&w->list, diff_bit_names[i], strlen(diff_bit_names[i]));
            }
        list_end(w, "changed");
    }
    int result = add_entry(w, "old", step->a, step->path);
    if (result == 0)
        result = add_entry(w, "new", step->b, step->path);
    return result;
}

static int write_file(void *arg, const struct diff_step *step)
{
    struct writing *w = arg;

    buffer_clear(&w->line);
    jsonl_begin(&w->line);
    int result = add_file(w, step);
    return result < 0 ? result : flush(w);
}

int changes_add_file(struct buffer *line, struct tree_reader *reader, const struct diff_step *step, struct error *err)
{
    struct writing w = {.reader = reader, .line = *line, .err = err};
    int result = add_file(&w, step);

    *line = w.line;
    line->failed |= w.list.failed;
    buffer_free(&w.list);
    return result;
}

/* --- Hard links --------------------------------------------------------------------------------------------------- */

static void add_path(struct buffer *out, const char *path)
{
    buffer_add_byte(out, '/');
    buffer_add_text(out, path);
}

static int add_link_name(void *arg, const char *path)
{
    struct buffer absolute cleanup_buffer = {0};
    struct writing *w = arg;

    add_path(&absolute, path);
    list_comma(w);
    if (!absolute.failed)
        quote_json(&w->list, absolute.bytes, absolute.size);
    w->list.failed |= absolute.failed;
    return 0;
}

static void add_link_names(struct writing *w, const char *name, const struct link_group *own,
                           const struct link_group *other)
{
    list_begin(w);
    if (own)
        link_names_only_in(own, other, add_link_name, w);
    list_end(w, name);
}

static int write_links(void *arg, const struct link_step *step)
{
    struct buffer first cleanup_buffer = {0};
    struct writing *w = arg;

    begin(w, "links");
    add_path(&first, step->path);
    if (first.failed)
        return error_system(w->err, ENOMEM, "cannot write what changed");
    jsonl_text(&w->line, "path", first.bytes, first.size);
    add_link_names(w, "joined", step->b, step->a);
    add_link_names(w, "left", step->a, step->b);
    return flush(w);
}

/* --- Features ----------------------------------------------------------------------------------------------------- */

static void add_json(struct buffer *object, const char *name, struct json_text value)
{
    if (value.text)
        jsonl_raw(object, name, value.text, value.size);
}

static int add_member(void *arg, struct json_text at, struct json_text a, struct json_text b)
{
    struct writing *w = arg;

    list_comma(w);
    buffer_add_text(&w->list, "{\"at\":\"");
    buffer_add(&w->list, at.text, at.size);
    buffer_add_byte(&w->list, '"');
    add_json(&w->list, "old", a);
    add_json(&w->list, "new", b);
    buffer_add_byte(&w->list, '}');
    return 0;
}

static int write_feature(void *arg, const struct feature_step *step)
{
    struct writing *w = arg;
    const struct feature *record = step->b ? step->b : step->a;
    int result = 0;

    begin(w, feature_change_name(step->change));
    jsonl_text(&w->line, "feature", record->type, record->type_size);
    jsonl_text(&w->line, "key", record->key, record->key_size);
    if (step->change == FEATURE_UPGRADED) {
        add_json(&w->line, "from", feature_version(step->a));
        add_json(&w->line, "to", feature_version(step->b));
    }
    if (step->a && step->b) {
        list_begin(w);
        result = features_compare(step->a, step->b, w->options->measured, add_member, w, w->err);
        list_end(w, "members");
    } else {
        jsonl_raw(&w->line, step->a ? "old" : "new", record->value, record->value_size);
    }
    return result < 0 ? result : flush(w);
}

int changes_write(uint64_t *lines, bool *too_many, struct tree_reader *reader, const struct capture *a,
                  const struct capture *b, const struct change_options *options,
                  int (*sink)(void *arg, const void *bytes, size_t size), void *arg, struct error *err)
{
    struct writing w = {.reader = reader, .options = options, .sink = sink, .arg = arg, .err = err};
    const struct change_visitor visitor = {write_file, write_links, write_feature, &w};
    int result = changes_visit(too_many, reader, a, b, options, &visitor, err);

    if (lines)
        *lines = w.lines;
    buffer_free(&w.line);
    buffer_free(&w.list);
    return result;
}
