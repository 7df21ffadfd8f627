/* walk.c - depth first, without recursion: the open directories are listings on a stack. */
#include "tree/walk.h"

#include "base/buffer.h"
#include "tree/follow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REST_EVERY 1024 /* entries; what was evicted meanwhile can be freed then */

struct open_directory {
    struct tree_listing listing;
    size_t path_size; /* of the directory itself, without a '/' at its end */
};

struct walk {
    struct tree_reader *reader;
    struct open_directory *open;
    size_t depth, room;
    struct buffer path;
    unsigned visited;
};

static int enter(struct walk *w, const struct tree_place *directory, struct error *err)
{
    if (w->depth == w->room) {
        size_t room = w->room ? w->room * 2 : 32;
        struct open_directory *open = realloc(w->open, room * sizeof *open);

        if (!open)
            return error_system(err, ENOMEM, "cannot walk a tree");
        w->open = open;
        w->room = room;
    }
    struct open_directory *o = &w->open[w->depth++];
    tree_listing_begin(&o->listing, w->reader, directory, 0);
    o->path_size = w->path.size > 1 ? w->path.size : 0;
    return 0;
}

/* The path's text, with a NUL behind it that is not counted. */
static int step(struct tree_step *out, struct walk *w, const struct tree_place *place, struct error *err)
{
    buffer_add_byte(&w->path, '\0');
    if (w->path.failed)
        return error_system(err, ENOMEM, "cannot walk a tree");
    w->path.size--;
    *out = (struct tree_step){(const char *)w->path.bytes, w->path.size, *place};
    return 0;
}

/* The next entry of the innermost directory: 1; 0 when that directory is done and left. */
static int advance(struct tree_step *out, struct walk *w, struct error *err)
{
    struct open_directory *o = &w->open[w->depth - 1];
    struct tree_place place;
    int result = tree_listing_next(&place, &o->listing, err);

    w->path.size = o->path_size;
    if (result <= 0) {
        w->depth--;
        return result;
    }
    buffer_add_byte(&w->path, '/');
    buffer_add(&w->path, place.entry->name, place.entry->name_size);
    result = step(out, w, &place, err);
    return result < 0 ? result : 1;
}

static int walk_all(struct walk *w, bool recurse, int (*visit)(void *arg, const struct tree_step *step), void *arg,
                    struct error *err)
{
    struct tree_step at;
    int result = 0;

    while (w->depth && result == 0) {
        if (++w->visited % REST_EVERY == 0)
            tree_reader_rest(w->reader);
        result = advance(&at, w, err);
        if (result <= 0)
            continue;
        result = visit(arg, &at);
        if (result == 0 && recurse && S_ISDIR(at.place.entry->mode))
            result = enter(w, &at.place, err);
    }
    return result;
}

int tree_visit(struct tree_reader *reader, const struct tree_place *start, const char *path, bool recurse,
               int (*visit)(void *arg, const struct tree_step *step), void *arg, struct error *err)
{
    struct walk w = {.reader = reader};
    struct tree_step at;

    buffer_add_text(&w.path, path);
    int result = step(&at, &w, start, err);
    if (result == 0)
        result = visit(arg, &at);
    if (result == 0 && S_ISDIR(start->entry->mode))
        result = enter(&w, start, err);
    if (result == 0)
        result = walk_all(&w, recurse, visit, arg, err);
    free(w.open);
    buffer_free(&w.path);
    return result;
}

int tree_visit_all(struct tree_reader *reader, struct tree tree, int (*visit)(void *arg, const struct tree_step *step),
                   void *arg, struct error *err)
{
    struct tree_place root;
    int result = tree_find(&root, reader, tree, 0, err);

    return result < 0 ? result : tree_visit(reader, &root, "/", true, visit, arg, err);
}

/* --- From a rank to a path ---------------------------------------------------------------------------------------- */

/* The ranks from a name up to below the root. */
static int climb(struct buffer *ranks, struct tree_reader *reader, struct tree tree, uint32_t rank, struct error *err)
{
    struct tree_place place;

    while (rank) {
        int result = tree_find(&place, reader, tree, rank, err);

        if (result < 0)
            return result;
        buffer_add(ranks, &rank, sizeof rank);
        rank = place.parent; /* always less */
    }
    return ranks->failed ? error_system(err, ENOMEM, "cannot tell a path") : 0;
}

int tree_path(struct buffer *path, struct tree_reader *reader, struct tree tree, uint32_t rank, struct error *err)
{
    struct buffer ranks cleanup_buffer = {0};
    struct tree_place place;
    int result = climb(&ranks, reader, tree, rank, err);

    buffer_clear(path);
    for (size_t left = ranks.size; left > 0 && result == 0; left -= sizeof rank) {
        memcpy(&rank, ranks.bytes + left - sizeof rank, sizeof rank);
        result = tree_find(&place, reader, tree, rank, err);
        if (result < 0)
            return result;
        buffer_add_byte(path, '/');
        buffer_add(path, place.entry->name, place.entry->name_size);
    }
    if (result == 0 && path->size == 0)
        buffer_add_byte(path, '/');
    if (result < 0)
        return result;
    buffer_add_byte(path, '\0');
    if (path->failed)
        return error_system(err, ENOMEM, "cannot tell a path");
    path->size--;
    return 0;
}

/* --- Following links ---------------------------------------------------------------------------------------------- */

struct probe {
    struct tree_reader *reader;
    struct tree tree;
    struct tree_place place;
    int result;
    struct error *err;
};

static const struct entry *probe_tree(void *arg, const char *path, size_t size)
{
    struct probe *p = arg;

    p->result = tree_walk(&p->place, p->reader, p->tree, path, size, p->err);
    return p->result == 0 ? p->place.entry : NULL;
}

int tree_follow(struct tree_place *place, char *resolved, struct tree_reader *reader, struct tree tree,
                const char *path, size_t size, struct error *err)
{
    struct probe p = {.reader = reader, .tree = tree, .err = err};
    unsigned links = FOLLOW_LINKS_MAX;
    int result = follow_path(resolved, &links, path, size, probe_tree, &p);

    if (result < 0)
        return result;
    if (p.result < 0)
        return p.result; /* -ENOENT, or what the store said */
    *place = p.place;
    return 0;
}
