/* run_server.c - see run_server.h. */
#include "cli/run_server.h"

#include "base/cleanup.h"
#include "cli/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define START_TRIES 500                /* 10 s in all: opening a store may have to recover its WAL */
#define START_PAUSE_NS (20 * 1000000L) /* between two of them */
#define SERVER_SAYS_MAX 4096           /* bytes of its last words that are looked at */
#define SERVER_ADDRESS "127.0.0.1"     /* in a network of its own, so any port is free, */
#define SERVER_LISTEN "127.0.0.1:2049" /* and privileged clients suffice: no `insecure` */
#define SERVER_ALLOW "127.0.0.1/32"

int run_network_new(struct error *err)
{
    struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};

    if (unshare(CLONE_NEWNET) < 0)
        return error_system(err, errno, "cannot make a network namespace");
    cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &loopback) < 0)
        return error_system(err, errno, "cannot bring loopback up");
    return 0;
}

/* --- One that is there -------------------------------------------------------------------------------------------- */

int run_server_find(struct run_server *server, const char *text, struct error *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    struct address at;

    if (!address_parse(&at, text) || !*at.host || at.port == 0)
        return error_usage(err, "--server %s is no ADDR or ADDR:PORT such as 10.0.0.7:2049", text);
    int result = getaddrinfo(at.host, NULL, &hints, &found);
    if (result != 0)
        return error_refused(err, EHOSTUNREACH, "%s: no such server: %s", at.host, gai_strerror(result));
    *server = (struct run_server){.family = found->ai_family, .port = at.port, .log = -1};
    if (getnameinfo(found->ai_addr, found->ai_addrlen, server->address, sizeof server->address, NULL, 0,
                    NI_NUMERICHOST) != 0)
        result = error_refused(err, EHOSTUNREACH, "%s: its address is too long", at.host);
    freeaddrinfo(found);
    return result;
}

/* --- One of its own ----------------------------------------------------------------------------------------------- */

/* In a process group of its own: Ctrl-C is for the command, which may go on and need its files. */
static void serve(const char *store, pid_t parent, int log)
{
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_SYSTEM);
    setpgid(0, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0)
        dup2(null, STDIN_FILENO), dup2(null, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execl("/proc/self/exe", "confuse", "--store", store, "serve", "--listen", SERVER_LISTEN, "--allow", SERVER_ALLOW,
          "--portmap", "off", "--log", "text", (char *)NULL);
    dprintf(STDERR_FILENO, "/proc/self/exe: %s\n", strerror(errno));
    _exit(EXIT_SYSTEM);
}

static bool answers(const struct run_server *server)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(server->port)};
    cleanup_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    inet_pton(AF_INET, server->address, &at.sin_addr);
    return fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0;
}

static int await_start(struct run_server *server, const sigset_t *signals, struct error *err)
{
    const struct timespec pause = {.tv_nsec = START_PAUSE_NS};

    for (int i = 0; i < START_TRIES; i++) {
        if (answers(server))
            return 0;
        int number = sigtimedwait(signals, NULL, &pause);
        if (waitpid(server->child, NULL, WNOHANG) == server->child) {
            server->child = 0;
            return run_server_died(server, err);
        }
        if (number > 0 && number != SIGCHLD) {
            raise(number); /* still blocked: for the caller to find */
            return -EINTR;
        }
    }
    return error_refused(err, ETIMEDOUT, "the server does not answer");
}

int run_server_start(struct run_server *server, const char *store, const sigset_t *signals, struct error *err)
{
    pid_t parent = getpid();
    int result = run_network_new(err);

    *server = (struct run_server){.address = SERVER_ADDRESS, .family = AF_INET, .port = NFS_PORT, .log = -1};
    if (result < 0)
        return result;
    server->log = memfd_create("server", MFD_CLOEXEC);
    if (server->log < 0)
        return error_system(err, errno, "no room for what the server says");
    server->child = fork();
    if (server->child == 0)
        serve(store, parent, server->log);
    if (server->child < 0) {
        server->child = 0;
        return error_system(err, errno, "cannot start a server");
    }
    return await_start(server, signals, err);
}

int run_server_died(const struct run_server *server, struct error *err)
{
    char text[SERVER_SAYS_MAX + 1];
    off_t end = server->log < 0 ? 0 : lseek(server->log, 0, SEEK_END);
    off_t from = end > SERVER_SAYS_MAX ? end - SERVER_SAYS_MAX : 0;
    ssize_t size = end > 0 ? pread(server->log, text, SERVER_SAYS_MAX, from) : 0;

    while (size > 0 && text[size - 1] == '\n')
        size--;
    text[size > 0 ? size : 0] = '\0';
    const char *line = strrchr(text, '\n');
    line = line ? line + 1 : text;
    return error_refused(err, ECONNREFUSED, "the server has ended%s%s", *line ? ": " : "", line);
}

/* It reads only, so there is nothing that it would have to put away. */
void run_server_stop(struct run_server *server)
{
    if (server->child > 0) {
        kill(server->child, SIGKILL);
        waitpid(server->child, NULL, 0);
    }
    if (server->log >= 0)
        close(server->log);
    server->child = 0;
    server->log = -1;
}
