/* links.c - from a links object to a table: paths are gathered as ranks, sorted, and counted by group. */
#include "tree/links.h"

#include "db/node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Paths are looked up through a cache of their own, which is rested every so many: who asks for the table holds what he
 * borrowed from the shared one, so nothing that is evicted there could be freed meanwhile. */
#define GATHER_CACHE (8u << 20) /* bytes */
#define REST_EVERY 256          /* paths */

enum { LIMIT_REACHED = 1 }; /* ends the visit without an error */

struct gathering {
    struct tree_reader *reader;
    struct tree plain; /* the tree without links: names for themselves */
    struct error *err;
    struct link_member *members; /* `file` is the group's number as yet */
    size_t count, room;
    uint32_t groups, paths;
    uint64_t text;      /* bytes of paths so far */
    struct entry model; /* of the group at hand: its first member's; the name is not looked at */
    bool has_model;
    char target[ENTRY_TARGET_MAX];
};

/* --- Gathering ---------------------------------------------------------------------------------------------------- */

static void keep_model(struct gathering *g, const struct entry *entry)
{
    g->model = *entry;
    g->has_model = true;
    if (entry->target) {
        memcpy(g->target, entry->target, entry->target_size);
        g->model.target = g->target;
    }
}

/* Attributes go out with each name's own entry, content with the first's. */
static bool is_like_model(const struct gathering *g, const struct entry *e)
{
    const struct entry *m = &g->model;

    return e->mode == m->mode && e->uid == m->uid && e->gid == m->gid && e->size == m->size && e->mtime == m->mtime &&
           e->rdev_major == m->rdev_major && e->rdev_minor == m->rdev_minor && e->flags == m->flags &&
           e->content == m->content && e->xattrs == m->xattrs && !e->target == !m->target &&
           e->target_size == m->target_size && (!e->target || memcmp(e->target, m->target, e->target_size) == 0);
}

static int add_member(struct gathering *g, uint32_t rank)
{
    if (g->count == g->room) {
        size_t room = g->room ? g->room * 2 : 64;
        struct link_member *members = realloc(g->members, room * sizeof *members);

        if (!members)
            return error_system(g->err, ENOMEM, "cannot read hard links");
        g->members = members;
        g->room = room;
    }
    g->members[g->count++] = (struct link_member){.rank = rank, .file = g->groups};
    return 0;
}

static int gather_path(struct gathering *g, const char *path, size_t size)
{
    struct tree_place place;

    if (g->paths++ % REST_EVERY == 0)
        tree_reader_rest(g->reader);
    int result = tree_walk(&place, g->reader, g->plain, path, size, g->err);
    if (result == -ENOENT || result == -ENOTDIR)
        return 0;
    if (result < 0)
        return result;
    if (S_ISDIR(place.entry->mode))
        return 0;
    if (!g->has_model)
        keep_model(g, place.entry);
    return is_like_model(g, place.entry) ? add_member(g, place.rank) : 0;
}

static int gather_group(struct gathering *g, const struct link_group *group)
{
    const char *path = group->paths;
    int result = 0;

    if (group->count > LINKS_PATHS_MAX - g->paths || group->size > LINKS_TEXT_MAX - g->text)
        return LIMIT_REACHED;
    g->text += group->size;
    g->has_model = false;
    for (uint32_t i = 0; i < group->count && result == 0; i++) {
        size_t size = strlen(path);

        result = gather_path(g, path, size);
        path += size + 1;
    }
    g->groups++;
    return result;
}

/* One node of the links object. Lists are gathered before what is below them is visited, as in features.c. */
struct level {
    struct gathering *gathering;
    int64_t id;
    unsigned level, count, expected;
    int64_t nodes[NODE_ITEMS_MAX];
};

static int damaged(const struct level *l)
{
    struct gathering *g = l->gathering;

    return node_damaged(tree_reader_store(g->reader), l->id, g->err);
}

static int begin(void *arg, enum node_kind kind, unsigned level, unsigned count, const struct counts *counts)
{
    struct level *l = arg;

    (void)counts;
    l->level = level;
    l->expected = count;
    return kind == NODE_LINKS ? 0 : damaged(l);
}

static int visit_child(void *arg, const struct node_child *child)
{
    struct level *l = arg;

    if (l->count == l->expected)
        return damaged(l);
    l->nodes[l->count++] = child->node.id;
    return 0;
}

static int visit_group(void *arg, const struct link_group *group)
{
    struct level *l = arg;

    l->count++;
    return gather_group(l->gathering, group);
}

/* No node but a whole links object is empty: so each that is visited brings nearer what may be visited at all, and
 * lists that hold one another's nodes many times over come to an end. */
static int visit_node(struct gathering *g, int64_t id, bool is_top)
{
    struct level l = {.gathering = g, .id = id};
    const struct node_visitor visitor = {.begin = begin, .child = visit_child, .group = visit_group, .arg = &l};
    int result = node_visit(tree_reader_store(g->reader), id, NODE_COUNTS, &visitor, g->err);

    if (result == -ENOENT)
        return -ESTALE;
    if (result == 0 && (l.count != l.expected || (l.count == 0 && (l.level > 0 || !is_top))))
        return damaged(&l);
    for (unsigned i = 0; l.level > 0 && i < l.count && result == 0; i++)
        result = visit_node(g, l.nodes[i], false);
    return result;
}

/* --- The table ---------------------------------------------------------------------------------------------------- */

static int by_rank_and_group(const void *a_of_array, const void *b_of_array)
{
    const struct link_member *a = a_of_array, *b = b_of_array;

    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    return (a->file > b->file) - (a->file < b->file);
}

/* A name belongs to the first group that has it. */
static void drop_repeated(struct gathering *g)
{
    size_t kept = 0;

    if (g->count)
        qsort(g->members, g->count, sizeof *g->members, by_rank_and_group);
    for (size_t i = 0; i < g->count; i++)
        if (i == 0 || g->members[i].rank != g->members[i - 1].rank)
            g->members[kept++] = g->members[i];
    g->count = kept;
}

/* From numbers of groups to their first ranks and how many they have. Members are in order of ranks. */
static size_t number_groups(struct gathering *g, struct link_member *groups)
{
    size_t kept = 0;

    for (size_t i = 0; i < g->count; i++) {
        struct link_member *group = &groups[g->members[i].file];

        if (group->count++ == 0)
            group->file = g->members[i].rank;
    }
    for (size_t i = 0; i < g->count; i++) {
        const struct link_member *group = &groups[g->members[i].file];

        if (group->count > 1)
            g->members[kept++] = (struct link_member){g->members[i].rank, group->file, group->count};
    }
    return kept;
}

static struct links *make_table(struct gathering *g)
{
    struct link_member *groups = calloc((size_t)g->groups + 1, sizeof *groups);
    struct links *links = NULL;

    drop_repeated(g);
    if (groups) {
        size_t count = number_groups(g, groups), bytes = count * sizeof *links->members;
        size_t size = sizeof *links + bytes + sizeof *links->members;

        links = malloc(size);
        if (links) {
            *links = (struct links){.cached = {.size = size}, .count = (uint32_t)count};
            if (bytes)
                memcpy(links->members, g->members, bytes);
            links->members[count] = (struct link_member){.rank = UINT32_MAX};
        }
    }
    free(groups);
    return links;
}

static int load(struct links **links, struct store *store, struct tree tree, struct error *err)
{
    struct gathering *g = calloc(1, sizeof *g);
    struct tree_cache *cache = NULL;
    int result = g ? tree_cache_new(&cache, GATHER_CACHE, err) : error_system(err, ENOMEM, "cannot read hard links");

    if (result == 0)
        result = tree_reader_new(&g->reader, store, cache, err);
    if (result == 0) {
        g->plain.root = tree.root;
        g->err = err;
        result = visit_node(g, tree.links, true);
    }
    if (result >= 0) {
        *links = make_table(g);
        result = *links ? 0 : error_system(err, ENOMEM, "cannot read hard links");
    }
    if (g) {
        tree_reader_free(g->reader);
        free(g->members);
    }
    tree_cache_free(cache);
    free(g);
    return result;
}

/* --- In the cache ------------------------------------------------------------------------------------------------- */

int64_t links_id(struct tree tree, unsigned attempt)
{
    uint64_t hash = (uint64_t)tree.root * 0x9e3779b97f4a7c15ULL;

    hash = ((hash ^ hash >> 32) + (uint64_t)tree.links) * 0xbf58476d1ce4e5b9ULL;
    hash = ((hash ^ hash >> 29) + attempt) * 0x94d049bb133111ebULL;
    return (int64_t)((hash ^ hash >> 31) | 1ULL << 63);
}

static bool is_of(const struct links *links, struct tree tree)
{
    return links->tree.root == tree.root && links->tree.links == tree.links;
}

/* Ends: the cache holds finitely many tables of others. */
int links_get(const struct links **out, struct cache_user *user, struct store *store, struct tree tree,
              struct error *err)
{
    for (unsigned attempt = 0;; attempt++) {
        int64_t id = links_id(tree, attempt);
        const struct links *links = (const struct links *)cache_find(user, id);

        if (!links) {
            struct links *loaded;
            int result = load(&loaded, store, tree, err);

            if (result < 0)
                return result;
            loaded->tree = tree;
            loaded->cached.id = id;
            links = (const struct links *)cache_insert(user, &loaded->cached);
        }
        if (is_of(links, tree)) {
            *out = links;
            return 0;
        }
    }
}

const struct link_member *links_from(const struct links *links, uint32_t rank)
{
    size_t low = 0, high = links->count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (links->members[middle].rank < rank)
            low = middle + 1;
        else
            high = middle;
    }
    return &links->members[low];
}
