/* The lock manager: shared locks granted, exclusive ones refused with what clients turn into EROFS, no state. */
#include "tests/e2e/fixture.h"
#include "tests/e2e/nfs_calls.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TEST = 1, LOCK, CANCEL, UNLOCK, GRANTED, SHARE = 20, UNSHARE, NM_LOCK, FREE_ALL };
enum { NLM_GRANTED = 0, NLM_DENIED = 1, NLM_ROFS = 6, NLM_STALE_FH = 7 };

static struct server server;
static struct client client;
static struct fh file, bad;

static int set_up(void **state)
{
    const char *store = fixture_path("locks");
    char path[64];
    struct fh root;
    (void)state;

    snprintf(path, sizeof path, "/snap/%s", fixture_publish(store));
    server_start(&server, store);
    client_connect(&client, server.port, true);
    assert_int_equal(call_mount(&root, &client, path), OK);
    bad = file = call_walk(&client, &root, "etc/passwd");
    bad.bytes[20] ^= 1;
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

static void add_lock(struct buffer *args, const struct fh *fh)
{
    add_text(args, "client");
    add_opaque(args, fh->bytes, fh->size);
    add_text(args, "owner");
    buffer_add_be32(args, 99); /* svid */
    buffer_add_be64(args, 0);
    buffer_add_be64(args, UINT64_MAX);
}

static uint32_t call(uint32_t procedure, const struct buffer *args)
{
    uint32_t size;

    assert_int_equal(client_call(&client, NLM_PROGRAM, 4, procedure, args), CLIENT_SUCCESS);
    const uint8_t *cookie = client_opaque(&size, &client);
    assert_int_equal(size, 5);
    assert_memory_equal(cookie, "c-123", 5);
    return client_u32(&client);
}

static uint32_t lock(uint32_t procedure, bool exclusive, const struct fh *fh)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};

    add_text(&args, "c-123");
    if (procedure == LOCK || procedure == NM_LOCK || procedure == CANCEL)
        buffer_add_be32(&args, 1); /* block */
    if (procedure != UNLOCK)
        buffer_add_be32(&args, exclusive);
    add_lock(&args, fh);
    if (procedure == LOCK || procedure == NM_LOCK)
        buffer_add_be64(&args, 0); /* reclaim, state */
    uint32_t stat = call(procedure, &args);
    client_done(&client);
    return stat;
}

static uint32_t share(uint32_t procedure, uint32_t deny, uint32_t access)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};

    add_text(&args, "c-123");
    add_text(&args, "client");
    add_opaque(&args, file.bytes, file.size);
    add_text(&args, "owner");
    buffer_add_be32(&args, deny);
    buffer_add_be32(&args, access);
    buffer_add_be32(&args, 0);
    uint32_t stat = call(procedure, &args);
    client_u32(&client); /* sequence */
    client_done(&client);
    return stat;
}

static void shared_locks_are_granted(void **state)
{
    (void)state;

    assert_int_equal(lock(LOCK, false, &file), NLM_GRANTED);
    assert_int_equal(lock(LOCK, false, &file), NLM_GRANTED);
    assert_int_equal(lock(NM_LOCK, false, &file), NLM_GRANTED);
    assert_int_equal(lock(TEST, false, &file), NLM_GRANTED);
    assert_int_equal(lock(UNLOCK, false, &file), NLM_GRANTED);
    assert_int_equal(lock(CANCEL, false, &file), NLM_DENIED);
    assert_int_equal(lock(GRANTED, false, &file), NLM_DENIED);
}

static void exclusive_locks_are_not(void **state)
{
    (void)state;

    assert_int_equal(lock(LOCK, true, &file), NLM_ROFS);
    assert_int_equal(lock(NM_LOCK, true, &file), NLM_ROFS);
    assert_int_equal(lock(TEST, true, &file), NLM_GRANTED); /* nobody holds it: that was asked */
}

static void handles_are_checked(void **state)
{
    (void)state;

    assert_int_equal(lock(LOCK, false, &bad), NLM_STALE_FH);
    assert_int_equal(lock(LOCK, true, &bad), NLM_STALE_FH);
    assert_int_equal(lock(TEST, false, &bad), NLM_STALE_FH);
    assert_int_equal(lock(CANCEL, false, &bad), NLM_STALE_FH);
    assert_int_equal(lock(UNLOCK, false, &bad), NLM_GRANTED);
}

static void shares_are_for_reading(void **state)
{
    static const uint32_t expected[4][4] = {
        /* by what is denied to others; access: none, read, write, both */
        {NLM_GRANTED, NLM_GRANTED, NLM_ROFS, NLM_ROFS},
        {NLM_DENIED, NLM_DENIED, NLM_ROFS, NLM_ROFS},
        {NLM_GRANTED, NLM_GRANTED, NLM_ROFS, NLM_ROFS},
        {NLM_DENIED, NLM_DENIED, NLM_ROFS, NLM_ROFS},
    };
    (void)state;

    for (uint32_t deny = 0; deny < 4; deny++)
        for (uint32_t access = 0; access < 4; access++)
            assert_int_equal(share(SHARE, deny, access), expected[deny][access]);
    assert_int_equal(share(UNSHARE, 0, 1), NLM_GRANTED);
}

static void the_rest_answers(void **state)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};
    (void)state;

    add_text(&args, "client");
    buffer_add_be32(&args, 1);
    assert_int_equal(client_call(&client, NLM_PROGRAM, 4, 0, NULL), CLIENT_SUCCESS);
    assert_int_equal(client_call(&client, NLM_PROGRAM, 4, FREE_ALL, &args), CLIENT_SUCCESS);
    client_done(&client);
    for (uint32_t procedure = 6; procedure < 20; procedure++)
        assert_int_equal(client_call(&client, NLM_PROGRAM, 4, procedure, &args), CLIENT_PROC_UNAVAIL);
    assert_int_equal(client_call(&client, NLM_PROGRAM, 4, LOCK, &args), CLIENT_GARBAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_locks_are_granted), cmocka_unit_test(exclusive_locks_are_not),
        cmocka_unit_test(handles_are_checked),      cmocka_unit_test(shares_are_for_reading),
        cmocka_unit_test(the_rest_answers),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
