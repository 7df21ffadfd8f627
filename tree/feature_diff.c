/* feature_diff.c - records come by type, key and value, each from one side; two that follow one another and have a type
 * and a key in common are one that changed. */
#include "tree/feature_diff.h"

#include "base/buffer.h"
#include "tree/features.h"
#include "tree/merge.h"

#include <errno.h>
#include <string.h>

/* What is measured: whole types (NULL), or those of one key, or a member of theirs. */
static const struct {
    const char *type, *key, *member; /* the member as a JSON Pointer */
} MEASURED[] = {
    {"cpu", NULL, NULL},
    {"disk", NULL, "/freepct"},
    {"diskio", NULL, NULL},
    {"interface", NULL, NULL},
    {"load", NULL, NULL},
    {"memory", NULL, NULL},
    {"metadata", NULL, "/uuid"},
    {"metadata", NULL, "/timestamp"},
    {"metric", NULL, NULL},
    {"os", NULL, "/uptime"},
    {"proc", "/proc/cpuinfo", NULL}, /* it has the clock rates of the moment */
    {"proc", "/proc/diskstats", NULL},
    {"proc", "/proc/meminfo", NULL},
    {"proc", "/proc/net/dev", NULL},
    {"proc", "/proc/stat", NULL},
    {"proc", "/proc/uptime", NULL},
};

static const char *const PACKAGES[] = {"package", "python-package", "ruby-package", "node-package"};
#define VERSION_MEMBER "pkgversion"

static bool is(const char *text, size_t size, const char *word)
{
    return size == strlen(word) && memcmp(text, word, size) == 0;
}

static bool has_type(const struct feature *feature, const char *type)
{
    return is(feature->type, feature->type_size, type);
}

static bool is_measured(const struct feature *feature, struct json_text at)
{
    for (size_t i = 0; i < sizeof MEASURED / sizeof *MEASURED; i++) {
        const char *key = MEASURED[i].key, *member = MEASURED[i].member;

        if (has_type(feature, MEASURED[i].type) && (!key || is(feature->key, feature->key_size, key)) &&
            (!member || (at.text && is(at.text, at.size, member))))
            return true;
    }
    return false;
}

static bool is_told(const struct feature *feature, bool measured)
{
    static const struct json_text whole = {NULL, 0};

    return !has_type(feature, FEATURE_NOTE) && (measured || !is_measured(feature, whole));
}

bool feature_is_package(const struct feature *feature)
{
    for (size_t i = 0; i < sizeof PACKAGES / sizeof *PACKAGES; i++)
        if (has_type(feature, PACKAGES[i]))
            return true;
    return false;
}

static struct json_text value_of(const struct feature *feature)
{
    return (struct json_text){feature->value, feature->value_size};
}

struct json_text feature_version(const struct feature *feature)
{
    return member_find(value_of(feature), VERSION_MEMBER);
}

/* --- One record --------------------------------------------------------------------------------------------------- */

struct filter {
    const struct feature *feature;
    bool measured;
    member_visit visit;
    void *arg;
};

static int filter_member(void *arg, struct json_text at, struct json_text a, struct json_text b)
{
    const struct filter *f = arg;

    return !f->measured && is_measured(f->feature, at) ? 0 : f->visit(f->arg, at, a, b);
}

int features_compare(const struct feature *a, const struct feature *b, bool measured, member_visit visit, void *arg,
                     struct error *err)
{
    struct filter f = {a, measured, visit, arg};

    return members_compare(value_of(a), value_of(b), filter_member, &f, err);
}

static int found_one(void *arg, struct json_text at, struct json_text a, struct json_text b)
{
    (void)arg, (void)at, (void)a, (void)b;
    return 1;
}

/* --- All of them -------------------------------------------------------------------------------------------------- */

struct telling {
    bool measured;
    int (*visit)(void *arg, const struct feature_step *step);
    void *arg;
    struct error *err;
    /* The record that came last, as long as the next one may belong to it. */
    bool pending, pending_is_b;
    struct feature last;
    struct buffer texts;
};

static int keep(struct telling *t, const struct feature *feature, bool is_b)
{
    buffer_clear(&t->texts);
    buffer_add(&t->texts, feature->type, feature->type_size);
    buffer_add(&t->texts, feature->key, feature->key_size);
    buffer_add(&t->texts, feature->value, feature->value_size);
    if (t->texts.failed)
        return error_system(t->err, ENOMEM, "cannot compare records");
    const char *text = (const char *)t->texts.bytes;
    t->last = *feature;
    t->last.type = text;
    t->last.key = text + feature->type_size;
    t->last.value = t->last.key + feature->key_size;
    t->pending = true;
    t->pending_is_b = is_b;
    return 0;
}

static int tell_last(struct telling *t)
{
    const struct feature_step step = {
        .change = t->pending_is_b ? FEATURE_ADDED : FEATURE_REMOVED,
        .a = t->pending_is_b ? NULL : &t->last,
        .b = t->pending_is_b ? &t->last : NULL,
    };

    if (!t->pending)
        return 0;
    t->pending = false;
    return t->visit(t->arg, &step);
}

/* The record and the last one are two versions of one thing. */
static int tell_both(struct telling *t, const struct feature *feature)
{
    struct feature_step step = {FEATURE_MODIFIED, &t->last, feature};
    int result;

    if (t->pending_is_b)
        step.a = feature, step.b = &t->last;
    t->pending = false;
    result = features_compare(step.a, step.b, t->measured, found_one, NULL, t->err);
    if (result <= 0)
        return result;
    if (feature_is_package(feature) && !json_text_equal(feature_version(step.a), feature_version(step.b)))
        step.change = FEATURE_UPGRADED;
    return t->visit(t->arg, &step);
}

static int take(struct telling *t, const struct feature *feature, bool is_b)
{
    if (!is_told(feature, t->measured))
        return 0;
    if (t->pending && t->pending_is_b != is_b && t->last.key_size == feature->key_size &&
        t->last.type_size == feature->type_size && memcmp(t->last.type, feature->type, feature->type_size) == 0 &&
        memcmp(t->last.key, feature->key, feature->key_size) == 0)
        return tell_both(t, feature);
    int result = tell_last(t);
    return result == 0 ? keep(t, feature, is_b) : result;
}

int features_diff(struct tree_reader *reader, int64_t a, int64_t b, bool measured,
                  int (*visit)(void *arg, const struct feature_step *step), void *arg, struct error *err)
{
    struct telling t = {.measured = measured, .visit = visit, .arg = arg, .err = err};
    struct merge merge;
    struct merge_pair pair;
    int result;

    merge_begin(&merge, reader, NODE_FEATURES, a, b);
    while ((result = merge_next(&pair, &merge, err)) > 0) {
        result = take(&t, pair.has_a ? pair.a.feature : pair.b.feature, pair.has_b);
        if (result != 0)
            break;
    }
    if (result == 0)
        result = tell_last(&t);
    merge_end(&merge);
    buffer_free(&t.texts);
    return result;
}
