/* main.c - `confuse COMMAND …`: find the subcommand, read its options, run it, turn its error into a line and an exit
 * code.
 *
 * From here the flow goes into the file named after the subcommand.
 */
#include "cli/command.h"
#include "cli/terminal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct command *const COMMANDS[] = {
    &command_import,  &command_watch,    &command_serve, &command_log,    &command_ls,  &command_show,
    &command_cat,     &command_manifest, &command_diff,  &command_find,   &command_run, &command_scan,
    &command_capture, &command_export,   &command_tag,   &command_forget, &command_gc,  &command_fsck,
};
#define COMMAND_COUNT (sizeof COMMANDS / sizeof *COMMANDS)

static struct invocation invocation;
static bool version;

static const struct option_spec GLOBAL_OPTIONS[] = {
    {"store", 0, OPTION_TEXT, &invocation.store, "DIR", "where the store is"},
    {"json", 0, OPTION_FLAG, &invocation.json, NULL, "for scripts: one JSON object a line"},
    {0},
};
static const struct option_spec VERSION_OPTION[] = {
    {"version", 0, OPTION_FLAG, &version, NULL, "say which confuse this is"},
    {0},
};

const char *default_store(void)
{
    static char path[4096];
    const char *store = getenv("CONFUSE_STORE"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");

    if (store && *store)
        return store;
    if (data && !*data)
        data = NULL; /* the XDG Base Directory Specification: as if it were not set */
    if (geteuid() == 0 || (!data && !home))
        return "/var/lib/confuse";
    snprintf(path, sizeof path, "%s%s/confuse", data ? data : home, data ? "" : "/.local/share");
    return path;
}

static void print_usage(void)
{
    printf("Usage: confuse [--store DIR] [--json] COMMAND …\n\n"
           "Turns captured container state into file systems that any number of machines mount.\n\nCommands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  %s%-10s%s %s\n", colour(COLOUR_BOLD), COMMANDS[i]->name, colour(COLOUR_NONE), COMMANDS[i]->summary);
    printf("\nOptions:\n");
    options_print(GLOBAL_OPTIONS);
    options_print(VERSION_OPTION);
    printf("  -h, --help                   this, or with a command: all about it\n\n"
           "SNAP is an id, a prefix of one (8 digits or more), NAMESPACE@latest, NAMESPACE@TIME or NAMESPACE:TAG.\n"
           "The store is --store, else $CONFUSE_STORE, else %s.\n\n"
           "    confuse import frame.csv.gz              prints the id of a snapshot\n"
           "    confuse serve                            exports it over NFS\n"
           "    mount -t nfs HOST:/snap/ID /mnt          on any machine\n\n"
           "Exit codes: 0 done, 1 a negative answer, 2 usage, 3 bad input, 4 store or system error.\n",
           default_store());
}

static void print_help(const struct command *command)
{
    printf("Usage: confuse %s [OPTION]…%s%s\n\n%s.\n\nOptions:\n", command->name, *command->arguments ? " " : "",
           command->arguments, command->summary);
    options_print(command->options);
    options_print(GLOBAL_OPTIONS);
    printf("  -h, --help                   this\n\n%s", command->help);
}

static int fail(const char *command, const struct error *err)
{
    progress_clear();
    fflush(stdout);
    fprintf(stderr, "confuse%s%s: %s\n", command ? " " : "", command ? command : "", err->text);
    return err->code;
}

/* What was printed counts only when it arrived. */
static int finish_output(struct error *err)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    return error_system(err, errno ? errno : EIO, "cannot write to standard output"); /* 0: it failed before */
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(COMMANDS[i]->name, name) == 0)
            return COMMANDS[i];
    return NULL;
}

/* How many arguments options may be among. */
static int count_mixed(const struct command *command, int argc, char **argv)
{
    for (int i = 1; command->keeps_dashes && i < argc; i++)
        if (strcmp(argv[i], "--") == 0)
            return i;
    return argc;
}

static int run_command(const struct command *command, int argc, char **argv)
{
    const struct option_spec *const tables[] = {command->options, GLOBAL_OPTIONS};
    struct error err = {.code = EXIT_SYSTEM};
    bool help = false;
    int mixed = count_mixed(command, argc, argv);
    int first = 0, result = options_parse(&first, &help, tables, false, mixed, argv, &err);

    if (!invocation.store)
        invocation.store = default_store();
    if (result == 0 && help)
        print_help(command);
    else if (result == 0)
        result = command->run(&invocation, argc - first, argv + first, &err);
    progress_clear();
    if (result == -ESTALE) /* tree/reader.h: the tree has nothing to say of it */
        error_refused(&err, ESTALE,
                      "a part of the snapshot is not in the store any more; `confuse fsck` tells of damage");
    /* A sink that could not write has no more to say than this. */
    if (result >= 0 || ferror(stdout))
        result = finish_output(&err) < 0 ? -EIO : result;
    return result < 0 ? fail(command->name, &err) : result;
}

int main(int argc, char **argv)
{
    const struct option_spec *const tables[] = {GLOBAL_OPTIONS, VERSION_OPTION};
    struct error err;
    bool help = false;
    int first = 0;

    if (options_parse(&first, &help, tables, true, argc, argv, &err) < 0)
        return fail(NULL, &err);
    if (version) {
        printf("confuse %s\n", PACKAGE_VERSION);
        return finish_output(&err) < 0 ? fail(NULL, &err) : EXIT_DONE;
    }
    const char *name = first < argc ? argv[first] : NULL;
    if (name && strcmp(name, "help") == 0) {
        help = true;
        name = ++first < argc ? argv[first] : NULL;
    }
    const struct command *command = name ? find_command(name) : NULL;
    if (name && !command) {
        error_usage(&err, "there is no command \"%s\"; confuse --help lists them", name);
        return fail(NULL, &err);
    }
    if (command && !help)
        return run_command(command, argc - first, argv + first);
    if (command)
        print_help(command);
    else
        print_usage();
    if (finish_output(&err) < 0)
        return fail(NULL, &err);
    return help ? EXIT_DONE : EXIT_USAGE;
}
