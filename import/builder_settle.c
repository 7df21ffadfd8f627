/* builder_settle.c - what came, in the order of the walk: one entry a path, parents above all of them. */
#include "import/builder_items.h"

#include <errno.h>
#include <stdlib.h>

/* By path; of one path what was said before what was only implied, then in the order of coming. */
static int compare_items(const void *a, const void *b)
{
    const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;
    int order = compare_keys(x->path, x->path_size, y->path, y->path_size);

    if (order)
        return order;
    if (x->implicit != y->implicit)
        return x->implicit - y->implicit;
    return (x->order > y->order) - (x->order < y->order);
}

static bool same_path(const struct item *a, const struct item *b)
{
    return a->path_size == b->path_size && memcmp(a->path, b->path, a->path_size) == 0;
}

static bool same_attributes(const struct entry *a, const struct entry *b)
{
    return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid && a->size == b->size && a->mtime == b->mtime &&
           a->rdev_major == b->rdev_major && a->rdev_minor == b->rdev_minor && a->flags == b->flags &&
           a->content == b->content && a->xattrs == b->xattrs && a->target_size == b->target_size &&
           (!a->target_size || memcmp(a->target, b->target, a->target_size) == 0);
}

static int report_item(const struct item *item, enum builder_conflict conflict, builder_report report, void *arg,
                       struct error *err)
{
    char path[BUILDER_PATH_MAX + 2];

    return report(arg, conflict, path, builder_from_key(path, item->path, item->path_size), item->tag, err);
}

/* What is settled goes here, in order, with the open ancestors of the last one as a stack. */
struct settling {
    struct builder *builder; /* its items are the settled ones */
    struct item **ancestors;
    size_t depth, room;
};

static int push_ancestor(struct settling *s, struct item *item, struct error *err)
{
    if (s->depth == s->room) {
        size_t room = s->room ? s->room * 2 : 64;
        struct item **ancestors = realloc(s->ancestors, room * sizeof(struct item *));

        if (!ancestors)
            return error_system(err, ENOMEM, "cannot hold a tree");
        s->ancestors = ancestors;
        s->room = room;
    }
    s->ancestors[s->depth++] = item;
    return 0;
}

static int accept(struct settling *s, struct item *item, struct error *err)
{
    int result = builder_append(s->builder, item, err);

    return result < 0 ? result : push_ancestor(s, item, err);
}

/* The directories between the innermost settled ancestor and an item; the root too when nobody mentioned it. */
static int make_parents(struct settling *s, const struct item *item, struct error *err)
{
    size_t parent_size = item->entry.name > item->path ? (size_t)(item->entry.name - item->path) - 1 : 0;

    while (item->path_size && (s->depth == 0 || s->ancestors[s->depth - 1]->path_size < parent_size)) {
        size_t size = 0;

        if (s->depth > 0) {
            size_t above = s->ancestors[s->depth - 1]->path_size;
            const char *from = item->path + above + (above > 0);
            size = (size_t)(from - item->path) + strlen(from);
        }
        struct item *parent = builder_new_parent(s->builder, item->path, size);
        if (!parent)
            return error_system(err, ENOMEM, "cannot hold a tree");
        int result = accept(s, parent, err);
        if (result < 0)
            return result;
    }
    return 0;
}

static int settle_item(struct settling *s, struct item *item, builder_report report, void *arg, struct error *err)
{
    const struct builder *settled = s->builder;
    const struct item *last = settled->count ? settled->items[settled->count - 1] : NULL;

    if (last && same_path(last, item))
        return item->implicit || same_attributes(&last->entry, &item->entry)
                   ? 0
                   : report_item(item, BUILDER_DUPLICATE, report, arg, err);
    if (item->path_size == 0 && !S_ISDIR(item->entry.mode))
        return report_item(item, BUILDER_ROOT_NON_DIR, report, arg, err);
    while (s->depth && !item_is_below(item, s->ancestors[s->depth - 1]))
        s->depth--;
    if (s->depth && !S_ISDIR(s->ancestors[s->depth - 1]->entry.mode))
        return item->implicit ? 0 : report_item(item, BUILDER_BELOW_NON_DIR, report, arg, err);
    int result = make_parents(s, item, err);
    return result < 0 ? result : accept(s, item, err);
}

/* A tree has a root, even when it has nothing else. */
static int ensure_root(struct builder *builder, struct error *err)
{
    struct item *root = builder_new_parent(builder, "", 0);

    return root ? builder_append(builder, root, err) : error_system(err, ENOMEM, "cannot hold a tree");
}

/* Where the last one wins, conflicts were met as they came: those are reported, and what does not stand any more is
 * dropped, as are parents made by an earlier
 * settling, which may be needed no more. What is left has no conflicts. */
static int drop_fallen(struct builder *builder, builder_report report, void *arg, struct error *err)
{
    size_t kept = 0;
    int result = 0;

    for (size_t i = 0; i < builder->count; i++) {
        struct item *item = builder->items[i];

        if (item->refused && result == 0)
            result = report_item(item, item->refusal, report, arg, err);
        if (!item->implicit && !item->refused && replay_stands(item))
            builder->items[kept++] = item;
    }
    builder->count = kept;
    return result;
}

int builder_settle(struct builder *builder, builder_report report, void *arg, struct error *err)
{
    int result = builder->replay ? drop_fallen(builder, report, arg, err) : 0;

    if (result == 0)
        result = ensure_root(builder, err);
    if (result != 0)
        return result;
    qsort(builder->items, builder->count, sizeof(struct item *), compare_items);
    struct item **unsettled = builder->items;
    size_t count = builder->count;
    struct settling s = {.builder = builder};
    builder->items = NULL;
    builder->count = builder->room = 0;
    for (size_t i = 0; i < count && result == 0; i++)
        result = settle_item(&s, unsettled[i], report, arg, err);
    free(unsettled);
    free(s.ancestors);
    return result;
}
