/* Layers and chains over the wire: each a file system of its own, by whole digests, for ever; their listings; and what
 * "/meta" has of an image. */
#include "tests/e2e/fixture.h"
#include "tests/e2e/nfs_calls.h"
#include "tests/e2e/process.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MANY 1000
#define LISTED_MAX 4096

static struct server server;
static struct client client;
static char store[256];
static struct fixture_image image;
static struct fh slash;

static void start(const char *served)
{
    server_start_with(&server, served, "insecure,meta", 1 << 20);
    client_connect(&client, server.port, true);
    assert_int_equal(call_mount(&slash, &client, "/"), OK);
}

static void stop(void)
{
    client_close(&client);
    server_stop(&server);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(store, sizeof store, "%s", fixture_path("images"));
    fixture_publish_image(&image, store);
    start(store);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stop();
    scratch_remove();
    return 0;
}

/* All trees of the image: "/layer/<diffid>", "/chain/<chainid>". */
static const char *const kinds[] = {"layer", "chain"};
enum { TREES = 2 * FIXTURE_LAYERS };

static const char *name_of(unsigned tree)
{
    return tree < FIXTURE_LAYERS ? image.layer[tree] : image.chain[tree - FIXTURE_LAYERS];
}

static const char *path_of(unsigned tree, const char *below)
{
    static char path[512];

    snprintf(path, sizeof path, "/%s/%s%s", kinds[tree / FIXTURE_LAYERS], name_of(tree), below);
    return path;
}

static bool is_in(const struct fixture_path *path, unsigned tree)
{
    return path->in & (tree < FIXTURE_LAYERS ? FIXTURE_IN_LAYER(tree) : FIXTURE_IN_CHAIN(tree - FIXTURE_LAYERS));
}

static struct fh mount_tree(unsigned tree, const char *below)
{
    struct fh fh;

    assert_int_equal(call_mount(&fh, &client, path_of(tree, below)), OK);
    return fh;
}

/* --- Trees -------------------------------------------------------------------------------------------------------- */

static void expect_content(const struct fh *file, const char *text)
{
    const uint8_t *data;
    uint32_t count;
    bool eof;

    assert_int_equal(call_read(&data, &count, &eof, &client, file, 0, 1000), OK);
    assert_true(eof);
    assert_int_equal(count, strlen(text));
    assert_memory_equal(data, text, count);
}

static void trees_are_whole(void **state)
{
    (void)state;

    for (unsigned tree = 0; tree < TREES; tree++) {
        struct fh root = mount_tree(tree, "");

        for (const struct fixture_path *path = fixture_image_paths; path->path; path++) {
            if (!is_in(path, tree))
                continue;
            struct fh fh = call_walk(&client, &root, path->path);
            struct attr attr;
            assert_int_equal(call_getattr(&attr, &client, &fh), OK);
            assert_int_equal(attr.type, path->text ? 1 : 2);
            if (path->text)
                expect_content(&fh, path->text);
        }
    }
    struct fh root = mount_tree(TREES - 1, "");
    assert_int_equal(call_lookup(NULL, NULL, &client, &root, "gone", 4), NOENT);
}

/* By LOOKUP from "/", and by MNT of the tree or of something in it: the same file. */
static void all_ways_lead_to_one_file(void **state)
{
    (void)state;

    for (unsigned tree = 0; tree < TREES; tree++) {
        struct fh list = call_walk(&client, &slash, kinds[tree / FIXTURE_LAYERS]), root, up;
        struct attr above, attr, again;

        assert_int_equal(call_getattr(&above, &client, &list), OK);
        assert_int_equal(call_lookup(&root, &attr, &client, &list, name_of(tree), 64), OK);
        struct fh mounted = mount_tree(tree, "");
        assert_memory_equal(&root, &mounted, sizeof root);
        assert_int_equal(root.size, 48);
        assert_true(attr.fsid != above.fsid && attr.fileid >> 31 == 1 && attr.fileid <= UINT32_MAX);
        assert_int_equal(call_lookup(&up, &again, &client, &root, "..", 2), OK);
        assert_memory_equal(&root, &up, sizeof root); /* a file system of its own ends there */
        if (tree == 2)
            continue; /* that layer has no /etc */
        struct fh etc = mount_tree(tree, "/etc"), walked = call_walk(&client, &root, "etc");
        assert_memory_equal(&etc, &walked, sizeof etc);
        assert_int_equal(call_getattr(&again, &client, &etc), OK);
        assert_true(again.fsid == attr.fsid && again.fileid > 0 && again.fileid < 100);
    }
}

static void file_systems_differ(void **state)
{
    struct attr attrs[TREES + 1];
    char path[64];
    struct fh fh;
    (void)state;

    for (unsigned tree = 0; tree < TREES; tree++) {
        fh = mount_tree(tree, "");
        assert_int_equal(call_getattr(&attrs[tree], &client, &fh), OK);
    }
    snprintf(path, sizeof path, "/snap/%s", image.snapshot);
    assert_int_equal(call_mount(&fh, &client, path), OK);
    assert_int_equal(call_getattr(&attrs[TREES], &client, &fh), OK);
    for (unsigned a = 0; a <= TREES; a++)
        for (unsigned b = 0; b < a; b++) {
            assert_true(attrs[a].fsid != attrs[b].fsid);
            /* The lowest layer's diffID is a chainID, too. */
            assert_int_equal(attrs[a].fileid == attrs[b].fileid, a == FIXTURE_LAYERS && b == 0);
        }
}

static void hard_links_are_one_file(void **state)
{
    static const struct {
        unsigned tree;
        uint32_t nlink;
    } cases[] = {{0, 2}, {FIXTURE_LAYERS, 2}, {FIXTURE_LAYERS + 1, 2}, {FIXTURE_LAYERS + 2, 1}};
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fh bin = mount_tree(cases[i].tree, "/bin"), a = call_walk(&client, &bin, "a");
        struct attr attr;

        assert_int_equal(call_getattr(&attr, &client, &a), OK);
        assert_int_equal(attr.nlink, cases[i].nlink);
        if (cases[i].nlink == 1) {
            assert_int_equal(call_lookup(NULL, NULL, &client, &bin, "b", 1), NOENT);
            continue;
        }
        struct fh b = call_walk(&client, &bin, "b");
        assert_memory_equal(&a, &b, sizeof a);
    }
}

static void names_have_one_spelling(void **state)
{
    struct fh layers = call_walk(&client, &slash, "layer"), chains = call_walk(&client, &slash, "chain"), none;
    char name[80];
    (void)state;

    snprintf(name, sizeof name, "%s0", image.layer[0]);
    assert_int_equal(call_lookup(NULL, NULL, &client, &layers, name, 65), NOENT);
    assert_int_equal(call_lookup(NULL, NULL, &client, &layers, name, 63), NOENT);
    assert_int_equal(call_lookup(NULL, NULL, &client, &layers, name, 32), NOENT);
    snprintf(name, sizeof name, "sha256:%s", image.layer[0]);
    assert_int_equal(call_lookup(NULL, NULL, &client, &layers, name, strlen(name)), NOENT);
    for (char *at = strcpy(name, image.layer[1]); *at; at++)
        if (*at >= 'a')
            *at = (char)(*at - 'a' + 'A');
    assert_int_equal(call_lookup(NULL, NULL, &client, &layers, name, 64), NOENT);
    memset(name, '0', 64);
    assert_int_equal(call_lookup(NULL, NULL, &client, &layers, name, 64), NOENT);
    assert_int_equal(call_lookup(NULL, NULL, &client, &layers, image.chain[1], 64), NOENT);
    assert_int_equal(call_lookup(NULL, NULL, &client, &chains, image.layer[1], 64), NOENT);
    assert_int_equal(call_lookup(NULL, NULL, &client, &layers, image.snapshot, 32), NOENT);
    assert_int_equal(call_mount(&none, &client, "/layer/x"), NOENT);
}

/* Versions 1 and 2 of MOUNT have no room for such a handle. */
static void old_mount_cannot(void **state)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};
    (void)state;

    add_text(&args, path_of(0, ""));
    assert_int_equal(client_call(&client, MOUNT_PROGRAM, 1, 1, &args), CLIENT_SUCCESS);
    assert_int_equal(client_u32(&client), ACCES);
    client_done(&client);
}

/* --- Listings ----------------------------------------------------------------------------------------------------- */

struct listed {
    char name[65];
    uint64_t cookie, fileid;
};
static struct listed listed[LISTED_MAX];
static size_t listed_count;

/* One call from behind a cookie; true: that was the end. */
static bool list(const struct fh *directory, uint64_t cookie, bool plus, uint32_t size)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};
    struct attr attr;
    uint32_t length;

    buffer_add_be64(&args, cookie);
    buffer_add_be64(&args, 0);
    buffer_add_be32(&args, size);
    if (plus)
        buffer_add_be32(&args, size);
    assert_int_equal(call_nfs(&client, plus ? READDIRPLUS : READDIR, directory, &args), OK);
    read_post_op(&attr, &client);
    client_u64(&client);
    while (client_u32(&client)) {
        struct listed *item = &listed[listed_count++];

        assert_true(listed_count < LISTED_MAX);
        item->fileid = client_u64(&client);
        const uint8_t *name = client_opaque(&length, &client);
        bool is_tree = length == 64;
        assert_in_range(length, 1, 64);
        memcpy(item->name, name, length);
        item->name[length] = '\0';
        item->cookie = client_u64(&client);
        if (!plus)
            continue;
        struct fh fh = {0};
        read_post_op(&attr, &client);
        if (client_u32(&client))
            read_handle(&fh, &client);
        assert_false(is_tree && (attr.there || fh.size)); /* another file system's root */
    }
    bool end = client_u32(&client);
    client_done(&client);
    return end;
}

static void list_all(const char *name, uint32_t size)
{
    struct fh directory = call_walk(&client, &slash, name);
    bool end = false;

    for (listed_count = 0; !end;)
        end = list(&directory, listed_count ? listed[listed_count - 1].cookie : 0, listed_count & 1, size);
}

static void expect_order(void)
{
    for (size_t i = 3; i < listed_count; i++) {
        assert_true(listed[i].cookie == listed[i - 1].cookie + 1);
        assert_true(listed[i].fileid == listed[i - 1].fileid + 1 && listed[i].fileid <= UINT32_MAX);
    }
}

static uint64_t mtime_of(const char *name)
{
    struct fh directory = call_walk(&client, &slash, name);
    struct attr attr;

    assert_int_equal(call_getattr(&attr, &client, &directory), OK);
    assert_true(attr.mtime == attr.ctime);
    return attr.mtime;
}

/* In the order they came, whatever the size of replies; new ones without a restart, at the end. */
static void listings_grow(void **state)
{
    static const uint32_t sizes[] = {65536, 8192, 700};
    uint64_t before[2];
    (void)state;

    for (unsigned k = 0; k < 2; k++) {
        before[k] = mtime_of(kinds[k]);
        list_all(kinds[k], 8192);
        assert_int_equal(listed_count, 2 + FIXTURE_LAYERS);
        for (unsigned i = 0; i < FIXTURE_LAYERS; i++)
            assert_string_equal(listed[2 + i].name, name_of(k * FIXTURE_LAYERS + i));
        expect_order();
    }
    fixture_publish_layers(store, MANY);
    for (unsigned k = 0; k < 2; k++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            list_all(kinds[k], sizes[s]);
            assert_int_equal(listed_count, 2 + FIXTURE_LAYERS + MANY);
            expect_order();
        }
    for (unsigned tries = 0; mtime_of("layer") <= before[0] || mtime_of("chain") <= before[1]; tries++)
        assert_true(tries < 1000000); /* within WORKER_LOOK_MS */
    struct fh chains = call_walk(&client, &slash, "chain"), fh;
    struct attr attr;
    assert_int_equal(call_lookup(&fh, &attr, &client, &chains, listed[listed_count - 1].name, 64), OK);
    assert_int_equal(attr.type, 2);
    /* From the middle, and from behind the end. */
    listed_count = 0;
    assert_true(list(&chains, 64 + FIXTURE_LAYERS + MANY / 2, false, 65536));
    assert_int_equal(listed_count, MANY / 2);
    listed_count = 0;
    assert_true(list(&chains, UINT64_MAX, true, 65536));
    assert_int_equal(listed_count, 0);
}

/* --- "/meta" ------------------------------------------------------------------------------------------------------ */

static void images_have_their_config(void **state)
{
    static const struct {
        const char *name, *text;
    } files[] = {{"config.json", FIXTURE_CONFIG}, {"layers.json", FIXTURE_LAYERS_JSON}};
    char path[64];
    struct fh directory, frame;
    struct attr attr, above;
    unsigned tries = 0;
    (void)state;

    snprintf(path, sizeof path, "/meta/%s", image.snapshot);
    assert_int_equal(call_mount(&directory, &client, path), OK);
    assert_int_equal(call_getattr(&above, &client, &directory), OK);
    for (size_t i = 0; i < 2; i++) {
        struct fh fh = call_walk(&client, &directory, files[i].name);

        assert_int_equal(call_getattr(&attr, &client, &fh), OK);
        assert_int_equal(attr.type, 1);
        assert_true(attr.mode == 0400 && attr.uid == 0 && attr.nlink == 1 && attr.mtime == above.mtime);
        assert_int_equal(attr.size, strlen(files[i].text));
        expect_content(&fh, files[i].text);
    }
    assert_int_equal(call_lookup(&frame, NULL, &client, &directory, "frame", 5), NOENT);
    while (call_lookup(&frame, NULL, &client, &directory, "xattrs", 6) == JUKEBOX && tries++ < 1000)
        process_sleep(0.01);
    for (int plus = 0; plus < 2; plus++) {
        listed_count = 0;
        assert_true(list(&directory, 2, plus, 8192));
        assert_true(listed_count >= 2);
        for (size_t i = 0; i < 2; i++)
            assert_string_equal(listed[listed_count - 2 + i].name, files[i].name);
    }
}

static void others_have_none(void **state)
{
    char path[64];
    struct fh directory;
    (void)state;

    snprintf(path, sizeof path, "/meta/%s", fixture_publish(store));
    assert_int_equal(call_mount(&directory, &client, path), OK);
    assert_int_equal(call_lookup(NULL, NULL, &client, &directory, "config.json", 11), NOENT);
    assert_int_equal(call_lookup(NULL, NULL, &client, &directory, "layers.json", 11), NOENT);
}

/* --- What outlives what ------------------------------------------------------------------------------------------- */

struct memory {
    struct fh fh;
    struct attr attr;
};

static void remember(struct memory *memory, unsigned tree)
{
    struct fh root = mount_tree(tree, "");

    memory[0].fh = root;
    memory[1].fh = call_walk(&client, &root, tree == 1 ? "etc/os-release" : tree == 2 ? "opt/program" : "bin/a");
    for (int i = 0; i < 2; i++)
        assert_int_equal(call_getattr(&memory[i].attr, &client, &memory[i].fh), OK);
}

static void expect_remembered(struct memory memory[TREES][2])
{
    for (unsigned tree = 0; tree < TREES; tree++)
        for (int i = 0; i < 2; i++) {
            struct attr attr;

            assert_int_equal(call_getattr(&attr, &client, &memory[tree][i].fh), OK);
            assert_true(attr.fsid == memory[tree][i].attr.fsid && attr.fileid == memory[tree][i].attr.fileid);
            assert_true(attr.size == memory[tree][i].attr.size && attr.mtime == memory[tree][i].attr.mtime);
        }
}

static void handles_outlive_the_server_and_serve_a_copy(void **state)
{
    struct memory memory[TREES][2], config[1];
    char replica[sizeof store], command[3 * sizeof store], path[64];
    (void)state;

    for (unsigned tree = 0; tree < TREES; tree++)
        remember(memory[tree], tree);
    snprintf(path, sizeof path, "/meta/%s", image.snapshot);
    assert_int_equal(call_mount(&config[0].fh, &client, path), OK);
    config[0].fh = call_walk(&client, &config[0].fh, "config.json");
    snprintf(replica, sizeof replica, "%s", fixture_path("replica"));
    snprintf(command, sizeof command, "cp -a '%s' '%s'", store, replica);
    stop();
    assert_int_equal(system(command), 0);
    start(store);
    expect_remembered(memory);
    stop();
    start(replica);
    expect_remembered(memory);
    expect_content(&config[0].fh, FIXTURE_CONFIG);
    fixture_forget_layers(replica);
    for (unsigned tree = 0; tree < TREES; tree++) {
        for (unsigned tries = 0; call_getattr(NULL, &client, &memory[tree][0].fh) != STALE; tries++) {
            assert_true(tries < 1000); /* within WORKER_LOOK_MS */
            process_sleep(0.01);
        }
        assert_int_equal(call_mount(&memory[tree][0].fh, &client, path_of(tree, "")), NOENT);
    }
    stop();
    start(store);
}

/* --- The command line --------------------------------------------------------------------------------------------- */

static void expect_output(const char *const *arguments, const char *const *texts)
{
    assert_int_equal(process_run(arguments), 0);
    char *out = process_output("run", "out");
    for (; *texts; texts++)
        if (!strstr(out, *texts))
            fail_msg("no %s in %s", *texts, out);
    free(out);
}

static void commands_know_tags(void **state)
{
    static const char name[] = "registry:5000/test/image:" FIXTURE_TAG;
#define RUN(...) ((const char *const[]){"--store", store, __VA_ARGS__, NULL})
#define TEXTS(...) ((const char *const[]){__VA_ARGS__, NULL})
    (void)state;

    expect_output(RUN("log"), TEXTS("registry:5000/test/image (tag: 1.0)\n"));
    expect_output(RUN("--json", "log"), TEXTS("\"tags\":[\"1.0\"]", "\"image\":\""));
    expect_output(RUN("show", name), TEXTS("tag: 1.0\n", ", 3 layers\n", image.snapshot));
    expect_output(RUN("--json", "show", name), TEXTS("\"tags\":[\"1.0\"]", "\"layers\":3,", image.snapshot));
    expect_output(RUN("cat", "registry:5000/test/image:1.0:/etc/os-release"), TEXTS("two"));
    expect_output(RUN("fsck"), TEXTS(" layers, ", "; ", " 0 bad\n"));
#undef RUN
#undef TEXTS
    process_remove(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_are_whole),
        cmocka_unit_test(all_ways_lead_to_one_file),
        cmocka_unit_test(file_systems_differ),
        cmocka_unit_test(hard_links_are_one_file),
        cmocka_unit_test(names_have_one_spelling),
        cmocka_unit_test(old_mount_cannot),
        cmocka_unit_test(listings_grow),
        cmocka_unit_test(images_have_their_config),
        cmocka_unit_test(others_have_none),
        cmocka_unit_test(commands_know_tags),
        cmocka_unit_test(handles_outlive_the_server_and_serve_a_copy),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
