/* diff_path.c - what became of one path between two trees: down both at once, until they are the same. */
#include "tree/diff.h"

#include <errno.h>
#include <string.h>

/* One side: where the way has come to, while there is one. */
struct side {
    struct tree_place place;
    bool there;
};

/* An absence is an answer. */
static int settle(struct side *side, int result)
{
    side->there = result == 0;
    return result == -ENOENT || result == -ENOTDIR ? 0 : result;
}

static int step_down(struct side *side, struct tree_reader *reader, const char *name, size_t size, struct error *err)
{
    return side->there ? settle(side, tree_lookup(&side->place, reader, &side->place, name, size, err)) : 0;
}

/* Names that are one file are of no interest here, and finding them walks to each. */
static int begin(struct side *side, struct tree_reader *reader, struct tree tree, struct error *err)
{
    if (tree.root == 0)
        return settle(side, -ENOENT);
    return settle(side, tree_find(&side->place, reader, (struct tree){.root = tree.root}, 0, err));
}

/* Is what lies below the same? A file has nothing there, nor has what is not there. */
static bool same_below(const struct side *a, const struct side *b)
{
    return (a->there ? a->place.entry->subtree : 0) == (b->there ? b->place.entry->subtree : 0);
}

static int compare(struct diff_step *step, const struct side *a, const struct side *b, const char *path, size_t size)
{
    *step = (struct diff_step){
        .path = path,
        .size = size,
        .a = a->there ? a->place.entry : NULL,
        .b = b->there ? b->place.entry : NULL,
    };
    if (!step->a && !step->b)
        return 0;
    if (!step->a || !step->b) {
        step->change = step->a ? DIFF_REMOVED : DIFF_ADDED;
        return 1;
    }
    step->change = DIFF_MODIFIED;
    step->changed = diff_entries(step->a, step->b);
    return step->changed != 0;
}

int diff_path(struct diff_step *step, struct tree_reader *reader, struct tree a, struct tree b, const char *path,
              size_t size, struct error *err)
{
    struct side old, new;
    int result;

    if (a.root == b.root)
        return 0;
    result = begin(&old, reader, a, err);
    if (result == 0)
        result = begin(&new, reader, b, err);
    for (const char *at = path, *end = path + size; result == 0 && at < end;) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        size_t length = (size_t)((slash ? slash : end) - at);

        if (length > 0) {
            if (same_below(&old, &new))
                return 0;
            result = step_down(&old, reader, at, length, err);
            if (result == 0)
                result = step_down(&new, reader, at, length, err);
        }
        at += length + 1;
    }
    return result < 0 ? result : compare(step, &old, &new, path, size);
}
