/* frame_origin.c - the image that a frame's container was made of, when that was, and what the frame knows nothing of:
 * all that a join needs beside the tree, as notes.
 */
#include "import/frame.h"

#include "base/timestamp.h"
#include "import/notes.h"

#include <errno.h>

/* A dockerinspect record. */
struct inspected {
    size_t at, size; /* of its key, in origin.keys */
    bool has_created;
    uint64_t created; /* ns */
};

void origin_free(struct origin *origin)
{
    buffer_free(&origin->container);
    buffer_free(&origin->inspected);
    buffer_free(&origin->keys);
}

/* --- Taking ------------------------------------------------------------------------------------------------------- */

/* The first member that tells of an image counts, if it can be one. */
static int take_name(struct frame *frame, const struct record *metadata, const char *member,
                     bool (*name_of)(char name[JOIN_NAME_SIZE], const char *text), struct error *err)
{
    struct origin *origin = &frame->origin;
    int rc = frame_find_text(frame, metadata, member, NULL, err);

    if (rc <= 0 || frame->text.size == 0)
        return rc < 0 ? rc : 0;
    origin->tells_image = true;
    if (!origin->image[0] &&
        (memchr(frame->text.bytes, '\0', frame->text.size) || !name_of(origin->image, (const char *)frame->text.bytes)))
        origin->image[0] = '\0';
    return 0;
}

int frame_take_image(struct frame *frame, const struct record *metadata, struct error *err)
{
    int rc = take_name(frame, metadata, "container_image", join_name_of_id, err);

    if (rc == 0)
        rc = take_name(frame, metadata, "docker_image_long_name", join_name_of_reference, err);
    if (rc == 0)
        rc = frame_find_text(frame, metadata, "container_long_id", NULL, err);
    if (rc <= 0)
        return rc;
    buffer_add(&frame->origin.container, frame->text.bytes, frame->text.size);
    return frame->origin.container.failed ? error_system(err, ENOMEM, "a record") : 0;
}

int frame_take_inspect(struct frame *frame, const struct record *record, struct error *err)
{
    struct origin *origin = &frame->origin;
    struct inspected inspected = {.at = origin->keys.size, .size = record->key_size};
    struct json json;

    json_begin(&json, record->value.text, record->value.size);
    int rc = json_next(&json) == JSON_OBJECT ? frame_find_text(frame, record, "Created", NULL, err) : 0;
    if (rc < 0)
        return rc;
    inspected.has_created =
        rc == 1 && timestamp_parse(&inspected.created, (const char *)frame->text.bytes, frame->text.size);
    buffer_add(&origin->keys, record->key, record->key_size);
    buffer_add(&origin->inspected, &inspected, sizeof inspected);
    return origin->keys.failed || origin->inspected.failed ? error_system(err, ENOMEM, "a record") : 0;
}

/* --- Noting ------------------------------------------------------------------------------------------------------- */

/* The record of the container that was crawled, or the only one. */
static const struct inspected *find_inspected(const struct origin *origin)
{
    const struct inspected *list = (const struct inspected *)(const void *)origin->inspected.bytes;
    size_t count = origin->inspected.size / sizeof *list;

    for (size_t i = 0; i < count && origin->container.size > 0; i++)
        if (list[i].size == origin->container.size &&
            memcmp(origin->keys.bytes + list[i].at, origin->container.bytes, list[i].size) == 0)
            return &list[i];
    return count == 1 ? list : NULL;
}

static int note_changed(struct frame *frame, const struct file_ref *ref, struct error *err)
{
    struct record record;
    int rc = frame_read_again(&record, frame, ref, err);

    if (rc < 0)
        return rc;
    struct noted noted = {record.key, record.key_size};
    frame_path_problem(&noted.path, &noted.size, frame); /* it has none; this takes the prefix away */
    return note_join(&frame->features, noted, KNOWN_CHANGED, err);
}

/* All that mtime and size tell can be forged inside the container. Its ctime cannot. */
static int note_changes(struct frame *frame, struct error *err)
{
    const struct inspected *inspected = find_inspected(&frame->origin);
    int rc = inspected && inspected->has_created ? note_created(&frame->features, inspected->created, err) : 1;

    for (size_t at = 0; at < frame->files.size && rc == 0; at += sizeof(struct file_ref)) {
        struct file_ref ref;

        memcpy(&ref, frame->files.bytes + at, sizeof ref);
        if (ref.ctime > inspected->created)
            rc = note_changed(frame, &ref, err);
    }
    return rc < 0 ? rc : 0;
}

int frame_visit_unknown(struct frame *frame,
                        int (*visit)(struct frame *frame, const char *path, size_t size, struct error *err),
                        struct error *err)
{
    const struct import_options *options = frame->options;
    int rc = frame->has_files ? 0 : visit(frame, "/", 1, err);

    for (const struct join_uncrawled *each = join_uncrawled; each->path && !frame->prefix_size && rc == 0; each++)
        if (!builder_says(frame->builder, each->path, strlen(each->path)))
            rc = visit(frame, each->path, strlen(each->path), err);
    for (size_t i = 0; i < options->excluded_count && rc == 0; i++) {
        const char *path = options->excluded[i];
        size_t size = 0;

        rc = prefix_check(&size, "--excluded", path, err);
        if (rc == 0 && !builder_says(frame->builder, path, size))
            rc = visit(frame, path, size, err);
    }
    return rc;
}

static int note_not_crawled(struct frame *frame, const char *path, size_t size, struct error *err)
{
    return note_join(&frame->features, (struct noted){path, size}, KNOWN_NOT_CRAWLED, err);
}

int frame_note_origin(struct frame *frame, struct error *err)
{
    int rc = note_changes(frame, err);

    return rc < 0 || !frame->origin.tells_image ? rc : frame_visit_unknown(frame, note_not_crawled, err);
}
