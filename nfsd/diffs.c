/* diffs.c - the difference of two snapshots as file systems.
 *
 *     /diff/<a>..<b>/old              what went or changed, as in a, with the directories above it
 *                    new              what is new or changed, as in b
 *                    changes.jsonl    all of it as lines, rendered; where "/meta" is shown, since it tells of features
 *
 * The files of "old" are files of a, those of "new" of b: ranks, fileids and cookies are the same as below "/snap",
 * with gaps, so a handle is good on any replica and needs no table. Only directories look at the other side: what
 * stands there at their path. A listing is the merge of the two, so it costs what changed.
 */
#include "nfsd/diffs.h"

#include "db/snapshot.h"
#include "nfsd/kind.h"
#include "nfsd/trees.h"
#include "nfsd/virtual.h"
#include "tree/changes.h"
#include "tree/merge.h"
#include "tree/walk.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* To be raised when the bytes of changes.jsonl become others for snapshots that exist. */
#define CHANGES_VERSION 2u

/* Numbers in handles of HANDLE_DIFF; of what is rendered with its version above them. The other two are of listings
 * only. These never change. */
enum { DIFF_SELF = 0, DIFF_CHANGES = 1, DIFF_OLD = 2, DIFF_NEW = 3, VERSION_SHIFT = 24 };

#define ID_SEPARATOR ".."

/* Pairs that one listing looks at before it lets others have their turn. Only names that do not show cost more than
 * their place in the reply: directories in which there are nothing but made files. */
#define LIST_LOOK_MAX 16384u

/* --- The directory of a diff -------------------------------------------------------------------------------------- */

static bool shows_changes(const struct nfsd_worker *worker)
{
    return worker->options & EXPORT_META;
}

static struct rendered rendered_of(const uint8_t *ids)
{
    struct rendered what = {.kind = HANDLE_DIFF, .file = DIFF_CHANGES};

    memcpy(what.id, ids, sizeof what.id);
    return what;
}

/* Good but for its size when this fails. */
static int diff_object(struct object *object, struct nfsd_worker *worker, const struct served_tree *diff,
                       uint32_t number)
{
    bool is_file = number == DIFF_CHANGES;

    *object = (struct object){
        .kind = HANDLE_DIFF,
        .fsid = worker->virtual_fsid,
        .own = {.number = is_file ? DIFF_CHANGES | CHANGES_VERSION << VERSION_SHIFT : DIFF_SELF,
                .mode = is_file ? S_IFREG | 0400 : S_IFDIR | 0555,
                .nlink = is_file ? 1 : 2 + 2,
                .size = ENTRY_DIRECTORY_SIZE,
                .mtime = diff->imported,
                .fileid = FILEID_DIFF(diff->number, diff->other_number, number)},
    };
    memcpy(object->id, diff->id, sizeof object->id);
    const struct rendered what = rendered_of(diff->id);
    return is_file ? renderings_find(&object->own.size, NULL, worker->app->renderings, &what, &worker->err) : 0;
}

static int find_diff(struct served_tree *diff, struct nfsd_worker *worker, enum handle_kind kind, const uint8_t *ids)
{
    return served_trees_find(diff, &worker->trees, worker->store, kind, ids, &worker->err);
}

static int diff_resolve(struct object *object, struct nfsd_worker *worker, const struct handle *handle)
{
    uint32_t number = handle->number & ((1u << VERSION_SHIFT) - 1), version = handle->number >> VERSION_SHIFT;
    struct served_tree diff;

    if (number > DIFF_CHANGES || (number == DIFF_SELF && version))
        return -EBADF;
    if (number == DIFF_CHANGES && !shows_changes(worker))
        return -EACCES;
    int found = find_diff(&diff, worker, HANDLE_DIFF, handle->id);
    if (found == -ENOENT || (found == 0 && number == DIFF_CHANGES && version != CHANGES_VERSION))
        return -ESTALE;
    return found < 0 ? found : diff_object(object, worker, &diff, number);
}

int diffs_lookup(struct object *child, struct nfsd_worker *worker, const char *name, size_t size)
{
    enum { DIGITS = 2 * SNAPSHOT_ID_SIZE, BETWEEN = sizeof ID_SEPARATOR - 1 };
    uint8_t ids[HANDLE_ID_MAX];
    struct served_tree diff;

    if (size != 2 * DIGITS + BETWEEN || memcmp(name + DIGITS, ID_SEPARATOR, BETWEEN) != 0 ||
        !name_is_hex(ids, SNAPSHOT_ID_SIZE, name, DIGITS) ||
        !name_is_hex(ids + SNAPSHOT_ID_SIZE, SNAPSHOT_ID_SIZE, name + DIGITS + BETWEEN, DIGITS))
        return -ENOENT;
    int found = find_diff(&diff, worker, HANDLE_DIFF, ids);
    return found < 0 ? found : diff_object(child, worker, &diff, DIFF_SELF);
}

static int diff_lookup(struct object *child, struct nfsd_worker *worker, const struct object *directory,
                       const char *name, size_t size)
{
    struct served_tree diff;

    if (name_is(name, size, ".."))
        return virtual_object(child, worker, VIRTUAL_DIFF);
    if (name_is(name, size, "old"))
        return trees_object(child, worker, HANDLE_DIFF_OLD, directory->id, 0);
    if (name_is(name, size, "new"))
        return trees_object(child, worker, HANDLE_DIFF_NEW, directory->id, 0);
    if (!name_is(name, size, "changes.jsonl") || !shows_changes(worker))
        return -ENOENT;
    int found = find_diff(&diff, worker, HANDLE_DIFF, directory->id);
    if (found < 0)
        return found == -ENOENT ? -ESTALE : found;
    return diff_object(child, worker, &diff, DIFF_CHANGES);
}

/* The list shows without attributes as long as it is being made, which to ask for them begins. */
static int diff_list(struct nfsd_worker *worker, const struct object *directory, uint64_t cookie, listing_visit visit,
                     void *arg)
{
    static const struct {
        uint32_t number;
        const char *name;
    } files[] = {{DIFF_CHANGES, "changes.jsonl"}, {DIFF_OLD, "old"}, {DIFF_NEW, "new"}};
    struct served_tree diff;
    int result = find_diff(&diff, worker, HANDLE_DIFF, directory->id);

    for (size_t i = 0; result == 0 && i < sizeof files / sizeof *files; i++) {
        uint32_t number = files[i].number;
        struct object object;

        if (number <= listing_row(cookie) || (number == DIFF_CHANGES && !shows_changes(worker)))
            continue;
        int found = diff_object(&object, worker, &diff, number);
        const struct listing_entry entry = {files[i].name, strlen(files[i].name), listing_cookie(number),
                                            object.own.fileid, number == DIFF_CHANGES && found == 0 ? &object : NULL};
        result = visit(arg, &entry);
    }
    return result;
}

static int diff_open(struct content *content, struct nfsd_worker *worker, const struct object *file, uint64_t offset)
{
    const struct rendered what = rendered_of(file->id);

    (void)offset;
    return content_of_rendering(content, worker, &what);
}

const struct export_kind kind_diff = {
    .resolve = diff_resolve,
    .lookup = diff_lookup,
    .list = diff_list,
    .open = diff_open,
};

int diffs_render(struct tree_reader *reader, const struct rendered *what, render_sink sink, void *arg,
                 struct error *err)
{
    struct capture sides[2];

    for (int i = 0; i < 2; i++) {
        struct snapshot snapshot;
        int result = snapshot_find(&snapshot, tree_reader_store(reader), what->id + i * SNAPSHOT_ID_SIZE, err);

        if (result == -ENOENT)
            return error_refused(err, ENOENT, "a snapshot was removed while its changes were rendered");
        if (result < 0)
            return result;
        sides[i] = capture_of_snapshot(&snapshot);
    }
    return changes_write(NULL, NULL, reader, &sides[0], &sides[1], &change_defaults, sink, arg, err);
}

/* --- The two trees ------------------------------------------------------------------------------------------------ */

/* What the other side has at a directory's path, as far as it is a directory: its node, or 0. */
static int find_beside(int64_t *beside, struct nfsd_worker *worker, const struct object *directory)
{
    struct buffer path cleanup_buffer = {0};
    struct served_tree side;
    struct tree_place place;
    int result = find_diff(&side, worker, directory->kind, directory->id);

    *beside = 0;
    if (result < 0)
        return result == -ENOENT ? -ESTALE : result;
    result = tree_path(&path, worker->reader, directory->place.tree, directory->place.rank, &worker->err);
    if (result == 0) /* only directories are looked for, so hard links need not be loaded */
        result = tree_walk(&place, worker->reader, (struct tree){.root = side.other.root}, (const char *)path.bytes,
                           path.size, &worker->err);
    if (result == 0 && S_ISDIR(place.entry->mode))
        *beside = place.entry->subtree;
    return result == -ENOENT || result == -ENOTDIR ? 0 : result;
}

/* A directory of which no more is known. */
static struct entry directory_of(int64_t subtree)
{
    return (struct entry){.mode = S_IFDIR, .subtree = subtree};
}

static int side_lookup(struct object *child, struct nfsd_worker *worker, const struct object *directory,
                       const char *name, size_t size)
{
    struct tree_place other = {0};
    unsigned looked = 0;
    int64_t beside;
    int found;

    *child = *directory;
    if (name_is(name, size, ".."))
        return tree_find(&child->place, worker->reader, directory->place.tree, directory->place.parent, &worker->err);
    found = find_beside(&beside, worker, directory);
    if (found == 0)
        found = tree_lookup(&child->place, worker->reader, &directory->place, name, size, &worker->err);
    if (found < 0)
        return found;
    if (beside) {
        const struct entry above = directory_of(beside);

        found = tree_lookup(&other, worker->reader, &(struct tree_place){.entry = &above}, name, size, &worker->err);
        if (found < 0 && found != -ENOENT)
            return found;
    }
    found = diff_shows(&looked, worker->reader, child->place.entry, other.entry, &worker->err);
    return found < 0 ? found : found ? 0 : -ENOENT;
}

struct side_listing {
    struct nfsd_worker *worker;
    const struct object *directory;
    struct merge merge;
    unsigned looked;
    bool any; /* the reply has an entry */
    listing_visit visit;
    void *arg;
};

/* Go on behind the entry with this ordinal: 1, or 0 behind the last one. */
static int go_on(struct side_listing *l, uint64_t ordinal)
{
    struct nfsd_worker *worker = l->worker;
    struct tree_listing listing;
    struct tree_place place;

    if (ordinal > UINT32_MAX)
        return 0;
    tree_listing_begin(&listing, worker->reader, &l->directory->place, (uint32_t)ordinal);
    int result = tree_listing_next(&place, &listing, &worker->err);
    if (result <= 0)
        return result;
    result = merge_seek(&l->merge, place.entry->name, place.entry->name_size, &worker->err);
    return result < 0 ? result : 1;
}

static int visit_pair(struct side_listing *l, const struct merge_pair *pair)
{
    struct nfsd_worker *worker = l->worker;
    struct object object = *l->directory;
    uint32_t ordinal, rank;
    int result =
        diff_shows(&l->looked, worker->reader, pair->a.entry, pair->has_b ? pair->b.entry : NULL, &worker->err);

    if (result <= 0)
        return result;
    result = merge_place(&ordinal, &rank, &l->merge, &worker->err);
    if (result == 0)
        result = tree_find(&object.place, worker->reader, l->directory->place.tree, l->directory->place.rank + rank,
                           &worker->err);
    if (result < 0)
        return result;
    const struct listing_entry entry = {
        .name = object.place.entry->name,
        .size = object.place.entry->name_size,
        .cookie = TREE_COOKIE_FIRST + ordinal,
        .fileid = object_fileid(&object),
        .object = &object,
    };
    l->any = true;
    return l->visit(l->arg, &entry);
}

/* Until nothing is left, or the reply is full. When much was looked at and others have to have their turn, a reply with
 * entries ends; without any the caller is to ask again, and *reached is where that goes on. */
static int visit_pairs(uint64_t *reached, struct side_listing *l)
{
    struct merge_pair pair;
    int result;

    while ((result = merge_next(&pair, &l->merge, &l->worker->err)) > 0) {
        if (++l->looked > LIST_LOOK_MAX) {
            uint32_t ordinal, rank;

            result = merge_place(&ordinal, &rank, &l->merge, &l->worker->err);
            *reached = ordinal;
            return result < 0 ? result : l->any ? 1 : -EBUSY;
        }
        result = visit_pair(l, &pair);
        if (result != 0)
            break;
    }
    return result;
}

static struct diff_listing *listing_slot(struct nfsd_worker *worker, const struct diff_listing *listing)
{
    uint64_t hash = ((uint64_t)listing->own * 0x9e3779b97f4a7c15ULL ^ (uint64_t)listing->other) + listing->cookie;

    return &worker->diffs[(hash * 0x9e3779b97f4a7c15ULL >> 32) % DIFF_LISTINGS];
}

static int side_list(struct nfsd_worker *worker, const struct object *directory, uint64_t cookie, listing_visit visit,
                     void *arg)
{
    struct side_listing l = {.worker = worker, .directory = directory, .visit = visit, .arg = arg};
    struct diff_listing *kept, now = {.own = directory->place.entry->subtree, .cookie = cookie};
    uint64_t from = cookie < TREE_COOKIE_FIRST ? 0 : cookie - TREE_COOKIE_FIRST + 1; /* ordinal */
    int result = find_beside(&now.other, worker, directory);

    if (result < 0)
        return result;
    kept = listing_slot(worker, &now);
    if (kept->own == now.own && kept->other == now.other && kept->cookie == cookie)
        from = kept->reached;
    l.any = cookie < TREE_COOKIE_FIRST - 1; /* "." and ".." */
    merge_begin(&l.merge, worker->reader, NODE_TREE, now.own, now.other);
    l.merge.only_a = true;
    result = from ? go_on(&l, from - 1) : 1;
    if (result > 0)
        result = visit_pairs(&now.reached, &l);
    merge_end(&l.merge);
    if (result == -EBUSY)
        *kept = now;
    return result;
}

const struct export_kind kind_diff_side = {
    .resolve = trees_resolve,
    .lookup = side_lookup,
    .list = side_list,
    .open = trees_open,
};
