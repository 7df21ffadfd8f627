/* diff.c - depth first over pairs of directories that differ: their merges on a stack. Twice, if renames are asked for:
 * what was renamed is known only when all that was removed and added is. */
#include "tree/diff.h"

#include "tree/merge.h"
#include "tree/node.h"
#include "tree/walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REST_EVERY 1024 /* pairs; what was evicted meanwhile can be freed then */

const char *const diff_bit_names[DIFF_BITS] = {"type", "content", "mode",   "owner",  "size",  "mtime",
                                               "rdev", "target",  "xattrs", "absent", "lossy", "made"};

static bool same_target(const struct entry *a, const struct entry *b)
{
    return a->target_size == b->target_size &&
           (a->target_size == 0 || memcmp(a->target, b->target, a->target_size) == 0);
}

static bool has_other_content(const struct entry *a, const struct entry *b)
{
    return S_ISREG(a->mode) && S_ISREG(b->mode) && a->content && b->content && a->content != b->content;
}

unsigned diff_entries(const struct entry *a, const struct entry *b)
{
    unsigned flags = a->flags ^ b->flags;
    const bool differs[DIFF_BITS] = {
        (a->mode & S_IFMT) != (b->mode & S_IFMT),
        has_other_content(a, b),
        (a->mode & ~(uint32_t)S_IFMT) != (b->mode & ~(uint32_t)S_IFMT),
        a->uid != b->uid || a->gid != b->gid,
        a->size != b->size,
        a->mtime != b->mtime,
        a->rdev_major != b->rdev_major || a->rdev_minor != b->rdev_minor,
        !same_target(a, b),
        a->xattrs != b->xattrs,
        flags & ENTRY_ABSENT,
        flags & ENTRY_LOSSY,
        flags & ENTRY_MADE,
    };
    unsigned bits = 0;

    for (unsigned i = 0; i < DIFF_BITS; i++)
        bits |= (unsigned)differs[i] << i;
    return bits;
}

static const struct entry *unless_made(const struct entry *entry, bool made)
{
    return entry && (made || !(entry->flags & ENTRY_MADE)) ? entry : NULL;
}

/* --- Walking two trees -------------------------------------------------------------------------------------------- */

/* One name that differs, with all it has. */
struct pair {
    const char *path;
    size_t size;
    const struct entry *a, *b; /* NULL: not there, or made and not asked for */
    uint32_t number;           /* in the order of the walk, the same each time */
};

struct open_pair {
    struct merge merge;
    size_t path_size; /* of the directory, without a '/' at its end */
};

struct walk {
    struct tree_reader *reader;
    bool made;
    unsigned limit; /* pairs; not 0: only side a is looked at, and somebody else holds what the reader gave him */
    struct open_pair *open;
    size_t depth, room;
    struct buffer path;
    unsigned visited;
    uint32_t pairs; /* of this time */
    uint64_t most;  /* that there can be */
    bool holds;     /* who visits waits for nothing (store_hold()) */
    struct error *err;
};

static int enter(struct walk *w, int64_t a, int64_t b)
{
    if (w->depth == w->room) {
        size_t room = w->room ? w->room * 2 : 4; /* most changes are not deep */
        struct open_pair *open = realloc(w->open, room * sizeof *open);

        if (!open)
            return error_system(w->err, ENOMEM, "cannot compare trees");
        w->open = open;
        w->room = room;
    }
    struct open_pair *o = &w->open[w->depth++];
    merge_begin(&o->merge, w->reader, NODE_TREE, a, b);
    o->merge.only_a = w->limit;
    o->path_size = w->path.size > 1 ? w->path.size : 0;
    return 0;
}

static int64_t subtree_of(const struct entry *entry)
{
    return entry && S_ISDIR(entry->mode) ? entry->subtree : 0;
}

/* Tell of a name, then go below it. What is hidden may have something to be told of below: a directory that was made
 * for files that were captured. */
static int visit_pair(struct walk *w, const struct merge_pair *found, int (*visit)(void *arg, const struct pair *pair),
                      void *arg)
{
    const struct open_pair *o = &w->open[w->depth - 1];
    const struct entry *a = found->has_a ? found->a.entry : NULL, *b = found->has_b ? found->b.entry : NULL;
    const struct entry *name = a ? a : b;
    int64_t below_a = subtree_of(a), below_b = subtree_of(b);

    if (w->pairs == w->most)
        return error_system(w->err, EIO, "a tree in %s is damaged", store_directory(tree_reader_store(w->reader)));
    w->path.size = o->path_size;
    buffer_add_byte(&w->path, '/');
    buffer_add(&w->path, name->name, name->name_size);
    buffer_add_byte(&w->path, '\0');
    if (w->path.failed)
        return error_system(w->err, ENOMEM, "cannot compare trees");
    w->path.size--;
    const struct pair pair = {(const char *)w->path.bytes, w->path.size, unless_made(a, w->made),
                              unless_made(b, w->made), w->pairs++};
    int result = pair.a || pair.b ? visit(arg, &pair) : 0;
    if (result == 0 && below_a != below_b)
        result = enter(w, below_a, below_b);
    return result;
}

/* What ends a look (diff_shows()). */
enum { SHOWS = 1 };

static int leave(struct walk *w, int result)
{
    while (w->depth)
        merge_end(&w->open[--w->depth].merge);
    return result;
}

/* Nothing below adds up without counts, and few nodes may hold each other any number of times; but no more pairs are
 * told of than the two roots say that there are entries. */
static int bound(struct walk *w, int64_t a, int64_t b)
{
    const int64_t roots[] = {a, b};

    w->most = 0;
    for (size_t i = 0; a != b && i < sizeof roots / sizeof *roots; i++) {
        const struct node *node;
        int result = roots[i] ? tree_node_uncounted(&node, w->reader, roots[i], w->err) : 0;

        if (result < 0)
            return result;
        w->most += roots[i] ? node->counts.nodes : 0;
    }
    return 0;
}

/* All pairs below two directories. */
static int walk_pairs(struct walk *w, int64_t a, int64_t b, int (*visit)(void *arg, const struct pair *pair), void *arg)
{
    struct merge_pair found = {0};
    int result;

    buffer_clear(&w->path);
    w->pairs = 0;
    w->most = UINT64_MAX;
    result = w->limit ? 0 : bound(w, a, b);
    if (result == 0)
        result = enter(w, a, b);
    while (w->depth && result == 0) {
        if (w->limit && w->visited == w->limit)
            return leave(w, SHOWS);
        if (++w->visited % REST_EVERY == 0 && !w->limit) {
            tree_reader_rest(w->reader);
            result = w->holds ? store_hold(tree_reader_store(w->reader), w->err) : 0;
        }
        if (result == 0)
            result = merge_next(&found, &w->open[w->depth - 1].merge, w->err);
        if (result == 0)
            merge_end(&w->open[--w->depth].merge);
        else if (result > 0)
            result = visit_pair(w, &found, visit, arg);
    }
    return leave(w, result);
}

/* --- Renames ------------------------------------------------------------------------------------------------------ */

struct candidate {
    int64_t content;
    uint32_t name;   /* hash of the last component */
    uint32_t number; /* of its pair */
    uint32_t from;   /* of a target: the number of the source that it came from; of such a source: its rank */
    uint8_t kind;
    bool wanted; /* a source that a target came from */
};

/* Of sources: what was removed can be renamed, what stayed can only be copied. Of targets: what became of them. */
enum { REMOVED, STAYED, TAKEN };
enum { PLAIN, RENAMED, COPIED };

struct candidates {
    struct candidate *list;
    size_t count, room;
};

struct renames {
    struct walk *walk;
    struct candidates sources, targets;
    size_t wanted; /* sources whose ranks are looked for */
    bool too_many;
    struct error *err;
};

static uint32_t hash_name(const struct entry *entry)
{
    uint32_t hash = 2166136261u; /* FNV-1a: who makes two names fall together gets another pair of equal contents */

    for (unsigned i = 0; i < entry->name_size; i++)
        hash = (hash ^ (uint8_t)entry->name[i]) * 16777619u;
    return hash;
}

/* Empty files are all alike, which tells nothing. 1: there are too many. */
static int add_candidate(struct candidates *c, const struct entry *entry, uint32_t number, uint8_t kind,
                         struct error *err)
{
    if (!S_ISREG(entry->mode) || !entry->content || entry->size == 0)
        return 0;
    if (c->count == DIFF_CANDIDATES_MAX)
        return 1;
    if (c->count == c->room) {
        size_t room = c->room ? c->room * 2 : 64;
        struct candidate *list = realloc(c->list, room * sizeof *list);

        if (!list)
            return error_system(err, ENOMEM, "cannot look for renamed files");
        c->list = list;
        c->room = room;
    }
    c->list[c->count++] =
        (struct candidate){.content = entry->content, .name = hash_name(entry), .number = number, .kind = kind};
    return 0;
}

static int gather(void *arg, const struct pair *pair)
{
    struct renames *r = arg;
    int result = 0;

    if (!pair->a)
        result = add_candidate(&r->targets, pair->b, pair->number, PLAIN, r->err);
    else if (!pair->b)
        result = add_candidate(&r->sources, pair->a, pair->number, REMOVED, r->err);
    else if (pair->a->content != pair->b->content)
        result = add_candidate(&r->sources, pair->a, pair->number, STAYED, r->err);
    r->too_many = result > 0;
    return result;
}

static int by_content(const void *of_a, const void *of_b)
{
    const struct candidate *a = of_a, *b = of_b;

    if (a->content != b->content)
        return a->content < b->content ? -1 : 1;
    if (a->kind != b->kind)
        return a->kind - b->kind;
    if (a->name != b->name)
        return a->name < b->name ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

static int by_number(const void *of_a, const void *of_b)
{
    const struct candidate *a = of_a, *b = of_b;

    return (a->number > b->number) - (a->number < b->number);
}

static void come_from(struct renames *r, struct candidate *target, struct candidate *source)
{
    target->from = source->number;
    r->wanted += !source->wanted;
    source->wanted = true;
}

static void rename_to(struct renames *r, struct candidate *target, struct candidate *source)
{
    target->kind = RENAMED;
    source->kind = TAKEN;
    come_from(r, target, source);
}

/* Files of one content: those that kept their names first, then the others in their order; what is left of the targets
 * are copies of the first. */
static void match_content(struct renames *r, struct candidate *s, size_t sources, struct candidate *t, size_t targets)
{
    for (size_t i = 0, j = 0; i < sources && j < targets && s[i].kind == REMOVED;) {
        if (s[i].name == t[j].name)
            rename_to(r, &t[j++], &s[i++]);
        else if (s[i].name < t[j].name)
            i++;
        else
            j++;
    }
    qsort(s, sources, sizeof *s, by_number);
    qsort(t, targets, sizeof *t, by_number);
    for (size_t i = 0, j = 0; j < targets; j++) {
        if (t[j].kind != PLAIN)
            continue;
        while (i < sources && s[i].kind != REMOVED)
            i++;
        if (i < sources) {
            rename_to(r, &t[j], &s[i]);
        } else {
            t[j].kind = COPIED;
            come_from(r, &t[j], &s[0]);
        }
    }
}

static size_t same_content(const struct candidates *c, size_t from)
{
    size_t to = from;

    while (to < c->count && c->list[to].content == c->list[from].content)
        to++;
    return to - from;
}

static void sort(struct candidates *c, int (*order)(const void *a, const void *b))
{
    if (c->count)
        qsort(c->list, c->count, sizeof *c->list, order);
}

static void match(struct renames *r)
{
    struct candidates *s = &r->sources, *t = &r->targets;

    sort(s, by_content);
    sort(t, by_content);
    for (size_t i = 0, j = 0; i < s->count && j < t->count;) {
        size_t sources = same_content(s, i), targets = same_content(t, j);

        if (s->list[i].content < t->list[j].content) {
            i += sources;
        } else if (s->list[i].content > t->list[j].content) {
            j += targets;
        } else {
            match_content(r, s->list + i, sources, t->list + j, targets);
            i += sources;
            j += targets;
        }
    }
    sort(s, by_number);
    sort(t, by_number);
}

static struct candidate *find_candidate(const struct candidates *c, uint32_t number)
{
    const struct candidate key = {.number = number};

    return c->count ? bsearch(&key, c->list, c->count, sizeof *c->list, by_number) : NULL;
}

/* The rank, in its tree, of what the walk stands at on side a. */
static int rank_of(uint32_t *rank, struct walk *w)
{
    uint32_t ordinal, below;

    *rank = UINT32_MAX; /* the first entry of what holds the root is the root, whose rank is 0 */
    for (size_t i = 0; i < w->depth; i++) {
        int result = merge_place(&ordinal, &below, &w->open[i].merge, w->err);

        if (result < 0)
            return result;
        *rank += below;
    }
    return 0;
}

/* 1: that was the last one. */
static int find_rank(void *arg, const struct pair *pair)
{
    struct renames *r = arg;
    struct candidate *source = find_candidate(&r->sources, pair->number);

    if (!source || !source->wanted)
        return 0;
    int result = rank_of(&source->from, r->walk);
    return result < 0 ? result : --r->wanted == 0;
}

/* All pairs for what renames need, of which nothing is told yet. */
static int look_through(struct renames *r, struct tree a, struct tree b,
                        int (*visit)(void *arg, const struct pair *pair))
{
    struct walk *w = r->walk;
    int result = store_hold(tree_reader_store(w->reader), w->err);

    if (result < 0)
        return result;
    w->holds = true;
    result = walk_pairs(w, a.root, b.root, visit, r);
    w->holds = false;
    store_rest(tree_reader_store(w->reader));
    return result;
}

/* Ranks take counts, which are costly, and most sources are nobody's: so those of the others are found by themselves.
 */
static int find_renames(struct renames *r, struct walk *w, struct tree a, struct tree b)
{
    r->walk = w;
    r->err = w->err;
    int result = look_through(r, a, b, gather);
    if (result < 0)
        return result;
    if (r->too_many)
        r->sources.count = r->targets.count = 0;
    match(r);
    result = r->wanted ? look_through(r, a, b, find_rank) : 0;
    return result < 0 ? result : 0;
}

/* --- Steps -------------------------------------------------------------------------------------------------------- */

struct telling {
    struct walk walk;
    struct renames renames;
    struct tree a;
    struct buffer from;
    int (*visit)(void *arg, const struct diff_step *step);
    void *arg;
};

/* Where an added file came from. */
static int find_source(struct diff_step *step, struct telling *t, const struct candidate *target)
{
    uint32_t rank = find_candidate(&t->renames.sources, target->from)->from;
    struct tree_place source;
    int result = tree_path(&t->from, t->walk.reader, t->a, rank, t->walk.err);

    if (result == 0)
        result = tree_find(&source, t->walk.reader, t->a, rank, t->walk.err);
    if (result < 0)
        return result;
    step->change = target->kind == RENAMED ? DIFF_RENAMED : DIFF_COPIED;
    step->a = source.entry;
    step->changed = diff_entries(step->a, step->b);
    step->from = (const char *)t->from.bytes;
    step->from_size = t->from.size;
    return 0;
}

static int tell(void *arg, const struct pair *pair)
{
    struct telling *t = arg;
    struct diff_step step = {.path = pair->path, .size = pair->size, .a = pair->a, .b = pair->b};
    const struct candidate *candidate;
    int result = 0;

    if (!pair->b) {
        candidate = find_candidate(&t->renames.sources, pair->number);
        if (candidate && candidate->kind == TAKEN)
            return 0; /* told of where it went */
        step.change = DIFF_REMOVED;
    } else if (!pair->a) {
        candidate = find_candidate(&t->renames.targets, pair->number);
        step.change = DIFF_ADDED;
        if (candidate && candidate->kind != PLAIN)
            result = find_source(&step, t, candidate);
    } else {
        step.change = DIFF_MODIFIED;
        step.changed = diff_entries(pair->a, pair->b);
        if (!step.changed)
            return 0;
    }
    return result < 0 ? result : t->visit(t->arg, &step);
}

int diff_trees(bool *too_many, struct tree_reader *reader, struct tree a, struct tree b,
               const struct diff_options *options, int (*visit)(void *arg, const struct diff_step *step), void *arg,
               struct error *err)
{
    struct telling t = {
        .walk = {.reader = reader, .made = options->made, .err = err}, .a = a, .visit = visit, .arg = arg};
    int result = options->renames ? find_renames(&t.renames, &t.walk, a, b) : 0;

    if (result == 0)
        result = walk_pairs(&t.walk, a.root, b.root, tell, &t);
    if (too_many)
        *too_many = t.renames.too_many;
    free(t.renames.sources.list);
    free(t.renames.targets.list);
    free(t.walk.open);
    buffer_free(&t.walk.path);
    buffer_free(&t.from);
    return result;
}

/* --- One side as a tree ------------------------------------------------------------------------------------------- */

static int look(void *arg, const struct pair *pair)
{
    (void)arg;
    return pair->a && (!pair->b || diff_entries(pair->a, pair->b)) ? SHOWS : 0;
}

int diff_shows(unsigned *looked, struct tree_reader *reader, const struct entry *own, const struct entry *other,
               struct error *err)
{
    const struct entry *seen = unless_made(own, false), *beside = unless_made(other, false);
    struct walk w = {.reader = reader, .limit = DIFF_LOOK_MAX, .err = err};

    if (seen && (!beside || diff_entries(seen, beside)))
        return SHOWS;
    if (subtree_of(own) == subtree_of(other))
        return 0;
    int result = walk_pairs(&w, subtree_of(own), subtree_of(other), look, NULL);
    *looked += w.visited;
    free(w.open);
    buffer_free(&w.path);
    return result;
}
