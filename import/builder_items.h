/* builder_items.h - what the builder's files share: entries by path, as items. Private to builder*.c. */
#ifndef IMPORT_BUILDER_ITEMS_H
#define IMPORT_BUILDER_ITEMS_H

#include "import/builder.h"

#include <string.h>

/* A hard link's group while entries come: its members are the items that point here and live. */
struct link_set {
    uint32_t number; /* of groups by first path, from 1; given when the tree is written */
    uint32_t members;
};

struct item {
    struct entry entry; /* name and target point into the arena */
    const char *path;
    const struct digest *content, *xattrs; /* of entry.content and entry.xattrs */
    struct place *place;                   /* BUILDER_LAST_WINS only; NULL for a parent that nobody mentioned */
    struct link_set *links;                /* NULL: no hard link was made of it */
    uint64_t tag;
    uint32_t order; /* of coming */
    uint16_t path_size;
    bool implicit; /* a parent that nobody mentioned; anything said about it wins */
    bool refused;  /* reported by the next settling, as: */
    enum builder_conflict refusal;
};

struct block;
struct replay;

struct builder {
    struct block *blocks;
    struct item **items;
    size_t count, room;
    uint32_t order;
    struct replay *replay; /* BUILDER_LAST_WINS only */
    unsigned links_left;   /* that builder_resolve() may still follow */
};

/* Memory that lives as long as the builder; far less than a MiB at once. NULL: there is none. */
void *builder_alloc(struct builder *builder, size_t size, size_t alignment);

/* -ENOMEM with its text. */
int builder_no_memory(const struct builder *builder, struct error *err);

/* "/a/b" to "a NUL b", so that the order of bytes is the order of the walk; returns the size of the result. And back.
 */
size_t builder_to_key(char *key, const char *path, size_t size);
size_t builder_from_key(char *path, const char *key, size_t size);

int builder_append(struct builder *builder, struct item *item, struct error *err);

/* A directory that nobody mentioned. Its key is the beginning of another one in the arena, which it shares. */
struct item *builder_new_parent(struct builder *builder, const char *key, size_t size);

static inline int compare_keys(const char *a, size_t a_size, const char *b, size_t b_size)
{
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);

    return order ? order : (a_size > b_size) - (a_size < b_size);
}

/* Is `item` below `above`? */
static inline bool item_is_below(const struct item *item, const struct item *above)
{
    if (above->path_size == 0)
        return item->path_size > 0;
    return item->path_size > above->path_size && item->path[above->path_size] == '\0' &&
           memcmp(item->path, above->path, above->path_size) == 0;
}

/* --- replay: what stands where at each moment (builder_replay.c) ---------------------------------------------------
 */

struct replay *replay_new(void);
void replay_free(struct replay *replay);

/* Let an item that was just made stand at its path. Where that cannot be, item->refused says so. */
int replay_put(struct builder *builder, struct item *item, struct error *err);

/* What stands at a key at this moment, or NULL: nothing, or a directory that nobody mentioned. */
struct item *replay_find(const struct builder *builder, const char *key, size_t size);

/* Does it still stand where it was put? */
bool replay_stands(const struct item *item);

#endif
