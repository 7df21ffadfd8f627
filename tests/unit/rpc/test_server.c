/* test_server.c - the transport: streams cut in every way, slow and silent peers, resources that run out, the end. */
#include "base/bytes.h"
#include "rpc/clock.h"
#include "rpc/limits.h"
#include "tests/unit/rpc/harness.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
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

static struct harness harness;

static int setup(void **state)
{
    (void)state;
    harness_start_default(&harness, 2);
    return 0;
}

static int setup_8_threads(void **state)
{
    (void)state;
    harness_start_default(&harness, 8);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    harness_stop(&harness);
    return 0;
}

static void pause_ms(unsigned ms)
{
    struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000};

    nanosleep(&time, NULL);
}

/* Milliseconds of processor time that the whole process has used. */
static uint64_t cpu_ms(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

/* A framed ECHO_OPAQUE call of `size` bytes that depend on its xid. */
static void add_echo(struct buffer *stream, uint32_t xid, uint32_t size)
{
    struct buffer record = {0};
    uint8_t *bytes = malloc(size + 1);

    memset(bytes, (int)(xid & 0xff), size);
    call_begin(&record, xid, ECHO_PROGRAM, 3, ECHO_OPAQUE);
    add_opaque(&record, bytes, size);
    buffer_add_be32(stream, 0x80000000u | (uint32_t)record.size);
    buffer_add(stream, record.bytes, record.size);
    buffer_free(&record);
    free(bytes);
}

static void assert_echo(int fd, uint32_t xid, uint32_t size)
{
    struct buffer reply = {0};

    assert_true(receive_record(&reply, fd));
    assert_int_equal(word(&reply, 0), xid);
    assert_int_equal(word(&reply, 5), SUCCESS);
    assert_int_equal(word(&reply, 6), size);
    assert_int_equal(reply.size, 28 + (size + 3) / 4 * 4);
    for (uint32_t i = 0; i < size; i++)
        assert_int_equal(reply.bytes[28 + i], xid & 0xff);
    buffer_free(&reply);
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

/* Large replies, made of memory and of files, that no socket takes at once. */
static void wait_until_parked(unsigned count)
{
    const struct timespec moment = {.tv_nsec = 1000000};

    for (int i = 0; i < 5000 && echo_waiting() != count; i++)
        nanosleep(&moment, NULL);
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
    const struct timespec while_nothing_comes = {.tv_nsec = 50000000};
    int fd = client_connect(harness.port), other = client_connect(harness.port);
    struct buffer reply = {0};
    uint32_t xid = 0;

    (void)state;
    send_later(fd, 3 * RPC_PARKED_CALLS_MAX);
    for (int turn = 0; turn < 3; turn++) {
        wait_until_parked(RPC_PARKED_CALLS_MAX);
        nanosleep(&while_nothing_comes, NULL);
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
    const struct timespec moment = {.tv_nsec = 50000000};
    int fd = client_connect(harness.port), other = client_connect(harness.port);

    (void)state;
    send_later(fd, 5);
    wait_until_parked(5);
    const struct linger at_once = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd); /* a reset */
    nanosleep(&moment, NULL);
    echo_release();
    assert_served(other, 1);
    /* One that has ended its side only gets its replies. */
    struct buffer reply = {0};
    send_later(other, 3);
    shutdown(other, SHUT_WR);
    wait_until_parked(3);
    nanosleep(&moment, NULL);
    echo_release();
    for (uint32_t i = 0; i < 3; i++)
        assert_true(receive_record(&reply, other) && word(&reply, 0) == i);
    assert_true(is_closed(other));
    close(other);
    buffer_free(&reply);
}

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

/* Kilobytes of memory that this process may have touched. */
static long resident_kb(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    long total, resident;

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &total, &resident), 2);
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Sanitizers keep shadows of all memory, and what was freed, which says nothing of the server. */
static void assert_grew_less(long before, long kilobytes)
{
#ifdef __has_feature
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(SANITIZED) || defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    (void)before, (void)kilobytes;
#else
    assert_true(resident_kb() - before < kilobytes);
#endif
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

/* Ask for much and read nothing, until the server reads no more either. */
static void stuff(int fd)
{
    struct buffer record = {0};
    struct timeval patience = {.tv_usec = 300000};

    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    buffer_add_be32(&record, 0x80000000u + 44);
    call_begin(&record, 1, ECHO_PROGRAM, 3, ECHO_BIG);
    buffer_add_be32(&record, ECHO_MAX);
    for (unsigned i = 0; i < 1000000; i++)
        if (send(fd, record.bytes, record.size, MSG_NOSIGNAL) < 0)
            break;
    assert_true(errno == EAGAIN);
    buffer_free(&record);
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

static void test_out_of_descriptors(void **state)
{
    enum { CLIENTS = 4 };
    struct rlimit before, none;
    int fds[CLIENTS], probe;
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    const char *preload = getenv("LD_PRELOAD");

    (void)state;
    if (preload && strstr(preload, "vgpreload")) /* valgrind keeps this limit itself, by closing what was accepted */
        skip();
    int first = client_connect(harness.port);
    assert_served(first, 1);
    assert_int_equal(getpeername(first, (struct sockaddr *)&address, &size), 0);
    for (unsigned i = 0; i < CLIENTS; i++)
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    probe = dup(first); /* the lowest free number */
    close(probe);
    getrlimit(RLIMIT_NOFILE, &before);
    none = before;
    none.rlim_cur = (rlim_t)probe;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    for (unsigned i = 0; i < CLIENTS; i++)
        assert_int_equal(connect(fds[i], (struct sockaddr *)&address, size), 0);
    pause_ms(50);
    uint64_t cpu = cpu_ms();
    pause_ms(600);
    cpu = cpu_ms() - cpu;
    assert_served(first, 2); /* those that are there are served */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    for (unsigned i = 0; i < CLIENTS; i++) {
        assert_served(fds[i], i);
        close(fds[i]);
    }
    close(first);
    assert_true(cpu < 200);
}

static void test_access_swap(void **state)
{
    struct buffer record = {0}, body = {0}, reply = {0};
    struct error err;
    int kept = client_connect_from(harness.port, "127.0.0.1");
    int gone[4];

    (void)state;
    assert_served(kept, 1);
    for (unsigned i = 0; i < 4; i++) {
        gone[i] = client_connect_from(harness.port, "127.0.0.2");
        assert_served(gone[i], 1);
    }
    struct access_list *access = access_list_new();
    assert_int_equal(access_list_add(access, "127.0.0.1", &err), 0);
    rpc_server_set_access(harness.server, access);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(is_closed(gone[i]));
        close(gone[i]);
    }
    gone[0] = client_connect_from(harness.port, "127.0.0.2");
    assert_true(is_closed(gone[0]));
    close(gone[0]);
    pause_ms(50);
    authsys_body(&body, 0, 0, 0, NULL);
    call_begin_auth(&record, 2, ECHO_WHO, AUTH_SYS, body.bytes, body.size);
    send_record(kept, &record);
    assert_true(receive_record(&reply, kept));
    assert_int_equal(word(&reply, 6), RPC_NOBODY); /* and the new options apply: no longer "insecure" */
    close(kept);
    buffer_free(&record);
    buffer_free(&body);
    buffer_free(&reply);
}

static void test_swaps_while_serving(void **state)
{
    int fd = client_connect(harness.port);
    struct error err;

    (void)state;
    for (uint32_t i = 0; i < 200; i++) {
        struct access_list *access = access_list_new();

        assert_int_equal(access_list_add(access, "127.0.0.0/8,insecure", &err), 0);
        rpc_server_set_access(harness.server, access);
        assert_served(fd, i);
    }
    close(fd);
}

static void test_stop_drains(void **state)
{
    struct buffer stream = {0};
    struct harness own;
    int fd, idle, half;

    (void)state;
    harness_start_default(&own, 2);
    fd = client_connect(own.port);
    idle = client_connect(own.port);
    half = client_connect(own.port);
    assert_served(fd, 1);
    assert_served(idle, 1);
    assert_served(half, 1);
    for (uint32_t i = 0; i < 500; i++)
        add_echo(&stream, i, 1000);
    send_all(half, stream.bytes, 100);
    send_all(fd, stream.bytes, stream.size);
    uint64_t begin = clock_milliseconds();
    harness_stop(&own);
    assert_true(clock_milliseconds() - begin < 1000 * RPC_DRAIN_SECONDS);
    for (uint32_t i = 0; i < 500; i++)
        assert_echo(fd, i, 1000);
    assert_true(is_closed(fd));
    assert_true(is_closed(idle));
    assert_true(is_closed(half));
    close(fd);
    close(idle);
    close(half);
    buffer_free(&stream);
}

static void test_stop_does_not_wait_for_ever(void **state)
{
    struct harness own;

    (void)state;
    harness_start_default(&own, 1);
    int lazy = client_connect(own.port);
    stuff(lazy);
    uint64_t begin = clock_milliseconds();
    harness_stop(&own);
    assert_true(clock_milliseconds() - begin < 1000 * (RPC_DRAIN_SECONDS + 3));
    close(lazy);
}

static void test_connection_limit(void **state)
{
    struct rlimit limit;
    static int fds[RPC_CONNECTIONS_MAX];

    (void)state;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 2 * RPC_CONNECTIONS_MAX + 100)
        skip();
    for (unsigned i = 0; i < RPC_CONNECTIONS_MAX; i++) {
        fds[i] = client_connect(harness.port);
        assert_served(fds[i], i);
    }
    int extra = client_connect(harness.port);
    assert_true(is_closed(extra));
    close(extra);
    close(fds[0]);
    for (unsigned tries = 0; tries < 100; tries++) { /* the place is free when the server has seen the end */
        extra = client_connect(harness.port);
        pause_ms(10);
        char byte;
        ssize_t n = recv(extra, &byte, 1, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            break;
        close(extra);
    }
    assert_served(extra, 1);
    close(extra);
    for (unsigned i = 1; i < RPC_CONNECTIONS_MAX; i++)
        close(fds[i]);
}

/* Many half records, each within its limit: together they are bounded too. */
static void test_memory_of_all_connections(void **state)
{
    enum { CLIENTS = 350 };
    static uint8_t bytes[RPC_RECORD_MAX];
    long before = resident_kb();
    int fds[CLIENTS], other = client_connect(harness.port);
    unsigned closed = 0;

    (void)state;
    put_be32(bytes, 0x80000000u + RPC_RECORD_MAX);
    for (unsigned i = 0; i < CLIENTS; i++) {
        ssize_t n = 1;

        fds[i] = client_connect(harness.port);
        for (size_t at = 0; n > 0 && at < sizeof bytes; at += 65536)
            n = send(fds[i], bytes + at, sizeof bytes - at < 65536 ? sizeof bytes - at : 65536, MSG_NOSIGNAL);
        if (n < 0) { /* closed on the way; or it will be seen below */
            closed++;
            close(fds[i]);
            fds[i] = -1;
        }
        assert_grew_less(before, (RPC_HELD_MAX >> 10) * 3 / 2);
    }
    assert_served(other, 1);
    for (unsigned tries = 0; closed == 0 && tries < 200; tries++) { /* the kernel took it all, the server is behind */
        pause_ms(50);
        for (unsigned i = 0; i < CLIENTS; i++) {
            char byte;
            ssize_t n = fds[i] < 0 ? 1 : recv(fds[i], &byte, 1, MSG_DONTWAIT);

            closed += n == 0 || (n < 0 && errno != EAGAIN);
        }
        assert_grew_less(before, (RPC_HELD_MAX >> 10) * 3 / 2);
    }
    assert_in_range(closed, 1, CLIENTS - RPC_HELD_MAX / (2 * RPC_RECORD_MAX) + 1);
    for (unsigned i = 0; i < CLIENTS; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    int fd = client_connect(harness.port);
    assert_served(fd, 1);
    close(fd);
    close(other);
}

static void *serve_own(void *argument)
{
    struct harness *own = argument;
    struct error err;

    own->ran = rpc_server_run(own->server, &err);
    return NULL;
}

static void test_listening(void **state)
{
    struct rpc_config config = {.programs = echo_programs, .program_count = echo_program_count, .threads = 1};
    struct access_list *access = access_list_new();
    struct buffer record = {0}, reply = {0};
    struct harness own = {0};
    uint16_t one, bound;
    struct error err;

    (void)state;
    echo_file_open();
    assert_int_equal(access_list_add(access, "127.0.0.1", &err), 0);
    assert_int_equal(rpc_server_new(&own.server, &config, access, &err), 0);
    assert_int_equal(rpc_server_listen(&own.port, own.server, "0.0.0.0", 0, RPC_LISTEN_TCP | RPC_LISTEN_UDP, 0, &err),
                     0);
    assert_int_equal(rpc_server_listen(&one, own.server, "127.0.0.1", 0, RPC_LISTEN_TCP, STREAM_PROGRAM, &err), 0);
    assert_int_not_equal(one, own.port);
    assert_int_equal(rpc_server_listen(&bound, own.server, "127.0.0.1", own.port, RPC_LISTEN_TCP, 0, &err),
                     -EADDRINUSE);
    assert_int_equal(rpc_server_listen(&bound, own.server, "127.0.0.1", own.port, RPC_LISTEN_UDP, 0, &err),
                     -EADDRINUSE);
    assert_int_equal(rpc_server_listen(&bound, own.server, "localhost.", 0, RPC_LISTEN_TCP, 0, &err), -EINVAL);
    assert_int_equal(pthread_create(&own.thread, NULL, serve_own, &own), 0);
    int fd = client_connect(one);
    call_begin(&record, 1, ECHO_PROGRAM, 3, ECHO_NULL); /* that socket is for another program */
    send_record(fd, &record);
    assert_true(receive_record(&reply, fd));
    assert_int_equal(word(&reply, 5), PROG_UNAVAIL);
    buffer_clear(&record);
    call_begin(&record, 2, STREAM_PROGRAM, 1, ECHO_NULL);
    send_record(fd, &record);
    assert_true(receive_record(&reply, fd));
    assert_int_equal(word(&reply, 5), SUCCESS);
    close(fd);
    harness_stop(&own);
    buffer_free(&record);
    buffer_free(&reply);
}

static int begin_refusing(void **worker, void *app, struct error *err)
{
    atomic_uint *count = app;

    *worker = NULL;
    return atomic_fetch_add(count, 1) == 2 ? error_input(err, "the third worker has no luck") : 0;
}

static void test_worker_that_cannot_begin(void **state)
{
    atomic_uint count = 0;
    struct rpc_config config = {.programs = echo_programs,
                                .program_count = echo_program_count,
                                .threads = 4,
                                .app = &count,
                                .worker_begin = begin_refusing};
    struct rpc_server *server;
    struct error err;

    (void)state;
    assert_int_equal(rpc_server_new(&server, &config, access_list_new(), &err), 0);
    assert_int_equal(rpc_server_run(server, &err), -EBADMSG);
    assert_string_equal(err.text, "the third worker has no luck");
    rpc_server_free(server);
}

static void *hammer(void *argument)
{
    uint32_t first = *(uint32_t *)argument;
    struct buffer stream = {0};

    for (uint32_t round = 0; round < 5; round++) {
        int fd = client_connect(harness.port);

        for (uint32_t i = 0; i < 50; i++) {
            buffer_clear(&stream);
            for (uint32_t j = 0; j < 8; j++)
                add_echo(&stream, first + i + j, 100 * j);
            send_all(fd, stream.bytes, stream.size);
            for (uint32_t j = 0; j < 8; j++)
                assert_echo(fd, first + i + j, 100 * j);
        }
        close(fd);
    }
    buffer_free(&stream);
    return NULL;
}

static void test_eight_threads(void **state)
{
    enum { CLIENTS = 8 };
    pthread_t threads[CLIENTS];
    uint32_t firsts[CLIENTS];

    (void)state;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        firsts[i] = 1000 * i;
        pthread_create(&threads[i], NULL, hammer, &firsts[i]);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        pthread_join(threads[i], NULL);
}

#define TICKS 3

static atomic_uint ticks;

static bool count_tick(void *worker)
{
    (void)worker;
    return ++ticks < TICKS;
}

static int setup_ticking(void **state)
{
    (void)state;
    ticks = 0;
    harness_start_ticking(&harness, count_tick);
    return 0;
}

/* Who has something that grows old is asked again though nobody calls, and no longer than he wants. */
static void test_ticks(void **state)
{
    int fd = client_connect(harness.port);

    (void)state;
    assert_served(fd, 1);
    for (unsigned i = 0; i < 200 && ticks < TICKS; i++)
        pause_ms(100);
    assert_int_equal(ticks, TICKS);
    pause_ms(2 * RPC_TICK_MS + 500);
    assert_int_equal(ticks, TICKS);
    assert_served(fd, 2);
    close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_pipelined_calls),
        TEST(test_parked_calls),
        TEST(test_parked_calls_of_peers_that_went),
        TEST(test_pipelined_large_replies),
        TEST(test_fragments),
        TEST(test_byte_by_byte),
        TEST(test_empty_fragments),
        TEST(test_large_claims),
        TEST(test_sum_of_fragments),
        TEST(test_half_a_record),
        TEST(test_peer_that_never_reads),
        TEST(test_closed_peers),
        TEST(test_half_closed_peer),
        TEST(test_out_of_descriptors),
        TEST(test_access_swap),
        TEST(test_swaps_while_serving),
        cmocka_unit_test(test_stop_drains),
        cmocka_unit_test(test_stop_does_not_wait_for_ever),
        cmocka_unit_test_setup_teardown(test_ticks, setup_ticking, teardown),
        TEST(test_connection_limit),
        TEST(test_memory_of_all_connections),
        cmocka_unit_test(test_listening),
        cmocka_unit_test(test_worker_that_cannot_begin),
        cmocka_unit_test_setup_teardown(test_eight_threads, setup_8_threads, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
