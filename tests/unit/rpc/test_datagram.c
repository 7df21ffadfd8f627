/* test_datagram.c - calls by UDP, and which address answers. */
#include "base/bytes.h"
#include "rpc/limits.h"
#include "tests/unit/rpc/harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

static struct harness harness;

static int setup(void **state)
{
    static const char *const rules[] = {"127.0.0.0/8,insecure", "127.0.0.2,root_squash", "::1", NULL};

    (void)state;
    harness_start(&harness, 2, "*", rules);
    return 0;
}

static int setup_narrow(void **state)
{
    static const char *const rules[] = {"127.0.0.1", NULL};

    (void)state;
    harness_start(&harness, 1, "127.0.0.1", rules);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    harness_stop(&harness);
    return 0;
}

static struct sockaddr_in at(const char *text, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

    inet_pton(AF_INET, text, &address.sin_addr);
    return address;
}

static int open_from(const char *source)
{
    struct sockaddr_in address = at(source, 0);
    struct timeval patience = {.tv_sec = 10};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

static void ask(int fd, const char *server, const struct buffer *record)
{
    struct sockaddr_in address = at(server, harness.port);

    assert_int_equal(sendto(fd, record->bytes, record->size, 0, (struct sockaddr *)&address, sizeof address),
                     record->size);
}

/* The next reply must be that to xid, and come from the address that was asked. */
static void expect(struct buffer *reply, int fd, const char *server, uint32_t xid)
{
    struct sockaddr_in from, asked = at(server, harness.port);
    socklen_t size = sizeof from;

    buffer_clear(reply);
    ssize_t n = recvfrom(fd, buffer_reserve(reply, 65536), 65536, 0, (struct sockaddr *)&from, &size);
    assert_true(n >= 16);
    buffer_took(reply, (size_t)n);
    assert_int_equal(word(reply, 0), xid);
    assert_memory_equal(&from.sin_addr, &asked.sin_addr, 4);
    assert_int_equal(from.sin_port, asked.sin_port);
}

static void test_answers_from_the_asked_address(void **state)
{
    static const char *const addresses[] = {"127.0.0.1", "127.0.0.3", "127.1.2.3"};
    struct buffer record = {0}, reply = {0};
    int fd = open_from("127.0.0.1");

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        buffer_clear(&record);
        call_begin(&record, i, ECHO_PROGRAM, 3, ECHO_OPAQUE);
        add_opaque(&record, "abc", 3);
        ask(fd, addresses[i], &record);
        expect(&reply, fd, addresses[i], i);
        assert_int_equal(reply.size, 32);
    }
    close(fd);
    buffer_free(&record);
    buffer_free(&reply);
}

static void test_ipv6(void **state)
{
    struct sockaddr_in6 address = {
        .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT, .sin6_port = htons(harness.port)};
    struct buffer record = {0}, reply = {0};
    int udp = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), tcp = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    if (udp < 0 || connect(udp, (struct sockaddr *)&address, sizeof address) < 0)
        skip();
    call_begin(&record, 6, ECHO_PROGRAM, 3, ECHO_NULL);
    send_all(udp, record.bytes, record.size);
    ssize_t n = recv(udp, buffer_reserve(&reply, 1000), 1000, 0);
    assert_int_equal(n, 24);
    assert_int_equal(get_be32(reply.bytes), 6);
    assert_int_equal(connect(tcp, (struct sockaddr *)&address, sizeof address), 0);
    assert_served(tcp, 7);
    int v4 = client_connect(harness.port); /* the same socket takes both */
    assert_served(v4, 8);
    close(v4);
    close(tcp);
    close(udp);
    buffer_free(&record);
    buffer_free(&reply);
}

static void test_no_amplification(void **state)
{
    static const uint32_t silent[] = {44 * RPC_DATAGRAM_FACTOR - 24, 2000, 60000, ECHO_MAX};
    struct buffer record = {0}, reply = {0};
    int fd = open_from("127.0.0.1");

    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        buffer_clear(&record);
        call_begin(&record, i, ECHO_PROGRAM, 3, ECHO_BIG);
        buffer_add_be32(&record, silent[i]);
        ask(fd, "127.0.0.1", &record);
    }
    buffer_clear(&record);
    call_begin(&record, 10, ECHO_PROGRAM, 3, ECHO_BIG);
    buffer_add_be32(&record, 44 * RPC_DATAGRAM_FACTOR - 28);
    ask(fd, "127.0.0.1", &record);
    expect(&reply, fd, "127.0.0.1", 10); /* and of those before it none */
    /* A long question may have a long answer, up to one packet. */
    uint8_t bytes[1376] = {0};
    for (uint32_t size = 1376; size >= 1372; size -= 4) {
        buffer_clear(&record);
        call_begin(&record, size, ECHO_PROGRAM, 3, ECHO_OPAQUE);
        add_opaque(&record, bytes, size);
        ask(fd, "127.0.0.1", &record);
    }
    expect(&reply, fd, "127.0.0.1", 1372);
    assert_int_equal(reply.size, RPC_DATAGRAM_REPLY_MAX);
    close(fd);
    buffer_free(&record);
    buffer_free(&reply);
}

static void test_errors(void **state)
{
    static const struct {
        uint32_t program, version, procedure, stat;
    } calls[] = {{STREAM_PROGRAM, 1, 0, PROG_UNAVAIL},
                 {100000, 2, 5, PROG_UNAVAIL}, /* CALLIT */
                 {ECHO_PROGRAM, 9, 0, PROG_MISMATCH},
                 {ECHO_PROGRAM, 3, 99, PROC_UNAVAIL},
                 {ECHO_PROGRAM, 3, ECHO_FILE, SYSTEM_ERR}}; /* files go by stream */
    struct buffer record = {0}, reply = {0};
    int fd = open_from("127.0.0.1");

    (void)state;
    for (uint32_t i = 0; i < 5; i++) {
        buffer_clear(&record);
        call_begin(&record, i, calls[i].program, calls[i].version, calls[i].procedure);
        buffer_add_be32(&record, 4);
        ask(fd, "127.0.0.1", &record);
        expect(&reply, fd, "127.0.0.1", i);
        assert_int_equal(word(&reply, 5), calls[i].stat);
    }
    close(fd);
    buffer_free(&record);
    buffer_free(&reply);
}

static void test_what_is_no_call_is_ignored(void **state)
{
    struct buffer record = {0}, reply = {0};
    int fd = open_from("127.0.0.1");

    (void)state;
    call_begin(&record, 1, ECHO_PROGRAM, 3, ECHO_NULL);
    for (size_t cut = record.size - 1; cut < record.size; cut--) { /* down to an empty one */
        record.size = cut;
        ask(fd, "127.0.0.1", &record);
    }
    buffer_clear(&record);
    call_begin(&record, 2, ECHO_PROGRAM, 3, ECHO_NULL);
    put_be32(record.bytes + 4, REPLY);
    ask(fd, "127.0.0.1", &record);
    buffer_clear(&record);
    call_begin(&record, 3, ECHO_PROGRAM, 3, ECHO_NULL);
    memset(buffer_reserve(&record, RPC_DATAGRAM_MAX), 0, RPC_DATAGRAM_MAX);
    buffer_took(&record, RPC_DATAGRAM_MAX);
    ask(fd, "127.0.0.1", &record); /* too long */
    buffer_clear(&record);
    call_begin(&record, 4, ECHO_PROGRAM, 3, ECHO_NULL);
    ask(fd, "127.0.0.1", &record);
    expect(&reply, fd, "127.0.0.1", 4);
    close(fd);
    buffer_free(&record);
    buffer_free(&reply);
}

static void test_rules(void **state)
{
    struct buffer record = {0}, reply = {0}, body = {0};
    int first = open_from("127.0.0.1"), second = open_from("127.0.0.2");

    (void)state;
    authsys_body(&body, 0, 0, 0, NULL);
    call_begin_auth(&record, 1, ECHO_WHO, AUTH_SYS, body.bytes, body.size);
    ask(first, "127.0.0.1", &record);
    expect(&reply, first, "127.0.0.1", 1);
    assert_int_equal(word(&reply, 6), 0);
    ask(second, "127.0.0.1", &record);
    expect(&reply, second, "127.0.0.1", 1);
    assert_int_equal(word(&reply, 6), RPC_NOBODY);
    close(first);
    close(second);
    buffer_free(&record);
    buffer_free(&reply);
    buffer_free(&body);
}

static void test_refused(void **state)
{
    struct buffer record = {0}, reply = {0};
    int allowed = open_from("127.0.0.1"), other = open_from("127.0.0.9");
    char byte;

    (void)state;
    call_begin(&record, 1, ECHO_PROGRAM, 3, ECHO_NULL);
    for (unsigned i = 0; i < 30; i++) /* more than are logged */
        ask(other, "127.0.0.1", &record);
    ask(allowed, "127.0.0.1", &record);
    expect(&reply, allowed, "127.0.0.1", 1);
    assert_true(recv(other, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
    close(allowed);
    close(other);
    buffer_free(&record);
    buffer_free(&reply);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_answers_from_the_asked_address),
        TEST(test_ipv6),
        TEST(test_no_amplification),
        TEST(test_errors),
        TEST(test_what_is_no_call_is_ignored),
        TEST(test_rules),
        cmocka_unit_test_setup_teardown(test_refused, setup_narrow, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
