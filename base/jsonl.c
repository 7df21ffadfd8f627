/* jsonl.c - members in the order in which they are given. */
#include "base/jsonl.h"

#include "base/digest.h"
#include "base/quote.h"
#include "base/timestamp.h"

#include <inttypes.h>

void jsonl_begin(struct buffer *line)
{
    buffer_add_byte(line, '{');
}

void jsonl_end(struct buffer *line)
{
    buffer_add(line, "}\n", 2);
}

void jsonl_key(struct buffer *line, const void *bytes, size_t size)
{
    quote_json(line, bytes, size);
    buffer_add_byte(line, ':');
}

static void add_name(struct buffer *line, const char *name)
{
    bool first = line->size && line->bytes[line->size - 1] == '{';

    buffer_add_format(line, "%s\"%s\":", first ? "" : ",", name);
}

void jsonl_text(struct buffer *line, const char *name, const void *bytes, size_t size)
{
    add_name(line, name);
    quote_json(line, bytes, size);
}

void jsonl_string(struct buffer *line, const char *name, const char *text)
{
    jsonl_text(line, name, text, strlen(text));
}

void jsonl_number(struct buffer *line, const char *name, uint64_t value)
{
    add_name(line, name);
    buffer_add_format(line, "%" PRIu64, value);
}

void jsonl_bool(struct buffer *line, const char *name, bool value)
{
    add_name(line, name);
    buffer_add_text(line, value ? "true" : "false");
}

void jsonl_hex(struct buffer *line, const char *name, const void *bytes, size_t size)
{
    add_name(line, name);
    buffer_add_byte(line, '"');
    char *to = (char *)buffer_reserve(line, 2 * size + 1);
    if (to) {
        hex_encode(to, bytes, size);
        buffer_took(line, 2 * size);
    }
    buffer_add_byte(line, '"');
}

void jsonl_time(struct buffer *line, const char *name, uint64_t ns)
{
    char text[TIMESTAMP_TEXT_SIZE];

    timestamp_format(text, ns);
    jsonl_string(line, name, text);
}

void jsonl_raw(struct buffer *line, const char *name, const void *json, size_t size)
{
    add_name(line, name);
    buffer_add(line, json, size);
}

void jsonl_list(struct buffer *line, const char *name)
{
    add_name(line, name);
    buffer_add_byte(line, '[');
}

void jsonl_item(struct buffer *line, const void *bytes, size_t size)
{
    if (line->size && line->bytes[line->size - 1] != '[')
        buffer_add_byte(line, ',');
    quote_json(line, bytes, size);
}

void jsonl_list_end(struct buffer *line)
{
    buffer_add_byte(line, ']');
}
