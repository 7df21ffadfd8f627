/* "/diff/<a>..<b>" over the wire: numbers and cookies are those of "/snap", listings go on in the middle and cost what
 * changed, handles outlive the server and are good on a copy of the store, who may not see features does not see
 * changes.jsonl. What is in the trees is compared by tests/e2e/diff.py. */
#include "base/cleanup.h"
#include "db/cut.h"
#include "db/snapshot.h"
#include "nfsd/renderings.h"
#include "tests/e2e/fixture.h"
#include "tests/e2e/nfs_calls.h"
#include "tests/e2e/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Of side a's directory "dir"; every CHANGED_EACH-th file of the first is another one in b. */
enum { FILES = 20000, CHANGED_EACH = 200, MADE = 40000, REMOVED = 50000, PIECE = 1 << 20 };
#define SHOWN (FILES / CHANGED_EACH)

static struct server server;
static struct client client;
static struct error err;
static char *store_path;
static char a[SNAPSHOT_ID_HEX_SIZE], b[SNAPSHOT_ID_HEX_SIZE];
static char diff_path[80], new_path[88], old_path[88], snap_path[48];

static void ok(int result)
{
    if (result < 0)
        fail_msg("%d: %s", result, err.text);
}

/* --- Two snapshots ------------------------------------------------------------------------------------------------ */

static void add(struct cutter *cutter, const char *name, struct entry entry, const struct node_ref *below)
{
    struct entry_digests digests = {0};

    entry.name = name;
    entry.name_size = (uint16_t)strlen(name);
    if (below) {
        entry.subtree = below->id;
        entry.below = below->counts;
        digests.subtree = below->digest;
    }
    ok(cutter_add_entry(cutter, &entry, &digests, &err));
}

static void finish(struct node_ref *node, struct cutter *cutter)
{
    ok(cutter_finish(node, cutter, &err));
    cutter_free(cutter);
}

static struct cutter *begin(struct store *store)
{
    struct cutter *cutter;

    ok(cutter_new(&cutter, store, NODE_TREE, &err));
    return cutter;
}

/* Numbered files; `last` behind them, unless that is NULL. */
static void numbered(struct node_ref *node, struct store *store, unsigned count, unsigned each, bool is_b,
                     uint32_t flags, const char *last)
{
    struct cutter *cutter = begin(store);
    char name[16];

    for (unsigned i = 0; i < count; i++) {
        uint32_t mode = is_b && i % each == 0 ? 0600 : 0644;

        snprintf(name, sizeof name, "f%07u", i);
        add(cutter, name, (struct entry){.mode = S_IFREG | mode, .flags = flags}, NULL);
    }
    if (last)
        add(cutter, last, (struct entry){.mode = S_IFREG | (is_b ? 0600 : 0644), .flags = ENTRY_ABSENT}, NULL);
    finish(node, cutter);
}

static void publish_side(char id[SNAPSHOT_ID_HEX_SIZE], struct store *store, bool is_b)
{
    static const struct entry directory = {.mode = S_IFDIR | 0755, .size = ENTRY_DIRECTORY_SIZE};
    struct snapshot snapshot = {.namespace = is_b ? "test/b" : "test/a", .format = "frame", .time = 1};
    struct node_ref many, made, gone, same, root;
    struct cutter *cutter;
    bool is_new;

    numbered(&many, store, FILES, CHANGED_EACH, is_b, ENTRY_ABSENT, NULL);
    numbered(&made, store, MADE, 1, is_b, ENTRY_MADE, "z");
    numbered(&gone, store, is_b ? 0 : REMOVED, 1, is_b, ENTRY_ABSENT, "z");
    numbered(&same, store, 10, 1, false, ENTRY_ABSENT, NULL);
    cutter = begin(store);
    add(cutter, "dir", directory, &many);
    add(cutter, "gone", directory, &gone);
    add(cutter, "made", directory, &made);
    add(cutter, "same", directory, &same);
    finish(&root, cutter);
    cutter = begin(store);
    add(cutter, "", directory, &root);
    finish(&snapshot.root, cutter);
    ok(node_empty(&snapshot.links, store, NODE_LINKS, &err));
    ok(node_empty(&snapshot.features, store, NODE_FEATURES, &err));
    ok(snapshot_publish(&is_new, &snapshot, store, &err));
    hex_encode(id, snapshot.id, SNAPSHOT_ID_SIZE);
}

static void serve(const char *path, const char *options)
{
    server_start_with(&server, path, options, RENDERINGS_BYTES_MAX);
    client_connect(&client, server.port, true);
}

static void end_serving(void)
{
    client_close(&client);
    server_stop(&server);
}

static int set_up(void **state)
{
    struct store *store;
    (void)state;

    store_path = process_path("store");
    ok(store_open(&store, store_path, STORE_CREATE, &err));
    publish_side(a, store, false);
    publish_side(b, store, true);
    store_close(store);
    snprintf(diff_path, sizeof diff_path, "/diff/%s..%s", a, b);
    snprintf(new_path, sizeof new_path, "%s/new", diff_path);
    snprintf(old_path, sizeof old_path, "%s/old", diff_path);
    snprintf(snap_path, sizeof snap_path, "/snap/%s", b);
    serve(store_path, "insecure,meta");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    end_serving();
    free(store_path);
    process_remove(NULL);
    return 0;
}

/* --- Calls -------------------------------------------------------------------------------------------------------- */

static struct fh mounted(const char *path)
{
    struct fh fh;

    assert_int_equal(call_mount(&fh, &client, path), OK);
    return fh;
}

struct item {
    char name[64];
    uint64_t cookie, fileid;
};
static struct item items[FILES + 2];
static size_t item_count;
static unsigned jukeboxes;

/* One READDIR; its entries are added. True at the end of the directory. */
static bool list(const struct fh *directory, uint64_t cookie, uint32_t size)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};
    struct attr attr;
    uint32_t status;

    buffer_add_be64(&args, cookie);
    buffer_add_be64(&args, 0);
    buffer_add_be32(&args, size);
    for (unsigned tries = 0; (status = call_nfs(&client, READDIR, directory, &args)) == JUKEBOX; tries++, jukeboxes++)
        assert_true(tries < 1000);
    assert_int_equal(status, OK);
    read_post_op(&attr, &client);
    client_u64(&client);
    while (client_u32(&client)) {
        struct item *item = &items[item_count++];
        uint32_t name_size;

        assert_true(item_count < sizeof items / sizeof *items);
        item->fileid = client_u64(&client);
        const uint8_t *name = client_opaque(&name_size, &client);
        snprintf(item->name, sizeof item->name, "%.*s", (int)name_size, (const char *)name);
        item->cookie = client_u64(&client);
        assert_true(item->cookie > cookie);
        cookie = item->cookie;
    }
    return client_u32(&client);
}

/* All of it but "." and "..". */
static void list_all(const struct fh *directory, uint32_t size)
{
    item_count = jukeboxes = 0;
    for (uint64_t cookie = 2; !list(directory, cookie, size); cookie = items[item_count - 1].cookie)
        assert_true(item_count > 0);
}

/* --- Tests -------------------------------------------------------------------------------------------------------- */

static void numbers_are_those_of_the_snapshot(void **state)
{
    struct fh new = mounted(new_path), snap = mounted(snap_path);
    struct fh here = call_walk(&client, &new, "dir"), there = call_walk(&client, &snap, "dir");
    static struct item shown[SHOWN];
    struct attr attr, other;
    size_t at = 0;
    (void)state;

    list_all(&here, 65536);
    assert_int_equal(item_count, SHOWN);
    memcpy(shown, items, sizeof shown);
    list_all(&there, 65536);
    assert_int_equal(item_count, FILES);
    for (size_t i = 0; i < SHOWN; i++) {
        while (strcmp(items[at].name, shown[i].name) != 0)
            assert_true(++at < item_count);
        assert_true(items[at].cookie == shown[i].cookie && items[at].fileid == shown[i].fileid);
    }
    assert_int_equal(call_lookup(&here, &attr, &client, &here, shown[7].name, 8), OK);
    assert_int_equal(call_lookup(&there, &other, &client, &there, shown[7].name, 8), OK);
    assert_true(attr.fileid == other.fileid && attr.mode == 0600 && other.mode == 0600);
    assert_true(attr.fsid != other.fsid && here.size == 48);
    assert_int_equal(call_getattr(&attr, &client, &new), OK);
    assert_int_equal(call_getattr(&other, &client, &snap), OK);
    assert_true(attr.fileid == other.fileid && attr.fsid != other.fsid);
}

static void what_did_not_change_is_not_there(void **state)
{
    struct fh new = mounted(new_path), old = mounted(old_path), dir = call_walk(&client, &new, "dir"), fh;
    struct attr attr;
    (void)state;

    assert_int_equal(call_lookup(NULL, NULL, &client, &new, "same", 4), NOENT);
    assert_int_equal(call_lookup(NULL, NULL, &client, &dir, "f0000001", 8), NOENT);
    assert_int_equal(call_lookup(NULL, NULL, &client, &dir, "nothing", 7), NOENT);
    assert_int_equal(call_lookup(&fh, &attr, &client, &dir, "f0000000", 8), OK);
    assert_int_equal(attr.mode, 0600);
    dir = call_walk(&client, &old, "dir");
    assert_int_equal(call_lookup(&fh, &attr, &client, &dir, "f0000000", 8), OK);
    assert_int_equal(attr.mode, 0644);
    assert_int_equal(call_lookup(&fh, &attr, &client, &dir, "..", 2), OK);
    assert_memory_equal(fh.bytes, old.bytes, old.size);
    assert_int_equal(call_lookup(&fh, &attr, &client, &old, "..", 2), OK);
    assert_memory_equal(fh.bytes, old.bytes, old.size);
}

/* However little a reply may have. */
static void listings_go_on(void **state)
{
    struct fh new = mounted(new_path), dir = call_walk(&client, &new, "dir");
    static struct item whole[SHOWN];
    (void)state;

    list_all(&dir, 65536);
    memcpy(whole, items, sizeof whole);
    for (uint32_t size = 160; size < 600; size += 70) {
        list_all(&dir, size);
        assert_int_equal(item_count, SHOWN);
        assert_memory_equal(items, whole, sizeof whole);
    }
}

static void what_only_the_other_side_has_costs_nothing(void **state)
{
    struct fh new = mounted(new_path), old = mounted(old_path), dir = call_walk(&client, &new, "gone");
    (void)state;

    list_all(&dir, 65536);
    assert_int_equal(item_count, 1);
    assert_string_equal(items[0].name, "z");
    assert_int_equal(jukeboxes, 0);
    dir = call_walk(&client, &old, "gone");
    item_count = 0;
    assert_false(list(&dir, 0, 4096));
    assert_string_equal(items[2].name, "f0000000");
}

/* More made files than are looked at in one call: others have their turn, and who asks again gets there. */
static void made_files_are_left_out(void **state)
{
    struct fh new = mounted(new_path), dir = call_walk(&client, &new, "made");
    (void)state;

    list_all(&dir, 65536);
    assert_int_equal(item_count, 1);
    assert_string_equal(items[0].name, "z");
    assert_true(jukeboxes > 0 && jukeboxes <= MADE / 16384 + 1);
    assert_int_equal(call_lookup(NULL, NULL, &client, &dir, "f0000000", 8), NOENT);
}

/* One READDIR from behind the first entry on, as no other test asks. */
static uint32_t ask(const struct fh *directory)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};

    buffer_add_be64(&args, 3);
    buffer_add_be64(&args, 0);
    buffer_add_be32(&args, 65536);
    return call_nfs(&client, READDIR, directory, &args);
}

/* Both sides are listed in turns, each by somebody who gets there in as many calls as if he were alone. */
static void listings_in_turns_get_there(void **state)
{
    struct fh new = mounted(new_path), old = mounted(old_path);
    struct fh directories[] = {call_walk(&client, &new, "made"), call_walk(&client, &old, "made")};
    unsigned waiting[2] = {0}, done = 0;
    (void)state;

    for (unsigned turn = 0; done < 3; turn++) {
        unsigned side = turn % 2, bit = 1u << side;

        if (done & bit)
            continue;
        if (ask(&directories[side]) == OK)
            done |= bit;
        else
            assert_in_range(++waiting[side], 1, MADE / 16384 + 1);
    }
    assert_true(waiting[0] > 0 && waiting[1] > 0);
}

static void nothing_between_a_and_a(void **state)
{
    char path[80];
    struct fh fh;
    struct attr attr;
    (void)state;

    snprintf(path, sizeof path, "/diff/%s..%s/new", a, a);
    fh = mounted(path);
    list_all(&fh, 4096);
    assert_int_equal(item_count, 0);
    assert_int_equal(call_getattr(&attr, &client, &fh), OK);
}

static void names_have_one_spelling(void **state)
{
    static const struct {
        int digits; /* of the first id */
        const char *between, *behind;
    } names[] = {{31, "..", ""}, {32, "...", ""}, {32, ".", ""}, {32, "..", "."}, {32, "..", "/new/dir/f0000001"}};
    char path[128], upper[sizeof a];
    struct fh fh;
    (void)state;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "/diff/%.*s%s%s%s", names[i].digits, a, names[i].between, b, names[i].behind);
        assert_int_equal(call_mount(&fh, &client, path), NOENT);
    }
    memcpy(upper, b, sizeof upper);
    upper[strcspn(upper, "abcdef")] = 'A';
    snprintf(path, sizeof path, "/diff/%s..%s", a, upper);
    assert_int_equal(call_mount(&fh, &client, path), NOENT);
    snprintf(path, sizeof path, "/diff/%s..%032d", a, 7);
    assert_int_equal(call_mount(&fh, &client, path), NOENT);
    fh = mounted("/diff");
    list_all(&fh, 4096);
    assert_int_equal(item_count, 0);
}

static void read_all(struct buffer *out, const struct fh *fh)
{
    const uint8_t *data;
    uint32_t count, status;
    unsigned tries = 0;
    bool eof = false;

    while (!eof) {
        status = call_read(&data, &count, &eof, &client, fh, out->size, PIECE);
        if (status == JUKEBOX && tries++ < 1000) {
            process_sleep(0.01);
            eof = false;
            continue;
        }
        assert_int_equal(status, OK);
        buffer_add(out, data, count);
    }
}

static struct fh look_up_changes(void)
{
    struct fh diff = mounted(diff_path), fh;
    uint32_t status;
    unsigned tries = 0;

    while ((status = call_lookup(&fh, NULL, &client, &diff, "changes.jsonl", 13)) == JUKEBOX && tries++ < 1000)
        process_sleep(0.01);
    assert_int_equal(status, OK);
    return fh;
}

/* As `confuse --json diff` has it; and only for those who see "/meta". */
static void changes_are_a_file(void **state)
{
    const char *const arguments[] = {"--store", store_path, "--json", "diff", a, b, NULL};
    struct buffer served __attribute__((cleanup(buffer_free))) = {0};
    struct fh fh = look_up_changes(), diff = mounted(diff_path);
    struct attr attr;
    (void)state;

    if (process_run(arguments) != 1)
        process_fail("diff");
    cleanup_free char *told = process_output("run", "out");
    read_all(&served, &fh);
    assert_int_equal(served.size, strlen(told));
    assert_memory_equal(served.bytes, told, served.size);
    assert_int_equal(call_getattr(&attr, &client, &fh), OK);
    assert_true(attr.mode == 0400 && attr.size == served.size);
    list_all(&diff, 4096);
    assert_int_equal(item_count, 3);
    end_serving();
    serve(store_path, "insecure");
    assert_int_equal(call_getattr(NULL, &client, &fh), ACCES);
    assert_int_equal(call_lookup(NULL, NULL, &client, &diff, "changes.jsonl", 13), NOENT);
    list_all(&diff, 4096);
    assert_int_equal(item_count, 2);
    end_serving();
    serve(store_path, "insecure,meta");
}

/* What a client remembers is the same from a server that was started again, and from one on a copy. */
static void handles_outlive_the_server(void **state)
{
    struct fh new = mounted(new_path), dir = call_walk(&client, &new, "dir"), diff = mounted(diff_path);
    struct fh changes = look_up_changes();
    cleanup_free char *copy = process_path("copy");
    struct attr before, after;
    char command[600];
    (void)state;

    assert_int_equal(call_getattr(&before, &client, &dir), OK);
    snprintf(command, sizeof command, "cp -a '%s' '%s'", store_path, copy);
    end_serving();
    assert_int_equal(system(command), 0);
    for (int i = 0; i < 2; i++) {
        uint32_t status;

        serve(i ? store_path : copy, "insecure,meta");
        assert_int_equal(call_getattr(&after, &client, &dir), OK);
        assert_true(before.fsid == after.fsid && before.fileid == after.fileid && before.mtime == after.mtime);
        list_all(&dir, 65536);
        assert_int_equal(item_count, SHOWN);
        assert_int_equal(call_getattr(&after, &client, &diff), OK);
        while ((status = call_getattr(&after, &client, &changes)) == JUKEBOX)
            process_sleep(0.01);
        assert_int_equal(status, OK);
        dir.bytes[20] ^= 1;
        assert_int_equal(call_getattr(NULL, &client, &dir), BADHANDLE);
        dir.bytes[20] ^= 1;
        if (i == 0)
            end_serving();
    }
}

/* Last: a side is forgotten. */
static void without_a_side_it_is_stale(void **state)
{
    struct fh new = mounted(new_path), dir = call_walk(&client, &new, "dir"), diff = mounted(diff_path);
    (void)state;

    fixture_forget(store_path, a);
    process_sleep(0.3); /* three times what a worker may be late */
    assert_int_equal(call_getattr(NULL, &client, &dir), STALE);
    assert_int_equal(call_getattr(NULL, &client, &diff), STALE);
    assert_int_equal(call_mount(&new, &client, new_path), NOENT);
    mounted(snap_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_those_of_the_snapshot),
        cmocka_unit_test(what_did_not_change_is_not_there),
        cmocka_unit_test(listings_go_on),
        cmocka_unit_test(what_only_the_other_side_has_costs_nothing),
        cmocka_unit_test(made_files_are_left_out),
        cmocka_unit_test(listings_in_turns_get_there),
        cmocka_unit_test(nothing_between_a_and_a),
        cmocka_unit_test(names_have_one_spelling),
        cmocka_unit_test(changes_are_a_file),
        cmocka_unit_test(handles_outlive_the_server),
        cmocka_unit_test(without_a_side_it_is_stale),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
