/* climb.c - the climb. A path is a chain of names from its top to its end, each name and what follows kept once; and
 * what is above a node is asked of the store once, however many paths lead through it.
 */
#include "tree/climb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HOLD_PAIRS 1024 /* that are looked at in one transaction: some ms */

/* "name", and then the path `rest`. */
struct step {
    uint32_t rest; /* 0: nothing follows */
    uint32_t name, size;
    bool made; /* what the path ends at */
};

/* A node, and the path from an item of it down. */
struct pair {
    int64_t node;
    uint32_t path;
};

/* What is above a node: items that hold it, and snapshots that begin there. */
struct crossing {
    int64_t node;
    size_t item, item_count, root, root_count;
};

struct item {
    int64_t node; /* that it is in */
    uint32_t name, size;
};

struct root {
    int64_t snapshot, namespace;
};

/* Numbers from 1 of what lies in an array, by hash; 0 is a free slot. A power of two, at most half full. */
struct index {
    uint32_t *slots;
    size_t room;
};

struct climb {
    struct store *store;
    struct error *err;
    struct buffer names;
    struct step *steps; /* step i is path i; 0 is none */
    size_t step_count, step_room;
    struct pair *pairs; /* those before `done` were looked at */
    size_t pair_count, pair_room, done;
    struct crossing *crossings;
    size_t crossing_count, crossing_room;
    struct item *items;
    size_t item_count, item_room;
    struct root *roots;
    size_t root_count, root_room;
    struct climbed *found;
    size_t found_count, found_room;
    struct index by_step, by_pair, by_node;
};

int climb_new(struct climb **out, struct store *store, struct error *err)
{
    struct climb *climb = calloc(1, sizeof *climb);

    if (!climb)
        return error_system(err, ENOMEM, "cannot climb");
    climb->store = store;
    climb->err = err;
    climb->step_count = climb->pair_count = climb->done = climb->crossing_count = 1; /* from 1 on */
    *out = climb;
    return 0;
}

void climb_free(struct climb *climb)
{
    if (!climb)
        return;
    buffer_free(&climb->names);
    free(climb->steps);
    free(climb->pairs);
    free(climb->crossings);
    free(climb->items);
    free(climb->roots);
    free(climb->found);
    free(climb->by_step.slots);
    free(climb->by_pair.slots);
    free(climb->by_node.slots);
    free(climb);
}

/* --- Arrays and what finds things in them --------------------------------------------------------------------------
 */

/* Room for one more of `size` bytes. */
static int grow(void *array_pointer, size_t *room, size_t count, size_t size)
{
    void **array = array_pointer;

    if (count < *room)
        return 0;
    size_t more = *room ? 2 * *room : 64;
    void *bytes = realloc(*array, more * size);
    if (!bytes)
        return -ENOMEM;
    *array = bytes;
    *room = more;
    return 0;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t hash = (a * 0x9e3779b97f4a7c15ULL ^ b) * 0xbf58476d1ce4e5b9ULL;

    return hash ^ hash >> 31;
}

static uint64_t hash_of_step(const struct climb *climb, uint32_t number)
{
    const struct step *step = &climb->steps[number];
    uint64_t hash = mix(step->rest, step->made);

    for (uint32_t i = 0; i < step->size; i++)
        hash = mix(hash, climb->names.bytes[step->name + i]);
    return hash;
}

static uint64_t hash_of_pair(const struct climb *climb, uint32_t number)
{
    return mix((uint64_t)climb->pairs[number].node, climb->pairs[number].path);
}

static uint64_t hash_of_crossing(const struct climb *climb, uint32_t number)
{
    return mix((uint64_t)climb->crossings[number].node, 0);
}

static bool same_step(const struct climb *climb, uint32_t a, uint32_t b)
{
    const struct step *x = &climb->steps[a], *y = &climb->steps[b];

    return x->rest == y->rest && x->size == y->size && x->made == y->made &&
           memcmp(climb->names.bytes + x->name, climb->names.bytes + y->name, x->size) == 0;
}

static bool same_pair(const struct climb *climb, uint32_t a, uint32_t b)
{
    return climb->pairs[a].node == climb->pairs[b].node && climb->pairs[a].path == climb->pairs[b].path;
}

static bool same_crossing(const struct climb *climb, uint32_t a, uint32_t b)
{
    return climb->crossings[a].node == climb->crossings[b].node;
}

typedef uint64_t (*hash_number)(const struct climb *climb, uint32_t number);
typedef bool (*same_numbers)(const struct climb *climb, uint32_t a, uint32_t b);

/* The slot of what is the same as `number`, or the free one where it goes. */
static uint32_t *slot_of(const struct index *index, const struct climb *climb, uint32_t number, hash_number hash,
                         same_numbers same)
{
    size_t at = hash(climb, number) & (index->room - 1);

    while (index->slots[at] && !same(climb, index->slots[at], number))
        at = (at + 1) & (index->room - 1);
    return &index->slots[at];
}

/* Room for one more than the numbers before `count`. */
static int index_grow(struct index *index, const struct climb *climb, size_t count, hash_number hash, same_numbers same)
{
    if (2 * (count + 1) <= index->room)
        return 0;
    struct index more = {.room = index->room ? 2 * index->room : 256};
    more.slots = calloc(more.room, sizeof *more.slots);
    if (!more.slots)
        return -ENOMEM;
    for (uint32_t number = 1; number < count; number++)
        *slot_of(&more, climb, number, hash, same) = number;
    free(index->slots);
    *index = more;
    return 0;
}

/* --- The climb -----------------------------------------------------------------------------------------------------
 */

static int no_memory(struct climb *climb)
{
    return error_system(climb->err, ENOMEM, "cannot climb from %zu places", climb->pair_count);
}

static int too_many(struct climb *climb)
{
    return error_refused(climb->err, E2BIG, "more than %u places; ask for less", CLIMB_PAIRS_MAX);
}

/* Keep a name. */
static int put_name(uint32_t *name, struct climb *climb, const struct occurrence *occurrence)
{
    *name = (uint32_t)climb->names.size;
    buffer_add(&climb->names, occurrence->name, occurrence->name_size);
    return climb->names.failed || climb->names.size > UINT32_MAX ? no_memory(climb) : 0;
}

/* The path "name/rest". Without a name, as a piece and a root are, it is `rest`. */
static int put_path(uint32_t *path, struct climb *climb, const struct step *step)
{
    *path = step->rest;
    if (step->size == 0)
        return 0;
    if (grow(&climb->steps, &climb->step_room, climb->step_count, sizeof *climb->steps) < 0 ||
        index_grow(&climb->by_step, climb, climb->step_count, hash_of_step, same_step) < 0)
        return no_memory(climb);
    climb->steps[climb->step_count] = *step;
    uint32_t *slot = slot_of(&climb->by_step, climb, (uint32_t)climb->step_count, hash_of_step, same_step);
    if (!*slot)
        *slot = (uint32_t)climb->step_count++;
    *path = *slot;
    return 0;
}

static int put_pair(struct climb *climb, int64_t node, uint32_t path)
{
    if (climb->pair_count == CLIMB_PAIRS_MAX)
        return too_many(climb);
    if (grow(&climb->pairs, &climb->pair_room, climb->pair_count, sizeof *climb->pairs) < 0 ||
        index_grow(&climb->by_pair, climb, climb->pair_count, hash_of_pair, same_pair) < 0)
        return no_memory(climb);
    climb->pairs[climb->pair_count] = (struct pair){node, path};
    uint32_t *slot = slot_of(&climb->by_pair, climb, (uint32_t)climb->pair_count, hash_of_pair, same_pair);
    if (!*slot)
        *slot = (uint32_t)climb->pair_count++;
    return 0;
}

int climb_from(void *arg, const struct occurrence *occurrence)
{
    struct climb *climb = arg;
    struct step step = {.size = (uint32_t)occurrence->name_size, .made = occurrence->made};
    uint32_t path;
    int result = put_name(&step.name, climb, occurrence);

    if (result == 0)
        result = put_path(&path, climb, &step);
    return result < 0 ? result : put_pair(climb, occurrence->node, path);
}

/* --- What is above a node ------------------------------------------------------------------------------------------
 */

static int add_item(void *arg, const struct occurrence *occurrence)
{
    struct climb *climb = arg;
    struct item item = {.node = occurrence->node, .size = (uint32_t)occurrence->name_size};

    if (climb->item_count == CLIMB_PAIRS_MAX) /* each is a pair to come */
        return too_many(climb);
    if (grow(&climb->items, &climb->item_room, climb->item_count, sizeof *climb->items) < 0)
        return no_memory(climb);
    int result = put_name(&item.name, climb, occurrence);
    climb->items[climb->item_count++] = item;
    return result;
}

static int add_root(void *arg, int64_t snapshot, int64_t namespace)
{
    struct climb *climb = arg;

    if (grow(&climb->roots, &climb->root_room, climb->root_count, sizeof *climb->roots) < 0)
        return no_memory(climb);
    climb->roots[climb->root_count++] = (struct root){snapshot, namespace};
    return 0;
}

static int ask(struct crossing *crossing, struct climb *climb)
{
    crossing->item = climb->item_count;
    crossing->root = climb->root_count;
    int result = occurrence_visit_node(climb->store, crossing->node, add_item, climb, climb->err);
    if (result == 0)
        result = occurrence_visit_root(climb->store, crossing->node, add_root, climb, climb->err);
    crossing->item_count = climb->item_count - crossing->item;
    crossing->root_count = climb->root_count - crossing->root;
    return result;
}

static int find_crossing(struct crossing *out, struct climb *climb, int64_t node)
{
    int result = 0;

    if (grow(&climb->crossings, &climb->crossing_room, climb->crossing_count, sizeof *climb->crossings) < 0 ||
        index_grow(&climb->by_node, climb, climb->crossing_count, hash_of_crossing, same_crossing) < 0)
        return no_memory(climb);
    climb->crossings[climb->crossing_count] = (struct crossing){.node = node};
    uint32_t *slot = slot_of(&climb->by_node, climb, (uint32_t)climb->crossing_count, hash_of_crossing, same_crossing);
    if (!*slot) {
        *slot = (uint32_t)climb->crossing_count++;
        result = ask(&climb->crossings[*slot], climb);
    }
    *out = climb->crossings[*slot];
    return result;
}

/* --- Going up ------------------------------------------------------------------------------------------------------
 */

static int arrive(struct climb *climb, const struct root *root, uint32_t path)
{
    if (path == 0)
        return 0; /* a root itself */
    if (climb->found_count == CLIMB_PAIRS_MAX)
        return too_many(climb);
    if (grow(&climb->found, &climb->found_room, climb->found_count, sizeof *climb->found) < 0)
        return no_memory(climb);
    climb->found[climb->found_count++] =
        (struct climbed){root->snapshot, root->namespace, path, climb->steps[path].made};
    return 0;
}

static int go_up(struct climb *climb, const struct item *item, uint32_t rest)
{
    const struct step step = {rest, item->name, item->size, rest && climb->steps[rest].made};
    uint32_t path;
    int result = put_path(&path, climb, &step);

    return result < 0 ? result : put_pair(climb, item->node, path);
}

static int go_on(struct climb *climb)
{
    struct crossing crossing = {0};
    int result = 0;

    for (; result == 0 && climb->done < climb->pair_count; climb->done++) {
        const struct pair pair = climb->pairs[climb->done];

        if (climb->done % HOLD_PAIRS == 0)
            result = store_hold(climb->store, climb->err);
        if (result == 0)
            result = find_crossing(&crossing, climb, pair.node);
        for (size_t i = 0; result == 0 && i < crossing.root_count; i++)
            result = arrive(climb, &climb->roots[crossing.root + i], pair.path);
        for (size_t i = 0; result == 0 && i < crossing.item_count; i++) {
            const struct item item = climb->items[crossing.item + i];

            result = go_up(climb, &item, pair.path);
        }
    }
    return result;
}

int climb_run(struct climb *climb)
{
    int result = store_hold(climb->store, climb->err);

    if (result == 0)
        result = go_on(climb);
    store_rest(climb->store);
    return result;
}

const struct climbed *climb_found(size_t *count, const struct climb *climb)
{
    *count = climb->found_count;
    return climb->found;
}

void climb_path(struct buffer *out, const struct climb *climb, uint32_t path)
{
    for (; path; path = climb->steps[path].rest) {
        const struct step *step = &climb->steps[path];

        buffer_add(out, climb->names.bytes + step->name, step->size);
        if (step->rest)
            buffer_add_byte(out, '/');
    }
}
