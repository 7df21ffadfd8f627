/* "/cache" on a disk that is full: NOSPC, nothing that was acknowledged is lost, and it goes on when there is room. The
 * disk is a small tmpfs, mounted where nobody else sees it; without the right to mount the test is skipped. */
#include "tests/e2e/cache_calls.h"
#include "tests/e2e/fixture.h"
#include "tests/unit/scratch.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

#define DISK "size=8m"
#define BALLAST (2u << 20) /* bytes that somebody else takes, and gives back */
#define SIZE 50000u        /* of a verdict */
#define MORE_THAN_FIT 400u

static struct server server;
static struct client client;
static struct fh scanner;
static uint8_t bytes[SIZE];
static char ballast[512];

static const uint8_t *content(unsigned number)
{
    for (unsigned i = 0; i < SIZE; i++)
        bytes[i] = (uint8_t)(number + i * 7);
    return bytes;
}

static uint32_t put(unsigned number)
{
    char name[VERDICT_TEXT];
    struct fh fh;
    uint32_t status = call_create(&fh, NULL, &client, &scanner, verdict_text(name, number, ""), UNCHECKED, 0, NULL);

    return status == OK ? call_write(NULL, NULL, NULL, &client, &fh, 0, content(number), SIZE, FILE_SYNC) : status;
}

static void assert_all(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char name[VERDICT_TEXT];
        struct fh fh = call_walk(&client, &scanner, verdict_text(name, i, ""));
        const uint8_t *data;
        uint32_t size;
        bool eof;

        assert_int_equal(call_read(&data, &size, &eof, &client, &fh, 0, 2 * SIZE), OK);
        assert_int_equal(size, SIZE);
        assert_memory_equal(data, content(i), SIZE);
    }
}

static void fill(const char *path)
{
    static const uint8_t zeros[BALLAST];
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    assert_true(fd >= 0 && write(fd, zeros, sizeof zeros) == sizeof zeros);
    close(fd);
}

static void a_full_disk_loses_nothing(void **state)
{
    const char *store = fixture_path("full");
    unsigned stored = 0;
    uint32_t status;
    struct fh cache;
    (void)state;

    if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", scratch_make(), "tmpfs", 0, DISK) < 0)
        skip();
    fixture_publish_empty(store, 1);
    snprintf(ballast, sizeof ballast, "%s/ballast", scratch_make());
    fill(ballast);
    server_start_with(&server, store, "insecure,cache=rw", 1 << 20);
    client_connect(&client, server.port, true);
    assert_int_equal(call_mount(&cache, &client, "/cache"), OK);
    assert_int_equal(call_mkdir(&scanner, &client, &cache, "full"), OK);
    while ((status = put(stored)) == OK)
        assert_true(++stored < MORE_THAN_FIT);
    assert_int_equal(status, NOSPC);
    assert_all(stored);
    assert_int_equal(unlink(ballast), 0);
    assert_int_equal(put(stored), OK); /* there is room again */
    stored++;
    server_kill(&server);
    client_close(&client);
    server_start_with(&server, store, "insecure,cache=rw", 1 << 20);
    client_connect(&client, server.port, true);
    assert_all(stored);
    client_close(&client);
    server_stop(&server);
    umount(scratch_make());
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_full_disk_loses_nothing)};

    return cmocka_run_group_tests(tests, NULL, scratch_tear_down);
}
