/* test_run.c - the parts of `confuse run` that need no NFS client: the root over a directory in place of a snapshot,
 * its devices and /proc, process numbers, what the command may do, and where commands are among tools.
 *
 * The mount and all of it together are tested in the guest (tests/kernel/run.sh). Needs root, overlay and a static
 * busybox.
 */
#include "cli/address.h"
#include "cli/run_command.h"
#include "cli/run_lend.h"
#include "cli/run_pids.h"
#include "cli/run_root.h"
#include "cli/run_server.h"
#include "cli/run_sockets.h"
#include "cli/run_tools.h"
#include "tests/unit/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define OUTPUT_MAX 65536

static char base[PATH_MAX]; /* the tests' folder: tree/, tools/ */
static char output[OUTPUT_MAX];

static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void shell(const char *format, ...)
{
    char command[4 * PATH_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    assert_int_equal(system(command), 0);
}

/* --- A run over base/tree ----------------------------------------------------------------------------------------- */

static int in_namespace(const char *tools_path, char **arguments, struct error *err)
{
    static struct run_tool tool;
    struct run_root root = {.proc = -1};
    struct run_pids pids;
    int tree = -1, tools = -1, result = run_root_separate(err);
    char lower[32];

    if (result == 0 && tools_path) {
        tools = open(tools_path, O_PATH | O_DIRECTORY);
        result = run_tools_find(&tool, tools, arguments[0], err);
    }
    if (result == 0) {
        char path[PATH_MAX + 8];
        snprintf(path, sizeof path, "%s/tree", base);
        tree = open(path, O_PATH | O_DIRECTORY);
        snprintf(lower, sizeof lower, "/proc/self/fd/%d", tree);
        result = run_root_begin(err);
    }
    if (result == 0)
        result = run_root_bind(lower, err);
    if (result == 0)
        result = run_root_make(&root, tools, err);
    if (result == 0 && root.captured_proc)
        result = run_sockets_make(root.proc, err);
    if (result == 0)
        result = run_network_new(err);
    if (result == 0 && root.captured_proc)
        result = run_pids_begin(&pids, root.proc, ".confuse", err);
    if (result == 0)
        result = run_root_enter(err);
    if (result == 0)
        result = run_root_mount_proc(&root, err);
    if (result < 0)
        return result;
    const struct run_command command = {
        .arguments = arguments,
        .tool = tools_path ? &tool : NULL,
        .tools = tools_path != NULL,
        .lent = tools_path && run_lend(&tool),
        .pids = root.captured_proc ? &pids : NULL,
    };
    return run_command(&command, err);
}

static void first_process(const char *tools, char **arguments, int out)
{
    struct error err;

    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    int result = in_namespace(tools, arguments, &err);
    if (result < 0)
        fprintf(stderr, "%s\n", err.text);
    _exit(result < 0 ? 99 : result);
}

/* The exit status; `output` is what was written. */
static int run(const char *tools, char **arguments)
{
    int ends[2], status;
    size_t size = 0;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0) {
        if (unshare(CLONE_NEWPID) < 0)
            _exit(98);
        pid_t first = fork();
        if (first == 0)
            first_process(tools, arguments, ends[1]);
        waitpid(first, &status, 0);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 97);
    }
    close(ends[1]);
    for (ssize_t got; (got = read(ends[0], output + size, sizeof output - 1 - size)) > 0;)
        size += (size_t)got;
    output[size] = '\0';
    close(ends[0]);
    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}

static int run_shell(char *script)
{
    char *arguments[] = {(char[]){"/bin/sh"}, (char[]){"-c"}, script, NULL};

    return run(NULL, arguments);
}

static void expect(int status, const char *said, char *script)
{
    int got = run_shell(script);

    if (got != status || (said && strcmp(output, said) != 0))
        fail_msg("%s: exit %d, said \"%s\"", script, got, output);
}

/* --- The root ----------------------------------------------------------------------------------------------------- */

static void exit_status_is_the_commands(void **state)
{
    char *nothing[] = {(char[]){"no-such-command"}, NULL}, *folder[] = {(char[]){"/etc"}, NULL};

    (void)state;
    expect(0, "", (char[]){"true"});
    expect(7, "", (char[]){"exit 7"});
    expect(RUN_KILLED + SIGTERM, "", (char[]){"kill -TERM $$"});
    assert_int_equal(run(NULL, nothing), RUN_NOT_FOUND);
    assert_non_null(strstr(output, "no-such-command: No such file"));
    assert_int_equal(run(NULL, folder), RUN_NOT_EXECUTABLE);
}

static void what_is_written_is_gone(void **state)
{
    (void)state;
    expect(0, "mine\n", (char[]){"echo mine >/etc/hostname; rm /etc/passwd; mkdir /new; cat /etc/hostname"});
    expect(0, "box\nroot\n", (char[]){"cat /etc/hostname; cut -d: -f1 /etc/passwd; ls -d /new 2>/dev/null || true"});
}

static void root_is_an_overlay_and_all_there_is(void **state)
{
    (void)state;
    expect(0, "overlay /\n", (char[]){"awk '$2 == \"/\" { print $3, $2 }' /proc/self/mounts"});
    expect(0, "", (char[]){"! grep -Ev ' (/|/dev/[a-z]*|/proc|/proc/.confuse) ' /proc/self/mounts"});
}

static void devices_work_and_captured_ones_do_not(void **state)
{
    (void)state;
    expect(0, "4\n", (char[]){"echo x >/dev/null; head -c 4 /dev/zero | wc -c; test -c /dev/urandom"});
    expect(1, NULL, (char[]){"test -b /dev/sda && cat /dev/sda"});
    assert_non_null(strstr(output, "Permission denied"));
}

/* A link where a directory is to be must lead nowhere. */
static void hostile_links_are_covered(void **state)
{
    (void)state;
    shell("cd %s && mv tree/dev kept && mkdir trap && ln -s ../../../..%s/trap tree/dev", base, base);
    expect(0, "", (char[]){"test ! -L /dev && echo x >/dev/null"});
    shell("cd %s && rmdir trap && rm tree/dev && mv kept tree/dev", base);
}

static void privileges_are_few(void **state)
{
    (void)state;
    expect(0, "", (char[]){"! mount -t tmpfs t /tmp 2>/dev/null"});
    expect(0, "", (char[]){"! umount /proc/.confuse 2>/dev/null"});
    expect(0, "", (char[]){"! { echo h >/proc/.confuse/sys/kernel/hostname; } 2>/dev/null"});
    expect(0, "", (char[]){"! { echo 1 >/proc/.confuse/sysrq-trigger; } 2>/dev/null"});
    expect(0, "", (char[]){"mknod /tmp/sda b 8 0 && ! cat /tmp/sda 2>/dev/null"});
    expect(0, "0\n", (char[]){"ls /proc/self/fd | grep -c '^[3-9][0-9]'; exit 0"});
}

static void environment_is_clean(void **state)
{
    (void)state;
    setenv("SECRET_OF_THE_HOST", "1", 1);
    expect(0, "", (char[]){"! env | grep SECRET"});
    expect(0, "/root\n", (char[]){"echo $HOME"});
}

/* --- /proc -------------------------------------------------------------------------------------------------------- */

static void captured_processes_are_shown(void **state)
{
    (void)state;
    expect(0, "captured-init\ncaptured-server\n", (char[]){"cat /proc/1/comm /proc/4321/comm"});
    expect(0, "", (char[]){"test $$ -gt 4321 && grep -qx sh /proc/$$/comm && grep -qx grep /proc/self/comm"});
    expect(0, "overlay\n", (char[]){"awk '$2 == \"/\" { print $3 }' /proc/mounts"});
    expect(0, "1\n", (char[]){"cut -d ' ' -f 1 /proc/.confuse/1/stat"});
}

/* More processes than links are made at once. */
static void links_are_made_ahead(void **state)
{
    (void)state;
    expect(
        0, "",
        (char[]){
            "i=0; while [ $i -lt 1500 ]; do /bin/true; i=$((i+1)); done; sh -c 'grep -qx sh /proc/$$/comm; exit $?'"});
}

static void numbers_without_room_above(void **state)
{
    char script[] = "test -d /proc/.confuse/$$ && test -e /proc/$$/comm && test ! -d /proc/.confuse/4194303";

    (void)state;
    shell("mkdir %s/tree/proc/4194303", base);
    expect(0, "", script);
    shell("rmdir %s/tree/proc/4194303", base);
}

/* A socket that two processes share, one that no table has, names that only look like sockets. */
static void sockets_are_what_their_links_say(void **state)
{
    char nodes[] =
        "set -- /proc/1/fd/3 /proc/4321/fd/7; for l; do test -S $l || exit 1; stat -L -c %i $l; done | uniq | "
        "wc -l; n=$(stat -L -c %i $1); test $(readlink $1) = socket:[$n] && "
        "awk -v n=$n '$10 == n { print $2, NF }' /proc/net/tcp; cut -d ' ' -f 1 /proc/net/tcp";
    char others[] =
        "for n in 4 5 6; do readlink /proc/1/fd/$n; done; test -S /proc/4321/fd/8 && tail -n 1 /proc/net/unix";

    (void)state;
    shell("cd %s/tree/proc && mkdir 1/fd 4321/fd net && ln -s socket:[777] 1/fd/3 && ln -s socket:[777] 4321/fd/7 && "
          "ln -s socket:[] 1/fd/4 && ln -s socket:[1x] 1/fd/5 && ln -s /etc/hostname 1/fd/6 && ln -s socket:[99] "
          "4321/fd/8",
          base);
    shell("cd %s/tree/proc/net && printf 'sl local\n0: a b c d e f g h 777 1\n1: x y\n' >tcp && mkfifo udp && "
          "printf 'Num\nN: 2 0 0 1 1 98 /run/x' >unix",
          base);
    expect(0, "1\na 11\nsl\n0:\n1:\n", nodes);
    expect(0, "socket:[]\nsocket:[1x]\n/etc/hostname\nN: 2 0 0 1 1 98 /run/x", others);
    shell(
        "cd %s/tree/proc && touch '1/fd/socket:[]' && rm 4321/fd/* && ln -s socket:[777] 4321/fd/07 && mkdir 4321/fd/9",
        base);
    expect(
        0, "socket:[777]\nsocket:[777]\n777\n",
        (char[]){"readlink /proc/1/fd/3; readlink /proc/4321/fd/07; awk '$1 == \"0:\" { print $10 }' /proc/net/tcp"});
    shell("cd %s/tree/proc && rm -r 1/fd 4321/fd net", base);
}

static void without_captured_processes_proc_is_real(void **state)
{
    (void)state;
    shell("mv %s/tree/proc %s/kept && mkdir %s/tree/proc", base, base, base);
    expect(0, "proc\n", (char[]){"awk '$2 == \"/proc\" { print $3 }' /proc/mounts"});
    shell("rmdir %s/tree/proc && mv %s/kept %s/tree/proc", base, base, base);
}

static void orphans_end_with_the_command(void **state)
{
    (void)state;
    expect(3, "", (char[]){"sleep 98127 >/dev/null 2>&1 & exit 3"});
    assert_int_not_equal(system("pgrep -x -f 'sleep 98127' >/dev/null"), 0);
}

/* --- Tools -------------------------------------------------------------------------------------------------------- */

static void tools_that_are_static(void **state)
{
    char tools[PATH_MAX + 8], *applet[] = {(char[]){"tac"}, (char[]){"/etc/hostname"}, NULL};
    char *path[] = {(char[]){RUN_TOOLS "/bin/tac"}, (char[]){"/etc/hostname"}, NULL};
    char *snapshots[] = {(char[]){"cat"}, (char[]){"/etc/hostname"}, NULL};

    (void)state;
    scratch_need_openat2();
    snprintf(tools, sizeof tools, "%s/tools", base);
    assert_int_equal(run(tools, applet), 0);
    assert_string_equal(output, "box\n");
    assert_int_equal(run(tools, path), 0);
    assert_int_equal(run(tools, snapshots), 0);
    assert_int_equal(run(NULL, applet), RUN_NOT_FOUND);
}

/* The machine's own programs, by the loader that stands beside them. */
static void tools_with_a_loader(void **state)
{
    char *command[] = {(char[]){"sha256sum"}, (char[]){"/etc/hostname"}, NULL};
    char *script[] = {(char[]){"hello"}, (char[]){"you"}, NULL};
    char tools[PATH_MAX + 8];

    (void)state;
    scratch_need_openat2();
    snprintf(tools, sizeof tools, "%s/loaded", base);
    if (run(tools, command) != 0)
        fail_msg("%s", output);
    assert_non_null(strstr(output, "  /etc/hostname\n"));
    if (run(tools, script) != 0)
        fail_msg("%s", output);
    assert_string_equal(output, "hello you " RUN_TOOLS "/usr/share/perl5\n");
}

/* A snapshot without any program: what a tool starts works as well, be it by the shell. */
static void loaders_are_lent(void **state)
{
    char *script[] = {(char[]){"dash"}, (char[]){"-c"}, (char[]){"sha256sum /etc/hostname && indirect"}, NULL};
    char *own[] = {(char[]){"dash"}, (char[]){"-c"}, (char[]){"echo ${LD_LIBRARY_PATH-none}"}, NULL};
    char tools[PATH_MAX + 8];

    (void)state;
    scratch_need_openat2();
    snprintf(tools, sizeof tools, "%s/loaded", base);
    shell("cd %s && mkdir bare && mv tree/bin bare/ && ln -s /usr/bin/dash loaded/bin/sh && "
          "printf '#!/bin/sh\\necho by the shell\\n' >loaded/usr/bin/indirect && chmod +x loaded/usr/bin/indirect",
          base);
    int status = run(tools, script);
    shell("cd %s && mv bare/bin tree/ && rm -r bare", base);
    if (status != 0)
        fail_msg("%s", output);
    assert_non_null(strstr(output, "  /etc/hostname\nby the shell\n"));
    /* Nor is anything lent where the snapshot's own can be read. */
    shell("cd %s && mkdir tree/lib tree/lib64 && for l in loaded/lib/deep/ld-*; do cp $l tree/lib/ && cp $l "
          "tree/lib64/; done",
          base);
    assert_int_equal(run(tools, own), 0);
    assert_string_equal(output, "none\n");
    shell("rm -r %s/tree/lib %s/tree/lib64", base, base);
}

/* find takes what a listing says for the type, and that is of the file below the mount. */
static void devices_are_listed_as_such(void **state)
{
    char *files[] = {(char[]){"find"}, (char[]){"/dev"}, (char[]){"-type"}, (char[]){"f"}, NULL};
    char tools[PATH_MAX + 8];

    (void)state;
    scratch_need_openat2();
    snprintf(tools, sizeof tools, "%s/loaded", base);
    if (run(tools, files) != 0)
        fail_msg("%s", output);
    assert_string_equal(output, "");
}

/* --- Addresses ---------------------------------------------------------------------------------------------------- */

static void addresses(void **state)
{
    static const struct {
        const char *text, *host;
        uint16_t port;
        bool good;
    } cases[] = {
        {"10.0.0.7", "10.0.0.7", NFS_PORT, true},
        {"10.0.0.7:20490", "10.0.0.7", 20490, true},
        {"::1", "::1", NFS_PORT, true},
        {"[::1]:1", "::1", 1, true},
        {":7", "", 7, true},
        {"confuse.example", "confuse.example", NFS_PORT, true},
        {"a:65536", "", 0, false},
        {"a:", "", 0, false},
        {"a:+1", "", 0, false},
        {"[]:1", "", 0, false},
        {"[::1", "", 0, false},
        {"[::1]1", "", 0, false},
    };
    struct address at;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(address_parse(&at, cases[i].text), cases[i].good);
        if (!cases[i].good)
            continue;
        assert_string_equal(at.host, cases[i].host);
        assert_int_equal(at.port, cases[i].port);
    }
}

/* --- All ---------------------------------------------------------------------------------------------------------- */

static int make_trees(void **state)
{
    (void)state;
    snprintf(base, sizeof base, "%s", scratch_make());
    shell("cd %s && mkdir -p tree/bin tree/etc tree/dev tree/tmp tree/proc/1 tree/proc/4321 tools/bin", base);
    shell("cd %s && cp \"$(command -v busybox)\" tree/bin/ && cp tree/bin/busybox tools/bin/", base);
    shell("cd %s && for a in sh ls cat cut awk test head wc grep mount umount mknod env sleep true mkdir rm stat "
          "readlink uniq tail; do "
          "ln -s busybox tree/bin/$a; done; ln -s /bin/busybox tools/bin/tac",
          base);
    shell(
        "cd %s/tree && echo box >etc/hostname && echo root:x:0:0::/root:/bin/sh >etc/passwd && mknod dev/sda b 8 0 && "
        "mknod dev/null c 1 3 && echo captured-init >proc/1/comm && echo captured-server >proc/4321/comm",
        base);
    /* Libraries as Debian has them: the loader behind an absolute link. */
    shell(
        "cd %s && mkdir -p loaded/bin loaded/usr/bin loaded/usr/share/perl5 loaded/usr/lib64 loaded/lib/deep && ln -s "
        "usr/lib64 "
        "loaded/lib64 && "
        "cp $(command -v sha256sum) $(command -v dash) $(command -v find) loaded/usr/bin/ && "
        "for l in $(ldd $(command -v sha256sum) $(command -v dash) $(command -v find) | grep -o '/[^ ]*' | grep -v : | "
        "sort -u); do "
        "cp -L $l loaded/lib/deep/; done && "
        "for l in loaded/lib/deep/ld-*; do ln -s /lib/deep/${l##*/} loaded/usr/lib64/; done && "
        "printf '#!/usr/bin/dash\\necho hello $1 $PERL5LIB\\n' >loaded/usr/bin/hello && chmod +x loaded/usr/bin/hello",
        base);
    return 0;
}

static bool possible(void)
{
    return geteuid() == 0 && system("busybox true && file -L $(command -v busybox) | grep -q static") == 0 &&
           system("unshare -mpfn true") == 0 && system("grep -qw overlay /proc/filesystems") == 0;
}

/* A snapshot whose place for the loader is a link to what this process has open, which is outside: nothing comes to be
 * there. */
static void loaders_are_lent_inside(void **state)
{
    char *script[] = {(char[]){"dash"}, (char[]){"-c"}, (char[]){"exit 0"}, NULL};
    char tools[PATH_MAX + 8];

    (void)state;
    scratch_need_openat2();
    snprintf(tools, sizeof tools, "%s/loaded", base);
    shell("cd %s && ls loaded >before", base);
    for (int fd = 3; fd < 16; fd++) {
        shell("cd %s && for l in lib lib64; do ln -sfn /proc/self/fd/%d tree/$l; done", base, fd);
        assert_int_equal(run(tools, script), 0);
        shell("cd %s && ls loaded | cmp - before", base);
    }
    shell("cd %s && rm tree/lib tree/lib64 before", base);
}

int main(void)
{
    const struct CMUnitTest anywhere[] = {cmocka_unit_test(addresses)};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_status_is_the_commands),
        cmocka_unit_test(what_is_written_is_gone),
        cmocka_unit_test(root_is_an_overlay_and_all_there_is),
        cmocka_unit_test(devices_work_and_captured_ones_do_not),
        cmocka_unit_test(hostile_links_are_covered),
        cmocka_unit_test(privileges_are_few),
        cmocka_unit_test(environment_is_clean),
        cmocka_unit_test(captured_processes_are_shown),
        cmocka_unit_test(links_are_made_ahead),
        cmocka_unit_test(numbers_without_room_above),
        cmocka_unit_test(sockets_are_what_their_links_say),
        cmocka_unit_test(without_captured_processes_proc_is_real),
        cmocka_unit_test(orphans_end_with_the_command),
        cmocka_unit_test(tools_that_are_static),
        cmocka_unit_test(tools_with_a_loader),
        cmocka_unit_test(devices_are_listed_as_such),
        cmocka_unit_test(loaders_are_lent),
        cmocka_unit_test(loaders_are_lent_inside),
    };
    int failed = cmocka_run_group_tests(anywhere, NULL, NULL);

    if (failed || !possible())
        return failed ? 1 : 77;
    return cmocka_run_group_tests(tests, make_trees, scratch_tear_down);
}
