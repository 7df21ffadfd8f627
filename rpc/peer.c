/* peer.c - socket addresses of peers. */
#include "rpc/peer.h"

#include "rpc/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* Addresses are copied out, because a `struct sockaddr *` may point at bytes of any alignment and type. */
static struct sockaddr_in as_v4(const struct sockaddr *peer)
{
    struct sockaddr_in v4;

    memcpy(&v4, peer, sizeof v4);
    return v4;
}

static struct sockaddr_in6 as_v6(const struct sockaddr *peer)
{
    struct sockaddr_in6 v6;

    memcpy(&v6, peer, sizeof v6);
    return v6;
}

uint16_t peer_port(const struct sockaddr *peer)
{
    if (peer->sa_family == AF_INET)
        return ntohs(as_v4(peer).sin_port);
    if (peer->sa_family == AF_INET6)
        return ntohs(as_v6(peer).sin6_port);
    return 0;
}

bool peer_address(uint8_t bytes[16], bool *v4, const struct sockaddr *peer)
{
    if (peer->sa_family == AF_INET) {
        struct sockaddr_in address = as_v4(peer);

        memcpy(bytes, mapped_prefix, sizeof mapped_prefix);
        memcpy(bytes + sizeof mapped_prefix, &address.sin_addr, 4);
    } else if (peer->sa_family == AF_INET6) {
        struct sockaddr_in6 address = as_v6(peer);

        memcpy(bytes, &address.sin6_addr, 16);
    } else {
        return false;
    }
    *v4 = memcmp(bytes, mapped_prefix, sizeof mapped_prefix) == 0;
    return true;
}

void peer_unmap(struct sockaddr_storage *peer)
{
    uint8_t bytes[16];
    bool v4;

    if (peer->ss_family != AF_INET6 || !peer_address(bytes, &v4, (struct sockaddr *)peer) || !v4)
        return;
    struct sockaddr_in plain = {.sin_family = AF_INET, .sin_port = htons(peer_port((struct sockaddr *)peer))};
    memcpy(&plain.sin_addr, bytes + sizeof mapped_prefix, 4);
    memset(peer, 0, sizeof *peer);
    memcpy(peer, &plain, sizeof plain);
}

void rpc_peer_format(char out[RPC_PEER_TEXT_SIZE], const struct sockaddr *peer)
{
    char text[INET6_ADDRSTRLEN];
    uint8_t bytes[16];
    bool v4;

    if (!peer_address(bytes, &v4, peer)) {
        snprintf(out, RPC_PEER_TEXT_SIZE, "local");
        return;
    }
    inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? bytes + sizeof mapped_prefix : bytes, text, sizeof text);
    snprintf(out, RPC_PEER_TEXT_SIZE, v4 ? "%s:%u" : "[%s]:%u", text, peer_port(peer));
}
