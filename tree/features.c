/* features.c - going down the lists of a set of features. The ids of a list's nodes are gathered before they are
 * visited, since a connection's statement serves one visit at a time. */
#include "tree/features.h"

#include "base/jsonl.h"
#include "tree/node.h"

#include <errno.h>
#include <string.h>

struct level {
    int (*visit)(void *arg, const struct feature *feature);
    void *arg;
    const char *type;
    size_t type_size;
    unsigned level, count;
    int64_t nodes[NODE_ITEMS_MAX];
};

static int begin(void *arg, enum node_kind kind, unsigned level, unsigned count, const struct counts *counts)
{
    struct level *l = arg;

    (void)kind, (void)count, (void)counts;
    l->level = level;
    return 0;
}

/* Does a list's child begin behind the type that is wanted? Keys are type, NUL, key. */
static bool begins_behind(const struct level *l, const struct node_child *child)
{
    if (!l->type)
        return false;
    size_t common = child->first_size < l->type_size + 1 ? child->first_size : l->type_size + 1;
    return memcmp(child->first, l->type, common) > 0;
}

static int gather(void *arg, const struct node_child *child)
{
    struct level *l = arg;

    if (l->count < NODE_ITEMS_MAX && !begins_behind(l, child))
        l->nodes[l->count++] = child->node.id;
    return 0;
}

static int filter(void *arg, const struct feature *feature)
{
    struct level *l = arg;

    if (l->type && (feature->type_size != l->type_size || memcmp(feature->type, l->type, l->type_size) != 0))
        return 0;
    return l->visit(l->arg, feature);
}

/* The lists of one level are visited before what is below them; levels are at most 33. */
static int visit_node(struct store *store, int64_t node, const struct level *parent, struct error *err)
{
    struct level l = {parent->visit, parent->arg, parent->type, parent->type_size, 0, 0, {0}};
    const struct node_visitor visitor = {.begin = begin, .child = gather, .feature = filter, .arg = &l};
    int result = node_visit(store, node, NODE_COUNTS, &visitor, err);

    if (result == -ENOENT)
        return error_system(err, EIO, "node %lld is not in the store", (long long)node);
    for (unsigned i = 0; i < l.count && result == 0; i++)
        result = visit_node(store, l.nodes[i], &l, err);
    return result;
}

int features_visit(struct store *store, int64_t node, const char *type,
                   int (*visit)(void *arg, const struct feature *feature), void *arg, struct error *err)
{
    const struct level top = {.visit = visit, .arg = arg, .type = type, .type_size = type ? strlen(type) : 0};

    return visit_node(store, node, &top, err);
}

/* --- As JSON lines ------------------------------------------------------------------------------------------------ */

struct writing {
    struct buffer line;
    int (*sink)(void *arg, const void *bytes, size_t size);
    void *arg;
    struct error *err;
};

static int write_record(void *arg, const struct feature *feature)
{
    struct writing *w = arg;

    buffer_clear(&w->line);
    jsonl_begin(&w->line);
    jsonl_text(&w->line, "key", feature->key, feature->key_size);
    jsonl_raw(&w->line, "value", feature->value, feature->value_size);
    jsonl_end(&w->line);
    if (w->line.failed)
        return error_system(w->err, ENOMEM, "cannot write features");
    return w->sink(w->arg, w->line.bytes, w->line.size);
}

int features_write(struct store *store, int64_t node, const char *type,
                   int (*sink)(void *arg, const void *bytes, size_t size), void *arg, struct error *err)
{
    struct writing w = {.sink = sink, .arg = arg, .err = err};
    int result = features_visit(store, node, type, write_record, &w, err);

    buffer_free(&w.line);
    return result;
}

/* --- Types -------------------------------------------------------------------------------------------------------- */

/* Looking for the first record of a type behind another one. */
struct seek {
    const char *after; /* NULL: any type is */
    size_t after_size;
    struct buffer *out;
    unsigned level, count;
    int64_t nodes[2]; /* of a list: the child that may still hold `after`, and the one behind it */
};

static bool is_behind(const struct seek *s, const char *type, size_t size)
{
    return !s->after || name_compare(type, size, s->after, s->after_size) > 0;
}

static int seek_begin(void *arg, enum node_kind kind, unsigned level, unsigned count, const struct counts *counts)
{
    struct seek *s = arg;

    (void)kind, (void)count, (void)counts;
    s->level = level;
    return 0;
}

/* 1 when the children behind this one are of no interest. */
static int seek_child(void *arg, const struct node_child *child)
{
    struct seek *s = arg;
    const char *nul = memchr(child->first, '\0', child->first_size);
    size_t size = nul ? (size_t)(nul - child->first) : child->first_size;

    if (!is_behind(s, child->first, size)) {
        s->nodes[0] = child->node.id;
        s->count = 1;
        return 0;
    }
    s->nodes[s->count++] = child->node.id;
    return 1;
}

static int seek_feature(void *arg, const struct feature *feature)
{
    struct seek *s = arg;

    if (!is_behind(s, feature->type, feature->type_size))
        return 0;
    buffer_add(s->out, feature->type, feature->type_size);
    return 1;
}

/* Append the name of the first type behind `after`: 1, or 0 when there is none. */
static int seek_type(struct buffer *out, struct store *store, int64_t node, const char *after, size_t after_size,
                     struct error *err)
{
    struct seek s = {.after = after, .after_size = after_size, .out = out};
    const struct node_visitor visitor = {.begin = seek_begin, .child = seek_child, .feature = seek_feature, .arg = &s};
    int result = node_visit(store, node, NODE_COUNTS, &visitor, err);

    if (result == -ENOENT)
        return error_system(err, EIO, "node %lld is not in the store", (long long)node);
    if (s.level == 0 || result < 0)
        return result;
    result = 0;
    for (unsigned i = 0; i < s.count && result == 0; i++)
        result = seek_type(out, store, s.nodes[i], after, after_size, err);
    return result;
}

const char *feature_types_name(size_t *size, const struct feature_types *types, unsigned i)
{
    uint32_t begin = i ? types->ends[i - 1] : 0;

    *size = types->ends[i] - begin;
    return types->names.size ? (const char *)types->names.bytes + begin : "";
}

int feature_types_get(struct feature_types *types, struct store *store, int64_t node, struct error *err)
{
    int result = 1;

    if (types->node == node)
        return 0;
    feature_types_free(types);
    while (result == 1 && types->count < FEATURE_TYPES_MAX) {
        struct buffer next = {0};
        size_t size = 0;
        const char *after = types->count ? feature_types_name(&size, types, types->count - 1) : NULL;

        result = seek_type(&next, store, node, after, size, err);
        buffer_add(&types->names, next.bytes, next.size);
        if (next.failed || types->names.failed)
            result = error_system(err, ENOMEM, "cannot list features");
        buffer_free(&next);
        if (result == 1)
            types->ends[types->count++] = (uint32_t)types->names.size;
    }
    if (result < 0) {
        feature_types_free(types);
        return result;
    }
    types->node = node;
    return 0;
}

void feature_types_free(struct feature_types *types)
{
    buffer_free(&types->names);
    types->node = 0;
    types->count = 0;
}
