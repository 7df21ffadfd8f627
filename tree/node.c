/* node.c - from rows to a node in memory: one allocation, which holds the items and their texts. */
#include "tree/node.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "db/node.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* What a visit gathers. Texts move while they grow, so items hold offsets until everything is in place. */
struct loading {
    struct store *store;
    int64_t id;
    enum node_detail detail;
    struct error *err;
    unsigned level, count, expected;
    struct counts counts, sums;
    struct buffer texts;
    union {
        struct node_leaf_item leaf[NODE_ITEMS_MAX];
        struct node_list_item list[NODE_ITEMS_MAX];
    };
    size_t text[NODE_ITEMS_MAX], target[NODE_ITEMS_MAX];
};

static int damaged(const struct loading *l)
{
    return node_damaged(l->store, l->id, l->err);
}

static int load_begin(void *arg, enum node_kind kind, unsigned level, unsigned count, const struct counts *counts)
{
    struct loading *l = arg;

    if (kind != NODE_TREE)
        return damaged(l);
    l->level = level;
    l->expected = count;
    l->counts = *counts;
    return 0;
}

/* Is there room for one more item with that much below it? Sums that cannot wrap are what makes ranks unique and every
 * way down end: what is below a directory is always less than what the directory says. */
static int load_room(const struct loading *l, uint32_t entries, uint32_t nodes)
{
    return l->count < l->expected && nodes <= TREE_NODES_MAX - l->sums.nodes &&
                   entries <= TREE_NODES_MAX - l->sums.entries
               ? 0
               : damaged(l);
}

static void load_sums(struct loading *l, uint32_t entries, uint32_t dirs, uint32_t nodes)
{
    l->sums.entries += entries;
    l->sums.dirs += dirs;
    l->sums.nodes += nodes;
    l->count++;
}

static int load_entry(void *arg, const struct entry *entry, const struct entry_digests *digests)
{
    struct loading *l = arg;
    int result = load_room(l, 1, 1 + entry->below.nodes);

    (void)digests;
    if (result < 0)
        return result;
    l->leaf[l->count] = (struct node_leaf_item){.entry = *entry, .nodes_before = l->sums.nodes};
    l->text[l->count] = l->texts.size;
    buffer_add(&l->texts, entry->name, entry->name_size);
    l->target[l->count] = l->texts.size;
    buffer_add(&l->texts, entry->target, entry->target_size);
    load_sums(l, 1, S_ISDIR(entry->mode), 1 + entry->below.nodes);
    return 0;
}

static int load_child(void *arg, const struct node_child *child)
{
    struct loading *l = arg;
    const struct counts *counts = &child->node.counts;
    int result = load_room(l, counts->entries, counts->nodes);

    if (result < 0)
        return result;
    l->list[l->count] = (struct node_list_item){
        .first_size = child->first_size,
        .nodes_before = l->sums.nodes,
        .entries_before = l->sums.entries,
        .node = child->node.id,
    };
    l->text[l->count] = l->texts.size;
    buffer_add(&l->texts, child->first, child->first_size);
    load_sums(l, counts->entries, counts->dirs, counts->nodes);
    return 0;
}

static bool is_whole(const struct loading *l)
{
    bool sums =
        l->sums.entries == l->counts.entries && l->sums.dirs == l->counts.dirs && l->sums.nodes == l->counts.nodes;

    return l->count == l->expected && (sums || l->detail == NODE_ITEMS) && (l->level == 0 || l->count > 0);
}

static int64_t cache_id(int64_t id, enum node_detail detail)
{
    return detail == NODE_ITEMS ? id | CACHE_ID_UNCOUNTED : id;
}

static struct node *pack(const struct loading *l)
{
    size_t items = l->count * (l->level ? sizeof *l->list : sizeof *l->leaf);
    size_t size = sizeof(struct node) + items + l->texts.size;
    struct node *node = malloc(size);

    if (!node)
        return NULL;
    *node = (struct node){.cached = {.id = cache_id(l->id, l->detail), .size = size},
                          .counts = l->counts,
                          .level = (uint16_t)l->level,
                          .count = (uint16_t)l->count};
    char *texts = (char *)(node + 1) + items;
    if (l->texts.size)
        memcpy(texts, l->texts.bytes, l->texts.size);
    if (l->level) {
        node->list = memcpy(node + 1, l->list, items);
        for (unsigned i = 0; i < l->count; i++)
            node->list[i].first = texts + l->text[i];
    } else {
        node->leaf = memcpy(node + 1, l->leaf, items);
        for (unsigned i = 0; i < l->count; i++) {
            struct entry *entry = &node->leaf[i].entry;
            entry->name = texts + l->text[i];
            entry->target = entry->target ? texts + l->target[i] : NULL;
        }
    }
    return node;
}

static int load(struct node **node, struct store *store, int64_t id, enum node_detail detail, struct error *err)
{
    struct loading *l = malloc(sizeof *l);

    if (!l)
        return error_system(err, ENOMEM, "cannot read a node");
    memset(l, 0, offsetof(struct loading, leaf)); /* items are written before they are read: 9 KB of them */
    l->store = store;
    l->id = id;
    l->detail = detail;
    l->err = err;
    const struct node_visitor visitor = {.begin = load_begin, .child = load_child, .entry = load_entry, .arg = l};
    int result = node_visit(store, id, detail, &visitor, err);
    if (result == 0 && !is_whole(l))
        result = damaged(l);
    if (result == 0) {
        *node = l->texts.failed ? NULL : pack(l);
        if (!*node)
            result = error_system(err, ENOMEM, "cannot read a node");
    }
    buffer_free(&l->texts);
    free(l);
    return result == -ENOENT ? -ESTALE : result;
}

static int get(const struct node **node, struct cache_user *user, struct store *store, int64_t id,
               enum node_detail detail, struct error *err)
{
    if (id <= 0 || id >= CACHE_ID_UNCOUNTED) /* no node has such an id, but what else is in the cache has */
        return node_damaged(store, id, err);
    struct cached *found = cache_find(user, cache_id(id, detail));

    if (!found) {
        struct node *loaded;
        int result = load(&loaded, store, id, detail, err);

        if (result < 0)
            return result;
        found = cache_insert(user, &loaded->cached);
    }
    *node = (const struct node *)found;
    return 0;
}

int node_get(const struct node **node, struct cache_user *user, struct store *store, int64_t id, struct error *err)
{
    return get(node, user, store, id, NODE_COUNTS, err);
}

int node_get_uncounted(const struct node **node, struct cache_user *user, struct store *store, int64_t id,
                       struct error *err)
{
    return get(node, user, store, id, NODE_ITEMS, err);
}

/* --- Finding items ------------------------------------------------------------------------------------------------ */

static uint32_t nodes_before(const struct node *node, unsigned i)
{
    return node->level ? node->list[i].nodes_before : node->leaf[i].nodes_before;
}

unsigned node_item_of_rank(const struct node *node, uint32_t nodes)
{
    unsigned low = 0, high = node->count;

    while (high - low > 1) {
        unsigned middle = (low + high) / 2;

        if (nodes_before(node, middle) <= nodes)
            low = middle;
        else
            high = middle;
    }
    return low;
}

unsigned node_item_of_ordinal(const struct node *list, uint32_t entries)
{
    unsigned low = 0, high = list->count;

    while (high - low > 1) {
        unsigned middle = (low + high) / 2;

        if (list->list[middle].entries_before <= entries)
            low = middle;
        else
            high = middle;
    }
    return low;
}

int name_compare(const char *a, size_t a_size, const char *b, size_t b_size)
{
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);

    return order ? order : (a_size > b_size) - (a_size < b_size);
}

int path_compare(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t shorter = a_size < b_size ? a_size : b_size, i = 0;

    while (i < shorter && a[i] == b[i])
        i++;
    if (i == shorter)
        return (a_size > b_size) - (a_size < b_size);
    return (a[i] == '/' ? 0 : (uint8_t)a[i]) < (b[i] == '/' ? 0 : (uint8_t)b[i]) ? -1 : 1;
}

/* The first item whose name is > (or >=) the name. */
static unsigned first_behind(const struct node *node, const char *name, size_t size, bool or_equal)
{
    unsigned low = 0, high = node->count;

    while (low < high) {
        unsigned middle = (low + high) / 2;
        int order = node->level
                        ? name_compare(node->list[middle].first, node->list[middle].first_size, name, size)
                        : name_compare(node->leaf[middle].entry.name, node->leaf[middle].entry.name_size, name, size);

        if (order > 0 || (or_equal && order == 0))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

unsigned node_item_of_name(const struct node *node, const char *name, size_t size)
{
    if (node->level == 0)
        return first_behind(node, name, size, true);
    unsigned behind = first_behind(node, name, size, false);
    return behind ? behind - 1 : 0;
}
