/* run.c - `confuse run`: a command in a snapshot, as if that were the system it runs on.
 *
 * Processes: this one, which waits and takes signals; the server, if it is our own (cli/run_server.c); and the first
 * process of the run's namespaces, which puts the root together (cli/run_root.c), numbers processes (cli/run_pids.c)
 * and starts the command (cli/run_command.c). The last two die with this one, however it ends, and all else with them.
 */
#include "base/cleanup.h"
#include "base/digest.h"
#include "cli/command.h"
#include "cli/run_command.h"
#include "cli/run_lend.h"
#include "cli/run_pids.h"
#include "cli/run_root.h"
#include "cli/run_server.h"
#include "cli/run_sockets.h"
#include "cli/run_tools.h"
#include "db/snapshot.h"
#include "db/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
    const char *server, *tools;
    bool net;
} given;

static const struct option_spec OPTIONS[] = {
    {"net", 0, OPTION_FLAG, &given.net, NULL, "with this machine's network; without it, none but loopback"},
    {"server", 0, OPTION_TEXT, &given.server, "ADDR[:PORT]", "mount from there; without it, from a server of its own"},
    {"tools", 0, OPTION_TEXT, &given.tools, "DIR",
     "show DIR at " RUN_TOOLS ", and take the command from it if it is there"},
    {0},
};

struct run {
    struct run_server server;
    char id[SNAPSHOT_ID_HEX_SIZE];
    char **command;
    const char *store;
    sigset_t signals;      /* those that end us, and SIGCHLD; blocked */
    int network;           /* the machine's */
    int alive;             /* readable in the first process as long as this one is there */
    pid_t first;           /* process of the namespace */
    _Atomic bool *started; /* shared with it: the command is there to take Ctrl-C */
};

/* --- Before anything is made -------------------------------------------------------------------------------------- */

static bool is_id(const char *text)
{
    return strlen(text) == SNAPSHOT_ID_HEX_SIZE - 1 && strspn(text, "0123456789abcdef") == strlen(text);
}

/* A server elsewhere knows full ids only; all else is this machine's store to tell. */
static int find_snapshot(struct run *r, const char *snap, struct error *err)
{
    struct store *store;
    struct snapshot snapshot;

    if (given.server && is_id(snap)) {
        memcpy(r->id, snap, sizeof r->id);
        return 0;
    }
    int result = store_open(&store, r->store, STORE_READ, err);
    if (result < 0 && given.server)
        return error_input(err, "%s: with --server and no store here a full id of 32 digits is needed", snap);
    if (result < 0)
        return result;
    result = snapshot_resolve(&snapshot, store, snap, err);
    if (result == 0)
        hex_encode(r->id, snapshot.id, SNAPSHOT_ID_SIZE);
    store_close(store);
    return result;
}

/* Before there is another process: the mask is inherited. What the caller has ignored (nohup, a job in the background
 * of a script) stays so. */
static void block_signals(struct run *r)
{
    static const int ENDING[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP};
    struct sigaction action;

    signal(SIGCHLD, SIG_DFL);
    sigemptyset(&r->signals);
    sigaddset(&r->signals, SIGCHLD);
    for (size_t i = 0; i < sizeof ENDING / sizeof *ENDING; i++)
        if (sigaction(ENDING[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&r->signals, ENDING[i]);
    sigprocmask(SIG_BLOCK, &r->signals, NULL);
}

/* --- The first process -------------------------------------------------------------------------------------------- */

static int open_tools(int *fd, struct run_tool *tool, char *const *command, struct error *err)
{
    *fd = -1;
    if (!given.tools)
        return 0;
    *fd = open(given.tools, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0)
        return error_system(err, errno, "%s", given.tools);
    return run_tools_find(tool, *fd, command[0], err);
}

/* The mount stays in the network that it was made in. */
static int choose_network(const struct run *r, struct error *err)
{
    if (!given.net)
        return run_network_new(err);
    if (setns(r->network, CLONE_NEWNET) < 0)
        return error_system(err, errno, "cannot go back to the machine's network");
    return 0;
}

static int make_root(const struct run *r, struct run_root *root, int tools, struct error *err)
{
    int result = run_root_begin(err);

    if (result == 0)
        result = run_root_mount(&r->server, r->id, err);
    return result == 0 ? run_root_make(root, tools, err) : result;
}

static int run_in_namespace(const struct run *r, struct error *err)
{
    static struct run_tool tool;
    struct run_root root = {.proc = -1};
    struct run_pids pids;
    cleanup_close int tools = -1;
    int result = run_root_separate(err);

    if (result == 0)
        result = open_tools(&tools, &tool, r->command, err);
    if (result == 0)
        result = make_root(r, &root, tools, err);
    if (result == 0 && root.captured_proc)
        result = run_sockets_make(root.proc, err);
    if (result == 0)
        result = choose_network(r, err);
    if (result == 0 && root.captured_proc)
        result = run_pids_begin(&pids, root.proc, ".confuse", err);
    if (result == 0)
        result = run_root_enter(err);
    if (result == 0)
        result = run_root_mount_proc(&root, err);
    if (result < 0)
        return result;
    const struct run_command command = {
        .arguments = r->command,
        .tool = given.tools ? &tool : NULL,
        .tools = given.tools != NULL,
        .lent = given.tools && run_lend(&tool),
        .pids = root.captured_proc ? &pids : NULL,
    };
    *r->started = true;
    return run_command(&command, err);
}

/* What ended before the kernel was asked to tell of its end is told by the pipe. */
static void first_process(const struct run *r)
{
    struct error err;
    char byte;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (read(r->alive, &byte, 1) != 1)
        _exit(EXIT_SYSTEM);
    close(r->alive);
    umask(022); /* a system's own, whatever the caller's */
    int result = run_in_namespace(r, &err);
    if (result < 0)
        fprintf(stderr, "confuse run: %s\n", err.text);
    _exit(result < 0 ? (int)err.code : result);
}

static int start(struct run *r, struct error *err)
{
    int ends[2];

    r->started = mmap(NULL, sizeof *r->started, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (r->started == MAP_FAILED)
        return error_system(err, errno, "no memory to share with the run");
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_system(err, errno, "cannot make a pipe");
    r->alive = ends[0];
    if (unshare(CLONE_NEWPID) < 0)
        return error_system(err, errno, "cannot make a process namespace");
    r->first = fork();
    if (r->first == 0) {
        close(ends[1]);
        first_process(r);
    }
    close(ends[0]);
    if (r->first < 0 || write(ends[1], "", 1) != 1)
        return error_system(err, errno, "cannot start a process");
    close(ends[1]);
    return 0;
}

/* --- Waiting ------------------------------------------------------------------------------------------------------ */

/* What the run ended with, if it has; -EAGAIN if not. */
static int reap(struct run *r, struct error *err)
{
    int status, result = -EAGAIN;

    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        if (pid == r->first) {
            r->first = 0;
            return WIFSIGNALED(status) ? RUN_KILLED + WTERMSIG(status) : WEXITSTATUS(status);
        }
        if (pid == r->server.child) {
            r->server.child = 0;
            result = run_server_died(&r->server, err);
        }
    }
    return result;
}

/* A terminal's Ctrl-C goes to the command as well, whose business it is once it is there; all else ends the run. */
static bool is_for_command(const struct run *r, const siginfo_t *info)
{
    return *r->started && info->si_code == SI_KERNEL && (info->si_signo == SIGINT || info->si_signo == SIGQUIT);
}

static int await_end(struct run *r, struct error *err)
{
    siginfo_t info;
    int result = -EAGAIN;

    while (result == -EAGAIN) {
        int number = sigwaitinfo(&r->signals, &info);
        if (number == SIGCHLD)
            result = reap(r, err);
        else if (number > 0 && !is_for_command(r, &info))
            return RUN_KILLED + number;
    }
    return result;
}

static void finish(struct run *r)
{
    if (r->first > 0) {
        kill(r->first, SIGKILL);
        waitpid(r->first, NULL, 0); /* which lasts until its whole namespace has ended */
    }
    run_server_stop(&r->server);
    if (r->network >= 0)
        close(r->network);
}

static int find_server(struct run *r, struct error *err)
{
    r->network = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (r->network < 0)
        return error_system(err, errno, "/proc/self/ns/net");
    if (given.server)
        return run_server_find(&r->server, given.server, err);
    int result = run_server_start(&r->server, r->store, &r->signals, err);
    return result == -EINTR ? 0 : result; /* the signal is still there to be found */
}

static int run(const struct invocation *invocation, int argc, char **argv, struct error *err)
{
    struct run r = {.store = invocation->store, .network = -1, .server.log = -1};

    if (argc < 2)
        return error_usage(err, "a snapshot and a command are needed: confuse run SNAP -- COMMAND…");
    if (geteuid() != 0)
        return error_refused(err, EPERM, "only root can mount and make namespaces");
    r.command = argv + 1;
    int result = find_snapshot(&r, argv[0], err);
    if (result < 0)
        return result;
    block_signals(&r);
    result = find_server(&r, err);
    if (result == 0)
        result = start(&r, err);
    if (result == 0)
        result = await_end(&r, err);
    finish(&r);
    return result;
}

const struct command command_run = {
    .name = "run",
    .arguments = "SNAP -- COMMAND…",
    .summary = "Run a command in a snapshot, as if that were its system",
    .help =
        "The snapshot is the root directory, over NFS, with a tmpfs on top: what the command writes is gone when it\n"
        "ends. /proc shows the captured processes, if there are any, and the command's own. The exit status is the\n"
        "command's, or 128 and the number of the signal that ended it. Needs root.\n\n"
        "    confuse run prod/web-1@latest -- ps -ef\n"
        "    confuse run --tools /srv/debian 3c8928a3 -- lynis audit system\n"
        "    confuse run --server confuse.example 3c8928a3d3419b58c332b4bf1f331d04 -- /bin/sh\n",
    .options = OPTIONS,
    .run = run,
};
