/* load.c - `load [OPTION…] PORT EXPORT [WORKLOAD…]`: work for an NFS server on this machine, and what it cost.
 *
 * The export is walked first, to learn what there is. Then the workloads run one after the other, each for some time,
 * and each prints a line of JSON: calls, bytes, how long it took, and how long the server was on a processor. What is
 * asked for is chosen by a seeded generator, so two servers with the same tree get the same questions.
 *
 *     null getattr lookup access readlink    calls of one kind on random nodes
 *     read64k read1m                         the largest file, from beginning to end and again
 *     small whole                            each file up to --small bytes, or each but the largest, whole, in random
 * order walk nulls                             one call at a time: the tree by READDIRPLUS, and as many NULLs list one
 * call at a time: the export's own directory; time to the first entry touch                                  one call
 * at a time: MNT, GETATTR, and LOOKUPs along --path
 */
#include "bench/pipeline.h"
#include "bench/process.h"

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

/* What a workload chooses from, and how far it is. */
struct choice {
    const struct tree *tree;
    const struct node **nodes;
    size_t count, at;
    uint32_t read_size;
    uint64_t offset;
    uint64_t state; /* of the generator */
    uint64_t hash;  /* --verify: of all data, in any order */
    bool whole;     /* each node to its end, then the next one in a new random order */
    bool exact;     /* the tree was learned from this very server */
};

/* SplitMix64: reproducible everywhere. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

/* --- Making calls ------------------------------------------------------------------------------------------------- */

static const struct node *choose(struct choice *choice)
{
    return choice->nodes[(next_random(&choice->state) >> 32) * choice->count >> 32];
}

static uint8_t *put_handle(uint8_t *p, const struct handle *handle)
{
    return put_opaque(p, handle->bytes, handle->size);
}

static uint8_t *make_null(uint8_t *p, struct about *about, void *arg)
{
    (void)about;
    (void)arg;
    return p;
}

static uint8_t *make_of_node(uint8_t *p, struct about *about, void *arg)
{
    about->node = choose(arg);
    return put_handle(p, &about->node->handle);
}

static uint8_t *make_access(uint8_t *p, struct about *about, void *arg)
{
    return put32(make_of_node(p, about, arg), 0x3f);
}

static uint8_t *make_lookup(uint8_t *p, struct about *about, void *arg)
{
    struct choice *choice = arg;
    const struct tree *tree = choice->tree;

    about->node = choose(choice);
    p = put_handle(p, &tree->nodes[about->node->parent].handle);
    return put_opaque(p, tree->names + about->node->name, about->node->name_size);
}

static void shuffle(struct choice *choice)
{
    for (size_t i = choice->count; i > 1; i--) {
        size_t j = (next_random(&choice->state) >> 32) * i >> 32;
        const struct node *node = choice->nodes[i - 1];

        choice->nodes[i - 1] = choice->nodes[j];
        choice->nodes[j] = node;
    }
}

/* On to the next file, or the next round; false at the end of a --verify. */
static bool advance(struct choice *choice)
{
    choice->offset = 0;
    if (++choice->at < choice->count)
        return true;
    if (given.verify)
        return false;
    choice->at = 0;
    if (choice->whole)
        shuffle(choice);
    return true;
}

/* A READ asks for what there is, so that a server that looks nothing up can answer it. */
static uint8_t *make_read(uint8_t *p, struct about *about, void *arg)
{
    struct choice *choice = arg;

    if (choice->at == choice->count)
        return NULL;
    about->node = choice->nodes[choice->at];
    about->offset = choice->offset;
    uint64_t left = node_size(about->node) - choice->offset;
    about->count = left < choice->read_size ? (uint32_t)left : choice->read_size;
    choice->offset += about->count;
    if (choice->offset == node_size(about->node) && !advance(choice))
        choice->at = choice->count;
    return put32(put64(put_handle(p, &about->node->handle), about->offset), about->count);
}

/* --- Checking replies --------------------------------------------------------------------------------------------- */

static void need(bool right, const char *what)
{
    if (!right)
        die("%s: a wrong reply", what);
}

/* All attributes but nlink, used and times: a server on a live file system may answer other ones in a listing. */
static void check_attributes(const uint8_t *attributes, const struct node *node, const struct choice *choice)
{
    if (choice->exact)
        need(get32(attributes) == node_type(node) && get64(attributes + 20) == node_size(node) &&
                 memcmp(attributes + 52, node->attributes + 52, 8) == 0,
             "attributes");
}

static uint64_t check_null(const uint8_t *result, size_t size, const struct about *about, void *arg)
{
    (void)result;
    (void)about;
    (void)arg;
    need(size == 0, "NULL");
    return 0;
}

static uint64_t check_getattr(const uint8_t *result, size_t size, const struct about *about, void *arg)
{
    need(size == 4 + FATTR_SIZE && get32(result) == 0, "GETATTR");
    check_attributes(result + 4, about->node, arg);
    return 0;
}

static uint64_t check_access(const uint8_t *result, size_t size, const struct about *about, void *arg)
{
    need(size == 12 + FATTR_SIZE && get32(result) == 0 && get32(result + 4) == 1, "ACCESS");
    check_attributes(result + 8, about->node, arg);
    return 0;
}

static uint64_t check_lookup(const uint8_t *result, size_t size, const struct about *about, void *arg)
{
    const struct choice *choice = arg;
    uint32_t handle = size < 8 ? HANDLE_MAX : get32(result + 4);

    need(size == 16 + padded(handle) + 2 * FATTR_SIZE && get32(result) == 0, "LOOKUP");
    need(!choice->exact ||
             (handle == about->node->handle.size && memcmp(result + 8, about->node->handle.bytes, handle) == 0),
         "LOOKUP");
    check_attributes(result + 12 + padded(handle), about->node, choice);
    return 0;
}

static uint64_t check_readlink(const uint8_t *result, size_t size, const struct about *about, void *arg)
{
    const struct choice *choice = arg;

    need(size >= 12 + FATTR_SIZE && get32(result) == 0 && get32(result + 4) == 1, "READLINK");
    uint32_t target = get32(result + 8 + FATTR_SIZE);
    need(size == 12 + FATTR_SIZE + padded(target) && (!choice->exact || target == node_size(about->node)), "READLINK");
    return target;
}

static uint64_t check_read(const uint8_t *result, size_t size, const struct about *about, void *arg)
{
    struct choice *choice = arg;
    const uint8_t *p = result + 8 + FATTR_SIZE;

    need(size >= 20 + FATTR_SIZE && get32(result) == 0 && get32(result + 4) == 1, "READ");
    need(get32(p) == about->count && get32(p + 8) == about->count && size == 20 + FATTR_SIZE + padded(about->count),
         "READ");
    need(!choice->exact || get32(p + 4) == (about->offset + about->count == node_size(about->node)), "READ");
    if (given.verify)
        choice->hash += hash_more(about->node->path_hash + about->offset, p + 12, about->count);
    return about->count;
}

/* --- Workloads ---------------------------------------------------------------------------------------------------- */

static bool is_any(const struct node *node)
{
    (void)node;
    return true;
}

static bool is_link(const struct node *node)
{
    return node_type(node) == TYPE_LINK;
}

static bool is_file(const struct node *node)
{
    return node_type(node) == TYPE_FILE && node_size(node) > 0;
}

static bool is_small(const struct node *node)
{
    return is_file(node) && node_size(node) <= given.small;
}

static const struct workload {
    const char *name;
    uint32_t procedure;
    bool (*takes)(const struct node *node);
    uint8_t *(*make)(uint8_t *p, struct about *about, void *arg);
    uint64_t (*check)(const uint8_t *result, size_t size, const struct about *about, void *arg);
    uint32_t read_size;
    enum { NOT_LARGEST = 1, LARGEST_ALONE, LOOKED_UP } which;
    bool whole;
} workloads[] = {
    {.name = "null", .procedure = NFS_NULL, .takes = is_any, .make = make_null, .check = check_null},
    {.name = "getattr", .procedure = NFS_GETATTR, .takes = is_any, .make = make_of_node, .check = check_getattr},
    {.name = "lookup",
     .procedure = NFS_LOOKUP,
     .takes = is_any,
     .make = make_lookup,
     .check = check_lookup,
     .which = LOOKED_UP},
    {.name = "access", .procedure = NFS_ACCESS, .takes = is_any, .make = make_access, .check = check_access},
    {.name = "readlink", .procedure = NFS_READLINK, .takes = is_link, .make = make_of_node, .check = check_readlink},
    {.name = "read64k",
     .procedure = NFS_READ,
     .takes = is_file,
     .make = make_read,
     .check = check_read,
     .read_size = 65536,
     .which = LARGEST_ALONE},
    {.name = "read1m",
     .procedure = NFS_READ,
     .takes = is_file,
     .make = make_read,
     .check = check_read,
     .read_size = READ_MAX,
     .which = LARGEST_ALONE},
    {.name = "small",
     .procedure = NFS_READ,
     .takes = is_small,
     .make = make_read,
     .check = check_read,
     .read_size = READ_MAX,
     .whole = true},
    {.name = "whole",
     .procedure = NFS_READ,
     .takes = is_file,
     .make = make_read,
     .check = check_read,
     .read_size = READ_MAX,
     .which = NOT_LARGEST,
     .whole = true},
};

static const struct workload *find_workload(const char *name)
{
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++)
        if (strcmp(workloads[i].name, name) == 0)
            return &workloads[i];
    die("there is no workload %s", name);
}

static const struct node *largest_file(const struct tree *tree)
{
    const struct node *largest = NULL;

    for (size_t i = 0; i < tree->count; i++)
        if (is_file(&tree->nodes[i]) && (!largest || node_size(&tree->nodes[i]) > node_size(largest)))
            largest = &tree->nodes[i];
    return largest;
}

static void gather(struct choice *choice, const struct workload *workload)
{
    const struct tree *tree = choice->tree;
    const struct node *largest = largest_file(tree);

    choice->nodes = calloc(tree->count, sizeof *choice->nodes);
    if (!choice->nodes)
        die("out of memory");
    for (size_t i = workload->which == LOOKED_UP; i < tree->count; i++) {
        const struct node *node = &tree->nodes[i];
        bool wanted =
            workload->which == LARGEST_ALONE ? node == largest : workload->which != NOT_LARGEST || node != largest;

        if (wanted && workload->takes(node))
            choice->nodes[choice->count++] = node;
    }
    if (choice->count == 0)
        die("%s: the export has nothing for it", workload->name);
}

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

static void run_pipelined(const struct workload *workload, const struct tree *tree)
{
    struct choice choice = {.tree = tree,
                            .state = given.seed,
                            .read_size = workload->read_size,
                            .whole = workload->whole,
                            .exact = !given.learn_port};
    const struct traffic traffic = {workload->procedure, workload->make, workload->check, &choice};
    const struct pipeline_options options = {
        given.port, given.connections, given.depth, given.silent, given.verify ? 1e6 : given.seconds, given.latencies};

    gather(&choice, workload);
    if (workload->whole)
        shuffle(&choice);
    struct pipeline *pipeline = pipeline_open(&options);
    struct meter before = meter_read();
    struct pipeline_result result = pipeline_run(pipeline, &traffic);
    print_begin(workload->name);
    print_number("calls", result.calls);
    print_number("data", result.data);
    print_number("wall_ns", result.wall_ns);
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
    struct choice choice = {.tree = tree, .state = given.seed, .read_size = READ_MAX};
    const struct traffic traffic = {NFS_READ, make_read, check_read, &choice};
    const struct pipeline_options options = {
        .port = given.port, .depth = given.depth, .silent = given.silent, .seconds = given.seconds};

    gather(&choice, find_workload("read1m"));
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

/* True: it is one of those. */
static bool run_serial(const char *name)
{
    static uint64_t walked = 1000; /* calls of the last walk */
    struct serial serial;

    if (strcmp(name, "walk") != 0 && strcmp(name, "nulls") != 0 && strcmp(name, "list") != 0 &&
        strcmp(name, "touch") != 0)
        return false;
    serial_open(&serial, given.port);
    if (strcmp(name, "touch") == 0)
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
        run_pipelined(find_workload(name), learned());
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
