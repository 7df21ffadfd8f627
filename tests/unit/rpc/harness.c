/* harness.c - see harness.h. */
#include "tests/unit/rpc/harness.h"

#include "base/bytes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_SECONDS = 20 }; /* valgrind and sanitizers are slow */

static void *serve(void *argument)
{
    struct harness *harness = argument;
    struct error err;

    harness->ran = rpc_server_run(harness->server, &err);
    return NULL;
}

void harness_run(struct harness *harness)
{
    assert_int_equal(pthread_create(&harness->thread, NULL, serve, harness), 0);
}

static void start(struct harness *harness, struct rpc_config config, const char *address, const char *const *rules)
{
    struct access_list *access = access_list_new();
    struct error err;

    config.programs = echo_programs;
    config.program_count = echo_program_count;
    echo_file_open();
    for (; *rules; rules++)
        assert_int_equal(access_list_add(access, *rules, &err), 0);
    assert_int_equal(rpc_server_new(&harness->server, &config, access, &err), 0);
    assert_int_equal(
        rpc_server_listen(&harness->port, harness->server, address, 0, RPC_LISTEN_TCP | RPC_LISTEN_UDP, 0, &err), 0);
    harness_run(harness);
}

void harness_start(struct harness *harness, unsigned threads, const char *address, const char *const *rules)
{
    start(harness, (struct rpc_config){.threads = threads}, address, rules);
}

static const char *const default_rules[] = {"127.0.0.0/8,insecure", NULL};

void harness_start_default(struct harness *harness, unsigned threads)
{
    harness_start(harness, threads, "127.0.0.1", default_rules);
}

void harness_start_ticking(struct harness *harness, bool (*tick)(void *worker))
{
    start(harness, (struct rpc_config){.threads = 1, .worker_tick = tick}, "127.0.0.1", default_rules);
}

void harness_stop(struct harness *harness)
{
    rpc_server_stop(harness->server);
    pthread_join(harness->thread, NULL);
    assert_int_equal(harness->ran, 0);
    rpc_server_free(harness->server);
    echo_file_close();
}

int client_connect_from(uint16_t port, const char *source)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    inet_pton(AF_INET, source, &address.sin_addr);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    address.sin_port = htons(port);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

int client_connect(uint16_t port)
{
    return client_connect_from(port, "127.0.0.1");
}

static void head(struct buffer *record, uint32_t xid, uint32_t program, uint32_t version, uint32_t procedure)
{
    buffer_add_be32(record, xid);
    buffer_add_be32(record, CALL);
    buffer_add_be32(record, RPC_MSG_VERSION);
    buffer_add_be32(record, program);
    buffer_add_be32(record, version);
    buffer_add_be32(record, procedure);
}

void call_begin(struct buffer *record, uint32_t xid, uint32_t program, uint32_t version, uint32_t procedure)
{
    head(record, xid, program, version, procedure);
    for (unsigned i = 0; i < 4; i++)
        buffer_add_be32(record, 0);
}

void call_begin_auth(struct buffer *record, uint32_t xid, uint32_t procedure, uint32_t flavor, const void *body,
                     size_t size)
{
    head(record, xid, ECHO_PROGRAM, 3, procedure);
    buffer_add_be32(record, flavor);
    add_opaque(record, body, size);
    buffer_add_be32(record, AUTH_NONE);
    buffer_add_be32(record, 0);
}

void authsys_body(struct buffer *body, uint32_t uid, uint32_t gid, uint32_t group_count, const uint32_t *groups)
{
    buffer_add_be32(body, 1489251869);
    add_opaque(body, "scanner", 7);
    buffer_add_be32(body, uid);
    buffer_add_be32(body, gid);
    buffer_add_be32(body, group_count);
    for (uint32_t i = 0; i < group_count; i++)
        buffer_add_be32(body, groups[i]);
}

void add_opaque(struct buffer *record, const void *bytes, size_t size)
{
    buffer_add_be32(record, (uint32_t)size);
    buffer_add(record, bytes, size);
    buffer_add(record, "\0\0\0", (4 - size % 4) % 4);
}

void send_all(int fd, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    while (size) {
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL);

        assert_true(n > 0);
        at += n;
        size -= (size_t)n;
    }
}

void send_record(int fd, const struct buffer *record)
{
    struct buffer framed = {0};

    buffer_add_be32(&framed, 0x80000000u | (uint32_t)record->size);
    buffer_add(&framed, record->bytes, record->size);
    send_all(fd, framed.bytes, framed.size);
    buffer_free(&framed);
}

static bool receive_all(int fd, void *to, size_t size)
{
    ssize_t n = size ? recv(fd, to, size, MSG_WAITALL) : 0;

    return n >= 0 && (size_t)n == size;
}

bool receive_record(struct buffer *reply, int fd)
{
    uint8_t mark[4];

    buffer_clear(reply);
    if (!receive_all(fd, mark, sizeof mark))
        return false;
    uint32_t length = get_be32(mark);
    assert_true(length & 0x80000000u);
    length &= 0x7fffffffu;
    uint8_t *to = buffer_reserve(reply, length);
    assert_non_null(to);
    buffer_took(reply, length);
    return receive_all(fd, to, length);
}

uint32_t word(const struct buffer *reply, size_t index)
{
    assert_true(4 * index + 4 <= reply->size);
    return get_be32(reply->bytes + 4 * index);
}

bool is_closed(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, 0);

    return n == 0 || (n < 0 && (errno == ECONNRESET || errno == EPIPE));
}

void assert_served(int fd, uint32_t xid)
{
    struct buffer record = {0}, reply = {0};

    call_begin(&record, xid, ECHO_PROGRAM, 3, ECHO_NULL);
    send_record(fd, &record);
    assert_true(receive_record(&reply, fd));
    assert_int_equal(reply.size, 24);
    assert_int_equal(word(&reply, 0), xid);
    assert_int_equal(word(&reply, 5), SUCCESS);
    buffer_free(&record);
    buffer_free(&reply);
}
