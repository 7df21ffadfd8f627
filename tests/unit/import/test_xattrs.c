/* Extended attributes: one form whatever the order they came in, and the limits. */
#include "import/xattrs.h"

#include "db/blob.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct error err;

static void add(struct xattrs *xattrs, const char *name, const char *value)
{
    assert_null(xattrs_problem(xattrs, name, strlen(name), strlen(value)));
    xattrs_add(xattrs, name, strlen(name), value, strlen(value));
}

static void the_form_is_canonical(void **state)
{
    static const char expected[] = "\0\0\0\3"
                                   "\0\0\0\1a\0\0\0\2v1"
                                   "\0\0\0\2ab\0\0\0\0"
                                   "\0\0\0\1b\0\0\0\4last";
    struct xattrs xattrs = {0};
    struct buffer out = {0};
    (void)state;

    add(&xattrs, "b", "first");
    add(&xattrs, "ab", "");
    add(&xattrs, "b", "last");
    add(&xattrs, "a", "v1");
    xattrs_encode(&out, &xattrs);
    assert_int_equal(out.size, sizeof expected - 1);
    assert_memory_equal(out.bytes, expected, sizeof expected - 1);
    assert_int_equal(xattrs_count(&xattrs), 0);
    xattrs_free(&xattrs);
    buffer_free(&out);
}

static void limits_are_told(void **state)
{
    static char text[XATTRS_VALUE_MAX + 2];
    struct xattrs xattrs = {0};
    (void)state;

    memset(text, 'n', sizeof text);
    assert_non_null(xattrs_problem(&xattrs, "", 0, 1));
    assert_null(xattrs_problem(&xattrs, text, XATTRS_NAME_MAX, XATTRS_VALUE_MAX));
    assert_non_null(xattrs_problem(&xattrs, text, XATTRS_NAME_MAX + 1, 1));
    assert_non_null(xattrs_problem(&xattrs, "a", 1, XATTRS_VALUE_MAX + 1));
    assert_non_null(xattrs_problem(&xattrs, "a\0b", 3, 1));
    unsigned count = 0;
    while (!xattrs_problem(&xattrs, "name", 4, XATTRS_VALUE_MAX) && ++count)
        xattrs_add(&xattrs, "name", 4, text, XATTRS_VALUE_MAX);
    assert_int_equal(count, XATTRS_BYTES_MAX / (XATTRS_VALUE_MAX + 4));
    xattrs_free(&xattrs);
}

static void they_are_a_blob(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct xattrs xattrs = {0};
    struct digest digest;
    struct blob blob;
    int64_t id = 1;
    (void)state;

    assert_int_equal(xattrs_put(&id, &digest, &xattrs, store, &err), 0);
    assert_int_equal(id, 0);
    add(&xattrs, "user.a", "b");
    assert_int_equal(xattrs_put(&id, &digest, &xattrs, store, &err), 0);
    assert_int_equal(blob_find(&blob, store, id, &err), 0);
    assert_int_equal(blob.size, 4 + 4 + 6 + 4 + 1);
    assert_true(digest_equal(&blob.digest, &digest));
    xattrs_free(&xattrs);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_form_is_canonical),
        cmocka_unit_test(limits_are_told),
        cmocka_unit_test(they_are_a_blob),
    };

    return cmocka_run_group_tests(tests, NULL, scratch_tear_down);
}
