/* reader.c - ways through a tree: by rank, by name, by path, along a directory. */
#include "tree/reader.h"

#include "db/blob.h"
#include "db/node.h"
#include "tree/contents.h"
#include "tree/links.h"
#include "tree/memory.h"
#include "tree/node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct tree_cache {
    struct cache *nodes;
};

int tree_cache_new(struct tree_cache **out, size_t limit, struct error *err)
{
    struct tree_cache *cache = calloc(1, sizeof *cache);

    if (cache)
        cache->nodes = cache_new(limit);
    if (!cache || !cache->nodes) {
        free(cache);
        return error_system(err, ENOMEM, "a cache of %zu bytes", limit);
    }
    *out = cache;
    return 0;
}

void tree_cache_free(struct tree_cache *cache)
{
    if (!cache)
        return;
    cache_free(cache->nodes);
    free(cache);
}

void tree_reader_free(struct tree_reader *reader)
{
    if (!reader)
        return;
    cache_leave(reader->user);
    if (reader->memory)
        munmap(reader->memory, sizeof *reader->memory);
    free(reader);
}

/* Zeros, of which only what is touched takes room. */
static struct memory *memory_new(void)
{
    void *memory =
        mmap(NULL, sizeof(struct memory), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

int tree_reader_new(struct tree_reader **out, struct store *store, struct tree_cache *cache, struct error *err)
{
    struct tree_reader *reader = calloc(1, sizeof *reader);

    if (reader) {
        reader->store = store;
        reader->user = cache_join(cache->nodes);
        reader->memory = memory_new();
    }
    if (!reader || !reader->user || !reader->memory) {
        tree_reader_free(reader);
        return error_system(err, ENOMEM, "cannot read trees");
    }
    *out = reader;
    return 0;
}

struct store *tree_reader_store(struct tree_reader *reader)
{
    return reader->store;
}

void tree_reader_rest(struct tree_reader *reader)
{
    cache_rest(reader->user);
    reader->rests++;
}

int tree_node(const struct node **node, struct tree_reader *reader, int64_t id, struct error *err)
{
    return node_get(node, reader->user, reader->store, id, err);
}

int tree_node_uncounted(const struct node **node, struct tree_reader *reader, int64_t id, struct error *err)
{
    return node_get_uncounted(node, reader->user, reader->store, id, err);
}

struct tree tree_of(const struct node_ref *root, const struct node_ref *links)
{
    return (struct tree){root->id, links->counts.entries ? links->id : 0};
}

struct tree tree_of_snapshot(const struct snapshot *snapshot)
{
    return tree_of(&snapshot->root, &snapshot->links);
}

/* A name for itself. */
static struct tree_place place_of(struct tree tree, uint32_t rank, uint32_t parent, const struct entry *entry)
{
    return (struct tree_place){
        .tree = tree,
        .rank = rank,
        .parent = parent,
        .file = rank,
        .nlink = S_ISDIR(entry->mode) ? 2 + entry->below.dirs : 1,
        .entry = entry,
    };
}

static void join(struct tree_place *place, const struct link_member *member)
{
    if (member->rank != place->rank)
        return;
    place->file = member->file;
    place->nlink = member->count;
}

/* Is the name one of several? */
static int join_others(struct tree_place *place, struct tree_reader *reader, struct error *err)
{
    const struct links *links;

    if (!place->tree.links || S_ISDIR(place->entry->mode))
        return 0;
    int result = links_get(&links, reader->user, reader->store, place->tree, err);
    if (result == 0)
        join(place, links_from(links, place->rank));
    return result;
}

/* --- By rank ------------------------------------------------------------------------------------------------------ */

/* Go down to a rank, adding counts. */
static int descend(struct found *found, struct tree_reader *reader, struct tree tree, uint32_t rank, struct error *err)
{
    uint32_t left = rank, parent = 0; /* nodes still to pass; rank of the directory being looked into */
    int64_t id = tree.root;
    const struct node *node;

    for (;;) {
        int result = tree_node(&node, reader, id, err);
        if (result < 0)
            return result;
        if (left >= node->counts.nodes)
            return -ENOENT;
        unsigned i = node_item_of_rank(node, left);
        if (node->level) {
            left -= node->list[i].nodes_before;
            id = node->list[i].node;
            continue;
        }
        left -= node->leaf[i].nodes_before;
        if (left == 0) {
            *found = (struct found){.tree = tree, .leaf = id, .rank = rank, .parent = parent, .item = i};
            return 0;
        }
        parent = rank - left;
        left--;
        id = node->leaf[i].entry.subtree;
    }
}

/* Where the entry is now. */
static int see(struct found *found, struct tree_reader *reader, struct error *err)
{
    uint64_t looked = cache_look(reader->user);
    const struct node *leaf;
    int result = tree_node(&leaf, reader, found->leaf, err);

    if (result < 0)
        return result;
    if (leaf->level || found->item >= leaf->count) /* it had left the cache, and is not what it was */
        return node_damaged(reader->store, found->leaf, err);
    found->entry = &leaf->leaf[found->item].entry;
    found->looked = looked;
    return 0;
}

static struct tree_place place_of_found(const struct found *found)
{
    return (struct tree_place){
        .tree = found->tree,
        .rank = found->rank,
        .parent = found->parent,
        .file = found->file,
        .nlink = found->nlink,
        .entry = found->entry,
    };
}

static int find(struct found *found, struct tree_reader *reader, struct tree tree, uint32_t rank, struct error *err)
{
    struct found now;
    int result = descend(&now, reader, tree, rank, err);

    if (result == 0)
        result = see(&now, reader, err);
    if (result < 0)
        return result;
    struct tree_place place = place_of(tree, rank, now.parent, now.entry);
    result = join_others(&place, reader, err);
    if (result < 0)
        return result;
    now.file = place.file;
    now.nlink = place.nlink;
    *found = now;
    return 0;
}

int tree_find(struct tree_place *place, struct tree_reader *reader, struct tree tree, uint32_t rank, struct error *err)
{
    struct found *found = found_slot(reader->memory, tree, rank);
    int result = 0;

    if (!is_found(found, tree, rank))
        result = find(found, reader, tree, rank, err);
    else if (found->looked != cache_look(reader->user))
        result = see(found, reader, err);
    if (result == 0)
        *place = place_of_found(found);
    return result;
}

/* --- By name ------------------------------------------------------------------------------------------------------ */

/* The place that a name has, and its rank counted from its directory's. */
static int descend_to_name(struct tree_place *place, uint32_t *rank, struct tree_reader *reader,
                           const struct tree_place *directory, const char *name, size_t size, struct error *err)
{
    int64_t id = directory->entry->subtree;
    const struct node *node;

    *rank = 1;
    for (;;) {
        int result = tree_node(&node, reader, id, err);
        if (result < 0)
            return result;
        unsigned i = node_item_of_name(node, name, size);
        if (node->level) {
            *rank += node->list[i].nodes_before;
            id = node->list[i].node;
            continue;
        }
        if (i == node->count)
            return -ENOENT;
        const struct node_leaf_item *item = &node->leaf[i];
        if (name_compare(item->entry.name, item->entry.name_size, name, size) != 0)
            return -ENOENT;
        *rank += item->nodes_before;
        *place = place_of(directory->tree, directory->rank + *rank, directory->rank, &item->entry);
        return join_others(place, reader, err);
    }
}

static bool has_name(const struct tree_place *place, const struct tree_place *directory, const char *name, size_t size)
{
    return place->parent == directory->rank && place->rank != 0 && place->entry->name_size == size &&
           memcmp(place->entry->name, name, size) == 0;
}

/* The newest is first. */
static void remember(struct heard set[HEARD_WAYS], int64_t subtree, uint32_t hash, uint32_t rank)
{
    memmove(set + 1, set, (HEARD_WAYS - 1) * sizeof *set);
    set[0] = (struct heard){subtree, hash, rank};
}

/* `place` may be `directory`; who knows of that no more than its entry gets no more of the place. */
static int find_name(struct tree_place *place, struct tree_reader *reader, const struct tree_place *directory,
                     const char *name, size_t size, struct error *err)
{
    int64_t subtree = directory->entry->subtree;
    uint64_t hash = name_hash(subtree, name, size);
    struct heard *set = heard_set(reader->memory, hash);
    uint32_t rank = directory->tree.root ? recall(set, subtree, heard_hash(hash)) : 0;
    struct tree_place child;

    if (rank && tree_find(&child, reader, directory->tree, directory->rank + rank, err) == 0 &&
        has_name(&child, directory, name, size)) {
        *place = child;
        return 0;
    }
    int result = descend_to_name(&child, &rank, reader, directory, name, size, err);
    if (result < 0)
        return result;
    remember(set, subtree, heard_hash(hash), rank);
    *place = child;
    return 0;
}

int tree_lookup(struct tree_place *place, struct tree_reader *reader, const struct tree_place *directory,
                const char *name, size_t size, struct error *err)
{
    if (!S_ISDIR(directory->entry->mode))
        return -ENOTDIR;
    if (size == 1 && name[0] == '.') {
        *place = *directory;
        return 0;
    }
    if (size == 2 && name[0] == '.' && name[1] == '.')
        return tree_find(place, reader, directory->tree, directory->parent, err);
    return find_name(place, reader, directory, name, size, err);
}

int tree_walk(struct tree_place *place, struct tree_reader *reader, struct tree tree, const char *path, size_t size,
              struct error *err)
{
    int result = tree_find(place, reader, tree, 0, err);

    for (const char *at = path, *end = path + size; result == 0 && at < end;) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        size_t length = (size_t)((slash ? slash : end) - at);

        if (length > 0)
            result = tree_lookup(place, reader, place, at, length, err);
        at += length + 1;
    }
    return result;
}

/* --- Along a directory -------------------------------------------------------------------------------------------- */

void tree_listing_begin(struct tree_listing *listing, struct tree_reader *reader, const struct tree_place *directory,
                        uint32_t ordinal)
{
    *listing = (struct tree_listing){.reader = reader,
                                     .next = ordinal,
                                     .tree = directory->tree,
                                     .subtree = directory->entry->subtree,
                                     .rank = directory->rank};
}

/* Go down to the leaf of the next ordinal: 1, or 0 when the directory ends before it. */
static int find_leaf(struct tree_listing *listing, struct error *err)
{
    uint32_t left = listing->next, rank = listing->rank + 1;
    int64_t id = listing->subtree;
    const struct node *node;

    for (;;) {
        int result = tree_node(&node, listing->reader, id, err);
        if (result < 0)
            return result;
        if (left >= node->counts.entries)
            return 0;
        if (node->level == 0)
            break;
        const struct node_list_item *item = &node->list[node_item_of_ordinal(node, left)];
        left -= item->entries_before;
        rank += item->nodes_before;
        id = item->node;
    }
    listing->leaf = node;
    listing->rests = listing->reader->rests;
    listing->position = left;
    listing->rank_base = rank;
    return 1;
}

/* The members of groups from that leaf on: 1. */
static int find_members(struct tree_listing *listing, struct error *err)
{
    struct tree_reader *reader = listing->reader;

    if (!listing->tree.links)
        return 1;
    int result = links_get(&listing->links, reader->user, reader->store, listing->tree, err);
    if (result < 0) {
        listing->leaf = NULL; /* whoever tries again looks for both */
        return result;
    }
    listing->member = links_from(listing->links, listing->rank_base);
    return 1;
}

/* Most names are before the next member: one comparison. */
static void join_listed(struct tree_place *place, struct tree_listing *listing)
{
    if (!listing->member || S_ISDIR(place->entry->mode))
        return;
    if (listing->member->rank < place->rank)
        listing->member = links_from(listing->links, place->rank);
    join(place, listing->member);
}

int tree_listing_next(struct tree_place *place, struct tree_listing *listing, struct error *err)
{
    const struct node *leaf = listing->leaf;

    if (!leaf || listing->rests != listing->reader->rests || listing->position == leaf->count) {
        int result = find_leaf(listing, err);
        if (result > 0)
            result = find_members(listing, err);
        if (result <= 0)
            return result;
        leaf = listing->leaf;
    }
    const struct node_leaf_item *item = &leaf->leaf[listing->position++];
    *place = place_of(listing->tree, listing->rank_base + item->nodes_before, listing->rank, &item->entry);
    join_listed(place, listing);
    listing->next++;
    return 1;
}

/* --- Facts of an entry -------------------------------------------------------------------------------------------- */

int tree_blob(struct tree_blob *out, struct tree_reader *reader, int64_t id, struct error *err)
{
    struct seen *seen = seen_slot(reader->memory, id);
    uint64_t looked = cache_look(reader->user);

    if (seen->id != id || seen->looked != looked || !seen->row) {
        const struct content_row *row;
        int result = content_get(&row, reader->user, reader->store, id, err);

        if (result < 0)
            return result;
        *seen = (struct seen){id, row, looked, row->blob.in_file ? NULL : row->bytes, row->blob.size};
    }
    *out = (struct tree_blob){.size = seen->size, .bytes = seen->bytes, .blob = &seen->row->blob};
    return 0;
}

int tree_content(struct blob *blob, struct tree_reader *reader, const struct entry *entry, struct error *err)
{
    if (!entry->content)
        return -EACCES;
    return blob_find(blob, reader->store, entry->content, err);
}
