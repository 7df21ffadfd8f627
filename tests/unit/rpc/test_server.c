/* test_server.c - sockets to listen on, who may connect, resources that run out, many threads, the end. */
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
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

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
    harness_run(&own);
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

static int setup_8_threads(void **state)
{
    (void)state;
    harness_start_default(&harness, 8);
    return 0;
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
    const struct CMUnitTest tests[] = {
        TRANSPORT_TEST(test_out_of_descriptors),
        TRANSPORT_TEST(test_access_swap),
        TRANSPORT_TEST(test_swaps_while_serving),
        cmocka_unit_test(test_stop_drains),
        cmocka_unit_test(test_stop_does_not_wait_for_ever),
        cmocka_unit_test_setup_teardown(test_ticks, setup_ticking, transport_tear_down),
        TRANSPORT_TEST(test_connection_limit),
        TRANSPORT_TEST(test_memory_of_all_connections),
        cmocka_unit_test(test_listening),
        cmocka_unit_test(test_worker_that_cannot_begin),
        cmocka_unit_test_setup_teardown(test_eight_threads, setup_8_threads, transport_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
