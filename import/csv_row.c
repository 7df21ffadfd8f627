/* csv_row.c - see csv_row.h. */
#include "import/csv_row.h"

#include <errno.h>

void csv_row_free(struct csv_row *row)
{
    for (size_t i = 0; i < CSV_FIELDS; i++)
        buffer_free(&row->unquoted[i]);
    buffer_free(&row->key);
}

static bool is_number(const char *text, size_t size)
{
    struct json json;

    json_begin(&json, text, size);
    return size > 0 && json_next(&json) == JSON_NUMBER && json_skip(NULL, &json) == 0 && json_finish(&json) == 0;
}

/* "ns.key.metric 1.500000 1489251869" */
static bool is_graphite(const char *line, size_t size)
{
    const char *space = memchr(line, ' ', size);
    const char *second = space ? memchr(space + 1, ' ', (size_t)(line + size - space - 1)) : NULL;

    return second && is_number(space + 1, (size_t)(second - space - 1)) &&
           is_number(second + 1, (size_t)(line + size - second - 1));
}

static int no_row(struct error *err, const char *line, size_t size)
{
    if (is_graphite(line, size))
        error_input(err, "graphite metrics cannot be imported, they hold no features: emit the csv or json format");
    else
        error_input(err,
                    "not a record of a frame, expected is a line of type TAB \"key\" TAB {value}, or a JSON object");
    return RECORD_BROKEN;
}

/* A field in quotes, from behind the first one. Returns where the field ends, or NULL: it does not. */
static const char *unquote(struct buffer *out, const char *p, const char *end)
{
    buffer_clear(out);
    buffer_reserve(out, 1); /* so that an empty field has an address */
    for (;;) {
        const char *quote = memchr(p, '\'', (size_t)(end - p));

        if (!quote)
            return NULL;
        buffer_add(out, p, (size_t)(quote - p));
        if (quote + 1 == end || quote[1] != '\'')
            return quote + 1;
        buffer_add_byte(out, '\'');
        p = quote + 2;
    }
}

/* Split the line; the last field takes the rest of it, since JSON may have tabs between its tokens. */
static int split(struct json_span fields[CSV_FIELDS], struct csv_row *row, const char *p, const char *end)
{
    for (size_t i = 0; i < CSV_FIELDS; i++) {
        const char *stop;

        if (p < end && *p == '\'') {
            stop = unquote(&row->unquoted[i], p + 1, end);
            if (row->unquoted[i].failed)
                return -ENOMEM;
            if (!stop)
                return RECORD_BROKEN;
            fields[i] = (struct json_span){(const char *)row->unquoted[i].bytes, row->unquoted[i].size};
        } else {
            stop = i < CSV_VALUE ? memchr(p, '\t', (size_t)(end - p)) : end;
            if (!stop)
                return RECORD_BROKEN;
            fields[i] = (struct json_span){p, (size_t)(stop - p)};
        }
        if (i == CSV_VALUE ? stop != end : stop == end || *stop != '\t')
            return RECORD_BROKEN;
        p = stop + 1;
    }
    return 0;
}

static bool is_word(const struct json_span *field)
{
    if (field->size == 0 || field->size > RECORD_TYPE_MAX)
        return false;
    for (size_t i = 0; i < field->size; i++)
        if ((unsigned char)field->text[i] <= ' ' || field->text[i] == 0x7f)
            return false;
    return true;
}

/* A key that is no string counts by its text. */
static int read_key(struct record *record, struct csv_row *row, const struct json_span *field, struct error *err)
{
    struct json json;
    struct json_string string;
    struct json_span span;
    int rc;

    json_begin(&json, field->text, field->size);
    bool is_string = json_next(&json) == JSON_STRING;
    rc = is_string ? json_read_string(&string, &json) : json_skip(&span, &json);
    if (rc < 0 || json_finish(&json) < 0)
        return record_broken(err, "key", &json);
    record->key = is_string ? string.text : span.text;
    record->key_size = is_string ? string.size : span.size;
    if (!is_string || !string.escaped)
        return 0;
    buffer_clear(&row->key);
    json_decode(&row->key, &string, NULL);
    if (row->key.failed)
        return error_system(err, ENOMEM, "a key");
    record->key = (const char *)row->key.bytes;
    record->key_size = row->key.size;
    return 0;
}

int csv_row_read(struct record *record, struct csv_row *row, const char *line, size_t size, struct error *err)
{
    struct json_span fields[CSV_FIELDS];
    size_t rest = size;

    if (rest > 0 && line[rest - 1] == '\n')
        rest--;
    if (rest > 0 && line[rest - 1] == '\r')
        rest--;
    int rc = split(fields, row, line, line + rest);
    if (rc == -ENOMEM)
        return error_system(err, ENOMEM, "a row");
    if (rc < 0 || !is_word(&fields[CSV_TYPE]))
        return no_row(err, line, rest);
    *record = (struct record){
        .type = fields[CSV_TYPE].text,
        .type_size = fields[CSV_TYPE].size,
        .value = fields[CSV_VALUE],
        .text = {line, size},
    };
    return read_key(record, row, &fields[CSV_KEY], err);
}
