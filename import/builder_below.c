/* builder_below.c - the tree that one is built over: names looked up in it, and its nodes gone along leaf by leaf. */
#include "import/builder_parts.h"

#include "db/blob.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- Names -------------------------------------------------------------------------------------------------------- */

static int missing(const struct builder *builder, int result, struct error *err)
{
    return result == -ESTALE ? error_system(err, EIO, "a node is missing from %s",
                                            store_directory(tree_reader_store(builder->base.reader)))
                             : result;
}

int below_find(const struct entry **entry, const struct builder *builder, int64_t directory, const char *name,
               size_t size, struct error *err)
{
    struct entry above = {.mode = S_IFDIR, .subtree = directory};
    struct tree_place place;

    if (!directory)
        return -ENOENT;
    int result = tree_lookup(&place, builder->base.reader, &(struct tree_place){.entry = &above}, name, size, err);
    *entry = place.entry;
    return missing(builder, result, err);
}

static int find_digest(struct digest *digest, const struct builder *builder, int64_t blob, struct error *err)
{
    struct store *store = tree_reader_store(builder->base.reader);
    struct blob found;

    if (!blob)
        return 0;
    int result = blob_find(&found, store, blob, err);
    if (result == -ENOENT)
        return error_system(err, EIO, "a blob is missing from %s", store_directory(store));
    if (result == 0)
        *digest = found.digest;
    return result;
}

int below_copy(uint64_t *item, const struct builder *builder, const struct entry *entry, struct error *err)
{
    struct journal_record record = {.path = "", .entry = *entry};
    int result = find_digest(&record.digests.content, builder, entry->content, err);

    if (result == 0)
        result = find_digest(&record.digests.xattrs, builder, entry->xattrs, err);
    return result < 0 ? result : journal_add(item, builder->journal, &record, err);
}

/* --- Going along -------------------------------------------------------------------------------------------------- */

/* The nodes of one level that are still to come. */
struct level {
    struct level *above;
    unsigned count, at;
    int64_t nodes[NODE_ITEMS_MAX];
};

struct text {
    size_t at, size;
};

/* One item of a leaf; its texts are offsets until the leaf is whole. */
struct item {
    struct below_entry entry;
    struct text first, second; /* name and target; of a group its paths */
    uint32_t count;            /* of a group */
};

struct below_cursor {
    struct store *store;
    struct level *levels;
    struct buffer texts;
    unsigned count, at;
    bool failed; /* no memory */
    struct item items[NODE_ITEMS_MAX];
};

static void push_level(struct below_cursor *cursor)
{
    struct level *level = calloc(1, sizeof *level);

    cursor->failed |= !level;
    if (!level)
        return;
    level->above = cursor->levels;
    cursor->levels = level;
}

static void pop_level(struct below_cursor *cursor)
{
    struct level *level = cursor->levels;

    cursor->levels = level->above;
    free(level);
}

int below_cursor_new(struct below_cursor **out, struct store *store, int64_t node, struct error *err)
{
    struct below_cursor *cursor = calloc(1, sizeof *cursor);

    if (cursor) {
        cursor->store = store;
        push_level(cursor);
    }
    if (!cursor || cursor->failed) {
        below_cursor_free(cursor);
        return builder_no_memory(err);
    }
    cursor->levels->nodes[0] = node;
    cursor->levels->count = node != 0;
    *out = cursor;
    return 0;
}

void below_cursor_free(struct below_cursor *cursor)
{
    if (!cursor)
        return;
    while (cursor->levels)
        pop_level(cursor);
    buffer_free(&cursor->texts);
    free(cursor);
}

static int begin_node(void *arg, enum node_kind kind, unsigned level, unsigned count, const struct counts *counts)
{
    struct below_cursor *cursor = arg;
    (void)kind, (void)count, (void)counts;

    cursor->count = cursor->at = 0;
    buffer_clear(&cursor->texts);
    if (level)
        push_level(cursor);
    return cursor->failed ? -ENOMEM : 0;
}

static int take_child(void *arg, const struct node_child *child)
{
    struct level *level = ((struct below_cursor *)arg)->levels;

    level->nodes[level->count++] = child->node.id;
    return 0;
}

static struct text keep(struct below_cursor *cursor, const char *bytes, size_t size)
{
    struct text text = {cursor->texts.size, size};

    buffer_add(&cursor->texts, bytes, size);
    cursor->failed |= cursor->texts.failed;
    return text;
}

static int take_entry(void *arg, const struct entry *entry, const struct entry_digests *digests)
{
    struct below_cursor *cursor = arg;
    struct item *item = &cursor->items[cursor->count++];

    item->entry = (struct below_entry){*entry, *digests};
    item->first = keep(cursor, entry->name, entry->name_size);
    item->second = keep(cursor, entry->target, entry->target ? entry->target_size : 0);
    return cursor->failed ? -ENOMEM : 0;
}

static int take_group(void *arg, const struct link_group *group)
{
    struct below_cursor *cursor = arg;
    struct item *item = &cursor->items[cursor->count++];

    item->count = group->count;
    item->first = keep(cursor, group->paths, group->size);
    return cursor->failed ? -ENOMEM : 0;
}

/* Visit the next node: 1, or 0 when there is none. */
static int next_node(struct below_cursor *cursor, struct error *err)
{
    const struct node_visitor visitor = {begin_node, take_child, take_entry, NULL, take_group, cursor};

    while (cursor->levels && cursor->levels->at == cursor->levels->count)
        pop_level(cursor);
    if (!cursor->levels)
        return 0;
    int result = node_visit(cursor->store, cursor->levels->nodes[cursor->levels->at++], NODE_DIGESTS, &visitor, err);
    if (cursor->failed)
        return builder_no_memory(err);
    if (result == -ENOENT)
        return error_system(err, EIO, "a node is missing from %s", store_directory(cursor->store));
    return result < 0 ? result : 1;
}

/* The next item: 1, or 0 at the end. */
static int next_item(struct item **item, struct below_cursor *cursor, struct error *err)
{
    while (cursor->at == cursor->count) {
        int result = next_node(cursor, err);
        if (result <= 0)
            return result;
    }
    *item = &cursor->items[cursor->at++];
    return 1;
}

static const char *text_of(const struct below_cursor *cursor, struct text text)
{
    return text.size ? (const char *)cursor->texts.bytes + text.at : "";
}

int below_next_entry(const struct below_entry **entry, struct below_cursor *cursor, struct error *err)
{
    struct item *item;
    int result = next_item(&item, cursor, err);

    if (result <= 0)
        return result;
    item->entry.entry.name = text_of(cursor, item->first);
    if (item->entry.entry.target)
        item->entry.entry.target = text_of(cursor, item->second);
    *entry = &item->entry;
    return 1;
}

int below_next_group(struct link_group *group, struct below_cursor *cursor, struct error *err)
{
    struct item *item;
    int result = next_item(&item, cursor, err);

    if (result <= 0)
        return result;
    *group = (struct link_group){text_of(cursor, item->first), (uint32_t)item->first.size, item->count};
    return 1;
}
