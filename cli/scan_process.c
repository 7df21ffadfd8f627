/* scan_process.c - see scan_process.h. */
#include "cli/scan_process.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/timestamp.h"
#include "cli/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#define READ_SIZE 65536
#define READS_MAX 16 /* at a time: one that never stops talking is looked at in between */
#define TICK_MILLISECONDS 500
#define FAILED_TO_START 127 /* nobody sees it: the pipe tells first */

struct streams {
    int in, out[2], err[2], started[2];
};

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void close_streams(struct streams *s)
{
    int *const all[] = {&s->in, &s->out[0], &s->out[1], &s->err[0], &s->err[1], &s->started[0], &s->started[1]};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        close_one(all[i]);
}

static int open_input(const struct scan_process *process)
{
    if (!process->input)
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    int fd = memfd_create("inventory", MFD_CLOEXEC);
    if (fd >= 0 && file_write_all(fd, process->input, process->input_size, 0) < 0)
        close_one(&fd);
    return fd;
}

static int open_streams(struct streams *s, const struct scan_process *process, struct error *err)
{
    s->in = open_input(process);
    if (s->in < 0 || pipe2(s->out, O_CLOEXEC) < 0 || pipe2(s->err, O_CLOEXEC) < 0 || pipe2(s->started, O_CLOEXEC) < 0)
        return error_system(err, errno, "cannot make pipes for %s", process->arguments[0]);
    fcntl(s->out[0], F_SETFL, O_NONBLOCK);
    fcntl(s->err[0], F_SETFL, O_NONBLOCK);
    return 0;
}

/* The child of a process with threads: nothing but system calls. It dies with the thread that started it. */
static void become(const struct scan_process *process, const struct streams *s)
{
    sigset_t none;

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (dup2(s->in, STDIN_FILENO) >= 0 && dup2(s->out[1], STDOUT_FILENO) >= 0 && dup2(s->err[1], STDERR_FILENO) >= 0)
        execvp(process->arguments[0], process->arguments);
    const int number = errno;
    if (write(s->started[1], &number, sizeof number) < 0)
        _exit(FAILED_TO_START);
    _exit(FAILED_TO_START);
}

/* What there is in a pipe. False: nothing more will come. */
static bool drain(struct buffer *out, bool *truncated, int fd)
{
    uint8_t bytes[READ_SIZE];
    ssize_t got = 1;

    for (int i = 0; i < READS_MAX && (got = read(fd, bytes, sizeof bytes)) > 0; i++) {
        size_t room = out->size < SCAN_OUTPUT_MAX ? SCAN_OUTPUT_MAX - out->size : 0;
        *truncated |= (size_t)got > room;
        buffer_add(out, bytes, (size_t)got < room ? (size_t)got : room);
    }
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

static uint64_t milliseconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Until it ends, or has to. What it left running is not waited for. */
static int attend(struct scan_process *process, struct streams *s, int child, struct error *err)
{
    uint64_t began = milliseconds_now(), limit = (uint64_t)process->timeout * 1000;
    struct pollfd fds[] = {{child, POLLIN, 0}, {s->out[0], POLLIN, 0}, {s->err[0], POLLIN, 0}};
    bool dropped = false;

    for (;;) {
        int ready = poll(fds, 3, TICK_MILLISECONDS);

        if (fds[1].fd >= 0 && !drain(&process->output, &process->truncated, s->out[0]))
            fds[1].fd = -1;
        if (fds[2].fd >= 0 && !drain(&process->errors, &dropped, s->err[0]))
            fds[2].fd = -1;
        process->milliseconds = milliseconds_now() - began;
        if (atomic_load(&scan_interrupted))
            return error_refused(err, EINTR, "interrupted");
        if (ready > 0 && fds[0].revents)
            return 0;
        if (process->milliseconds >= limit) {
            snprintf(process->why, sizeof process->why, "no answer within %u s", process->timeout);
            return 0;
        }
        if (process->tick)
            process->tick(process->arg);
    }
}

static void reap(struct scan_process *process, pid_t pid)
{
    int status = 0;

    /* Its group is its own, so what it started goes as well. */
    kill(-pid, SIGKILL);
    if (*process->why)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    process->status = -1;
    if (*process->why)
        return;
    if (WIFEXITED(status))
        process->status = WEXITSTATUS(status);
    else
        snprintf(process->why, sizeof process->why, "ended by signal %d", WTERMSIG(status));
}

static int run(struct scan_process *process, struct streams *s, struct error *err)
{
    int number = 0;
    pid_t pid = fork();

    if (pid == 0)
        become(process, s);
    if (pid < 0)
        return error_system(err, errno, "cannot start %s", process->arguments[0]);
    close_one(&s->out[1]);
    close_one(&s->err[1]);
    close_one(&s->started[1]);
    cleanup_close int child = pidfd_open(pid, 0);
    ssize_t got = read(s->started[0], &number, sizeof number);
    int result = 0;
    if (got == (ssize_t)sizeof number)
        result = error_system(err, number, "%s", process->arguments[0]);
    else if (child < 0)
        result = error_system(err, errno, "cannot wait for %s", process->arguments[0]);
    else
        result = attend(process, s, child, err);
    if (result < 0)
        snprintf(process->why, sizeof process->why, "not run to its end");
    reap(process, pid);
    return result;
}

int scan_process_run(struct scan_process *process, struct error *err)
{
    struct streams s = {-1, {-1, -1}, {-1, -1}, {-1, -1}};
    int result = open_streams(&s, process, err);

    process->status = -1;
    process->why[0] = '\0';
    if (result == 0)
        result = run(process, &s, err);
    /* What it said just before its end. */
    bool dropped = false;
    if (result == 0) {
        drain(&process->output, &process->truncated, s.out[0]);
        drain(&process->errors, &dropped, s.err[0]);
    }
    close_streams(&s);
    if (result == 0 && (process->output.failed || process->errors.failed))
        return error_system(err, ENOMEM, "cannot keep what %s says", process->arguments[0]);
    return result;
}

void scan_process_free(struct scan_process *process)
{
    buffer_free(&process->output);
    buffer_free(&process->errors);
}
