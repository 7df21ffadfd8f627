/* walk.c - `walk HOST PORT PATH [ROUNDS]`: how long one connection takes to walk an export by READDIRPLUS.
 *
 * One call at a time, each waiting for its reply, as a serial scanner does. Raw sockets and hand-made XDR: nothing is
 * shared with the server. Prints entries, calls, bytes, the fastest and the median round in milliseconds, and the same
 * of as many NULL calls: a machine that is shared, or whose processors fall asleep, slows down both.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    NFS_PROGRAM = 100003,
    MOUNT_PROGRAM = 100005,
    MNT = 1,
    READDIRPLUS = 17,
    MAX_COUNT = 1 << 20, /* bytes of a reply asked for */
    BUFFER_SIZE = MAX_COUNT + 4096,
    HANDLES_MAX = 1 << 22,
};

struct handle {
    uint32_t size;
    uint8_t bytes[64];
};

static int fd;
static uint8_t out[4096], in[BUFFER_SIZE];
static size_t out_size, in_at, in_size;
static uint64_t calls, reply_bytes, entries;
static struct handle *queue;
static size_t queued;

static void die(const char *what)
{
    fprintf(stderr, "walk: %s\n", what);
    exit(1);
}

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void put(uint32_t word)
{
    word = htonl(word);
    memcpy(out + out_size, &word, 4);
    out_size += 4;
}

static void put_bytes(const void *bytes, uint32_t size)
{
    put(size);
    memset(out + out_size, 0, (size + 3u) & ~3u);
    memcpy(out + out_size, bytes, size);
    out_size += (size + 3u) & ~3u;
}

static uint32_t get(void)
{
    uint32_t word;

    if (in_at + 4 > in_size)
        die("the reply is too short");
    memcpy(&word, in + in_at, 4);
    in_at += 4;
    return ntohl(word);
}

static void skip(uint32_t size)
{
    in_at += (size + 3u) & ~3u;
    if (in_at > in_size)
        die("the reply is too short");
}

static void begin_call(uint32_t program, uint32_t procedure)
{
    static uint32_t xid;
    const uint32_t uid_gid_groups[] = {0, 0, 0};

    out_size = 4;
    put(++xid);
    put(0);
    put(2);
    put(program);
    put(3);
    put(procedure);
    put(1); /* AUTH_SYS: stamp, machine name, uid, gid, no groups */
    put(20);
    put(0);
    put(0);
    for (int i = 0; i < 3; i++)
        put(uid_gid_groups[i]);
    put(0);
    put(0);
}

static void read_all(void *to, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = read(fd, (uint8_t *)to + done, size - done);

        if (got <= 0)
            die("the connection ended");
        done += (size_t)got;
    }
}

/* Send the call and read its reply up to the procedure's own result. */
static void call(void)
{
    uint32_t mark = htonl(0x80000000u | (uint32_t)(out_size - 4));

    memcpy(out, &mark, 4);
    if (write(fd, out, out_size) != (ssize_t)out_size)
        die("cannot send");
    in_size = 0;
    do {
        read_all(&mark, 4);
        uint32_t size = ntohl(mark) & 0x7fffffffu;
        if (in_size + size > sizeof in)
            die("the reply is too long");
        read_all(in + in_size, size);
        in_size += size;
    } while (!(ntohl(mark) & 0x80000000u));
    calls++;
    reply_bytes += in_size + 4;
    in_at = 8;
    if (get() != 0)
        die("the call was denied");
    get();
    skip(get());
    if (get() != 0)
        die("the call was not accepted");
}

static void open_connection(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    int one = 1;

    if (getaddrinfo(host, port, &hints, &found) != 0)
        die("no such host");
    fd = socket(found->ai_family, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) < 0)
        die("cannot connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    freeaddrinfo(found);
}

static void get_handle(struct handle *handle)
{
    handle->size = get();
    if (handle->size > sizeof handle->bytes || in_at + handle->size > in_size)
        die("a handle is too long");
    memcpy(handle->bytes, in + in_at, handle->size);
    skip(handle->size);
}

static void mount_path(struct handle *root, const char *path)
{
    begin_call(MOUNT_PROGRAM, MNT);
    put_bytes(path, (uint32_t)strlen(path));
    call();
    if (get() != 0)
        die("the path cannot be mounted");
    get_handle(root);
}

/* post_op_attr: the file's type, or 0 when there are none. */
static uint32_t get_attributes(void)
{
    uint32_t type;

    if (!get())
        return 0;
    type = get();
    skip(80);
    return type;
}

static void read_directory(const struct handle *directory)
{
    uint32_t cookie[2] = {0}, verifier[2] = {0}, eof;

    do {
        begin_call(NFS_PROGRAM, READDIRPLUS);
        put_bytes(directory->bytes, directory->size);
        put(cookie[0]), put(cookie[1]), put(verifier[0]), put(verifier[1]);
        put(MAX_COUNT), put(MAX_COUNT);
        call();
        if (get() != 0)
            die("READDIRPLUS failed");
        get_attributes();
        verifier[0] = get(), verifier[1] = get();
        while (get()) {
            skip(8);
            uint32_t size = get();
            const char *name = (const char *)in + in_at;
            skip(size);
            int dots = (size == 1 && name[0] == '.') || (size == 2 && name[0] == '.' && name[1] == '.');
            cookie[0] = get(), cookie[1] = get();
            uint32_t type = get_attributes();
            struct handle handle;
            if (get())
                get_handle(&handle);
            entries += !dots;
            if (type == 2 && !dots && queued < HANDLES_MAX)
                queue[queued++] = handle;
        }
        eof = get();
    } while (!eof);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double walk_once(const struct handle *root)
{
    double began = now_ms();

    calls = reply_bytes = entries = queued = 0;
    queue[queued++] = *root;
    for (size_t i = 0; i < queued; i++)
        read_directory(&queue[i]);
    return now_ms() - began;
}

static double null_calls(uint64_t count)
{
    double began = now_ms();

    for (uint64_t i = 0; i < count; i++) {
        begin_call(NFS_PROGRAM, 0);
        call();
    }
    return now_ms() - began;
}

int main(int argc, char **argv)
{
    int rounds = argc > 4 ? atoi(argv[4]) : 9;
    struct handle root;

    if (argc < 4 || rounds < 1 || rounds > 1000)
        die("usage: walk HOST PORT PATH [ROUNDS]");
    double *times = calloc((size_t)rounds, sizeof *times), *nulls = calloc((size_t)rounds, sizeof *nulls);
    queue = calloc(HANDLES_MAX, sizeof *queue);
    if (!times || !nulls || !queue)
        die("out of memory");
    open_connection(argv[1], argv[2]);
    mount_path(&root, argv[3]);
    double first = walk_once(&root);
    uint64_t walk_calls = calls, walk_bytes = reply_bytes;
    for (int i = 0; i < rounds; i++) {
        times[i] = walk_once(&root);
        nulls[i] = null_calls(walk_calls);
    }
    qsort(times, (size_t)rounds, sizeof *times, compare);
    qsort(nulls, (size_t)rounds, sizeof *nulls, compare);
    printf("entries %llu calls %llu bytes %llu first_ms %.2f fastest_ms %.2f median_ms %.2f null_fastest_ms %.2f "
           "null_median_ms %.2f\n",
           (unsigned long long)entries, (unsigned long long)walk_calls, (unsigned long long)walk_bytes, first, times[0],
           times[rounds / 2], nulls[0], nulls[rounds / 2]);
    return 0;
}
