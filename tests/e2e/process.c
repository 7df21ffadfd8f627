/* process.c - see process.h. */
#include "tests/e2e/process.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS_MAX 32

static char directory[] = "/tmp/confuse-e2e-XXXXXX";
static bool made;

const char *process_scratch(void)
{
    if (!made && !mkdtemp(directory)) {
        perror(directory);
        exit(1);
    }
    made = true;
    return directory;
}

char *process_path(const char *name)
{
    char *path = NULL;

    if (asprintf(&path, "%s/%s", process_scratch(), name) < 0)
        abort();
    return path;
}

/* Emptied before the process is there: one that is killed at once must not seem to have printed what another did. */
static int open_output(const char *name, const char *which)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s.%s", process_scratch(), name, which);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        process_fail("%s: %s", path, strerror(errno));
    return fd;
}

pid_t process_start(const char *name, const char *const *arguments)
{
    const char *program = getenv("CONFUSE");
    char *argv[ARGUMENTS_MAX + 2] = {strdup(program ? program : "./confuse")};
    int out = open_output(name, "out"), err = open_output(name, "err");

    for (int i = 0; arguments[i] && i < ARGUMENTS_MAX; i++)
        argv[i + 1] = strdup(arguments[i]);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* no server outlives a test that fails */
        dup2(out, STDOUT_FILENO);
        dup2(err, STDERR_FILENO);
        execv(argv[0], argv);
        _exit(127);
    }
    close(out);
    close(err);
    for (int i = 0; argv[i]; i++)
        free(argv[i]);
    if (pid < 0)
        process_fail("fork: %s", strerror(errno));
    return pid;
}

int process_wait(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            process_fail("waitpid: %s", strerror(errno));
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int process_run(const char *const *arguments)
{
    return process_wait(process_start("run", arguments));
}

char *process_output(const char *name, const char *which)
{
    char path[256];
    char *text = NULL;
    size_t size = 0;

    snprintf(path, sizeof path, "%s/%s.%s", process_scratch(), name, which);
    FILE *file = fopen(path, "r");
    if (!file)
        return strdup("");
    if (getdelim(&text, &size, '\0', file) < 0) {
        free(text);
        text = strdup("");
    }
    fclose(file);
    return text;
}

void process_fail(const char *format, ...)
{
    va_list args;
    char *out = process_output("run", "out"), *err = process_output("run", "err");

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nCONFUSE_SEED=%lu, all is left in %s\nlast run's output: %s\nand errors: %s\n",
            process_setting("CONFUSE_SEED", 1), directory, out, err);
    exit(1);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status, (void)type, (void)ftw;
    return remove(path);
}

void process_remove(const char *name)
{
    char *path = name ? process_path(name) : strdup(process_scratch());

    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(path);
}

unsigned long process_setting(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);

    return text && *text ? strtoul(text, NULL, 10) : otherwise;
}

unsigned long process_random(unsigned long below)
{
    static uint64_t state;

    if (!state)
        state = process_setting("CONFUSE_SEED", 1) * 0x9e3779b97f4a7c15ULL | 1;
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (unsigned long)(state * 0x2545f4914f6cdd1dULL >> 33) % below;
}

double process_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void process_sleep(double seconds)
{
    struct timespec wait = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};

    nanosleep(&wait, NULL);
}
