/* json.c - the cursor. Most of a frame is short strings and numbers, so these two loops are what its speed is. */
#include "import/json.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static int bad(struct json *json, const char *why)
{
    json->why = why;
    return -EBADMSG;
}

void json_begin(struct json *json, const char *text, size_t size)
{
    *json = (struct json){.start = text, .at = text, .end = text + size};
}

static inline void skip_space(struct json *json)
{
    while (json->at < json->end && (*json->at == ' ' || *json->at == '\t' || *json->at == '\n' || *json->at == '\r'))
        json->at++;
}

static bool has_word(const struct json *json, const char *word, size_t size)
{
    return (size_t)(json->end - json->at) >= size && memcmp(json->at, word, size) == 0;
}

/* The values that are words, and how they begin. */
static const struct {
    const char *word;
    size_t size;
    enum json_type type;
} words[] = {
    {"true", 4, JSON_TRUE}, {"false", 5, JSON_FALSE},       {"null", 4, JSON_NULL},
    {"NaN", 3, JSON_NAN},   {"Infinity", 8, JSON_INFINITY}, {"-Infinity", 9, JSON_MINUS_INFINITY},
};

#define WORDS (sizeof words / sizeof *words)

/* Which word stands here; WORDS: none. */
static size_t word_here(const struct json *json)
{
    size_t i = 0;

    while (i < WORDS && !has_word(json, words[i].word, words[i].size))
        i++;
    return i;
}

enum json_type json_next(struct json *json)
{
    skip_space(json);
    if (json->at == json->end)
        return JSON_NOTHING;
    switch (*json->at) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case '0' ... '9':
        return JSON_NUMBER;
    default:
        break;
    }
    size_t word = word_here(json);
    if (word < WORDS)
        return words[word].type;
    return *json->at == '-' ? JSON_NUMBER : JSON_NOTHING;
}

static int enter(struct json *json, char opening, const char *why)
{
    skip_space(json);
    if (json->at == json->end || *json->at != opening)
        return bad(json, why);
    if (json->depth == JSON_DEPTH_MAX)
        return bad(json, "nested deeper than 128");
    json->at++;
    json->depth++;
    json->first = true;
    return 0;
}

/* Between two members or elements: 1 when one more follows, 0 when the object or array ended here. */
static int go_on(struct json *json, char closing, const char *unfinished, const char *no_comma)
{
    bool first = json->first;

    json->first = false;
    skip_space(json);
    if (json->at == json->end)
        return bad(json, unfinished);
    if (*json->at == closing) {
        json->at++;
        json->depth--;
        return 0;
    }
    if (first)
        return 1;
    if (*json->at != ',')
        return bad(json, no_comma);
    json->at++;
    return 1;
}

int json_enter_object(struct json *json)
{
    return enter(json, '{', "an object is expected");
}

int json_member(struct json_string *key, struct json *json)
{
    int rc = go_on(json, '}', "an object without its end", "a comma or the object's end is expected");

    if (rc <= 0)
        return rc;
    skip_space(json);
    rc = json_read_string(key, json);
    if (rc < 0)
        return rc;
    skip_space(json);
    if (json->at == json->end || *json->at != ':')
        return bad(json, "a colon is expected");
    json->at++;
    return 1;
}

int json_enter_array(struct json *json)
{
    return enter(json, '[', "an array is expected");
}

int json_element(struct json *json)
{
    return go_on(json, ']', "an array without its end", "a comma or the array's end is expected");
}

/* Eight bytes at a time, the high bit of each byte of the result is set where the byte is `"`, `\` or a control
 * character; bits above the first such byte may be wrong (Bit Twiddling Hacks, "hasless"), so they are looked at one by
 * one. */
static inline bool eight_plain(const char *p)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    uint64_t x, quote, backslash;

    memcpy(&x, p, sizeof x);
    quote = x ^ (ones * '"');
    backslash = x ^ (ones * '\\');
    return !((((x - ones * 0x20) & ~x) | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)) & high);
}

static inline bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && c != '"' && c != '\\';
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* At a backslash. */
static int skip_escape(struct json *json)
{
    size_t left = (size_t)(json->end - json->at);

    if (left >= 2 && json->at[1] != 'u') {
        if (json->at[1] == '\0' || !strchr("\"\\/bfnrt", json->at[1]))
            return bad(json, "an unknown escape in a string");
        json->at += 2;
        return 0;
    }
    if (left < 6)
        return bad(json, "a string without its end");
    for (size_t i = 2; i < 6; i++)
        if (!is_hex(json->at[i]))
            return bad(json, "an unknown escape in a string");
    json->at += 6;
    return 0;
}

int json_read_string(struct json_string *string, struct json *json)
{
    skip_space(json);
    if (json->at == json->end || *json->at != '"')
        return bad(json, "a string is expected");
    const char *text = ++json->at;
    string->escaped = false;
    for (;;) {
        while (json->end - json->at >= 8 && eight_plain(json->at))
            json->at += 8;
        while (json->at < json->end && is_plain(*json->at))
            json->at++;
        if (json->at == json->end)
            return bad(json, "a string without its end");
        if (*json->at == '"')
            break;
        if (*json->at != '\\')
            return bad(json, "a control character in a string");
        string->escaped = true;
        int rc = skip_escape(json);
        if (rc < 0)
            return rc;
    }
    string->text = text;
    string->size = (size_t)(json->at++ - text);
    return 0;
}

static inline size_t skip_digits(struct json *json)
{
    const char *first = json->at;

    while (json->at < json->end && *json->at >= '0' && *json->at <= '9')
        json->at++;
    return (size_t)(json->at - first);
}

static int skip_number(struct json *json)
{
    if (*json->at == '-')
        json->at++;
    const char *first = json->at;
    size_t digits = skip_digits(json);
    if (digits == 0 || (digits > 1 && *first == '0'))
        return bad(json, "a number that is none");
    if (json->at < json->end && *json->at == '.') {
        json->at++;
        if (skip_digits(json) == 0)
            return bad(json, "a number that is none");
    }
    if (json->at < json->end && (*json->at == 'e' || *json->at == 'E')) {
        json->at++;
        if (json->at < json->end && (*json->at == '+' || *json->at == '-'))
            json->at++;
        if (skip_digits(json) == 0)
            return bad(json, "a number that is none");
    }
    return 0;
}

static int skip_object(struct json *json)
{
    struct json_string key;
    int rc = json_enter_object(json);

    while (rc >= 0 && (rc = json_member(&key, json)) == 1)
        rc = json_skip(NULL, json);
    return rc;
}

static int skip_array(struct json *json)
{
    int rc = json_enter_array(json);

    while (rc >= 0 && (rc = json_element(json)) == 1)
        rc = json_skip(NULL, json);
    return rc;
}

int json_skip(struct json_span *span, struct json *json)
{
    struct json_string string;
    int rc = 0;
    enum json_type type = json_next(json);
    const char *start = json->at;

    switch (type) {
    case JSON_NOTHING:
        return bad(json, "a value is expected");
    case JSON_OBJECT:
        rc = skip_object(json);
        break;
    case JSON_ARRAY:
        rc = skip_array(json);
        break;
    case JSON_STRING:
        rc = json_read_string(&string, json);
        break;
    case JSON_NUMBER:
        rc = skip_number(json);
        break;
    default:
        json->at += words[word_here(json)].size;
        break;
    }
    if (rc == 0 && span)
        *span = (struct json_span){start, (size_t)(json->at - start)};
    return rc;
}

int json_finish(struct json *json)
{
    skip_space(json);
    return json->at == json->end ? 0 : bad(json, "something follows the value");
}

int json_find(struct json_span *value, struct json *json, const char *name)
{
    struct json_string key;
    bool found = false;
    int rc = json_enter_object(json);

    while (rc >= 0 && (rc = json_member(&key, json)) == 1) {
        struct json_span span;

        rc = json_skip(&span, json);
        if (rc == 0 && json_string_is(&key, name)) {
            *value = span;
            found = true;
        }
    }
    if (rc == 0)
        rc = json_finish(json);
    return rc < 0 ? rc : found;
}
