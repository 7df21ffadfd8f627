/* frame_arrange.c - all records were taken: a tree is made of them, and what it cannot hold is kept as records. */
#include "import/frame.h"

#include "base/cleanup.h"
#include "import/notes.h"

#include <errno.h>

#define TAG_MADE UINT64_MAX /* of directories that no record asked for */

static int add_uncrawled(struct frame *frame, struct error *err)
{
    int rc = 0;

    for (const struct join_uncrawled *each = join_uncrawled; each->path && rc == 0; each++) {
        struct entry entry = {.mode = S_IFDIR | each->mode, .flags = ENTRY_MADE};

        rc = builder_add(frame->builder, each->path, strlen(each->path), &entry, NULL, TAG_MADE, err);
    }
    return rc;
}

/* A file record that lost: its bytes are read again. */
static int keep_file(void *arg, enum builder_conflict conflict, const char *path, size_t size, uint64_t tag,
                     struct error *err)
{
    static const char *const why[] = {
        [BUILDER_DUPLICATE] = NULL,
        [BUILDER_BELOW_NON_DIR] = "something above it is no directory",
        [BUILDER_ROOT_NON_DIR] = "it is the root, and no directory",
    };
    struct frame *frame = arg;
    struct file_ref ref;
    struct record record;

    if (tag == TAG_MADE)
        return 0;
    memcpy(&ref, frame->files.bytes + tag * sizeof ref, sizeof ref);
    int rc = frame_read_again(&record, frame, &ref, err);
    if (rc == 0)
        rc = frame_canonical(frame, &record, err);
    if (rc < 0)
        return rc;
    if (why[conflict])
        return frame_leave_out(frame, FRAME_FILE, record.key, record.key_size, ref.line, why[conflict], err);
    rc = frame_keep(frame, record.type, record.type_size, record.key, record.key_size, err);
    return rc < 0 ? rc : note_duplicate(&frame->features, (struct noted){path, size}, FRAME_FILE, err);
}

/* Bytes of a path as a shell takes them, safe to show: $'…' where a byte is not plain. */
static void add_quoted(struct buffer *out, const char *path, size_t size)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@%,=";
    bool is_plain = true;

    for (size_t i = 0; i < size; i++)
        is_plain &= memchr(plain, path[i], sizeof plain - 1) != NULL;
    if (is_plain) {
        buffer_add(out, path, size);
        return;
    }
    buffer_add_text(out, "$'");
    for (size_t i = 0; i < size; i++) {
        if (memchr(plain, path[i], sizeof plain - 1) || path[i] == ' ')
            buffer_add_byte(out, (uint8_t)path[i]);
        else
            buffer_add_format(out, "\\x%02x", (unsigned char)path[i]);
    }
    buffer_add_byte(out, '\'');
}

static void suggest_prefix(struct frame *frame)
{
    size_t size = prefix_find(&frame->common, frame->builder);
    cleanup_buffer struct buffer text = {0};

    if (size == 0 || !frame->options->warn)
        return;
    buffer_add_format(&text,
                      "%s: all files lie below one directory; if it is the root that was crawled, "
                      "import with --strip-prefix ",
                      frame->name);
    add_quoted(&text, frame->common.path, size);
    buffer_add_byte(&text, '\0');
    if (!text.failed)
        frame->options->warn(frame->options->arg, (const char *)text.bytes);
}

static int check_metadata(const struct frame *frame, struct error *err)
{
    if (!frame->has_metadata)
        return error_input(err, "%s:%llu: no metadata record, so nothing tells of which system and time the frame is",
                           frame->name, (unsigned long long)frame->line);
    if (frame->options->namespace)
        return 0;
    if (!frame->namespace)
        return error_input(err, "%s:%llu: metadata without a namespace, --namespace is needed", frame->name,
                           (unsigned long long)frame->line);
    struct error why;
    if (namespace_check(frame->namespace, frame->namespace_size, &why) < 0)
        return error_input(err, "%s:%llu: %s, --namespace is needed", frame->name, (unsigned long long)frame->line,
                           why.text);
    return 0;
}

int frame_arrange(struct frame *frame, const char *cut_short, struct error *err)
{
    int rc = check_metadata(frame, err);

    if (rc == 0 && frame->prefix_size && frame->files.size == 0)
        rc = error_input(err, "%s: no file record lies below the prefix %s", frame->name, frame->options->strip_prefix);
    if (rc == 0 && !frame->prefix_size) /* from outside, these are crawled like all others */
        rc = add_uncrawled(frame, err);
    if (rc == 0)
        rc = builder_settle(frame->builder, keep_file, frame, err);
    if (rc == 0)
        rc = configs_place(frame, err);
    if (rc == 0)
        rc = frame_note_origin(frame, err);
    if (rc == 0 && cut_short) {
        frame->partial = true;
        rc = note_partial(&frame->features, cut_short, err);
    }
    if (rc == 0)
        suggest_prefix(frame);
    return rc;
}
