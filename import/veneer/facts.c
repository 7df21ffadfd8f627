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
                         {NULL, "pid", "localipaddr", "localport", "remoteipaddr", "remoteport", "connstatus"}},
    [FACT_CPU] = {"cpu",
                  {NULL, "cpu_user", "cpu_nice", "cpu_system", "cpu_idle", "cpu_wait", "cpu_interrupt", "cpu_steal"}},
    [FACT_DISK] = {"disk", {NULL, "partitionname", "mountpt", "fstype", "mountopts", "partitionsize"}},
    [FACT_DISKIO] = {"diskio", {NULL}},
    [FACT_INSPECT] = {"dockerinspect", {NULL, "Config"}},
    [FACT_INTERFACE] = {"interface", {NULL}},
    [FACT_LOAD] = {"load", {NULL, "shortterm", "midterm", "longterm"}},
    [FACT_MEMORY] = {"memory", {NULL, "memory_used", "memory_buffered", "memory_cached", "memory_free"}},
    [FACT_METADATA] = {"metadata", {NULL, "system_type", "container_image", "docker_image_long_name"}},
    [FACT_METRIC] = {"metric", {NULL, "pid", "cpupct", "rss", "vms", "status", "user"}},
    [FACT_OS] = {"os",
                 {NULL, "boottime", "uptime", "os", "os_version", "os_kernel", "architecture", "osdistro", "osrelease",
                  "ostype", "osversion", "osplatform"}},
    [FACT_PACKAGE] = {"package",
                      {NULL, "pkgname", "pkgversion", "pkgsize", "pkgarchitecture", "installed", "pkgfiles"}},
    [FACT_PROCESS] = {"process",
                      {NULL, "pid", "ppid", "pname", "cmd", "created", "cwd", "openfiles", "mmapfiles", "threads",
                       "user"}},
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

static bool keep(struct span *span, struct facts *facts, const void *bytes, size_t size)
{
    if (size > FACT_TEXT_MAX || facts->text.size + size > FACTS_SIZE_MAX)
        return false;
    *span = (struct span){(uint32_t)facts->text.size, (uint32_t)size};
    buffer_add(&facts->text, bytes, size);
    return true;
}

static bool keep_value(struct span *span, struct facts *facts, const struct json_span *value)
{
    struct json json;
    struct json_string string;

    json_begin(&json, value->text, value->size);
    enum json_type type = json_next(&json);
    if (type == JSON_NULL || type == JSON_NOTHING)
        return true;
    if (type != JSON_STRING)
        return keep(span, facts, value->text, value->size);
    json_read_string(&string, &json);
    buffer_clear(&facts->string);
    json_decode(&facts->string, &string, NULL);
    return keep(span, facts, facts->string.bytes, facts->string.size);
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
    bool fits = keep(&row.fields[FACT_KEY], facts, feature->key, feature->key_size);
    while (fits && json_member(&key, &json) == 1) {
        unsigned field = field_of(kind, &key);

        if (json_skip(&value, &json) < 0)
            return false;
        if (field)
            fits = keep_value(&row.fields[field], facts, &value);
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
