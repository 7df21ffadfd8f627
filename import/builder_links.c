/* builder_links.c - which names are one file: groups of the tree below lose the names that were written or taken away,
 * and get those that were linked to them; new groups come between them in the order of their first paths.
 */
#include "import/builder_parts.h"

#include "db/cut.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The paths of one group. A group is one value in the store, and one of this size holds 65,000 paths of PATH_MAX,
 * which is more than ext4 allows. */
#define GROUP_BYTES_MAX (256u << 20)

/* A path without its leading '/', among others in a buffer; a NUL is behind it. */
struct path {
    size_t at;
    uint32_t size;
    uint32_t links; /* an origin's group */
};

struct group {
    size_t at; /* of its paths in linking.groups_text */
    uint32_t size, count;
};

struct linking {
    struct builder *builder;
    struct store *store;
    struct link_name *names; /* by group; of one in the order of the walk */
    size_t count;
    size_t *first;                       /* of each group, among the names; one more stands behind the last */
    bool *is_done;                       /* of each group */
    struct buffer origins, origins_text; /* struct path, by path */
    struct buffer changed;               /* a byte for each group below: is it another one now? */
    struct buffer members, members_text; /* struct path: of the group that is put together */
    struct buffer groups, groups_text;   /* struct group: new ones and changed ones */
};

/* --- Paths -------------------------------------------------------------------------------------------------------- */

/* In the order of the walk: component by component, so '/' comes before every other byte. */
static int compare_paths(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
    size_t shorter = a_size < b_size ? a_size : b_size, i = 0;

    while (i < shorter && a[i] == b[i])
        i++;
    if (i == shorter)
        return (a_size > b_size) - (a_size < b_size);
    return (a[i] == '/' ? 0 : a[i]) < (b[i] == '/' ? 0 : b[i]) ? -1 : 1;
}

static int by_path(const void *a, const void *b, void *arg)
{
    const struct path *x = a, *y = b;
    const uint8_t *text = ((const struct buffer *)arg)->bytes;

    return compare_paths(text + x->at, x->size, text + y->at, y->size);
}

static int by_first_path(const void *a, const void *b, void *arg)
{
    const struct group *x = a, *y = b;
    const char *text = (const char *)((const struct buffer *)arg)->bytes;

    return compare_paths((const uint8_t *)text + x->at, strlen(text + x->at), (const uint8_t *)text + y->at,
                         strlen(text + y->at));
}

static void add_path(struct buffer *list, struct buffer *texts, const char *path, size_t size, uint32_t links)
{
    struct path added = {texts->size, (uint32_t)size, links};

    buffer_add(texts, path, size);
    buffer_add_byte(texts, '\0');
    buffer_add(list, &added, sizeof added);
}

static void add_place(struct buffer *list, struct buffer *texts, const struct builder *builder, uint32_t place,
                      uint32_t links)
{
    char path[BUILDER_PATH_MAX + 1];
    size_t size = builder_path(path, builder, place);

    add_path(list, texts, path + 1, size - 1, links);
}

static void sort_paths(struct buffer *list, struct buffer *texts)
{
    if (list->size > 0)
        qsort_r(list->bytes, list->size / sizeof(struct path), sizeof(struct path), by_path, texts);
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
    l->is_done[group] = true;
    for (size_t i = l->first[group]; i < l->first[group + 1]; i++)
        add_place(&l->members, &l->members_text, l->builder, l->names[i].place, 0);
}

static void begin_group(struct linking *l)
{
    buffer_clear(&l->members);
    buffer_clear(&l->members_text);
}

/* One name alone is no group. */
static int end_group(struct linking *l, struct error *err)
{
    size_t count = l->members.size / sizeof(struct path);
    const struct path *members = (const struct path *)(const void *)l->members.bytes;
    struct group group = {l->groups_text.size, (uint32_t)l->members_text.size, (uint32_t)count};

    if (l->members.failed || l->members_text.failed)
        return builder_no_memory(err);
    if (l->members_text.size > GROUP_BYTES_MAX)
        return error_input(err, "a group of hard links whose paths have more than %u MiB", GROUP_BYTES_MAX >> 20);
    if (count < 2)
        return 0;
    sort_paths(&l->members, &l->members_text);
    for (size_t i = 0; i < count; i++)
        buffer_add(&l->groups_text, l->members_text.bytes + members[i].at, members[i].size + 1);
    buffer_add(&l->groups, &group, sizeof group);
    return l->groups.failed || l->groups_text.failed ? builder_no_memory(err) : 0;
}

/* --- Groups below ------------------------------------------------------------------------------------------------- */

static int gather_origins(struct linking *l, struct error *err)
{
    const struct builder *builder = l->builder;
    size_t count = builder->origins.size / sizeof(struct origin);

    for (size_t i = 0; i < count; i++) {
        struct origin origin;

        memcpy(&origin, builder->origins.bytes + i * sizeof origin, sizeof origin);
        add_place(&l->origins, &l->origins_text, builder, origin.place, origin.links);
    }
    if (l->origins.failed || l->origins_text.failed)
        return builder_no_memory(err);
    sort_paths(&l->origins, &l->origins_text);
    return 0;
}

/* The new names of what the tree below had at a path: their group, 0: there are none. */
static uint32_t find_origin(const struct linking *l, const char *path, size_t size)
{
    const struct path *origins = (const struct path *)(const void *)l->origins.bytes;
    size_t low = 0, high = l->origins.size / sizeof *origins;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_paths((const uint8_t *)path, size, l->origins_text.bytes + origins[middle].at,
                                  origins[middle].size);

        if (order == 0)
            return origins[middle].links;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
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
            add_path(&l->members, &l->members_text, path, size, 0);
        if (links)
            add_group(l, links);
        changed |= !still || links;
        path += size + 1;
    }
    buffer_add_byte(&l->changed, changed);
    if (l->changed.failed)
        return builder_no_memory(err);
    return changed ? end_group(l, err) : 0;
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
    const struct path *origins = (const struct path *)(const void *)l->origins.bytes;
    int result = 0;

    for (size_t i = 0; i < l->origins.size / sizeof *origins && result == 0; i++) {
        const char *path = (const char *)l->origins_text.bytes + origins[i].at;

        if (l->is_done[origins[i].links])
            continue;
        begin_group(l);
        if (stands(l->builder, path, origins[i].size))
            add_path(&l->members, &l->members_text, path, origins[i].size, 0);
        add_group(l, origins[i].links);
        result = end_group(l, err);
    }
    return result;
}

static int group_others(struct linking *l, struct error *err)
{
    int result = 0;

    for (uint32_t group = 1; group <= l->builder->link_groups && result == 0; group++) {
        if (l->is_done[group])
            continue;
        begin_group(l);
        add_group(l, group);
        result = end_group(l, err);
    }
    return result;
}

/* --- Writing ------------------------------------------------------------------------------------------------------ */

/* The groups below that are as they were, merged with the new ones. */
static int write_groups(struct linking *l, int64_t below, struct cutter *cutter, struct error *err)
{
    const struct group *groups = (const struct group *)(const void *)l->groups.bytes;
    const char *text = (const char *)l->groups_text.bytes;
    size_t count = l->groups.size / sizeof *groups, i = 0, ordinal = 0;
    struct below_cursor *cursor;
    struct link_group group;
    int result = below_cursor_new(&cursor, l->store, below, err), more = 0;

    while (result == 0) {
        do
            more = below_next_group(&group, cursor, err);
        while (more == 1 && l->changed.bytes[ordinal++]);
        while (
            result == 0 && i < count &&
            (more == 0 || (more == 1 && compare_paths((const uint8_t *)text + groups[i].at, strlen(text + groups[i].at),
                                                      (const uint8_t *)group.paths, strlen(group.paths)) < 0))) {
            result = cutter_add_group(cutter,
                                      &(struct link_group){text + groups[i].at, groups[i].size, groups[i].count}, err);
            i++;
        }
        if (result == 0 && more == 1)
            result = cutter_add_group(cutter, &group, err);
        if (more != 1)
            break;
    }
    below_cursor_free(cursor);
    return result < 0 ? result : more;
}

static int write_links(struct node_ref *out, struct linking *l, int64_t below, struct error *err)
{
    struct cutter *cutter;

    if (l->groups.size > 0)
        qsort_r(l->groups.bytes, l->groups.size / sizeof(struct group), sizeof(struct group), by_first_path,
                &l->groups_text);
    int result = cutter_new(&cutter, l->store, NODE_LINKS, err);
    if (result < 0)
        return result;
    result = write_groups(l, below, cutter, err);
    if (result == 0)
        result = cutter_finish(out, cutter, err);
    cutter_free(cutter);
    return result;
}

static void let_go(struct linking *l)
{
    struct buffer *const buffers[] = {&l->origins,      &l->origins_text, &l->changed,    &l->members,
                                      &l->members_text, &l->groups,       &l->groups_text};

    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        buffer_free(buffers[i]);
    free(l->names);
    free(l->first);
    free(l->is_done);
}

int builder_write_links(struct node_ref *links, struct builder *builder, struct store *store,
                        const struct link_name *names, size_t count, struct error *err)
{
    struct linking l = {.builder = builder, .store = store};
    int64_t below = builder->base.tree.links;
    int result = gather_names(&l, names, count, err);

    if (result == 0)
        result = gather_origins(&l, err);
    if (result == 0)
        result = change_groups(&l, below, err);
    if (result == 0)
        result = group_origins(&l, err);
    if (result == 0)
        result = group_others(&l, err);
    if (result == 0)
        result = write_links(links, &l, below, err);
    let_go(&l);
    return result;
}
