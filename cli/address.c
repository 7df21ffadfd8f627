/* address.c - see address.h. */
#include "cli/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Digits alone: no sign, no white space. */
static bool parse_port(uint16_t *port, const char *text)
{
    size_t size = strspn(text, "0123456789");
    unsigned long number = strtoul(text, NULL, 10);

    *port = (uint16_t)number;
    return size > 0 && size <= strlen("65535") && text[size] == '\0' && number <= UINT16_MAX;
}

bool address_parse(struct address *address, const char *text)
{
    bool brackets = text[0] == '[';
    const char *host = text + brackets;
    size_t size = strcspn(host, brackets ? "]" : ":");
    const char *rest = host + size + (brackets && host[size]);

    if (!brackets && *rest == ':' && strchr(rest + 1, ':')) { /* IPv6 without a port */
        size = strlen(host);
        rest = host + size;
    }
    address->port = NFS_PORT;
    if (size >= ADDRESS_HOST_SIZE || (brackets && (size == 0 || host[size] != ']')))
        return false;
    snprintf(address->host, sizeof address->host, "%.*s", (int)size, host);
    return !*rest || (*rest == ':' && parse_port(&address->port, rest + 1));
}
