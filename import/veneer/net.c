/* net.c - /proc/net/{tcp,tcp6,udp,udp6} from connections, /proc/net/dev and /sys/class/net from interfaces. */
#include "import/veneer/render.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PORT_MAX 65535u
#define STATE_CLOSE 7u /* include/net/tcp_states.h; udp sockets without a peer have it, too */
#define STATE_ESTABLISHED 1u
#define INODE_BITS 47 /* of a digest: two of 131,072 are the same once in 16,000 frames */

/* Rows of one table begin with four columns that have an address's width. */
static const struct {
    const char *path, *local;
    bool stream, is_long;
} tables[] = {
    {"/proc/net/tcp", "local_address rem_address  ", true, false},
    {"/proc/net/tcp6", "local_address                         remote_address                       ", true, true},
    {"/proc/net/udp", "local_address rem_address  ", false, false},
    {"/proc/net/udp6", "local_address                         remote_address                       ", false, true},
};

#define TABLES (sizeof tables / sizeof *tables)

/* psutil's words; "NONE" is a socket that knows no states. */
static const struct {
    const char *word;
    unsigned state;
} states[] = {
    {"ESTABLISHED", 1}, {"SYN_SENT", 2}, {"SYN_RECV", 3},   {"FIN_WAIT1", 4}, {"FIN_WAIT2", 5}, {"TIME_WAIT", 6},
    {"CLOSE", 7},       {"CLOSED", 7},   {"CLOSE_WAIT", 8}, {"LAST_ACK", 9},  {"LISTEN", 10},   {"CLOSING", 11},
};

/* --- Sockets ------------------------------------------------------------------------------------------------------ */

static bool read_address(uint8_t address[16], int family, struct fact fact)
{
    char text[INET6_ADDRSTRLEN];

    memset(address, 0, 16);
    if (!fact.text || fact.size == 0)
        return true; /* nobody at the other end */
    if (fact.size >= sizeof text)
        return false;
    memcpy(text, fact.text, fact.size);
    text[fact.size] = '\0';
    return inet_pton(family, text, address) == 1;
}

static bool read_port(uint32_t *port, struct fact fact)
{
    uint64_t number = 0;

    if (fact.text && fact.size && (!fact_number(&number, fact) || number > PORT_MAX))
        return false;
    *port = (uint32_t)number;
    return true;
}

/* Is it a stream's? That a state is told says so. */
static bool read_state(struct socket *socket, bool *stream, struct fact status)
{
    *stream = false;
    socket->state = socket->remote_port ? STATE_ESTABLISHED : STATE_CLOSE;
    if (!status.text || fact_is(status, "NONE"))
        return true;
    *stream = true;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        if (!fact_is(status, states[i].word))
            continue;
        socket->state = states[i].state;
        return true;
    }
    return false;
}

/* A socket that several processes hold is one, so it is named by what it is and not by who holds it. */
static uint64_t inode_of(const struct veneer *v, const struct socket *socket)
{
    struct digest digest;
    struct buffer name = {0};
    uint64_t inode = 0;

    buffer_add_be32(&name, socket->table);
    buffer_add(&name, socket->local, sizeof socket->local);
    buffer_add_be32(&name, socket->local_port);
    buffer_add(&name, socket->remote, sizeof socket->remote);
    buffer_add_be32(&name, socket->remote_port);
    sha256_of(&digest, v->sha, name.bytes, name.size);
    buffer_free(&name);
    for (unsigned i = 0; i < sizeof inode; i++)
        inode = inode << 8 | digest.bytes[i];
    return (inode >> (64 - INODE_BITS)) + 1;
}

bool socket_of(struct socket *socket, const struct veneer *v, uint32_t row)
{
    struct fact local = facts_get(&v->facts, FACT_CONNECTION, row, CONNECTION_ADDRESS);
    int family = local.text && memchr(local.text, ':', local.size) ? AF_INET6 : AF_INET;
    bool stream;

    if (!local.text || local.size == 0 || !read_address(socket->local, family, local) ||
        !read_address(socket->remote, family, facts_get(&v->facts, FACT_CONNECTION, row, CONNECTION_REMOTE)) ||
        !read_port(&socket->local_port, facts_get(&v->facts, FACT_CONNECTION, row, CONNECTION_PORT)) ||
        !read_port(&socket->remote_port, facts_get(&v->facts, FACT_CONNECTION, row, CONNECTION_REMOTE_PORT)) ||
        !read_state(socket, &stream, facts_get(&v->facts, FACT_CONNECTION, row, CONNECTION_STATUS)))
        return false;
    socket->table = 0;
    while (tables[socket->table].stream != stream || tables[socket->table].is_long != (family == AF_INET6))
        socket->table++;
    if (!fact_number(&socket->inode, facts_get(&v->facts, FACT_CONNECTION, row, CONNECTION_INODE)) || !socket->inode)
        socket->inode = inode_of(v, socket);
    return true;
}

/* --- Tables ------------------------------------------------------------------------------------------------------- */

struct held {
    struct socket socket;
    uint32_t row;
};

/* Whoever owns the socket, or else the process. */
static uint32_t owner_of(const struct veneer *v, uint32_t row)
{
    uint64_t uid, pid;

    if (fact_number(&uid, facts_get(&v->facts, FACT_CONNECTION, row, CONNECTION_UID)) && uid <= UINT32_MAX)
        return (uint32_t)uid;
    if (!fact_number(&pid, facts_get(&v->facts, FACT_CONNECTION, row, CONNECTION_PID)))
        return ACCOUNT_UNKNOWN;
    return process_uid(v, pid);
}

/* Two processes have one socket. */
static bool is_one(const struct socket *a, const struct socket *b)
{
    return a->inode == b->inode && a->table == b->table && a->local_port == b->local_port &&
           a->remote_port == b->remote_port && memcmp(a->local, b->local, sizeof a->local) == 0 &&
           memcmp(a->remote, b->remote, sizeof a->remote) == 0;
}

static int by_place(const void *a, const void *b)
{
    const struct held *x = a, *y = b;

    if (x->socket.table != y->socket.table)
        return x->socket.table < y->socket.table ? -1 : 1;
    if (x->socket.local_port != y->socket.local_port)
        return x->socket.local_port < y->socket.local_port ? -1 : 1;
    if (x->socket.inode != y->socket.inode)
        return x->socket.inode < y->socket.inode ? -1 : 1;
    int remote = memcmp(x->socket.remote, y->socket.remote, sizeof x->socket.remote);
    return remote ? remote : (x->row > y->row) - (x->row < y->row);
}

/* The kernel writes addresses as words of its own order; all that people have are little-endian. */
static void add_address(struct buffer *out, const uint8_t address[16], bool is_long, uint32_t port)
{
    for (unsigned word = 0; word < (is_long ? 4u : 1u); word++, address += 4)
        buffer_add_format(out, "%02X%02X%02X%02X", address[3], address[2], address[1], address[0]);
    buffer_add_format(out, ":%04X", port);
}

static void add_socket(struct veneer *v, const struct held *held, unsigned slot)
{
    const struct socket *socket = &held->socket;
    bool is_long = tables[socket->table].is_long;

    buffer_add_format(&v->text, "%4u: ", slot);
    add_address(&v->text, socket->local, is_long, socket->local_port);
    buffer_add_byte(&v->text, ' ');
    add_address(&v->text, socket->remote, is_long, socket->remote_port);
    buffer_add_format(&v->text, " %02X 00000000:00000000 00:00000000 00000000 %5u        0 %llu 1 0000000000000000%s\n",
                      socket->state, owner_of(v, held->row), (unsigned long long)socket->inode,
                      tables[socket->table].stream ? " 100 0 0 10 0" : " 0");
}

static int render_table(struct veneer *v, unsigned table, const struct held *list, size_t count, struct error *err)
{
    unsigned slot = 0;

    if (count == 0)
        return 0;
    buffer_add_format(&v->text, "  sl  %s st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode%s\n",
                      tables[table].local, tables[table].stream ? "" : " ref pointer drops");
    for (size_t i = 0; i < count; i++)
        if (i == 0 || !is_one(&list[i].socket, &list[i - 1].socket))
            add_socket(v, &list[i], slot++);
    return veneer_put_file(v, tables[table].path, err);
}

static int render_tables(struct veneer *v, const struct held *list, size_t count, struct error *err)
{
    int rc = 0;
    size_t at = 0;

    for (unsigned table = 0; table < TABLES && rc == 0; table++) {
        size_t end = at;

        while (end < count && list[end].socket.table == table)
            end++;
        rc = render_table(v, table, list + at, end - at, err);
        at = end;
    }
    return rc;
}

int render_connections(struct veneer *v, struct error *err)
{
    struct buffer list = {0};
    uint64_t left_out = 0;

    for (uint32_t row = 0; row < facts_count(&v->facts, FACT_CONNECTION); row++) {
        struct held held = {.row = row};

        if (socket_of(&held.socket, v, row))
            buffer_add(&list, &held, sizeof held);
        else
            left_out++;
    }
    size_t count = list.size / sizeof(struct held);
    int rc = list.failed ? error_system(err, ENOMEM, "cannot hold the connections") : 0;
    if (rc == 0 && count) {
        qsort(list.bytes, count, sizeof(struct held), by_place);
        rc = render_tables(v, (const struct held *)(const void *)list.bytes, count, err);
    }
    buffer_free(&list);
    return rc < 0 ? rc
                  : veneer_left_out(v, "connection", "its addresses, ports and state are none of an IP socket",
                                    left_out, err);
}

/* --- Interfaces --------------------------------------------------------------------------------------------------- */

#define INTERFACE "interface-"
#define INTERFACE_MAX 15 /* bytes: IFNAMSIZ without its NUL */

/* dev_valid_name() of the kernel, and no leading dot. */
static bool name_of_interface(struct fact *name, const struct veneer *v, uint32_t row)
{
    struct fact key = facts_get(&v->facts, FACT_INTERFACE, row, FACT_KEY);

    if (key.size <= strlen(INTERFACE) || memcmp(key.text, INTERFACE, strlen(INTERFACE)) != 0)
        return false;
    *name = (struct fact){key.text + strlen(INTERFACE), key.size - strlen(INTERFACE)};
    return name->size <= INTERFACE_MAX && veneer_is_line(*name) && name->text[0] != '.' &&
           !memchr(name->text, '/', name->size) && !memchr(name->text, ':', name->size) &&
           !memchr(name->text, ' ', name->size);
}

static int render_interface(struct veneer *v, struct fact name, struct error *err)
{
    char path[VENEER_PATH_MAX];

    snprintf(path, sizeof path, "/sys/class/net/%.*s/operstate", (int)name.size, name.text);
    buffer_add_text(&v->text, "unknown\n");
    return veneer_put_file(v, path, err);
}

int render_interfaces(struct veneer *v, struct error *err)
{
    struct fact name;
    uint64_t left_out = 0;
    int rc = 0;

    for (uint32_t row = 0; row < facts_count(&v->facts, FACT_INTERFACE) && rc == 0; row++) {
        if (name_of_interface(&name, v, row))
            rc = render_interface(v, name, err);
        else
            left_out++;
    }
    if (rc < 0 || left_out == facts_count(&v->facts, FACT_INTERFACE))
        return rc < 0 ? rc : veneer_left_out(v, "interface", "its name is none of an interface", left_out, err);
    buffer_add_text(&v->text, "Inter-|   Receive                                                |  Transmit\n"
                              " face |bytes    packets errs drop fifo frame compressed multicast|"
                              "bytes    packets errs drop fifo colls carrier compressed\n");
    for (uint32_t row = 0; row < facts_count(&v->facts, FACT_INTERFACE); row++)
        if (name_of_interface(&name, v, row))
            buffer_add_format(&v->text, "%*s%.*s: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
                              name.size < 6 ? 6 - (int)name.size : 0, "", (int)name.size, name.text);
    rc = veneer_put_file(v, "/proc/net/dev", err);
    return rc < 0 ? rc : veneer_left_out(v, "interface", "its name is none of an interface", left_out, err);
}
