/* frame.c - taking the records of a frame, one by one. */
#include "import/frame.h"

#include "base/cleanup.h"
#include "base/timestamp.h"
#include "import/notes.h"

#include <errno.h>

int frame_new(struct frame **frame, const struct import_options *options, const char *directory, const char *name,
              struct error *err)
{
    struct frame *f = calloc(1, sizeof *f);
    int rc = -ENOMEM;

    if (f) {
        f->options = options;
        f->name = name;
        f->raw = spool_new(directory);
        f->values = f->features.values = spool_new(directory);
        f->sha = sha256_new();
        f->again = dialect_new();
        f->builder = builder_new(BUILDER_RECORDS, directory);
    }
    if (!f || !f->raw || !f->values || !f->sha || !f->again || !f->builder)
        error_system(err, ENOMEM, "%s", name);
    else
        rc = options->strip_prefix ? prefix_check(&f->prefix_size, "--strip-prefix", options->strip_prefix, err) : 0;
    if (rc < 0)
        frame_free(f);
    else
        *frame = f;
    return rc;
}

void frame_free(struct frame *frame)
{
    if (!frame)
        return;
    builder_free(frame->builder);
    record_set_free(&frame->features);
    configs_free(&frame->configs);
    origin_free(&frame->origin);
    json_scratch_free(&frame->scratch);
    buffer_free(&frame->file.strings);
    buffer_free(&frame->canonical);
    buffer_free(&frame->text);
    buffer_free(&frame->files);
    dialect_free(frame->again);
    sha256_free(frame->sha);
    spool_free(frame->values);
    spool_free(frame->raw);
    free(frame->namespace);
    free(frame);
}

/* --- Records that are kept ---------------------------------------------------------------------------------------- */

int frame_canonical(struct frame *frame, const struct record *record, struct error *err)
{
    struct json json;

    buffer_clear(&frame->canonical);
    json_begin(&json, record->value.text, record->value.size);
    int rc = json_canonical(&frame->canonical, &json, record->enveloped ? record_envelope : NULL, &frame->scratch);
    if (rc == -ENOMEM)
        return error_system(err, ENOMEM, "a value");
    return rc < 0 || json_finish(&json) < 0 ? record_broken(err, "value", &json) : 0;
}

/* Types with ~ are ours; a frame's own get one more. */
int frame_keep(struct frame *frame, const char *type, size_t type_size, const char *key, size_t key_size,
               struct error *err)
{
    char marked[RECORD_TYPE_MAX + 1] = "~";

    if (type[0] == '~') {
        memcpy(marked + 1, type, type_size++);
        type = marked;
    }
    return record_set_add(&frame->features,
                          &(struct feature){
                              .type = type,
                              .type_size = (uint32_t)type_size,
                              .key = key,
                              .key_size = (uint32_t)key_size,
                              .value = (const char *)frame->canonical.bytes,
                              .value_size = (uint32_t)frame->canonical.size,
                          },
                          err);
}

int frame_leave_out(struct frame *frame, const char *type, const char *key, size_t key_size, uint64_t line,
                    const char *why, struct error *err)
{
    struct left_out *left_out = &frame->left_out;

    if (frame->options->strict)
        return error_input(err, "%s:%llu: a %s record that no tree can hold, %s", frame->name, (unsigned long long)line,
                           type, why);
    if (left_out->count++ == 0 || line < left_out->first_line) {
        left_out->first_line = line;
        snprintf(left_out->first_why, sizeof left_out->first_why, "%s", why);
    }
    int rc = frame_keep(frame, type, strlen(type), key, key_size, err);
    return rc < 0 ? rc : note_left_out(&frame->features, (struct noted){key, key_size}, type, why, err);
}

const char *frame_path_problem(const char **path, size_t *size, const struct frame *frame)
{
    if (frame->prefix_size && !prefix_strip(path, size, frame->options->strip_prefix, frame->prefix_size))
        return "it does not lie below the prefix";
    return builder_path_problem(*path, *size);
}

/* --- Taking records ----------------------------------------------------------------------------------------------- */

int frame_find_text(struct frame *frame, const struct record *record, const char *name, bool *lone, struct error *err)
{
    struct json json;
    struct json_span value;
    struct json_string string;

    json_begin(&json, record->value.text, record->value.size);
    int rc = json_find(&value, &json, name);
    if (rc < 0)
        return record_broken(err, "value", &json);
    if (rc == 0)
        return 0;
    json_begin(&json, value.text, value.size);
    if (json_read_string(&string, &json) < 0)
        return 0;
    buffer_clear(&frame->text);
    json_decode(&frame->text, &string, lone);
    buffer_add_byte(&frame->text, '\0');
    if (frame->text.failed)
        return error_system(err, ENOMEM, "a record");
    frame->text.size--;
    return 1;
}

static int take_metadata(struct frame *frame, const struct record *record, struct error *err)
{
    int rc = frame_canonical(frame, record, err);

    if (rc == 0)
        rc = frame_keep(frame, record->type, record->type_size, record->key, record->key_size, err);
    if (rc == 0)
        rc = frame_find_text(frame, record, "namespace", NULL, err);
    if (rc < 0)
        return rc;
    if (rc == 1) {
        frame->namespace_size = frame->text.size;
        frame->namespace = (char *)take(frame->text.bytes);
        frame->text = (struct buffer){0};
    }
    rc = frame_take_image(frame, record, err);
    if (rc == 0)
        rc = frame_find_text(frame, record, "timestamp", NULL, err);
    if (rc < 0)
        return rc;
    frame->has_metadata = true;
    frame->has_time = frame->options->has_time;
    frame->time = frame->options->time;
    if (frame->has_time)
        return 0;
    if (rc == 0)
        return error_input(err, "%s:%llu: metadata without a timestamp, --time is needed", frame->name,
                           (unsigned long long)frame->line);
    if (!timestamp_parse(&frame->time, (const char *)frame->text.bytes, frame->text.size))
        return error_input(err, "%s:%llu: the metadata's timestamp cannot be read (\"%s\"), --time is needed",
                           frame->name, (unsigned long long)frame->line, (const char *)frame->text.bytes);
    frame->has_time = true;
    return 0;
}

/* What the record did not tell, and where its size is not its target's length. */
static int note_file(struct frame *frame, const char *path, size_t size, struct error *err)
{
    const struct file_record *file = &frame->file;
    struct noted noted = {path, size};
    const char *unknown[FILE_FIELDS + 1];
    size_t count = 0;

    for (enum file_field field = 0; field < FILE_FIELDS; field++)
        if (file->unknown & 1u << field)
            unknown[count++] = file_field_name(field);
    unknown[count] = NULL;
    int rc = count ? note_unknown(&frame->features, noted, unknown, err) : 0;
    if (rc == 0 && file->entry.target_size && file->size != file->entry.target_size &&
        !(file->unknown & 1u << FILE_SIZE))
        rc = note_size(&frame->features, noted, "target-size", file->entry.target_size, file->size, err);
    return rc;
}

/* May an image give it something that the frame does not tell? */
static bool has_content(unsigned mode)
{
    return S_ISREG(mode) || S_ISCHR(mode) || S_ISBLK(mode);
}

static int take_file(struct frame *frame, const struct record *record, size_t offset, struct error *err)
{
    struct file_ref ref = {spool_size(frame->raw) + offset, frame->line, 0, record->text.size};
    const char *path = record->key;
    size_t size = record->key_size;
    int rc = file_record_read(&frame->file, &record->value, err);

    if (rc < 0)
        return rc;
    const char *problem = frame_path_problem(&path, &size, frame);
    if (problem) {
        rc = frame_canonical(frame, record, err);
        return rc < 0 ? rc
                      : frame_leave_out(frame, FRAME_FILE, record->key, record->key_size, frame->line, problem, err);
    }
    if (!frame->prefix_size)
        prefix_add(&frame->common, path, size);
    rc = frame->file.unknown || frame->file.entry.target_size ? note_file(frame, path, size, err) : 0;
    if (rc == 0)
        rc = builder_add(frame->builder, path, size, &frame->file.entry, NULL, frame->files.size / sizeof ref, err);
    ref.ctime = has_content(frame->file.entry.mode) ? frame->file.ctime : 0;
    buffer_add(&frame->files, &ref, sizeof ref);
    frame->has_files |= size > 1 || S_ISDIR(frame->file.entry.mode);
    return frame->files.failed ? error_system(err, ENOMEM, "cannot hold the files") : rc;
}

int frame_take(struct frame *frame, const struct record *record, size_t offset, struct error *err)
{
    frame->records++;
    if (record_is(record, FRAME_FILE))
        return take_file(frame, record, offset, err);
    if (record_is(record, FRAME_CONFIG))
        return configs_take(frame, record, err);
    if (record_is(record, "metadata"))
        return take_metadata(frame, record, err);
    int rc = frame_canonical(frame, record, err);
    if (rc == 0 && record_is(record, "dockerinspect"))
        rc = frame_take_inspect(frame, record, err);
    return rc < 0 ? rc : frame_keep(frame, record->type, record->type_size, record->key, record->key_size, err);
}

int frame_read_again(struct record *record, struct frame *frame, const struct file_ref *ref, struct error *err)
{
    buffer_clear(&frame->text);
    if (!buffer_reserve(&frame->text, ref->size))
        return error_system(err, ENOMEM, "a record");
    int rc = spool_read(frame->text.bytes, frame->raw, ref->offset, ref->size, err);
    return rc < 0 ? rc : dialect_read_again(record, frame->again, (const char *)frame->text.bytes, ref->size, err);
}

int frame_add_raw(struct frame *frame, const char *bytes, size_t size, struct error *err)
{
    return spool_add(frame->raw, bytes, size, err);
}
