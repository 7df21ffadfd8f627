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
        rc = builder_write(&snapshot->root, &snapshot->links, frame->builder, store, err);
    if (rc == 0)
        rc = record_set_write(&snapshot->features, &frame->features, store, err);
    if (rc == 0)
        rc = snapshot_publish(is_new, snapshot, store, err);
    if (rc < 0)
        store_rollback(store);
    return rc;
}
