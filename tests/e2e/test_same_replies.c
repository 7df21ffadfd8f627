/* Whatever the number of workers, the size of the cache and what came together with it, a call gets the same bytes.
 *
 * Each call is made alone first, of a server with one worker and the cache that it has by itself; what is read is
 * compared with the files that were imported. Then the same calls are made of servers of every other kind, in random
 * order, from several connections at once, many in flight on each, while snapshots are imported.
 */
#include "base/bytes.h"
#include "tests/e2e/nfs_calls.h"
#include "tests/e2e/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    DIRECTORIES = 40,
    FILES_EACH = 50, /* in a directory */
    MANY = 2500,     /* in one */
    DEEP = 30,       /* directories in each other */
    FILES_MAX = 6000,
    RANDOM_CALLS = 2500, /* to a snapshot; its contents are read besides */
    CALLS_MAX = 2 * (FILES_MAX + RANDOM_CALLS),
    READ_MAX = 1 << 20,
    CONNECTIONS = 8,
    DEPTH_MIN = 16,
    DEPTH_MAX = 64,
    RECEIVED = 262144,
};

#define LOOKED_SECONDS 0.3 /* after a commit every worker has looked */
#define START_SECONDS 60   /* a server is up */
#define SILENCE_MS 120000  /* without a byte from a server: it answers no more */
#define USUAL_CACHE "128M"

static struct {
    char *store, *source, *meanwhile;
} at;

/* --- What is imported --------------------------------------------------------------------------------------------- */

static int must(int result, const char *what)
{
    if (result < 0)
        process_fail("%s: %s", what, strerror(errno));
    return result;
}

/* Around every size that something changes at: a copied READ, a page, a row, a whole READ. */
static size_t size_of(unsigned number)
{
    static const size_t small[] = {0, 1, 3, 40, 511, 2047, 2048, 2049, 4096, 5000},
                        large[] = {65535, 65536, 65537, 200000, 1 << 20, (1 << 20) + 1, (3 << 20) + 5};

    return number % 37 == 5 ? large[number / 37 % (sizeof large / sizeof *large)]
                            : small[number % (sizeof small / sizeof *small)];
}

static void write_file(int directory, const char *name, unsigned number, unsigned version)
{
    static uint8_t bytes[4 << 20];
    size_t size = size_of(number);
    uint64_t word = ((uint64_t)version << 32 | number) * 0x9e3779b97f4a7c15ULL | 1;
    int fd = must(openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), name);

    for (size_t i = 0; i < size; i += sizeof word) {
        word ^= word << 13, word ^= word >> 7, word ^= word << 17;
        memcpy(bytes + i, &word, sizeof word);
    }
    assert_int_equal(write(fd, bytes, size), size);
    must(fchmod(fd, number % 5 ? 0644 : 0600), name);
    close(fd);
}

static void name_of(char name[256], unsigned number)
{
    static const char *const forms[] = {"f", "-rf ", "new\nline", "\xff\xfe", "...", "\xc3\xbcn\xc3\xaf", ""};

    int size = snprintf(name, 256, "%s%u", forms[number % 7], number);
    if (number % 7 != 6)
        return;
    memset(name + size, 'l', (size_t)(255 - size)); /* NAME_MAX */
    name[255] = '\0';
}

static int enter(int directory, const char *name)
{
    must(mkdirat(directory, name, 0755), name);
    return must(openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), name);
}

/* Files, symbolic links of many lengths, and names of a file that has another one. */
static void fill_directory(int directory, unsigned from)
{
    char name[256], other[256], target[4001];

    for (unsigned number = from; number < from + FILES_EACH; number++) {
        name_of(name, number);
        if (number % 9 == 2) {
            memset(target, 't', sizeof target - 1);
            target[1 + number * 13 % 4000] = '\0';
            must(symlinkat(target, directory, name), "symlink");
        } else {
            write_file(directory, name, number, 0);
        }
        if (number % 200 == 3) {
            snprintf(other, sizeof other, "other name of %u", number);
            must(linkat(directory, name, directory, other, 0), "link");
        }
    }
}

static void fill_many(int directory)
{
    char name[16];

    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "e%05u", i);
        write_file(directory, name, i % 4, 0);
    }
}

static void fill_deep(int directory)
{
    for (unsigned i = 0; i < DEEP; i++) {
        int below = enter(directory, "deeper");

        write_file(below, "file", i, 0);
        if (i)
            close(directory);
        directory = below;
    }
    close(directory);
}

static void make_source(void)
{
    int top, directory;
    char name[16];

    must(mkdir(at.source, 0755), at.source);
    top = must(open(at.source, O_RDONLY | O_DIRECTORY | O_CLOEXEC), at.source);
    for (unsigned i = 0; i < DIRECTORIES; i++) {
        snprintf(name, sizeof name, "d%02u", i);
        directory = enter(top, name);
        fill_directory(directory, i * FILES_EACH);
        close(directory);
    }
    directory = enter(top, "many");
    fill_many(directory);
    close(directory);
    fill_deep(top);
    close(top);
    must(mkdir(at.meanwhile, 0755), at.meanwhile);
}

/* Most stays what it was. */
static void change_source(void)
{
    int top = must(open(at.source, O_RDONLY | O_DIRECTORY | O_CLOEXEC), at.source);

    write_file(top, "d03/new", 5, 1);
    write_file(top, "many/e01000", 3, 1);
    write_file(top, "many/e01000-and-a-half", 2, 1);
    must(unlinkat(top, "many/e02000", 0), "unlink");
    write_file(top, "deeper/deeper/deeper/file", 7, 1);
    close(top);
}

static pid_t start_import(const char *name, const char *source)
{
    return process_start(name, (const char *const[]){"--store", at.store, "import", "--namespace", name, source, NULL});
}

static void import(char path[64], const char *name)
{
    if (process_wait(start_import(name, at.source)) != 0)
        process_fail("import: %s", process_output(name, "err"));
    char *out = process_output(name, "out");
    snprintf(path, 64, "/snap/%.32s", out);
    free(out);
}

/* --- Servers ------------------------------------------------------------------------------------------------------ */

struct serving {
    const char *threads, *cache;
    size_t calls; /* that are made to it, at least */
    pid_t pid;
    uint16_t port;
};

static uint16_t find_port(void)
{
    static const char sign[] = "address=127.0.0.1 port=";
    double began = process_seconds();

    while (process_seconds() - began < START_SECONDS) {
        char *log = process_output("serve", "err"), *found = strstr(log, sign);
        bool whole = found && strchr(found, '\n');
        unsigned long port = whole ? strtoul(found + strlen(sign), NULL, 10) : 0;

        free(log);
        if (port)
            return (uint16_t)port;
        process_sleep(0.02);
    }
    process_fail("the server does not start");
}

static void start(struct serving *server)
{
    server->pid =
        process_start("serve", (const char *const[]){"--store", at.store, "serve", "--listen", "127.0.0.1:0", "--allow",
                                                     "127.0.0.0/8,insecure", "--portmap", "off", "--threads",
                                                     server->threads, "--cache", server->cache, NULL});
    server->port = find_port();
}

static void stop(const struct serving *server)
{
    must(kill(server->pid, SIGTERM), "kill");
    int status = process_wait(server->pid);
    if (status != 0)
        process_fail("the server ended with %d: %s", status, process_output("serve", "err"));
}

/* --- What is there ------------------------------------------------------------------------------------------------ */

static struct file {
    struct fh fh;
    char *path;
    size_t directory; /* in this array */
    size_t name;      /* where it begins in the path */
    uint32_t type;    /* as in RFC 1813: 1 a regular file, 2 a directory */
    uint64_t size, cookie;
} files[FILES_MAX];
static size_t file_count;

static void add_file(size_t directory, const uint8_t *name, uint32_t size, uint64_t cookie, struct client *client)
{
    struct file *file = &files[file_count];
    const char *above = files[directory].path;
    struct attr attr;

    *file = (struct file){.directory = directory, .name = strlen(above) + 1, .cookie = cookie};
    if (asprintf(&file->path, "%s/%.*s", above, (int)size, (const char *)name) < 0)
        abort();
    read_post_op(&attr, client);
    assert_true(attr.there);
    assert_int_equal(client_u32(client), 1);
    read_handle(&file->fh, client);
    file->type = attr.type;
    file->size = attr.size;
    const char *last = file->path + file->name;
    if (strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
        free(file->path);
    else
        assert_true(++file_count < FILES_MAX);
}

static void list(struct client *client, size_t directory)
{
    uint64_t cookie = 0;

    for (bool ended = false; !ended;) {
        struct buffer args __attribute__((cleanup(buffer_free))) = {0};
        struct attr attr;

        buffer_add_be64(&args, cookie);
        buffer_add_be64(&args, 0);
        buffer_add_be32(&args, 65536);
        buffer_add_be32(&args, 65536);
        assert_int_equal(call_nfs(client, READDIRPLUS, &files[directory].fh, &args), OK);
        read_post_op(&attr, client);
        client_u64(client);
        while (client_u32(client)) {
            uint32_t size;

            client_u64(client);
            const uint8_t *name = client_opaque(&size, client);
            cookie = client_u64(client);
            add_file(directory, name, size, cookie, client);
        }
        ended = client_u32(client);
        client_done(client);
    }
}

static void forget_files(void)
{
    while (file_count)
        free(files[--file_count].path);
}

static void walk(struct client *client, const char *export)
{
    forget_files();
    files[0] = (struct file){.path = strdup(at.source), .type = 2};
    assert_int_equal(call_mount(&files[0].fh, client, export), OK);
    file_count = 1;
    for (size_t i = 0; i < file_count; i++)
        if (files[i].type == 2)
            list(client, i);
    assert_true(file_count > DIRECTORIES * FILES_EACH + MANY + 2 * DEEP);
}

/* --- Calls and their replies -------------------------------------------------------------------------------------- */

static struct call {
    uint32_t procedure, uid;
    struct buffer args, reply; /* all behind the xid */
} calls[CALLS_MAX];
static size_t call_count;

/* What a server answers to that call alone. The arguments are the call's from now on. */
static void add_call(struct client *client, uint32_t procedure, const struct buffer *args)
{
    struct call *call = &calls[call_count++];

    assert_true(call_count <= CALLS_MAX);
    call->procedure = procedure;
    call->uid = client->uid;
    call->args = *args;
    assert_int_not_equal(client_call(client, NFS_PROGRAM, 3, procedure, args), CLIENT_NO_ANSWER);
    buffer_add(&call->reply, client->reply.bytes + 4, client->reply.size - 4);
}

/* The bytes of a READ are those of the file. */
static void check_content(struct client *client, const struct file *file, uint64_t offset, uint32_t asked)
{
    static uint8_t bytes[READ_MAX];
    struct attr attr;
    uint32_t size;

    assert_int_equal(client_u32(client), OK);
    read_post_op(&attr, client);
    uint32_t count = client_u32(client), eof = client_u32(client);
    const uint8_t *data = client_opaque(&size, client);
    client_done(client);
    int fd = must(open(file->path, O_RDONLY | O_CLOEXEC), file->path);
    ssize_t here = pread(fd, bytes, asked < READ_MAX ? asked : READ_MAX, (off_t)offset);
    close(fd);
    assert_int_equal(count, here);
    assert_int_equal(size, here);
    assert_int_equal(eof, offset + count >= file->size);
    assert_memory_equal(data, bytes, count);
}

static const struct file *any_of(uint32_t type)
{
    for (;;) {
        const struct file *file = &files[process_random(file_count)];

        if (!type || file->type == type)
            return file;
    }
}

static void add_handle(struct buffer *args, const struct file *file)
{
    add_opaque(args, file->fh.bytes, file->fh.size);
}

static void no_more(struct buffer *args, const struct file *file)
{
    (void)args, (void)file;
}

static void add_mask(struct buffer *args, const struct file *file)
{
    (void)file;
    buffer_add_be32(args, (uint32_t)process_random(64));
}

/* A name that is there, or nearly. */
static void add_name(struct buffer *args, const struct file *directory)
{
    const struct file *file = any_of(0);
    char name[256];

    for (int tries = 0; tries < 500 && &files[file->directory] != directory; tries++)
        file = any_of(0);
    snprintf(name, sizeof name, "%s", file == files ? ".." : file->path + file->name);
    size_t size = strlen(name);
    if (process_random(6) == 0)
        name[process_random(size)] ^= 1;
    else if (process_random(20) == 0)
        size = process_random(size + 1);
    add_opaque(args, name, size);
}

static void add_range(struct buffer *args, const struct file *file)
{
    static const uint32_t counts[] = {0, 1, 100, 2048, 2049, 4096, 4096, 32768, 65536, READ_MAX};

    buffer_add_be64(args, process_random(8) ? process_random(file->size + 2) : process_random(2) ? 0 : UINT64_MAX);
    buffer_add_be32(args, counts[process_random(sizeof counts / sizeof *counts)]);
}

static void add_window(struct buffer *args, const struct file *directory)
{
    static const uint32_t sizes[] = {0, 200, 512, 1024, 4096, 8192, 32768, 65536, READ_MAX};
    const struct file *file = any_of(0);

    for (int tries = 0; tries < 100 && &files[file->directory] != directory; tries++)
        file = any_of(0);
    buffer_add_be64(args, process_random(3) ? file->cookie : 0);
    buffer_add_be64(args, 0);
    buffer_add_be32(args, sizes[process_random(sizeof sizes / sizeof *sizes)]);
    buffer_add_be32(args, sizes[process_random(sizeof sizes / sizeof *sizes)]);
}

static const struct {
    uint32_t procedure, type; /* of what it is mostly called with; 0: anything */
    void (*add_rest)(struct buffer *args, const struct file *file);
} kinds[] = {
    {GETATTR, 0, no_more}, {GETATTR, 0, no_more}, {LOOKUP, 2, add_name},  {LOOKUP, 2, add_name},
    {LOOKUP, 2, add_name}, {ACCESS, 0, add_mask}, {READLINK, 5, no_more}, {READ, 1, add_range},
    {READ, 1, add_range},  {READ, 1, add_range},  {READ, 1, add_range},   {READDIRPLUS, 2, add_window},
};

/* One bit of a handle is another one, or its end is missing: nothing is where it seems to be. */
static void damage_handle(struct buffer *args)
{
    uint32_t size = get_be32(args->bytes);

    if (process_random(4) == 0)
        put_be32(args->bytes, size - 4);
    else
        args->bytes[4 + process_random(size)] ^= (uint8_t)(1 << process_random(8));
}

static void add_random_call(struct client *client)
{
    size_t i = process_random(sizeof kinds / sizeof *kinds);
    const struct file *file = any_of(process_random(16) ? kinds[i].type : 0);
    struct buffer args = {0};

    client->uid = process_random(4) ? 0 : 1000;
    add_handle(&args, file);
    kinds[i].add_rest(&args, file);
    if (process_random(10) == 0)
        damage_handle(&args);
    if (process_random(50) == 0)
        args.size -= 4;
    add_call(client, kinds[i].procedure, &args);
}

static void add_content(struct client *client, const struct file *file)
{
    struct buffer args = {0};

    uint64_t offset = process_random(3) ? 0 : process_random(file->size + 1);
    client->uid = 0;
    add_handle(&args, file);
    buffer_add_be64(&args, offset);
    buffer_add_be32(&args, READ_MAX);
    add_call(client, READ, &args);
    check_content(client, file, offset, READ_MAX);
}

static void learn(struct client *client, const char *export)
{
    walk(client, export);
    for (size_t i = 0; i < file_count; i++)
        if (files[i].type == 1)
            add_content(client, &files[i]);
    for (int i = 0; i < RANDOM_CALLS; i++)
        add_random_call(client);
}

/* --- The same calls together -------------------------------------------------------------------------------------- */

struct connection {
    struct client client;
    const struct call *asked[DEPTH_MAX]; /* not answered yet, from `first` on */
    unsigned first, count;
    struct buffer out;
    size_t sent;
    struct buffer in;
};

static struct {
    size_t order[CALLS_MAX];
    size_t next, made;
    pid_t import; /* 0: it has ended */
    double imported;
} play;

static void shuffle(void)
{
    for (size_t i = 0; i < call_count; i++) {
        size_t other = process_random(i + 1);

        play.order[i] = play.order[other];
        play.order[other] = i;
    }
}

/* As many calls were made as should be, and some after every worker has seen that the store is another one. */
static bool is_over(const struct serving *server)
{
    int status;

    if (play.import && waitpid(play.import, &status, WNOHANG) == play.import) {
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            process_fail("import: %s", process_output("meanwhile", "err"));
        play.import = 0;
        play.imported = process_seconds();
    }
    return !play.import && process_seconds() > play.imported + LOOKED_SECONDS && play.made >= server->calls;
}

/* As many calls as a client may have in flight. */
static void ask(struct connection *connection)
{
    unsigned depth = DEPTH_MIN + (unsigned)process_random(DEPTH_MAX - DEPTH_MIN + 1);

    buffer_clear(&connection->out);
    connection->sent = connection->first = 0;
    for (connection->count = 0; connection->count < depth; connection->count++) {
        const struct call *call = &calls[play.order[play.next++ % call_count]];

        connection->asked[connection->count] = call;
        connection->client.uid = call->uid;
        connection->client.xid++;
        client_add_call(&connection->out, &connection->client, NFS_PROGRAM, 3, call->procedure, &call->args);
        play.made++;
    }
    assert_false(connection->out.failed);
}

static void send_more(struct connection *connection)
{
    ssize_t n = send(connection->client.fd, connection->out.bytes + connection->sent,
                     connection->out.size - connection->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN)
        process_fail("send: %s", strerror(errno));
    connection->sent += n > 0 ? (size_t)n : 0;
}

static void check_reply(struct connection *connection, const uint8_t *reply, size_t size, const struct serving *server)
{
    const struct call *call = connection->asked[connection->first++];
    uint32_t xid = connection->client.xid - (connection->count - connection->first);
    size_t same = 0;

    while (size >= 4 && same < size - 4 && same < call->reply.size && reply[4 + same] == call->reply.bytes[same])
        same++;
    if (size >= 4 && get_be32(reply) == xid && same == size - 4 && same == call->reply.size)
        return;
    process_fail("call %zu, procedure %u, of a server with %s threads and a cache of %s: a reply of %zu bytes instead "
                 "of %zu, other ones from byte %zu on",
                 (size_t)(call - calls), call->procedure, server->threads, server->cache, size, call->reply.size + 4,
                 same + 4);
}

static void receive_more(struct connection *connection, const struct serving *server)
{
    struct buffer *in = &connection->in;
    uint8_t *room = buffer_reserve(in, RECEIVED);
    assert_non_null(room);
    ssize_t n = recv(connection->client.fd, room, RECEIVED, MSG_DONTWAIT);
    size_t from = 0;

    if (n == 0 || (n < 0 && errno != EAGAIN))
        process_fail("the server with %s threads closes: %s", server->threads, n ? strerror(errno) : "end");
    buffer_took(in, n > 0 ? (size_t)n : 0);
    while (in->size - from >= 4) {
        uint32_t mark = get_be32(in->bytes + from), size = mark & 0x7fffffff;

        assert_true(mark & 0x80000000);
        if (size > in->size - from - 4)
            break;
        assert_true(connection->first < connection->count);
        check_reply(connection, in->bytes + from + 4, size, server);
        from += 4 + size;
    }
    memmove(in->bytes, in->bytes + from, in->size - from);
    in->size -= from;
}

/* Its part of a turn; false: it has nothing to wait for any more. */
static bool go_on(struct connection *connection, short events, const struct serving *server)
{
    if (events & POLLIN)
        receive_more(connection, server);
    if (connection->first == connection->count) {
        assert_int_equal(connection->in.size, 0);
        connection->first = connection->count = 0;
        if (!is_over(server))
            ask(connection);
    }
    if (connection->sent < connection->out.size)
        send_more(connection);
    return connection->count > 0;
}

static void play_all(struct connection connections[CONNECTIONS], const struct serving *server)
{
    struct pollfd polled[CONNECTIONS] = {0};
    unsigned waiting;

    do {
        waiting = 0;
        for (int i = 0; i < CONNECTIONS; i++) {
            struct connection *connection = &connections[i];

            waiting += go_on(connection, polled[i].revents, server);
            polled[i] = (struct pollfd){connection->client.fd,
                                        connection->sent < connection->out.size ? POLLIN | POLLOUT : POLLIN, 0};
        }
        if (waiting && poll(polled, CONNECTIONS, SILENCE_MS) <= 0)
            process_fail("the server with %s threads answers no more", server->threads);
    } while (waiting);
}

/* What is imported is another snapshot each time. */
static void start_import_meanwhile(void)
{
    static unsigned version;
    int directory = must(open(at.meanwhile, O_RDONLY | O_DIRECTORY | O_CLOEXEC), at.meanwhile);

    write_file(directory, "file", 5, ++version);
    close(directory);
    play.import = start_import("meanwhile", at.meanwhile);
}

static void compare_with(struct serving *server)
{
    struct connection connections[CONNECTIONS] = {0};

    play.next = play.made = 0;
    shuffle();
    start(server);
    for (int i = 0; i < CONNECTIONS; i++)
        client_connect(&connections[i].client, server->port, true);
    start_import_meanwhile();
    double began = process_seconds();
    play_all(connections, server);
    printf("%s threads, cache of %s: %zu calls in %.1f s\n", server->threads, server->cache, play.made,
           process_seconds() - began);
    for (int i = 0; i < CONNECTIONS; i++) {
        client_close(&connections[i].client);
        buffer_free(&connections[i].out);
        buffer_free(&connections[i].in);
    }
    stop(server);
}

/* --- The tests ---------------------------------------------------------------------------------------------------- */

static int make_everything(void **state)
{
    struct serving alone = {.threads = "1", .cache = USUAL_CACHE};
    char before[64], after[64];
    struct client client;

    (void)state;
    at.store = process_path("store");
    at.source = process_path("source");
    at.meanwhile = process_path("meanwhile");
    make_source();
    import(before, "test");
    start(&alone);
    client_connect(&client, alone.port, true);
    learn(&client, before);
    change_source();
    import(after, "test");
    assert_string_not_equal(before, after);
    learn(&client, after);
    client_close(&client);
    stop(&alone);
    forget_files();
    return 0;
}

static int remove_everything(void **state)
{
    (void)state;
    for (size_t i = 0; i < call_count; i++) {
        buffer_free(&calls[i].args);
        buffer_free(&calls[i].reply);
    }
    free(at.store);
    free(at.source);
    free(at.meanwhile);
    process_remove(NULL);
    return 0;
}

static void every_server_gives_the_same_bytes(void **state)
{
    static const char *const threads[] = {"1", "2", "4", "8"};
    /* Without a cache every call reads all that it needs, the table of hard links too, and takes a millisecond. */
    static const struct {
        const char *size;
        size_t calls;
    } caches[] = {{"0", 1500}, {"256K", 10000}, {USUAL_CACHE, CALLS_MAX}};

    (void)state;
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++)
        for (size_t j = 0; j < sizeof caches / sizeof *caches; j++)
            compare_with(&(struct serving){threads[i], caches[j].size, caches[j].calls, 0, 0});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_server_gives_the_same_bytes),
    };

    return cmocka_run_group_tests(tests, make_everything, remove_everything);
}
