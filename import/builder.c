/* builder.c - sorting what a source said into a tree, and writing it.
 *
 * Paths are held without the leading '/', their components separated by NUL. Then the order of bytes is the order of
 * the walk (a directory, what is below it, its next sibling), and everything is one pass over a sorted array.
 */
#include "import/builder.h"

#include "db/blob.h"
#include "db/cut.h"
#include "tree/follow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK (1u << 20) /* bytes asked from malloc at once */
#define MADE_MODE (S_IFDIR | 0755)

struct item {
    struct entry entry; /* name and target point into the arena */
    const char *path;
    const struct digest *content; /* of entry.content */
    uint64_t tag;
    uint32_t order; /* of coming: the first of two wins */
    uint16_t path_size;
    bool implicit; /* a parent that nobody mentioned; anything said about it wins */
};

struct block {
    struct block *next;
    size_t used;
    _Alignas(max_align_t) char bytes[ARENA_BLOCK];
};

struct builder {
    struct block *blocks;
    struct item **items;
    size_t count, room;
    uint32_t order;
    unsigned links_left; /* that builder_resolve() may still follow */
};

/* --- Memory ------------------------------------------------------------------------------------------------------- */

struct builder *builder_new(void)
{
    struct builder *builder = calloc(1, sizeof *builder);

    if (builder)
        builder->links_left = BUILDER_LINKS_MAX;
    return builder;
}

void builder_free(struct builder *builder)
{
    if (!builder)
        return;
    for (struct block *block = builder->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    free(builder->items);
    free(builder);
}

/* Memory that lives as long as the builder; everything asked for here is far smaller than a block. */
static void *arena_alloc(struct builder *builder, size_t size, size_t alignment)
{
    struct block *block = builder->blocks;
    size_t at = block ? (block->used + alignment - 1) & ~(alignment - 1) : 0;

    if (!block || at + size > ARENA_BLOCK) {
        block = malloc(sizeof *block);
        if (!block)
            return NULL;
        block->next = builder->blocks;
        block->used = at = 0;
        builder->blocks = block;
    }
    block->used = at + size;
    return block->bytes + at;
}

static const char *arena_copy(struct builder *builder, const char *bytes, size_t size)
{
    char *copy = arena_alloc(builder, size + 1, 1);

    if (copy) {
        memcpy(copy, bytes, size);
        copy[size] = '\0';
    }
    return copy;
}

/* --- Adding ------------------------------------------------------------------------------------------------------- */

const char *builder_path_problem(const char *path, size_t size)
{
    if (size == 0)
        return "the path is empty";
    if (path[0] != '/')
        return "the path is not absolute";
    if (memchr(path, '\0', size))
        return "the path holds a NUL";
    if (size > BUILDER_PATH_MAX)
        return "the path is longer than 4095 bytes";
    if (size == 1)
        return NULL;
    for (const char *at = path + 1, *end = path + size; at <= end;) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        size_t length = (size_t)((slash ? slash : end) - at);

        if (length == 0)
            return "a component of the path is empty";
        if (length > ENTRY_NAME_MAX)
            return "a component of the path is longer than 255 bytes";
        if (at[0] == '.' && (length == 1 || (length == 2 && at[1] == '.')))
            return length == 1 ? "a component of the path is \".\"" : "a component of the path is \"..\"";
        at += length + 1;
    }
    return NULL;
}

/* "/a/b" to "a NUL b"; returns the size of the result. Byte by byte, which compilers do 16 at a time: a path may have
 * 2,000 components, and while links are followed each of them is looked up. */
static size_t to_key(char *key, const char *path, size_t size)
{
    for (size_t i = 1; i < size; i++)
        key[i - 1] = path[i] == '/' ? '\0' : path[i];
    return size - 1;
}

static size_t from_key(char *path, const char *key, size_t size)
{
    path[0] = '/';
    for (size_t i = 0; i < size; i++)
        path[i + 1] = key[i] ? key[i] : '/';
    return size + 1;
}

/* Where the last component of a key begins. */
static const char *key_name(const char *key, size_t size)
{
    const char *nul = memrchr(key, '\0', size);

    return nul ? nul + 1 : key;
}

static struct item *new_item(struct builder *builder, const char *key, size_t size)
{
    struct item *item = arena_alloc(builder, sizeof *item, _Alignof(struct item));

    if (!item)
        return NULL;
    *item = (struct item){.path = arena_copy(builder, key, size), .path_size = (uint16_t)size};
    return item->path ? item : NULL;
}

static void set_name(struct item *item)
{
    item->entry.name = key_name(item->path, item->path_size);
    item->entry.name_size = (uint16_t)(item->path + item->path_size - item->entry.name);
}

/* A directory that nobody mentioned. Its key is the beginning of another one in the arena, which it shares: one path
 * may have 2,000 such directories above it, and copies would be a thousand times the path. */
static struct item *new_parent(struct builder *builder, const char *key, size_t size)
{
    struct item *item = arena_alloc(builder, sizeof *item, _Alignof(struct item));

    if (!item)
        return NULL;
    *item = (struct item){
        .entry = {.mode = MADE_MODE, .size = ENTRY_DIRECTORY_SIZE, .flags = ENTRY_MADE},
        .path = key,
        .path_size = (uint16_t)size,
        .implicit = true,
    };
    set_name(item);
    return item;
}

static int append(struct builder *builder, struct item *item, struct error *err)
{
    if (builder->count == builder->room) {
        size_t room = builder->room ? builder->room * 2 : 1024;
        struct item **items = realloc(builder->items, room * sizeof(struct item *));

        if (!items)
            return error_system(err, ENOMEM, "cannot hold a tree of %zu files", builder->count);
        builder->items = items;
        builder->room = room;
    }
    builder->items[builder->count++] = item;
    return 0;
}

int builder_add(struct builder *builder, const char *path, size_t size, const struct entry *entry, uint64_t tag,
                struct error *err)
{
    char key[BUILDER_PATH_MAX + 1];
    struct item *item = new_item(builder, key, to_key(key, path, size));

    if (builder->order == UINT32_MAX)
        return error_input(err, "more than %u records of files", UINT32_MAX);
    if (!item)
        return error_system(err, ENOMEM, "cannot hold a tree of %zu files", builder->count);
    item->entry = *entry;
    item->tag = tag;
    item->order = builder->order++;
    set_name(item);
    if (entry->target) {
        item->entry.target = arena_copy(builder, entry->target, entry->target_size);
        if (!item->entry.target)
            return error_system(err, ENOMEM, "cannot hold a tree of %zu files", builder->count);
    }
    if (S_ISDIR(entry->mode))
        item->entry.size = ENTRY_DIRECTORY_SIZE;
    return append(builder, item, err);
}

/* --- Settling ----------------------------------------------------------------------------------------------------- */

static int compare_keys(const char *a, size_t a_size, const char *b, size_t b_size)
{
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);

    return order ? order : (a_size > b_size) - (a_size < b_size);
}

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
           a->target_size == b->target_size && (!a->target_size || memcmp(a->target, b->target, a->target_size) == 0);
}

/* Is `item` below `above`? */
static bool is_below(const struct item *item, const struct item *above)
{
    if (above->path_size == 0)
        return item->path_size > 0;
    return item->path_size > above->path_size && item->path[above->path_size] == '\0' &&
           memcmp(item->path, above->path, above->path_size) == 0;
}

static int report_item(const struct item *item, enum builder_conflict conflict, builder_report report, void *arg,
                       struct error *err)
{
    char path[BUILDER_PATH_MAX + 2];

    return report(arg, conflict, path, from_key(path, item->path, item->path_size), item->tag, err);
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
    int result = append(s->builder, item, err);

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
        struct item *parent = new_parent(s->builder, item->path, size);
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
    while (s->depth && !is_below(item, s->ancestors[s->depth - 1]))
        s->depth--;
    if (s->depth && !S_ISDIR(s->ancestors[s->depth - 1]->entry.mode))
        return item->implicit ? 0 : report_item(item, BUILDER_BELOW_NON_DIR, report, arg, err);
    int result = make_parents(s, item, err);
    return result < 0 ? result : accept(s, item, err);
}

/* A tree has a root, even when it has nothing else. */
static int ensure_root(struct builder *builder, struct error *err)
{
    struct item *root = new_parent(builder, "", 0);

    return root ? append(builder, root, err) : error_system(err, ENOMEM, "cannot hold a tree");
}

int builder_settle(struct builder *builder, builder_report report, void *arg, struct error *err)
{
    int result = ensure_root(builder, err);

    if (result < 0)
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

/* --- Looking up --------------------------------------------------------------------------------------------------- */

static struct item *find_key(const struct builder *builder, const char *key, size_t size)
{
    size_t low = 0, high = builder->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct item *item = builder->items[middle];
        int order = compare_keys(key, size, item->path, item->path_size);

        if (order == 0)
            return item;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static struct item *find_path(const struct builder *builder, const char *path, size_t size)
{
    char key[BUILDER_PATH_MAX + 1];

    if (builder_path_problem(path, size))
        return NULL;
    return find_key(builder, key, to_key(key, path, size));
}

struct entry *builder_find(struct builder *builder, const char *path, size_t size)
{
    struct item *item = find_path(builder, path, size);

    return item ? &item->entry : NULL;
}

/* Paths come here that are clean but for components of more than 255 bytes, and those are not found. */
static const struct entry *probe_builder(void *arg, const char *path, size_t size)
{
    char key[BUILDER_PATH_MAX + 1];
    struct item *item = find_key(arg, key, to_key(key, path, size));

    return item ? &item->entry : NULL;
}

int builder_resolve(char *resolved, struct builder *builder, const char *path, size_t size)
{
    return follow_path(resolved, &builder->links_left, path, size, probe_builder, builder);
}

int builder_set_content(struct builder *builder, struct entry *entry, int64_t blob, const struct digest *digest,
                        struct error *err)
{
    struct item *item = (struct item *)entry; /* the entry is an item's first member */
    struct digest *copy = arena_alloc(builder, sizeof *copy, 1);

    if (!copy)
        return error_system(err, ENOMEM, "cannot hold a tree of %zu files", builder->count);
    *copy = *digest;
    item->content = copy;
    item->entry.content = blob;
    item->entry.flags &= ~ENTRY_ABSENT;
    return 0;
}

size_t builder_size(const struct builder *builder)
{
    return builder->count;
}

/* --- Writing ------------------------------------------------------------------------------------------------------ */

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
        struct digest *digest = arena_alloc(w->builder, sizeof *digest, 1);
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

    while (result == 0 && w->depth > 1 && !is_below(item, w->open[w->depth - 1].item))
        result = close_directory(w, err);
    if (result == 0 && S_ISDIR(item->entry.mode))
        return open_directory(w, item, err);
    if (result == 0)
        result = ensure_content(w, item, err);
    return result < 0 ? result : add_to_innermost(w, item, NULL, err);
}

int builder_write(struct node_ref *root, struct builder *builder, struct store *store, struct error *err)
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
