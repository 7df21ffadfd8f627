/* "/cache" with as many unstable files as drafts are held: one more is made stable at once, and is unstable again when
 * one of them is done. What that said is so: kill -9 leaves what was told to be stable. */
#include "db/verdicts.h"
#include "nfsd/verdict_writer.h"
#include "tests/e2e/cache_calls.h"
#include "tests/e2e/fixture.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define OVER DRAFTS_MAX /* the number of the file that is one too many */
#define FILES (DRAFTS_MAX + 2)

static const char *store;
static struct server server;
static struct client client;
static struct fh files[FILES];

static void begin(void)
{
    server_start_with(&server, store, "insecure,cache=rw", 1 << 20);
    client_connect(&client, server.port, true);
}

static int set_up(void **state)
{
    struct fh slash, cache, scanner;
    char name[VERDICT_TEXT];
    (void)state;

    store = fixture_path("drafts");
    fixture_publish_empty(store, 1);
    begin();
    assert_int_equal(call_mount(&slash, &client, "/"), OK);
    cache = call_walk(&client, &slash, "cache");
    assert_int_equal(call_mkdir(&scanner, &client, &cache, "scanner"), OK);
    for (unsigned i = 0; i < FILES; i++)
        assert_int_equal(call_create(&files[i], NULL, &client, &scanner, verdict_text(name, i, ""), GUARDED, 0, NULL),
                         OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    client_close(&client);
    server_stop(&server);
    scratch_remove();
    return 0;
}

/* An unstable WRITE of a byte; how stable it became. */
static uint32_t put(unsigned file, uint64_t offset)
{
    uint32_t committed;

    assert_int_equal(call_write(&committed, NULL, NULL, &client, &files[file], offset, "x", 1, UNSTABLE), OK);
    return committed;
}

static void assert_size(unsigned file, uint32_t expected)
{
    const uint8_t *data;
    uint32_t count;
    bool eof;

    assert_int_equal(call_read(&data, &count, &eof, &client, &files[file], 0, 10), OK);
    if (count != expected)
        fail_msg("file %u has %u bytes, not %u", file, count, expected);
}

static void one_more_than_are_held_is_stable(void **state)
{
    (void)state;
    for (unsigned i = 0; i < DRAFTS_MAX; i++)
        assert_int_equal(put(i, 0), UNSTABLE);
    assert_int_equal(put(OVER, 0), FILE_SYNC);
    assert_int_equal(put(OVER, 1), FILE_SYNC);
    for (unsigned i = 0; i < DRAFTS_MAX; i++) /* who has one keeps it */
        assert_int_equal(put(i, 1), UNSTABLE);
    for (unsigned i = 0; i <= OVER; i++)
        assert_size(i, 2);
    assert_int_equal(call_commit(NULL, &client, &files[0]), OK);
    assert_int_equal(put(OVER, 2), UNSTABLE); /* there is room again, for one */
    assert_int_equal(put(OVER + 1, 0), FILE_SYNC);
    assert_size(OVER, 3);

    client_close(&client);
    server_kill(&server);
    begin();
    assert_size(0, 2);
    for (unsigned i = 1; i < DRAFTS_MAX; i++)
        assert_size(i, 0);
    assert_size(OVER, 2);
    assert_size(OVER + 1, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_more_than_are_held_is_stable),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
