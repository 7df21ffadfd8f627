/* serial.h - one connection and one call at a time, each waiting for its reply, as a scanner's single thread does. */
#ifndef BENCH_SERIAL_H
#define BENCH_SERIAL_H

#include "bench/rpc.h"

#include <stddef.h>

struct handle {
    uint32_t size;
    uint8_t bytes[HANDLE_MAX];
};

struct serial {
    int fd;
    uint8_t *out_at, *reply, *at, *end; /* the call being made; the reply, where it is read, where it ends */
    uint64_t calls, bytes;              /* so far; bytes of replies */
    uint8_t out[4096];
};

/* One entry of a listing; its texts are borrowed until the next call. */
struct listed {
    const char *name;
    uint32_t name_size;
    const uint8_t *attributes; /* fattr3 (FATTR_SIZE bytes), or NULL */
    struct handle handle;      /* size 0: none */
};

/* Ends the program, with what went wrong. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A connected TCP socket to 127.0.0.1. */
int connect_to(uint16_t port);

/* Return as soon as somebody listens there; some seconds at most. */
void wait_for(uint16_t port);

/* The beginning of a call, behind its mark, up to where its arguments go; the same for every caller of this benchmark.
 */
uint8_t *put_call(uint8_t *p, uint32_t xid, uint32_t program, uint32_t procedure);

void serial_open(struct serial *serial, uint16_t port);
void serial_close(struct serial *serial);

void serial_null(struct serial *serial);
void serial_mount(struct handle *root, struct serial *serial, const char *path);
void serial_getattr(uint8_t attributes[FATTR_SIZE], struct serial *serial, const struct handle *handle);

/* Make a directory, unless there is one of that name. */
void serial_mkdir(struct serial *serial, const struct handle *directory, const char *name);

/* False: there is no such name. */
int serial_lookup(struct handle *child, struct serial *serial, const struct handle *directory, const char *name,
                  uint32_t size);

/* Visit the entries of a directory, but not "." and "..", by READDIRPLUS. A visitor's non-zero value ends it. */
void serial_list(struct serial *serial, const struct handle *directory, int (*visit)(void *arg, const struct listed *),
                 void *arg);

#endif
