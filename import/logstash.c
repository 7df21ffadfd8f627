/* logstash.c - see logstash.h. The object is one line, so it is in memory whole; what is made here is a list of its
 * members, some 50 bytes each. */
#include "import/logstash.h"

#include <errno.h>
#include <stdlib.h>

struct member {
    size_t name, name_size; /* in members.names */
    struct json_span value;
    const char *text; /* where its name's quote stands */
};

static const struct member *list_of(const struct members *members)
{
    return (const struct member *)(const void *)members->list.bytes;
}

static size_t count_of(const struct members *members)
{
    return members->list.size / sizeof(struct member);
}

void logstash_free(struct logstash *logstash)
{
    buffer_free(&logstash->types.names);
    buffer_free(&logstash->types.list);
    buffer_free(&logstash->records.names);
    buffer_free(&logstash->records.list);
}

static int compare_names(const struct member *a, const struct member *b, const uint8_t *names)
{
    size_t shorter = a->name_size < b->name_size ? a->name_size : b->name_size;
    int order = memcmp(names + a->name, names + b->name, shorter);

    return order ? order : (a->name_size > b->name_size) - (a->name_size < b->name_size);
}

/* Of equal names the last one stands first. */
static int by_name(const void *a, const void *b, void *names)
{
    const struct member *x = a, *y = b;
    int order = compare_names(x, y, names);

    return order ? order : (x->text < y->text) - (x->text > y->text);
}

static void sort_once(struct members *members)
{
    struct member *list = (struct member *)(void *)members->list.bytes;
    size_t count = count_of(members), kept = 0;

    if (count == 0)
        return;
    qsort_r(list, count, sizeof *list, by_name, members->names.bytes);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || compare_names(&list[kept - 1], &list[i], members->names.bytes) != 0)
            list[kept++] = list[i];
    members->list.size = kept * sizeof *list;
}

/* The members of an object, whose values must be objects. */
static int collect(struct members *members, const struct json_span *object, struct error *err)
{
    struct json json;
    struct json_string name;
    int rc;

    buffer_clear(&members->names);
    buffer_clear(&members->list);
    buffer_reserve(&members->names, 1); /* so that an empty name has an address */
    json_begin(&json, object->text, object->size);
    rc = json_enter_object(&json);
    while (rc >= 0 && (rc = json_member(&name, &json)) == 1) {
        struct member member = {.name = members->names.size, .text = name.text - 1};

        json_decode(&members->names, &name, NULL);
        member.name_size = members->names.size - member.name;
        if (json_next(&json) != JSON_OBJECT) {
            json.why = "an object is expected";
            rc = -EBADMSG;
            break;
        }
        rc = json_skip(&member.value, &json);
        buffer_add(&members->list, &member, sizeof member);
    }
    if (rc < 0 || json_finish(&json) < 0)
        return record_broken(err, "object", &json);
    if (members->names.failed || members->list.failed)
        return error_system(err, ENOMEM, "the members of a logstash frame");
    sort_once(members);
    return 0;
}

static struct record record_of(const struct members *types, const struct member *type, const struct members *keys,
                               const struct member *key)
{
    return (struct record){
        .type = (const char *)types->names.bytes + type->name,
        .type_size = type->name_size,
        .key = (const char *)keys->names.bytes + key->name,
        .key_size = key->name_size,
        .value = key->value,
        .text = {key->text, (size_t)(key->value.text + key->value.size - key->text)},
    };
}

static bool is_metadata(const struct members *types, const struct member *type)
{
    return type->name_size == strlen("metadata") &&
           memcmp(types->names.bytes + type->name, "metadata", type->name_size) == 0;
}

static int read_type(struct logstash *logstash, const struct member *type, record_sink sink, void *arg,
                     struct error *err)
{
    if (type->name_size == 0 || type->name_size > RECORD_TYPE_MAX) {
        error_input(err, "broken record, a type of %zu bytes", type->name_size);
        return RECORD_BROKEN;
    }
    int rc = collect(&logstash->records, &type->value, err);
    for (size_t i = 0; rc >= 0 && i < count_of(&logstash->records); i++) {
        struct record record = record_of(&logstash->types, type, &logstash->records, &list_of(&logstash->records)[i]);

        rc = sink(arg, &record, err);
    }
    return rc;
}

int logstash_read(struct logstash *logstash, const char *text, size_t size, record_sink sink, void *arg,
                  struct error *err)
{
    struct members *types = &logstash->types;
    int rc = collect(types, &(struct json_span){text, size}, err);

    for (size_t i = 0; rc >= 0 && i < count_of(types); i++) {
        const struct member *type = &list_of(types)[i];

        if (is_metadata(types, type)) {
            struct record record = record_of(types, type, types, type);

            rc = sink(arg, &record, err);
        }
    }
    for (size_t i = 0; rc >= 0 && i < count_of(types); i++)
        if (!is_metadata(types, &list_of(types)[i]))
            rc = read_type(logstash, &list_of(types)[i], sink, arg, err);
    return rc;
}

int logstash_read_again(struct record *record, struct logstash *logstash, const char *text, size_t size,
                        struct error *err)
{
    struct json json;
    struct json_string key;
    struct buffer *bytes = &logstash->records.names;

    json_begin(&json, text, size);
    int rc = json_read_string(&key, &json);
    if (rc < 0 || json_next(&json) != JSON_NOTHING || json.at == json.end)
        return record_broken(err, "key", &json);
    json.at++; /* the colon */
    buffer_clear(bytes);
    json_decode(bytes, &key, NULL);
    if (bytes->failed)
        return error_system(err, ENOMEM, "a key");
    *record = (struct record){.type = "file", .type_size = strlen("file"), .text = {text, size}};
    record->key = (const char *)bytes->bytes;
    record->key_size = bytes->size;
    rc = json_skip(&record->value, &json);
    return rc < 0 ? record_broken(err, "value", &json) : 0;
}
