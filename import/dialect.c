/* dialect.c - which dialect a line is in, and the two that are JSON of one record a line. */
#include "import/dialect.h"

#include "import/csv_row.h"
#include "import/logstash.h"
#include "import/record_key.h"

#include <errno.h>
#include <stdlib.h>

const char *const record_envelope[] = {"feature_type", "namespace", NULL};

struct dialect {
    struct csv_row row;
    struct logstash logstash;
    struct buffer type, key; /* decoded, of the JSON dialects */
    unsigned counted;        /* records of counted types since the last metadata */
};

struct dialect *dialect_new(void)
{
    return calloc(1, sizeof(struct dialect));
}

void dialect_free(struct dialect *dialect)
{
    if (!dialect)
        return;
    csv_row_free(&dialect->row);
    logstash_free(&dialect->logstash);
    buffer_free(&dialect->type);
    buffer_free(&dialect->key);
    free(dialect);
}

int record_broken(struct error *err, const char *part, const struct json *json)
{
    error_input(err, "broken record, in its %s: %s (byte %zu)", part, json->why ? json->why : "bad JSON",
                json_offset(json));
    return RECORD_BROKEN;
}

/* What an object's members tell of its dialect. */
struct outline {
    struct json_span type, key, value; /* feature_type, feature_key, feature_val; text NULL: not there */
    bool has_metadata;                 /* a member "metadata" that is an object */
    bool only_objects;
};

static int read_outline(struct outline *outline, const char *text, size_t size, struct error *err)
{
    struct json json;
    struct json_string key;

    *outline = (struct outline){.only_objects = true};
    json_begin(&json, text, size);
    int rc = json_enter_object(&json);
    while (rc >= 0 && (rc = json_member(&key, &json)) == 1) {
        bool is_object = json_next(&json) == JSON_OBJECT;
        struct json_span span;

        outline->only_objects &= is_object;
        rc = json_skip(&span, &json);
        if (rc < 0)
            break;
        if (json_string_is(&key, "feature_type"))
            outline->type = span;
        else if (json_string_is(&key, "feature_key"))
            outline->key = span;
        else if (json_string_is(&key, "feature_val"))
            outline->value = span;
        else if (json_string_is(&key, "metadata"))
            outline->has_metadata = is_object;
    }
    if (rc < 0 || json_finish(&json) < 0)
        return record_broken(err, "object", &json);
    return 0;
}

/* The bytes of a value that should be a string; a text that is none counts as it stands. */
static void decode_value(struct buffer *out, const struct json_span *value)
{
    struct json json;
    struct json_string string;

    buffer_clear(out);
    json_begin(&json, value->text, value->size);
    if (json_read_string(&string, &json) == 0)
        json_decode(out, &string, NULL);
    else
        buffer_add(out, value->text, value->size);
}

static int no_type(struct error *err, const char *why)
{
    error_input(err, "broken record, its feature_type %s", why);
    return RECORD_BROKEN;
}

/* json and fluentd: an object with a feature_type. */
static int read_typed(struct record *record, struct dialect *d, const struct outline *outline,
                      const struct json_span *text, struct error *err)
{
    struct json json;
    struct json_string type;
    bool fluentd = outline->key.text && outline->value.text;

    json_begin(&json, outline->type.text, outline->type.size);
    if (json_read_string(&type, &json) < 0)
        return no_type(err, "is no string");
    buffer_clear(&d->type);
    json_decode(&d->type, &type, NULL);
    if (fluentd) {
        decode_value(&d->key, &outline->key);
    } else {
        buffer_clear(&d->key);
        record_key_rebuild(&d->key, &type, text, d->counted);
        d->counted += record_key_counts(&type);
    }
    buffer_reserve(&d->key, 1); /* so that an empty key has an address */
    if (d->type.failed || d->key.failed)
        return error_system(err, ENOMEM, "a record");
    if (d->type.size == 0 || d->type.size > RECORD_TYPE_MAX)
        return no_type(err, "has not 1 to 255 bytes");
    *record = (struct record){
        .type = (const char *)d->type.bytes,
        .type_size = d->type.size,
        .key = (const char *)d->key.bytes,
        .key_size = d->key.size,
        .value = fluentd ? outline->value : *text,
        .text = *text,
        .enveloped = !fluentd,
    };
    return 0;
}

static int read_object(struct dialect *d, const char *line, size_t size, record_sink sink, void *arg, struct error *err)
{
    struct json_span text = {line, size};
    struct outline outline;
    struct record record = {
        .type = "metadata",
        .type_size = strlen("metadata"),
        .key = "metadata",
        .key_size = strlen("metadata"),
        .value = text,
        .text = text,
    };
    int rc = read_outline(&outline, line, size, err);

    if (rc < 0)
        return rc;
    if (outline.type.text) {
        rc = read_typed(&record, d, &outline, &text, err);
    } else if (outline.has_metadata) {
        return logstash_read(&d->logstash, line, size, sink, arg, err);
    } else if (outline.only_objects) {
        error_input(err, "not a record of a frame, the object has neither a feature_type nor metadata");
        return RECORD_BROKEN;
    } else {
        d->counted = 0;
    }
    return rc < 0 ? rc : sink(arg, &record, err);
}

int dialect_read(struct dialect *dialect, const char *line, size_t size, record_sink sink, void *arg, struct error *err)
{
    struct record record;
    size_t first = 0;

    while (first < size && (line[first] == ' ' || line[first] == '\r' || line[first] == '\n'))
        first++;
    if (first == size)
        return 0;
    if (line[first] == '{')
        return read_object(dialect, line, size, sink, arg, err);
    int rc = csv_row_read(&record, &dialect->row, line, size, err);
    return rc < 0 ? rc : sink(arg, &record, err);
}

static int keep(void *arg, const struct record *record, struct error *err)
{
    (void)err;
    *(struct record *)arg = *record;
    return 0;
}

int dialect_read_again(struct record *record, struct dialect *dialect, const char *text, size_t size, struct error *err)
{
    if (size > 0 && text[0] == '"')
        return logstash_read_again(record, &dialect->logstash, text, size, err);
    return dialect_read(dialect, text, size, keep, record, err);
}
