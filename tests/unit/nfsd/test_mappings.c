/* test_mappings.c - windows on large contents: they are found as long as somebody reads, and go when nobody does. */
#include "nfsd/mappings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SIZE 100000u
#define BLOB 7

static struct mappings mappings;
static FILE *file;

static int make_file(void **state)
{
    (void)state;
    file = tmpfile();
    assert_non_null(file);
    for (unsigned i = 0; i < SIZE; i++)
        putc((int)(i % 251), file);
    return fflush(file);
}

static int close_file(void **state)
{
    (void)state;
    return fclose(file);
}

static struct mapping *add(void)
{
    struct mapping *mapping;

    assert_int_equal(mappings_add(&mapping, &mappings, fileno(file), BLOB, SIZE, 0), 0);
    return mapping;
}

/* True: the last of them left something. */
static bool ticks(unsigned count)
{
    bool left = false;

    while (count--)
        left = mappings_age(&mappings);
    return left;
}

static void what_is_read_stays(void **state)
{
    struct mapping *mapping = add();

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        assert_true(ticks(MAPPING_IDLE_TICKS));
        assert_ptr_equal(mappings_find(&mappings, BLOB, SIZE - 1), mapping);
        assert_int_equal(mapping->bytes[SIZE - 1], (SIZE - 1) % 251);
    }
    assert_null(mappings_find(&mappings, BLOB, SIZE));
    assert_null(mappings_find(&mappings, BLOB + MAPPINGS, 0)); /* in the same slot */
    mappings_drop(&mappings);
    assert_null(mappings_find(&mappings, BLOB, 0));
}

static void what_nobody_reads_goes(void **state)
{
    (void)state;
    add();
    assert_true(ticks(MAPPING_IDLE_TICKS));
    assert_false(ticks(1));
    assert_null(mappings_find(&mappings, BLOB, 0));
    assert_int_equal(mappings.bytes, 0);
}

/* Asking for what is not there is no reading. */
static void other_calls_keep_nothing(void **state)
{
    (void)state;
    add();
    for (unsigned i = 0; i <= MAPPING_IDLE_TICKS; i++) {
        assert_null(mappings_find(&mappings, BLOB, SIZE));
        assert_null(mappings_find(&mappings, BLOB + 1, 0));
        ticks(1);
    }
    assert_null(mappings_find(&mappings, BLOB, 0));
}

/* A peer that is slow to read its replies keeps the window that they are sent from. */
static void what_is_sent_from_stays(void **state)
{
    struct mapping *mapping = add();

    (void)state;
    mapping->hold.users = 1;
    assert_true(ticks(5 * MAPPING_IDLE_TICKS));
    assert_int_equal(mapping->bytes[1000], 1000 % 251);
    mapping->hold.users = 0;
    mapping->hold.unused(&mapping->hold);
    assert_ptr_equal(mappings_find(&mappings, BLOB, 0), mapping);
    assert_false(ticks(MAPPING_IDLE_TICKS + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_stays),
        cmocka_unit_test(what_nobody_reads_goes),
        cmocka_unit_test(other_calls_keep_nothing),
        cmocka_unit_test(what_is_sent_from_stays),
    };

    return cmocka_run_group_tests(tests, make_file, close_file);
}
