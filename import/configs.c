/* configs.c - see configs.h. */
#include "import/configs.h"

#include "db/blob.h"
#include "import/frame.h"
#include "import/notes.h"

#include <errno.h>
#include <stdlib.h>

#define ETC "/etc/"
#define PROC "/proc/"

/* A part of configs->names. */
struct slice {
    size_t at, size;
};

struct config {
    struct slice key;                                  /* as the frame has it */
    struct slice name;                                 /* size 0: the record has none */
    struct slice destination;                          /* path in the tree; size 0: none */
    const char *why;                                   /* there is no destination */
    uint64_t content, content_size, value, value_size; /* in frame->values */
    uint64_t line;
    size_t order;
    struct digest digest; /* of the content */
    bool lossy;           /* the content's text had surrogates that stand for nothing */
    bool made;            /* no file record stands at the destination */
    bool placed;          /* this is the content that the destination gets */
};

void configs_free(struct configs *configs)
{
    buffer_free(&configs->names);
    buffer_free(&configs->list);
}

static struct config *list_of(const struct configs *configs)
{
    return (struct config *)(void *)configs->list.bytes;
}

static size_t count_of(const struct configs *configs)
{
    return configs->list.size / sizeof(struct config);
}

static const char *text_of(const struct configs *configs, struct slice slice)
{
    return (const char *)configs->names.bytes + slice.at;
}

static struct slice add_name(struct configs *configs, const void *text, size_t size)
{
    struct slice slice = {configs->names.size, size};

    buffer_add(&configs->names, text, size);
    return slice;
}

/* --- Taking ------------------------------------------------------------------------------------------------------- */

/* What the frame's canonical buffer and its text buffer (the content) hold, to the spool. */
static int spool_config(struct config *config, struct frame *frame, struct error *err)
{
    config->value = spool_size(frame->values);
    config->value_size = frame->canonical.size;
    int rc = spool_add(frame->values, frame->canonical.bytes, frame->canonical.size, err);
    if (rc < 0)
        return rc;
    config->content = spool_size(frame->values);
    config->content_size = frame->text.size;
    sha256_of(&config->digest, frame->sha, frame->text.bytes, frame->text.size);
    return spool_add(frame->values, frame->text.bytes, frame->text.size, err);
}

int configs_take(struct frame *frame, const struct record *record, struct error *err)
{
    struct configs *configs = &frame->configs;
    struct config config = {.line = frame->line, .order = count_of(configs)};
    const char *path = record->key;
    size_t size = record->key_size;
    int rc = frame_canonical(frame, record, err);

    if (rc < 0)
        return rc;
    const char *problem = frame_path_problem(&path, &size, frame);
    if (problem)
        return frame_leave_out(frame, FRAME_CONFIG, record->key, record->key_size, frame->line, problem, err);
    rc = frame_find_text(frame, record, "name", NULL, err);
    if (rc < 0)
        return rc;
    if (rc == 1)
        config.name = add_name(configs, frame->text.bytes, frame->text.size);
    rc = frame_find_text(frame, record, "content", &config.lossy, err);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return frame_leave_out(frame, FRAME_CONFIG, record->key, record->key_size, frame->line, "it has no content",
                               err);
    rc = spool_config(&config, frame, err);
    if (rc < 0)
        return rc;
    config.key = add_name(configs, record->key, record->key_size);
    buffer_add(&configs->list, &config, sizeof config);
    return configs->names.failed || configs->list.failed ? error_system(err, ENOMEM, "cannot hold the contents") : 0;
}

/* --- Where a content belongs -------------------------------------------------------------------------------------- */

static bool is_basename(const char *name, size_t name_size, const char *path, size_t size)
{
    return name_size < size && path[size - name_size - 1] == '/' &&
           memcmp(path + size - name_size, name, name_size) == 0;
}

/* A path that only the crawler had, or another file's: what was asked for was /etc/<name>, if that is a link which
 * leads to the path or (as /etc/mtab does) to something that was not captured. */
static bool destination_by_name(char resolved[BUILDER_PATH_MAX + 1], struct frame *frame, const struct config *config,
                                const char *path, size_t size)
{
    char link[BUILDER_PATH_MAX + 1];
    const char *name = text_of(&frame->configs, config->name);
    size_t name_size = config->name.size;
    bool in_proc = size > strlen(PROC) && memcmp(path, PROC, strlen(PROC)) == 0;

    if (name_size == 0 || name_size > ENTRY_NAME_MAX || memchr(name, '/', name_size) ||
        (!in_proc && is_basename(name, name_size, path, size)))
        return false;
    memcpy(link, ETC, strlen(ETC));
    memcpy(link + strlen(ETC), name, name_size);
    size_t link_size = strlen(ETC) + name_size;
    struct entry entry;
    if (builder_find(&entry, frame->builder, link, link_size, NULL) < 0 || !S_ISLNK(entry.mode))
        return false;
    int rc = builder_resolve(resolved, frame->builder, link, link_size);
    /* Where the path leads to the same place through links, following the path finds it. */
    return rc == 0 || (rc == 1 && strlen(resolved) == size && memcmp(resolved, path, size) == 0);
}

static const char *why_unresolved(int rc)
{
    return rc == -ELOOP     ? "its path leads through too many links"
           : rc == -ENOTDIR ? "its path leads below something that is no directory"
                            : "its path is too long when links are followed";
}

static void find_destination(struct frame *frame, struct config *config)
{
    char resolved[BUILDER_PATH_MAX + 1];
    const char *path = text_of(&frame->configs, config->key);
    size_t size = config->key.size;

    frame_path_problem(&path, &size, frame); /* it has none; this takes the prefix away */
    if (!destination_by_name(resolved, frame, config, path, size)) {
        int rc = builder_resolve(resolved, frame->builder, path, size);

        if (rc < 0) {
            config->why = why_unresolved(rc);
            return;
        }
    }
    config->why = builder_path_problem(resolved, strlen(resolved));
    if (!config->why)
        config->destination = add_name(&frame->configs, resolved, strlen(resolved));
}

/* By destination, those without one first; then in the frame's order. */
static int by_destination(const void *a, const void *b, void *arg)
{
    const struct config *x = a, *y = b;
    const struct configs *configs = arg;
    size_t shorter = x->destination.size < y->destination.size ? x->destination.size : y->destination.size;
    int order = memcmp(text_of(configs, x->destination), text_of(configs, y->destination), shorter);

    if (order == 0)
        order = (x->destination.size > y->destination.size) - (x->destination.size < y->destination.size);
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

static bool same_destination(const struct configs *configs, const struct config *a, const struct config *b)
{
    return a->destination.size == b->destination.size &&
           memcmp(text_of(configs, a->destination), text_of(configs, b->destination), a->destination.size) == 0;
}

/* --- Placing ------------------------------------------------------------------------------------------------------ */

static int read_value(struct frame *frame, const struct config *config, struct error *err)
{
    buffer_clear(&frame->canonical);
    if (!buffer_reserve(&frame->canonical, config->value_size))
        return error_system(err, ENOMEM, "a value");
    buffer_took(&frame->canonical, config->value_size);
    return spool_read(frame->canonical.bytes, frame->values, config->value, config->value_size, err);
}

static int leave_out(struct frame *frame, const struct config *config, const char *why, struct error *err)
{
    int rc = read_value(frame, config, err);

    return rc < 0 ? rc
                  : frame_leave_out(frame, FRAME_CONFIG, text_of(&frame->configs, config->key), config->key.size,
                                    config->line, why, err);
}

static int keep_duplicate(struct frame *frame, const struct config *config, struct error *err)
{
    struct noted noted = {text_of(&frame->configs, config->destination), config->destination.size};
    int rc = read_value(frame, config, err);

    if (rc == 0)
        rc = frame_keep(frame, FRAME_CONFIG, strlen(FRAME_CONFIG), text_of(&frame->configs, config->key),
                        config->key.size, err);
    return rc < 0 ? rc : note_duplicate(&frame->features, noted, FRAME_CONFIG, err);
}

static uint64_t tag_of(const struct config *config)
{
    return config->made ? JOIN_NO_RECORD : 0;
}

/* A file that has content but no record. */
static int add_file(struct frame *frame, const struct config *config, struct error *err)
{
    struct entry entry = {
        .mode = S_IFREG | 0644,
        .size = config->content_size,
        .mtime = frame->time,
        .flags = config->lossy ? ENTRY_LOSSY : 0,
    };

    return builder_add(frame->builder, text_of(&frame->configs, config->destination), config->destination.size, &entry,
                       NULL, JOIN_NO_RECORD, err);
}

/* The content's own length is what is served; how it differs from the record's is noted. */
static int set_size(struct frame *frame, struct config *config, struct entry *entry, struct error *err)
{
    struct noted noted = {text_of(&frame->configs, config->destination), config->destination.size};
    uint64_t held = config->content_size, recorded = entry->size;
    bool is_recorded = recorded > 0 || !(entry->flags & ENTRY_ABSENT);
    bool lossy = config->lossy || held < recorded;
    int rc = 0;

    config->placed = true;
    if (config->made)
        rc = note_join(&frame->features, noted, KNOWN_NO_RECORD, err);
    if (rc == 0 && frame->origin.tells_image)
        rc = note_join(&frame->features, noted, KNOWN_CAPTURED, err);
    if (rc == 0 && lossy)
        rc = note_size(&frame->features, noted, "lossy", held, recorded, err);
    else if (rc == 0 && is_recorded && held > recorded)
        rc = note_size(&frame->features, noted, "other-time", held, recorded, err);
    entry->size = held;
    entry->flags &= ~ENTRY_ABSENT;
    if (lossy)
        entry->flags |= ENTRY_LOSSY;
    return rc < 0 ? rc
                  : builder_replace(frame->builder, noted.path, noted.size, entry, &(struct entry_digests){0},
                                    tag_of(config), err);
}

/* The contents of one destination, in the frame's order: the first counts. */
static int place_group(struct frame *frame, struct config *group, size_t count, struct error *err)
{
    const char *path = text_of(&frame->configs, group->destination);
    struct entry entry;
    int rc = group->why ? -ENOENT : builder_find(&entry, frame->builder, path, group->destination.size, err);

    if (rc < 0 && rc != -ENOENT)
        return rc;
    const char *why = group->why             ? group->why
                      : rc < 0               ? "something above it is no directory"
                      : !S_ISREG(entry.mode) ? "what stands at its path is no regular file"
                                             : NULL;
    rc = why ? 0 : set_size(frame, group, &entry, err);

    for (size_t i = 0; i < count && rc == 0; i++) {
        if (why)
            rc = leave_out(frame, &group[i], group[i].why ? group[i].why : why, err);
        else if (i > 0 && !digest_equal(&group[0].digest, &group[i].digest))
            rc = keep_duplicate(frame, &group[i], err);
    }
    return rc;
}

/* What could not be put below a file shows when its group is placed. */
static int ignore_conflict(void *arg, enum builder_conflict conflict, const char *path, size_t size, uint64_t tag,
                           struct error *err)
{
    (void)arg, (void)conflict, (void)path, (void)size, (void)tag, (void)err;
    return 0;
}

static bool first_of_destination(const struct configs *configs, size_t i)
{
    const struct config *config = &list_of(configs)[i];

    return !config->why && (i == 0 || !same_destination(configs, config - 1, config));
}

/* All are looked up before one is added: nothing is found in a builder that is not settled. */
static int add_missing_files(struct frame *frame, struct error *err)
{
    struct configs *configs = &frame->configs;
    bool added = false;
    int rc = 0;

    for (size_t i = 0; i < count_of(configs); i++) {
        struct config *config = &list_of(configs)[i];
        const char *path = text_of(configs, config->destination);

        struct entry entry;

        if (!first_of_destination(configs, i))
            continue;
        rc = builder_find(&entry, frame->builder, path, config->destination.size, err);
        if (rc < 0 && rc != -ENOENT)
            return rc;
        config->made = rc == -ENOENT;
        added |= config->made;
    }
    rc = 0;
    for (size_t i = 0; i < count_of(configs) && rc == 0; i++)
        if (list_of(configs)[i].made)
            rc = add_file(frame, &list_of(configs)[i], err);
    return rc == 0 && added ? builder_settle(frame->builder, ignore_conflict, NULL, err) : rc;
}

int configs_place(struct frame *frame, struct error *err)
{
    struct configs *configs = &frame->configs;
    size_t count = count_of(configs);

    if (count == 0)
        return 0;
    for (size_t i = 0; i < count; i++)
        find_destination(frame, &list_of(configs)[i]);
    if (configs->names.failed)
        return error_system(err, ENOMEM, "cannot hold the contents");
    qsort_r(list_of(configs), count, sizeof(struct config), by_destination, configs);
    int rc = add_missing_files(frame, err);
    for (size_t i = 0, next; i < count && rc == 0; i = next) {
        next = i + 1;
        while (next < count && same_destination(configs, &list_of(configs)[i], &list_of(configs)[next]))
            next++;
        rc = place_group(frame, &list_of(configs)[i], next - i, err);
    }
    return rc;
}

/* --- Storing ------------------------------------------------------------------------------------------------------ */

static int set_content(struct frame *frame, const struct config *config, int64_t blob, const struct digest *digest,
                       struct error *err)
{
    const char *path = text_of(&frame->configs, config->destination);
    struct entry entry;
    int rc = builder_find(&entry, frame->builder, path, config->destination.size, err);

    if (rc < 0)
        return rc == -ENOENT ? 0 : rc;
    entry.content = blob;
    return builder_replace(frame->builder, path, config->destination.size, &entry,
                           &(struct entry_digests){.content = *digest}, tag_of(config), err);
}

int configs_store(struct frame *frame, struct error *err)
{
    const struct configs *configs = &frame->configs;
    int rc = 0;

    for (size_t i = 0; i < count_of(configs) && rc == 0; i++) {
        const struct config *config = &list_of(configs)[i];
        struct digest digest;
        int64_t blob;

        if (!config->placed)
            continue;
        buffer_clear(&frame->text);
        if (!buffer_reserve(&frame->text, config->content_size + 1))
            return error_system(err, ENOMEM, "a content");
        rc = spool_read(frame->text.bytes, frame->values, config->content, config->content_size, err);
        if (rc == 0)
            rc = blob_put(&blob, &digest, frame->options->store, frame->text.bytes, config->content_size, err);
        if (rc == 0)
            rc = set_content(frame, config, blob, &digest, err);
    }
    return rc;
}
