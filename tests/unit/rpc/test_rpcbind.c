/* test_rpcbind.c - registering with rpcbind: a real one, none, and one that hangs, each in namespaces of its own, where
 * the local socket's names and port 111 are free. */
#include "rpc/rpcbind.h"

#include "rpc/clock.h"
#include "rpc/limits.h"
#include "tests/unit/rpc/harness.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* A network with nothing but loopback, and an empty /run; false when this machine does not let us. */
static bool enter_namespaces(void)
{
    const int spaces = CLONE_NEWNET | CLONE_NEWNS;
    struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};

    if (unshare(spaces) < 0 && unshare(CLONE_NEWUSER | spaces) < 0)
        return false;
    if (mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 || mount("none", "/run", "tmpfs", 0, NULL) < 0)
        return false;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool up = ioctl(fd, SIOCSIFFLAGS, &loopback) == 0;
    close(fd);
    return up;
}

/* Something that accepts connections (the kernel does, from the queue) and never says a word. */
static int hang_local(void)
{
    static const char name[] = "\0/run/rpcbind.sock";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, name, sizeof name - 1);
    assert_int_equal(
        bind(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof name - 1)),
        0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

static int hang_portmap(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(111)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

static void assert_times_out(void)
{
    uint64_t begin = clock_milliseconds();
    struct error err;

    assert_int_equal(rpcbind_register(echo_programs, echo_program_count, 2049, &err), -ETIMEDOUT);
    assert_true(clock_milliseconds() - begin < 1000 * RPCBIND_WAIT_SECONDS + 900);
    begin = clock_milliseconds();
    assert_false(rpcbind_running());
    assert_true(clock_milliseconds() - begin < 1000 * RPCBIND_WAIT_SECONDS + 900);
}

static void test_none(void **state)
{
    struct error err;

    (void)state;
    if (!enter_namespaces())
        skip();
    assert_false(rpcbind_running());
    assert_int_equal(rpcbind_register(echo_programs, echo_program_count, 2049, &err), -ECONNREFUSED);
    rpcbind_unregister(echo_programs, echo_program_count);
}

static void test_hanging(void **state)
{
    (void)state;
    if (!enter_namespaces())
        skip();
    int fd = hang_local();
    assert_times_out();
    close(fd);
    fd = hang_portmap();
    assert_times_out();
    close(fd);
}

/* Ask the real one, as `rpcinfo -p` shows it. */
static unsigned count_in_rpcinfo(const char *netid, const char *needle)
{
    FILE *pipe = popen("rpcinfo -s 127.0.0.1 2>/dev/null || true", "r");
    char line[512];
    unsigned count = 0;

    assert_non_null(pipe);
    while (fgets(line, sizeof line, pipe))
        count += strstr(line, needle) && strstr(line, netid);
    pclose(pipe);
    return count;
}

static pid_t start_rpcbind(void)
{
    pid_t child = fork();

    if (child == 0) {
        execl("/usr/sbin/rpcbind", "rpcbind", "-f", (char *)NULL);
        _exit(127);
    }
    for (unsigned tries = 0; tries < 50 && !rpcbind_running(); tries++)
        usleep(100000);
    return child;
}

static void test_real(void **state)
{
    struct error err;

    (void)state;
    if (geteuid() != 0 || access("/usr/sbin/rpcbind", X_OK) != 0 || !enter_namespaces())
        skip();
    pid_t child = start_rpcbind();
    bool running = rpcbind_running();
    int registered = rpcbind_register(echo_programs, echo_program_count, 2049, &err);
    int again = rpcbind_register(echo_programs, echo_program_count, 2050, &err);
    unsigned datagrams = count_in_rpcinfo("udp", "536870913"), streams = count_in_rpcinfo("tcp", "536870914");
    rpcbind_unregister(echo_programs, echo_program_count);
    unsigned after = count_in_rpcinfo("tcp", "53687091");
    kill(child, SIGTERM);
    waitpid(child, NULL, 0);
    if (!running)
        skip();
    assert_int_equal(registered, 0);
    assert_int_equal(again, 0);
    assert_int_equal(datagrams, 1);
    assert_int_equal(streams, 1);
    assert_int_equal(after, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_hanging),
        cmocka_unit_test(test_real),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
