/* builder.c - a journal, the places of its entries, and what could not stand. */
#include "import/builder_parts.h"

#include "tree/follow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct builder *builder_new(enum builder_rule rule, const char *directory)
{
    struct builder *builder = calloc(1, sizeof *builder);

    if (!builder)
        return NULL;
    builder->rule = rule;
    builder->steps_left = BUILDER_STEPS_MAX;
    builder->links_left = BUILDER_LINKS_MAX;
    builder->owns_journal = true;
    builder->journal = journal_new(directory);
    builder->places = places_new();
    if (!builder->journal || !builder->places) {
        builder_free(builder);
        return NULL;
    }
    return builder;
}

void builder_free(struct builder *builder)
{
    if (!builder)
        return;
    if (builder->owns_journal)
        journal_free(builder->journal);
    places_free(builder->places);
    buffer_free(&builder->refusals);
    buffer_free(&builder->origins);
    free(builder);
}

int builder_no_memory(struct error *err)
{
    return error_system(err, ENOMEM, "cannot hold a tree");
}

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

/* --- Over another tree -------------------------------------------------------------------------------------------- */

/* What the root of the tree below has is seen in the root, until something hides it. */
static int open_root(struct builder *builder, struct error *err)
{
    struct tree_place root;
    int result = tree_find(&root, builder->base.reader, builder->base.tree, 0, err);

    if (result == -ESTALE || result == -ENOENT)
        return error_system(err, EIO, "a tree is missing from the store");
    if (result == 0)
        directory_at(builder->places, DIRECTORY_ROOT)->below = root.entry->subtree;
    tree_reader_rest(builder->base.reader);
    return result;
}

int builder_over(struct builder *builder, const struct builder_base *base, struct error *err)
{
    builder->base = *base;
    return builder->rule == BUILDER_CHAIN && base->reader ? open_root(builder, err) : 0;
}

int builder_unknown(struct builder *builder, const char *path, size_t size, struct error *err)
{
    const char *name = (const char *)memrchr(path, '/', size) + 1;
    uint32_t directory, number = PLACE_ROOT;

    if (size > 1) {
        int result = builder_walk(&directory, builder, path, (size_t)(name - path), err);
        if (result < 0)
            return result;
        number = places_make(builder->places, directory, name, size - (size_t)(name - path));
    }
    if (!number)
        return builder_no_memory(err);
    place_at(builder->places, number)->flags |= PLACE_UNKNOWN;
    return 0;
}

/* --- Adding ------------------------------------------------------------------------------------------------------- */

/* An entry tells of its own place and of that of what it is a link to; the others are implied. */
static int check_implied(const struct builder *builder, struct error *err)
{
    uint64_t told = 2 * builder->added, count = places_count(builder->places);

    return count <= told + BUILDER_IMPLIED_MAX
               ? 0
               : error_input(err, "more than %u directories that no entry tells of", BUILDER_IMPLIED_MAX);
}

static int put(struct builder *builder, uint64_t item, const struct journal_record *record, struct error *err)
{
    struct refusal refusal = {.item = item};

    builder->added++;
    int result = builder_put(builder, item, record, err);
    if (builder->base.reader)
        tree_reader_rest(builder->base.reader);
    if (result >= 0 && check_implied(builder, err) < 0)
        return -EBADMSG;
    if (result <= 0)
        return result;
    refusal.conflict = (enum builder_conflict)result;
    buffer_add(&builder->refusals, &refusal, sizeof refusal);
    return builder->refusals.failed ? builder_no_memory(err) : 0;
}

static int add(struct builder *builder, const struct journal_record *record, struct error *err)
{
    uint64_t item;
    int result = journal_add(&item, builder->journal, record, err);

    return result < 0 ? result : put(builder, item, record, err);
}

int builder_add(struct builder *builder, const char *path, size_t size, const struct entry *entry,
                const struct entry_digests *digests, uint64_t tag, struct error *err)
{
    struct journal_record record = {.path = path, .path_size = (uint16_t)size, .tag = tag, .entry = *entry};

    if (digests)
        record.digests = *digests;
    if (S_ISDIR(entry->mode))
        record.entry.size = ENTRY_DIRECTORY_SIZE;
    return add(builder, &record, err);
}

int builder_link(struct builder *builder, const char *path, size_t size, const char *target, size_t target_size,
                 uint64_t tag, struct error *err)
{
    const struct journal_record record = {
        .path = path,
        .link = target,
        .path_size = (uint16_t)size,
        .link_size = (uint16_t)target_size,
        .tag = tag,
    };

    return add(builder, &record, err);
}

int builder_play(struct builder *builder, struct journal *journal, uint64_t end, struct error *err)
{
    struct journal_record record;
    int result = 0;

    if (builder->owns_journal)
        journal_free(builder->journal);
    builder->owns_journal = false;
    builder->journal = journal;
    for (uint64_t at = 0, next; at < end && result == 0; at = next) {
        result = journal_read(&record, &next, journal, at, err);
        if (result == 0)
            result = put(builder, at, &record, err);
    }
    return result;
}

uint64_t builder_added(const struct builder *builder)
{
    return builder->added;
}

uint64_t builder_dangling(const struct builder *builder)
{
    return builder->dangling;
}

/* --- Settling ----------------------------------------------------------------------------------------------------- */

/* Does something on the way to a path turn out to be no directory? */
static bool is_below_non_dir(const struct builder *builder, const char *path, size_t size)
{
    uint32_t directory = DIRECTORY_ROOT;
    const char *at = path + 1, *slash;

    while (directory && (slash = memchr(at, '/', (size_t)(path + size - at)))) {
        uint32_t number = places_find(builder->places, directory, at, (size_t)(slash - at));
        const struct place *place = number ? place_at(builder->places, number) : NULL;

        if (place && place->item && !(place->flags & PLACE_DIR))
            return true;
        directory = place ? place->directory : 0;
        at = slash + 1;
    }
    return false;
}

static int report_item(struct builder *builder, uint64_t item, enum builder_conflict conflict, builder_report report,
                       void *arg, struct error *err)
{
    char path[BUILDER_PATH_MAX + 1];
    struct journal_record record;
    int result = journal_read(&record, NULL, builder->journal, item, err);

    if (result < 0)
        return result;
    memcpy(path, record.path, record.path_size);
    path[record.path_size] = '\0';
    if (builder->rule == BUILDER_RECORDS && is_below_non_dir(builder, path, record.path_size))
        conflict = BUILDER_BELOW_NON_DIR;
    if (conflict == BUILDER_SAME)
        return 0;
    return report(arg, conflict, path, record.path_size, record.tag, err);
}

static int report_refusals(struct builder *builder, builder_report report, void *arg, struct error *err)
{
    size_t count = builder->refusals.size / sizeof(struct refusal);
    int result = 0;

    for (size_t i = 0; i < count && result == 0; i++) {
        struct refusal refusal;

        memcpy(&refusal, builder->refusals.bytes + i * sizeof refusal, sizeof refusal);
        result = report_item(builder, refusal.item, refusal.conflict, report, arg, err);
    }
    buffer_clear(&builder->refusals);
    return result;
}

struct settling {
    struct builder *builder;
    builder_report report;
    void *arg;
    struct error *err;
};

/* All that was said of a directory that is none; names have at most 2,048 components, so the recursion is bounded. */
static int report_below(const struct settling *s, uint32_t directory)
{
    struct places *places = s->builder->places;
    size_t count;
    uint32_t *sorted = places_sorted(&count, places, directory);
    int result = sorted ? 0 : builder_no_memory(s->err);

    for (size_t i = 0; i < count && result == 0; i++) {
        const struct place *place = place_at(places, sorted[i]);

        if (place->item)
            result = report_item(s->builder, place->item - 1, BUILDER_BELOW_NON_DIR, s->report, s->arg, s->err);
        if (result == 0 && place->directory)
            result = report_below(s, place->directory);
    }
    free(sorted);
    return result;
}

/* Where the first one wins, what is below a non-directory shows at the end. */
static int prune(const struct settling *s, uint32_t directory)
{
    struct places *places = s->builder->places;
    int result = 0;

    for (uint32_t i = directory_at(places, directory)->first; i && result == 0; i = place_at(places, i)->sibling) {
        struct place *place = place_at(places, i);
        uint32_t below = place->directory;

        if (!below)
            continue;
        if (!place->item || place->flags & PLACE_DIR) {
            result = prune(s, below);
            continue;
        }
        place->directory = 0;
        result = report_below(s, below);
    }
    return result;
}

int builder_settle(struct builder *builder, builder_report report, void *arg, struct error *err)
{
    const struct settling s = {builder, report, arg, err};
    int result = report_refusals(builder, report, arg, err);

    if (result == 0 && builder->rule == BUILDER_RECORDS)
        result = prune(&s, DIRECTORY_ROOT);
    return result;
}

/* --- Looking up --------------------------------------------------------------------------------------------------- */

/* The entry at a place, of what was added or made. -ENOENT: nothing. */
static int entry_at(struct entry *entry, struct builder *builder, uint32_t number, struct error *err)
{
    const struct place *place = number ? place_at(builder->places, number) : NULL;
    struct journal_record record;

    if (!place || (!place->item && (!place->directory || (!(place->flags & PLACE_TOUCHED) && number != PLACE_ROOT))))
        return -ENOENT;
    if (!place->item) {
        *entry = (struct entry){.mode = BUILDER_MADE_MODE, .size = ENTRY_DIRECTORY_SIZE, .flags = ENTRY_MADE};
        return 0;
    }
    int result = journal_read(&record, NULL, builder->journal, place->item - 1, err);
    if (result == 0)
        *entry = record.entry;
    return result;
}

int builder_find(struct entry *entry, struct builder *builder, const char *path, size_t size, struct error *err)
{
    return builder_path_problem(path, size) ? -ENOENT
                                            : entry_at(entry, builder, builder_place(builder, path, size), err);
}

int builder_replace(struct builder *builder, const char *path, size_t size, const struct entry *entry,
                    const struct entry_digests *digests, uint64_t tag, struct error *err)
{
    struct place *place = place_at(builder->places, builder_place(builder, path, size));
    struct journal_record record = {
        .path = path, .path_size = (uint16_t)size, .tag = tag, .entry = *entry, .digests = *digests};
    uint64_t item;
    int result = journal_add(&item, builder->journal, &record, err);

    if (result == 0)
        place->item = item + 1;
    return result;
}

bool builder_says(const struct builder *builder, const char *path, size_t size)
{
    uint32_t number = builder_place(builder, path, size);

    return number && place_at(builder->places, number)->flags & PLACE_SAID;
}

bool builder_differs(const struct builder *builder)
{
    return builder->differs;
}

/* Paths come here that are clean but for components of more than 255 bytes, and those are not found. */
static const struct entry *probe(void *arg, const char *path, size_t size)
{
    struct builder *builder = arg;

    return entry_at(&builder->probed, builder, builder_place(builder, path, size), NULL) == 0 ? &builder->probed : NULL;
}

int builder_resolve(char *resolved, struct builder *builder, const char *path, size_t size)
{
    return follow_path(resolved, &builder->links_left, path, size, probe, builder);
}
