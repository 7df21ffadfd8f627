/* merge.c - two stacks of nodes, one a side. A node on a stack has its index at the item that comes next; a list's item
 * is either passed by or opened, which puts its node on top. */
#include "tree/merge.h"

#include "base/buffer.h"
#include "tree/node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How the three kinds of nodes are read and compared. */
struct merge_kind {
    enum node_kind kind;
    /* The item that a frame stands at: 1, or 0 behind the last one. */
    int (*item)(struct merge_item *item, struct merge_frame *frame, struct merge *merge, struct error *err);
    int (*order)(const char *a, size_t a_size, const char *b, size_t b_size);
    /* Of items of leaves whose keys are the same: are they? Else which comes first, or 0 if they stand for each other.
     */
    bool (*same)(int *order, const struct merge_item *a, const struct merge_item *b);
};

static int damaged(struct tree_reader *reader, int64_t id, struct error *err)
{
    return node_damaged(tree_reader_store(reader), id, err);
}

/* --- Directories -------------------------------------------------------------------------------------------------- */

static void entry_item(struct merge_item *item, const struct merge_frame *frame, const struct node *node)
{
    if (node->level) {
        const struct node_list_item *child = &node->list[frame->index];

        *item = (struct merge_item){
            .key = child->first, .key_size = child->first_size, .level = node->level, .node = child->node};
        return;
    }
    const struct entry *entry = &node->leaf[frame->index].entry;

    *item = (struct merge_item){.key = entry->name, .key_size = entry->name_size, .entry = entry};
}

static int tree_item(struct merge_item *item, struct merge_frame *frame, struct merge *merge, struct error *err)
{
    const struct node *node;
    int result = tree_node_uncounted(&node, merge->reader, frame->id, err);

    if (result < 0)
        return result;
    if (frame->index >= node->count)
        return 0;
    entry_item(item, frame, node);
    return 1;
}

bool merge_same_entry(const struct entry *a, const struct entry *b)
{
    return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid && a->size == b->size && a->mtime == b->mtime &&
           a->rdev_major == b->rdev_major && a->rdev_minor == b->rdev_minor && a->flags == b->flags &&
           a->content == b->content && a->xattrs == b->xattrs && a->subtree == b->subtree && !a->target == !b->target &&
           a->target_size == b->target_size && (!a->target || memcmp(a->target, b->target, a->target_size) == 0);
}

static bool same_entry(int *order, const struct merge_item *a, const struct merge_item *b)
{
    *order = 0;
    return merge_same_entry(a->entry, b->entry);
}

/* --- Sets: features and groups ------------------------------------------------------------------------------------ */

struct set_item {
    size_t key, value; /* where their texts begin */
    uint32_t key_size, value_size;
    uint32_t type_size; /* of a feature */
    uint32_t count;     /* of a group */
    int64_t node;
    union {
        struct feature feature;
        struct link_group group;
    };
};

struct set_node {
    enum node_kind kind; /* that it has to have */
    unsigned level, count, expected;
    struct buffer texts;
    struct set_item items[NODE_ITEMS_MAX];
};

enum { DAMAGED = 1 }; /* ends a visit */

static int set_begin(void *arg, enum node_kind kind, unsigned level, unsigned count, const struct counts *counts)
{
    struct set_node *node = arg;

    (void)counts;
    node->level = level;
    node->expected = count;
    return kind == node->kind ? 0 : DAMAGED;
}

/* The next item, or NULL: a node has no more than NODE_ITEMS_MAX, whose rows are numbered so. */
static struct set_item *set_add(struct set_node *node, const void *key, uint32_t size)
{
    if (node->count == NODE_ITEMS_MAX)
        return NULL;
    struct set_item *item = &node->items[node->count++];

    item->key = node->texts.size;
    item->key_size = size;
    buffer_add(&node->texts, key, size);
    return item;
}

static int set_child(void *arg, const struct node_child *child)
{
    struct set_item *item = set_add(arg, child->first, child->first_size);

    if (!item)
        return DAMAGED;
    item->node = child->node.id;
    return 0;
}

static int set_feature(void *arg, const struct feature *feature)
{
    struct set_node *node = arg;
    struct set_item *item = set_add(node, feature->type, feature->type_size);

    if (!item)
        return DAMAGED;
    buffer_add_byte(&node->texts, '\0');
    buffer_add(&node->texts, feature->key, feature->key_size);
    item->type_size = feature->type_size;
    item->key_size += 1 + feature->key_size;
    item->value = node->texts.size;
    item->value_size = feature->value_size;
    buffer_add(&node->texts, feature->value, feature->value_size);
    return 0;
}

static int set_group(void *arg, const struct link_group *group)
{
    struct set_node *node = arg;
    struct set_item *item = set_add(node, group->paths, group->size);

    if (!item)
        return DAMAGED;
    item->key_size = (uint32_t)strlen(group->paths);
    item->value = item->key;
    item->value_size = group->size;
    item->count = group->count;
    return 0;
}

/* Texts stay where they are from now on. */
static void set_settle(struct set_node *node)
{
    const char *texts = (const char *)node->texts.bytes;

    for (unsigned i = 0; node->level == 0 && i < node->count; i++) {
        struct set_item *item = &node->items[i];

        if (node->kind == NODE_LINKS)
            item->group = (struct link_group){texts + item->value, item->value_size, item->count};
        else
            item->feature = (struct feature){
                .type = texts + item->key,
                .key = texts + item->key + item->type_size + 1,
                .value = texts + item->value,
                .type_size = item->type_size,
                .key_size = item->key_size - item->type_size - 1,
                .value_size = item->value_size,
            };
    }
}

static void set_free(struct set_node *node)
{
    if (node)
        buffer_free(&node->texts);
    free(node);
}

static int set_load(struct set_node **out, struct tree_reader *reader, enum node_kind kind, int64_t id,
                    struct error *err)
{
    struct set_node *node = calloc(1, sizeof *node);
    const struct node_visitor visitor = {
        .begin = set_begin, .child = set_child, .feature = set_feature, .group = set_group, .arg = node};

    if (!node)
        return error_system(err, ENOMEM, "cannot compare versions");
    node->kind = kind;
    int result = node_visit(tree_reader_store(reader), id, NODE_ITEMS, &visitor, err);
    if (result == DAMAGED || (result == 0 && node->count != node->expected))
        result = damaged(reader, id, err);
    if (result == 0 && node->texts.failed)
        result = error_system(err, ENOMEM, "cannot compare versions");
    if (result < 0) {
        set_free(node);
        return result == -ENOENT ? -ESTALE : result;
    }
    set_settle(node);
    *out = node;
    return 0;
}

static int set_item(struct merge_item *out, struct merge_frame *frame, struct merge *merge, struct error *err)
{
    struct set_node *node = frame->loaded;
    int result = node ? 0 : set_load(&node, merge->reader, merge->kind->kind, frame->id, err);

    if (result < 0)
        return result;
    frame->loaded = node;
    if (frame->index >= node->count)
        return 0;
    const struct set_item *item = &node->items[frame->index];
    *out = (struct merge_item){.key = item->key_size ? (const char *)node->texts.bytes + item->key : "",
                               .key_size = item->key_size,
                               .level = node->level,
                               .node = item->node};
    if (node->level == 0 && node->kind == NODE_LINKS)
        out->group = &item->group;
    else if (node->level == 0)
        out->feature = &item->feature;
    return 1;
}

static bool same_feature(int *order, const struct merge_item *a, const struct merge_item *b)
{
    *order = name_compare(a->feature->value, a->feature->value_size, b->feature->value, b->feature->value_size);
    return *order == 0;
}

static bool same_group(int *order, const struct merge_item *a, const struct merge_item *b)
{
    *order = 0;
    return a->group->size == b->group->size && memcmp(a->group->paths, b->group->paths, a->group->size) == 0;
}

static const struct merge_kind KINDS[] = {
    [NODE_TREE] = {NODE_TREE, tree_item, name_compare, same_entry},
    [NODE_LINKS] = {NODE_LINKS, set_item, path_compare, same_group},
    [NODE_FEATURES] = {NODE_FEATURES, set_item, name_compare, same_feature},
};

/* --- Both sides --------------------------------------------------------------------------------------------------- */

#define ANY_LEVEL (-1)

/* Levels fall on the way down, so a side is deep enough for them. */
static void push(struct merge_side *side, int64_t id, int level)
{
    side->frames[side->depth++] = (struct merge_frame){.id = id, .level = level};
}

static void pop(struct merge_side *side)
{
    set_free(side->frames[--side->depth].loaded);
}

void merge_begin(struct merge *merge, struct tree_reader *reader, enum node_kind kind, int64_t a, int64_t b)
{
    merge->reader = reader;
    merge->kind = &KINDS[kind];
    merge->only_a = false;
    merge->a.depth = merge->b.depth = 0;
    if (a == b)
        return;
    if (a)
        push(&merge->a, a, ANY_LEVEL);
    if (b)
        push(&merge->b, b, ANY_LEVEL);
}

void merge_end(struct merge *merge)
{
    while (merge->a.depth)
        pop(&merge->a);
    while (merge->b.depth)
        pop(&merge->b);
}

/* The item that a side stands at: 1, or 0 behind its last one. */
static int at(struct merge_item *item, struct merge *merge, struct merge_side *side, struct error *err)
{
    while (side->depth) {
        struct merge_frame *frame = &side->frames[side->depth - 1];
        int result = merge->kind->item(item, frame, merge, err);

        if (result > 0 && frame->level != ANY_LEVEL && item->level != (unsigned)frame->level)
            return damaged(merge->reader, frame->id, err);
        if (result != 0)
            return result;
        pop(side);
    }
    return 0;
}

static void pass(struct merge_side *side)
{
    side->frames[side->depth - 1].index++;
}

static void open_list(struct merge_side *side, const struct merge_item *item)
{
    pass(side);
    push(side, item->node, (int)item->level - 1);
}

/* Which side comes first; 0: both. A side that is at its end comes last. */
static int order_of(const struct merge_pair *pair, const struct merge *merge)
{
    if (!pair->has_a || !pair->has_b)
        return pair->has_a ? -1 : 1;
    return merge->kind->order(pair->a.key, pair->a.key_size, pair->b.key, pair->b.key_size);
}

/* Open the list that comes first, of two that begin with one key the higher one, of two as high both. False: what comes
 * first is no list. */
static bool open_first(const struct merge_pair *pair, struct merge *merge, int order)
{
    bool a = order < 0 || (order == 0 && pair->a.level >= pair->b.level);
    bool b = order > 0 || (order == 0 && pair->b.level >= pair->a.level);

    if ((a ? pair->a.level : pair->b.level) == 0)
        return false;
    if (a)
        open_list(&merge->a, &pair->a);
    if (b)
        open_list(&merge->b, &pair->b);
    return true;
}

/* May a list of side b be passed by, since all below it comes before what side a stands at? 1, 0. */
static int lies_before(const struct merge_pair *pair, struct merge *merge, struct error *err)
{
    struct merge_frame next = merge->b.frames[merge->b.depth - 1];
    struct merge_item item;

    next.index++;
    int result = merge->kind->item(&item, &next, merge, err);
    if (result <= 0)
        return result;
    return merge->kind->order(item.key, item.key_size, pair->a.key, pair->a.key_size) <= 0;
}

/* Leaves' items on both sides: 1 when they differ. */
static int take(struct merge_pair *pair, struct merge *merge, int order)
{
    bool same = order == 0 && merge->kind->same(&order, &pair->a, &pair->b);

    pair->has_a = order <= 0;
    pair->has_b = order >= 0;
    if (pair->has_a)
        pass(&merge->a);
    if (pair->has_b)
        pass(&merge->b);
    return !same;
}

int merge_next(struct merge_pair *pair, struct merge *merge, struct error *err)
{
    for (;;) {
        int has_a = at(&pair->a, merge, &merge->a, err), has_b = has_a < 0 ? 0 : at(&pair->b, merge, &merge->b, err);

        if (has_a < 0 || has_b < 0)
            return has_a < 0 ? has_a : has_b;
        if (!has_a && (!has_b || merge->only_a))
            return 0;
        pair->has_a = has_a, pair->has_b = has_b;
        if (has_a && has_b && pair->a.level && pair->b.level && pair->a.node == pair->b.node) {
            pass(&merge->a), pass(&merge->b);
            continue;
        }
        int order = order_of(pair, merge), result = 0;
        if (merge->only_a && order > 0 && pair->b.level)
            result = lies_before(pair, merge, err);
        if (result < 0)
            return result;
        if (result > 0)
            pass(&merge->b);
        else if (!open_first(pair, merge, order) && take(pair, merge, order) && (pair->has_a || !merge->only_a))
            return 1;
    }
}

/* --- Places ------------------------------------------------------------------------------------------------------- */

/* What comes before an item of each node on the way. */
int merge_place(uint32_t *ordinal, uint32_t *rank, struct merge *merge, struct error *err)
{
    *ordinal = 0;
    *rank = 1; /* a directory's first entry has the rank behind its own */
    for (unsigned i = 0; i < merge->a.depth; i++) {
        const struct merge_frame *frame = &merge->a.frames[i];
        uint32_t passed = frame->index - 1;
        const struct node *node;
        int result = tree_node(&node, merge->reader, frame->id, err);

        if (result < 0)
            return result;
        if (passed >= node->count) /* it had left the cache, and is not what it was */
            return damaged(merge->reader, frame->id, err);
        *ordinal += node->level ? node->list[passed].entries_before : passed;
        *rank += node->level ? node->list[passed].nodes_before : node->leaf[passed].nodes_before;
    }
    return 0;
}

/* --- Going on ----------------------------------------------------------------------------------------------------- */

static int seek_side(struct merge_side *side, struct tree_reader *reader, const char *name, size_t size,
                     struct error *err)
{
    const struct node *node;

    while (side->depth) {
        struct merge_frame *frame = &side->frames[side->depth - 1];
        struct merge_item item;
        int result = tree_node_uncounted(&node, reader, frame->id, err);

        if (result < 0)
            return result;
        if (frame->level != ANY_LEVEL && node->level != frame->level)
            return damaged(reader, frame->id, err);
        frame->index = node_item_of_name(node, name, size);
        if (frame->index == node->count)
            return 0;
        entry_item(&item, frame, node);
        if (node->level == 0) {
            frame->index += name_compare(item.key, item.key_size, name, size) == 0;
            return 0;
        }
        open_list(side, &item);
    }
    return 0;
}

int merge_seek(struct merge *merge, const char *name, size_t size, struct error *err)
{
    int result = seek_side(&merge->a, merge->reader, name, size, err);

    return result < 0 ? result : seek_side(&merge->b, merge->reader, name, size, err);
}
