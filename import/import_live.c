/* import_live.c - a container that runs into a snapshot: its root as a directory, the rest as features. */
#include "import/import.h"

#include "base/cleanup.h"
#include "import/dir.h"
#include "import/frame.h"
#include "import/json.h"
#include "import/live.h"
#include "import/notes.h"
#include "import/veneer/veneer.h"

#include <errno.h>

/* Where records go: as those of a frame do, so that the two cannot be told apart. */
struct features {
    struct dir *dir;
    struct live *live;
    const char *namespace;
    struct buffer canonical;
    struct json_scratch scratch;
};

static int add_record(void *arg, const char *type, const char *key, size_t key_size, const struct buffer *value,
                      struct error *err)
{
    struct features *to = arg;
    struct json json;

    buffer_clear(&to->canonical);
    json_begin(&json, (const char *)value->bytes, value->size);
    int result = json_canonical(&to->canonical, &json, NULL, &to->scratch);
    if (result < 0)
        return error_system(err, result == -ENOMEM ? ENOMEM : EINVAL, "a %s record", type);
    const struct feature feature = {
        .type = type,
        .type_size = (uint32_t)strlen(type),
        .key = key,
        .key_size = (uint32_t)key_size,
        .value = (const char *)to->canonical.bytes,
        .value_size = (uint32_t)to->canonical.size,
    };
    return record_set_add(&to->dir->features, &feature, err);
}

static int add_note(void *arg, const char *path, size_t size, const char *what, const char *why, struct error *err)
{
    struct features *to = arg;

    return note_capture(&to->dir->features, (struct noted){path, size}, what, why, err);
}

static int produce(void *arg, struct dir *dir, struct error *err)
{
    struct features *to = arg;

    to->dir = dir;
    return live_produce(to->live, to->namespace, LIVE_FEATURES, err);
}

/* The veneer is made from a frame: a live capture is one that was never written down. */
static int lay_veneer(void *arg, struct dir *dir, struct snapshot *snapshot, struct error *err)
{
    struct frame frame = {
        .options = dir->options, .builder = dir->builder, .features = dir->features, .time = snapshot->time};
    (void)arg;

    if (!dir->options->veneer)
        return 0;
    struct journal *made = journal_new(store_directory(dir->options->store));
    int result = made ? veneer_make(made, &frame, err) : error_system(err, ENOMEM, "the veneer");
    if (result == 0)
        result = veneer_lay(&snapshot->root, &snapshot->links, made, dir->options->store, err);
    dir->features = frame.features; /* with the notes on what was made */
    journal_free(made);
    return result;
}

static void own(void *arg, struct stat *st)
{
    const struct features *to = arg;

    live_own(to->live, st);
}

int import_live(const struct import_options *options, const char *pid, struct error *err)
{
    struct features features = {0};
    const struct live_sink sink = {add_record, add_note, &features};
    const struct dir_source source = {"live", true, produce, lay_veneer, own, &features};
    cleanup_free char *name = NULL;

    if (!live_is_pid(pid))
        return error_usage(err, "%s is no number of a process", pid);
    int result = live_open(&features.live, pid, &sink, err);
    if (result == 0 && !options->namespace)
        result = live_namespace(&name, features.live, err);
    features.namespace = name ? name : options->namespace;
    if (result == 0)
        result = namespace_check(features.namespace, strlen(features.namespace), err);
    if (result == 0)
        result = dir_import(options, features.live->root, features.namespace, &source, err);
    live_close(features.live);
    buffer_free(&features.canonical);
    json_scratch_free(&features.scratch);
    return result;
}
