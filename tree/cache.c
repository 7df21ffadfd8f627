/* cache.c - a hash table with lock-free readers, second-chance eviction and epoch reclamation (Fraser, 2004).
 *
 * A reader announces the epoch in which it began to look; an evicted object carries the epoch in which it left the
 * table. It is freed when every announced epoch is later. All atomics that the argument rests on are sequentially
 * consistent: on x86-64 that costs one exchange per wake-up and nothing per look-up.
 */
#include "tree/cache.h"

#include <pthread.h>
#include <stdlib.h>

#define BYTES_PER_BUCKET 4096 /* some two nodes of a directory */
#define BUCKETS_MIN 256       /* a power of two */
#define STRIPES 64            /* locks for writers, each for every 64th bucket */
#define SWEEP_MAX 512         /* buckets that one insertion looks through for victims */
#define USERS_MAX 256         /* threads */

struct cache_user {
    struct cache *cache;
    _Atomic uint64_t epoch;  /* in which it began to look; 0: rests */
    struct cached *retired;  /* evicted by this user, newest first */
    _Alignas(64) char apart; /* users do not share cache lines */
};

struct cache {
    _Atomic(struct cached *) *buckets;
    size_t mask;
    size_t limit;
    atomic_size_t bytes;
    atomic_size_t hand; /* where the next sweep begins */
    _Atomic uint64_t epoch;
    pthread_mutex_t stripes[STRIPES];
    pthread_mutex_t membership;
    _Atomic(struct cache_user *) users[USERS_MAX];
    struct cached *orphans; /* retired by users that left */
};

struct cache *cache_new(size_t limit)
{
    struct cache *cache = calloc(1, sizeof *cache);
    size_t buckets = BUCKETS_MIN;

    if (!cache)
        return NULL;
    while (buckets < limit / BYTES_PER_BUCKET)
        buckets *= 2;
    cache->buckets = calloc(buckets, sizeof *cache->buckets);
    if (!cache->buckets) {
        free(cache);
        return NULL;
    }
    cache->mask = buckets - 1;
    cache->limit = limit;
    cache->epoch = 1;
    for (int i = 0; i < STRIPES; i++)
        pthread_mutex_init(&cache->stripes[i], NULL);
    pthread_mutex_init(&cache->membership, NULL);
    return cache;
}

static void free_bucket(struct cached *object)
{
    while (object) {
        struct cached *next = object->next;

        free(object);
        object = next;
    }
}

static void free_retired(struct cached *object)
{
    while (object) {
        struct cached *next = object->retired_next;

        free(object);
        object = next;
    }
}

void cache_free(struct cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i <= cache->mask; i++)
        free_bucket(cache->buckets[i]);
    free_retired(cache->orphans);
    for (int i = 0; i < STRIPES; i++)
        pthread_mutex_destroy(&cache->stripes[i]);
    pthread_mutex_destroy(&cache->membership);
    free(cache->buckets);
    free(cache);
}

size_t cache_bytes(struct cache *cache)
{
    return cache->bytes;
}

/* --- Membership and reclamation ----------------------------------------------------------------------------------- */

struct cache_user *cache_join(struct cache *cache)
{
    struct cache_user *user = aligned_alloc(_Alignof(struct cache_user), sizeof *user);
    bool joined = false;

    if (!user)
        return NULL;
    *user = (struct cache_user){.cache = cache};
    pthread_mutex_lock(&cache->membership);
    for (int i = 0; i < USERS_MAX && !joined; i++) {
        if (!cache->users[i]) {
            cache->users[i] = user;
            joined = true;
        }
    }
    pthread_mutex_unlock(&cache->membership);
    if (!joined) {
        free(user);
        return NULL;
    }
    return user;
}

/* The earliest epoch that somebody may still be looking at. Under the membership lock, so that no user goes away. */
static uint64_t earliest_epoch(struct cache *cache)
{
    uint64_t earliest = UINT64_MAX;

    for (int i = 0; i < USERS_MAX; i++) {
        struct cache_user *user = cache->users[i];
        uint64_t epoch = user ? user->epoch : 0;

        if (epoch && epoch < earliest)
            earliest = epoch;
    }
    return earliest;
}

/* Free what this user retired before the earliest look. The list falls in epochs, so that is its tail. */
static void reclaim(struct cache_user *user)
{
    struct cache *cache = user->cache;

    pthread_mutex_lock(&cache->membership);
    uint64_t earliest = earliest_epoch(cache);
    pthread_mutex_unlock(&cache->membership);
    struct cached *keep = NULL, *object = user->retired;
    while (object && object->retired >= earliest) {
        keep = object;
        object = object->retired_next;
    }
    if (keep)
        keep->retired_next = NULL;
    else
        user->retired = NULL;
    free_retired(object);
}

void cache_rest(struct cache_user *user)
{
    if (user->epoch)
        user->epoch = 0;
    if (user->retired)
        reclaim(user);
}

void cache_leave(struct cache_user *user)
{
    if (!user)
        return;
    struct cache *cache = user->cache;
    cache_rest(user);
    pthread_mutex_lock(&cache->membership);
    for (int i = 0; i < USERS_MAX; i++)
        if (cache->users[i] == user)
            cache->users[i] = NULL;
    for (struct cached *object = user->retired, *next; object; object = next) {
        next = object->retired_next;
        object->retired_next = cache->orphans;
        cache->orphans = object;
    }
    pthread_mutex_unlock(&cache->membership);
    free(user);
}

/* --- The table ---------------------------------------------------------------------------------------------------- */

static size_t bucket_of(const struct cache *cache, int64_t id)
{
    return (size_t)((uint64_t)id * 0x9e3779b97f4a7c15ULL >> 20) & cache->mask;
}

static struct cached *find_in_bucket(struct cache *cache, int64_t id)
{
    struct cached *object = cache->buckets[bucket_of(cache, id)];

    while (object && object->id != id)
        object = object->next;
    return object;
}

/* An object is taken out of the table before the epoch ends that it is retired in. So whoever announced an epoch, and
 * then sees that it is still the one of long ago, stands in or before the one of any object's eviction. */
uint64_t cache_look(struct cache_user *user)
{
    if (!atomic_load_explicit(&user->epoch, memory_order_relaxed))
        user->epoch = user->cache->epoch;
    return user->cache->epoch;
}

struct cached *cache_find(struct cache_user *user, int64_t id)
{
    struct cache *cache = user->cache;

    cache_look(user);
    struct cached *object = find_in_bucket(cache, id);
    if (object && !atomic_load_explicit(&object->used, memory_order_relaxed))
        atomic_store_explicit(&object->used, true, memory_order_relaxed);
    return object;
}

/* Take every object of a bucket that was not used since the last time out of the table. */
static void sweep_bucket(struct cache_user *user, size_t bucket)
{
    struct cache *cache = user->cache;

    pthread_mutex_lock(&cache->stripes[bucket % STRIPES]);
    _Atomic(struct cached *) *link = &cache->buckets[bucket];
    for (struct cached *object; (object = *link);) {
        if (atomic_exchange_explicit(&object->used, false, memory_order_relaxed)) {
            link = &object->next;
            continue;
        }
        /* A reader that stands on the object still needs its `next`, so the retired list has a link of its own. */
        *link = object->next;
        atomic_fetch_sub(&cache->bytes, object->size);
        object->retired = atomic_fetch_add(&cache->epoch, 1);
        object->retired_next = user->retired;
        user->retired = object;
    }
    pthread_mutex_unlock(&cache->stripes[bucket % STRIPES]);
}

static void evict(struct cache_user *user)
{
    struct cache *cache = user->cache;

    for (int i = 0; i < SWEEP_MAX && cache->bytes > cache->limit; i++)
        sweep_bucket(user, atomic_fetch_add(&cache->hand, 1) & cache->mask);
}

struct cached *cache_insert(struct cache_user *user, struct cached *object)
{
    struct cache *cache = user->cache;
    size_t bucket = bucket_of(cache, object->id);

    atomic_store_explicit(&object->used, true, memory_order_relaxed);
    pthread_mutex_lock(&cache->stripes[bucket % STRIPES]);
    struct cached *other = find_in_bucket(cache, object->id);
    if (!other) {
        object->next = cache->buckets[bucket];
        cache->buckets[bucket] = object;
    }
    pthread_mutex_unlock(&cache->stripes[bucket % STRIPES]);
    if (other) {
        free(object);
        return other;
    }
    atomic_fetch_add(&cache->bytes, object->size);
    evict(user);
    return object;
}
