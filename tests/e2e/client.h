/* client.h - a client of hand-made XDR over a socket: what it sends and what it finds in replies owes nothing to the
 * code that it tests. Whatever goes wrong on the way fails the test. */
#ifndef TESTS_E2E_CLIENT_H
#define TESTS_E2E_CLIENT_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a call came to: RFC 5531's accept_stat, or CLIENT_DENIED. */
enum { CLIENT_SUCCESS, CLIENT_PROG_UNAVAIL, CLIENT_PROG_MISMATCH, CLIENT_PROC_UNAVAIL, CLIENT_GARBAGE, CLIENT_SYSTEM };
enum { CLIENT_DENIED = 100, CLIENT_NO_ANSWER = 101 };

struct client {
    int fd;
    bool stream;
    uint32_t xid;
    uint32_t uid, gid;
    struct buffer reply; /* the last one */
    size_t at;           /* how far it was read */
};

/* To 127.0.0.1, or to ::1; calls are made as root until uid and gid are set. */
void client_connect(struct client *client, uint16_t port, bool stream);
void client_connect_6(struct client *client, uint16_t port, bool stream);

/* To 127.0.0.1 from another address of this machine's loopback, by TCP. */
void client_connect_from(struct client *client, uint32_t address, uint16_t port);
void client_close(struct client *client);

/* Call and wait; the reply is read from its results on. A datagram that is not answered in a second: no answer. */
uint32_t client_call(struct client *client, uint32_t program, uint32_t version, uint32_t procedure,
                     const struct buffer *args);

/* The same call as it goes onto the wire, with the client's xid; added to `out`, nothing is sent. */
void client_add_call(struct buffer *out, const struct client *client, uint32_t program, uint32_t version,
                     uint32_t procedure, const struct buffer *args);

uint32_t client_u32(struct client *client);
uint64_t client_u64(struct client *client);
const uint8_t *client_bytes(struct client *client, size_t size); /* and their padding */
const uint8_t *client_opaque(uint32_t *size, struct client *client);

/* The reply has been read to its end. */
void client_done(const struct client *client);

/* Arguments. */
void add_opaque(struct buffer *args, const void *bytes, size_t size);
void add_text(struct buffer *args, const char *text);

#endif
