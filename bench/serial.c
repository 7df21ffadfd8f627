/* serial.c - calls one by one, over a raw socket. */
#include "bench/serial.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    LIST_SIZE = 1 << 20, /* bytes of a listing asked for; servers give less */
    WAIT_TRIES = 40000,  /* of half a millisecond */
};

void die(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

/* -1: nobody listens. */
static int try_to_connect(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

int connect_to(uint16_t port)
{
    int fd = try_to_connect(port), one = 1;

    if (fd < 0)
        die("port %u: %s", port, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

void wait_for(uint16_t port)
{
    const struct timespec moment = {.tv_nsec = 500000};

    for (int tries = 0; tries < WAIT_TRIES; tries++) {
        int fd = try_to_connect(port);

        if (fd >= 0) {
            close(fd);
            return;
        }
        nanosleep(&moment, NULL);
    }
    die("port %u: nobody listens", port);
}

uint8_t *put_call(uint8_t *p, uint32_t xid, uint32_t program, uint32_t procedure)
{
    static const char machine[] = "scanner1";

    p = put32(put32(p, xid), 0);                  /* CALL */
    p = put32(put32(put32(p, 2), program), 3);    /* all versions here are 3 */
    p = put32(put32(put32(p, procedure), 1), 32); /* AUTH_SYS and its size */
    p = put_opaque(put32(p, 0), machine, 8);
    p = put32(put32(put32(p, 0), 0), 1); /* uid, gid, one more group */
    return put64(put32(p, 0), 0);        /* and an AUTH_NONE verifier */
}

void serial_open(struct serial *serial, uint16_t port)
{
    *serial = (struct serial){.fd = connect_to(port), .reply = malloc(RECORD_MAX)};
    if (!serial->reply)
        die("out of memory");
}

void serial_close(struct serial *serial)
{
    close(serial->fd);
    free(serial->reply);
}

static void begin(struct serial *serial, uint32_t program, uint32_t procedure)
{
    serial->out_at = put_call(serial->out + 4, (uint32_t)serial->calls, program, procedure);
}

static void add32(struct serial *serial, uint32_t value)
{
    serial->out_at = put32(serial->out_at, value);
}

static void add_opaque(struct serial *serial, const void *bytes, uint32_t size)
{
    if (size > 2048)
        die("an argument of %u bytes", size);
    serial->out_at = put_opaque(serial->out_at, bytes, size);
}

static void add_handle(struct serial *serial, const struct handle *handle)
{
    add_opaque(serial, handle->bytes, handle->size);
}

static const uint8_t *take(struct serial *serial, uint32_t size)
{
    const uint8_t *at = serial->at;

    if (serial->end - at < (ptrdiff_t)padded(size))
        die("a reply is too short");
    serial->at += padded(size);
    return at;
}

static uint32_t take32(struct serial *serial)
{
    return get32(take(serial, 4));
}

static void take_handle(struct handle *handle, struct serial *serial)
{
    handle->size = take32(serial);
    if (handle->size > HANDLE_MAX)
        die("a handle of %u bytes", handle->size);
    memcpy(handle->bytes, take(serial, handle->size), handle->size);
}

/* post_op_attr: NULL when there are none. */
static const uint8_t *take_attributes(struct serial *serial)
{
    return take32(serial) ? take(serial, FATTR_SIZE) : NULL;
}

static void read_all(int fd, uint8_t *to, size_t size)
{
    while (size) {
        ssize_t n = read(fd, to, size);

        if (n <= 0)
            die("the connection ended");
        to += n;
        size -= (size_t)n;
    }
}

/* Send the call, and read its reply up to the procedure's own result. */
static void finish(struct serial *serial)
{
    size_t size = (size_t)(serial->out_at - serial->out);
    uint8_t mark[4];

    put32(serial->out, LAST_FRAGMENT | (uint32_t)(size - 4));
    if (write(serial->fd, serial->out, size) != (ssize_t)size)
        die("cannot send");
    serial->at = serial->end = serial->reply;
    do {
        read_all(serial->fd, mark, 4);
        uint32_t part = get32(mark) & ~LAST_FRAGMENT;
        if (part > RECORD_MAX - (size_t)(serial->end - serial->reply))
            die("a reply is too long");
        read_all(serial->fd, serial->end, part);
        serial->end += part;
    } while (!(get32(mark) & LAST_FRAGMENT));
    serial->bytes += (uint64_t)(serial->end - serial->reply) + 4;
    const uint8_t *head = take(serial, REPLY_HEAD);
    if (get32(head) != (uint32_t)serial->calls || get32(head + 8) != 0 || get32(head + 20) != 0)
        die("a call was not accepted");
    serial->calls++;
}

void serial_null(struct serial *serial)
{
    begin(serial, NFS_PROGRAM, NFS_NULL);
    finish(serial);
}

void serial_mount(struct handle *root, struct serial *serial, const char *path)
{
    begin(serial, MOUNT_PROGRAM, MOUNT_MNT);
    add_opaque(serial, path, (uint32_t)strlen(path));
    finish(serial);
    uint32_t status = take32(serial);
    if (status != 0)
        die("%s cannot be mounted: %u", path, status);
    take_handle(root, serial);
}

void serial_getattr(uint8_t attributes[FATTR_SIZE], struct serial *serial, const struct handle *handle)
{
    begin(serial, NFS_PROGRAM, NFS_GETATTR);
    add_handle(serial, handle);
    finish(serial);
    uint32_t status = take32(serial);
    if (status != 0)
        die("GETATTR: %u", status);
    memcpy(attributes, take(serial, FATTR_SIZE), FATTR_SIZE);
}

void serial_mkdir(struct serial *serial, const struct handle *directory, const char *name)
{
    enum { NFS3ERR_EXIST = 17 };

    begin(serial, NFS_PROGRAM, NFS_MKDIR);
    add_handle(serial, directory);
    add_opaque(serial, name, (uint32_t)strlen(name));
    for (int i = 0; i < 6; i++) /* all attributes as they come */
        add32(serial, 0);
    finish(serial);
    uint32_t status = take32(serial);
    if (status != 0 && status != NFS3ERR_EXIST)
        die("MKDIR %s: %u", name, status);
}

int serial_lookup(struct handle *child, struct serial *serial, const struct handle *directory, const char *name,
                  uint32_t size)
{
    begin(serial, NFS_PROGRAM, NFS_LOOKUP);
    add_handle(serial, directory);
    add_opaque(serial, name, size);
    finish(serial);
    if (take32(serial) != 0)
        return 0;
    take_handle(child, serial);
    return 1;
}

static void take_entry(struct listed *entry, uint8_t cookie[8], struct serial *serial)
{
    take(serial, 8);
    entry->name_size = take32(serial);
    entry->name = (const char *)take(serial, entry->name_size);
    memcpy(cookie, take(serial, 8), 8);
    entry->attributes = take_attributes(serial);
    entry->handle.size = 0;
    if (take32(serial))
        take_handle(&entry->handle, serial);
}

static int is_dots(const struct listed *entry)
{
    return entry->name_size <= 2 && memcmp(entry->name, "..", entry->name_size) == 0;
}

void serial_list(struct serial *serial, const struct handle *directory, int (*visit)(void *arg, const struct listed *),
                 void *arg)
{
    uint8_t cookie[8] = {0}, verifier[8] = {0};
    struct listed entry;
    int ended = 0;

    do {
        begin(serial, NFS_PROGRAM, NFS_READDIRPLUS);
        add_handle(serial, directory);
        memcpy(serial->out_at, cookie, 8);
        memcpy(serial->out_at + 8, verifier, 8);
        serial->out_at += 16;
        add32(serial, LIST_SIZE);
        add32(serial, LIST_SIZE);
        finish(serial);
        uint32_t status = take32(serial);
        if (status != 0)
            die("READDIRPLUS: %u", status);
        take_attributes(serial);
        memcpy(verifier, take(serial, 8), 8);
        while (take32(serial)) {
            take_entry(&entry, cookie, serial);
            if (!ended && !is_dots(&entry))
                ended = visit(arg, &entry);
        }
    } while (!take32(serial) && !ended);
}
