/* peer.h - socket addresses of peers: their port, their text, IPv4 inside IPv6. */
#ifndef RPC_PEER_H
#define RPC_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* The port, or 0 for an address without one. */
uint16_t peer_port(const struct sockaddr *peer);

/* The address as 16 bytes, IPv4 as ::ffff:a.b.c.d, and whether it is IPv4. False for other families. */
bool peer_address(uint8_t bytes[16], bool *v4, const struct sockaddr *peer);

/* What a dual-stack socket calls ::ffff:a.b.c.d becomes the IPv4 address that it is. */
void peer_unmap(struct sockaddr_storage *peer);

#endif
