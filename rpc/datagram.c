/* datagram.c - answering datagrams, from the address that was asked: a client behind a machine with several addresses
 * takes no reply from another one. */
#include "rpc/datagram.h"

#include "rpc/peer.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/uio.h>

struct datagram {
    struct sockaddr_storage from; /* as the socket names it: replies go there */
    socklen_t from_size;
    size_t size;
    bool cut; /* it was longer than RPC_DATAGRAM_MAX */
    struct in6_pktinfo asked_v6;
    struct in_pktinfo asked_v4;
    bool has_v6, has_v4;
};

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo))];
};

static void read_asked(struct datagram *datagram, struct msghdr *message)
{
    for (struct cmsghdr *item = CMSG_FIRSTHDR(message); item; item = CMSG_NXTHDR(message, item)) {
        if (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_PKTINFO) {
            memcpy(&datagram->asked_v6, CMSG_DATA(item), sizeof datagram->asked_v6);
            datagram->has_v6 = true;
        } else if (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_PKTINFO) {
            memcpy(&datagram->asked_v4, CMSG_DATA(item), sizeof datagram->asked_v4);
            datagram->has_v4 = true;
        }
    }
}

/* False when nothing waits. */
static bool receive(struct datagram *datagram, int socket, uint8_t *to, size_t room)
{
    union control control;
    struct iovec piece = {to, room};
    struct msghdr message = {.msg_name = &datagram->from,
                             .msg_namelen = sizeof datagram->from,
                             .msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t n;

    memset(datagram, 0, sizeof *datagram);
    n = recvmsg(socket, &message, MSG_DONTWAIT);
    /* An error that came back for an earlier reply is told here once, and is nobody's now. */
    if (n < 0)
        return errno != EAGAIN && errno != EWOULDBLOCK && errno != EBADF;
    datagram->size = (size_t)n;
    datagram->cut = message.msg_flags & MSG_TRUNC;
    datagram->from_size = message.msg_namelen;
    read_asked(datagram, &message);
    return true;
}

/* Leave from the address that was asked; the route chooses the interface, except where only it gives the address a
 * meaning. */
static void write_asked(struct msghdr *message, const struct datagram *datagram)
{
    struct cmsghdr *item = CMSG_FIRSTHDR(message);

    if (datagram->has_v6) {
        struct in6_pktinfo info = datagram->asked_v6;

        if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
            info.ipi6_ifindex = 0;
        *item =
            (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof info), .cmsg_level = IPPROTO_IPV6, .cmsg_type = IPV6_PKTINFO};
        memcpy(CMSG_DATA(item), &info, sizeof info);
        message->msg_controllen = CMSG_SPACE(sizeof info);
    } else if (datagram->has_v4) {
        struct in_pktinfo info = {.ipi_spec_dst = datagram->asked_v4.ipi_spec_dst};

        *item = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof info), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO};
        memcpy(CMSG_DATA(item), &info, sizeof info);
        message->msg_controllen = CMSG_SPACE(sizeof info);
    } else {
        message->msg_control = NULL;
        message->msg_controllen = 0;
    }
}

/* What cannot be sent now is lost, as datagrams are. */
static void reply(const struct datagram *datagram, int socket, uint8_t *bytes, size_t size)
{
    union control control = {0};
    struct sockaddr_storage to = datagram->from;
    struct iovec piece = {bytes, size};
    struct msghdr message = {.msg_name = &to,
                             .msg_namelen = datagram->from_size,
                             .msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};

    write_asked(&message, datagram);
    ssize_t ignored = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)ignored;
}

static void answer(struct worker *worker, const struct listener *listener, const struct datagram *datagram)
{
    struct rpc_transport transport = worker_transport(worker);
    struct sockaddr_storage peer = datagram->from;

    peer_unmap(&peer);
    transport.peer = (const struct sockaddr *)&peer;
    if (!access_list_find(&transport.options, worker->access, transport.peer)) {
        worker_log_refused(worker, transport.peer, "address");
        return;
    }
    transport.only = listener->only;
    ssize_t n = call_answer(worker->output.bytes, RPC_RECORD_MAX, &transport, worker->input, datagram->size);
    if (n <= 0)
        return;
    region_touch(&worker->output_region, (size_t)n);
    if (n <= RPC_DATAGRAM_REPLY_MAX && (size_t)n <= RPC_DATAGRAM_FACTOR * datagram->size)
        reply(datagram, listener->fd, worker->output.bytes, (size_t)n);
}

void datagrams_answer(struct worker *worker, const struct listener *listener)
{
    struct datagram datagram;

    for (unsigned i = 0; i < RPC_DATAGRAMS_PER_WAKE; i++) {
        if (!receive(&datagram, listener->fd, worker->input, RPC_DATAGRAM_MAX))
            return;
        if (datagram.size && !datagram.cut)
            answer(worker, listener, &datagram);
    }
}
