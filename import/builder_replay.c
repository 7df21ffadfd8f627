/* builder_replay.c - what stands at each path while entries come, where the last one wins.
 *
 * A hard link joins what stands at its target at its moment, so the order of coming has to be followed as it is. Places
 * are found by the place above and a name. What a non-directory takes away below it is not looked for: the place only
 * remembers when, and whoever asks for something below compares.
 */
#include "import/builder_items.h"

#include "base/siphash.h"

#include <stdlib.h>
#include <sys/random.h>

#define BUCKETS_MIN 1024u

struct place {
    struct place *above, *next; /* next: of the same bucket */
    const char *name;           /* a part of some item's path */
    struct item *item;          /* put here last; NULL: a directory that nobody mentioned */
    uint32_t hash;
    uint32_t cleared; /* items below it whose order is less were taken away */
    uint16_t name_size;
};

struct replay {
    struct siphash_key key; /* random: names are chosen by attackers */
    struct place root;
    struct place **buckets;
    uint32_t mask, count;
};

struct replay *replay_new(void)
{
    struct replay *replay = calloc(1, sizeof *replay);

    if (!replay)
        return NULL;
    replay->buckets = calloc(BUCKETS_MIN, sizeof *replay->buckets);
    replay->mask = BUCKETS_MIN - 1;
    if (!replay->buckets || getrandom(&replay->key, sizeof replay->key, 0) != (ssize_t)sizeof replay->key) {
        replay_free(replay);
        return NULL;
    }
    return replay;
}

void replay_free(struct replay *replay)
{
    if (!replay)
        return;
    free(replay->buckets);
    free(replay);
}

/* --- Places ------------------------------------------------------------------------------------------------------- */

static uint32_t hash_of(const struct replay *replay, const struct place *above, const char *name, size_t size)
{
    struct siphash_key key = {replay->key.k0 ^ (uint64_t)(uintptr_t)above, replay->key.k1};

    return (uint32_t)siphash(&key, name, size);
}

static struct place *find_place(const struct replay *replay, const struct place *above, uint32_t hash, const char *name,
                                size_t size)
{
    struct place *place = replay->buckets[hash & replay->mask];

    while (place && (place->hash != hash || place->above != above || place->name_size != size ||
                     memcmp(place->name, name, size) != 0))
        place = place->next;
    return place;
}

/* Twice the buckets. Where there is no memory for that, chains grow instead. */
static void grow(struct replay *replay)
{
    uint32_t mask = replay->mask * 2 + 1;
    struct place **buckets = calloc((size_t)mask + 1, sizeof(struct place *));

    if (!buckets)
        return;
    for (uint32_t i = 0; i <= replay->mask; i++)
        for (struct place *place = replay->buckets[i], *next; place; place = next) {
            next = place->next;
            place->next = buckets[place->hash & mask];
            buckets[place->hash & mask] = place;
        }
    free(replay->buckets);
    replay->buckets = buckets;
    replay->mask = mask;
}

static struct place *make_place(struct builder *builder, struct place *above, uint32_t hash, const char *name,
                                size_t size)
{
    struct replay *replay = builder->replay;
    struct place *place = builder_alloc(builder, sizeof *place, _Alignof(struct place));

    if (!place)
        return NULL;
    if (replay->count++ > replay->mask && replay->mask < UINT32_MAX / 2)
        grow(replay);
    struct place **bucket = &replay->buckets[hash & replay->mask];
    *place = (struct place){.above = above, .next = *bucket, .name = name, .hash = hash, .name_size = (uint16_t)size};
    *bucket = place;
    return place;
}

/* --- The way down ------------------------------------------------------------------------------------------------- */

/* A key's components, one after the other, and what is known of the way so far. */
struct way {
    const char *at, *end; /* NULL: the whole key is done */
    struct place *place;  /* reached so far */
    uint32_t cleared;     /* what came before is gone */
};

static struct way way_begin(const struct builder *builder, const char *key, size_t size)
{
    return (struct way){size ? key : NULL, key + size, &builder->replay->root, 0};
}

/* What stands at the place that was reached. */
static struct item *way_item(const struct way *way)
{
    struct item *item = way->place->item;

    return item && item->order >= way->cleared ? item : NULL;
}

/* One component down, making places (unless `builder` is NULL). NULL: it is not there. */
static struct place *way_down(struct way *way, const struct replay *replay, struct builder *builder)
{
    const char *name = way->at, *nul = memchr(name, '\0', (size_t)(way->end - name));
    size_t size = (size_t)((nul ? nul : way->end) - name);
    uint32_t hash = hash_of(replay, way->place, name, size);
    struct place *place = find_place(replay, way->place, hash, name, size);

    if (!place && builder)
        place = make_place(builder, way->place, hash, name, size);
    if (way->place->cleared > way->cleared)
        way->cleared = way->place->cleared;
    way->at = nul ? nul + 1 : NULL;
    way->place = place;
    return place;
}

static bool is_non_directory(const struct item *item)
{
    return item && !S_ISDIR(item->entry.mode);
}

int replay_put(struct builder *builder, struct item *item, struct error *err)
{
    struct way way = way_begin(builder, item->path, item->path_size);

    while (way.at && !is_non_directory(way_item(&way)))
        if (!way_down(&way, builder->replay, builder))
            return builder_no_memory(builder, err);
    item->refused = way.at || (item->path_size == 0 && !S_ISDIR(item->entry.mode));
    if (item->refused) {
        item->refusal = way.at ? BUILDER_BELOW_NON_DIR : BUILDER_ROOT_NON_DIR;
        return 0;
    }
    item->place = way.place;
    way.place->item = item;
    if (!S_ISDIR(item->entry.mode))
        way.place->cleared = item->order;
    return 0;
}

struct item *replay_find(const struct builder *builder, const char *key, size_t size)
{
    struct way way = way_begin(builder, key, size);

    while (way.at && way_down(&way, builder->replay, NULL))
        continue;
    return way.place ? way_item(&way) : NULL;
}

bool replay_stands(const struct item *item)
{
    if (!item->place || item->place->item != item)
        return false;
    for (const struct place *above = item->place->above; above; above = above->above)
        if (item->order < above->cleared)
            return false;
    return true;
}
