/* known.c - the notes of a snapshot by path, and its image's chain, entered directory by directory beside the walk. */
#include "tree/known.h"

#include "base/buffer.h"
#include "db/image.h"
#include "tree/features.h"
#include "tree/node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    NOTE_CAPTURED = 1,
    NOTE_CHANGED = 2,
    NOTE_NOT_CRAWLED = 4,
};

static const struct {
    const char *value;
    uint8_t note;
} NOTES[] = {
    {"{\"what\":\"" KNOWN_CAPTURED "\"}", NOTE_CAPTURED},
    {"{\"what\":\"" KNOWN_CHANGED "\"}", NOTE_CHANGED},
    {"{\"what\":\"" KNOWN_NOT_CRAWLED "\"}", NOTE_NOT_CRAWLED},
};
static const char CREATED_BEGIN[] = "{\"time\":\"", CREATED_END[] = "\",\"what\":\"" KNOWN_CREATED "\"}";

/* What is noted of one path. */
struct noted_path {
    uint32_t at, size; /* in known.text */
    uint8_t notes;
};

/* A directory of the snapshot that the walk is in, and what the chain has there. */
struct beside {
    size_t path_size; /* without a '/' at its end: the root's is 0 */
    int64_t below;    /* the chain's directory, 0: none */
    bool same;        /* all that is in it is the chain's */
};

struct known {
    struct tree_reader *reader;
    struct tree chain;         /* without a root: nothing is compared */
    bool is_image;             /* the snapshot is the image's own */
    bool is_dated;             /* it is told when the container was created */
    bool overflows;            /* there are more notes than are held */
    struct buffer text, paths; /* struct noted_path, by path */
    struct buffer not_crawled; /* uint32_t: of these */
    struct buffer beside;
};

/* --- Notes -------------------------------------------------------------------------------------------------------- */

static const struct noted_path *paths_of(const struct known *known, size_t *count)
{
    *count = known->paths.size / sizeof(struct noted_path);
    return (const struct noted_path *)(const void *)known->paths.bytes;
}

static bool is_created(const struct feature *note)
{
    size_t begin = strlen(CREATED_BEGIN), end = strlen(CREATED_END);

    return note->key_size == 0 && note->value_size > begin + end && memcmp(note->value, CREATED_BEGIN, begin) == 0 &&
           memcmp(note->value + note->value_size - end, CREATED_END, end) == 0;
}

static uint8_t note_of(const struct feature *note)
{
    for (size_t i = 0; i < sizeof NOTES / sizeof *NOTES; i++)
        if (strlen(NOTES[i].value) == note->value_size && memcmp(NOTES[i].value, note->value, note->value_size) == 0)
            return NOTES[i].note;
    return 0;
}

/* Notes come by rising key, those of one key side by side. */
static void add_note(struct known *known, const struct feature *note, uint8_t kind)
{
    struct noted_path path = {(uint32_t)known->text.size, note->key_size, kind};
    struct noted_path *last =
        known->paths.size ? (struct noted_path *)(void *)(known->paths.bytes + known->paths.size) - 1 : NULL;

    if (last && last->size == note->key_size && memcmp(known->text.bytes + last->at, note->key, last->size) == 0) {
        last->notes |= kind;
    } else {
        buffer_add(&known->text, note->key, note->key_size);
        buffer_add(&known->paths, &path, sizeof path);
    }
    if (kind == NOTE_NOT_CRAWLED) {
        uint32_t index = (uint32_t)(known->paths.size / sizeof path - 1);

        buffer_add(&known->not_crawled, &index, sizeof index);
    }
}

static int take_note(void *arg, const struct feature *note)
{
    struct known *known = arg;
    uint8_t kind = note_of(note);

    known->is_dated |= is_created(note);
    if (!kind)
        return 0;
    if (known->paths.size / sizeof(struct noted_path) == KNOWN_NOTES_MAX ||
        known->text.size + note->key_size > KNOWN_TEXT_MAX) {
        known->overflows = true;
        return 1;
    }
    add_note(known, note, kind);
    return known->text.failed || known->paths.failed || known->not_crawled.failed ? -ENOMEM : 0;
}

static uint8_t notes_on(const struct known *known, const char *path, size_t size)
{
    size_t low = 0, high;
    const struct noted_path *paths = paths_of(known, &high);

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = name_compare(path, size, (const char *)known->text.bytes + paths[middle].at, paths[middle].size);

        if (order == 0)
            return paths[middle].notes;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return 0;
}

static bool is_crawled(const struct known *known, const char *path, size_t size)
{
    size_t count;
    const struct noted_path *paths = paths_of(known, &count);

    for (size_t i = 0; i < known->not_crawled.size; i += sizeof(uint32_t)) {
        uint32_t index;

        memcpy(&index, known->not_crawled.bytes + i, sizeof index);
        const struct noted_path *not = &paths[index];
        size_t prefix = not ->size == 1 ? 0 : not ->size; /* of the root nothing is left without its '/' */
        if (size >= not ->size && memcmp(path, known->text.bytes + not ->at, prefix) == 0 &&
            (size == prefix || path[prefix] == '/'))
            return false;
    }
    return true;
}

/* --- The chain beside --------------------------------------------------------------------------------------------- */

static struct beside *innermost(struct known *known)
{
    return known->beside.size ? (struct beside *)(void *)(known->beside.bytes + known->beside.size) - 1 : NULL;
}

static int missing(int result, struct error *err)
{
    return result == -ESTALE ? error_refused(err, EIO, "a node of the image's chain is not in the store") : result;
}

/* What the chain has at a path. -ENOENT (err not filled): nothing. */
static int look(const struct entry **entry, struct known *known, const struct tree_step *step, size_t parent,
                struct error *err)
{
    const struct entry *own = step->place.entry;
    struct beside *beside = innermost(known);
    struct tree_place place;
    int result;

    if (!beside || beside->path_size != parent || step->size == 1) {
        result = tree_walk(&place, known->reader, known->chain, step->path, step->size, err);
    } else if (beside->same) {
        *entry = own;
        return 0;
    } else if (!beside->below) {
        return -ENOENT;
    } else {
        struct entry above = {.mode = S_IFDIR, .subtree = beside->below};

        result =
            tree_lookup(&place, known->reader, &(struct tree_place){.entry = &above}, own->name, own->name_size, err);
    }
    *entry = place.entry;
    return result == -ENOTDIR ? -ENOENT : missing(result, err);
}

/* The same, kept for what is below. NULL: nothing. */
static int enter(const struct entry **below, struct known *known, const struct tree_step *step, struct error *err)
{
    const struct entry *own = step->place.entry;
    size_t parent = (size_t)((const char *)memrchr(step->path, '/', step->size) - step->path);

    while (known->beside.size && innermost(known)->path_size > parent)
        known->beside.size -= sizeof(struct beside);
    int result = look(below, known, step, parent, err);
    if (result == -ENOENT)
        *below = NULL;
    if ((result < 0 && result != -ENOENT) || !S_ISDIR(own->mode))
        return result == -ENOENT ? 0 : result;
    struct beside beside = {.path_size = step->size == 1 ? 0 : step->size};
    if (*below && S_ISDIR((*below)->mode)) {
        beside.below = (*below)->subtree;
        beside.same = beside.below == own->subtree;
    }
    if (step->size == 1)
        buffer_clear(&known->beside);
    buffer_add(&known->beside, &beside, sizeof beside);
    return known->beside.failed ? error_system(err, ENOMEM, "cannot compare trees") : 0;
}

/* --- Words -------------------------------------------------------------------------------------------------------- */

/* Is what counts of an entry the chain's? Of a regular file that is its content. */
static bool is_of_image(const struct entry *own, const struct entry *below)
{
    if (!below || (own->mode & S_IFMT) != (below->mode & S_IFMT))
        return false;
    if (S_ISREG(own->mode))
        return own->content && own->content == below->content;
    return own->mode == below->mode && own->uid == below->uid && own->gid == below->gid && own->mtime == below->mtime &&
           own->rdev_major == below->rdev_major && own->rdev_minor == below->rdev_minor &&
           own->xattrs == below->xattrs && own->target_size == below->target_size &&
           (!own->target_size || memcmp(own->target, below->target, own->target_size) == 0);
}

static const char *word_of_flags(const struct entry *entry)
{
    return entry->flags & ENTRY_ABSENT  ? "absent"
           : entry->flags & ENTRY_MADE  ? "made"
           : entry->flags & ENTRY_LOSSY ? "lossy"
                                        : NULL;
}

/* Of what is as in the image. A file that is known to be empty needs nobody's content. */
static const char *word_of_image(const struct known *known, const struct tree_step *step)
{
    const struct entry *entry = step->place.entry;

    if (known->overflows)
        return "image-unproven";
    uint8_t notes = notes_on(known, step->path, step->size);
    if (S_ISREG(entry->mode) && notes & NOTE_CAPTURED)
        return "captured";
    if (!is_crawled(known, step->path, step->size))
        return "image-unproven";
    if (S_ISREG(entry->mode) && entry->size == 0)
        return "captured";
    return known->is_dated && !(notes & NOTE_CHANGED) ? "image" : "image-unproven";
}

int known_of(const char **word, struct known *known, const struct tree_step *step, struct error *err)
{
    const struct entry *entry = step->place.entry, *below = NULL;
    int result = known->chain.root ? enter(&below, known, step, err) : 0;

    if (result < 0)
        return result;
    *word = word_of_flags(entry);
    if (!*word)
        *word = known->is_image ? "image" : is_of_image(entry, below) ? word_of_image(known, step) : "captured";
    return 0;
}

/* --- One snapshot ------------------------------------------------------------------------------------------------- */

static int open_image(struct known *known, const struct snapshot *snapshot, struct error *err)
{
    struct store *store = tree_reader_store(known->reader);
    struct image image;
    struct layer chain;
    int result = image_find_number(&image, store, snapshot->image, err);

    if (result == -ENOENT)
        return error_refused(err, EIO, "the snapshot's image is not in the store");
    if (result < 0)
        return result;
    known->is_image = snapshot->has_source && digest_equal(&snapshot->source, &image.config);
    if (known->is_image)
        return 0;
    result = layer_find(&chain, store, LAYER_CHAIN, &image.chain, err);
    if (result < 0)
        return result == -ENOENT ? 0 : result; /* an image without layers */
    known->chain.root = chain.root.id;
    result = features_visit(store, snapshot->features.id, FEATURE_NOTE, take_note, known, err);
    if (result == -ENOMEM)
        return error_system(err, ENOMEM, "cannot hold notes");
    return result < 0 ? result : 0;
}

int known_new(struct known **out, struct tree_reader *reader, const struct snapshot *snapshot, struct error *err)
{
    struct known *known = calloc(1, sizeof *known);

    if (!known)
        return error_system(err, ENOMEM, "cannot compare trees");
    known->reader = reader;
    int result = snapshot->image ? open_image(known, snapshot, err) : 0;
    if (result < 0) {
        known_free(known);
        return result;
    }
    *out = known;
    return 0;
}

void known_free(struct known *known)
{
    if (!known)
        return;
    buffer_free(&known->text);
    buffer_free(&known->paths);
    buffer_free(&known->not_crawled);
    buffer_free(&known->beside);
    free(known);
}
