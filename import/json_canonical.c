/* json_canonical.c - the one text that equal values have, whoever wrote them: doc/FORMAT.md has the rules.
 *
 * One pass. Members go to the output as they come; only an object that turns out not to be in order is put in order
 * when it ends, by copying its finished members. So deep nesting costs no second parse.
 *
 * The scratch buffers are stacks: the members and keys of an object lie on top of those of the objects around it, and
 * are taken off when it ends.
 *
 *     value      {"b":{"y":1,"x":2},"a":3}          while x is read:
 *     members    b | y x                            two objects are open, the inner one begins at y
 *     keys       "b" "y" "x"
 *     out        {"b":{"y":1,"x":2                  x < y, so the inner object is put in order when it ends
 */
#include "import/json.h"

#include "base/quote.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A member of an object that is being written: where its key's bytes are in scratch->keys, where its text is in the
 * output. */
struct member {
    size_t key, key_size;
    size_t text, text_size;
};

struct canonical {
    struct buffer *out;
    struct json *json;
    struct json_scratch *scratch;
};

static int canonical_value(struct canonical *c, const char *const *leave_out);

void json_scratch_free(struct json_scratch *scratch)
{
    buffer_free(&scratch->keys);
    buffer_free(&scratch->members);
    buffer_free(&scratch->sorted);
    buffer_free(&scratch->string);
}

static void canonical_string(struct canonical *c, const struct json_string *string)
{
    struct buffer *bytes = &c->scratch->string;

    if (!string->escaped) {
        quote_json(c->out, string->text, string->size);
        return;
    }
    buffer_clear(bytes);
    json_decode(bytes, string, NULL);
    if (bytes->failed)
        c->out->failed = true;
    else
        quote_json(c->out, bytes->bytes, bytes->size);
}

static int compare_keys(const struct member *a, const struct member *b, const uint8_t *keys)
{
    size_t shorter = a->key_size < b->key_size ? a->key_size : b->key_size;
    int order = memcmp(keys + a->key, keys + b->key, shorter);

    if (order)
        return order;
    return (a->key_size > b->key_size) - (a->key_size < b->key_size);
}

/* By key; of equal ones that which came last stands first. */
static int by_key(const void *a, const void *b, void *keys)
{
    const struct member *x = a, *y = b;
    int order = compare_keys(x, y, keys);

    return order ? order : (x->text < y->text) - (x->text > y->text);
}

/* Members from `first` on (an index) are written again, in order; their text began at `start`. */
static void put_in_order(struct canonical *c, size_t first, size_t start)
{
    struct buffer *sorted = &c->scratch->sorted;
    uint8_t *keys = c->scratch->keys.bytes;
    struct member *members = (struct member *)(void *)c->scratch->members.bytes + first;
    size_t count = c->scratch->members.size / sizeof *members - first;

    qsort_r(members, count, sizeof *members, by_key, keys);
    buffer_clear(sorted);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && compare_keys(&members[i - 1], &members[i], keys) == 0)
            continue;
        if (sorted->size)
            buffer_add_byte(sorted, ',');
        buffer_add(sorted, c->out->bytes + members[i].text, members[i].text_size);
    }
    c->out->size = start;
    buffer_add(c->out, sorted->bytes, sorted->size);
    c->out->failed |= sorted->failed;
}

static bool is_left_out(const struct json_string *key, const char *const *leave_out)
{
    for (; leave_out && *leave_out; leave_out++)
        if (json_string_is(key, *leave_out))
            return true;
    return false;
}

/* One member to the output; *ordered is cleared when it does not come after the one before. */
static int canonical_member(struct canonical *c, const struct json_string *name, size_t first, bool *ordered)
{
    struct buffer *keys = &c->scratch->keys, *members = &c->scratch->members;
    struct member member = {.key = keys->size};

    json_decode(keys, name, NULL);
    member.key_size = keys->size - member.key;
    size_t count = members->size / sizeof member;
    if (count > first) {
        buffer_add_byte(c->out, ',');
        const struct member *last = (const struct member *)(const void *)members->bytes + count - 1;
        if (!keys->failed && compare_keys(last, &member, keys->bytes) >= 0)
            *ordered = false;
    }
    if (keys->failed)
        return -ENOMEM;
    member.text = c->out->size;
    quote_json(c->out, keys->bytes + member.key, member.key_size);
    buffer_add_byte(c->out, ':');
    size_t place = members->size;
    buffer_add(members, &member, sizeof member);
    int rc = canonical_value(c, NULL);
    if (rc < 0)
        return rc;
    if (c->out->failed || members->failed)
        return -ENOMEM;
    member.text_size = c->out->size - member.text;
    memcpy(members->bytes + place, &member, sizeof member);
    return 0;
}

static int canonical_object(struct canonical *c, const char *const *leave_out)
{
    size_t keys = c->scratch->keys.size, members = c->scratch->members.size;
    size_t first = members / sizeof(struct member);
    bool ordered = true;
    struct json_string name;
    int rc = json_enter_object(c->json);

    buffer_add_byte(c->out, '{');
    size_t start = c->out->size;
    while (rc >= 0 && (rc = json_member(&name, c->json)) == 1)
        rc = is_left_out(&name, leave_out) ? json_skip(NULL, c->json) : canonical_member(c, &name, first, &ordered);
    if (rc < 0)
        return rc;
    if (!ordered)
        put_in_order(c, first, start);
    c->scratch->keys.size = keys;
    c->scratch->members.size = members;
    buffer_add_byte(c->out, '}');
    return 0;
}

static int canonical_array(struct canonical *c)
{
    bool first = true;
    int rc = json_enter_array(c->json);

    buffer_add_byte(c->out, '[');
    while (rc >= 0 && (rc = json_element(c->json)) == 1) {
        if (!first)
            buffer_add_byte(c->out, ',');
        first = false;
        rc = canonical_value(c, NULL);
    }
    buffer_add_byte(c->out, ']');
    return rc;
}

static int canonical_value(struct canonical *c, const char *const *leave_out)
{
    struct json_string string;
    struct json_span span;
    int rc;

    switch (json_next(c->json)) {
    case JSON_OBJECT:
        return canonical_object(c, leave_out);
    case JSON_ARRAY:
        return canonical_array(c);
    case JSON_STRING:
        rc = json_read_string(&string, c->json);
        if (rc == 0)
            canonical_string(c, &string);
        return rc;
    case JSON_NAN:
    case JSON_INFINITY:
    case JSON_MINUS_INFINITY:
        buffer_add_text(c->out, "null");
        return json_skip(NULL, c->json);
    default:
        rc = json_skip(&span, c->json);
        if (rc == 0)
            buffer_add(c->out, span.text, span.size);
        return rc;
    }
}

int json_canonical(struct buffer *out, struct json *json, const char *const *leave_out, struct json_scratch *scratch)
{
    struct canonical c = {.out = out, .json = json, .scratch = scratch};

    buffer_clear(&scratch->keys);
    buffer_clear(&scratch->members);
    if (!buffer_reserve(&scratch->keys, 1)) /* so that an empty first key has an address */
        return -ENOMEM;
    int rc = canonical_value(&c, leave_out);
    if (rc < 0)
        return rc;
    return out->failed ? -ENOMEM : 0;
}
