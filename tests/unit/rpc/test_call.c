/* test_call.c - what a call is answered with (RFC 5531), over a connection. */
#include "base/bytes.h"
#include "rpc/call.h"
#include "rpc/limits.h"
#include "tests/unit/rpc/harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct exchange {
    struct harness harness;
    int fd;
    struct buffer record, reply;
};

static int setup(void **state)
{
    static struct exchange exchange;

    memset(&exchange, 0, sizeof exchange);
    harness_start_default(&exchange.harness, 1);
    exchange.fd = client_connect(exchange.harness.port);
    *state = &exchange;
    return 0;
}

static int teardown(void **state)
{
    struct exchange *x = *state;

    close(x->fd);
    buffer_free(&x->record);
    buffer_free(&x->reply);
    harness_stop(&x->harness);
    return 0;
}

static void ask(struct exchange *x)
{
    send_record(x->fd, &x->record);
    assert_true(receive_record(&x->reply, x->fd));
    assert_int_equal(word(&x->reply, 0), get_be32(x->record.bytes));
    assert_int_equal(word(&x->reply, 1), REPLY);
    buffer_clear(&x->record);
}

static void assert_accepted(struct exchange *x, enum accept_stat stat)
{
    assert_int_equal(word(&x->reply, 2), MSG_ACCEPTED);
    assert_int_equal(word(&x->reply, 3), AUTH_NONE);
    assert_int_equal(word(&x->reply, 4), 0);
    assert_int_equal(word(&x->reply, 5), stat);
}

static void assert_auth_error(struct exchange *x, enum auth_stat why)
{
    assert_int_equal(word(&x->reply, 2), MSG_DENIED);
    assert_int_equal(word(&x->reply, 3), AUTH_ERROR);
    assert_int_equal(word(&x->reply, 4), why);
}

static void test_null(void **state)
{
    struct exchange *x = *state;

    call_begin(&x->record, 7, ECHO_PROGRAM, 3, ECHO_NULL);
    ask(x);
    assert_accepted(x, SUCCESS);
    assert_int_equal(x->reply.size, 24);
}

static void test_echo_of_any_padding(void **state)
{
    struct exchange *x = *state;

    for (uint32_t size = 0; size < 9; size++) {
        call_begin(&x->record, size, ECHO_PROGRAM, 3, ECHO_OPAQUE);
        add_opaque(&x->record, "abcdefghi", size);
        ask(x);
        assert_accepted(x, SUCCESS);
        assert_int_equal(word(&x->reply, 6), size);
        assert_int_equal(x->reply.size, 28 + (size + 3) / 4 * 4);
        assert_memory_equal(x->reply.bytes + 28, "abcdefghi", size);
    }
}

static void test_other_rpc_version(void **state)
{
    struct exchange *x = *state;

    call_begin(&x->record, 1, ECHO_PROGRAM, 3, ECHO_NULL);
    put_be32(x->record.bytes + 8, 3);
    ask(x);
    assert_int_equal(word(&x->reply, 2), MSG_DENIED);
    assert_int_equal(word(&x->reply, 3), RPC_MISMATCH);
    assert_int_equal(word(&x->reply, 4), 2);
    assert_int_equal(word(&x->reply, 5), 2);
}

static void test_unknown_program_version_procedure(void **state)
{
    struct exchange *x = *state;

    call_begin(&x->record, 1, 100227, 3, 0); /* NFSACL, as Linux asks */
    ask(x);
    assert_accepted(x, PROG_UNAVAIL);
    for (unsigned i = 0; i < 2; i++) {
        call_begin(&x->record, 2, ECHO_PROGRAM, 4, 0);
        ask(x);
        assert_accepted(x, PROG_MISMATCH);
        assert_int_equal(word(&x->reply, 6), 2);
        assert_int_equal(word(&x->reply, 7), 3);
    }
    static const uint32_t procedures[] = {ECHO_NONE, ECHO_PROCEDURES, 1000000, ~0u};
    for (unsigned i = 0; i < 4; i++) {
        call_begin(&x->record, 3, ECHO_PROGRAM, 3, procedures[i]);
        ask(x);
        assert_accepted(x, PROC_UNAVAIL);
    }
}

static void test_garbage_arguments(void **state)
{
    static const uint32_t counts[] = {ECHO_MAX + 1, 0x7fffffff, 0xfffffffd, 0xfffffffe, 0xffffffff, 100};
    struct exchange *x = *state;

    for (unsigned i = 0; i < 6; i++) { /* counts beyond the limit, that wrap with +1 or +3, beyond the record */
        call_begin(&x->record, i, ECHO_PROGRAM, 3, ECHO_OPAQUE);
        buffer_add_be32(&x->record, counts[i]);
        ask(x);
        assert_accepted(x, GARBAGE_ARGS);
        call_begin(&x->record, i, ECHO_PROGRAM, 3, ECHO_STRING);
        buffer_add_be32(&x->record, counts[i]);
        ask(x);
        assert_accepted(x, GARBAGE_ARGS);
    }
    call_begin(&x->record, 9, ECHO_PROGRAM, 3, ECHO_BIG); /* no argument at all */
    ask(x);
    assert_accepted(x, GARBAGE_ARGS);
}

static void test_string_with_nul(void **state)
{
    struct exchange *x = *state;

    call_begin(&x->record, 1, ECHO_PROGRAM, 3, ECHO_STRING);
    add_opaque(&x->record, "ab\0cd", 5);
    ask(x);
    assert_accepted(x, SUCCESS);
    assert_int_equal(word(&x->reply, 6), 2);
    assert_memory_equal(x->reply.bytes + 28, "ab\0", 4);
}

static void test_trailing_bytes_are_tolerated(void **state)
{
    struct exchange *x = *state;

    call_begin(&x->record, 1, ECHO_PROGRAM, 3, ECHO_NULL);
    buffer_add(&x->record, "trailing", 8);
    ask(x);
    assert_accepted(x, SUCCESS);
}

static void test_result_over_the_limit(void **state)
{
    static const uint32_t sizes[] = {RPC_RECORD_MAX - 28, RPC_RECORD_MAX - 24, RPC_ARENA_MAX, ~0u};
    struct exchange *x = *state;

    for (unsigned i = 0; i < 4; i++) {
        call_begin(&x->record, i, ECHO_PROGRAM, 3, ECHO_BIG);
        buffer_add_be32(&x->record, sizes[i]);
        ask(x);
        assert_accepted(x, i == 0 ? SUCCESS : SYSTEM_ERR);
    }
}

static void test_failing_handler(void **state)
{
    struct exchange *x = *state;

    for (uint32_t stat = GARBAGE_ARGS; stat <= SYSTEM_ERR; stat++) {
        call_begin(&x->record, stat, ECHO_PROGRAM, 3, ECHO_FAIL);
        buffer_add_be32(&x->record, stat);
        ask(x);
        assert_accepted(x, stat);
        assert_int_equal(x->reply.size, 24);
    }
}

static void test_file_tail(void **state)
{
    static const uint32_t sizes[] = {0, 1, 2, 3, 4, 5, 65535, 1048576};
    struct exchange *x = *state;

    for (unsigned i = 0; i < 8; i++) {
        call_begin(&x->record, i, ECHO_PROGRAM, 3, ECHO_FILE);
        buffer_add_be32(&x->record, sizes[i]);
        ask(x);
        assert_accepted(x, SUCCESS);
        assert_int_equal(word(&x->reply, 6), sizes[i]);
        assert_int_equal(x->reply.size, 28 + (sizes[i] + 3) / 4 * 4);
        for (uint32_t b = 0; b < x->reply.size - 28; b++)
            assert_int_equal(x->reply.bytes[28 + b], b < sizes[i] ? b % 251 : 0);
    }
    call_begin(&x->record, 9, ECHO_PROGRAM, 3, ECHO_FILE);
    buffer_add_be32(&x->record, RPC_RECORD_MAX);
    ask(x);
    assert_accepted(x, SYSTEM_ERR);
}

/* A file that ends before its reply does cannot be repaired: the record's length has been sent. */
static void test_file_too_short(void **state)
{
    struct exchange *x = *state;

    call_begin(&x->record, 1, ECHO_PROGRAM, 3, ECHO_FILE);
    buffer_add_be32(&x->record, 1048576 + 4);
    send_record(x->fd, &x->record);
    assert_false(receive_record(&x->reply, x->fd));
}

static void test_auth_flavors(void **state)
{
    static const uint32_t refused[] = {AUTH_SHORT, AUTH_DH, 6 /* RPCSEC_GSS */, 390003, ~0u};
    struct exchange *x = *state;

    for (unsigned i = 0; i < 5; i++) {
        call_begin_auth(&x->record, i, ECHO_NULL, refused[i], "body", 4);
        ask(x);
        assert_auth_error(x, AUTH_REJECTEDCRED);
    }
    call_begin_auth(&x->record, 9, ECHO_WHO, AUTH_NONE, NULL, 0);
    ask(x);
    assert_accepted(x, SUCCESS);
    assert_int_equal(word(&x->reply, 6), RPC_NOBODY);
    assert_int_equal(word(&x->reply, 7), RPC_NOBODY);
    assert_int_equal(word(&x->reply, 8), 0);
}

static void test_authsys(void **state)
{
    static const uint32_t groups[17] = {0, 4, 24, 27, 30, 46, 100, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    struct exchange *x = *state;
    struct buffer body = {0};

    authsys_body(&body, 0, 0, 16, groups);
    call_begin_auth(&x->record, 1, ECHO_WHO, AUTH_SYS, body.bytes, body.size);
    ask(x);
    assert_accepted(x, SUCCESS);
    assert_int_equal(word(&x->reply, 6), 0); /* the rule is "insecure" */
    assert_int_equal(word(&x->reply, 8), 16);
    assert_int_equal(word(&x->reply, 9 + 15), 15);
    for (size_t cut = 0; cut < body.size; cut += 4) { /* every truncated body */
        call_begin_auth(&x->record, 2, ECHO_WHO, AUTH_SYS, body.bytes, cut);
        ask(x);
        assert_auth_error(x, AUTH_BADCRED);
    }
    buffer_clear(&body);
    authsys_body(&body, 0, 0, 17, groups);
    call_begin_auth(&x->record, 3, ECHO_WHO, AUTH_SYS, body.bytes, body.size);
    ask(x);
    assert_auth_error(x, AUTH_BADCRED);
    buffer_free(&body);
}

static void test_long_credential(void **state)
{
    struct exchange *x = *state;
    uint8_t body[404] = {0};

    call_begin_auth(&x->record, 1, ECHO_NULL, AUTH_NONE, body, 400);
    ask(x);
    assert_accepted(x, SUCCESS);
    call_begin_auth(&x->record, 2, ECHO_NULL, AUTH_NONE, body, 404);
    ask(x);
    assert_auth_error(x, AUTH_BADCRED);
    call_begin(&x->record, 3, ECHO_PROGRAM, 3, ECHO_NULL);
    put_be32(x->record.bytes + 28, ~0u); /* a claim only */
    ask(x);
    assert_auth_error(x, AUTH_BADCRED);
    call_begin(&x->record, 4, ECHO_PROGRAM, 3, ECHO_NULL);
    put_be32(x->record.bytes + 36, 401);
    ask(x);
    assert_auth_error(x, AUTH_BADVERF);
}

static void assert_closes(struct harness *harness, const void *record, size_t size)
{
    int fd = client_connect(harness->port);
    struct buffer bytes = {0};

    buffer_add(&bytes, record, size);
    send_record(fd, &bytes);
    assert_true(is_closed(fd));
    close(fd);
    buffer_free(&bytes);
}

static void test_no_call_closes(void **state)
{
    struct exchange *x = *state;

    call_begin(&x->record, 1, ECHO_PROGRAM, 3, ECHO_NULL);
    for (size_t cut = 0; cut < x->record.size; cut += 3) /* every truncated header; 0: an empty record */
        assert_closes(&x->harness, x->record.bytes, cut);
    put_be32(x->record.bytes + 4, REPLY);
    assert_closes(&x->harness, x->record.bytes, x->record.size);
    assert_served(x->fd, 5); /* nobody else's trouble */
}

/* --- What is looked at before ------------------------------------------------------------------------------------- */

/* All of a header is looked at, no more, and arguments begin where it ends. */
static void test_ahead(void **state)
{
    struct exchange *x = *state;
    struct rpc_ahead ahead;
    uint32_t argument;

    call_begin(&x->record, 7, ECHO_PROGRAM, 3, ECHO_OPAQUE);
    size_t header = x->record.size;
    buffer_add_be32(&x->record, 0xabcdef01);
    for (size_t cut = 0; cut <= x->record.size; cut++) {
        uint8_t *exact = malloc(cut + 1); /* so that a byte too much is seen */

        assert_non_null(exact);
        memcpy(exact + 1, x->record.bytes, cut);
        assert_int_equal(call_ahead(&ahead, exact + 1, cut), cut >= header);
        if (cut >= header)
            assert_ptr_equal(ahead.args.at, exact + 1 + header);
        free(exact);
    }
    assert_true(call_ahead(&ahead, x->record.bytes, x->record.size));
    assert_int_equal(ahead.program, ECHO_PROGRAM);
    assert_int_equal(ahead.version, 3);
    assert_int_equal(ahead.procedure, ECHO_OPAQUE);
    assert_true(words_take(&argument, &ahead.args));
    assert_int_equal(argument, 0xabcdef01);
    assert_false(words_take(&argument, &ahead.args));
    buffer_clear(&x->record);
}

/* What is refused for its header is not looked at: each word of it in turn is another one. */
static void test_ahead_of_no_call(void **state)
{
    static const struct {
        size_t at;
        uint32_t word;
        bool good;
    } cases[] = {
        {4, REPLY, false}, /* no call */
        {8, RPC_MSG_VERSION + 1, false},
        {12, 0, true}, /* any program, version and procedure */
        {16, ~0u, true},
        {20, ~0u, true},
        {28, RPC_AUTH_BODY_MAX + 1, false}, /* credential */
        {28, ~0u, false},
        {36, RPC_AUTH_BODY_MAX + 1, false}, /* verifier */
        {36, 4, false},                     /* it is not there */
    };
    struct exchange *x = *state;
    struct rpc_ahead ahead;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        call_begin(&x->record, 7, ECHO_PROGRAM, 3, ECHO_NULL);
        put_be32(x->record.bytes + cases[i].at, cases[i].word);
        assert_int_equal(call_ahead(&ahead, x->record.bytes, x->record.size), cases[i].good);
        buffer_clear(&x->record);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_null),
        TEST(test_echo_of_any_padding),
        TEST(test_other_rpc_version),
        TEST(test_unknown_program_version_procedure),
        TEST(test_garbage_arguments),
        TEST(test_string_with_nul),
        TEST(test_trailing_bytes_are_tolerated),
        TEST(test_result_over_the_limit),
        TEST(test_failing_handler),
        TEST(test_file_tail),
        TEST(test_file_too_short),
        TEST(test_auth_flavors),
        TEST(test_authsys),
        TEST(test_long_credential),
        TEST(test_no_call_closes),
        TEST(test_ahead),
        TEST(test_ahead_of_no_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
