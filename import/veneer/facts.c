/* facts.c - one pass over the features; what no renderer reads is passed over. */
#include "import/veneer/facts.h"

#include "base/timestamp.h"
#include "import/file_record.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REAL_TEXT_MAX 64 /* bytes of a number's text; longer ones are nobody's */

static const struct {
    const char *type;
    const char *fields[FACT_FIELDS_MAX]; /* from 1 on */
} kinds[FACT_KINDS] = {
    [FACT_CONNECTION] = {"connection",
                         {NULL, "pid", "localipaddr", "localport", "remoteipaddr", "remoteport", "connstatus", "inode",
                          "uid"}},
    [FACT_CPU] = {"cpu",
                  {NULL, "cpu_user", "cpu_nice", "cpu_system", "cpu_idle", "cpu_wait", "cpu_interrupt", "cpu_steal"}},
    [FACT_DISK] = {"disk", {NULL, "partitionname", "mountpt", "fstype", "mountopts", "partitionsize"}},
    [FACT_DISKIO] = {"diskio", {NULL}},
    [FACT_INSPECT] = {"dockerinspect", {NULL, "Config"}},
    [FACT_INTERFACE] = {"interface", {NULL}},
    [FACT_LOAD] = {"load", {NULL, "shortterm", "midterm", "longterm"}},
    [FACT_MEMORY] = {"memory", {NULL, "memory_used", "memory_buffered", "memory_cached", "memory_free"}},
    [FACT_METADATA] = {"metadata", {NULL, "system_type", "container_image", "docker_image_long_name"}},
    [FACT_METRIC] = {"metric",
                     {NULL, "pid", "cpupct", "rss", "vms", "status", "user", "flags", "minflt", "cminflt", "majflt",
                      "cmajflt", "utime", "stime", "cutime", "cstime", "priority", "nice", "tasks"}},
    [FACT_MOUNTS] = {"mounts", {NULL, "namespace", "root", "mounts", "mountinfo"}},
    [FACT_OS] = {"os",
                 {NULL, "boottime", "uptime", "os", "os_version", "os_kernel", "architecture", "osdistro", "osrelease",
                  "ostype", "osversion", "osplatform"}},
    [FACT_PACKAGE] = {"package",
                      {NULL, "pkgname", "pkgversion", "pkgsize", "pkgarchitecture", "installed", "pkgfiles"}},
    [FACT_PROC] = {"proc", {NULL, "lines"}},
    [FACT_PROCESS] = {"process", {NULL,        "pid",       "ppid",    "pname",    "cmd",       "created", "cwd",
                                  "openfiles", "mmapfiles", "threads", "user",     "argv",      "environ", "exe",
                                  "root",      "cgroup",    "limits",  "loginuid", "fds",       "maps",    "namespaces",
                                  "pgrp",      "session",   "tty_nr",  "tpgid",    "starttime", "uids",    "gids"}},
};

/* From which field on a record can do without; 0: it needs all. */
static const unsigned optional_from[FACT_KINDS] = {
    [FACT_METRIC] = METRIC_FLAGS,
    [FACT_PROCESS] = PROCESS_ARGUMENTS,
};

/* Where a field's text lies; a field that is not told has the size NOT_TOLD. */
struct span {
    uint32_t at, size;
};

#define NOT_TOLD UINT32_MAX

struct row {
    struct span fields[FACT_FIELDS_MAX];
};

struct gathering {
    struct facts *facts;
    struct error *err;
};

void facts_free(struct facts *facts)
{
    buffer_free(&facts->text);
    buffer_free(&facts->string);
    for (unsigned kind = 0; kind < FACT_KINDS; kind++)
        buffer_free(&facts->rows[kind]);
}

/* --- Gathering ---------------------------------------------------------------------------------------------------- */

/* Where a field goes, and what the record before has there: limits and control groups are mostly the same. */
struct place {
    struct span *span;
    struct span before;
    size_t max; /* bytes of all fields */
};

static bool keep(struct place *place, struct facts *facts, const void *bytes, size_t size)
{
    if (size && place->before.size == size && memcmp(facts->text.bytes + place->before.at, bytes, size) == 0) {
        *place->span = place->before;
        return true;
    }
    if (size > FACT_TEXT_MAX || facts->text.size + size > place->max)
        return false;
    *place->span = (struct span){(uint32_t)facts->text.size, (uint32_t)size};
    buffer_add(&facts->text, bytes, size);
    return true;
}

/* The text that a value is for whoever reads facts; none for null. A string's is decoded into `string`. */
static struct fact text_of(struct buffer *string, const struct json_span *value)
{
    struct json json;
    struct json_string quoted;

    json_begin(&json, value->text, value->size);
    enum json_type type = json_next(&json);
    if (type == JSON_NULL || type == JSON_NOTHING)
        return (struct fact){0};
    if (type != JSON_STRING)
        return (struct fact){value->text, value->size};
    json_read_string(&quoted, &json);
    buffer_clear(string);
    json_decode(string, &quoted, NULL);
    return (struct fact){string->bytes ? (const char *)string->bytes : "", string->size};
}

static struct span before(const struct facts *facts, enum fact_kind kind, unsigned field)
{
    const struct row *rows = (const struct row *)(const void *)facts->rows[kind].bytes;
    uint32_t count = facts_count(facts, kind);

    return count ? rows[count - 1].fields[field] : (struct span){0, NOT_TOLD};
}

/* False: there is no room for it, and the record needs it. */
static bool keep_value(struct row *row, struct facts *facts, enum fact_kind kind, unsigned field,
                       const struct json_span *value)
{
    bool optional = optional_from[kind] && field >= optional_from[kind];
    struct fact text = text_of(&facts->string, value);
    size_t part = !optional ? 1 : text.size <= FACT_SMALL_MAX ? 2 : 4;
    struct place place = {&row->fields[field], before(facts, kind, field), FACTS_SIZE_MAX / part};

    if (!text.text || keep(&place, facts, text.text, text.size))
        return true;
    facts->left[kind].fields += optional;
    return optional;
}

static unsigned field_of(enum fact_kind kind, const struct json_string *key)
{
    unsigned field = 1;

    while (field < FACT_FIELDS_MAX && kinds[kind].fields[field] && !json_string_is(key, kinds[kind].fields[field]))
        field++;
    return field < FACT_FIELDS_MAX && kinds[kind].fields[field] ? field : 0;
}

/* False: it is no object, or beyond a limit. */
static bool take_row(struct facts *facts, enum fact_kind kind, const struct feature *feature)
{
    struct json json;
    struct json_string key;
    struct json_span value;
    struct row row;

    for (unsigned i = 0; i < FACT_FIELDS_MAX; i++)
        row.fields[i] = (struct span){0, NOT_TOLD};
    json_begin(&json, feature->value, feature->value_size);
    if (facts_count(facts, kind) >= FACT_ROWS_MAX || json_next(&json) != JSON_OBJECT || json_enter_object(&json) < 0)
        return false;
    struct place place = {&row.fields[FACT_KEY], {0, NOT_TOLD}, FACTS_SIZE_MAX};
    bool fits = keep(&place, facts, feature->key, feature->key_size);
    while (fits && json_member(&key, &json) == 1) {
        unsigned field = field_of(kind, &key);

        if (json_skip(&value, &json) < 0)
            return false;
        if (field)
            fits = keep_value(&row, facts, kind, field, &value);
    }
    if (fits)
        buffer_add(&facts->rows[kind], &row, sizeof row);
    return fits;
}

static int take(void *arg, const struct feature *feature, struct error *err)
{
    struct facts *facts = arg;
    unsigned kind = 0;

    while (kind < FACT_KINDS && (strlen(kinds[kind].type) != feature->type_size ||
                                 memcmp(kinds[kind].type, feature->type, feature->type_size) != 0))
        kind++;
    if (kind == FACT_KINDS)
        return 0;
    if (!take_row(facts, (enum fact_kind)kind, feature))
        facts->left[kind].records++;
    if (facts->text.failed || facts->string.failed || facts->rows[kind].failed)
        return error_system(err, ENOMEM, "cannot hold the features");
    return 0;
}

int facts_gather(struct facts *facts, struct record_set *features, struct error *err)
{
    return record_set_visit(features, take, facts, err);
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

const char *facts_type(enum fact_kind kind)
{
    return kinds[kind].type;
}

uint32_t facts_count(const struct facts *facts, enum fact_kind kind)
{
    return (uint32_t)(facts->rows[kind].size / sizeof(struct row));
}

struct fact facts_get(const struct facts *facts, enum fact_kind kind, uint32_t row, unsigned field)
{
    const struct row *rows = (const struct row *)(const void *)facts->rows[kind].bytes;
    const struct span *span = &rows[row].fields[field];

    if (span->size == NOT_TOLD)
        return (struct fact){0};
    return (struct fact){(const char *)facts->text.bytes + span->at, span->size};
}

struct fact facts_one(const struct facts *facts, enum fact_kind kind, unsigned field)
{
    return facts_count(facts, kind) ? facts_get(facts, kind, 0, field) : (struct fact){0};
}

bool fact_is(struct fact fact, const char *text)
{
    return fact.text && fact.size == strlen(text) && memcmp(fact.text, text, fact.size) == 0;
}

bool fact_is_list(struct fact fact)
{
    return fact.size > 0 && fact.text[0] == '[';
}

bool fact_is_object(struct fact fact)
{
    return fact.size > 0 && fact.text[0] == '{';
}

bool fact_number(uint64_t *number, struct fact fact)
{
    return fact.text && file_number_parse(number, fact.text, fact.size);
}

bool fact_real(double *number, struct fact fact)
{
    char text[REAL_TEXT_MAX + 1], *end;

    if (!fact.text || fact.size == 0 || fact.size > REAL_TEXT_MAX || !strchr("0123456789.", fact.text[0]))
        return false;
    memcpy(text, fact.text, fact.size);
    text[fact.size] = '\0';
    *number = strtod(text, &end);
    return end == text + fact.size && isfinite(*number);
}

bool fact_time(uint64_t *ns, struct fact fact)
{
    return fact.text && timestamp_parse_seconds(ns, fact.text, fact.size);
}

int fact_visit_list(struct fact fact, int (*visit)(void *arg, const char *text, size_t size), void *arg)
{
    struct json json;
    struct json_string string;
    struct buffer text = {0};
    int rc = 0;

    json_begin(&json, fact.text ? fact.text : "", fact.size);
    if (json_next(&json) != JSON_ARRAY || json_enter_array(&json) < 0)
        return 0;
    while (rc == 0 && json_element(&json) == 1) {
        if (json_next(&json) != JSON_STRING) {
            if (json_skip(NULL, &json) < 0)
                break;
            continue;
        }
        if (json_read_string(&string, &json) < 0)
            break;
        buffer_clear(&text);
        json_decode(&text, &string, NULL);
        rc = text.failed ? -ENOMEM : visit(arg, text.bytes ? (const char *)text.bytes : "", text.size);
    }
    buffer_free(&text);
    return rc;
}

int fact_visit_members(struct fact fact, int (*visit)(void *arg, struct fact name, struct fact value), void *arg)
{
    struct json json;
    struct json_string key;
    struct json_span value;
    struct buffer name = {0}, text = {0};
    int rc = 0;

    json_begin(&json, fact.text ? fact.text : "", fact.size);
    if (json_next(&json) != JSON_OBJECT || json_enter_object(&json) < 0)
        return 0;
    while (rc == 0 && json_member(&key, &json) == 1) {
        if (json_skip(&value, &json) < 0)
            break;
        buffer_clear(&name);
        json_decode(&name, &key, NULL);
        struct fact told = text_of(&text, &value);
        bool failed = name.failed || text.failed;
        rc = failed ? -ENOMEM : visit(arg, (struct fact){name.bytes ? (const char *)name.bytes : "", name.size}, told);
    }
    buffer_free(&name);
    buffer_free(&text);
    return rc;
}

bool fact_numbers(uint64_t *numbers, size_t count, struct fact fact)
{
    struct json json;
    struct json_span value;
    size_t found = 0;

    json_begin(&json, fact.text ? fact.text : "", fact.size);
    if (json_next(&json) != JSON_ARRAY || json_enter_array(&json) < 0)
        return false;
    while (json_element(&json) == 1) {
        if (json_skip(&value, &json) < 0 || found == count ||
            !fact_number(&numbers[found++], (struct fact){value.text, value.size}))
            return false;
    }
    return found == count;
}
