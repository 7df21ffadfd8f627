/* cache.h - a bounded table of immutable objects by id, shared by all threads and read without a lock.
 *
 * An object that was evicted is freed when no thread can still look at it: each thread says when it rests (between
 * wake-ups), and what was evicted before the last of them rested is freed. So nothing that was found needs to be let
 * go.
 */
#ifndef TREE_CACHE_H
#define TREE_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What every object begins with; allocated by malloc, freed by free. */
struct cached {
    _Atomic(struct cached *) next; /* in its bucket; the cache's own, as all up to `retired` */
    atomic_bool used;              /* since the eviction hand came by last */
    struct cached *retired_next;   /* in the list of those that were evicted */
    uint64_t retired;              /* epoch of its eviction */
    int64_t id;
    size_t size; /* bytes that it counts for */
};

/* Ids of nodes are rows' and lie between 0 and the lower of these bits; with it they are of nodes without counts; a
 * content's is its row's with the higher one; tables of links have negative ones. */
#define CACHE_ID_UNCOUNTED ((int64_t)1 << 61)
#define CACHE_ID_CONTENT ((int64_t)1 << 62)

struct cache;
struct cache_user; /* one thread */

struct cache *cache_new(size_t limit);   /* bytes; NULL: out of memory */
void cache_free(struct cache *cache);    /* after the last user left */
size_t cache_bytes(struct cache *cache); /* in the table now; what waits for a rest comes on top */

struct cache_user *cache_join(struct cache *cache); /* NULL: out of memory */
void cache_leave(struct cache_user *user);

/* The object, valid until this user rests, or NULL. */
struct cached *cache_find(struct cache_user *user, int64_t id);

/* Begin to look, if this user rests. As long as this returns the same number nothing was evicted, and what was found
 * when it did so before is still there: a pointer to it is as good as finding it again, which is asked of every one of
 * them when the number has changed. That is also what says that it is in use. */
uint64_t cache_look(struct cache_user *user);

/* Put an object in (it is the cache's from now on) and evict others if need be. Returns the one that is in the table:
 * this one, or the one that another thread put there first. */
struct cached *cache_insert(struct cache_user *user, struct cached *object);

/* Nothing found before is looked at any more. */
void cache_rest(struct cache_user *user);

#endif
