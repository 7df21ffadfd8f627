/* What outlives what: handles outlive the server and are the same on every run; a forgotten snapshot is STALE, lost
 * content is an error and never other bytes; a new snapshot is there at once. */
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
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

static char store[256], id[33], snapshot[64];

/* A store with one snapshot; `store`, `id` and `snapshot` are its. */
static void make(const char *name)
{
    snprintf(store, sizeof store, "%s", fixture_path(name));
    snprintf(id, sizeof id, "%s", fixture_publish(store));
    snprintf(snapshot, sizeof snapshot, "/snap/%s", id);
}

static int clean(void **state)
{
    (void)state;
    scratch_remove();
    return 0;
}

/* All that a client could remember, as bytes: the replies to GETATTR and to whole listings of some directories. */
static void remember(struct buffer *memory, struct client *client, const char *path)
{
    static const char *const directories[] = {"", "etc", "many", "dev", "linked"};
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};
    struct fh root;

    assert_int_equal(call_mount(&root, client, path), OK);
    buffer_add_be64(&args, 0);
    buffer_add_be64(&args, 0);
    buffer_add_be32(&args, 65536);
    buffer_add_be32(&args, 65536);
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
        struct fh fh = call_walk(client, &root, directories[i]);

        buffer_add(memory, fh.bytes, sizeof fh.bytes);
        assert_int_equal(call_nfs(client, READDIRPLUS, &fh, &args), OK);
        buffer_add(memory, client->reply.bytes + client->at, client->reply.size - client->at);
    }
}

/* What a server on this store says. */
static void ask(struct buffer *memory, const char *served)
{
    struct server server;
    struct client client;

    server_start(&server, served);
    client_connect(&client, server.port, true);
    remember(memory, &client, snapshot);
    client_close(&client);
    server_stop(&server);
}

static void restarts_imports_and_copies_change_nothing(void **state)
{
    struct buffer before __attribute__((cleanup(buffer_free))) = {0};
    struct buffer after __attribute__((cleanup(buffer_free))) = {0};
    char replica[sizeof store], command[3 * sizeof store];
    (void)state;

    make("restart");
    snprintf(replica, sizeof replica, "%s", fixture_path("replica"));
    snprintf(command, sizeof command, "cp -a '%s' '%s'", store, replica);
    assert_int_equal(system(command), 0);
    ask(&before, store);
    fixture_publish_empty(store, 1);
    ask(&after, store);
    ask(&after, replica);
    assert_int_equal(2 * before.size, after.size);
    assert_memory_equal(before.bytes, after.bytes, before.size);
    assert_memory_equal(before.bytes, after.bytes + before.size, before.size);
}

static void handles_of_other_stores_are_bad(void **state)
{
    struct server server;
    struct client client;
    struct fh here, there;
    char first[64];
    (void)state;

    make("one");
    snprintf(first, sizeof first, "%s", id);
    server_start(&server, store);
    client_connect(&client, server.port, true);
    assert_int_equal(call_mount(&here, &client, snapshot), OK);
    client_close(&client);
    server_stop(&server);
    make("two");
    assert_string_equal(first, id); /* the same snapshot, under another key */
    server_start(&server, store);
    client_connect(&client, server.port, true);
    assert_int_equal(call_mount(&there, &client, snapshot), OK);
    assert_memory_not_equal(here.bytes, there.bytes, 32);
    assert_int_equal(call_getattr(NULL, &client, &here), BADHANDLE);
    assert_int_equal(call_getattr(NULL, &client, &there), OK);
    client_close(&client);
    server_stop(&server);
}

/* Ask until the answer is `status`, for one second. */
static void becomes(struct client *client, const struct fh *fh, uint32_t status)
{
    const struct timespec pause = {.tv_nsec = 10000000};

    for (int tries = 0; call_getattr(NULL, client, fh) != status; tries++) {
        assert_true(tries < 100);
        nanosleep(&pause, NULL);
    }
}

static void forgotten_snapshots_are_stale(void **state)
{
    struct server server;
    struct client client;
    struct fh root, file;
    const uint8_t *data;
    uint32_t count;
    bool eof;
    (void)state;

    make("forget");
    server_start(&server, store);
    client_connect(&client, server.port, true);
    assert_int_equal(call_mount(&root, &client, snapshot), OK);
    file = call_walk(&client, &root, "big");
    assert_int_equal(call_read(&data, &count, &eof, &client, &file, 0, 100), OK);
    fixture_forget(store, id);
    becomes(&client, &root, STALE);
    assert_int_equal(call_read(&data, &count, &eof, &client, &file, 0, 100), STALE);
    assert_int_equal(call_lookup(NULL, NULL, &client, &root, "etc", 3), STALE);
    assert_int_equal(call_mount(&root, &client, snapshot), NOENT);
    client_close(&client);
    server_stop(&server);
}

static void lost_content_is_an_error(void **state)
{
    struct server server;
    struct client client;
    struct fh root, file;
    const uint8_t *data;
    uint32_t count;
    bool eof;
    (void)state;

    make("lost");
    server_start(&server, store);
    client_connect(&client, server.port, true);
    assert_int_equal(call_mount(&root, &client, snapshot), OK);
    file = call_walk(&client, &root, "big");
    fixture_lose_files(store);
    assert_int_equal(call_read(&data, &count, &eof, &client, &file, 0, 100), IO);
    file = call_walk(&client, &root, "small");
    assert_int_equal(call_read(&data, &count, &eof, &client, &file, 0, 100), OK);
    client_close(&client);
    server_stop(&server);
}

/* Content and snapshot go before the server has looked: that the content is missing makes it look. */
static void removed_under_way_is_stale(void **state)
{
    struct server server;
    struct client client;
    struct fh root, file;
    const uint8_t *data;
    uint32_t count;
    bool eof;
    (void)state;

    make("removed");
    server_start(&server, store);
    client_connect(&client, server.port, true);
    assert_int_equal(call_mount(&root, &client, snapshot), OK);
    file = call_walk(&client, &root, "big");
    fixture_forget(store, id);
    fixture_lose_files(store);
    assert_int_equal(call_read(&data, &count, &eof, &client, &file, 0, 100), STALE);
    client_close(&client);
    server_stop(&server);
}

/* Whoever takes all descriptors must not turn others' reading into errors. */
static void without_descriptors_reading_goes_on(void **state)
{
    struct rlimit before, with_none;
    struct server server;
    struct client client;
    struct fh root, file;
    const uint8_t *data;
    uint32_t count;
    bool eof;
    (void)state;

    make("descriptors");
    server_start(&server, store);
    client_connect(&client, server.port, true);
    assert_int_equal(call_mount(&root, &client, snapshot), OK);
    file = call_walk(&client, &root, "big");
    assert_return_code(prlimit(server.pid, RLIMIT_NOFILE, NULL, &before), errno);
    with_none = (struct rlimit){3, before.rlim_max}; /* what it has stays; 0 would be another error */
    assert_return_code(prlimit(server.pid, RLIMIT_NOFILE, &with_none, NULL), errno);
    assert_int_equal(call_read(&data, &count, &eof, &client, &file, 0, 100), JUKEBOX);
    assert_return_code(prlimit(server.pid, RLIMIT_NOFILE, &before, NULL), errno);
    assert_int_equal(call_read(&data, &count, &eof, &client, &file, 0, 100), OK);
    assert_return_code(prlimit(server.pid, RLIMIT_NOFILE, &with_none, NULL), errno);
    assert_int_equal(call_read(&data, &count, &eof, &client, &file, 1, FIXTURE_BIG), OK);
    assert_int_equal(count, FIXTURE_BIG - 1);
    assert_true(eof);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(data[i], fixture_byte(1 + i));
    assert_return_code(prlimit(server.pid, RLIMIT_NOFILE, &before, NULL), errno);
    client_close(&client);
    server_stop(&server);
}

static void new_snapshots_are_there_at_once(void **state)
{
    struct server server;
    struct client client;
    struct fh root;
    (void)state;

    snprintf(store, sizeof store, "%s", fixture_path("new"));
    fixture_publish_empty(store, 1);
    server_start(&server, store);
    client_connect(&client, server.port, true);
    assert_int_equal(call_mount(&root, &client, "/snap"), OK);
    make("new");
    assert_int_equal(call_lookup(NULL, NULL, &client, &root, id, 32), OK);
    assert_int_equal(call_mount(&root, &client, snapshot), OK);
    client_close(&client);
    server_stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restarts_imports_and_copies_change_nothing),
        cmocka_unit_test(handles_of_other_stores_are_bad),
        cmocka_unit_test(forgotten_snapshots_are_stale),
        cmocka_unit_test(lost_content_is_an_error),
        cmocka_unit_test(removed_under_way_is_stale),
        cmocka_unit_test(without_descriptors_reading_goes_on),
        cmocka_unit_test(new_snapshots_are_there_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, clean);
}
