/* run_command.c - see run_command.h. */
#include "cli/run_command.h"

#include "base/cleanup.h"

#include <errno.h>
#include <glob.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEEP_PAUSE_NS                                                                                                  \
    (20 * 1000000L) /* how often links for new processes are made: RUN_PIDS_AHEAD suffices for that                    \
                     */
#define FOLDERS "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define FOLDERS_OF_TOOLS                                                                                               \
    RUN_TOOLS "/usr/local/sbin:" RUN_TOOLS "/usr/local/bin:" RUN_TOOLS "/usr/sbin:" RUN_TOOLS "/usr/bin:" RUN_TOOLS    \
              "/sbin:" RUN_TOOLS "/bin:" RUN_TOOLS

/* What a program of a hostile capture, run as root, may do: nothing to the machine. It cannot mount, load modules, set
 * the network or the clock, trace or see what is outside. These are what containers have, without CAP_NET_RAW. */
static const int CAPABILITIES[] = {
    CAP_CHOWN,   CAP_DAC_OVERRIDE, CAP_FOWNER,           CAP_FSETID,     CAP_KILL,        CAP_SETGID, CAP_SETUID,
    CAP_SETPCAP, CAP_SETFCAP,      CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT, CAP_AUDIT_WRITE, CAP_MKNOD,
};
#define CAPABILITY_COUNT (sizeof CAPABILITIES / sizeof *CAPABILITIES)

/* What programs take from where they were built to be, and so not from among the tools: folders for a variable each, as
 * Debian has them. */
static const char *const PERL_FOLDERS[] = {
    RUN_TOOLS "/etc/perl",
    RUN_TOOLS "/usr/local/share/perl/*",
    RUN_TOOLS "/usr/lib/*/perl5/*",
    RUN_TOOLS "/usr/share/perl5",
    RUN_TOOLS "/usr/lib/*/perl-base",
    RUN_TOOLS "/usr/lib/*/perl/*",
    RUN_TOOLS "/usr/share/perl/*",
    NULL,
};
static const char *const TERMINAL_FOLDERS[] = {
    "/etc/terminfo",
    "/lib/terminfo",
    "/usr/share/terminfo",
    RUN_TOOLS "/lib/terminfo",
    RUN_TOOLS "/usr/share/terminfo",
    NULL,
};
#define FOLDER_LIST_MAX 4096 /* bytes; what does not fit is left out */

/* Nothing else of the caller's environment is for what may be hostile. */
static const char *const PASSED[] = {"TERM", "LANG", "LC_ALL", "TZ", "COLUMNS", "LINES", "NO_COLOR"};
#define PASSED_COUNT (sizeof PASSED / sizeof *PASSED)

static bool kept(int capability)
{
    for (size_t i = 0; i < CAPABILITY_COUNT; i++)
        if (CAPABILITIES[i] == capability)
            return true;
    return false;
}

/* What is in nobody's bounding set comes back by no execve(2). EINVAL: the kernel knows no further ones. */
static int drop_capabilities(struct error *err)
{
    for (int i = 0; i < 64; i++)
        if (!kept(i) && prctl(PR_CAPBSET_DROP, i) < 0)
            return errno == EINVAL && i > CAP_AUDIT_READ ? 0 : error_system(err, errno, "cannot drop capabilities");
    return 0;
}

/* Those that exist, with ":" between them. */
static void set_folders(const char *variable, const char *const *patterns)
{
    char list[FOLDER_LIST_MAX] = "";
    size_t used = 0;

    for (; *patterns; patterns++) {
        glob_t found = {0};
        if (glob(*patterns, 0, NULL, &found) == 0)
            for (size_t i = 0; i < found.gl_pathc && used + strlen(found.gl_pathv[i]) + 2 < sizeof list; i++)
                used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used ? ":" : "", found.gl_pathv[i]);
        globfree(&found);
    }
    if (used)
        setenv(variable, list, 1);
}

static void set_environment(const struct run_command *command)
{
    char *values[PASSED_COUNT];

    for (size_t i = 0; i < PASSED_COUNT; i++) {
        const char *value = getenv(PASSED[i]);
        values[i] = value ? strdup(value) : NULL;
    }
    clearenv();
    for (size_t i = 0; i < PASSED_COUNT; i++) {
        if (values[i])
            setenv(PASSED[i], values[i], 1);
        free(values[i]);
    }
    setenv("PATH", command->tools ? FOLDERS ":" FOLDERS_OF_TOOLS : FOLDERS, 1);
    setenv("HOME", "/root", 1);
    setenv("TERM", "dumb", 0);
    if (command->tools)
        set_folders("TERMINFO_DIRS", TERMINAL_FOLDERS);
    if (command->lent)
        setenv("LD_LIBRARY_PATH", command->tool->libraries, 1);
    if (command->tool && command->tool->count)
        set_folders("PERL5LIB", PERL_FOLDERS);
}

static int execute(const struct run_command *command, struct error *err)
{
    const struct run_tool *tool = command->tool;
    size_t count = 0;

    if (!tool || !tool->count) {
        execvp(command->arguments[0], command->arguments);
        return error_system(err, errno, "%s", command->arguments[0]);
    }
    while (command->arguments[count])
        count++;
    cleanup_free char **arguments = calloc(count + RUN_TOOLS_ARGUMENTS + 1, sizeof *arguments);
    if (!arguments)
        return error_system(err, ENOMEM, "%s", command->arguments[0]);
    memcpy(arguments, tool->arguments, (size_t)tool->count * sizeof *arguments);
    memcpy(arguments + tool->count, command->arguments + 1, count * sizeof *arguments);
    execv(tool->program, arguments);
    return error_system(err, errno, "%s", command->arguments[0]);
}

/* The child. Its descriptors are the three standard ones. */
static void become(const struct run_command *command)
{
    struct error err;
    sigset_t none;
    int result = drop_capabilities(&err);

    if (result == 0) {
        set_environment(command);
        close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        result = execute(command, &err);
    }
    fprintf(stderr, "confuse run: %s\n", err.text);
    _exit(result == -ENOENT ? RUN_NOT_FOUND : RUN_NOT_EXECUTABLE);
}

/* The command's processes whose parents have ended are ours to reap. */
static bool reap(int *status, pid_t child)
{
    int how;

    for (pid_t pid; (pid = waitpid(-1, &how, WNOHANG)) > 0;)
        if (pid == child) {
            *status = WIFSIGNALED(how) ? RUN_KILLED + WTERMSIG(how) : WEXITSTATUS(how);
            return true;
        }
    return false;
}

int run_command(const struct run_command *command, struct error *err)
{
    const struct timespec pause = {.tv_nsec = KEEP_PAUSE_NS};
    sigset_t ended, all;
    int status;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    sigemptyset(&ended);
    sigaddset(&ended, SIGCHLD);
    if (command->pids)
        run_pids_keep(command->pids);
    pid_t child = fork();
    if (child < 0)
        return error_system(err, errno, "cannot start %s", command->arguments[0]);
    if (child == 0)
        become(command);
    while (!reap(&status, child)) {
        sigtimedwait(&ended, NULL, command->pids ? &pause : NULL);
        if (command->pids)
            run_pids_keep(command->pids);
    }
    return status;
}
