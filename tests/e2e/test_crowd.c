/* Many clients at once, while snapshots come: what each of them reads is whole. Run under TSan this is the test that
 * workers share nothing that they should not.
 *
 * Each client is a process of its own: this program again, as `test_crowd PORT PATH`.
 */
#include "tests/e2e/fixture.h"
#include "tests/e2e/nfs_calls.h"
#include "tests/unit/scratch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { CLIENTS = 8, ROUNDS = 3 };

static void check(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "client: %s\n", what);
    exit(1);
}

static const char *program; /* this one, which clients run too */

static unsigned list(struct client *client, const struct fh *directory)
{
    unsigned count = 0;
    uint64_t cookie = 0;
    struct attr attr;
    struct fh fh;
    uint32_t size;

    for (;;) {
        struct buffer args __attribute__((cleanup(buffer_free))) = {0};

        buffer_add_be64(&args, cookie);
        buffer_add_be64(&args, 0);
        buffer_add_be32(&args, 8192);
        buffer_add_be32(&args, 32768);
        check(call_nfs(client, READDIRPLUS, directory, &args) == OK, "READDIRPLUS");
        read_post_op(&attr, client);
        client_u64(client);
        for (; client_u32(client); count++) {
            client_u64(client);
            client_opaque(&size, client);
            cookie = client_u64(client);
            read_post_op(&attr, client);
            if (client_u32(client))
                read_handle(&fh, client);
        }
        if (client_u32(client))
            return count;
    }
}

static void read_all(struct client *client, const struct fh *file, uint64_t size)
{
    const uint8_t *data;
    uint32_t count;
    bool eof = false;

    for (uint64_t at = 0; !eof; at += count) {
        check(call_read(&data, &count, &eof, client, file, at, 50000) == OK, "READ");
        for (uint32_t i = 0; i < count; i++)
            check(data[i] == fixture_byte(at + i), "other bytes");
        check(!eof || at + count == size, "another size");
    }
}

static int be_client(uint16_t port, const char *path)
{
    struct client client;
    struct fh root, snap;

    client_connect(&client, port, true);
    for (int i = 0; i < ROUNDS; i++) {
        check(call_mount(&root, &client, path) == OK && call_mount(&snap, &client, "/snap") == OK, "MNT");
        struct fh many = call_walk(&client, &root, "many"), big = call_walk(&client, &root, "big");
        struct fh small = call_walk(&client, &root, "small");

        check(list(&client, &many) == FIXTURE_MANY + 2, "another number of files");
        check(list(&client, &snap) >= 3, "no snapshots");
        read_all(&client, &big, FIXTURE_BIG);
        read_all(&client, &small, FIXTURE_SMALL);
    }
    client_close(&client);
    return 0;
}

static void all_read_what_is_there(void **state)
{
    const char *store = fixture_path("crowd");
    char path[64], port[8];
    struct server server;
    pid_t clients[CLIENTS];
    (void)state;

    snprintf(path, sizeof path, "/snap/%s", fixture_publish(store));
    server_start(&server, store);
    snprintf(port, sizeof port, "%u", server.port);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = fork();
        assert_return_code(clients[i], errno);
        if (clients[i] == 0) {
            execl(program, program, port, path, (char *)NULL);
            _exit(1);
        }
    }
    fixture_publish_empty(store, 30);
    for (int i = 0; i < CLIENTS; i++) {
        int status;

        assert_int_equal(waitpid(clients[i], &status, 0), clients[i]);
        assert_int_equal(status, 0);
    }
    server_stop(&server);
    scratch_remove();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_read_what_is_there),
    };

    program = argv[0];
    if (argc == 3)
        return be_client((uint16_t)atoi(argv[1]), argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
