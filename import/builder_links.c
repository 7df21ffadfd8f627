/* builder_links.c - which names are one file: groups of the tree below lose the names that were written or taken away,
 * and get those that were linked to them; new groups come between them in the order of their first paths.
 */
#include "import/builder_parts.h"

#include "db/cut.h"
#include "import/spool.h"
#include "tree/node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The paths of one group, which is one value in the store and is put together in memory. One of this size holds 16,000
 * paths of PATH_MAX, or a million of 64 bytes; ext4 allows 65,000 names. */
#define GROUP_BYTES_MAX (64u << 20)

/* A path without its leading '/', among others in a buffer; a NUL is behind it. */
struct path {
    size_t at;
    uint32_t size;
};

/* An origin is found by the hash of its path, which its place tells. */
struct hashed_origin {
    uint64_t hash;
    struct origin origin;
};

struct group {
    uint64_t at; /* of its paths in linking.mixed_text */
    uint32_t size, count;
};

struct linking {
    struct builder *builder;
    struct store *store;
    const struct link_name *walked; /* the names in the order of the walk */
    struct link_name *names;        /* by group; of one in the order of the walk */
    size_t count;                   /* of both */
    size_t *first;                  /* of each group, among the names; one more stands behind the last */
    bool *is_done;                  /* of each group */
    struct buffer origins;          /* struct hashed_origin, by hash */
    struct buffer changed;          /* a byte for each group below: is it another one now? */
    struct buffer members, text;    /* struct path: of the group that is put together */
    struct buffer mixed;            /* struct group: those that have something of the tree below, and are new */
    struct spool *mixed_text;
    /* While writing: what is next of each source. */
    struct below_cursor *below;
    size_t next_below, next_mixed, next_walked;
    struct buffer next_text; /* of the mixed one */
};

/* --- Paths -------------------------------------------------------------------------------------------------------- */

static int by_path(const void *a, const void *b, void *arg)
{
    const struct path *x = a, *y = b;
    const char *text = (const char *)((const struct buffer *)arg)->bytes;

    return path_compare(text + x->at, x->size, text + y->at, y->size);
}

static int by_first_path(const void *a, const void *b, void *arg)
{
    const struct group *x = a, *y = b;
    const char *text = arg;

    return path_compare(text + x->at, strlen(text + x->at), text + y->at, strlen(text + y->at));
}

static void add_member(struct linking *l, const char *path, size_t size)
{
    struct path member = {l->text.size, (uint32_t)size};

    buffer_add(&l->text, path, size);
    buffer_add_byte(&l->text, '\0');
    buffer_add(&l->members, &member, sizeof member);
}

/* --- What still stands of the tree below -------------------------------------------------------------------------- */

/* Is what a directory does not have a place for seen in it? */
static bool shows_below(const struct builder *builder, uint32_t directory)
{
    return builder->rule == BUILDER_CHAIN ? directory_at(builder->places, directory)->below != 0 : builder->base.keep;
}

/* Is the name at a place still the one below? */
static bool is_as_below(const struct builder *builder, const struct place *place)
{
    return place->item || builder->rule == BUILDER_RECORDS ? (place->flags & PLACE_AS_BELOW) != 0
                                                           : shows_below(builder, place->above);
}

static bool stands(const struct builder *builder, const char *path, size_t size)
{
    uint32_t directory = DIRECTORY_ROOT;

    if (place_at(builder->places, PLACE_ROOT)->flags & PLACE_ALL_BELOW)
        return true;
    for (const char *at = path, *end = path + size;;) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        uint32_t number = places_find(builder->places, directory, at, (size_t)((slash ? slash : end) - at));

        if (!number)
            return shows_below(builder, directory);
        const struct place *place = place_at(builder->places, number);
        if (place->flags & (PLACE_GONE | PLACE_ALL_BELOW))
            return !(place->flags & PLACE_GONE);
        if (!slash)
            return is_as_below(builder, place);
        if (place->item && !(place->flags & PLACE_DIR))
            return false;
        if (!place->directory)
            return shows_below(builder, directory);
        directory = place->directory;
        at = slash + 1;
    }
}

/* --- Names of groups ---------------------------------------------------------------------------------------------- */

/* Sort the names by their group, keeping their order. */
static int gather_names(struct linking *l, const struct link_name *names, size_t count, struct error *err)
{
    size_t groups = l->builder->link_groups;

    l->count = count;
    l->names = malloc((count + 1) * sizeof *l->names);
    l->first = calloc(groups + 3, sizeof *l->first);
    l->is_done = calloc(groups + 1, sizeof *l->is_done);
    if (!l->names || !l->first || !l->is_done)
        return builder_no_memory(err);
    for (size_t i = 0; i < count; i++)
        l->first[names[i].group + 2]++;
    for (size_t i = 1; i < groups + 3; i++)
        l->first[i] += l->first[i - 1];
    for (size_t i = 0; i < count; i++)
        l->names[l->first[names[i].group + 1]++] = names[i];
    return 0;
}

/* Its names join the group that is put together. */
static void add_group(struct linking *l, uint32_t group)
{
    char path[BUILDER_PATH_MAX + 1];

    l->is_done[group] = true;
    for (size_t i = l->first[group]; i < l->first[group + 1] && l->text.size <= GROUP_BYTES_MAX; i++)
        add_member(l, path + 1, builder_path(path, l->builder, l->names[i].place) - 1);
}

static void begin_group(struct linking *l)
{
    buffer_clear(&l->members);
    buffer_clear(&l->text);
}

static int check_group(const struct linking *l, struct error *err)
{
    if (l->members.failed || l->text.failed)
        return builder_no_memory(err);
    if (l->text.size > GROUP_BYTES_MAX)
        return error_input(err, "a group of hard links whose paths have more than %u MiB", GROUP_BYTES_MAX >> 20);
    return 0;
}

/* Something of it came from below. One name alone is no group. */
static int keep_mixed(struct linking *l, struct error *err)
{
    size_t count = l->members.size / sizeof(struct path);
    const struct path *members = (const struct path *)(const void *)l->members.bytes;
    struct group group = {spool_size(l->mixed_text), (uint32_t)l->text.size, (uint32_t)count};
    int result = check_group(l, err);

    if (result < 0 || count < 2)
        return result;
    qsort_r(l->members.bytes, count, sizeof(struct path), by_path, &l->text);
    for (size_t i = 0; i < count && result == 0; i++)
        result = spool_add(l->mixed_text, l->text.bytes + members[i].at, members[i].size + 1, err);
    buffer_add(&l->mixed, &group, sizeof group);
    return result < 0 ? result : l->mixed.failed ? builder_no_memory(err) : 0;
}

/* --- Groups below ------------------------------------------------------------------------------------------------- */

static int by_hash(const void *a, const void *b)
{
    const struct hashed_origin *x = a, *y = b;

    return (x->hash > y->hash) - (x->hash < y->hash);
}

static int gather_origins(struct linking *l, struct error *err)
{
    const struct builder *builder = l->builder;
    size_t count = builder->origins.size / sizeof(struct origin);
    char path[BUILDER_PATH_MAX + 1];

    for (size_t i = 0; i < count; i++) {
        struct hashed_origin hashed;

        memcpy(&hashed.origin, builder->origins.bytes + i * sizeof hashed.origin, sizeof hashed.origin);
        hashed.hash = places_hash(builder->places, path + 1, builder_path(path, builder, hashed.origin.place) - 1);
        buffer_add(&l->origins, &hashed, sizeof hashed);
    }
    if (l->origins.failed)
        return builder_no_memory(err);
    if (count > 0)
        qsort(l->origins.bytes, count, sizeof(struct hashed_origin), by_hash);
    return 0;
}

/* The new names of what the tree below had at a path: their group, 0: there are none. */
static uint32_t find_origin(const struct linking *l, const char *path, size_t size)
{
    const struct hashed_origin *origins = (const struct hashed_origin *)(const void *)l->origins.bytes;
    size_t low = 0, count = l->origins.size / sizeof *origins, high = count;
    uint64_t hash = places_hash(l->builder->places, path, size);
    char other[BUILDER_PATH_MAX + 1];

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (origins[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < count && origins[low].hash == hash; low++)
        if (builder_path(other, l->builder, origins[low].origin.place) == size + 1 &&
            memcmp(other + 1, path, size) == 0)
            return origins[low].origin.links;
    return 0;
}

/* What has become of a group below. */
static int change_group(struct linking *l, const struct link_group *group, struct error *err)
{
    const char *path = group->paths;
    bool changed = false;

    begin_group(l);
    for (uint32_t i = 0; i < group->count; i++) {
        size_t size = strlen(path);
        uint32_t links = find_origin(l, path, size);
        bool still = stands(l->builder, path, size);

        if (still)
            add_member(l, path, size);
        if (links)
            add_group(l, links);
        changed |= !still || links;
        path += size + 1;
    }
    buffer_add_byte(&l->changed, changed);
    if (l->changed.failed)
        return builder_no_memory(err);
    return changed ? keep_mixed(l, err) : 0;
}

static int change_groups(struct linking *l, int64_t below, struct error *err)
{
    struct below_cursor *cursor;
    struct link_group group;
    int result = below_cursor_new(&cursor, l->store, below, err);

    if (result < 0)
        return result;
    while ((result = below_next_group(&group, cursor, err)) == 1) {
        result = change_group(l, &group, err);
        if (result < 0)
            break;
    }
    below_cursor_free(cursor);
    return result;
}

/* What had one name below and has more now. */
static int group_origins(struct linking *l, struct error *err)
{
    const struct hashed_origin *origins = (const struct hashed_origin *)(const void *)l->origins.bytes;
    char path[BUILDER_PATH_MAX + 1];
    int result = 0;

    for (size_t i = 0; i < l->origins.size / sizeof *origins && result == 0; i++) {
        const struct origin *origin = &origins[i].origin;
        size_t size = builder_path(path, l->builder, origin->place) - 1;

        if (l->is_done[origin->links])
            continue;
        begin_group(l);
        if (stands(l->builder, path + 1, size))
            add_member(l, path + 1, size);
        add_group(l, origin->links);
        result = keep_mixed(l, err);
    }
    return result;
}

/* --- Writing ------------------------------------------------------------------------------------------------------ */

/* Three sources of groups, each in the order of first paths: 1 with *group filled (borrowed until the next call for the
 * same source), or 0 at the end. */

/* Those below that are as they were. */
static int next_below(struct link_group *group, struct linking *l, struct error *err)
{
    int result;

    do
        result = below_next_group(group, l->below, err);
    while (result == 1 && l->changed.bytes[l->next_below++]);
    return result;
}

static int next_mixed(struct link_group *group, struct linking *l, struct error *err)
{
    const struct group *mixed = (const struct group *)(const void *)l->mixed.bytes;

    if (l->next_mixed == l->mixed.size / sizeof *mixed)
        return 0;
    mixed += l->next_mixed++;
    buffer_clear(&l->next_text);
    uint8_t *text = buffer_reserve(&l->next_text, mixed->size);
    if (!text)
        return builder_no_memory(err);
    int result = spool_read(text, l->mixed_text, mixed->at, mixed->size, err);
    *group = (struct link_group){(const char *)text, mixed->size, mixed->count};
    return result < 0 ? result : 1;
}

/* Those that nothing below belongs to: by their first names, along the walk. */
static int next_new(struct link_group *group, struct linking *l, struct error *err)
{
    while (l->next_walked < l->count) {
        uint32_t number = l->walked[l->next_walked++].group;

        if (l->is_done[number])
            continue;
        begin_group(l);
        add_group(l, number);
        int result = check_group(l, err);
        if (result < 0)
            return result;
        *group = (struct link_group){(const char *)l->text.bytes, (uint32_t)l->text.size,
                                     (uint32_t)(l->members.size / sizeof(struct path))};
        if (group->count > 1)
            return 1;
    }
    return 0;
}

static int (*const NEXT[])(struct link_group *group, struct linking *l, struct error *err) = {next_below, next_mixed,
                                                                                              next_new};
#define SOURCES (sizeof NEXT / sizeof *NEXT)

static bool comes_before(const struct link_group *a, const struct link_group *b)
{
    return path_compare(a->paths, strlen(a->paths), b->paths, strlen(b->paths)) < 0;
}

static int write_groups(struct linking *l, struct cutter *cutter, struct error *err)
{
    struct link_group next[SOURCES];
    int more[SOURCES], result = 0;

    for (size_t i = 0; i < SOURCES && result >= 0; i++)
        result = more[i] = NEXT[i](&next[i], l, err);
    while (result >= 0) {
        size_t least = SOURCES;

        for (size_t i = 0; i < SOURCES; i++)
            if (more[i] && (least == SOURCES || comes_before(&next[i], &next[least])))
                least = i;
        if (least == SOURCES)
            return 0;
        result = cutter_add_group(cutter, &next[least], err);
        if (result >= 0)
            result = more[least] = NEXT[least](&next[least], l, err);
    }
    return result;
}

/* In the order of their first paths, which lie in the spool. */
static int sort_mixed(struct linking *l, struct error *err)
{
    const uint8_t *text = spool_view(l->mixed_text, 0, (size_t)spool_size(l->mixed_text), err);

    if (!text)
        return -EIO;
    if (l->mixed.size > 0)
        qsort_r(l->mixed.bytes, l->mixed.size / sizeof(struct group), sizeof(struct group), by_first_path,
                (void *)(uintptr_t)text);
    return 0;
}

static int write_links(struct node_ref *out, struct linking *l, int64_t below, struct error *err)
{
    struct cutter *cutter;
    int result = sort_mixed(l, err);

    if (result == 0)
        result = below_cursor_new(&l->below, l->store, below, err);
    if (result == 0)
        result = cutter_new(&cutter, l->store, NODE_LINKS, err);
    if (result < 0)
        return result;
    result = write_groups(l, cutter, err);
    if (result == 0)
        result = cutter_finish(out, cutter, err);
    cutter_free(cutter);
    return result;
}

static void let_go(struct linking *l)
{
    struct buffer *const buffers[] = {&l->origins, &l->changed, &l->members, &l->text, &l->mixed, &l->next_text};

    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        buffer_free(buffers[i]);
    below_cursor_free(l->below);
    spool_free(l->mixed_text);
    free(l->names);
    free(l->first);
    free(l->is_done);
}

int builder_write_links(struct node_ref *links, struct builder *builder, struct store *store,
                        const struct link_name *names, size_t count, struct error *err)
{
    struct linking l = {
        .builder = builder, .store = store, .walked = names, .mixed_text = spool_new(store_directory(store))};
    int64_t below = builder->base.tree.links;
    int result = l.mixed_text ? gather_names(&l, names, count, err) : builder_no_memory(err);

    if (result == 0)
        result = gather_origins(&l, err);
    if (result == 0)
        result = change_groups(&l, below, err);
    if (result == 0)
        result = group_origins(&l, err);
    if (result == 0)
        result = write_links(links, &l, below, err);
    let_go(&l);
    return result;
}
