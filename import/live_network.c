/* live_network.c - connections: the sockets of a network namespace that processes of the container have open. */
#include "import/live.h"

#include "base/jsonl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct live_owner *owners_of(const struct live *live)
{
    return (const struct live_owner *)(const void *)live->owners.bytes;
}

static size_t count_of(const struct live *live)
{
    return live->owners.size / sizeof(struct live_owner);
}

static int compare_owners(const void *a, const void *b)
{
    const struct live_owner *x = a, *y = b;

    if (x->inode != y->inode)
        return x->inode > y->inode ? 1 : -1;
    return (x->process > y->process) - (x->process < y->process);
}

static size_t first_owner(const struct live *live, uint64_t inode)
{
    const struct live_owner *owners = owners_of(live);
    size_t low = 0, high = count_of(live);

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (owners[middle].inode < inode)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Names of TCP's states as psutil has them, by the kernel's numbers. UDP has none. */
static const char *state_name(unsigned state)
{
    static const char *const names[] = {NULL,        "ESTABLISHED", "SYN_SENT", "SYN_RECV",   "FIN_WAIT1",
                                        "FIN_WAIT2", "TIME_WAIT",   "CLOSE",    "CLOSE_WAIT", "LAST_ACK",
                                        "LISTEN",    "CLOSING",     "SYN_RECV"};

    return state < sizeof names / sizeof *names && names[state] ? names[state] : "NONE";
}

/* A connected one has a port at the other end. */
static void add_remote(struct live *live, const struct live_socket *socket)
{
    char address[INET6_ADDRSTRLEN];

    if (socket->remote_port == 0) {
        live_null(live, "remoteipaddr");
        live_null(live, "remoteport");
        return;
    }
    inet_ntop(socket->family, socket->remote, address, sizeof address);
    jsonl_string(&live->value, "remoteipaddr", address);
    jsonl_number(&live->value, "remoteport", socket->remote_port);
}

static int produce_connection(struct live *live, const struct live_socket *socket, const char *state, size_t number,
                              struct error *err)
{
    const struct live_process *process = (const struct live_process *)(const void *)live->processes.bytes + number;
    struct live_span comm = {process->stat.comm, process->stat.comm_size};
    char address[INET6_ADDRSTRLEN], key[INET6_ADDRSTRLEN + 40];

    inet_ntop(socket->family, socket->local, address, sizeof address);
    live_begin(live);
    jsonl_string(&live->value, "localipaddr", address);
    jsonl_number(&live->value, "localport", socket->local_port);
    live_span(live, "pname", &comm);
    jsonl_number(&live->value, "pid", process->pid);
    add_remote(live, socket);
    jsonl_string(&live->value, "connstatus", state);
    jsonl_number(&live->value, "inode", socket->inode);
    jsonl_number(&live->value, "uid", live_id_inside(&live->uid_map, socket->uid));
    int size = snprintf(key, sizeof key, "%llu/%s/%u", (unsigned long long)process->pid, address, socket->local_port);
    return live_record(live, "connection", key, (size_t)size, err);
}

/* One record a process that has it, however often. */
static int produce_socket(struct live *live, const struct live_socket *socket, const char *state, struct error *err)
{
    const struct live_owner *owners = owners_of(live);
    size_t first = first_owner(live, socket->inode);
    int result = 0;

    for (size_t i = first; i < count_of(live) && owners[i].inode == socket->inode && result == 0; i++)
        if (i == first || owners[i].process != owners[i - 1].process)
            result = produce_connection(live, socket, state, owners[i].process, err);
    return result;
}

static int produce_table(struct live *live, const char *table, bool has_states, struct error *err)
{
    struct live_span line;
    struct live_socket socket;
    int result;

    buffer_clear(&live->text);
    int cut = live_read(&live->text, live->process, table, LIVE_TABLE_MAX);
    if (cut == -ENOENT) /* a kernel without IPv6 */
        return 0;
    if (cut != 0) {
        char path[32];
        snprintf(path, sizeof path, "/proc/%s", table);
        result = live_note(live, path, cut < 0 ? "unreadable" : "left-out",
                           cut < 0 ? strerror(-cut) : "too many sockets", err);
        if (result < 0 || cut < 0)
            return result;
    }
    result = 0;
    for (size_t at = 0; live_next_line(&line, &at, (const char *)live->text.bytes, live->text.size) && result == 0;)
        if (live_parse_socket(&socket, line.text, line.size) && socket.inode)
            result = produce_socket(live, &socket, has_states ? state_name(socket.state) : "NONE", err);
    return result;
}

int live_network(struct live *live, struct error *err)
{
    static const struct {
        const char *name;
        bool has_states;
    } tables[] = {{"net/tcp", true}, {"net/tcp6", true}, {"net/udp", false}, {"net/udp6", false}};
    int result = live->owners.failed ? error_system(err, ENOMEM, "%s: its sockets", live->name) : 0;

    if (count_of(live) > 1)
        qsort(live->owners.bytes, count_of(live), sizeof(struct live_owner), compare_owners);
    for (size_t i = 0; i < sizeof tables / sizeof *tables && result == 0; i++)
        result = produce_table(live, tables[i].name, tables[i].has_states, err);
    return result;
}
