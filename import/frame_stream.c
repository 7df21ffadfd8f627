/* frame_stream.c - the way of a stream: lines, records, frame after frame.
 *
 * A record of metadata begins the next frame when the one being read has metadata already; so a frame's records may
 * come in any order. A broken line is an error unless nothing follows it: then the frame was cut short there.
 */
#include "import/frame.h"

#include <errno.h>

#define PROGRESS_STEP (1u << 20) /* bytes of text between two reports */

struct reading {
    const struct import_options *options;
    const char *directory;
    frame_finish finish;
    void *arg;
    struct source *source;
    struct dialect *dialect;
    struct frame *frame;
    struct line line;
    uint64_t broken_line; /* 0: none so far */
    struct error broken;  /* what is wrong with it */
    struct error why;     /* of the line being read */
    uint64_t records;     /* of all frames */
    uint64_t bytes, reported;
};

static int begin_frame(struct reading *reading, struct error *err)
{
    return frame_new(&reading->frame, reading->options, reading->directory, source_name(reading->source), err);
}

/* The frame that was read is complete (or cut short, and that is allowed). */
static int finish_frame(struct reading *reading, const char *cut_short, struct error *err)
{
    int rc = reading->finish(reading->arg, reading->frame, cut_short, err);

    frame_free(reading->frame);
    reading->frame = NULL;
    return rc;
}

static int take_record(void *arg, const struct record *record, struct error *err)
{
    struct reading *reading = arg;
    int rc = 0;

    if (reading->frame->has_metadata && record_is(record, "metadata")) {
        rc = finish_frame(reading, NULL, err);
        if (rc == 0)
            rc = begin_frame(reading, err);
    }
    if (rc != 0)
        return rc;
    reading->frame->line = reading->line.number;
    reading->records++;
    return frame_take(reading->frame, record, (size_t)(record->text.text - reading->line.bytes), err);
}

static bool is_blank(const struct line *line)
{
    for (size_t i = 0; i < line->size; i++)
        if (line->bytes[i] != ' ' && line->bytes[i] != '\r' && line->bytes[i] != '\n')
            return false;
    return true;
}

static int broken_error(const struct reading *reading, const char *addition, struct error *err)
{
    return error_input(err, "%s:%llu: %s%s", source_name(reading->source), (unsigned long long)reading->broken_line,
                       reading->broken.text, addition);
}

static int read_line(struct reading *reading, struct error *err)
{
    const struct line *line = &reading->line;
    int rc = 0;

    if (!is_blank(line)) {
        if (reading->broken_line)
            return broken_error(reading, "", err);
        rc = dialect_read(reading->dialect, line->bytes, line->size, take_record, reading, &reading->why);
    }
    if (rc == RECORD_BROKEN) {
        reading->broken_line = line->number;
        reading->broken = reading->why;
        rc = 0;
    } else if (rc != 0 && err) {
        *err = reading->why;
    }
    return rc != 0 ? rc : frame_add_raw(reading->frame, line->bytes, line->size, err);
}

/* A few kilobytes can be compressed petabytes, and the spools are on the store's disk. */
static int count_line(struct reading *reading, struct error *err)
{
    uint64_t limit = reading->options->size_max ? reading->options->size_max : IMPORT_SIZE_MAX;

    reading->bytes += reading->line.size;
    if (reading->bytes <= limit)
        return 0;
    return error_input(err, "%s:%llu: more than %llu bytes uncompressed; --max-size allows more",
                       source_name(reading->source), (unsigned long long)reading->line.number,
                       (unsigned long long)limit);
}

static void report_progress(struct reading *reading)
{
    const struct import_options *options = reading->options;

    if (!options->progress || reading->bytes - reading->reported < PROGRESS_STEP)
        return;
    reading->reported = reading->bytes;
    const struct import_progress progress = {
        .bytes = source_position(reading->source),
        .size = source_size(reading->source),
        .records = reading->records,
    };
    options->progress(options->arg, &progress);
}

/* The source has ended. */
static int read_end(struct reading *reading, struct error *err)
{
    bool in_gzip = source_is_cut_short(reading->source);
    const char *name = source_name(reading->source);

    if (reading->broken_line && reading->records == 0)
        return broken_error(reading, "", err);
    if (reading->records == 0)
        return error_input(err, "%s:1: empty, where a frame was expected", name);
    if (!reading->options->partial && reading->broken_line)
        return broken_error(reading, "; the frame is cut short there, --partial takes what is before it", err);
    if (!reading->options->partial && in_gzip)
        return error_input(err, "%s:%llu: the gzip data is cut short, --partial takes what is there", name,
                           (unsigned long long)reading->line.number);
    return finish_frame(reading,
                        in_gzip                ? "the gzip data is cut short"
                        : reading->broken_line ? "the last record is cut short"
                                               : NULL,
                        err);
}

int frames_read(const struct import_options *options, const char *directory, struct source *source, frame_finish finish,
                void *arg, struct error *err)
{
    struct reading reading = {
        .options = options,
        .directory = directory,
        .finish = finish,
        .arg = arg,
        .source = source,
        .dialect = dialect_new(),
    };
    int rc = reading.dialect ? begin_frame(&reading, err) : error_system(err, ENOMEM, "%s", source_name(source));

    while (rc == 0 && (rc = source_next_line(&reading.line, source, err)) == 1) {
        rc = count_line(&reading, err);
        if (rc == 0)
            rc = read_line(&reading, err);
        report_progress(&reading);
    }
    if (rc == 0)
        rc = read_end(&reading, err);
    frame_free(reading.frame);
    dialect_free(reading.dialect);
    return rc;
}
