/* fuzz_frame.c - any bytes as a source of frames: read, assembled, arranged, their records put in order. Nothing of the
 * store is touched. The corpus is short frames of each dialect; the frames of tests/golden and tests/should-fail run
 * through it as well.
 *
 * What must hold: no fault, and every canonical value is its own canonical value.
 */
#include "import/frame.h"

#include "tests/unit/import/frame_harness.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static int check_record(void *arg, const struct feature *feature, struct error *err)
{
    struct json json;
    struct json_scratch scratch = {0};
    struct buffer again = {0};
    (void)arg, (void)err;

    check(feature->type_size > 0);
    json_begin(&json, feature->value, feature->value_size);
    check(json_canonical(&again, &json, NULL, &scratch) == 0 && json_finish(&json) == 0);
    check(again.size == feature->value_size && memcmp(again.bytes, feature->value, again.size) == 0);
    buffer_free(&again);
    json_scratch_free(&scratch);
    return 0;
}

static int arrange(void *arg, struct frame *frame, const char *cut_short, struct error *err)
{
    int rc = frame_arrange(frame, cut_short, err);
    (void)arg;

    check(rc != 0 || builder_find(&(struct entry){0}, frame->builder, "/", 1, NULL) == 0);
    return rc < 0 ? rc : record_set_visit(&frame->features, check_record, NULL, err);
}

static void warn(void *arg, const char *text)
{
    (void)arg;
    for (; *text; text++)
        check((unsigned char)*text >= 0x20 && (unsigned char)*text < 0x7f);
}

/* The first byte chooses among the options, where it is a control character (which no frame begins with). */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    unsigned chosen = size > 0 && bytes[0] < 8 ? bytes[0] : 0;
    struct import_options options = {
        .partial = chosen & 1,
        .strict = chosen & 2,
        .strip_prefix = chosen & 4 ? "/mnt" : NULL,
        .warn = warn,
    };
    size_t skipped = size > 0 && bytes[0] < 8;
    int fd = memfd_create("frame", MFD_CLOEXEC);
    struct source *source;
    struct error err = {0};

    if (fd < 0 || write(fd, bytes + skipped, size - skipped) != (ssize_t)(size - skipped) || lseek(fd, 0, SEEK_SET) < 0)
        abort();
    check(harness_source(&source, fd, "frame", &err) == 0);
    int rc = frames_read(&options, "/tmp", source, arrange, NULL, &err);
    check(rc == 0 || (rc == -EBADMSG && err.code == EXIT_INPUT && err.text[0]));
    source_close(source);
    return 0;
}
