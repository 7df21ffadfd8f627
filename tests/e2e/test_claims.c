/* Eight processes over eight connections of libnfs race for 1,000 claims a round, while the server is killed -9
 * $CONFUSE_KILLS (10) times in all and comes back. Each claim is won once; its winner writes a verdict, and what was
 * acknowledged is there in the end, whole. Who hears no answer asks again, byte for byte, as real clients do.
 */
#include "tests/e2e/cache_calls.h"
#include "tests/e2e/process.h"
#include "tests/e2e/racer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define RACERS 8u
#define CLAIMS 1000u
#define TEXT_SIZE 3000u /* of a verdict: more than one page of the database */
#define PATIENCE_S 60   /* that a racer waits for a server */

/* Of one round; shared by all processes. */
static struct board {
    atomic_uint wins[CLAIMS];
    atomic_uint winner[CLAIMS];
    atomic_bool written[CLAIMS]; /* acknowledged */
} * board;

static struct {
    uint16_t port;
    pid_t server;
    char *store;
} t;

/* --- The server --------------------------------------------------------------------------------------------------- */

static struct sockaddr_in address(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static uint16_t free_port(void)
{
    struct sockaddr_in at = address(0);
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&at, size) < 0 || getsockname(fd, (struct sockaddr *)&at, &size) < 0)
        process_fail("no port: %s", strerror(errno));
    close(fd);
    return ntohs(at.sin_port);
}

static void start_server(void)
{
    char listen[32];

    snprintf(listen, sizeof listen, "127.0.0.1:%u", t.port);
    t.server = process_start("server",
                             (const char *const[]){"--store", t.store, "serve", "--listen", listen, "--portmap", "off",
                                                   "--threads", "2", "--allow", "127.0.0.0/8,insecure,cache=rw", NULL});
}

/* --- A client that does not give up ------------------------------------------------------------------------------- */

static void reconnect(struct client *client)
{
    struct sockaddr_in at = address(t.port);

    for (double end = process_seconds() + PATIENCE_S; process_seconds() < end; process_sleep(0.01)) {
        if (client->fd >= 0)
            close(client->fd);
        client->fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(client->fd, (struct sockaddr *)&at, sizeof at) == 0)
            return;
    }
    process_fail("no server on port %u", t.port);
}

/* The status of a call with a handle; asked again, with its xid, until it is answered. */
static uint32_t ask(struct client *client, uint32_t procedure, const struct fh *fh, const struct buffer *rest)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};

    add_opaque(&args, fh->bytes, fh->size);
    buffer_add(&args, rest->bytes, rest->size);
    for (;;) {
        uint32_t came = client_call(client, NFS_PROGRAM, 3, procedure, &args);
        if (came == CLIENT_SUCCESS)
            return client_u32(client);
        if (came != CLIENT_NO_ANSWER)
            process_fail("procedure %u: accept_stat %u", procedure, came);
        reconnect(client);
        client->xid--;
    }
}

static struct fh walk(struct client *client, const struct fh *from, const char *name)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};
    struct fh fh;

    add_text(&args, name);
    if (ask(client, LOOKUP, from, &args) != OK)
        process_fail("no %s", name);
    read_handle(&fh, client);
    return fh;
}

static struct fh make_directory(struct client *client, const struct fh *cache, const char *name)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};
    struct fh fh;

    add_text(&args, name);
    buffer_add_be32(&args, 1);
    buffer_add_be32(&args, 0777);
    for (int i = 0; i < 5; i++)
        buffer_add_be32(&args, 0);
    uint32_t status = ask(client, MKDIR, cache, &args);
    if (status != OK)
        process_fail("MKDIR %s: %u", name, status);
    client_u32(client);
    read_handle(&fh, client);
    return fh;
}

/* --- The race ----------------------------------------------------------------------------------------------------- */

/* What the winner of a claim finds: the same words over and over, so that a torn one shows. */
static void text_of(char text[TEXT_SIZE], unsigned claim, unsigned winner)
{
    char words[32];
    size_t size = (size_t)snprintf(words, sizeof words, "%u by %u, ", claim, winner);

    for (size_t i = 0; i < TEXT_SIZE; i++)
        text[i] = words[i % size];
}

/* Half of them as scripts do it, written aside and renamed. */
static void publish(struct racer *racer, const struct fh *verdicts, unsigned claim, unsigned number)
{
    char name[VERDICT_TEXT], aside[VERDICT_TEXT], text[TEXT_SIZE];
    struct fh fh;

    text_of(text, claim, number);
    verdict_text(name, claim, "");
    snprintf(aside, sizeof aside, "%u-%u.tmp", number, claim);
    racer_create(&fh, racer, verdicts, claim % 2 ? aside : name);
    if (claim % 2) {
        racer_write_and_commit(racer, &fh, text, TEXT_SIZE);
        racer_rename(racer, verdicts, aside, name);
    } else {
        racer_write(racer, &fh, text, TEXT_SIZE);
    }
    atomic_store(&board->written[claim], true);
}

static void race(unsigned number, const struct fh *claims, const struct fh *verdicts)
{
    struct racer *racer = racer_connect(t.port, number << 24);
    char name[VERDICT_TEXT];

    for (unsigned i = 0; i < CLAIMS; i++) {
        unsigned claim = (i + number * 3) % CLAIMS; /* close together, so that most are contested */
        uint32_t status =
            racer_claim(racer, claims, verdict_text(name, claim, ".claim"), (uint64_t)number << 32 | (claim + 1));

        if (status != OK && status != EXIST)
            process_fail("claim %u: %u", claim, status);
        if (status != OK)
            continue;
        atomic_fetch_add(&board->wins[claim], 1);
        atomic_store(&board->winner[claim], number);
        publish(racer, verdicts, claim, number);
    }
    racer_close(racer);
}

static void check_round(struct client *client, const struct fh *verdicts)
{
    char name[VERDICT_TEXT], text[TEXT_SIZE];

    for (unsigned claim = 0; claim < CLAIMS; claim++) {
        struct buffer args __attribute__((cleanup(buffer_free))) = {0};
        struct attr attr;
        uint32_t size;

        if (atomic_load(&board->wins[claim]) != 1 || !atomic_load(&board->written[claim]))
            process_fail("claim %u was won %u times", claim, atomic_load(&board->wins[claim]));
        struct fh fh = walk(client, verdicts, verdict_text(name, claim, ""));
        buffer_add_be64(&args, 0);
        buffer_add_be32(&args, 2 * TEXT_SIZE);
        if (ask(client, READ, &fh, &args) != OK)
            process_fail("verdict %u cannot be read", claim);
        read_post_op(&attr, client);
        client_bytes(client, 8);
        const uint8_t *data = client_opaque(&size, client);
        text_of(text, claim, atomic_load(&board->winner[claim]));
        if (size != TEXT_SIZE || memcmp(data, text, TEXT_SIZE) != 0)
            process_fail("verdict %u is not what was acknowledged", claim);
    }
}

/* Kill it at random instants while racers run; how many times. */
static unsigned kill_meanwhile(unsigned left, unsigned running)
{
    unsigned killed = 0;

    while (running) {
        process_sleep(0.02 + (double)process_random(150) / 1000);
        for (int status; running && waitpid(-1, &status, WNOHANG) > 0; running--)
            if (status != 0)
                process_fail("a racer or the server ended with %d", status);
        if (!running || killed == left)
            continue;
        kill(t.server, SIGKILL);
        waitpid(t.server, NULL, 0);
        killed++;
        start_server();
    }
    return killed;
}

static unsigned run_round(unsigned round, unsigned kills_left)
{
    struct client client = {.fd = -1, .stream = true, .xid = 0x70000000 + round * 0x10000};
    char name[32];
    struct fh slash;

    reconnect(&client);
    if (call_mount(&slash, &client, "/") != OK)
        process_fail("no mount");
    struct fh cache = walk(&client, &slash, "cache");
    snprintf(name, sizeof name, "claims-%u", round);
    struct fh claims = make_directory(&client, &cache, name);
    snprintf(name, sizeof name, "verdicts-%u", round);
    struct fh verdicts = make_directory(&client, &cache, name);
    memset(board, 0, sizeof *board);
    for (unsigned number = 1; number <= RACERS; number++) {
        pid_t pid = fork();
        if (pid == 0) {
            race(number, &claims, &verdicts);
            _exit(0);
        }
    }
    unsigned killed = kill_meanwhile(kills_left, RACERS);
    check_round(&client, &verdicts);
    client_close(&client);
    return killed;
}

int main(void)
{
    unsigned long kills = process_setting("CONFUSE_KILLS", 10);
    unsigned killed = 0, round = 0;

    process_scratch();
    t.store = process_path("store");
    t.port = free_port();
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED)
        process_fail("mmap: %s", strerror(errno));
    start_server();
    do
        killed += run_round(round++, (unsigned)kills - killed);
    while (killed < kills);
    kill(t.server, SIGTERM);
    if (process_wait(t.server) != 0)
        process_fail("the server did not end well");
    printf("%u rounds, %u kills\n", round, killed);
    process_remove(NULL);
    return 0;
}
