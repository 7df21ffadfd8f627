/* members.c - a scanner that knows where strings end and how deep it is. */
#include "tree/members.h"

#include "base/buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool json_text_equal(struct json_text a, struct json_text b)
{
    return a.size == b.size && !a.text == !b.text && (a.size == 0 || memcmp(a.text, b.text, a.size) == 0);
}

/* Behind the string that begins here; `end` when it does not end. */
static const char *skip_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++)
        if (*at == '\\')
            at++;
    return at < end ? at + 1 : end;
}

/* Behind the value that begins here: before the comma or bracket that ends it. */
static const char *skip_value(const char *at, const char *end)
{
    size_t depth = 0;

    while (at < end) {
        if (*at == '"') {
            at = skip_string(at, end);
            continue;
        }
        if (depth == 0 && (*at == ',' || *at == '}' || *at == ']'))
            return at;
        depth += *at == '{' || *at == '[';
        depth -= *at == '}' || *at == ']';
        at++;
    }
    return end;
}

bool member_next(struct member *member, const char **at, const char *end)
{
    const char *name = *at + 1;

    if (*at >= end || (**at != '{' && **at != ',') || name >= end || *name != '"')
        return false;
    const char *colon = skip_string(name, end);
    if (colon >= end || *colon != ':')
        return false;
    *at = skip_value(colon + 1, end);
    *member = (struct member){{name + 1, (size_t)(colon - name) - 2}, {colon + 1, (size_t)(*at - colon) - 1}};
    return true;
}

struct json_text member_find(struct json_text object, const char *name)
{
    const char *at = object.text;
    struct member member;

    while (at && member_next(&member, &at, object.text + object.size))
        if (member.name.size == strlen(name) && memcmp(member.name.text, name, member.name.size) == 0)
            return member.value;
    return (struct json_text){NULL, 0};
}

/* --- Comparing ---------------------------------------------------------------------------------------------------- */

struct comparing {
    struct buffer at; /* the pointer so far */
    member_visit visit;
    void *arg;
    struct error *err;
};

static int by_name(const void *of_a, const void *of_b)
{
    const struct member *a = of_a, *b = of_b;
    size_t common = a->name.size < b->name.size ? a->name.size : b->name.size;
    int order = memcmp(a->name.text, b->name.text, common);

    return order ? order : (a->name.size > b->name.size) - (a->name.size < b->name.size);
}

/* All members of an object, by the texts of their names (canonical objects are in the order of the names' bytes). */
static const struct member *gather(struct buffer *list, size_t *count, struct json_text object)
{
    const char *at = object.text;
    struct member member;

    while (member_next(&member, &at, object.text + object.size))
        buffer_add(list, &member, sizeof member);
    *count = list->size / sizeof member;
    struct member *members = (struct member *)(void *)list->bytes;
    if (*count)
        qsort(members, *count, sizeof *members, by_name);
    return members;
}

static int compare(struct comparing *c, struct json_text a, struct json_text b, unsigned depth);

/* A member's values, either of which may be missing. */
static int compare_member(struct comparing *c, const struct member *a, const struct member *b, unsigned depth)
{
    static const struct json_text none = {NULL, 0};
    struct json_text name = a ? a->name : b->name;
    size_t above = c->at.size;

    buffer_add_byte(&c->at, '/');
    for (size_t i = 0; i < name.size; i++)
        if (name.text[i] == '~' || name.text[i] == '/')
            buffer_add_text(&c->at, name.text[i] == '~' ? "~0" : "~1");
        else
            buffer_add_byte(&c->at, (uint8_t)name.text[i]);
    int result = compare(c, a ? a->value : none, b ? b->value : none, depth);
    c->at.size = above;
    return result;
}

static int compare_objects(struct comparing *c, struct json_text a, struct json_text b, unsigned depth)
{
    struct buffer of_a cleanup_buffer = {0}, of_b cleanup_buffer = {0};
    size_t count_a, count_b, i = 0, j = 0;
    const struct member *list_a = gather(&of_a, &count_a, a), *list_b = gather(&of_b, &count_b, b);
    int result = 0;

    if (of_a.failed || of_b.failed)
        return error_system(c->err, ENOMEM, "cannot compare records");
    while ((i < count_a || j < count_b) && result == 0) {
        int order = i == count_a ? 1 : j == count_b ? -1 : by_name(&list_a[i], &list_b[j]);

        result = compare_member(c, order <= 0 ? &list_a[i] : NULL, order >= 0 ? &list_b[j] : NULL, depth + 1);
        i += order <= 0;
        j += order >= 0;
    }
    return result;
}

static bool is_object(struct json_text value)
{
    return value.size && value.text[0] == '{';
}

static int compare(struct comparing *c, struct json_text a, struct json_text b, unsigned depth)
{
    if (json_text_equal(a, b))
        return 0;
    if (depth < MEMBERS_DEPTH_MAX && is_object(a) && is_object(b))
        return compare_objects(c, a, b, depth);
    if (c->at.failed)
        return error_system(c->err, ENOMEM, "cannot compare records");
    return c->visit(c->arg, (struct json_text){(const char *)c->at.bytes, c->at.size}, a, b);
}

int members_compare(struct json_text a, struct json_text b, member_visit visit, void *arg, struct error *err)
{
    struct comparing c = {.visit = visit, .arg = arg, .err = err};
    int result = compare(&c, a, b, 0);

    buffer_free(&c.at);
    return result;
}
