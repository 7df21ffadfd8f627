/* limit.c - `limit PORT`: the least that a server of NFS calls can do, as a measure for one that does more.
 *
 * One thread answers every call on 127.0.0.1 with a reply of the right size and shape, made beforehand, without looking
 * anything up: it finds the procedure in the header, copies that one's reply and writes the xid into it. READ's data
 * come from one buffer. As many calls are taken as one recv(2) brings, and all their replies leave by one sendmsg(2).
 */
#include "bench/rpc.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    INPUT_SIZE = 1 << 18,
    HEADS_SIZE = 1 << 18, /* replies of one wake-up, without READ's data */
    PIECES_MAX = 256,     /* of memory in one wake-up's replies */
    REPLY_MAX = 65536,    /* a READDIRPLUS reply */
    EVENTS_MAX = 64,
    HANDLE_SIZE = 32,
    TARGET_SIZE = 17, /* a link's target on a Debian system, on average */
    LISTED = 300,     /* entries of a directory */
    LISTED_NAME = 12, /* bytes of a name there */
    PROCEDURES = 22,
};

/* A reply, whole but for the mark and the xid. */
struct reply {
    uint8_t *bytes;
    uint32_t size;
};

struct peer {
    int fd;
    size_t filled;
    unsigned piece, pieces; /* pieces[piece .. pieces) are to be sent */
    size_t heads_used;
    struct iovec out[PIECES_MAX];
    uint8_t in[INPUT_SIZE], heads[HEADS_SIZE];
};

static struct reply nfs[PROCEDURES], mnt, unavailable;
static uint8_t data[READ_MAX + 4];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* --- Replies, made once ------------------------------------------------------------------------------------------- */

static uint8_t *put_head(uint8_t *p, uint32_t stat)
{
    p = put32(put32(p, 0), 0); /* mark, xid */
    p = put32(put32(p, 1), 0); /* REPLY, MSG_ACCEPTED */
    p = put64(p, 0);           /* AUTH_NONE */
    return put32(p, stat);
}

static uint8_t *put_fattr(uint8_t *p, uint32_t type)
{
    p = put32(put32(put32(p, type), 0755), 1);
    p = put32(put32(p, 0), 0);
    p = put64(put64(p, 4096), 4096);
    p = put64(put64(put64(p, 0), 1), 2);
    return put64(put64(put64(p, 1), 1), 1);
}

static uint8_t *put_post_op(uint8_t *p, uint32_t type)
{
    return put_fattr(put32(p, 1), type);
}

static uint8_t *put_handle(uint8_t *p)
{
    static const uint8_t handle[HANDLE_SIZE];

    return put_opaque(p, handle, HANDLE_SIZE);
}

static uint8_t *put_listing(uint8_t *p)
{
    for (uint64_t i = 1; i <= LISTED; i++) {
        p = put64(put32(p, 1), i);
        p = put64(put_opaque(p, "a-plain-name", LISTED_NAME), i);
        p = put_handle(put32(put_post_op(p, TYPE_FILE), 1));
    }
    return put32(put32(p, 0), 1);
}

static void keep(struct reply *reply, const uint8_t *bytes, const uint8_t *end)
{
    reply->size = (uint32_t)(end - bytes);
    reply->bytes = malloc(reply->size);
    if (!reply->bytes)
        die("limit");
    memcpy(reply->bytes, bytes, reply->size);
    put32(reply->bytes, LAST_FRAGMENT | (reply->size - 4));
}

static void make_replies(void)
{
    static const char target[TARGET_SIZE];
    static uint8_t bytes[REPLY_MAX];
    uint8_t *ok = put32(put_head(bytes, 0), 0), *p; /* NFS3_OK, or the first word of a MNT's */

    keep(&nfs[NFS_NULL], bytes, ok - 4);
    keep(&nfs[NFS_GETATTR], bytes, put_fattr(ok, TYPE_FILE));
    keep(&nfs[NFS_LOOKUP], bytes, put_post_op(put_post_op(put_handle(ok), TYPE_FILE), TYPE_DIRECTORY));
    keep(&nfs[NFS_ACCESS], bytes, put32(put_post_op(ok, TYPE_FILE), 1));
    keep(&nfs[NFS_READLINK], bytes, put_opaque(put_post_op(ok, TYPE_LINK), target, TARGET_SIZE));
    keep(&nfs[NFS_READ], bytes, put32(put64(put_post_op(ok, TYPE_FILE), 0), 0));
    keep(&nfs[NFS_READDIRPLUS], bytes, put_listing(put64(put_post_op(ok, TYPE_DIRECTORY), 0)));
    p = put32(put64(put64(put64(put_post_op(ok, TYPE_DIRECTORY), 0), 0), 0), 0);
    keep(&nfs[NFS_FSINFO], bytes, put32(put64(put64(p, 0), 0), 0));
    keep(&mnt, bytes, put32(put32(put_handle(ok), 1), 1));
    keep(&unavailable, bytes, put_head(bytes, 3));
}

/* --- Answering ---------------------------------------------------------------------------------------------------- */

static void add_piece(struct peer *peer, void *bytes, size_t size)
{
    struct iovec *last = peer->pieces ? &peer->out[peer->pieces - 1] : NULL;

    if (last && (uint8_t *)last->iov_base + last->iov_len == bytes)
        last->iov_len += size;
    else
        peer->out[peer->pieces++] = (struct iovec){bytes, size};
}

static uint8_t *add_reply(struct peer *peer, const struct reply *reply, const uint8_t *xid)
{
    uint8_t *at = peer->heads + peer->heads_used;

    memcpy(at, reply->bytes, reply->size);
    memcpy(at + 4, xid, 4);
    peer->heads_used += reply->size;
    add_piece(peer, at, reply->size);
    return at;
}

/* The data are not there before the head is: how many they are stands at its end, twice. */
static void add_read(struct peer *peer, const uint8_t *xid, uint32_t count)
{
    uint8_t *at = add_reply(peer, &nfs[NFS_READ], xid), *end = at + nfs[NFS_READ].size;

    put32(at, LAST_FRAGMENT | (nfs[NFS_READ].size - 4 + padded(count)));
    put32(end - 12, count);
    put32(end - 4, count);
    if (count)
        add_piece(peer, data, padded(count));
}

/* The arguments, behind the credential and the verifier; NULL: the record is too short. */
static const uint8_t *find_arguments(const uint8_t *record, const uint8_t *end)
{
    const uint8_t *p = record + 24;

    for (int i = 0; i < 2; i++) {
        if (end - p < 8 || get32(p + 4) > 400)
            return NULL;
        p += 8 + padded(get32(p + 4));
    }
    return p <= end ? p : NULL;
}

static void answer(struct peer *peer, const uint8_t *record, const uint8_t *end)
{
    uint32_t program = get32(record + 12), procedure = get32(record + 20);

    if (program == NFS_PROGRAM && procedure == NFS_READ) {
        const uint8_t *handle = find_arguments(record, end);
        uint32_t count = 0;

        if (handle && end - handle >= 4 && get32(handle) <= HANDLE_MAX &&
            end - handle >= 4 + (ptrdiff_t)padded(get32(handle)) + 12)
            count = get32(handle + 4 + padded(get32(handle)) + 8);
        add_read(peer, record, count < READ_MAX ? count : READ_MAX);
    } else if (program == NFS_PROGRAM && procedure < PROCEDURES && nfs[procedure].bytes) {
        add_reply(peer, &nfs[procedure], record);
    } else {
        add_reply(peer, program == MOUNT_PROGRAM ? procedure ? &mnt : &nfs[NFS_NULL] : &unavailable, record);
    }
}

/* Answer what is there whole, as far as there is room for replies. Returns -1 for what is no stream of calls. */
static int answer_all(struct peer *peer)
{
    size_t at = 0;

    while (peer->filled - at >= 28 && peer->pieces + 2 < PIECES_MAX && HEADS_SIZE - peer->heads_used >= REPLY_MAX) {
        uint32_t size = get32(peer->in + at) & ~LAST_FRAGMENT;

        if (size < 24 || size > INPUT_SIZE - 4)
            return -1;
        if (peer->filled - at < 4 + (size_t)size)
            break;
        answer(peer, peer->in + at + 4, peer->in + at + 4 + size);
        at += 4 + (size_t)size;
    }
    if (at && at < peer->filled)
        memmove(peer->in, peer->in + at, peer->filled - at);
    peer->filled -= at;
    return 0;
}

/* 1: all went, 0: the socket is full, -1: it is gone. */
static int send_all(struct peer *peer)
{
    while (peer->piece < peer->pieces) {
        struct msghdr message = {.msg_iov = peer->out + peer->piece, .msg_iovlen = peer->pieces - peer->piece};
        ssize_t n = sendmsg(peer->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0)
            return errno == EAGAIN ? 0 : -1;
        for (size_t left = (size_t)n; left;) {
            struct iovec *piece = &peer->out[peer->piece];
            size_t part = left < piece->iov_len ? left : piece->iov_len;

            piece->iov_base = (uint8_t *)piece->iov_base + part;
            piece->iov_len -= part;
            left -= part;
            peer->piece += piece->iov_len == 0;
        }
    }
    peer->piece = peer->pieces = 0;
    peer->heads_used = 0;
    return 1;
}

/* Events came: what to wait for next, or 0 when the peer is gone. */
static uint32_t serve(struct peer *peer, uint32_t events)
{
    int sent = send_all(peer);

    if (sent == 1 && events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        ssize_t n = recv(peer->fd, peer->in + peer->filled, sizeof peer->in - peer->filled, MSG_DONTWAIT);

        if (n == 0 || (n < 0 && errno != EAGAIN))
            return 0;
        peer->filled += n > 0 ? (size_t)n : 0;
    }
    while (sent == 1) {
        if (answer_all(peer) < 0)
            return 0;
        if (peer->pieces == 0)
            return EPOLLIN;
        sent = send_all(peer);
    }
    return sent < 0 ? 0 : EPOLLOUT;
}

/* --- Connections -------------------------------------------------------------------------------------------------- */

static void watch(int epoll, int operation, int fd, struct peer *peer, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = peer};

    if (epoll_ctl(epoll, operation, fd, &event) < 0)
        die("epoll_ctl");
}

static void accept_one(int epoll, int listener)
{
    int fd = accept(listener, NULL, NULL), one = 1;
    struct peer *peer = fd < 0 ? NULL : calloc(1, sizeof *peer);

    if (!peer)
        die("accept");
    peer->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    watch(epoll, EPOLL_CTL_ADD, fd, peer, EPOLLIN);
}

static int listen_on(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1024) < 0)
        die("listen");
    return fd;
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS_MAX];

    if (argc != 2) {
        fprintf(stderr, "usage: limit PORT\n");
        return 2;
    }
    make_replies();
    memset(data, 0x5a, sizeof data);
    int listener = listen_on(argv[1]), epoll = epoll_create1(0);
    watch(epoll, EPOLL_CTL_ADD, listener, NULL, EPOLLIN);
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS_MAX, -1);

        for (int i = 0; i < n; i++) {
            struct peer *peer = events[i].data.ptr;

            if (!peer) {
                accept_one(epoll, listener);
                continue;
            }
            uint32_t interest = serve(peer, events[i].events);
            if (!interest) {
                close(peer->fd);
                free(peer);
            } else if (interest == EPOLLOUT || events[i].events == EPOLLOUT) {
                watch(epoll, EPOLL_CTL_MOD, peer->fd, peer, interest);
            }
        }
    }
}
