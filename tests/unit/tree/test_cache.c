/* The cache of nodes: what is found is what was put in, its bytes stay bounded, what a user looks at is not freed under
 * him, and several threads at it at once are no race (run this under TSan, too). */
#include "tree/cache.h"

#include "tests/unit/random.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OBJECT_SIZE 1024  /* bytes that each object counts for */
#define LIMIT (256 << 10) /* of a cache: 256 objects */
#define THREADS 4
#define ROUNDS 40000
#define IDS 2000 /* distinct objects that threads ask for: eight times what fits */
#define GOOD 0x600df00dU

struct object {
    struct cached cached;
    uint32_t magic; /* GOOD while it may be looked at */
    uint64_t twice; /* of its id */
};

static struct cached *make(int64_t id)
{
    struct object *object = calloc(1, sizeof *object);

    assert_non_null(object);
    object->cached.id = id;
    object->cached.size = OBJECT_SIZE;
    object->magic = GOOD;
    object->twice = (uint64_t)id * 2;
    return &object->cached;
}

static bool is_good(const struct cached *cached, int64_t id)
{
    const struct object *object = (const struct object *)cached;

    return cached->id == id && object->magic == GOOD && object->twice == (uint64_t)id * 2;
}

static void what_was_put_in_is_found(void **state)
{
    struct cache *cache = cache_new(LIMIT);
    struct cache_user *user = cache_join(cache);
    (void)state;

    assert_null(cache_find(user, 1));
    struct cached *one = cache_insert(user, make(1));
    assert_ptr_equal(cache_find(user, 1), one);
    assert_null(cache_find(user, 2));
    /* The second of one id goes, whoever comes second. */
    assert_ptr_equal(cache_insert(user, make(1)), one);
    assert_int_equal(cache_bytes(cache), OBJECT_SIZE);
    for (int64_t id = -100; id < 100; id++)
        assert_true(is_good(cache_insert(user, make(id * 4096)), id * 4096)); /* ids that like to collide */
    for (int64_t id = -100; id < 100; id++)
        assert_true(is_good(cache_find(user, id * 4096), id * 4096));
    cache_leave(user);
    cache_free(cache);
}

static void bytes_are_bounded(void **state)
{
    struct cache *cache = cache_new(LIMIT);
    struct cache_user *user = cache_join(cache);
    size_t found = 0;
    (void)state;

    for (int64_t id = 1; id <= 20000; id++) {
        cache_insert(user, make(id));
        assert_true(cache_bytes(cache) <= LIMIT + OBJECT_SIZE);
        if (id % 16 == 0)
            cache_rest(user);
    }
    for (int64_t id = 1; id <= 20000; id++)
        found += cache_find(user, id) != NULL;
    assert_int_equal(found * OBJECT_SIZE, cache_bytes(cache));
    assert_in_range(found, LIMIT / OBJECT_SIZE / 2, LIMIT / OBJECT_SIZE + 1);
    cache_leave(user);
    cache_free(cache);
}

/* What is looked at all the time stays, whatever else passes through. */
static void what_is_used_stays(void **state)
{
    struct cache *cache = cache_new(LIMIT);
    struct cache_user *user = cache_join(cache);
    int missed = 0;
    (void)state;

    cache_insert(user, make(7));
    for (int64_t id = 1000; id < 21000; id++) {
        if (!cache_find(user, 7)) {
            missed++;
            cache_insert(user, make(7));
        }
        cache_insert(user, make(id));
        cache_rest(user);
    }
    assert_in_range(missed, 0, 20);
    cache_leave(user);
    cache_free(cache);
}

/* An object that one user holds survives its eviction by another until he rests; ASan sees it otherwise. */
static void what_is_held_is_not_freed(void **state)
{
    struct cache *cache = cache_new(LIMIT);
    struct cache_user *reader = cache_join(cache), *writer = cache_join(cache);
    const struct cached *held[50];
    (void)state;

    for (int64_t id = 0; id < 50; id++)
        cache_insert(writer, make(id));
    for (int64_t id = 0; id < 50; id++)
        held[id] = cache_find(reader, id);
    for (int64_t id = 1000; id < 9000; id++) {
        cache_insert(writer, make(id));
        cache_rest(writer);
    }
    for (int64_t id = 0; id < 50; id++)
        assert_true(is_good(held[id], id));
    assert_null(cache_find(writer, 0)); /* it was evicted indeed */
    cache_rest(reader);
    cache_leave(writer); /* what he evicted is left to the cache */
    cache_leave(reader);
    cache_free(cache);
}

struct thread {
    struct cache *cache;
    uint64_t seed;
    unsigned found, wrong;
};

/* A worker of a server: looks up some, keeps them for a wake-up, checks that they are still what they were, rests. */
static void *work(void *arg)
{
    struct thread *t = arg;
    struct cache_user *user = cache_join(t->cache);

    for (int round = 0; round < ROUNDS / 8; round++) {
        const struct cached *held[8];
        int64_t ids[8];

        for (int i = 0; i < 8; i++) {
            ids[i] = (int64_t)(random_next(&t->seed) % IDS);
            held[i] = cache_find(user, ids[i]);
            t->found += held[i] != NULL;
            if (!held[i])
                held[i] = cache_insert(user, make(ids[i]));
        }
        for (int i = 0; i < 8; i++)
            t->wrong += !is_good(held[i], ids[i]);
        cache_rest(user);
        if (round % 500 == 499) {
            cache_leave(user);
            user = cache_join(t->cache);
        }
    }
    cache_leave(user);
    return NULL;
}

static void threads_do_not_disturb_one_another(void **state)
{
    struct cache *cache = cache_new(LIMIT);
    struct thread threads[THREADS];
    pthread_t ids[THREADS];
    (void)state;

    for (unsigned i = 0; i < THREADS; i++) {
        threads[i] = (struct thread){.cache = cache, .seed = RANDOM_SEED + i};
        assert_int_equal(pthread_create(&ids[i], NULL, work, &threads[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(ids[i], NULL);
        assert_int_equal(threads[i].wrong, 0);
        assert_in_range(threads[i].found, ROUNDS / 100, ROUNDS);
    }
    assert_in_range(cache_bytes(cache), LIMIT / 2, LIMIT + THREADS * OBJECT_SIZE);
    cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_in_is_found),
        cmocka_unit_test(bytes_are_bounded),
        cmocka_unit_test(what_is_used_stays),
        cmocka_unit_test(what_is_held_is_not_freed),
        cmocka_unit_test(threads_do_not_disturb_one_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
