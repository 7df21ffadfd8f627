/* The cache while several threads use it at once: what was found stays what it is until its finder rests, what was
 * evicted is freed in the end, and the limit is kept. To be run under ThreadSanitizer and AddressSanitizer, too. */
#include "tree/cache.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define THREADS 4
#define OBJECTS 3000      /* distinct ids: several times what the cache holds */
#define LIMIT (64u << 10) /* bytes */
#define LOOKS 200000      /* of each thread */
#define REST_EVERY 24     /* looks: so many objects are held at once */
#define JOIN_EVERY 5000   /* looks: a thread leaves, and comes back as another user */
#define PAYLOAD_WORDS 8

struct object {
    struct cached cached;
    int64_t payload[PAYLOAD_WORDS]; /* its id, in every word */
};

static struct cache *cache;

static struct object *new_object(int64_t id)
{
    struct object *object = calloc(1, sizeof *object);

    if (!object)
        abort();
    object->cached.id = id;
    object->cached.size = sizeof *object;
    for (int i = 0; i < PAYLOAD_WORDS; i++)
        object->payload[i] = id;
    return object;
}

static void check(const struct object *object, int64_t id)
{
    for (int i = 0; i < PAYLOAD_WORDS; i++)
        if (object->payload[i] != id)
            abort(); /* cmocka's own way out is for the main thread only */
}

static uint32_t next(uint32_t *state)
{
    return *state = *state * 1664525 + 1013904223;
}

static void *use(void *arg)
{
    uint32_t state = *(uint32_t *)arg;
    struct cache_user *user = cache_join(cache);
    const struct object *held[REST_EVERY];
    int64_t ids[REST_EVERY];
    unsigned count = 0;

    for (unsigned look = 1; look <= LOOKS; look++) {
        /* Low ids come more often, so some are found and others evicted. */
        int64_t id = 1 + (int64_t)((next(&state) >> 8) % ((next(&state) >> 8) % OBJECTS + 1));
        struct cached *found = cache_find(user, id);

        if (!found)
            found = cache_insert(user, &new_object(id)->cached);
        held[count] = (const struct object *)found;
        ids[count++] = id;
        if (count < REST_EVERY)
            continue;
        while (count > 0) {
            count--;
            check(held[count], ids[count]);
        }
        cache_rest(user);
        if (look % JOIN_EVERY < REST_EVERY) {
            cache_leave(user);
            user = cache_join(cache);
        }
    }
    cache_leave(user);
    return NULL;
}

static void threads_share_it(void **state)
{
    pthread_t threads[THREADS];
    uint32_t seeds[THREADS];
    (void)state;

    cache = cache_new(LIMIT);
    assert_non_null(cache);
    for (uint32_t i = 0; i < THREADS; i++) {
        seeds[i] = i + 1;
        assert_int_equal(pthread_create(&threads[i], NULL, use, &seeds[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_in_range(cache_bytes(cache), LIMIT / 2, LIMIT + THREADS * sizeof(struct object));
    cache_free(cache);
}

/* What one user holds is not freed by another's evictions, however many, and not by his own. */
static void what_is_held_stays(void **state)
{
    (void)state;

    cache = cache_new(LIMIT);
    assert_non_null(cache);
    struct cache_user *holder = cache_join(cache), *other = cache_join(cache);
    const struct object *held = (const struct object *)cache_insert(other, &new_object(1)->cached);
    cache_rest(other);
    assert_ptr_equal(cache_find(holder, 1), held);
    for (int64_t id = 2; id < 4 * OBJECTS; id++) {
        cache_insert(other, &new_object(id)->cached);
        cache_rest(other);
    }
    assert_null(cache_find(other, 1));
    check(held, 1);
    cache_rest(holder);
    cache_rest(other);
    cache_leave(holder);
    cache_leave(other);
    cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_it),
        cmocka_unit_test(what_is_held_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
