/* builder.c - taking what a source says, and looking it up.
 *
 * Paths are held without the leading '/', their components separated by NUL. Then the order of bytes is the order of
 * the walk (a directory, what is below it, its next sibling), and everything is one pass over a sorted array.
 */
#include "import/builder_items.h"

#include "tree/follow.h"

#include <errno.h>
#include <stdlib.h>

#define ARENA_BLOCK (1u << 20) /* bytes asked from malloc at once */
#define MADE_MODE (S_IFDIR | 0755)

struct block {
    struct block *next;
    size_t used;
    _Alignas(max_align_t) char bytes[ARENA_BLOCK];
};

/* --- Memory ------------------------------------------------------------------------------------------------------- */

struct builder *builder_new(enum builder_winner winner)
{
    struct builder *builder = calloc(1, sizeof *builder);

    if (!builder)
        return NULL;
    builder->links_left = BUILDER_LINKS_MAX;
    builder->replay = winner == BUILDER_LAST_WINS ? replay_new() : NULL;
    if (winner == BUILDER_LAST_WINS && !builder->replay) {
        builder_free(builder);
        return NULL;
    }
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
    replay_free(builder->replay);
    free(builder->items);
    free(builder);
}

/* Memory that lives as long as the builder; everything asked for here is far smaller than a block. */
void *builder_alloc(struct builder *builder, size_t size, size_t alignment)
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
    char *copy = builder_alloc(builder, size + 1, 1);

    if (copy) {
        memcpy(copy, bytes, size);
        copy[size] = '\0';
    }
    return copy;
}

int builder_no_memory(const struct builder *builder, struct error *err)
{
    return error_system(err, ENOMEM, "cannot hold a tree of %zu files", builder->count);
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

/* Byte by byte, which compilers do 16 at a time: a path may have
 * 2,000 components, and while links are followed each of them is looked up. */
size_t builder_to_key(char *key, const char *path, size_t size)
{
    for (size_t i = 1; i < size; i++)
        key[i - 1] = path[i] == '/' ? '\0' : path[i];
    return size - 1;
}

size_t builder_from_key(char *path, const char *key, size_t size)
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
    struct item *item = builder_alloc(builder, sizeof *item, _Alignof(struct item));

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
struct item *builder_new_parent(struct builder *builder, const char *key, size_t size)
{
    struct item *item = builder_alloc(builder, sizeof *item, _Alignof(struct item));

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

int builder_append(struct builder *builder, struct item *item, struct error *err)
{
    if (builder->count == builder->room) {
        size_t room = builder->room ? builder->room * 2 : 1024;
        struct item **items = realloc(builder->items, room * sizeof(struct item *));

        if (!items)
            return builder_no_memory(builder, err);
        builder->items = items;
        builder->room = room;
    }
    builder->items[builder->count++] = item;
    return 0;
}

/* An item that comes now; what it holds is filled by who asked. */
static int begin_item(struct item **item, struct builder *builder, const char *path, size_t size, uint64_t tag,
                      struct error *err)
{
    char key[BUILDER_PATH_MAX + 1];

    if (builder->order == UINT32_MAX)
        return error_input(err, "more than %u records of files", UINT32_MAX);
    *item = new_item(builder, key, builder_to_key(key, path, size));
    if (!*item)
        return builder_no_memory(builder, err);
    (*item)->tag = tag;
    (*item)->order = builder->order++;
    return 0;
}

/* The item is filled. */
static int end_item(struct builder *builder, struct item *item, struct error *err)
{
    set_name(item);
    if (S_ISDIR(item->entry.mode))
        item->entry.size = ENTRY_DIRECTORY_SIZE;
    int result = builder->replay && !item->refused ? replay_put(builder, item, err) : 0;
    return result < 0 ? result : builder_append(builder, item, err);
}

static const struct digest *copy_digest(struct builder *builder, const struct digest *digest)
{
    struct digest *copy = builder_alloc(builder, sizeof *copy, 1);

    if (copy)
        *copy = *digest;
    return copy;
}

int builder_add(struct builder *builder, const char *path, size_t size, const struct entry *entry,
                const struct entry_digests *digests, uint64_t tag, struct error *err)
{
    struct item *item;
    int result = begin_item(&item, builder, path, size, tag, err);

    if (result < 0)
        return result;
    item->entry = *entry;
    if (entry->target)
        item->entry.target = arena_copy(builder, entry->target, entry->target_size);
    if (entry->content)
        item->content = copy_digest(builder, &digests->content);
    if (entry->xattrs)
        item->xattrs = copy_digest(builder, &digests->xattrs);
    if ((entry->target && !item->entry.target) || (entry->content && !item->content) ||
        (entry->xattrs && !item->xattrs))
        return builder_no_memory(builder, err);
    return end_item(builder, item, err);
}

/* Share what stands at the target: attributes, content, and from now on the group. */
static int join(struct item *item, struct builder *builder, struct item *target, struct error *err)
{
    if (!target->links) {
        target->links = builder_alloc(builder, sizeof *target->links, _Alignof(struct link_set));
        if (!target->links)
            return builder_no_memory(builder, err);
        *target->links = (struct link_set){0};
    }
    item->entry = target->entry;
    item->content = target->content;
    item->xattrs = target->xattrs;
    item->links = target->links;
    return 0;
}

int builder_link(struct builder *builder, const char *path, size_t size, const char *target, size_t target_size,
                 uint64_t tag, struct error *err)
{
    char key[BUILDER_PATH_MAX + 1];
    struct item *item, *found = replay_find(builder, key, builder_to_key(key, target, target_size));
    int result = begin_item(&item, builder, path, size, tag, err);

    if (result < 0)
        return result;
    item->refused = !found || S_ISDIR(found->entry.mode);
    item->refusal = BUILDER_DANGLING;
    if (!item->refused)
        result = join(item, builder, found, err);
    return result < 0 ? result : end_item(builder, item, err);
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
    return find_key(builder, key, builder_to_key(key, path, size));
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
    struct item *item = find_key(arg, key, builder_to_key(key, path, size));

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

    item->content = copy_digest(builder, digest);
    if (!item->content)
        return builder_no_memory(builder, err);
    item->entry.content = blob;
    item->entry.flags &= ~ENTRY_ABSENT;
    return 0;
}

size_t builder_size(const struct builder *builder)
{
    return builder->count;
}
