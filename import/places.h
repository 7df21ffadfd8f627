/* places.h - where things stand while a tree is built: one place a name, found by the directory it is in and the name.
 *
 * A directory that is replaced gets a new number when it comes back, so nothing that stood below it before is found any
 * more, and nothing has to be looked for to take it away. Private to builder*.c.
 */
#ifndef IMPORT_PLACES_H
#define IMPORT_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLACES_MAX (1u << 31)

/* Numbers of places and directories; 0 is none. */
#define PLACE_ROOT 1u
#define DIRECTORY_ROOT 1u

enum {
    PLACE_DIR = 1,         /* what stands here of its own is a directory, */
    PLACE_LINK = 2,        /* a symbolic link; neither: something else */
    PLACE_TOUCHED = 4,     /* something was put here or below */
    PLACE_GONE = 8,        /* what the tree below has here is not to be seen */
    PLACE_UNKNOWN = 16,    /* builder_unknown() */
    PLACE_MADE = 32,       /* what stands here of its own was made */
    PLACE_AS_BELOW = 64,   /* when it was written, the entry below was taken for it, */
    PLACE_ALL_BELOW = 128, /* with everything below that */
    PLACE_SAID = 256,      /* something that was not made was put here or below */
};

struct place {
    const char *name;
    uint64_t item;      /* where the journal tells what stands here of its own, plus 1; 0: nothing does */
    uint32_t above;     /* the directory it is in */
    uint32_t next;      /* place in its bucket */
    uint32_t sibling;   /* place in the same directory */
    uint32_t directory; /* 0: nothing below it was ever asked for */
    uint32_t hash;
    uint32_t links; /* group of hard links that what is seen here belongs to, 0: none */
    uint16_t name_size;
    uint16_t flags;
};

struct directory {
    int64_t below;      /* what the tree below has here: id of a node; 0: nothing that is to be seen */
    uint32_t place;     /* whose directory it is */
    uint32_t first;     /* place in it; any order */
    uint32_t path_size; /* bytes; the root's is 0 */
};

struct places;

/* With a root. NULL: out of memory, or there is no randomness. */
struct places *places_new(void);
void places_free(struct places *places);

/* How many were made. */
uint32_t places_count(const struct places *places);

/* Valid until the next place (directory) is made. */
struct place *place_at(const struct places *places, uint32_t number);
struct directory *directory_at(const struct places *places, uint32_t number);

/* The place of a name in a directory, 0: there is none. */
uint32_t places_find(const struct places *places, uint32_t directory, const char *name, size_t size);

/* The same, made if need be. 0: out of memory, or there are PLACES_MAX of them. */
uint32_t places_make(struct places *places, uint32_t directory, const char *name, size_t size);

/* A new directory for a place; 0 as above. */
uint32_t places_make_directory(struct places *places, uint32_t place);

/* Of any text, with a key of these places' own. */
uint64_t places_hash(const struct places *places, const char *text, size_t size);

/* The places in a directory, in the order of their names. The caller frees them. NULL: out of memory. */
uint32_t *places_sorted(size_t *count, struct places *places, uint32_t directory);

#endif
