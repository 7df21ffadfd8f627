/* builder_put.c - what stands at each place while entries come.
 *
 * Where the last one wins this is what unpacking an archive would do: links on the way to a path are followed, inside
 * the tree, a hard link means what stands at its target at that moment, and what the chain below has is seen until
 * something hides it.
 */
#include "import/builder_parts.h"

#include <errno.h>
#include <string.h>

#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"

/* --- The tree below, seen through what was put -------------------------------------------------------------------- */

/* What the tree below has at a place, unless something hides it. -ENOENT (err not filled): nothing that is seen. */
static int see_below(const struct entry **entry, const struct builder *builder, uint32_t number, struct error *err)
{
    const struct place *place = place_at(builder->places, number);

    if (builder->rule != BUILDER_CHAIN || (place->flags & PLACE_GONE))
        return -ENOENT;
    return below_find(entry, builder, directory_at(builder->places, place->above)->below, place->name, place->name_size,
                      err);
}

/* The directory of a place, with what the tree below has there. */
static int open_directory(uint32_t *directory, struct builder *builder, uint32_t number, struct error *err)
{
    const struct entry *below;
    int64_t subtree = 0;

    *directory = place_at(builder->places, number)->directory;
    if (*directory)
        return 0;
    int result = see_below(&below, builder, number, err);
    if (result < 0 && result != -ENOENT)
        return result;
    if (result == 0 && S_ISDIR(below->mode))
        subtree = below->subtree;
    *directory = places_make_directory(builder->places, number);
    if (!*directory)
        return builder_no_memory(err);
    place_at(builder->places, number)->directory = *directory;
    directory_at(builder->places, *directory)->below = subtree;
    return 0;
}

/* A directory that somebody put something into, but that only the tree below tells of, becomes its own. */
static int adopt(struct builder *builder, uint32_t number, struct error *err)
{
    const struct entry *below;
    uint64_t item;

    if (place_at(builder->places, number)->item)
        return 0;
    int result = see_below(&below, builder, number, err);
    if (result == -ENOENT || (result == 0 && !S_ISDIR(below->mode)))
        return 0;
    if (result == 0)
        result = below_copy(&item, builder, below, err);
    if (result < 0)
        return result;
    place_at(builder->places, number)->item = item + 1;
    place_at(builder->places, number)->flags |= PLACE_DIR;
    return 0;
}

/* Nothing of the tree below is seen in a directory any more, nor in those below it: a path has at most 2,048 of them.
 */
static int hide_below(struct builder *builder, uint32_t directory, struct error *err)
{
    int result = 0;

    if (!directory || !directory_at(builder->places, directory)->below)
        return 0;
    for (uint32_t i = directory_at(builder->places, directory)->first; i && result == 0;
         i = place_at(builder->places, i)->sibling) {
        if (place_at(builder->places, i)->flags & PLACE_TOUCHED)
            result = adopt(builder, i, err);
        tree_reader_rest(builder->base.reader); /* there may be a million of them */
        if (result == 0)
            result = hide_below(builder, place_at(builder->places, i)->directory, err);
    }
    directory_at(builder->places, directory)->below = 0;
    return result;
}

/* --- Ways --------------------------------------------------------------------------------------------------------- */

/* A path while it is walked: what is left of it, and after a link the target before that. */
struct way {
    const char *at;
    size_t left;
    unsigned links;
    char rest[2 * BUILDER_PATH_MAX + 2]; /* what is left stands at its end */
};

static bool take_component(const char **name, size_t *size, struct way *way)
{
    while (way->left > 0 && *way->at == '/') {
        way->at++;
        way->left--;
    }
    const char *slash = memchr(way->at, '/', way->left);
    *name = way->at;
    *size = slash ? (size_t)(slash - way->at) : way->left;
    way->at += *size;
    way->left -= *size;
    return *size > 0;
}

/* Take steps off the budget of all entries. False: it is used up, for this one and those to come. */
static bool pay(struct builder *builder, uint32_t steps)
{
    bool can = steps <= builder->steps_left;

    builder->steps_left = can ? builder->steps_left - steps : 0;
    return can;
}

/* A link stands in the directory: its target comes before what is left. */
static int follow(struct way *way, uint32_t *directory, struct builder *builder, const char *target, size_t size)
{
    if (size == 0)
        return BUILDER_BELOW_NON_DIR;
    if (++way->links > BUILDER_WALK_LINKS_MAX || size + 1 + way->left > sizeof way->rest ||
        !pay(builder, BUILDER_LINK_STEPS))
        return BUILDER_TOO_LONG;
    char *end = way->rest + sizeof way->rest;
    memmove(end - way->left, way->at, way->left);
    way->left += size + 1;
    way->at = end - way->left;
    memcpy(end - way->left, target, size);
    end[(ptrdiff_t)size - (ptrdiff_t)way->left] = '/';
    if (target[0] == '/')
        *directory = DIRECTORY_ROOT;
    return 0;
}

/* Go through a place that has something of its own. */
static int pass_own(uint32_t *directory, struct way *way, struct builder *builder, uint32_t number, struct error *err)
{
    const struct place *place = place_at(builder->places, number);
    struct journal_record record;

    if (place->flags & PLACE_DIR)
        return open_directory(directory, builder, number, err);
    if (!(place->flags & PLACE_LINK))
        return BUILDER_BELOW_NON_DIR;
    int result = journal_read(&record, NULL, builder->journal, place->item - 1, err);
    return result < 0 ? result : follow(way, directory, builder, record.entry.target, record.entry.target_size);
}

/* Go through a place where nothing was put: what the tree below has is there, or a directory that nobody mentioned. */
static int pass_below(uint32_t *directory, struct way *way, struct builder *builder, uint32_t number, struct error *err)
{
    const struct entry *below;
    int result = see_below(&below, builder, number, err);

    if (result < 0 && result != -ENOENT)
        return result;
    if (result == 0 && S_ISLNK(below->mode))
        return follow(way, directory, builder, below->target, below->target_size);
    if (result == 0 && !S_ISDIR(below->mode))
        return BUILDER_BELOW_NON_DIR;
    return open_directory(directory, builder, number, err);
}

static int pass(uint32_t *directory, struct way *way, struct builder *builder, const char *name, size_t size,
                struct error *err)
{
    if (size > ENTRY_NAME_MAX || directory_at(builder->places, *directory)->path_size + 1 + size > BUILDER_PATH_MAX)
        return BUILDER_TOO_LONG;
    uint32_t number = places_make(builder->places, *directory, name, size);
    if (!number)
        return builder_no_memory(err);
    const struct place *place = place_at(builder->places, number);
    if (number == builder->going)
        return BUILDER_BELOW_NON_DIR;
    if (builder->rule == BUILDER_RECORDS)
        return open_directory(directory, builder, number, err);
    if (place->item)
        return pass_own(directory, way, builder, number, err);
    if (place->directory) {
        *directory = place->directory;
        return 0;
    }
    return pass_below(directory, way, builder, number, err);
}

static bool is_dots(const char *name, size_t size)
{
    return size == 2 && name[0] == '.' && name[1] == '.';
}

/* There is nothing below a file, so ".." there goes back over what was asked for: "file/x/../.." is where the file is.
 * False: the path leads below it. */
static bool leave_file(struct way *way, struct builder *builder)
{
    const char *name;
    size_t size, depth = 1;

    while (depth > 0 && take_component(&name, &size, way)) {
        if (!pay(builder, 1))
            return false;
        if (is_dots(name, size))
            depth--;
        else if (size > 1 || name[0] != '.')
            depth++;
    }
    return depth == 0;
}

int builder_walk(uint32_t *directory, struct builder *builder, const char *path, size_t size, struct error *err)
{
    struct way way;
    const char *name;
    size_t length;
    int result = 0;

    way.at = path; /* its rest is filled when a link comes */
    way.left = size;
    way.links = 0;
    *directory = DIRECTORY_ROOT;
    while (result == 0 && take_component(&name, &length, &way)) {
        if (way.links && !pay(builder, 1))
            return BUILDER_TOO_LONG;
        if (length == 1 && name[0] == '.')
            continue;
        if (is_dots(name, length)) {
            if (*directory != DIRECTORY_ROOT)
                *directory = place_at(builder->places, directory_at(builder->places, *directory)->place)->above;
            continue;
        }
        result = pass(directory, &way, builder, name, length, err);
        if (result == BUILDER_BELOW_NON_DIR && leave_file(&way, builder))
            result = 0;
    }
    return result;
}

/* The directory and the last name of a path; the root has none, and directory 0. */
static int walk_to(uint32_t *directory, const char **name, size_t *size, struct builder *builder, const char *path,
                   size_t path_size, struct error *err)
{
    const char *slash = memrchr(path, '/', path_size);

    *name = slash + 1;
    *size = path_size - (size_t)(*name - path);
    *directory = 0;
    return *size ? builder_walk(directory, builder, path, (size_t)(slash - path), err) : 0;
}

/* --- Standing ----------------------------------------------------------------------------------------------------- */

/* `flags` hold for a place and all above it. */
static void touch(struct builder *builder, uint32_t number, uint16_t flags)
{
    for (;;) {
        struct place *place = place_at(builder->places, number);

        if ((place->flags & flags) == flags)
            return;
        place->flags |= flags;
        if (number == PLACE_ROOT)
            return;
        number = directory_at(builder->places, place->above)->place;
    }
}

static int stand(struct builder *builder, uint32_t number, uint64_t item, const struct entry *entry, uint32_t links,
                 struct error *err)
{
    struct place *place = place_at(builder->places, number);
    uint32_t directory;

    place->item = item + 1;
    place->links = links;
    place->flags &= (uint16_t) ~(PLACE_DIR | PLACE_LINK | PLACE_MADE);
    place->flags |= (uint16_t)(S_ISDIR(entry->mode) ? PLACE_DIR : S_ISLNK(entry->mode) ? PLACE_LINK : 0);
    place->flags |= (uint16_t)(entry->flags & ENTRY_MADE ? PLACE_MADE : 0);
    touch(builder, number, entry->flags & ENTRY_MADE ? PLACE_TOUCHED : PLACE_TOUCHED | PLACE_SAID);
    if (builder->rule == BUILDER_RECORDS)
        return 0;
    if (S_ISDIR(entry->mode))
        return open_directory(&directory, builder, number, err);
    place->directory = 0;
    place->flags |= PLACE_GONE;
    return 0;
}

/* A path's own place. 0, a conflict, or an error. */
static int make_place(uint32_t *number, struct builder *builder, const char *path, size_t path_size, struct error *err)
{
    const char *name;
    uint32_t directory;
    size_t size;
    int result = walk_to(&directory, &name, &size, builder, path, path_size, err);

    if (result != 0)
        return result;
    if (!directory) {
        *number = PLACE_ROOT;
        return 0;
    }
    if (directory_at(builder->places, directory)->path_size + 1 + size > BUILDER_PATH_MAX)
        return BUILDER_TOO_LONG;
    *number = places_make(builder->places, directory, name, size);
    return *number ? 0 : builder_no_memory(err);
}

bool builder_same(const struct entry *a, const struct entry *b)
{
    return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid && a->size == b->size && a->mtime == b->mtime &&
           a->rdev_major == b->rdev_major && a->rdev_minor == b->rdev_minor && a->flags == b->flags &&
           a->content == b->content && a->xattrs == b->xattrs && a->target_size == b->target_size &&
           (!a->target_size || memcmp(a->target, b->target, a->target_size) == 0);
}

/* Of one path the first counts. */
static int compare_with_first(struct builder *builder, const struct place *place, const struct entry *entry,
                              struct error *err)
{
    struct journal_record first;
    char target[ENTRY_TARGET_MAX];
    struct entry second = *entry;

    if (entry->target) {
        memcpy(target, entry->target, entry->target_size);
        second.target = target;
    }
    int result = journal_read(&first, NULL, builder->journal, place->item - 1, err);
    if (result < 0)
        return result;
    return builder_same(&first.entry, &second) ? BUILDER_SAME : BUILDER_DUPLICATE;
}

static int put_entry(struct builder *builder, uint64_t item, const char *path, size_t size, const struct entry *entry,
                     struct error *err)
{
    uint32_t number;
    int result = make_place(&number, builder, path, size, err);

    if (result != 0)
        return result;
    const struct place *place = place_at(builder->places, number);
    if (builder->rule == BUILDER_RECORDS && place->item)
        return compare_with_first(builder, place, entry, err);
    if (number == PLACE_ROOT && !S_ISDIR(entry->mode))
        return BUILDER_ROOT_NON_DIR;
    return stand(builder, number, item, entry, 0, err);
}

/* --- Hard links --------------------------------------------------------------------------------------------------- */

/* What a hard link gets: what stands at its target, and the group. */
struct linked {
    uint64_t item;
    struct entry entry; /* its mode and flags */
    uint32_t links;
};

/* The group of a place that gets one more name. */
static uint32_t group_of(struct builder *builder, uint32_t number)
{
    struct place *place = place_at(builder->places, number);

    if (!place->links)
        place->links = ++builder->link_groups;
    return place->links;
}

/* The group of what the tree below has at a place. */
static int group_of_below(uint32_t *links, struct builder *builder, uint32_t number, struct error *err)
{
    bool is_new = !place_at(builder->places, number)->links;
    struct origin origin = {number, group_of(builder, number)};

    *links = origin.links;
    if (is_new)
        buffer_add(&builder->origins, &origin, sizeof origin);
    return builder->origins.failed ? builder_no_memory(err) : 0;
}

static int link_to_below(struct linked *linked, struct builder *builder, uint32_t number, struct error *err)
{
    const struct entry *below;
    int result = see_below(&below, builder, number, err);

    if (result == -ENOENT || (result == 0 && S_ISDIR(below->mode)))
        return BUILDER_DANGLING;
    if (result < 0)
        return result;
    linked->entry = *below;
    result = group_of_below(&linked->links, builder, number, err);
    return result < 0 ? result : below_copy(&linked->item, builder, below, err);
}

static int link_to(struct linked *linked, struct builder *builder, const char *path, size_t size, struct error *err)
{
    uint32_t number;
    int result = make_place(&number, builder, path, size, err);

    if (result != 0)
        return result < 0 ? result : BUILDER_DANGLING;
    const struct place *place = place_at(builder->places, number);
    if (number == builder->going || place->flags & PLACE_DIR || (!place->item && place->directory))
        return BUILDER_DANGLING;
    if (!place->item)
        return link_to_below(linked, builder, number, err);
    linked->entry.mode = place->flags & PLACE_LINK ? S_IFLNK : S_IFREG;
    linked->item = place->item - 1;
    linked->links = group_of(builder, number);
    return 0;
}

/* In a layer by itself: a file whose content is elsewhere. */
static int put_absent(struct builder *builder, const struct journal_record *record, struct error *err)
{
    struct journal_record absent = *record;
    char path[BUILDER_PATH_MAX];
    uint64_t item;

    builder->dangling++;
    memcpy(path, record->path, record->path_size);
    absent.path = path;
    absent.link = NULL;
    absent.entry.mode = S_IFREG | (record->entry.mode & 07777);
    absent.entry.flags = ENTRY_ABSENT;
    int result = journal_add(&item, builder->journal, &absent, err);
    return result < 0 ? result : put_entry(builder, item, path, absent.path_size, &absent.entry, err);
}

static int put_link(struct builder *builder, const struct journal_record *record, struct error *err)
{
    struct linked linked = {0};
    uint32_t number = 0;
    int placed = make_place(&number, builder, record->path, record->path_size, err);

    /* What stands there goes before the target is looked for. */
    builder->going = placed == 0 ? number : 0;
    int result = placed < 0 ? placed : link_to(&linked, builder, record->link, record->link_size, err);
    builder->going = 0;
    if (result == BUILDER_DANGLING && builder->rule == BUILDER_LAYER)
        return put_absent(builder, record, err);
    if (result != 0 || placed != 0)
        return result != 0 ? result : placed;
    if (number == PLACE_ROOT)
        return BUILDER_ROOT_NON_DIR;
    if (place_at(builder->places, number)->item == linked.item + 1)
        return 0; /* they are one file already */
    return stand(builder, number, linked.item, &linked.entry, linked.links, err);
}

/* --- Whiteouts ---------------------------------------------------------------------------------------------------- */

static bool is_whiteout(const char *name, size_t size)
{
    return size >= strlen(WHITEOUT) && memcmp(name, WHITEOUT, strlen(WHITEOUT)) == 0;
}

/* What this layer itself put there stays, before or after. */
static int take_away(struct builder *builder, uint32_t directory, const char *name, size_t size, struct error *err)
{
    uint32_t number = places_make(builder->places, directory, name, size);

    if (!number)
        return builder_no_memory(err);
    struct place *place = place_at(builder->places, number);
    if (place->flags & PLACE_TOUCHED)
        return hide_below(builder, place->directory, err);
    place->flags |= PLACE_GONE;
    place->directory = 0;
    return 0;
}

static int put_whiteout(struct builder *builder, uint32_t directory, const char *name, size_t size, struct error *err)
{
    if (size == strlen(OPAQUE) && memcmp(name, OPAQUE, size) == 0)
        return hide_below(builder, directory, err);
    name += strlen(WHITEOUT);
    size -= strlen(WHITEOUT);
    if (size == 0 || (name[0] == '.' && (size == 1 || (size == 2 && name[1] == '.'))))
        return BUILDER_BAD_WHITEOUT;
    return take_away(builder, directory, name, size, err);
}

/* --- Putting ------------------------------------------------------------------------------------------------------ */

int builder_put(struct builder *builder, uint64_t item, const struct journal_record *record, struct error *err)
{
    const char *name = memrchr(record->path, '/', record->path_size);
    size_t size = record->path_size - (size_t)(name - record->path) - 1;
    char path[2][BUILDER_PATH_MAX];
    struct journal_record copy = *record;
    uint32_t directory;

    /* Texts of the journal do not survive the looks into it on the way. */
    memcpy(path[0], record->path, record->path_size);
    copy.path = path[0];
    if (record->link) {
        memcpy(path[1], record->link, record->link_size);
        copy.link = path[1];
    }
    if (builder->rule == BUILDER_CHAIN && is_whiteout(name + 1, size)) {
        name = copy.path + (name - record->path);
        int result = builder_walk(&directory, builder, copy.path, (size_t)(name - copy.path), err);
        if (result == BUILDER_BELOW_NON_DIR)
            return 0; /* there is nothing to take away */
        return result != 0 ? result : put_whiteout(builder, directory, name + 1, size, err);
    }
    if (record->link)
        return put_link(builder, &copy, err);
    return put_entry(builder, item, copy.path, copy.path_size, &record->entry, err);
}

/* --- Looking ------------------------------------------------------------------------------------------------------ */

uint32_t builder_place(const struct builder *builder, const char *path, size_t size)
{
    uint32_t number = PLACE_ROOT;

    for (const char *at = path + 1, *end = path + size; at < end;) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        size_t length = (size_t)((slash ? slash : end) - at);
        uint32_t directory = place_at(builder->places, number)->directory;

        number = directory ? places_find(builder->places, directory, at, length) : 0;
        if (!number)
            return 0;
        at += length + 1;
    }
    return number;
}

size_t builder_path(char *path, const struct builder *builder, uint32_t number)
{
    size_t size = 0;

    if (number == PLACE_ROOT) {
        path[0] = '/';
        return 1;
    }
    for (uint32_t i = number; i != PLACE_ROOT;) {
        const struct place *place = place_at(builder->places, i);
        const struct directory *in = directory_at(builder->places, place->above);

        if (i == number)
            size = in->path_size + 1 + place->name_size;
        path[in->path_size] = '/';
        memcpy(path + in->path_size + 1, place->name, place->name_size);
        i = in->place;
    }
    return size;
}
