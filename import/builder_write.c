/* builder_write.c - a settled tree into the store: one pass over the sorted paths; then the groups of hard links. */
#include "import/builder_items.h"

#include "base/buffer.h"
#include "db/blob.h"
#include "db/cut.h"

#include <errno.h>
#include <stdlib.h>

/* The paths of one group. A group is one value in the store, and one of this size holds 65,000 paths of PATH_MAX,
 * which is more than ext4 allows. */
#define GROUP_BYTES_MAX (256u << 20)

/* The open directories, from the root's (imaginary) parent inward; finished cutters stay for the next directory of that
 * depth. */
struct writing {
    struct builder *builder;
    struct store *store;
    struct open_directory {
        struct item *item;
        struct cutter *cutter;
    } * open;
    size_t depth, made, room;
    int64_t empty_blob;
    const struct digest *empty_digest;
};

static int open_directory(struct writing *w, struct item *item, struct error *err)
{
    if (w->depth == w->room) {
        size_t room = w->room ? w->room * 2 : 64;
        struct open_directory *open = realloc(w->open, room * sizeof *open);

        if (!open)
            return error_system(err, ENOMEM, "cannot write a tree");
        w->open = open;
        w->room = room;
    }
    if (w->depth == w->made) {
        int result = cutter_new(&w->open[w->made].cutter, w->store, NODE_TREE, err);
        if (result < 0)
            return result;
        w->made++;
    }
    w->open[w->depth++].item = item;
    return 0;
}

/* A regular file without content that is not absent is empty. */
static int ensure_content(struct writing *w, struct item *item, struct error *err)
{
    if (!S_ISREG(item->entry.mode) || item->entry.content || (item->entry.flags & ENTRY_ABSENT))
        return 0;
    if (!w->empty_blob) {
        struct digest *digest = builder_alloc(w->builder, sizeof *digest, 1);
        if (!digest)
            return error_system(err, ENOMEM, "cannot write a tree");
        int result = blob_put(&w->empty_blob, digest, w->store, "", 0, err);
        if (result < 0)
            return result;
        w->empty_digest = digest;
    }
    item->entry.content = w->empty_blob;
    item->content = w->empty_digest;
    return 0;
}

static int add_to_innermost(struct writing *w, const struct item *item, const struct node_ref *subtree,
                            struct error *err)
{
    struct entry_digests digests = {0};
    struct entry entry = item->entry;

    if (item->content)
        digests.content = *item->content;
    if (item->xattrs)
        digests.xattrs = *item->xattrs;
    if (subtree) {
        entry.subtree = subtree->id;
        entry.below = subtree->counts;
        digests.subtree = subtree->digest;
    }
    return cutter_add_entry(w->open[w->depth - 1].cutter, &entry, &digests, err);
}

/* The innermost directory is complete: it becomes an entry of the one around it. */
static int close_directory(struct writing *w, struct error *err)
{
    struct open_directory *innermost = &w->open[w->depth - 1];
    struct node_ref subtree;
    int result = cutter_finish(&subtree, innermost->cutter, err);

    w->depth--;
    return result < 0 ? result : add_to_innermost(w, innermost->item, &subtree, err);
}

static int write_item(struct writing *w, struct item *item, struct error *err)
{
    int result = 0;

    while (result == 0 && w->depth > 1 && !item_is_below(item, w->open[w->depth - 1].item))
        result = close_directory(w, err);
    if (result == 0 && S_ISDIR(item->entry.mode))
        return open_directory(w, item, err);
    if (result == 0)
        result = ensure_content(w, item, err);
    return result < 0 ? result : add_to_innermost(w, item, NULL, err);
}

static int write_tree(struct node_ref *root, struct builder *builder, struct store *store, struct error *err)
{
    struct writing w = {.builder = builder, .store = store};
    int result = open_directory(&w, NULL, err);

    for (size_t i = 0; i < builder->count && result == 0; i++)
        result = write_item(&w, builder->items[i], err);
    while (result == 0 && w.depth > 1)
        result = close_directory(&w, err);
    if (result == 0)
        result = cutter_finish(root, w.open[0].cutter, err);
    for (size_t i = 0; i < w.made; i++)
        cutter_free(w.open[i].cutter);
    free(w.open);
    return result;
}

/* --- Hard links --------------------------------------------------------------------------------------------------- */

/* Items of groups, by group and then as they came, which is in the order of the walk. */
struct member {
    const struct item *item;
    uint32_t place;
};

static int compare_members(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    uint32_t x_group = x->item->links->number, y_group = y->item->links->number;

    if (x_group != y_group)
        return x_group < y_group ? -1 : 1;
    return x->place < y->place ? -1 : 1;
}

/* Members of all groups in order, and groups numbered by their first. */
static struct member *gather_members(size_t *count, const struct builder *builder)
{
    uint32_t groups = 0;

    *count = 0;
    for (size_t i = 0; i < builder->count; i++)
        if (builder->items[i]->links) {
            *builder->items[i]->links = (struct link_set){0};
            ++*count;
        }
    struct member *members = malloc((*count + 1) * sizeof *members);
    if (!members)
        return NULL;
    *count = 0;
    for (size_t i = 0; i < builder->count; i++) {
        struct link_set *links = builder->items[i]->links;

        if (!links)
            continue;
        if (links->members++ == 0)
            links->number = ++groups;
        members[*count] = (struct member){builder->items[i], (uint32_t)*count};
        ++*count;
    }
    qsort(members, *count, sizeof *members, compare_members);
    return members;
}

static int write_group(struct cutter *cutter, struct buffer *paths, const struct member *members, uint32_t count,
                       struct error *err)
{
    char path[BUILDER_PATH_MAX + 2];

    buffer_clear(paths);
    for (uint32_t i = 0; i < count; i++) {
        size_t size = builder_from_key(path, members[i].item->path, members[i].item->path_size);

        if (paths->size + size > GROUP_BYTES_MAX)
            return error_input(err, "a group of hard links whose paths have more than %u MiB", GROUP_BYTES_MAX >> 20);
        path[size] = '\0';
        buffer_add(paths, path + 1, size);
    }
    if (paths->failed)
        return error_system(err, ENOMEM, "cannot write hard links");
    return cutter_add_group(cutter, &(struct link_group){(char *)paths->bytes, (uint32_t)paths->size, count}, err);
}

static int write_links(struct node_ref *out, const struct builder *builder, struct store *store, struct error *err)
{
    struct buffer paths cleanup_buffer = {0};
    struct cutter *cutter = NULL;
    size_t count;
    struct member *members = gather_members(&count, builder);
    int result = members ? cutter_new(&cutter, store, NODE_LINKS, err) : builder_no_memory(builder, err);

    for (size_t i = 0; result == 0 && i < count; i += members[i].item->links->members)
        if (members[i].item->links->members > 1)
            result = write_group(cutter, &paths, members + i, members[i].item->links->members, err);
    if (result == 0)
        result = cutter_finish(out, cutter, err);
    cutter_free(cutter);
    free(members);
    return result;
}

int builder_write(struct node_ref *root, struct node_ref *links, struct builder *builder, struct store *store,
                  struct error *err)
{
    int result = write_tree(root, builder, store, err);

    return result < 0 ? result : write_links(links, builder, store, err);
}
