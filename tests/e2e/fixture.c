/* fixture.c - see fixture.h. */
#include "tests/e2e/fixture.h"

#include "base/cleanup.h"
#include "base/digest.h"
#include "db/blob.h"
#include "db/cut.h"
#include "db/image.h"
#include "db/store.h"
#include "import/builder.h"
#include "mountd/program.h"
#include "nfsd/export.h"
#include "nfsd/program.h"
#include "nfsd/verdict_writer.h"
#include "nfsd/worker.h"
#include "rpc/server.h"
#include "tests/unit/scratch.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cmocka.h>

/* libtirpc's xdr_opaque() throws padding into one static array that all threads write and nobody reads. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:libtirpc.so";
}

static struct error err;

static void ok(int result)
{
    if (result < 0)
        fail_msg("%d: %s", result, err.text);
}

const char *fixture_path(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", scratch_make(), name);
    return path;
}

/* --- The snapshot ------------------------------------------------------------------------------------------------- */

static const struct {
    const char *path, *text; /* content, or a link's target */
    uint32_t mode, uid, gid;
    uint32_t major, minor;
    uint32_t flags;
    uint64_t size; /* of absent content */
} files[] = {
    {.path = "/", .mode = S_IFDIR | 0755},
    {.path = "/absent", .mode = S_IFREG | 0755, .flags = ENTRY_ABSENT, .size = FIXTURE_ABSENT},
    {.path = "/absent-link", .mode = S_IFLNK | 0777, .flags = ENTRY_ABSENT},
    {.path = "/dev", .mode = S_IFDIR | 0755},
    {.path = "/dev/fifo", .mode = S_IFIFO | 0600},
    {.path = "/dev/null", .mode = S_IFCHR | 0666, .major = 1, .minor = 3},
    {.path = "/dev/sda", .mode = S_IFBLK | 0660, .gid = 6, .major = 8},
    {.path = "/dev/sock", .mode = S_IFSOCK | 0755},
    {.path = "/empty", .mode = S_IFDIR | 0755},
    {.path = "/etc", .mode = S_IFDIR | 0755},
    {.path = "/etc/nothing", .mode = S_IFREG | 0644, .text = ""},
    {.path = "/etc/passwd", .mode = S_IFREG | 0644, .text = "root:x:0:0:root:/root:/bin/sh\n"},
    {.path = "/etc/shadow", .mode = S_IFREG | 0640, .gid = 42, .text = "root:*:1::::::\n"},
    {.path = "/home", .mode = S_IFDIR | 0700, .uid = FIXTURE_USER, .gid = FIXTURE_USER},
    {.path = "/home/mine", .mode = S_IFREG | 0200, .uid = FIXTURE_USER, .gid = FIXTURE_USER, .text = "mine"},
    {.path = "/link", .mode = S_IFLNK | 0777, .text = "etc/passwd"},
    {.path = "/linked", .mode = S_IFDIR | 0755},
    {.path = "/linked/a", .mode = S_IFREG | 0644, .text = "linked"},
    {.path = "/linked/alone", .mode = S_IFREG | 0644, .text = "linked"},
    {.path = "/linked/b", .mode = S_IFREG | 0644, .text = "linked"},
    {.path = "/linked/s", .mode = S_IFLNK | 0777, .text = "a"},
    {.path = "/linked/sub", .mode = S_IFDIR | 0755},
    {.path = "/linked/sub/c", .mode = S_IFREG | 0644, .text = "linked"},
    {.path = "/linked/t", .mode = S_IFLNK | 0777, .text = "a"},
    {.path = "/listed", .mode = S_IFDIR | 0744},
    {.path = "/listed/inside", .mode = S_IFREG | 0644, .text = "in"},
    {.path = "/many", .mode = S_IFDIR | 0755},
    {.path = "/program", .mode = S_IFREG | S_ISUID | 0711, .text = "#!"},
    {.path = "/searched", .mode = S_IFDIR | 0711},
    {.path = "/searched/inside", .mode = S_IFREG | 0644, .text = "in"},
};

static void add(struct builder *b, const char *path, const struct entry *entry)
{
    ok(builder_add(b, path, strlen(path), entry, NULL, 0, &err));
}

static int no_conflict(void *arg, enum builder_conflict conflict, const char *path, size_t size, uint64_t tag,
                       struct error *e)
{
    (void)arg, (void)conflict, (void)tag, (void)e;
    fail_msg("conflict at %.*s", (int)size, path);
    return 0;
}

static void add_pattern(struct builder *b, struct store *store, const char *path, size_t size)
{
    cleanup_free uint8_t *bytes = malloc(size);

    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = fixture_byte(i);
    scratch_set_content(b, store, path, bytes, size);
}

static void add_everything(struct builder *b, struct store *store)
{
    const struct entry plain = {.mode = S_IFREG | 0644, .mtime = FIXTURE_MTIME};
    char path[512] = "/";

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct entry entry = {.mode = files[i].mode,
                              .uid = files[i].uid,
                              .gid = files[i].gid,
                              .rdev_major = files[i].major,
                              .rdev_minor = files[i].minor,
                              .flags = files[i].flags,
                              .size = files[i].size,
                              .mtime = FIXTURE_MTIME};
        if (S_ISLNK(entry.mode) && files[i].text) {
            entry.target = files[i].text;
            entry.target_size = (uint16_t)strlen(files[i].text);
            entry.size = entry.target_size;
        }
        add(b, files[i].path, &entry);
    }
    add(b, "/big", &plain);
    add(b, "/small", &plain);
    memset(path + 1, 'n', ENTRY_NAME_MAX);
    add(b, path, &plain);
    for (unsigned i = 0; i < FIXTURE_MANY; i++) {
        snprintf(path, sizeof path, "/many/f%05u", i);
        add(b, path, &plain);
    }
    ok(builder_settle(b, no_conflict, NULL, &err));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (S_ISREG(files[i].mode) && files[i].text)
            scratch_set_content(b, store, files[i].path, files[i].text, strlen(files[i].text));
    for (unsigned i = 0; i < FIXTURE_MANY; i++) {
        snprintf(path, sizeof path, "/many/f%05u", i);
        scratch_set_content(b, store, path, path, strlen(path));
    }
    memset(path + 1, 'n', ENTRY_NAME_MAX);
    path[1 + ENTRY_NAME_MAX] = '\0';
    scratch_set_content(b, store, path, "long", 4);
    add_pattern(b, store, "/big", FIXTURE_BIG);
    add_pattern(b, store, "/small", FIXTURE_SMALL);
}

/* Names that are one file, and one that is nowhere. */
static void add_links(struct node_ref *links, struct store *store)
{
    static const char files_paths[] = "linked/a\0linked/b\0linked/sub/c\0linked/nowhere";
    static const char links_paths[] = "linked/s\0linked/t";
    struct cutter *cutter;

    ok(cutter_new(&cutter, store, NODE_LINKS, &err));
    ok(cutter_add_group(cutter, &(struct link_group){files_paths, sizeof files_paths, 4}, &err));
    ok(cutter_add_group(cutter, &(struct link_group){links_paths, sizeof links_paths, 2}, &err));
    ok(cutter_finish(links, cutter, &err));
    cutter_free(cutter);
}

/* `links` NULL: those of the builder, which has none. */
static void publish(char hex[SNAPSHOT_ID_HEX_SIZE], struct store *store, struct builder *b, const char *namespace,
                    const struct node_ref *links)
{
    struct snapshot snapshot = {.namespace = namespace, .time = FIXTURE_MTIME, .format = "dir"};
    bool is_new;

    ok(builder_write(&snapshot.root, &snapshot.links, b, store, &err));
    if (links)
        snapshot.links = *links;
    ok(node_empty(&snapshot.features, store, NODE_FEATURES, &err));
    ok(snapshot_publish(&is_new, &snapshot, store, &err));
    assert_true(is_new);
    hex_encode(hex, snapshot.id, SNAPSHOT_ID_SIZE);
}

const char *fixture_publish(const char *path)
{
    static char hex[SNAPSHOT_ID_HEX_SIZE];
    struct builder *b = builder_new(BUILDER_RECORDS, "/tmp");
    struct node_ref links;
    struct store *store;

    ok(store_open(&store, path, STORE_CREATE, &err));
    add_everything(b, store);
    add_links(&links, store);
    publish(hex, store, b, "test/everything", &links);
    builder_free(b);
    store_close(store);
    return hex;
}

void fixture_publish_empty(const char *path, unsigned count)
{
    static unsigned number;
    const struct entry root = {.mode = S_IFDIR | 0755};
    char hex[SNAPSHOT_ID_HEX_SIZE], namespace[32];
    struct store *store;

    ok(store_open(&store, path, STORE_CREATE, &err));
    for (unsigned i = 0; i < count; i++) {
        struct builder *b = builder_new(BUILDER_RECORDS, "/tmp");

        add(b, "/", &root);
        ok(builder_settle(b, no_conflict, NULL, &err));
        snprintf(namespace, sizeof namespace, "test/empty-%u", number++);
        publish(hex, store, b, namespace, NULL);
        builder_free(b);
    }
    store_close(store);
}

/* --- Images ------------------------------------------------------------------------------------------------------- */

#define L FIXTURE_IN_LAYER
#define C FIXTURE_IN_CHAIN
const struct fixture_path fixture_image_paths[] = {
    {"/.wh.gone", "", L(1)},
    {"/bin", NULL, L(0) | L(2) | C(0) | C(1) | C(2)},
    {"/bin/.wh.b", "", L(2)},
    {"/bin/a", "tool", L(0) | C(0) | C(1) | C(2)},
    {"/bin/b", "tool", L(0) | C(0) | C(1)},
    {"/etc", NULL, L(0) | L(1) | C(0) | C(1) | C(2)},
    {"/etc/os-release", "one", L(0) | C(0)},
    {"/etc/os-release", "two", L(1) | C(1) | C(2)},
    {"/gone", "gone", L(0) | C(0)},
    {"/opt", NULL, L(2) | C(2)},
    {"/opt/program", "program", L(2) | C(2)},
    {NULL, NULL, 0},
};
#undef L
#undef C

static void add_path(struct builder *b, const struct fixture_path *path)
{
    const struct entry entry = {.mode = path->text ? S_IFREG | 0644 : S_IFDIR | 0755, .mtime = FIXTURE_MTIME};

    add(b, path->path, &entry);
}

/* The tree of all paths that are in one layer or chain. */
static void build(struct node_ref *root, struct node_ref *links, struct store *store, unsigned in)
{
    const struct entry slash = {.mode = S_IFDIR | 0755, .mtime = FIXTURE_MTIME};
    struct builder *b = builder_new(BUILDER_RECORDS, "/tmp");

    add(b, "/", &slash);
    for (const struct fixture_path *path = fixture_image_paths; path->path; path++)
        if (path->in & in)
            add_path(b, path);
    ok(builder_settle(b, no_conflict, NULL, &err));
    for (const struct fixture_path *path = fixture_image_paths; path->path; path++)
        if (path->in & in && path->text)
            scratch_set_content(b, store, path->path, path->text, strlen(path->text));
    ok(builder_write(root, links, b, store, &err));
    builder_free(b);
}

static void link_tools(struct node_ref *links, struct store *store)
{
    static const char paths[] = "bin/a\0bin/b";
    struct cutter *cutter;

    ok(cutter_new(&cutter, store, NODE_LINKS, &err));
    ok(cutter_add_group(cutter, &(struct link_group){paths, sizeof paths, 2}, &err));
    ok(cutter_finish(links, cutter, &err));
    cutter_free(cutter);
}

static void digest_text(struct digest *digest, const char *text)
{
    struct sha256 *sha = sha256_new();

    assert_non_null(sha);
    sha256_of(digest, sha, text, strlen(text));
    sha256_free(sha);
}

static void commit_image(struct snapshot *snapshot, struct store *store, struct layer *alone, struct layer *chain,
                         size_t count, const char *config)
{
    struct image image = {.chain = chain[count - 1].digest};
    struct digest digest;
    bool is_new;

    ok(blob_put(&image.config_blob, &image.config, store, config, strlen(config), &err));
    ok(blob_put(&image.layers_blob, &digest, store, FIXTURE_LAYERS_JSON, strlen(FIXTURE_LAYERS_JSON), &err));
    snapshot->time = FIXTURE_MTIME;
    snapshot->format = "oci";
    snapshot->has_source = true;
    snapshot->source = image.config;
    snapshot->root = chain[count - 1].root;
    snapshot->links = chain[count - 1].links;
    snapshot->features = chain[count - 1].notes;
    ok(image_publish(&is_new, snapshot, &(struct image_commit){&image, alone, chain, count, FIXTURE_TAG, 0}, store, &err));
    assert_true(is_new);
}

static void name_layers(struct layer *alone, struct layer *chain, struct store *store, unsigned i, const char *name)
{
    digest_text(&alone[i].digest, name);
    layer_chain_id(&chain[i].digest, i ? &chain[i - 1].digest : NULL, &alone[i].digest);
    ok(node_empty(&alone[i].notes, store, NODE_FEATURES, &err));
    chain[i].notes = alone[i].notes;
}

void fixture_publish_image(struct fixture_image *out, const char *path)
{
    static const char *const names[FIXTURE_LAYERS] = {"layer one", "layer two", "layer three"};
    struct snapshot snapshot = {.namespace = "registry:5000/test/image"};
    struct layer alone[FIXTURE_LAYERS] = {0}, chain[FIXTURE_LAYERS] = {0};
    struct store *store;

    ok(store_open(&store, path, STORE_CREATE, &err));
    for (unsigned i = 0; i < FIXTURE_LAYERS; i++) {
        name_layers(alone, chain, store, i, names[i]);
        build(&alone[i].root, &alone[i].links, store, FIXTURE_IN_LAYER(i));
        build(&chain[i].root, &chain[i].links, store, FIXTURE_IN_CHAIN(i));
        hex_encode(out->layer[i], alone[i].digest.bytes, DIGEST_SIZE);
        hex_encode(out->chain[i], chain[i].digest.bytes, DIGEST_SIZE);
    }
    link_tools(&alone[0].links, store);
    chain[0].links = chain[1].links = alone[0].links;
    commit_image(&snapshot, store, alone, chain, FIXTURE_LAYERS, FIXTURE_CONFIG);
    hex_encode(out->snapshot, snapshot.id, SNAPSHOT_ID_SIZE);
    store_close(store);
}

void fixture_publish_layers(const char *path, unsigned count)
{
    static unsigned number;
    struct snapshot snapshot = {.namespace = "test/layers"};
    cleanup_free struct layer *layers = calloc(2 * (size_t)count, sizeof *layers);
    struct layer *alone = layers, *chain = layers + count;
    char name[32];
    struct store *store;

    assert_non_null(layers);
    ok(store_open(&store, path, STORE_CREATE, &err));
    build(&chain[0].root, &chain[0].links, store, 0);
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof name, "layer %u", number++);
        name_layers(alone, chain, store, i, name);
        alone[i].root = chain[i].root = chain[0].root;
        alone[i].links = chain[i].links = chain[0].links;
    }
    snprintf(name, sizeof name, "{\"number\":%u}", number);
    commit_image(&snapshot, store, alone, chain, count, name);
    store_close(store);
}

/* --- What happens to stores --------------------------------------------------------------------------------------- */

/* How many rows a text changed. */
static int change(const char *path, const char *text)
{
    char file[300];
    sqlite3 *db;

    snprintf(file, sizeof file, "%s/confuse.db", path);
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    int changes = sqlite3_changes(db);
    sqlite3_close(db);
    return changes;
}

void fixture_forget(const char *path, const char *id)
{
    char text[200];

    snprintf(text, sizeof text, "DELETE FROM snapshot WHERE id = x'%s'", id);
    assert_int_equal(change(path, text), 1);
}

void fixture_forget_layers(const char *path)
{
    assert_true(change(path, "DELETE FROM layer") > 0);
    assert_true(change(path, "DELETE FROM chain") > 0);
}

static int lose(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status, (void)ftw;
    return type == FTW_F ? remove(path) : 0;
}

void fixture_lose_files(const char *path)
{
    char blobs[300];

    snprintf(blobs, sizeof blobs, "%s/blobs", path);
    assert_int_equal(nftw(blobs, lose, 8, FTW_PHYS), 0);
}

/* --- The server --------------------------------------------------------------------------------------------------- */

static struct rpc_server *running;

static void on_signal(int signal_number)
{
    (void)signal_number;
    rpc_server_stop(running);
}

static const struct verdict_limits *verdict_limits;

static int serve(const char *store, const char *options, uint64_t renderings_limit, int report_fd)
{
    char rule[64];
    const struct rpc_program *programs[] = {&nfs_program, &nfsacl_program, &mount_program, &nlm_program,
                                            &portmap_program};
    struct access_list *access = access_list_new();
    struct nfsd_app app = {.store_directory = store};
    struct rpc_config config = {
        .programs = programs,
        .program_count = sizeof programs / sizeof *programs,
        .threads = 2,
        .app = &app,
        .worker_begin = nfsd_worker_begin,
        .worker_ahead = nfsd_worker_ahead,
        .worker_rest = nfsd_worker_rest,
        .worker_tick = nfsd_worker_tick,
        .worker_end = nfsd_worker_end,
    };
    uint16_t port;

    snprintf(rule, sizeof rule, "127.0.0.0/8,%s", options);
    access_list_take_options(access, export_options);
    app.served = (struct served){.programs = programs, .program_count = config.program_count};
    if (access_list_add(access, rule, &err) < 0 || renderings_new(&app.renderings, store, renderings_limit, &err) < 0 ||
        verdict_writer_new(&app.verdict_writer, store, verdict_limits, &err) < 0 ||
        tree_cache_new(&app.cache, TREE_CACHE_DEFAULT, &err) < 0 ||
        rpc_server_new(&running, &config, access, &err) < 0 ||
        rpc_server_listen(&port, running, "127.0.0.1", 0, RPC_LISTEN_TCP | RPC_LISTEN_UDP, 0, &err) < 0)
        return 1;
    app.served.tcp_port = app.served.udp_port = port;
    signal(SIGTERM, on_signal);
    if (write(report_fd, &port, sizeof port) != sizeof port)
        return 1;
    close(report_fd);
    int result = rpc_server_run(running, &err);
    verdict_writer_free(app.verdict_writer);
    rpc_server_free(running);
    renderings_free(app.renderings);
    tree_cache_free(app.cache);
    return result < 0;
}

void server_start(struct server *server, const char *store)
{
    server_start_with(server, store, "insecure", RENDERINGS_BYTES_MAX);
}

void server_start_with(struct server *server, const char *store, const char *options, uint64_t renderings_limit)
{
    int ends[2];

    assert_return_code(pipe(ends), errno);
    fflush(NULL);
    server->pid = fork();
    assert_return_code(server->pid, errno);
    if (server->pid == 0) {
        close(ends[0]);
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that crashes leaves no server behind */
        int status = serve(store, options, renderings_limit, ends[1]);
        if (status)
            fprintf(stderr, "server: %s\n", err.text);
        exit(status);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &server->port, sizeof server->port), sizeof server->port);
    close(ends[0]);
}

void server_limit_verdicts(const struct verdict_limits *limits)
{
    verdict_limits = limits;
}

void server_kill(struct server *server)
{
    assert_return_code(kill(server->pid, SIGKILL), errno);
    assert_int_equal(waitpid(server->pid, NULL, 0), server->pid);
}

void server_stop(struct server *server)
{
    int status;

    assert_return_code(kill(server->pid, SIGTERM), errno);
    assert_int_equal(waitpid(server->pid, &status, 0), server->pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}
