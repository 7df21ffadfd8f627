/* builder_write.c - what stands into the store: along the names of each directory, merged with those of the tree below;
 * what nobody touched there is taken whole.
 */
#include "import/builder_parts.h"

#include "db/blob.h"
#include "db/cut.h"
#include "tree/node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A directory while it is written: its own places and the entries below, both in order of names. */
struct open_directory {
    struct below_entry self; /* its name lies with its place */
    bool only_if_any;        /* it is there for what may be in it */
    uint32_t *places;
    size_t count, at;
    struct below_cursor *cursor;
    const struct below_entry *below; /* the next one, NULL: there is none */
};

struct writing {
    struct builder *builder;
    struct store *store;
    struct open_directory *open;
    struct cutter **cutters; /* one a depth; a finished one serves the next directory */
    size_t depth, made, room;
    struct buffer names; /* struct link_name */
    int64_t empty_blob;
    struct digest empty_digest;
};

/* --- Directories -------------------------------------------------------------------------------------------------- */

static int reserve(struct writing *w, struct error *err)
{
    if (w->depth == w->room) {
        size_t room = w->room ? w->room * 2 : 64;
        struct open_directory *open = realloc(w->open, room * sizeof *open);

        if (open)
            w->open = open;
        struct cutter **cutters = realloc(w->cutters, room * sizeof(struct cutter *));
        if (cutters)
            w->cutters = cutters;
        if (!open || !cutters)
            return builder_no_memory(err);
        w->room = room;
    }
    if (w->depth < w->made)
        return 0;
    int result = cutter_new(&w->cutters[w->made], w->store, NODE_TREE, err);
    if (result == 0)
        w->made++;
    return result;
}

/* The next entry below of the innermost directory. */
static int advance_below(struct open_directory *open, struct error *err)
{
    int result = open->cursor ? below_next_entry(&open->below, open->cursor, err) : 0;

    if (result == 0)
        open->below = NULL;
    return result < 0 ? result : 0;
}

static void let_go(struct open_directory *open)
{
    below_cursor_free(open->cursor);
    free(open->places);
}

/* `places` is the directory's from now on; `below` the node of the directory that it is merged with, 0: none. */
static int open_directory(struct writing *w, const struct open_directory *like, int64_t below, struct error *err)
{
    struct open_directory open = *like;
    int result = open.places ? reserve(w, err) : builder_no_memory(err);

    if (result == 0 && below)
        result = below_cursor_new(&open.cursor, w->store, below, err);
    if (result == 0)
        result = advance_below(&open, err);
    if (result < 0)
        let_go(&open);
    else
        w->open[w->depth++] = open;
    return result;
}

static int add_to_innermost(struct writing *w, const struct entry *entry, const struct entry_digests *digests,
                            struct error *err)
{
    return cutter_add_entry(w->cutters[w->depth - 1], entry, digests, err);
}

/* The innermost directory is complete: it becomes an entry of the one around it. */
static int close_directory(struct writing *w, struct error *err)
{
    struct open_directory *innermost = &w->open[--w->depth];
    struct below_entry self = innermost->self;
    bool only_if_any = innermost->only_if_any;
    struct node_ref subtree;

    let_go(innermost);
    int result = cutter_finish(&subtree, w->cutters[w->depth], err);
    if (result < 0 || (only_if_any && subtree.counts.entries == 0))
        return result;
    self.entry.size = ENTRY_DIRECTORY_SIZE;
    self.entry.subtree = subtree.id;
    self.entry.below = subtree.counts;
    self.digests.subtree = subtree.digest;
    return add_to_innermost(w, &self.entry, &self.digests, err);
}

/* --- Entries ------------------------------------------------------------------------------------------------------ */

/* A regular file without content that is not absent is empty. */
static int ensure_content(struct writing *w, struct below_entry *self, struct error *err)
{
    if (!S_ISREG(self->entry.mode) || self->entry.content || (self->entry.flags & ENTRY_ABSENT))
        return 0;
    if (!w->empty_blob) {
        int result = blob_put(&w->empty_blob, &w->empty_digest, w->store, "", 0, err);
        if (result < 0)
            return result;
    }
    self->entry.content = w->empty_blob;
    self->digests.content = w->empty_digest;
    return 0;
}

static int add_name(struct writing *w, uint32_t number, struct error *err)
{
    struct link_name name = {place_at(w->builder->places, number)->links, number};

    if (!name.group)
        return 0;
    buffer_add(&w->names, &name, sizeof name);
    return w->names.failed ? builder_no_memory(err) : 0;
}

/* What is merged with a directory that stands at a place. */
static int64_t subtree_below(const struct writing *w, const struct place *place, const struct below_entry *below)
{
    if (w->builder->rule == BUILDER_CHAIN)
        return place->directory ? directory_at(w->builder->places, place->directory)->below : 0;
    return below && S_ISDIR(below->entry.mode) ? below->entry.subtree : 0;
}

static int write_directory(struct writing *w, struct open_directory *open, uint32_t number,
                           const struct below_entry *below, struct error *err)
{
    struct places *places = w->builder->places;
    const struct place *place = place_at(places, number);

    open->self.entry.name = place->name;
    open->self.entry.name_size = place->name_size;
    open->places = place->directory ? places_sorted(&open->count, places, place->directory) : calloc(1, 1);
    return open_directory(w, open, subtree_below(w, place, below), err);
}

/* Something of its own stands at a place. */
static int write_own(struct writing *w, uint32_t number, const struct below_entry *below, struct error *err)
{
    struct builder *builder = w->builder;
    struct place *place = place_at(builder->places, number);
    struct journal_record record;
    int result = journal_read(&record, NULL, builder->journal, place->item - 1, err);

    if (result < 0)
        return result;
    struct open_directory open = {.self = {record.entry, record.digests}};
    struct entry *entry = &open.self.entry, own;
    result = ensure_content(w, &open.self, err);
    if (result < 0)
        return result;
    own = *entry;
    if (below && builder->rule == BUILDER_RECORDS && builder->base.agree &&
        builder->base.agree(record.tag, entry, &open.self.digests, &below->entry, &below->digests))
        place->flags |= PLACE_AS_BELOW;
    builder->differs |= !builder_same(entry, &own);
    if (S_ISDIR(entry->mode))
        return write_directory(w, &open, number, below, err);
    entry->name = place->name;
    entry->name_size = place->name_size;
    result = add_to_innermost(w, entry, &open.self.digests, err);
    return result < 0 ? result : add_name(w, number, err);
}

static int write_below(struct writing *w, const struct below_entry *below, struct error *err)
{
    return add_to_innermost(w, &below->entry, &below->digests, err);
}

/* Is something there, whatever the tree below has? */
static bool is_needed(const struct writing *w, uint32_t number)
{
    return number == PLACE_ROOT || place_at(w->builder->places, number)->flags & PLACE_TOUCHED;
}

/* A place that nothing was put at. */
static int write_kept(struct writing *w, uint32_t number, const struct below_entry *below, struct error *err)
{
    if (!below || !w->builder->base.keep)
        return 0;
    w->builder->differs = true;
    place_at(w->builder->places, number)->flags |= PLACE_AS_BELOW;
    return write_below(w, below, err);
}

/* A directory that was made. */
static int write_made(struct writing *w, uint32_t number, const struct below_entry *below, struct error *err)
{
    struct journal_record record;
    int result = journal_read(&record, NULL, w->builder->journal, place_at(w->builder->places, number)->item - 1, err);

    if (result < 0)
        return result;
    struct open_directory open = {.self.entry = record.entry};
    if (below && S_ISDIR(below->entry.mode))
        open.self = *below;
    w->builder->differs |= !builder_same(&open.self.entry, &record.entry);
    return write_directory(w, &open, number, below, err);
}

/* A directory that nobody mentioned, if there is any: something stands below it, or the tree below tells of it. */
static int write_implicit(struct writing *w, uint32_t number, const struct below_entry *below, struct error *err)
{
    bool needed = is_needed(w, number);
    bool is_below = below && S_ISDIR(below->entry.mode);
    const struct entry made = {.mode = BUILDER_MADE_MODE, .size = ENTRY_DIRECTORY_SIZE, .flags = ENTRY_MADE};
    struct open_directory open = {
        .self.entry = made,
        .only_if_any = !needed && w->builder->rule == BUILDER_RECORDS && !w->builder->base.keep,
    };

    if (is_below)
        open.self = *below;
    /* What may come or not comes with something from below. */
    w->builder->differs |= is_below && !open.only_if_any && !(needed && builder_same(&below->entry, &made));
    return needed || is_below ? write_directory(w, &open, number, below, err) : write_kept(w, number, below, err);
}

static bool is_unknown(const struct place *place)
{
    return (place->flags & (PLACE_UNKNOWN | PLACE_SAID)) == PLACE_UNKNOWN;
}

static bool is_made_directory(const struct writing *w, const struct place *place)
{
    return w->builder->rule == BUILDER_RECORDS && (place->flags & PLACE_MADE) && (place->flags & PLACE_DIR);
}

/* A place, and what the tree below has there (NULL: nothing). */
static int write_place(struct writing *w, uint32_t number, const struct below_entry *below, struct error *err)
{
    struct place *place = place_at(w->builder->places, number);

    if (place->flags & PLACE_GONE)
        below = NULL;
    if (below && is_unknown(place)) {
        place->flags |= PLACE_ALL_BELOW;
        w->builder->differs |= !is_needed(w, number);
        return write_below(w, below, err);
    }
    if (place->item)
        return is_made_directory(w, place) ? write_made(w, number, below, err) : write_own(w, number, below, err);
    if (place->directory)
        return write_implicit(w, number, below, err);
    return write_kept(w, number, below, err);
}

/* The next name of the innermost directory: its own, below, or both. 1, or 0 at its end. */
static int write_next(struct writing *w, struct error *err)
{
    struct open_directory *open = &w->open[w->depth - 1];
    const struct below_entry *below = open->below;
    const struct place *place = open->at < open->count ? place_at(w->builder->places, open->places[open->at]) : NULL;
    int order = !place   ? 1
                : !below ? -1
                         : name_compare(place->name, place->name_size, below->entry.name, below->entry.name_size);
    int result = 0;

    if (!place && !below)
        return 0;
    size_t depth = w->depth;
    if (order <= 0)
        result = write_place(w, open->places[open->at++], order == 0 ? below : NULL, err);
    else if (w->builder->base.keep) {
        w->builder->differs = true;
        result = write_below(w, below, err);
    }
    if (result == 0 && order >= 0)
        result = advance_below(&w->open[depth - 1], err);
    return result < 0 ? result : 1;
}

static int write_tree(struct node_ref *root, struct writing *w, struct error *err)
{
    struct open_directory top = {.places = malloc(sizeof *top.places), .count = 1};

    if (top.places)
        *top.places = PLACE_ROOT;
    int result = open_directory(w, &top, w->builder->base.tree.root, err);
    while (result >= 0 && w->depth > 0) {
        result = write_next(w, err);
        if (result == 0 && w->depth == 1)
            break;
        if (result == 0)
            result = close_directory(w, err);
    }
    return result < 0 ? result : cutter_finish(root, w->cutters[0], err);
}

int builder_write(struct node_ref *root, struct node_ref *links, struct builder *builder, struct store *store,
                  struct error *err)
{
    struct writing w = {.builder = builder, .store = store};

    builder->differs = false;
    int result = write_tree(root, &w, err);

    if (result == 0)
        result = builder_write_links(links, builder, store, (const struct link_name *)(const void *)w.names.bytes,
                                     w.names.size / sizeof(struct link_name), err);
    while (w.depth > 0)
        let_go(&w.open[--w.depth]);
    for (size_t i = 0; i < w.made; i++)
        cutter_free(w.cutters[i]);
    free(w.cutters);
    free(w.open);
    buffer_free(&w.names);
    return result;
}
