/* import_frame.c - each frame of a source into the store, and what people are told of it. */
#include "db/lease.h"
#include "import/complete.h"
#include "import/frame.h"

static void warn_left_out(const struct frame *frame, const struct snapshot *snapshot)
{
    const struct left_out *left_out = &frame->left_out;
    char id[SNAPSHOT_ID_HEX_SIZE];
    cleanup_buffer struct buffer text = {0};

    if (left_out->count == 0 || !frame->options->warn)
        return;
    hex_encode(id, snapshot->id, SNAPSHOT_ID_SIZE);
    buffer_add_format(&text, "%llu %s left out (first: %s:%llu: %s); see confuse manifest %s",
                      (unsigned long long)left_out->count, left_out->count == 1 ? "record" : "records", frame->name,
                      (unsigned long long)left_out->first_line, left_out->first_why, id);
    buffer_add_byte(&text, '\0');
    if (!text.failed)
        frame->options->warn(frame->options->arg, (const char *)text.bytes);
}

static int import_one(void *arg, struct frame *frame, const char *cut_short, struct error *err)
{
    const struct import_options *options = frame->options;
    struct snapshot snapshot;
    bool is_new;
    (void)arg;

    int rc = frame_arrange(frame, cut_short, err);

    if (rc == 0)
        rc = frame_store(&snapshot, &is_new, frame, err);
    if (rc == 0 && options->imported)
        rc = options->imported(options->arg, &snapshot, is_new);
    if (rc == 0)
        warn_left_out(frame, &snapshot);
    if (rc == 0 && snapshot.wants) /* the image may have come meanwhile, when nobody saw yet that somebody waits */
        rc = complete_waiting(options, snapshot.wants, err);
    /* The next frame may be long in coming. */
    return rc == 0 ? lease_end(options->store, err) : rc;
}

int import_frame(const struct import_options *options, struct source *source, struct error *err)
{
    return frames_read(options, store_directory(options->store), source, import_one, NULL, err);
}
