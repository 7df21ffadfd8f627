/* frame_store.c - an arranged frame into the store. */
#include "import/frame.h"

#include "db/frame.h"
#include "db/lease.h"
#include "import/veneer/veneer.h"

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

/* The tree, over the image if that is here. One that brings nothing is none that it was joined with, as when it comes
 * later. */
static int store_tree(struct snapshot *snapshot, struct frame *frame, struct error *err)
{
    struct store *store = frame->options->store;
    struct join_image image;
    bool differs;
    int rc = frame->origin.image[0] ? find_image(&image, snapshot, frame, err) : -ENOENT;

    if (rc == -ENOENT) {
        snapshot->wants = frame->origin.image[0] ? frame->origin.image : NULL;
        return builder_write(&snapshot->root, &snapshot->links, frame->builder, store, err);
    }
    if (rc == 0)
        rc = frame_visit_unknown(frame, tell_unknown, err);
    if (rc == 0)
        rc = join_write_and_compare(&snapshot->root, &snapshot->links, &differs, frame->builder, store, &image,
                                    !frame->has_files, err);
    if (rc == 0 && differs)
        snapshot->image = image.number;
    return rc;
}

/* What was crawled from outside has the processes and mounts of another root. */
static bool has_veneer(const struct frame *frame)
{
    return frame->options->veneer && !frame->prefix_size;
}

/* The same capture with an older veneer, which it keeps unless somebody asks for the new one. -ENOENT: there is none.
 */
static int find_rendered(struct snapshot *snapshot, const struct frame *frame, struct error *err)
{
    const struct import_options *options = frame->options;
    struct snapshot earlier;
    uint64_t version;

    if (!has_veneer(frame) || options->render)
        return -ENOENT;
    int rc = snapshot_find_capture(&earlier, options->store, snapshot, err);
    if (rc == 0)
        rc = veneer_version(&version, options->store, earlier.features.id, err);
    if (rc < 0 || version >= VENEER_VERSION)
        return rc < 0 ? rc : -ENOENT;
    *snapshot = earlier;
    snapshot->wants = NULL;
    return 0;
}

/* The tree without the veneer, and then what that adds. */
static int store_all(struct snapshot *snapshot, struct frame *frame, struct error *err)
{
    struct journal *made = NULL;
    int rc = store_tree(snapshot, frame, err);

    if (rc < 0 || !has_veneer(frame))
        return rc;
    made = journal_new(store_directory(frame->options->store));
    rc = made ? veneer_make(made, frame, err) : error_system(err, ENOMEM, "the veneer");
    if (rc == 0)
        rc = veneer_lay(&snapshot->root, &snapshot->links, made, frame->options->store, err);
    journal_free(made);
    return rc;
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
    int rc = lease_begin(store, err);
    if (rc == 0)
        rc = store_raw(frame, &snapshot->frame, &snapshot->source, err);
    int found = rc == 0 ? find_rendered(snapshot, frame, err) : rc;
    if (found == 0) {
        *is_new = false;
        store_rollback(store);
        return 0;
    }
    if (rc == 0 && found != -ENOENT)
        rc = found;
    if (rc == 0)
        rc = configs_store(frame, err);
    if (rc == 0)
        rc = store_all(snapshot, frame, err);
    if (rc == 0)
        rc = record_set_write(&snapshot->features, &frame->features, store, err);
    if (rc == 0)
        rc = snapshot_publish(is_new, snapshot, store, err);
    if (rc < 0)
        store_rollback(store);
    return rc;
}
