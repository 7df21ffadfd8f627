/* frame_store.c - an arranged frame into the store. */
#include "import/frame.h"

#include "db/frame.h"

#include <errno.h>
#include <stdlib.h>

#define RAW_BLOCK 262144u /* bytes of the frame handed on at once */

static int store_raw(struct frame *frame, int64_t *id, struct digest *digest, struct error *err)
{
    struct frame_writer *writer;
    uint8_t *block = malloc(RAW_BLOCK);
    int rc = block ? frame_writer_new(&writer, frame->options->store, err) : error_system(err, ENOMEM, "a block");

    if (rc < 0) {
        free(block);
        return rc;
    }
    for (uint64_t at = 0, size; rc == 0 && at < spool_size(frame->raw); at += size) {
        size = spool_size(frame->raw) - at < RAW_BLOCK ? spool_size(frame->raw) - at : RAW_BLOCK;
        rc = spool_read(block, frame->raw, at, size, err);
        if (rc == 0)
            rc = frame_writer_add(writer, block, size, err);
    }
    if (rc == 0)
        rc = frame_writer_finish(id, digest, writer, err);
    frame_writer_free(writer);
    free(block);
    return rc;
}

static int tell_unknown(struct frame *frame, const char *path, size_t size, struct error *err)
{
    return builder_unknown(frame->builder, path, size, err);
}

/* The image that the capture was joined with before, where it was: a tag may have moved since, and the same frame is
 * the same snapshot. Else the one that is called so. -ENOENT: it is not here. */
static int find_image(struct join_image *image, const struct snapshot *snapshot, const struct frame *frame,
                      struct error *err)
{
    struct store *store = frame->options->store;
    struct snapshot earlier;
    int rc = snapshot_find_capture(&earlier, store, snapshot, err);

    if (rc == 0 && earlier.image)
        return join_find_number(image, store, earlier.image, err);
    return rc < 0 && rc != -ENOENT ? rc : join_find(image, store, frame->origin.image, err);
}

/* Lay the image below the tree, or say that it is missing. */
static int join(struct snapshot *snapshot, struct frame *frame, struct error *err)
{
    struct join_image image;

    if (!frame->origin.image[0])
        return 0;
    int rc = find_image(&image, snapshot, frame, err);
    if (rc == -ENOENT) {
        snapshot->wants = frame->origin.image;
        return 0;
    }
    if (rc == 0)
        rc = frame_visit_unknown(frame, tell_unknown, err);
    if (rc < 0)
        return rc;
    snapshot->image = image.number;
    return join_over(frame->builder, &image, !frame->has_files, err);
}

int frame_store(struct snapshot *snapshot, bool *is_new, struct frame *frame, struct error *err)
{
    struct store *store = frame->options->store;

    *snapshot = (struct snapshot){
        .namespace = frame->options->namespace ? frame->options->namespace : frame->namespace,
        .time = frame->time,
        .format = "frame",
        .has_source = true,
        .partial = frame->partial,
    };
    int rc = store_raw(frame, &snapshot->frame, &snapshot->source, err);
    if (rc == 0)
        rc = configs_store(frame, err);
    if (rc == 0)
        rc = join(snapshot, frame, err);
    if (rc == 0)
        rc = builder_write(&snapshot->root, &snapshot->links, frame->builder, store, err);
    if (rc == 0)
        rc = record_set_write(&snapshot->features, &frame->features, store, err);
    if (rc == 0)
        rc = snapshot_publish(is_new, snapshot, store, err);
    if (rc < 0)
        store_rollback(store);
    return rc;
}
