/* `confuse serve` as a service manager knows it: signals at any moment, limits, IPv6. */
#include "tests/e2e/fixture.h"
#include "tests/e2e/nfs_calls.h"
#include "tests/e2e/process.h"
#include "tests/unit/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE = 20 }; /* seconds */

static char store[256];

static int set_up(void **state)
{
    (void)state;
    snprintf(store, sizeof store, "%s", fixture_path("serve"));
    fixture_publish(store);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    process_remove(NULL);
    scratch_remove();
    return 0;
}

static pid_t start_with(const char *name, const char *listen, const char *portmap, const char *option,
                        const char *value)
{
    const char *arguments[] = {"--store", store,       "serve", "--listen", listen, "--portmap",
                               portmap,   "--threads", "2",     option,     value,  NULL};

    return process_start(name, arguments);
}

/* Start a server, known by `name`, with this option (NULL: none) and those that all have here. */
static pid_t start(const char *name, const char *listen, const char *option, const char *value)
{
    return start_with(name, listen, "off", option, value);
}

/* Wait until the server's log has the text; what follows it there (the caller frees it). */
static char *wait_for(const char *name, const char *text)
{
    for (double end = process_seconds() + PATIENCE; process_seconds() < end; process_sleep(0.01)) {
        char *log = process_output(name, "err");
        char *at = strstr(log, text);
        char *rest = at ? strdup(at + strlen(text)) : NULL;

        free(log);
        if (rest && strchr(rest, '\n'))
            return rest;
        free(rest);
    }
    fail_msg("%s never says \"%s\"", name, text);
    return NULL;
}

static void wait_until(const char *name, const char *text)
{
    free(wait_for(name, text));
}

static uint16_t wait_for_port(const char *name)
{
    char *text = wait_for(name, " port=");
    unsigned long port = strtoul(text, NULL, 10);

    free(text);
    wait_until(name, " serving ");
    return (uint16_t)port;
}

static void stop(pid_t pid)
{
    assert_return_code(kill(pid, SIGTERM), errno);
    assert_int_equal(process_wait(pid), 0);
}

/* Opens once the server waits for what is written; then it has begun, and is far from being ready. */
static int open_rules(const char *path)
{
    for (double end = process_seconds() + PATIENCE; process_seconds() < end; process_sleep(0.01)) {
        int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

        if (fd >= 0)
            return fd;
    }
    fail_msg("nobody reads %s", path);
    return -1;
}

static void write_rules(int fd, const char *rules)
{
    assert_int_equal(write(fd, rules, strlen(rules)), (ssize_t)strlen(rules));
    close(fd);
}

static void a_reload_while_starting_is_done(void **state)
{
    char *rules = process_path("rules");
    (void)state;

    assert_return_code(mkfifo(rules, 0600), errno);
    pid_t pid = start("early", "127.0.0.1:0", "--exports", rules);
    int fd = open_rules(rules);
    assert_return_code(kill(pid, SIGHUP), errno);
    write_rules(fd, "127.0.0.1\n");
    wait_until("early", " serving ");
    write_rules(open_rules(rules), "127.0.0.0/8\n");
    wait_until("early", " reloaded");
    stop(pid);
    free(rules);
}

static void a_stop_while_starting_is_done(void **state)
{
    char *rules = process_path("rules-2");
    (void)state;

    assert_return_code(mkfifo(rules, 0600), errno);
    pid_t pid = start("stopped", "127.0.0.1:0", "--exports", rules);
    int fd = open_rules(rules);
    assert_return_code(kill(pid, SIGTERM), errno);
    write_rules(fd, "127.0.0.1\n");
    assert_int_equal(process_wait(pid), 0);
    free(rules);
}

static void stopping_twice_is_stopping(void **state)
{
    (void)state;

    pid_t pid = start("twice", "127.0.0.1:0", NULL, NULL);
    wait_until("twice", " serving ");
    assert_return_code(kill(pid, SIGTERM), errno);
    kill(pid, SIGTERM);
    kill(pid, SIGINT);
    assert_int_equal(process_wait(pid), 0);
}

static void descriptors_are_as_many_as_allowed(void **state)
{
    struct rlimit before, few, seen;
    (void)state;

    assert_return_code(getrlimit(RLIMIT_NOFILE, &before), errno);
    few = (struct rlimit){64, before.rlim_max};
    assert_return_code(setrlimit(RLIMIT_NOFILE, &few), errno);
    pid_t pid = start("descriptors", "127.0.0.1:0", NULL, NULL);
    assert_return_code(setrlimit(RLIMIT_NOFILE, &before), errno);
    wait_until("descriptors", " serving ");
    assert_return_code(prlimit(pid, RLIMIT_NOFILE, NULL, &seen), errno);
    assert_true(seen.rlim_cur == seen.rlim_max);
    stop(pid);
}

static void ipv6_is_served(void **state)
{
    struct client client;
    struct fh root;
    int probe = socket(AF_INET6, SOCK_STREAM, 0);
    (void)state;

    if (probe < 0 || access("/proc/net/if_inet6", F_OK) < 0)
        skip();
    close(probe);
    pid_t pid = start("ipv6", "[::1]:0", "--allow", "::1");
    uint16_t port = wait_for_port("ipv6");
    for (int stream = 0; stream < 2; stream++) {
        client_connect_6(&client, port, stream);
        assert_int_equal(call_mount(&root, &client, "/snap"), OK);
        client_close(&client);
    }
    stop(pid);
}

/* Two servers cannot both have port 111 of an address, and who is not root has it never: both serve all the same. */
static void a_portmap_that_cannot_be_stops_nobody(void **state)
{
    (void)state;

    pid_t first = start_with("first", "127.77.0.1:0", "builtin", NULL, NULL);
    wait_until("first", " serving ");
    pid_t second = start_with("second", "127.77.0.1:0", "builtin", NULL, NULL);
    wait_until("second", " serving ");
    wait_until("second", "no portmap");
    stop(second);
    stop(first);
}

/* Whatever bytes a client sends, the log is valid UTF-8 without control characters. */
static void paths_are_quoted_in_the_log(void **state)
{
    static const char path[] = "/caf\xc3\xa9/\xff/\xc2\x9b"
                               "0m/\x1b[0m";
    struct client client;
    struct fh root;
    (void)state;

    pid_t pid = start("log", "127.0.0.1:0", NULL, NULL);
    client_connect(&client, wait_for_port("log"), true);
    assert_int_equal(call_mount(&root, &client, path), NOENT);
    client_close(&client);
    char *rest = wait_for("log", " path=");
    assert_non_null(strstr(rest, "\"/caf\xc3\xa9/\\udcff/\\u009b0m/\\u001b[0m\" "));
    free(rest);
    stop(pid);
}

/* Asking for mounts does not fill a disk: of a thousand quick ones not all are logged, and that is said. */
static void mounts_do_not_flood_the_log(void **state)
{
    enum { MOUNTS = 1000 };
    struct client client;
    struct fh root;
    unsigned lines = 0;
    (void)state;

    pid_t pid = start("flood", "127.0.0.1:0", NULL, NULL);
    client_connect(&client, wait_for_port("flood"), true);
    for (unsigned i = 0; i < MOUNTS; i++)
        assert_int_equal(call_mount(&root, &client, "/none"), NOENT);
    client_close(&client);
    stop(pid);
    char *log = process_output("flood", "err");
    for (const char *at = log; (at = strstr(at, " mount-refused ")); at++)
        lines++;
    assert_in_range(lines, 50, MOUNTS / 2);
    assert_non_null(strstr(log, " mounts-not-logged "));
    free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reload_while_starting_is_done),
        cmocka_unit_test(a_stop_while_starting_is_done),
        cmocka_unit_test(stopping_twice_is_stopping),
        cmocka_unit_test(descriptors_are_as_many_as_allowed),
        cmocka_unit_test(ipv6_is_served),
        cmocka_unit_test(a_portmap_that_cannot_be_stops_nobody),
        cmocka_unit_test(paths_are_quoted_in_the_log),
        cmocka_unit_test(mounts_do_not_flood_the_log),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
