/* scan.c - `confuse scan`: each distinct content of some snapshots is scanned once, by whoever comes first, for all. */
#include "cli/scan.h"
#include "base/cleanup.h"
#include "cli/command.h"
#include "cli/scan_adapter.h"
#include "cli/scan_place.h"
#include "cli/scan_private.h"
#include "cli/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+=@,~-"
#define SECONDS_MAX 86400 /* a day, for --timeout and --wait */

static struct {
    const char *scanner, *version, *rules, *kind, *key_file, *jobs, *mount, *server, *adapter, *findings_exit, *from,
        *timeout, *wait;
    bool inventory, sarif, all;
} given;

static const struct option_spec OPTIONS[] = {
    {"scanner", 0, OPTION_TEXT, &given.scanner, "NAME", "what the scanner is called"},
    {"version", 0, OPTION_TEXT, &given.version, "V", "and which one it is"},
    {"rules", 0, OPTION_TEXT, &given.rules, "DIGEST", "which rules it has: db27500, a digest of them"},
    {"key", 0, OPTION_TEXT, &given.kind, "KIND", "what it looks at: content, content+name, content+mode+owner+name"},
    {"key-file", 0, OPTION_TEXT, &given.key_file, "F", "sign verdicts with F's bytes, and count only those so signed"},
    {"jobs", 'j', OPTION_TEXT, &given.jobs, "N", "commands at once; as many as there are processors if not given"},
    {"mount", 0, OPTION_TEXT, &given.mount, "DIR", "snapshots and cache of a server whose / is mounted there"},
    {"server", 0, OPTION_TEXT, &given.server, "ADDR[:PORT]", "the same, mounted for this scan; needs root"},
    {"adapter", 0, OPTION_TEXT, &given.adapter, "A",
     "how output is read: clamscan, yara, exit; else by COMMAND's name"},
    {"findings-exit", 0, OPTION_TEXT, &given.findings_exit, "N", "exit status that means findings; 1 if not given"},
    {"inventory", 0, OPTION_FLAG, &given.inventory, NULL, "keep what the command prints of each; nothing is judged"},
    {"from", 0, OPTION_TEXT, &given.from, "KEY", "give the command the inventories of that scanner key to read"},
    {"timeout", 0, OPTION_TEXT, &given.timeout, "S", "seconds for one command; 300 if not given"},
    {"wait", 0, OPTION_TEXT, &given.wait, "S", "seconds to wait for what others have claimed; 900 if not given"},
    {"sarif", 0, OPTION_FLAG, &given.sarif, NULL, "report as SARIF 2.1.0"},
    {"all", 0, OPTION_FLAG, &given.all, NULL, "report what is clean as well"},
    {0},
};

/* --- The command line --------------------------------------------------------------------------------------------- */

static int read_number(unsigned *number, const char *option, const char *text, unsigned least, unsigned most,
                       struct error *err)
{
    char *end;

    if (!text)
        return 0;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || value < least || value > most)
        return error_usage(err, "--%s takes a number from %u to %u", option, least, most);
    *number = (unsigned)value;
    return 0;
}

static int read_secret(struct scan_scanner *scanner, struct error *err)
{
    if (!given.key_file)
        return 0;
    cleanup_close int fd = open(given.key_file, O_RDONLY | O_CLOEXEC);
    uint8_t more;
    ssize_t size = fd < 0 ? -1 : read(fd, scanner->secret, sizeof scanner->secret);
    if (size < 0)
        return error_system(err, errno, "%s", given.key_file);
    if (size < SCAN_SECRET_MIN || (size == SCAN_SECRET_MAX && read(fd, &more, 1) == 1))
        return error_input(err, "%s: a key has %d to %d bytes", given.key_file, SCAN_SECRET_MIN, SCAN_SECRET_MAX);
    scanner->secret_size = (size_t)size;
    return 0;
}

static bool is_key(const char *text)
{
    size_t size = strlen(text);

    return size > 0 && size < SCAN_KEY_SIZE && strspn(text, KEY_CHARACTERS) == size && strspn(text, "._+=@,~-") == 0;
}

/* doc/FORMAT.md, "Verdicts". */
static int make_key(struct scan_scanner *scanner, struct error *err)
{
    int size =
        snprintf(scanner->key, sizeof scanner->key, "%s-%s%s%s%s%s%s%s", scanner->name, scanner->version,
                 given.rules ? "-" : "", given.rules ? given.rules : "", scanner->kind->suffix,
                 scanner->inventory ? "=inventory" : "", scanner->from ? "=" : "", scanner->from ? scanner->from : "");

    if ((size_t)size >= sizeof scanner->key || !is_key(scanner->key))
        return error_usage(err,
                           "scanner, version and rules make the scanner key: letters, digits and ._+=@,~- in at most "
                           "%d bytes, a letter or digit first",
                           SCAN_KEY_SIZE - 1);
    return 0;
}

/* How often the command has a place for files. */
static size_t count_places(struct scan_scanner *scanner)
{
    size_t places = 0;

    for (char **word = scanner->command; *word; word++) {
        bool list = strstr(*word, "{@}"), many = strcmp(*word, "{}+") == 0;
        places += list || many || strcmp(*word, "{}") == 0;
        scanner->lists |= list;
        scanner->batches |= list || many;
    }
    return places;
}

static int check_command(struct scan_scanner *scanner, struct error *err)
{
    size_t places = count_places(scanner);

    if (!scanner->command[0])
        return error_usage(err, "behind -- a command is needed");
    if (scanner->from)
        return places ? error_usage(err, "with --from the command reads standard input: it gets no {}") : 0;
    if (places != 1)
        return error_usage(err, "the command needs one {} (a file), {}+ (many files) or {@} (a list of many files)");
    if (scanner->inventory && scanner->batches)
        return error_usage(err, "an inventory is made of one file: {}");
    return 0;
}

static int read_scanner(struct scan_scanner *scanner, char **command, struct error *err)
{
    unsigned findings_exit = 1;
    int result = read_number(&findings_exit, "findings-exit", given.findings_exit, 1, 255, err);

    *scanner = (struct scan_scanner){.name = given.scanner, .version = given.version, .from = given.from};
    scanner->inventory = given.inventory;
    scanner->command = command;
    scanner->timeout = SCAN_TIMEOUT_SECONDS;
    scanner->waiting = SCAN_WAIT_SECONDS;
    scanner->findings_exit = (int)findings_exit;
    if (!given.scanner || !given.version)
        return error_usage(err, "--scanner and --version are needed: verdicts are kept by them");
    if (given.inventory && given.from)
        return error_usage(err, "--inventory and --from are two steps");
    if (given.from && !is_key(given.from))
        return error_usage(err, "--from takes the scanner key of inventories");
    scanner->kind = scan_kind_find(given.kind ? given.kind : "content");
    if (!scanner->kind)
        return error_usage(err, "--key is content, content+name or content+mode+owner+name");
    if (result == 0)
        result = read_number(&scanner->timeout, "timeout", given.timeout, 1, SECONDS_MAX, err);
    if (result == 0)
        result = read_number(&scanner->waiting, "wait", given.wait, 0, SECONDS_MAX, err);
    if (result == 0)
        result = check_command(scanner, err);
    if (result < 0)
        return result;
    scanner->adapter = given.adapter ? scan_adapter_find(given.adapter) : scan_adapter_for(command[0]);
    if (!scanner->adapter)
        return error_usage(err, "--adapter is clamscan, yara or exit");
    result = make_key(scanner, err);
    return result == 0 ? read_secret(scanner, err) : result;
}

/* --- Where -------------------------------------------------------------------------------------------------------- */

static int find_way(struct scan *scan, struct scan_where *where, const struct invocation *invocation, struct error *err)
{
    if (given.mount && given.server)
        return error_usage(err, "--mount or --server");
    if (given.server && geteuid() != 0)
        return error_refused(err, EPERM, "only root can mount");
    scan->way = given.mount || given.server ? &scan_way_mount : &scan_way_store;
    if (given.server) {
        char at[PATH_MAX];
        if ((size_t)snprintf(at, sizeof at, "%s/mount", where->private) >= sizeof at || mkdir(at, 0700) < 0)
            return error_system(err, errno, "%s", where->private);
        where->directory = strdup(at);
        return where->directory ? scan_server_mount(given.server, at, err) : error_system(err, ENOMEM, "%s", at);
    }
    const char *directory = given.mount ? given.mount : invocation->store;
    where->directory = realpath(directory, NULL);
    return where->directory ? 0 : error_system(err, errno, "%s", directory);
}

/* --- The scan ----------------------------------------------------------------------------------------------------- */

struct collecting {
    struct scan *scan;
    uint32_t snapshot;
    size_t absent;
    struct error *err;
};

static int collect(void *arg, const struct scan_file *file)
{
    struct collecting *c = arg;

    c->absent += file->absent;
    if (progress_due())
        progress_show("%zu contents", c->scan->items.count);
    return file->absent ? 0 : scan_items_add(&c->scan->items, c->scan->scanner->kind, file, c->snapshot, c->err);
}

static int collect_all(struct collecting *c, struct scan_place *place, char **snaps, struct error *err)
{
    struct scan *scan = c->scan;
    int result = scan_items_init(&scan->items, err);

    scan->ids = calloc(scan->id_count, sizeof *scan->ids);
    if (result == 0 && !scan->ids)
        return error_system(err, ENOMEM, "cannot scan");
    for (size_t i = 0; i < scan->id_count && result == 0; i++)
        result = scan->way->resolve(scan->ids[i], place, snaps[i], err);
    for (size_t i = 0; i < scan->id_count && result == 0; i++) {
        c->snapshot = (uint32_t)i;
        result = scan->way->visit(place, scan->ids[i], collect, c, err);
    }
    return result;
}

static void tell_sum(const struct scan *scan, const struct scan_tally *tally, size_t absent)
{
    fprintf(stderr, "%zu contents: %zu known, %zu scanned, %zu by others; %zu found", scan->items.count, tally->known,
            tally->scanned, tally->shared, tally->found);
    if (tally->failed)
        fprintf(stderr, ", %zu without a verdict", tally->failed);
    if (absent)
        fprintf(stderr, "; %zu files whose content is not captured", absent);
    fputc('\n', stderr);
}

static int scan_with(struct scan *scan, struct scan_place *place, char **snaps, bool json, struct error *err)
{
    struct collecting c = {.scan = scan, .err = err};
    struct scan_tally tally;
    int result = collect_all(&c, place, snaps, err);

    if (result == 0)
        result = scan_work(scan, err);
    progress_clear();
    if (result == 0)
        result = scan_report(scan, place, given.sarif ? SCAN_SARIF : json ? SCAN_JSON : SCAN_TABLE, given.all, err);
    if (result < 0)
        return result;
    scan_count(&tally, &scan->items);
    if (!json && !given.sarif)
        tell_sum(scan, &tally, c.absent);
    if (tally.found)
        return EXIT_NEGATIVE;
    return tally.failed ? error_refused(err, ENODATA, "%zu contents have no verdict", tally.failed) : EXIT_DONE;
}

static int scan_in(struct scan *scan, struct scan_where *where, char **snaps, const struct invocation *invocation,
                   struct error *err)
{
    struct scan_place *place = NULL;
    int result = find_way(scan, where, invocation, err);

    scan->where = where;
    if (result < 0)
        return result;
    result = scan->way->open(&place, where, err);
    if (result == 0)
        result = scan_with(scan, place, snaps, invocation->json, err);
    scan->way->close(place);
    return result;
}

static void interrupt(int number)
{
    (void)number;
    atomic_store(&scan_interrupted, true);
}

/* Once: so that claims are given up. Who asks twice ends it at once. */
static void take_signals(void)
{
    static const int ENDING[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action;

    for (size_t i = 0; i < sizeof ENDING / sizeof *ENDING; i++)
        if (sigaction(ENDING[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaction(ENDING[i], &(struct sigaction){.sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND}, NULL);
}

static int run(const struct invocation *invocation, int argc, char **argv, struct error *err)
{
    static struct scan_scanner scanner;
    static struct scan_private private;
    struct scan scan = {.scanner = &scanner};
    struct scan_where where = {0};
    int snaps = 0;

    while (snaps < argc && strcmp(argv[snaps], "--") != 0)
        snaps++;
    if (snaps == 0 || snaps == argc)
        return error_usage(err, "snapshots and a command are needed: confuse scan … SNAP… -- COMMAND {}");
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    scan.jobs = processors < 1 ? 1 : processors > SCAN_JOBS_MAX ? SCAN_JOBS_MAX : (unsigned)processors;
    scan.id_count = (size_t)snaps;
    int result = read_scanner(&scanner, argv + snaps + 1, err);
    if (result == 0)
        result = read_number(&scan.jobs, "jobs", given.jobs, 1, SCAN_JOBS_MAX, err);
    if (result == 0)
        result = scan_private_make(&private, err);
    if (result < 0)
        return result;
    take_signals();
    where.private = private.path;
    where.key = scanner.key;
    where.kind = scanner.kind;
    result = scan_in(&scan, &where, argv, invocation, err);
    scan_private_remove(&private);
    scan_items_free(&scan.items);
    free(scan.ids);
    free(where.directory);
    return result;
}

const struct command command_scan = {
    .name = "scan",
    .arguments = "SNAP… -- COMMAND… {}",
    .summary = "Scan each distinct content of snapshots once, for all nodes, and report per path",
    .help = "A content that has a verdict in the cache is not scanned; one that somebody else is scanning is waited "
            "for. {}\n"
            "is a file, {}+ many of them, {@} a list of many, one a line. Exit status 1: there are findings.\n\n"
            "    confuse scan --scanner clamav --version 1.4.3 --rules db27500 --mount /mnt 3c8928a3 -- \\\n"
            "        clamscan --no-summary {}+\n"
            "    confuse scan --scanner yara --version 4.2.3 --rules r7 prod/web-1@latest -- yara --scan-list "
            "rules.yar {@}\n"
            "    confuse scan --scanner syft --version 1.9 --inventory SNAP -- syft -q {}\n"
            "    confuse scan --scanner grype --version 0.8 --rules db5 --from syft-1.9=inventory SNAP -- ./matches\n",
    .options = OPTIONS,
    .keeps_dashes = true,
    .run = run,
};
