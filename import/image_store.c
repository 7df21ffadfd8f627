/* image_store.c - layers from the lowest one up that is not there; publishing comes last, so that an image is there
 * whole or not at all.
 */
#include "import/image_store.h"

#include "base/cleanup.h"
#include "base/jsonl.h"
#include "base/timestamp.h"
#include "db/blob.h"
#include "db/image.h"
#include "db/lease.h"
#include "import/builder.h"
#include "import/complete.h"
#include "import/join.h"
#include "import/layer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct storing {
    const struct image_content *content;
    const struct members *members;
    const struct import_options *options;
    struct tree_reader *reader;
    struct layer *alone, *chain; /* of the content's layers; below `known` nothing is filled but the chain there */
    size_t known;                /* how many layers the store has the chain of */
    struct layer_report report;
};

/* --- Layers ------------------------------------------------------------------------------------------------------- */

static int find_known(struct storing *s, struct error *err)
{
    for (s->known = s->content->count; s->known > 0; s->known--) {
        int rc = layer_find(&s->chain[s->known - 1], s->options->store, LAYER_CHAIN,
                            &s->content->layers[s->known - 1].chain, err);
        if (rc != -ENOENT)
            return rc;
    }
    return 0;
}

/* What the manifest says of the blob, once all of its bytes were read. */
static int check_blob(const struct storing *s, const struct image_layer *layer, struct input *input, struct error *err)
{
    struct digest digest;
    int rc = input_digest(&digest, input, err);

    if (rc == 0 && !digest_equal(&digest, &layer->blob.digest))
        rc = members_refuse(err, s->members, layer->member, "its SHA-256 is another");
    return rc;
}

static int import_layer(struct storing *s, size_t index, struct error *err)
{
    const struct image_layer *layer = &s->content->layers[index];
    struct import_options options = *s->options;
    struct input *input;
    uint64_t size;
    int rc = members_input(&input, &size, s->members, layer->member, err);

    if (rc < 0)
        return rc;
    options.part = (unsigned)index + 1;
    options.parts = (unsigned)s->content->count;
    if (layer->has_blob && size != layer->blob.size)
        rc = members_refuse(err, s->members, layer->member, "it has %llu bytes, its descriptor says %llu",
                            (unsigned long long)size, (unsigned long long)layer->blob.size);
    if (rc == 0 && layer->has_blob)
        rc = input_hash(input, err);
    if (rc == 0)
        rc = layer_import(&s->alone[index], &s->chain[index], &s->report, &options, input, &layer->diffid,
                          index > 0 ? &s->chain[index - 1] : NULL, s->reader, err);
    if (rc == 0 && layer->has_blob)
        rc = check_blob(s, layer, input, err);
    input_close(input);
    return rc;
}

/* --- What is published -------------------------------------------------------------------------------------------- */

static void add_text(struct buffer *out, const char *name, const char *text)
{
    if (text)
        jsonl_string(out, name, text);
    else
        jsonl_raw(out, name, "null", 4);
}

static void add_digest(struct buffer *out, const char *name, const struct digest *digest)
{
    char text[sizeof "sha256:" + DIGEST_HEX_SIZE] = "sha256:";

    if (digest)
        hex_encode(text + strlen(text), digest->bytes, DIGEST_SIZE);
    add_text(out, name, digest ? text : NULL);
}

static void add_layer(struct buffer *out, const struct image_layer *layer)
{
    buffer_add_byte(out, '{');
    add_digest(out, "chain_id", &layer->chain);
    add_text(out, "created", layer->created);
    add_text(out, "created_by", layer->created_by);
    add_digest(out, "diff_id", &layer->diffid);
    add_digest(out, "digest", layer->has_blob ? &layer->blob.digest : NULL);
    add_text(out, "media_type", layer->has_blob ? layer->blob.media_type : NULL);
    if (layer->has_blob)
        jsonl_number(out, "size", layer->blob.size);
    else
        jsonl_raw(out, "size", "null", 4);
    buffer_add_byte(out, '}');
}

static int put_layers(int64_t *id, const struct storing *s, struct error *err)
{
    struct buffer text cleanup_buffer = {0};
    struct digest digest;

    buffer_add_byte(&text, '[');
    for (size_t i = 0; i < s->content->count; i++) {
        buffer_add_text(&text, i ? "," : "");
        add_layer(&text, &s->content->layers[i]);
    }
    buffer_add_byte(&text, ']');
    if (text.failed)
        return error_system(err, ENOMEM, "%s", members_name(s->members));
    return blob_put(id, &digest, s->options->store, text.bytes, text.size, err);
}

/* What an image without layers is: a root that nobody mentioned. */
static int write_empty(struct snapshot *snapshot, struct store *store, struct error *err)
{
    struct builder *builder = builder_new(BUILDER_LAYER, store_directory(store));
    int rc = builder ? builder_settle(builder, NULL, NULL, err) : error_system(err, ENOMEM, "an empty tree");

    if (rc == 0)
        rc = builder_write(&snapshot->root, &snapshot->links, builder, store, err);
    builder_free(builder);
    return rc < 0 ? rc : node_empty(&snapshot->features, store, NODE_FEATURES, err);
}

static int fill(struct snapshot *snapshot, struct image *image, const struct storing *s, struct error *err)
{
    const struct image_content *content = s->content;
    struct store *store = s->options->store;
    struct digest digest;
    int rc = blob_put(&image->config_blob, &digest, store, content->bytes.bytes, content->bytes.size, err);

    if (rc == 0)
        rc = put_layers(&image->layers_blob, s, err);
    if (rc == 0 && content->count == 0)
        rc = write_empty(snapshot, store, err);
    if (rc < 0)
        return rc;
    image->config = snapshot->source = content->config;
    image->chain = snapshot->root.digest;
    if (content->count > 0) {
        const struct layer *top = &s->chain[content->count - 1];

        image->chain = top->digest;
        snapshot->root = top->root;
        snapshot->links = top->links;
        snapshot->features = top->notes;
    }
    return 0;
}

/* --- Publishing --------------------------------------------------------------------------------------------------- */

static void warn_left_out(const struct storing *s, const struct snapshot *snapshot)
{
    struct buffer text cleanup_buffer = {0};
    char id[SNAPSHOT_ID_HEX_SIZE];

    if (s->report.left_out == 0 || !s->options->warn)
        return;
    hex_encode(id, snapshot->id, SNAPSHOT_ID_SIZE);
    buffer_add_format(&text, "%llu %s left out (first: %s: %s); see confuse manifest %s",
                      (unsigned long long)s->report.left_out, s->report.left_out == 1 ? "entry" : "entries",
                      members_name(s->members), s->report.first_why, id);
    buffer_add_byte(&text, '\0');
    if (!text.failed)
        s->options->warn(s->options->arg, (const char *)text.bytes);
}

/* All tags of one namespace, which is `first`'s; then its snapshot is told. */
static int publish(struct storing *s, struct snapshot *snapshot, struct image *image, const struct image_target *first,
                   const struct image_target *end, struct error *err)
{
    struct image_commit commit = {
        .image = image,
        .alone = s->alone + s->known,
        .chain = s->chain + s->known,
        .count = s->content->count - s->known,
        .below = s->known ? s->chain[s->known - 1].number : 0,
    };
    bool is_new = false, was_new;
    int rc = 0;

    snapshot->namespace = first->namespace;
    for (const struct image_target *t = first; t < end && rc == 0; t++) {
        if (strcmp(t->namespace, first->namespace) != 0)
            continue;
        commit.tag = t->tag;
        rc = image_publish(&was_new, snapshot, &commit, s->options->store, err);
        is_new = is_new || was_new;
    }
    if (rc < 0 || !s->options->imported)
        return rc;
    return s->options->imported(s->options->arg, snapshot, is_new);
}

static bool came_before(const struct image_target *targets, const struct image_target *target)
{
    for (const struct image_target *t = targets; t < target; t++)
        if (strcmp(t->namespace, target->namespace) == 0)
            return true;
    return false;
}

static int publish_all(struct storing *s, const char *format, const struct image_target *targets, size_t count,
                       struct error *err)
{
    const struct import_options *options = s->options;
    uint64_t created = s->content->created;
    struct snapshot snapshot = {
        .time = options->has_time ? options->time
                : created         ? created
                                  : timestamp_now(),
        .format = format,
        .has_source = true,
    };
    struct image image = {0};
    int rc = fill(&snapshot, &image, s, err);

    for (const struct image_target *t = targets; t < targets + count && rc == 0; t++)
        if (!came_before(targets, t)) {
            struct snapshot one = snapshot;

            rc = publish(s, &one, &image, t, targets + count, err);
            if (rc == 0)
                warn_left_out(s, &one);
        }
    return rc;
}

/* Frames that came before, by what they may call the image. */
static int complete_frames(const struct storing *s, const struct image_target *targets, size_t count, struct error *err)
{
    char name[JOIN_NAME_SIZE];

    join_name_of_digest(name, &s->content->config);
    int rc = complete_waiting(s->options, name, err);
    for (const struct image_target *t = targets; t < targets + count && rc == 0; t++)
        if (t->tag && join_name_of_tag(name, t->namespace, t->tag))
            rc = complete_waiting(s->options, name, err);
    return rc;
}

int image_store(const struct image_content *content, const char *format, const struct image_target *targets,
                size_t count, const struct members *members, const struct import_options *options,
                struct tree_reader *reader, struct error *err)
{
    cleanup_free struct layer *alone = calloc(content->count + 1, sizeof *alone);
    cleanup_free struct layer *chain = calloc(content->count + 1, sizeof *chain);
    struct storing s = {
        .content = content, .members = members, .options = options, .reader = reader, .alone = alone, .chain = chain};
    int rc = alone && chain ? lease_begin(options->store, err) : error_system(err, ENOMEM, "%s", members_name(members));

    if (rc == 0)
        rc = find_known(&s, err);
    for (size_t i = s.known; i < content->count && rc == 0; i++)
        rc = import_layer(&s, i, err);
    if (rc == 0)
        rc = publish_all(&s, format, targets, count, err);
    return rc < 0 ? rc : complete_frames(&s, targets, count, err);
}
