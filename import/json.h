/* json.h - reading JSON as crawlers write it, from memory, without building anything.
 *
 * Frames hold what a general JSON library refuses: NaN and infinities, lone surrogates, NUL in strings, integers above
 * 2^63, bytes that are no UTF-8. So this is our own scanner: a cursor goes over the text once, values are spans of it,
 * and only what is asked for is decoded. json_string.c turns strings into bytes, json_canonical.c gives the one
 * text that equal values have in the store.
 */
#ifndef IMPORT_JSON_H
#define IMPORT_JSON_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>

/* Objects and arrays inside one another. What crawlers write has less than ten; the recursion here has to end. */
#define JSON_DEPTH_MAX 128

/* Names that members are asked for by; the longest is "feature_type". */
#define JSON_NAME_MAX 32

enum json_type {
    JSON_NOTHING, /* the text ends, or what follows is no JSON */
    JSON_OBJECT,
    JSON_ARRAY,
    JSON_STRING,
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
    JSON_NAN,
    JSON_INFINITY,
    JSON_MINUS_INFINITY,
};

/* A cursor. When a function returned -EBADMSG, `why` says what is wrong and `at` stands where. */
struct json {
    const char *start, *at, *end;
    const char *why;
    unsigned depth; /* objects and arrays that are open */
    bool first;     /* nothing of the innermost open one was read yet */
};

/* A part of the text. */
struct json_span {
    const char *text;
    size_t size;
};

/* A string as it stands between its quotes; without escapes its text is its bytes. */
struct json_string {
    const char *text;
    size_t size;
    bool escaped;
};

void json_begin(struct json *json, const char *text, size_t size);

/* Where the cursor stands, in bytes from the start. */
static inline size_t json_offset(const struct json *json)
{
    return (size_t)(json->at - json->start);
}

/* What the next value is, judged by its first bytes. */
enum json_type json_next(struct json *json);

/* Go into an object; then each call gives the next key and stands before its value: 1, or 0 behind the object. */
int json_enter_object(struct json *json);
int json_member(struct json_string *key, struct json *json);

/* Go into an array; then each call stands before the next element: 1, or 0 behind the array. */
int json_enter_array(struct json *json);
int json_element(struct json *json);

int json_read_string(struct json_string *string, struct json *json);

/* Go over one value of any type, checking it. `span` may be NULL. */
int json_skip(struct json_span *span, struct json *json);

/* Nothing but white space may follow. */
int json_finish(struct json *json);

/* The value of an object's member; of members with the same name the last one counts. The whole text is checked.
 * 1: found, 0: the object has none, -EBADMSG: the cursor (which starts at the object) tells. */
int json_find(struct json_span *value, struct json *json, const char *name);

/* Append a string's bytes. A surrogate pair is one UTF-8 character; a lone \udc80 to \udcff is the byte 0x80 to 0xff
 * (Python's surrogateescape); other lone surrogates become three bytes and set *lone, which may be NULL. */
void json_decode(struct buffer *out, const struct json_string *string, bool *lone);

/* Are a string's bytes this text, which has at most JSON_NAME_MAX bytes? */
bool json_string_is(const struct json_string *string, const char *text);

/* What canonical texts need while they are made; all zero at first, used again and again. */
struct json_scratch {
    struct buffer keys, members, sorted, string;
};

void json_scratch_free(struct json_scratch *scratch);

/* Append the canonical text of the value that the cursor stands before. `leave_out` (NULL: nothing) names members of
 * the outermost object that are not taken, ended by NULL. -EBADMSG: see the cursor; -ENOMEM. */
int json_canonical(struct buffer *out, struct json *json, const char *const *leave_out, struct json_scratch *scratch);

#endif
