/* places.c - two arrays, a table of chains, and the names. */
#include "import/places.h"

#include "base/siphash.h"
#include "tree/node.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define NAMES_BLOCK (1u << 18)  /* bytes asked from malloc at once */
#define PLACES_BLOCK (1u << 14) /* places in one piece: growing copies nothing */
#define BUCKETS_MIN 1024u

struct block {
    struct block *next;
    size_t used;
    char bytes[NAMES_BLOCK];
};

struct places {
    struct siphash_key key; /* random: names are chosen by attackers */
    struct place **pieces;
    struct directory *directories;
    uint32_t *buckets;
    struct block *names;
    uint32_t count, piece_count, directory_count, directory_room, mask;
};

/* --- Memory ------------------------------------------------------------------------------------------------------- */

uint32_t places_count(const struct places *places)
{
    return places->count;
}

struct place *place_at(const struct places *places, uint32_t number)
{
    return &places->pieces[number / PLACES_BLOCK][number % PLACES_BLOCK];
}

struct directory *directory_at(const struct places *places, uint32_t number)
{
    return &places->directories[number];
}

static const char *copy_name(struct places *places, const char *name, size_t size)
{
    struct block *block = places->names;

    if (!block || size > NAMES_BLOCK - block->used) {
        block = malloc(sizeof *block);
        if (!block)
            return NULL;
        block->next = places->names;
        block->used = 0;
        places->names = block;
    }
    char *copy = block->bytes + block->used;
    memcpy(copy, name, size);
    block->used += size;
    return copy;
}

/* The next number's memory: 0, or it has none. */
static uint32_t new_place(struct places *places)
{
    uint32_t number = places->count;

    if (number == PLACES_MAX)
        return 0;
    if (number / PLACES_BLOCK == places->piece_count) {
        struct place **pieces = realloc(places->pieces, (places->piece_count + 1) * sizeof(struct place *));

        if (!pieces)
            return 0;
        places->pieces = pieces;
        pieces[places->piece_count] = malloc(PLACES_BLOCK * sizeof(struct place));
        if (!pieces[places->piece_count])
            return 0;
        places->piece_count++;
    }
    places->count++;
    return number;
}

uint32_t places_make_directory(struct places *places, uint32_t place)
{
    if (places->directory_count >= places->directory_room) {
        uint32_t room = places->directory_room ? places->directory_room * 2 : 64;
        struct directory *directories = realloc(places->directories, room * sizeof *directories);

        if (!directories)
            return 0;
        places->directories = directories;
        places->directory_room = room;
    }
    uint32_t number = places->directory_count++;
    const struct place *of = place_at(places, place);
    places->directories[number] = (struct directory){
        .place = place,
        .path_size = place == PLACE_ROOT ? 0 : places->directories[of->above].path_size + 1 + of->name_size,
    };
    return number;
}

struct places *places_new(void)
{
    struct places *places = calloc(1, sizeof *places);

    if (!places)
        return NULL;
    places->mask = BUCKETS_MIN - 1;
    places->buckets = calloc(BUCKETS_MIN, sizeof *places->buckets);
    places->directory_count = 1; /* nobody has the number 0 */
    new_place(places);
    if (!places->buckets || getrandom(&places->key, sizeof places->key, 0) != (ssize_t)sizeof places->key ||
        new_place(places) != PLACE_ROOT) {
        places_free(places);
        return NULL;
    }
    *place_at(places, PLACE_ROOT) = (struct place){.name = ""};
    uint32_t root = places_make_directory(places, PLACE_ROOT);
    if (!root) {
        places_free(places);
        return NULL;
    }
    place_at(places, PLACE_ROOT)->directory = root;
    return places;
}

void places_free(struct places *places)
{
    if (!places)
        return;
    for (struct block *block = places->names, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    for (uint32_t i = 0; i < places->piece_count; i++)
        free(places->pieces[i]);
    free(places->pieces);
    free(places->directories);
    free(places->buckets);
    free(places);
}

/* --- Finding ------------------------------------------------------------------------------------------------------ */

static uint32_t hash_of(const struct places *places, uint32_t directory, const char *name, size_t size)
{
    struct siphash_key key = {places->key.k0 ^ directory, places->key.k1};

    return (uint32_t)siphash(&key, name, size);
}

uint64_t places_hash(const struct places *places, const char *text, size_t size)
{
    return siphash(&places->key, text, size);
}

static uint32_t find(const struct places *places, uint32_t directory, uint32_t hash, const char *name, size_t size)
{
    uint32_t number = places->buckets[hash & places->mask];

    while (number) {
        const struct place *place = place_at(places, number);

        if (place->hash == hash && place->above == directory && place->name_size == size &&
            memcmp(place->name, name, size) == 0)
            return number;
        number = place->next;
    }
    return 0;
}

uint32_t places_find(const struct places *places, uint32_t directory, const char *name, size_t size)
{
    return find(places, directory, hash_of(places, directory, name, size), name, size);
}

/* Twice the buckets. Where there is no memory for that, chains grow instead. */
static void grow(struct places *places)
{
    uint32_t mask = places->mask * 2 + 1;
    uint32_t *buckets = calloc((size_t)mask + 1, sizeof *buckets);

    if (!buckets)
        return;
    for (uint32_t number = PLACE_ROOT + 1; number < places->count; number++) {
        struct place *place = place_at(places, number);

        place->next = buckets[place->hash & mask];
        buckets[place->hash & mask] = number;
    }
    free(places->buckets);
    places->buckets = buckets;
    places->mask = mask;
}

uint32_t places_make(struct places *places, uint32_t directory, const char *name, size_t size)
{
    uint32_t hash = hash_of(places, directory, name, size), number = find(places, directory, hash, name, size);

    if (number)
        return number;
    const char *copy = copy_name(places, name, size);
    if (!copy)
        return 0;
    if (places->count > places->mask && places->mask < PLACES_MAX - 1)
        grow(places);
    number = new_place(places);
    if (!number)
        return 0;
    struct directory *in = directory_at(places, directory);
    uint32_t *bucket = &places->buckets[hash & places->mask];
    *place_at(places, number) = (struct place){
        .name = copy,
        .above = directory,
        .next = *bucket,
        .sibling = in->first,
        .hash = hash,
        .name_size = (uint16_t)size,
    };
    *bucket = in->first = number;
    return number;
}

static int by_name(const void *a, const void *b, void *arg)
{
    const struct place *x = place_at(arg, *(const uint32_t *)a), *y = place_at(arg, *(const uint32_t *)b);

    return name_compare(x->name, x->name_size, y->name, y->name_size);
}

uint32_t *places_sorted(size_t *count, struct places *places, uint32_t directory)
{
    *count = 0;
    for (uint32_t i = directory_at(places, directory)->first; i; i = place_at(places, i)->sibling)
        ++*count;
    uint32_t *sorted = malloc((*count + 1) * sizeof *sorted), *at = sorted;
    if (!sorted)
        return NULL;
    for (uint32_t i = directory_at(places, directory)->first; i; i = place_at(places, i)->sibling)
        *at++ = i;
    qsort_r(sorted, *count, sizeof *sorted, by_name, places);
    return sorted;
}
