/* address.h - where a server is, as people write it: "10.0.0.7:2049", "[::1]:2049", "::1", ":2049", "confuse". */
#ifndef CLI_ADDRESS_H
#define CLI_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#define NFS_PORT 2049
#define ADDRESS_HOST_SIZE 256 /* a name of the DNS and a NUL */

struct address {
    char host[ADDRESS_HOST_SIZE]; /* without brackets; empty where none was given */
    uint16_t port;                /* NFS_PORT where none was given */
};

/* False: it is none. */
bool address_parse(struct address *address, const char *text);

#endif
