/* load.c - `load [OPTION…] PORT EXPORT [WORKLOAD…]`: work for an NFS server on this machine, and what it cost.
 *
 * The export is walked first, to learn what there is. Then the workloads run one after the other, each for some time,
 * and each prints a line of JSON: calls, bytes, how long it took, and how long the server was on a processor. What is
 * asked for is chosen by a seeded generator, so two servers with the same tree get the same questions.
 *
 *     null getattr lookup access readlink    calls of one kind on random nodes
 *     read64k read1m                         the largest file, from beginning to end and again
 *     small                                  each file up to --small bytes whole, in random order
 *     whole                                  the same of each file but the largest
 *     walk nulls                             one call at a time: the tree by READDIRPLUS, and as many NULLs
 *     list                                   one call at a time: the export's own directory
 *     mkdir                                  the directory --path in the export
 *     verdicts                               pairs of a CREATE and a FILE_SYNC WRITE of 200 bytes in the export itself
 *     touch                                  one call at a time: MNT, GETATTR, LOOKUPs along --path
 *     hold                                   connections (--silent) that ask for READs and take no reply
 *
 * For walk and list, EXPORT can be @FILE: a list of exports, one a line. --wait: until the server is there.
 */
#include "bench/process.h"
#include "bench/workloads.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { WALKED_MAX = 1 << 24 };

static struct {
    uint16_t port, mount_port, learn_port;
    const char *export, *learn_export, *label, *path;
    unsigned connections, depth, silent;
    double seconds;
    uint64_t seed, small;
    pid_t pid;
    bool verify, latencies, wait;
} given = {.connections = 4, .depth = 16, .seconds = 0.5, .small = 65536, .seed = 1, .label = "", .path = ""};

/* Since a time, what the server was on a processor, and this program. */
struct meter {
    uint64_t cpu_ns, own_ns;
};

static struct meter meter_read(void)
{
    const struct timespec moment = {.tv_nsec = 2000000}; /* until the server sleeps */
    struct timespec own;
    struct meter meter = {0};

    nanosleep(&moment, NULL);
    if (given.pid)
        meter.cpu_ns = process_cpu_ns(given.pid);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
    meter.own_ns = (uint64_t)own.tv_sec * 1000000000u + (uint64_t)own.tv_nsec;
    return meter;
}

static void print_begin(const char *workload)
{
    printf("{\"server\":\"%s\",\"workload\":\"%s\"", given.label, workload);
}

static void print_number(const char *name, uint64_t value)
{
    printf(",\"%s\":%" PRIu64, name, value);
}

static void print_end(struct meter before)
{
    struct meter after = meter_read();

    if (given.pid) {
        print_number("cpu_ns", after.cpu_ns - before.cpu_ns);
        print_number("rss_kib", process_rss_kib(given.pid));
        print_number("anonymous_kib", process_anonymous_kib(given.pid));
        print_number("peak_kib", process_peak_kib(given.pid));
    }
    print_number("client_ns", after.own_ns - before.own_ns);
    puts("}");
    fflush(stdout);
}

static struct choice begin(const struct workload *workload, const struct tree *tree)
{
    struct choice choice = {
        .tree = tree, .state = given.seed, .small = given.small, .exact = !given.learn_port, .verify = given.verify};

    workload_begin(&choice, workload);
    return choice;
}

static void run_pipelined(const struct workload *workload, const struct tree *tree)
{
    struct choice choice = begin(workload, tree);
    const struct traffic traffic = {workload->procedure, workload->then, workload->make, workload->check, &choice};
    const struct pipeline_options options = {.port = given.port,
                                             .connections = given.connections,
                                             .depth = given.depth,
                                             .silent = given.silent,
                                             .seconds = given.verify ? 1e6 : given.seconds,
                                             .latencies = given.latencies};
    struct pipeline *pipeline = pipeline_open(&options);
    struct meter before = meter_read();
    struct pipeline_result result = pipeline_run(pipeline, &traffic);

    print_begin(workload->name);
    print_number("calls", result.calls);
    print_number("data", result.data);
    print_number("wall_ns", result.wall_ns);
    if (choice.made)
        print_number("made", choice.made);
    if (given.latencies) {
        print_number("p50_ns", result.p50_ns);
        print_number("p99_ns", result.p99_ns);
        print_number("max_ns", result.max_ns);
    }
    if (given.verify)
        print_number("hash", choice.hash);
    print_end(before);
    pipeline_close(pipeline);
    free(choice.nodes);
}

/* Nobody reads what those that are silent have asked for. */
static void hold(const struct tree *tree)
{
    const struct workload *workload = workload_find("read1m");
    struct choice choice = begin(workload, tree);
    const struct traffic traffic = {workload->procedure, workload->then, workload->make, workload->check, &choice};
    const struct pipeline_options options = {
        .port = given.port, .depth = given.depth, .silent = given.silent, .seconds = given.seconds};
    struct pipeline *pipeline = pipeline_open(&options);

    pipeline_run(pipeline, &traffic);
    pipeline_close(pipeline);
    free(choice.nodes);
}

/* --- One call at a time ------------------------------------------------------------------------------------------- */

struct walk {
    struct handle *queue;
    size_t count, room;
    uint64_t entries, first_ns;
    bool deep;
};

/* Over the same connection, unless the server has another port for it. */
static void mount_export(struct handle *root, struct serial *serial, const char *export)
{
    struct serial other;

    if (!given.mount_port) {
        serial_mount(root, serial, export);
        return;
    }
    serial_open(&other, given.mount_port);
    serial_mount(root, &other, export);
    serial_close(&other);
}

static void walk_add(struct walk *walk, const struct handle *directory)
{
    if (walk->count == walk->room) {
        walk->room = walk->room ? walk->room * 2 : 1024;
        walk->queue = realloc(walk->queue, walk->room * sizeof *walk->queue);
        if (!walk->queue || walk->room > WALKED_MAX)
            die("too many directories");
    }
    walk->queue[walk->count++] = *directory;
}

static int walk_visit(void *arg, const struct listed *entry)
{
    struct walk *walk = arg;

    if (walk->entries++ == 0)
        walk->first_ns = now_ns();
    if (walk->deep && entry->attributes && get32(entry->attributes) == TYPE_DIRECTORY && entry->handle.size)
        walk_add(walk, &entry->handle);
    return 0;
}

/* The export, or those that a file names. */
static void walk_mount(struct walk *walk, struct serial *serial)
{
    struct handle root;
    char line[256];

    if (given.export[0] != '@') {
        mount_export(&root, serial, given.export);
        walk_add(walk, &root);
        return;
    }
    FILE *file = fopen(given.export + 1, "r");
    if (!file)
        die("%s cannot be read", given.export + 1);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        mount_export(&root, serial, line);
        walk_add(walk, &root);
    }
    fclose(file);
}

static void print_serial(const struct serial *serial, const struct serial *before, uint64_t began)
{
    print_number("calls", serial->calls - before->calls);
    print_number("data", serial->bytes - before->bytes);
    print_number("wall_ns", now_ns() - began);
}

/* Directories below directories, or the exports' own alone. Returns how many calls that took. */
static uint64_t walk(struct serial *serial, const char *name, bool deep)
{
    struct walk walk = {.deep = deep};

    walk_mount(&walk, serial);
    struct meter meter = meter_read();
    struct serial before = *serial;
    uint64_t began = now_ns();
    for (size_t i = 0; i < walk.count; i++) {
        struct handle directory = walk.queue[i]; /* the queue moves while it grows */

        serial_list(serial, &directory, walk_visit, &walk);
    }
    print_begin(name);
    print_serial(serial, &before, began);
    print_number("entries", walk.entries);
    print_number("first_ns", walk.first_ns ? walk.first_ns - began : 0);
    print_end(meter);
    free(walk.queue);
    return serial->calls - before.calls;
}

static void nulls(struct serial *serial, uint64_t calls)
{
    struct meter meter = meter_read();
    struct serial before = *serial;
    uint64_t began = now_ns();

    while (calls--)
        serial_null(serial);
    print_begin("nulls");
    print_serial(serial, &before, began);
    print_end(meter);
}

static void touch(struct serial *serial)
{
    uint8_t attributes[FATTR_SIZE];
    struct meter meter = meter_read();
    struct serial before = *serial;
    uint64_t began = now_ns();
    struct handle handle;

    mount_export(&handle, serial, given.export);
    serial_getattr(attributes, serial, &handle);
    for (const char *at = given.path; *at;) {
        uint32_t size = (uint32_t)strcspn(at, "/");
        struct handle directory = handle;

        if (size && !serial_lookup(&handle, serial, &directory, at, size))
            die("%s: there is no %.*s", given.path, (int)size, at);
        at += at[size] ? size + 1 : size;
    }
    print_begin("touch");
    print_serial(serial, &before, began);
    print_end(meter);
}

static void make_directory(struct serial *serial)
{
    struct handle root;

    mount_export(&root, serial, given.export);
    serial_mkdir(serial, &root, given.path);
}

/* True: it is one of those. */
static bool run_serial(const char *name)
{
    static uint64_t walked = 1000; /* calls of the last walk */
    struct serial serial;

    if (strcmp(name, "walk") != 0 && strcmp(name, "nulls") != 0 && strcmp(name, "list") != 0 &&
        strcmp(name, "touch") != 0 && strcmp(name, "mkdir") != 0)
        return false;
    serial_open(&serial, given.port);
    if (strcmp(name, "mkdir") == 0)
        make_directory(&serial);
    else if (strcmp(name, "touch") == 0)
        touch(&serial);
    else if (strcmp(name, "nulls") == 0)
        nulls(&serial, walked);
    else
        walked = walk(&serial, name, strcmp(name, "walk") == 0);
    serial_close(&serial);
    return true;
}

/* --- Options ------------------------------------------------------------------------------------------------------ */

/* Learned once, when the first workload needs it. */
static const struct tree *learned(void)
{
    static struct tree tree;
    struct serial serial;
    struct handle root;

    if (tree.count)
        return &tree;
    serial_open(&serial, given.learn_port ? given.learn_port : given.port);
    mount_export(&root, &serial, given.learn_port ? given.learn_export : given.export);
    tree_learn(&tree, &serial, &root);
    serial_close(&serial);
    return &tree;
}

static void run(const char *name)
{
    if (strcmp(name, "hold") == 0)
        hold(learned());
    else if (!run_serial(name))
        run_pipelined(workload_find(name), learned());
}

static void usage(void)
{
    fputs("usage: load [--connections N] [--depth N] [--silent N] [--seconds S] [--seed N] [--small BYTES] [--path "
          "PATH]\n"
          "            [--learn PORT,EXPORT] [--mount-port N] [--pid PID] [--label TEXT] [--latencies] [--verify] "
          "[--wait] PORT "
          "EXPORT "
          "WORKLOAD...\n",
          stderr);
    exit(2);
}

static void take_learn(char *text)
{
    char *comma = strchr(text, ',');

    if (!comma)
        usage();
    given.learn_port = (uint16_t)atoi(text);
    given.learn_export = comma + 1;
}

static void take_options(int argc, char **argv)
{
    static const struct option options[] = {
        {"connections", required_argument, NULL, 'c'},
        {"depth", required_argument, NULL, 'd'},
        {"silent", required_argument, NULL, 'q'},
        {"seconds", required_argument, NULL, 's'},
        {"seed", required_argument, NULL, 'r'},
        {"small", required_argument, NULL, 'm'},
        {"path", required_argument, NULL, 'a'},
        {"learn", required_argument, NULL, 'l'},
        {"pid", required_argument, NULL, 'p'},
        {"label", required_argument, NULL, 'n'},
        {"latencies", no_argument, NULL, 't'},
        {"verify", no_argument, NULL, 'v'},
        {"wait", no_argument, NULL, 'w'},
        {"mount-port", required_argument, NULL, 'o'},
        {0},
    };

    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (o) {
        case 'c':
            given.connections = (unsigned)atoi(optarg);
            break;
        case 'd':
            given.depth = (unsigned)atoi(optarg);
            break;
        case 'q':
            given.silent = (unsigned)atoi(optarg);
            break;
        case 's':
            given.seconds = atof(optarg);
            break;
        case 'r':
            given.seed = strtoull(optarg, NULL, 10);
            break;
        case 'm':
            given.small = strtoull(optarg, NULL, 10);
            break;
        case 'a':
            given.path = optarg;
            break;
        case 'l':
            take_learn(optarg);
            break;
        case 'p':
            given.pid = atoi(optarg);
            break;
        case 'n':
            given.label = optarg;
            break;
        case 't':
            given.latencies = true;
            break;
        case 'o':
            given.mount_port = (uint16_t)atoi(optarg);
            break;
        case 'w':
            given.wait = true;
            break;
        case 'v':
            given.verify = true;
            break;
        default:
            usage();
        }
    }
    if (argc - optind < 2 || given.connections < 1 || given.depth < 1)
        usage();
}

int main(int argc, char **argv)
{
    struct rlimit files;

    take_options(argc, argv);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    given.port = (uint16_t)atoi(argv[optind]);
    given.export = argv[optind + 1];
    if (given.wait)
        wait_for(given.port);
    for (int i = optind + 2; i < argc; i++)
        run(argv[i]);
    return 0;
}
