/* features.c - going down the lists of a set of features. The ids of a list's nodes are gathered before they are
 * visited, since a connection's statement serves one visit at a time. */
#include "tree/features.h"

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
    int result = node_visit(store, node, false, &visitor, err);

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
