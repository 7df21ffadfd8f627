/* record_key.c - how crawlers (agentless-system-crawler, plugins/) and live captures make keys, by type of record. */
#include "import/record_key.h"

#include <string.h>

#define KEY_PARTS 3

static const struct key_rule {
    const char *type;
    const char *fixed;              /* the key, or what it begins with */
    const char *members[KEY_PARTS]; /* whose values are joined by '/' */
    bool counted;                   /* the ordinal follows */
} rules[] = {
    {"file", "", {"path"}, false},
    {"config", "", {"path"}, false},
    {"os", "linux", {NULL}, false},
    {"package", "", {"pkgname"}, false},
    {"process", "", {"pname", "pid"}, false},
    {"connection", "", {"pid", "localipaddr", "localport"}, false},
    {"disk", "", {"mountpt"}, false},
    {"metric", "", {"pname", "pid"}, false},
    {"cpu", "cpu-", {NULL}, true},
    {"memory", "memory", {NULL}, false},
    {"load", "load", {NULL}, false},
    {"proc", "", {"path"}, false},
    {"dockerinspect", "", {"Id"}, false},
    {"dockerps", "", {"Id"}, false},
    {"python-package", "", {"pkgname"}, false},
    {"ruby-package", "", {"pkgname"}, false},
    {"node-package", "", {"pkgname"}, false},
    {"jar", "", {"path"}, false},
};

static const struct key_rule *rule_of(const struct json_string *type)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (json_string_is(type, rules[i].type))
            return &rules[i];
    return NULL;
}

bool record_key_counts(const struct json_string *type)
{
    const struct key_rule *rule = rule_of(type);

    return rule && rule->counted;
}

/* As Python's format() shows it: a string's bytes, a number's text. */
static void add_member(struct buffer *key, const struct json_span *value, const char *name)
{
    struct json json;
    struct json_span member;
    struct json_string string;

    json_begin(&json, value->text, value->size);
    if (json_find(&member, &json, name) != 1)
        return;
    json_begin(&json, member.text, member.size);
    if (json_read_string(&string, &json) == 0)
        json_decode(key, &string, NULL);
    else if (member.size == 4 && memcmp(member.text, "null", 4) == 0)
        buffer_add_text(key, "None");
    else
        buffer_add(key, member.text, member.size);
}

void record_key_rebuild(struct buffer *key, const struct json_string *type, const struct json_span *value,
                        unsigned ordinal)
{
    const struct key_rule *rule = rule_of(type);

    if (!rule)
        return;
    buffer_add_text(key, rule->fixed);
    if (rule->counted)
        buffer_add_format(key, "%u", ordinal);
    for (size_t i = 0; i < KEY_PARTS && rule->members[i]; i++) {
        if (i > 0)
            buffer_add_byte(key, '/');
        add_member(key, value, rule->members[i]);
    }
}
