/* live_memory.c - what lies in the memory of processes, or needs its lock: reading that may never end.
 *
 * A process can map its arguments and its environment from a file system that it answers for itself (FUSE), and who
 * reads them waits for it, beyond the reach of any signal. So a child reads; one that does not answer in time is left
 * behind, and the next file is read by another. The child has none of our descriptors, since it may outlive us, and
 * locks with it.
 */
#include "import/live.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MS 2000 /* for one file: it takes microseconds */
#define STUCK_MAX 16   /* children that are left behind, before none of these files is read any more */
#define CHILD_FD 3
#define DESCRIPTORS_MAX 65536 /* closed one by one where the kernel cannot do it at once */

static const struct {
    const char *name;
    size_t max;
} files[] = {
    [LIVE_CMDLINE] = {"/cmdline", LIVE_COMMAND_MAX},
    [LIVE_ENVIRON] = {"/environ", LIVE_ENVIRON_MAX},
    [LIVE_MAPS] = {"/maps", LIVE_MAPS_MAX},
};

struct question {
    uint64_t pid;
    enum live_memory_file file;
};

struct answer {
    int32_t result; /* 0, 1: it was cut; or a negative errno */
    uint32_t size;  /* of the bytes behind it */
};

/* --- The child: nothing but system calls, since other threads may hold any lock when it begins ---------------------
 */

static void make_path(char path[64], uint64_t pid, const char *tail)
{
    static const char head[] = "/proc/";
    char digits[24];
    size_t count = 0, at = sizeof head - 1;

    do
        digits[count++] = (char)('0' + pid % 10);
    while (pid /= 10);
    memcpy(path, head, at);
    while (count)
        path[at++] = digits[--count];
    memcpy(path + at, tail, strlen(tail) + 1);
}

static void answer_one(const struct question *question)
{
    static char bytes[sizeof(struct answer) + LIVE_MEMORY_MAX + 1];
    struct answer answer = {0};
    size_t max = files[question->file].max;
    char path[64], *text = bytes + sizeof answer;
    ssize_t got = 0;

    make_path(path, question->pid, files[question->file].name);
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    while (fd >= 0 && answer.size <= max && (got = read(fd, text + answer.size, max + 1 - answer.size)) > 0)
        answer.size += (uint32_t)got;
    answer.result = fd < 0 || got < 0 ? -errno : answer.size > max;
    if (answer.result != 0)
        answer.size = answer.result < 0 ? 0 : (uint32_t)max;
    close(fd);
    memcpy(bytes, &answer, sizeof answer);
    for (size_t at = 0, size = sizeof answer + answer.size; at < size; at += (size_t)got)
        if ((got = write(CHILD_FD, bytes + at, size - at)) <= 0)
            _exit(1);
}

static _Noreturn void serve(int fd)
{
    struct question question;

    if (dup2(fd, CHILD_FD) < 0)
        _exit(1);
    if (close_range(CHILD_FD + 1, ~0u, 0) < 0) /* a kernel before 5.9 */
        for (int other = CHILD_FD + 1; other < DESCRIPTORS_MAX; other++)
            close(other);
    close(STDIN_FILENO);
    close(STDOUT_FILENO); /* whoever reads these waits for our end, not for the child's */
    close(STDERR_FILENO);
    while (read(CHILD_FD, &question, sizeof question) == sizeof question)
        answer_one(&question);
    _exit(0);
}

/* --- The parent --------------------------------------------------------------------------------------------------- */

static int begin(struct live *live)
{
    int pair[2];

    if (live->reader_pid > 0)
        return 0;
    if (live->stuck >= STUCK_MAX)
        return -ETIMEDOUT;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0)
        serve(pair[1]);
    int failed = errno;
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return -failed;
    }
    live->reader_pid = pid;
    live->reader_fd = pair[0];
    return 0;
}

void live_memory_end(struct live *live)
{
    if (live->reader_pid <= 0)
        return;
    close(live->reader_fd);
    kill(live->reader_pid, SIGKILL);
    waitpid(live->reader_pid, NULL, live->reader_stuck ? WNOHANG : 0);
    live->reader_pid = 0;
    live->reader_stuck = false;
}

static int64_t milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int receive(void *to, size_t size, int fd, int64_t deadline)
{
    for (size_t at = 0; at < size;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int64_t left = deadline - milliseconds();
        int ready = poll(&wait, 1, left > 0 ? (int)left : 0);

        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return ready < 0 ? -errno : -ETIMEDOUT;
        ssize_t got = read(fd, (char *)to + at, size - at);
        if (got <= 0)
            return got < 0 ? -errno : -EPIPE;
        at += (size_t)got;
    }
    return 0;
}

static int ask(struct buffer *out, struct live *live, const struct question *question)
{
    int64_t deadline = milliseconds() + ANSWER_MS;
    struct answer answer;

    if (send(live->reader_fd, question, sizeof *question, MSG_NOSIGNAL) != sizeof *question)
        return -EPIPE;
    int result = receive(&answer, sizeof answer, live->reader_fd, deadline);
    if (result < 0)
        return result;
    uint8_t *to = buffer_reserve(out, answer.size + 1);
    if (!to)
        return -ENOMEM;
    result = receive(to, answer.size, live->reader_fd, deadline);
    if (result < 0)
        return result;
    buffer_took(out, answer.size);
    return answer.result;
}

int live_memory(struct buffer *out, struct live *live, uint64_t pid, enum live_memory_file file)
{
    struct question question;
    int result = begin(live);

    memset(&question, 0, sizeof question); /* its padding is sent, too */
    question.pid = pid;
    question.file = file;

    if (result == 0)
        result = ask(out, live, &question);
    if (result == -ETIMEDOUT && live->reader_pid > 0) {
        live->stuck++;
        live->reader_stuck = true;
    }
    if (result == -ETIMEDOUT || result == -EPIPE || result == -ECONNRESET || result == -ENOMEM)
        live_memory_end(live); /* what it might still answer is to no question */
    return result;
}
