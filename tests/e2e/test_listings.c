/* Listings over the wire: cookies, sizes, both procedures in one listing, many entries, and "/snap" while it grows. */
#include "tests/e2e/fixture.h"
#include "tests/e2e/nfs_calls.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { NAMES_MAX = 6000, HEAD = 88 + 8 + 8 /* directory's attributes, verifier, end of list */ };

static struct server server;
static struct client client;
static char store[256], id[33];
static struct fh slash, root;

struct item {
    char name[256];
    uint64_t cookie, fileid;
    struct attr attr; /* READDIRPLUS: if it was given */
    struct fh fh;     /* size 0: not given */
};

static struct item items[NAMES_MAX];
static size_t item_count;

static int set_up(void **state)
{
    char path[64];
    (void)state;

    snprintf(store, sizeof store, "%s", fixture_path("listings"));
    snprintf(id, sizeof id, "%s", fixture_publish(store));
    snprintf(path, sizeof path, "/snap/%s", id);
    server_start(&server, store);
    client_connect(&client, server.port, true);
    assert_int_equal(call_mount(&slash, &client, "/"), OK);
    assert_int_equal(call_mount(&root, &client, path), OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    client_close(&client);
    server_stop(&server);
    scratch_remove();
    return 0;
}

static uint64_t verifier; /* to send */

static uint32_t call_listing(const struct fh *directory, bool plus, uint64_t cookie, uint32_t names, uint32_t size)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};

    buffer_add_be64(&args, cookie);
    buffer_add_be64(&args, verifier);
    if (plus)
        buffer_add_be32(&args, names);
    buffer_add_be32(&args, size);
    return call_nfs(&client, plus ? READDIRPLUS : READDIR, directory, &args);
}

static void read_item(struct item *item, bool plus)
{
    uint32_t size;

    memset(item, 0, sizeof *item);
    item->fileid = client_u64(&client);
    const uint8_t *name = client_opaque(&size, &client);
    assert_in_range(size, 1, 255);
    memcpy(item->name, name, size);
    item->cookie = client_u64(&client);
    if (!plus)
        return;
    read_post_op(&item->attr, &client);
    if (client_u32(&client))
        read_handle(&item->fh, &client);
    if (item->attr.there)
        assert_true(item->attr.fileid == item->fileid);
}

/* One call; what it lists is added to `items`. The status; *eof and *bytes (of the resok) when it is 0. */
static uint32_t list(bool *eof, size_t *bytes, const struct fh *directory, bool plus, uint64_t cookie, uint32_t names,
                     uint32_t size)
{
    uint32_t status = call_listing(directory, plus, cookie, names, size);
    size_t start = client.at;
    struct attr attr;

    read_post_op(&attr, &client);
    assert_int_equal(attr.there, status != STALE && status != BADHANDLE);
    if (status == OK) {
        client_u64(&client);
        while (client_u32(&client)) {
            assert_true(item_count < NAMES_MAX);
            read_item(&items[item_count++], plus);
        }
        *eof = client_u32(&client);
        *bytes = client.at - start;
    }
    client_done(&client);
    return status;
}

/* A whole directory from the beginning, each call of at most `size` bytes, READDIR and READDIRPLUS by turns. */
static unsigned list_all(const struct fh *directory, uint32_t size)
{
    unsigned calls = 0;
    bool eof = false;
    size_t bytes;

    for (item_count = 0; !eof; calls++) {
        size_t before = item_count;

        assert_int_equal(
            list(&eof, &bytes, directory, calls & 1, item_count ? items[item_count - 1].cookie : 0, UINT32_MAX, size),
            OK);
        assert_true(bytes <= size);
        assert_true(eof || item_count > before);
    }
    return calls;
}

static void cookies_rise(void)
{
    for (size_t i = 0; i < item_count; i++) {
        assert_true(items[i].cookie > (i ? items[i - 1].cookie : 0));
        assert_true(items[i].cookie < 0x7fffffff);
    }
}

static void a_large_directory_is_whole(void **state)
{
    static const uint32_t sizes[] = {1048576, 65536, 8192, 1000, 300};
    struct fh many = call_walk(&client, &root, "many");
    struct attr a;
    struct fh found;
    char name[16];
    (void)state;

    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        unsigned calls = list_all(&many, sizes[s]);

        assert_int_equal(item_count, FIXTURE_MANY + 2);
        assert_true(calls > 5000 * 28 / sizes[s]);
        assert_string_equal(items[0].name, ".");
        assert_string_equal(items[1].name, "..");
        cookies_rise();
        for (unsigned i = 0; i < FIXTURE_MANY; i++) {
            snprintf(name, sizeof name, "f%05u", i);
            assert_string_equal(items[i + 2].name, name);
            assert_int_equal(items[i + 2].cookie, i + 3);
            assert_int_equal(items[i + 2].fileid, items[2].fileid + i);
        }
    }
    /* Every position is where a listing can go on. */
    for (unsigned i = 0; i < FIXTURE_MANY; i += 611) {
        bool eof;
        size_t bytes;

        item_count = 0;
        assert_int_equal(list(&eof, &bytes, &many, true, i + 3, 200, 4096), OK);
        snprintf(name, sizeof name, "f%05u", i + 1);
        assert_string_equal(items[0].name, name);
        assert_int_equal(call_lookup(&found, &a, &client, &many, name, 6), OK);
        assert_memory_equal(&found, &items[0].fh, sizeof found);
        assert_true(a.fsid == items[0].attr.fsid && a.fileid == items[0].attr.fileid);
        assert_true(a.size == items[0].attr.size && a.mtime == items[0].attr.mtime);
    }
}

static void sizes_are_kept(void **state)
{
    struct fh empty = call_walk(&client, &root, "empty");
    bool eof;
    size_t bytes;
    (void)state;

    /* Head, and 28 bytes for ".": not one byte less. */
    for (uint32_t size = 0; size < HEAD + 28; size++)
        assert_int_equal(list(&eof, &bytes, &empty, false, 0, 0, size), TOOSMALL);
    item_count = 0;
    assert_int_equal(list(&eof, &bytes, &empty, false, 0, 0, HEAD + 28), OK);
    assert_int_equal(item_count, 1);
    assert_false(eof);
    assert_int_equal(bytes, HEAD + 28);
}

static void sizes_of_attributes_count_too(void **state)
{
    struct fh empty = call_walk(&client, &root, "empty");
    bool eof;
    size_t bytes;
    (void)state;

    uint32_t one = HEAD + 28 + 88 + 4 + 4 + 32;
    assert_int_equal(list(&eof, &bytes, &empty, true, 0, 8192, one - 1), TOOSMALL);
    item_count = 0;
    assert_int_equal(list(&eof, &bytes, &empty, true, 0, 8192, one), OK);
    assert_int_equal(item_count, 1);
    assert_int_equal(bytes, one);
    /* dircount bounds the names, but one entry there is in any case. */
    for (uint32_t names = 0; names < 56; names += 5) {
        item_count = 0;
        assert_int_equal(list(&eof, &bytes, &empty, true, 0, names, 8192), OK);
        assert_int_equal(item_count, 1);
    }
    item_count = 0;
    assert_int_equal(list(&eof, &bytes, &empty, true, 0, 56, 8192), OK);
    assert_int_equal(item_count, 2);
    assert_true(eof);
    /* Behind the end there is nothing, wherever that is. */
    static const uint64_t behind[] = {2, 3, 100, 1ull << 32, UINT64_MAX};
    for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
        item_count = 0;
        assert_int_equal(list(&eof, &bytes, &empty, true, behind[i], 8192, 8192), OK);
        assert_int_equal(item_count, 0);
        assert_true(eof);
    }
}

static void what_is_not_listed(void **state)
{
    struct fh passwd = call_walk(&client, &root, "etc/passwd"), home = call_walk(&client, &root, "home");
    struct fh searched = call_walk(&client, &root, "searched"), listed = call_walk(&client, &root, "listed");
    bool eof;
    size_t bytes;
    (void)state;

    assert_int_equal(list(&eof, &bytes, &passwd, false, 0, 0, 4096), NOTDIR);
    client.uid = client.gid = 7;
    assert_int_equal(list(&eof, &bytes, &home, false, 0, 0, 4096), ACCES);
    assert_int_equal(list(&eof, &bytes, &searched, true, 0, 4096, 4096), ACCES);
    item_count = 0;
    assert_int_equal(list(&eof, &bytes, &listed, true, 0, 4096, 4096), OK);
    assert_int_equal(item_count, 3);
    for (size_t i = 0; i < item_count; i++)
        assert_false(items[i].attr.there || items[i].fh.size); /* r without x: names only */
    client.uid = client.gid = 0;
}

static void verifiers_are_ours_or_zero(void **state)
{
    struct attr attr;
    (void)state;

    assert_int_equal(call_listing(&root, false, 0, 0, 4096), OK);
    read_post_op(&attr, &client);
    uint64_t ours = client_u64(&client);
    assert_int_equal(call_listing(&root, false, 3, 0, 4096), OK); /* zeros: Solaris */
    verifier = ours;
    assert_int_equal(call_listing(&root, false, 3, 0, 4096), OK);
    verifier = ours ^ 1;
    assert_int_equal(call_listing(&root, false, 3, 0, 4096), BAD_COOKIE);
    verifier = 0;
}

static void roots_stay_inside(void **state)
{
    struct attr a;
    (void)state;

    list_all(&root, 65536);
    assert_int_equal(call_getattr(&a, &client, &root), OK);
    assert_true(items[0].fileid == a.fileid && items[1].fileid == a.fileid);
    list_all(&slash, 65536);
    assert_int_equal(item_count, 8);
    assert_string_equal(items[2].name, "snap");
    assert_string_equal(items[3].name, "layer");
    assert_string_equal(items[4].name, "chain");
    assert_string_equal(items[5].name, "diff");
    assert_string_equal(items[6].name, "at");
    assert_string_equal(items[7].name, "cache");
}

/* "/snap": in the order of commits, without attributes, each one once however many come while it is listed. */
static void snap_grows_while_it_is_listed(void **state)
{
    struct fh snap = call_walk(&client, &slash, "snap"), found;
    struct attr before, after;
    bool eof = false;
    size_t bytes;
    (void)state;

    assert_int_equal(call_getattr(&before, &client, &snap), OK);
    fixture_publish_empty(store, 20);
    item_count = 0;
    for (unsigned calls = 0; !eof; calls++) {
        uint64_t cookie = item_count ? items[item_count - 1].cookie : 0;

        assert_int_equal(list(&eof, &bytes, &snap, calls & 1, cookie, 8192, 500), OK);
        if (calls < 3)
            fixture_publish_empty(store, 5);
    }
    assert_int_equal(item_count, 2 + 1 + 20 + 15);
    assert_string_equal(items[2].name, id);
    cookies_rise();
    for (size_t i = 2; i < item_count; i++) {
        assert_int_equal(strlen(items[i].name), 32);
        assert_false(items[i].attr.there || items[i].fh.size);
        assert_int_equal(call_lookup(&found, NULL, &client, &snap, items[i].name, 32), OK);
        for (size_t j = 2; j < i; j++)
            assert_true(strcmp(items[i].name, items[j].name) != 0 && items[i].fileid != items[j].fileid);
    }
    for (unsigned tries = 0;; tries++) { /* within WORKER_LOOK_MS */
        assert_int_equal(call_getattr(&after, &client, &snap), OK);
        if (after.mtime > before.mtime)
            break;
        assert_true(tries < 1000000);
    }
    assert_true(after.ctime == after.mtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_directory_is_whole),    cmocka_unit_test(sizes_are_kept),
        cmocka_unit_test(sizes_of_attributes_count_too), cmocka_unit_test(what_is_not_listed),
        cmocka_unit_test(verifiers_are_ours_or_zero),    cmocka_unit_test(roots_stay_inside),
        cmocka_unit_test(snap_grows_while_it_is_listed),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
