/* test_connection.c - streams cut in every way, calls that wait, slow and silent peers, peers that go. */
#include "base/bytes.h"
#include "rpc/clock.h"
#include "rpc/limits.h"
#include "tests/unit/rpc/transport.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The server's clock is ours to put forward (linked by --wrap), so that no test waits for a minute. */
static _Atomic uint64_t clock_offset;
uint64_t __real_clock_milliseconds(void);
uint64_t __wrap_clock_milliseconds(void);

uint64_t __wrap_clock_milliseconds(void)
{
    return __real_clock_milliseconds() + clock_offset;
}

/* Counts what leaves through send(2) and sendmsg(2), the tests' own bytes included. */
static atomic_uint sends;
ssize_t __real_send(int fd, const void *bytes, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags);

ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags)
{
    sends++;
    return __real_send(fd, bytes, size, flags);
}

ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    sends++;
    return __real_sendmsg(fd, message, flags);
}

static void test_pipelined_calls(void **state)
{
    struct buffer stream = {0};
    int fd = client_connect(harness.port);

    (void)state;
    for (uint32_t i = 0; i < 16; i++)
        add_echo(&stream, i, 100 * i);
    sends = 0;
    send_all(fd, stream.bytes, stream.size);
    for (uint32_t i = 0; i < 16; i++)
        assert_echo(fd, i, 100 * i);
    assert_int_equal(sends, 2); /* one for all calls, one for all replies */
    buffer_clear(&stream);
    /* More than a wake-up answers, more than a wake-up may send, in one write. */
    for (uint32_t i = 0; i < 10 * RPC_CALLS_PER_WAKE; i++)
        add_echo(&stream, i, i % 7);
    send_all(fd, stream.bytes, stream.size);
    for (uint32_t i = 0; i < 10 * RPC_CALLS_PER_WAKE; i++)
        assert_echo(fd, i, i % 7);
    close(fd);
    buffer_free(&stream);
}

static void wait_until_parked(unsigned count)
{
    for (int i = 0; i < 5000 && echo_waiting() != count; i++)
        pause_ms(1);
    assert_int_equal(echo_waiting(), count);
}

static void send_later(int fd, uint32_t count)
{
    struct buffer record = {0};

    for (uint32_t i = 0; i < count; i++) {
        buffer_clear(&record);
        call_begin(&record, i, ECHO_PROGRAM, 3, ECHO_LATER);
        send_record(fd, &record);
    }
    buffer_free(&record);
}

/* As many as a connection may have wait, others are served meanwhile, and all are answered in their order. */
static void test_parked_calls(void **state)
{
    int fd = client_connect(harness.port), other = client_connect(harness.port);
    struct buffer reply = {0};
    uint32_t xid = 0;

    (void)state;
    send_later(fd, 3 * RPC_PARKED_CALLS_MAX);
    for (int turn = 0; turn < 3; turn++) {
        wait_until_parked(RPC_PARKED_CALLS_MAX);
        pause_ms(50);
        assert_int_equal(echo_waiting(), RPC_PARKED_CALLS_MAX);
        assert_served(other, 1);
        echo_release();
        for (unsigned i = 0; i < RPC_PARKED_CALLS_MAX; i++) {
            assert_true(receive_record(&reply, fd));
            assert_int_equal(word(&reply, 0), xid++);
            assert_int_equal(word(&reply, 6), 4711);
        }
    }
    assert_served(fd, 2);
    close(fd);
    close(other);
    buffer_free(&reply);
}

/* Who goes before his calls are done has no reply, and leaves nothing behind. */
static void test_parked_calls_of_peers_that_went(void **state)
{
    int fd = client_connect(harness.port), other = client_connect(harness.port);

    (void)state;
    send_later(fd, 5);
    wait_until_parked(5);
    const struct linger at_once = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd); /* a reset */
    pause_ms(50);
    echo_release();
    assert_served(other, 1);
    /* One that has ended its side only gets its replies. */
    struct buffer reply = {0};
    send_later(other, 3);
    shutdown(other, SHUT_WR);
    wait_until_parked(3);
    pause_ms(50);
    echo_release();
    for (uint32_t i = 0; i < 3; i++)
        assert_true(receive_record(&reply, other) && word(&reply, 0) == i);
    assert_true(is_closed(other));
    close(other);
    buffer_free(&reply);
}

/* Made of memory and of files, so large that no socket takes them at once. */
static void test_pipelined_large_replies(void **state)
{
    int fd = client_connect(harness.port);
    struct buffer record = {0}, reply = {0};

    (void)state;
    for (uint32_t i = 0; i < 40; i++) {
        buffer_clear(&record);
        call_begin(&record, i, ECHO_PROGRAM, 3, i % 2 ? ECHO_FILE : ECHO_BIG);
        buffer_add_be32(&record, 1000001 - i);
        send_record(fd, &record);
    }
    for (uint32_t i = 0; i < 40; i++) {
        assert_true(receive_record(&reply, fd));
        assert_int_equal(word(&reply, 0), i);
        assert_int_equal(word(&reply, 6), 1000001 - i);
        for (uint32_t b = 0; b < 1000001 - i; b += 997)
            assert_int_equal(reply.bytes[28 + b], i % 2 ? b % 251 : 0);
    }
    close(fd);
    buffer_free(&record);
    buffer_free(&reply);
}

static void add_fragments(struct buffer *stream, const struct buffer *record, size_t count)
{
    size_t step = record->size / count + 1;

    for (size_t at = 0; at < record->size; at += step) {
        size_t size = record->size - at < step ? record->size - at : step;
        bool last = at + size == record->size;

        buffer_add_be32(stream, (last ? 0x80000000u : 0) | (uint32_t)size);
        buffer_add(stream, record->bytes + at, size);
    }
}

static void test_fragments(void **state)
{
    static const size_t counts[] = {2, 3, 500, 100000};
    struct buffer stream = {0}, record = {0};
    int fd = client_connect(harness.port);

    (void)state;
    add_echo(&stream, 77, ECHO_MAX);
    buffer_add(&record, stream.bytes + 4, stream.size - 4);
    for (unsigned i = 0; i < 4; i++) {
        buffer_clear(&stream);
        add_fragments(&stream, &record, counts[i]);
        add_echo(&stream, i, 5);
        send_all(fd, stream.bytes, stream.size);
        assert_echo(fd, 77, ECHO_MAX);
        assert_echo(fd, i, 5);
    }
    close(fd);
    buffer_free(&stream);
    buffer_free(&record);
}

static void test_byte_by_byte(void **state)
{
    struct buffer stream = {0}, record = {0};
    int fd = client_connect(harness.port);

    (void)state;
    call_begin(&record, 9, ECHO_PROGRAM, 3, ECHO_OPAQUE);
    add_opaque(&record, "\x09\x09\x09", 3);
    add_fragments(&stream, &record, 7);
    for (size_t i = 0; i < stream.size; i++) {
        send_all(fd, stream.bytes + i, 1);
        if (i % 8 == 0)
            pause_ms(1);
    }
    assert_echo(fd, 9, 3);
    close(fd);
    buffer_free(&stream);
    buffer_free(&record);
}

static void test_empty_fragments(void **state)
{
    struct buffer stream = {0};
    int fd = client_connect(harness.port);

    (void)state;
    for (unsigned i = 0; i < RPC_EMPTY_FRAGMENTS_MAX; i++)
        buffer_add_be32(&stream, 0);
    add_echo(&stream, 1, 10);
    for (unsigned i = 0; i < RPC_EMPTY_FRAGMENTS_MAX + 1; i++)
        buffer_add_be32(&stream, 0);
    send_all(fd, stream.bytes, stream.size);
    assert_echo(fd, 1, 10);
    assert_true(is_closed(fd));
    close(fd);
    buffer_free(&stream);
}

static void test_large_claims(void **state)
{
    static const uint32_t too_much[] = {0xffffffff, 0x7fffffff, 0x80000000u + RPC_RECORD_MAX + 1, RPC_RECORD_MAX + 1};
    enum { CLIENTS = 100 };
    long before = resident_kb();
    int fds[CLIENTS];
    uint8_t mark[4];

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        int fd = client_connect(harness.port);

        put_be32(mark, too_much[i]);
        send_all(fd, mark, 4);
        assert_true(is_closed(fd));
        close(fd);
    }
    put_be32(mark, 0x80000000u + RPC_RECORD_MAX); /* legal, and costs nothing until it comes */
    for (unsigned i = 0; i < CLIENTS; i++) {
        fds[i] = client_connect(harness.port);
        send_all(fds[i], mark, 4);
        send_all(fds[i], "part", 4);
    }
    pause_ms(100);
    assert_grew_less(before, 16384);
    for (unsigned i = 0; i < CLIENTS; i++)
        close(fds[i]);
}

/* Fragments that are each small enough and together too long. */
static void test_sum_of_fragments(void **state)
{
    struct buffer stream = {0};
    int fd = client_connect(harness.port);

    (void)state;
    buffer_add_be32(&stream, RPC_RECORD_MAX);
    memset(buffer_reserve(&stream, RPC_RECORD_MAX), 0, RPC_RECORD_MAX);
    buffer_took(&stream, RPC_RECORD_MAX);
    buffer_add_be32(&stream, 0x80000001u);
    send_all(fd, stream.bytes, stream.size);
    assert_true(is_closed(fd));
    close(fd);
    buffer_free(&stream);
}

static void test_half_a_record(void **state)
{
    struct buffer stream = {0};
    int half = client_connect(harness.port), idle = client_connect(harness.port);

    (void)state;
    add_echo(&stream, 1, 100);
    send_all(half, stream.bytes, stream.size / 2);
    for (uint32_t i = 0; i < 4; i++) { /* on both workers */
        int fd = client_connect(harness.port);

        assert_served(fd, i);
        close(fd);
    }
    send_all(half, stream.bytes + stream.size / 2, stream.size - stream.size / 2);
    assert_echo(half, 1, 100);
    send_all(half, stream.bytes, stream.size / 2);
    pause_ms(50);
    clock_offset += 1000 * RPC_HALF_RECORD_SECONDS;
    assert_true(is_closed(half));
    assert_served(idle, 9); /* that is nobody's fault */
    close(half);
    close(idle);
    buffer_free(&stream);
}

static void test_peer_that_never_reads(void **state)
{
    long before = resident_kb();
    int lazy = client_connect(harness.port), other = client_connect(harness.port), third = client_connect(harness.port);

    (void)state;
    stuff(lazy);
    assert_served(other, 1);
    assert_served(third, 1);
    assert_grew_less(before, 65536);
    uint64_t cpu = cpu_ms();
    pause_ms(500);
    assert_true(cpu_ms() - cpu < 200); /* nobody spins on it */
    clock_offset += 1000 * RPC_UNREAD_SECONDS;
    pause_ms(1500);
    uint8_t *sink = malloc(1 << 20);
    ssize_t n;
    do /* what the kernel still holds, then the end */
        n = recv(lazy, sink, 1 << 20, 0);
    while (n > 0);
    assert_true(n == 0 || errno == ECONNRESET);
    assert_served(other, 2);
    free(sink);
    close(lazy);
    close(other);
    close(third);
}

static void test_closed_peers(void **state)
{
    struct linger abort = {.l_onoff = 1};
    struct buffer stream = {0}, record = {0};

    (void)state;
    call_begin(&record, 1, ECHO_PROGRAM, 3, ECHO_FILE); /* in pieces */
    buffer_add_be32(&record, 1048576);
    for (uint32_t i = 0; i < 8; i++) {
        buffer_add_be32(&stream, 0x80000000u | (uint32_t)record.size);
        buffer_add(&stream, record.bytes, record.size);
    }
    for (unsigned i = 0; i < 50; i++) {
        int fd = client_connect(harness.port);

        send_all(fd, stream.bytes, stream.size);
        if (i % 2)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
        close(fd);
    }
    int fd = client_connect(harness.port);
    assert_served(fd, 1);
    close(fd);
    buffer_free(&stream);
    buffer_free(&record);
}

/* A peer that has said all it will still gets its answers. */
static void test_half_closed_peer(void **state)
{
    struct buffer stream = {0};
    int fd = client_connect(harness.port);

    (void)state;
    for (uint32_t i = 0; i < 200; i++)
        add_echo(&stream, i, 10);
    send_all(fd, stream.bytes, stream.size);
    shutdown(fd, SHUT_WR);
    for (uint32_t i = 0; i < 200; i++)
        assert_echo(fd, i, 10);
    assert_true(is_closed(fd));
    close(fd);
    buffer_free(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRANSPORT_TEST(test_pipelined_calls),
        TRANSPORT_TEST(test_parked_calls),
        TRANSPORT_TEST(test_parked_calls_of_peers_that_went),
        TRANSPORT_TEST(test_pipelined_large_replies),
        TRANSPORT_TEST(test_fragments),
        TRANSPORT_TEST(test_byte_by_byte),
        TRANSPORT_TEST(test_empty_fragments),
        TRANSPORT_TEST(test_large_claims),
        TRANSPORT_TEST(test_sum_of_fragments),
        TRANSPORT_TEST(test_half_a_record),
        TRANSPORT_TEST(test_peer_that_never_reads),
        TRANSPORT_TEST(test_closed_peers),
        TRANSPORT_TEST(test_half_closed_peer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
