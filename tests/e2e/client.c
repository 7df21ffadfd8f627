/* client.c - see client.h. */
#include "tests/e2e/client.h"

#include "base/bytes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

enum { ANSWER_SECONDS = 20, DATAGRAM_SECONDS = 1, DATAGRAM_MAX = 65536 };

static void connect_to(struct client *client, const struct sockaddr *from, const struct sockaddr *to, socklen_t size,
                       bool stream)
{
    struct timeval patience = {.tv_sec = stream ? ANSWER_SECONDS : DATAGRAM_SECONDS};
    int one = 1;

    *client = (struct client){.stream = stream, .xid = 1};
    client->fd = socket(to->sa_family, (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
    assert_true(client->fd >= 0);
    assert_return_code(setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), errno);
    if (stream)
        setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (from)
        assert_return_code(bind(client->fd, from, size), errno);
    assert_return_code(connect(client->fd, to, size), errno);
}

void client_connect(struct client *client, uint16_t port, bool stream)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connect_to(client, NULL, (struct sockaddr *)&to, sizeof to, stream);
}

void client_connect_from(struct client *client, uint32_t address, uint16_t port)
{
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons(port)};

    from.sin_addr.s_addr = htonl(address);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connect_to(client, (struct sockaddr *)&from, (struct sockaddr *)&to, sizeof to, true);
}

void client_connect_6(struct client *client, uint16_t port, bool stream)
{
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_loopback};

    connect_to(client, NULL, (struct sockaddr *)&to, sizeof to, stream);
}

void client_close(struct client *client)
{
    close(client->fd);
    buffer_free(&client->reply);
}

void add_opaque(struct buffer *args, const void *bytes, size_t size)
{
    static const uint8_t zeros[4];

    buffer_add_be32(args, (uint32_t)size);
    buffer_add(args, bytes, size);
    buffer_add(args, zeros, -size & 3);
}

void add_text(struct buffer *args, const char *text)
{
    add_opaque(args, text, strlen(text));
}

void client_add_call(struct buffer *out, const struct client *client, uint32_t program, uint32_t version,
                     uint32_t procedure, const struct buffer *args)
{
    const uint32_t words[] = {client->xid, 0, 2, program, version, procedure};
    size_t mark = out->size;

    if (client->stream)
        buffer_add_be32(out, 0); /* the record mark, set when the size is known */
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        buffer_add_be32(out, words[i]);
    buffer_add_be32(out, 1); /* AUTH_SYS */
    buffer_add_be32(out, 4 + 4 + 4 + 4 + 4 + 4);
    buffer_add_be32(out, 0); /* stamp */
    add_text(out, "test");
    buffer_add_be32(out, client->uid);
    buffer_add_be32(out, client->gid);
    buffer_add_be32(out, 0); /* groups */
    buffer_add_be64(out, 0); /* verifier: AUTH_NONE */
    if (args)
        buffer_add(out, args->bytes, args->size);
    if (client->stream)
        put_be32(out->bytes + mark, 0x80000000 | (uint32_t)(out->size - mark - 4));
}

static bool receive(struct client *client, size_t size)
{
    while (size) {
        uint8_t *room = buffer_reserve(&client->reply, size);
        assert_non_null(room);
        ssize_t got = recv(client->fd, room, size, 0);
        if (got <= 0)
            return false;
        buffer_took(&client->reply, (size_t)got);
        size -= (size_t)got;
    }
    return true;
}

static bool receive_record(struct client *client)
{
    uint32_t mark;

    do {
        size_t start = client->reply.size;
        if (!receive(client, 4))
            return false;
        mark = get_be32(client->reply.bytes + start);
        client->reply.size = start;
        if (!receive(client, mark & 0x7fffffff))
            return false;
    } while (!(mark & 0x80000000));
    return true;
}

static bool receive_datagram(struct client *client)
{
    uint8_t *room = buffer_reserve(&client->reply, DATAGRAM_MAX);
    assert_non_null(room);
    ssize_t got = recv(client->fd, room, DATAGRAM_MAX, 0);

    if (got < 0)
        return false;
    buffer_took(&client->reply, (size_t)got);
    return true;
}

static uint32_t read_header(struct client *client)
{
    uint32_t size;

    client->at = 0;
    assert_int_equal(client_u32(client), client->xid);
    assert_int_equal(client_u32(client), 1); /* REPLY */
    if (client_u32(client) != 0)
        return CLIENT_DENIED;
    client_u32(client);
    client_opaque(&size, client); /* verifier */
    return client_u32(client);
}

uint32_t client_call(struct client *client, uint32_t program, uint32_t version, uint32_t procedure,
                     const struct buffer *args)
{
    struct buffer call __attribute__((cleanup(buffer_free))) = {0};

    client->xid++;
    client_add_call(&call, client, program, version, procedure, args);
    buffer_clear(&client->reply);
    if (send(client->fd, call.bytes, call.size, MSG_NOSIGNAL) != (ssize_t)call.size)
        return CLIENT_NO_ANSWER;
    if (!(client->stream ? receive_record : receive_datagram)(client))
        return CLIENT_NO_ANSWER;
    return read_header(client);
}

const uint8_t *client_bytes(struct client *client, size_t size)
{
    size_t padded = (size + 3) & ~(size_t)3;
    const uint8_t *bytes = client->reply.bytes + client->at;

    assert_true(padded <= client->reply.size - client->at);
    for (size_t i = size; i < padded; i++)
        assert_int_equal(bytes[i], 0);
    client->at += padded;
    return bytes;
}

uint32_t client_u32(struct client *client)
{
    return get_be32(client_bytes(client, 4));
}

uint64_t client_u64(struct client *client)
{
    return get_be64(client_bytes(client, 8));
}

const uint8_t *client_opaque(uint32_t *size, struct client *client)
{
    *size = client_u32(client);
    return client_bytes(client, *size);
}

void client_done(const struct client *client)
{
    assert_int_equal(client->at, client->reply.size);
}
