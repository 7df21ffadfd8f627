/* "/at/<namespace>/<time>" over the wire: prefixes, versions, revisions, times in all spellings, hostile names, long
 * listings; and that handles and cookies outlive the server and imports. */
#include "base/digest.h"
#include "base/timestamp.h"
#include "db/node.h"
#include "db/snapshot.h"
#include "tests/e2e/fixture.h"
#include "tests/e2e/nfs_calls.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DIRECTORY = 2, LINK_TYPE = 5, MANY = 10000, LISTED_MAX = MANY + 100 };

static struct server server;
static struct client client;
static char store_path[256];
static struct fh at;
static struct error err;

static void ok(int result)
{
    if (result < 0)
        fail_msg("%d: %s", result, err.text);
}

static void publish_into(struct store *store, char id[SNAPSHOT_ID_HEX_SIZE], const char *namespace, uint64_t time,
                         unsigned mode)
{
    struct snapshot snapshot = {.namespace = namespace, .time = time, .format = "dir"};
    bool is_new;

    scratch_root(&snapshot.root, store, mode);
    ok(node_empty(&snapshot.links, store, NODE_LINKS, &err));
    ok(node_empty(&snapshot.features, store, NODE_FEATURES, &err));
    ok(snapshot_publish(&is_new, &snapshot, store, &err));
    assert_true(is_new);
    hex_encode(id, snapshot.id, SNAPSHOT_ID_SIZE);
}

/* A root directory with this mode; its id in hex. */
static void publish(char id[SNAPSHOT_ID_HEX_SIZE], const char *namespace, const char *time, unsigned mode)
{
    struct store *store;
    uint64_t ns;

    assert_true(timestamp_parse(&ns, time, strlen(time)));
    ok(store_open(&store, store_path, STORE_CREATE, &err));
    publish_into(store, id, namespace, ns, mode);
    store_close(store);
}

static void start(void)
{
    server_start(&server, store_path);
    client_connect(&client, server.port, true);
    assert_int_equal(call_mount(&at, &client, "/at"), OK);
}

static void stop(void)
{
    client_close(&client);
    server_stop(&server);
}

static char first[SNAPSHOT_ID_HEX_SIZE], again[SNAPSHOT_ID_HEX_SIZE], half[SNAPSHOT_ID_HEX_SIZE],
    below[SNAPSHOT_ID_HEX_SIZE];

static int set_up(void **state)
{
    (void)state;
    snprintf(store_path, sizeof store_path, "%s", fixture_path("at"));
    publish(first, "docker.io/library/nginx", "2020-03-01T12:00:00Z", 0701);
    publish(again, "docker.io/library/nginx", "2020-03-01T12:00:00Z", 0702);
    publish(half, "docker.io/library/nginx", "2020-05-01T00:00:00.5Z", 0703);
    publish(below, "docker.io/library/nginx/alpine", "2020-03-01T12:00:00Z", 0704);
    start();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stop();
    scratch_remove();
    return 0;
}

/* The root of a snapshot, by "/snap". */
static struct fh root_of(const char *id)
{
    char path[64];
    struct fh fh;

    snprintf(path, sizeof path, "/snap/%s", id);
    assert_int_equal(call_mount(&fh, &client, path), OK);
    return fh;
}

static bool same(const struct fh *a, const struct fh *b)
{
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

static void expect_target(const struct fh *link, const char *target)
{
    struct attr attr, now;
    uint32_t size;

    assert_int_equal(call_getattr(&attr, &client, link), OK);
    assert_int_equal(attr.type, LINK_TYPE);
    assert_int_equal(attr.size, strlen(target));
    assert_int_equal(call_nfs(&client, READLINK, link, NULL), OK);
    read_post_op(&now, &client);
    const uint8_t *text = client_opaque(&size, &client);
    assert_int_equal(size, strlen(target));
    assert_memory_equal(text, target, size);
    client_done(&client);
}

/* `name` in a directory leads to this target; NULL: it is not there. */
static void expect_link(const struct fh *directory, const char *name, const char *target)
{
    struct attr attr;
    struct fh link;
    uint32_t status = call_lookup(&link, &attr, &client, directory, name, strlen(name));

    if (status != (target ? OK : NOENT))
        fail_msg("%s: %u", name, status);
    if (target)
        expect_target(&link, target);
}

static void expect_version(const struct fh *directory, const char *name, const char *id)
{
    struct fh version = call_walk(&client, directory, name), root = root_of(id);

    if (!same(&version, &root))
        fail_msg("%s is not %s", name, id);
}

/* The name of a version that is not the newest of its time. */
static const char *older(const char *time, const char *id)
{
    static char name[64];

    snprintf(name, sizeof name, "%s.%.8s", time, id);
    return name;
}

static void versions_are_roots_of_snapshots(void **state)
{
    struct fh nginx = call_walk(&client, &at, "docker.io/library/nginx"), fh;
    struct attr prefix, attr;
    (void)state;

    expect_version(&nginx, "2020-03-01T12:00:00Z", again);
    expect_version(&nginx, older("2020-03-01T12:00:00Z", first), first);
    expect_version(&nginx, "2020-05-01T00:00:00.5Z", half);
    expect_version(&nginx, "alpine/2020-03-01T12:00:00Z", below);
    assert_int_equal(call_lookup(&fh, &attr, &client, &nginx, older("2020-03-01T12:00:00Z", below), 29), NOENT);
    assert_int_equal(call_lookup(&fh, &attr, &client, &nginx, older("2020-03-01T12:00:01Z", first), 29), NOENT);

    /* Up again. */
    assert_int_equal(call_getattr(&prefix, &client, &nginx), OK);
    assert_int_equal(prefix.type, DIRECTORY);
    assert_int_equal(prefix.mode, 0555);
    fh = call_walk(&client, &nginx, "alpine/..");
    assert_true(same(&fh, &nginx));
    fh = call_walk(&client, &nginx, "../../..");
    assert_true(same(&fh, &at));
    assert_int_equal(call_getattr(&attr, &client, &at), OK);
    assert_true(attr.fsid == prefix.fsid && attr.fileid != prefix.fileid);
}

static void other_times_are_links(void **state)
{
    static const char NEW[] = "2020-05-01T00:00:00.5Z", OLD[] = "2020-03-01T12:00:00Z";
    struct fh nginx = call_walk(&client, &at, "docker.io/library/nginx"), utc, zone;
    struct fh library = call_walk(&client, &at, "docker.io/library");
    (void)state;

    expect_link(&nginx, "latest", NEW);
    expect_link(&nginx, "2020", NEW);
    expect_link(&nginx, "2020-05", NEW);
    expect_link(&nginx, "2020-05-01T00:00:00Z", NEW); /* the last instant of that second */
    expect_link(&nginx, "2020-05-01T00:00:00.4Z", OLD);
    expect_link(&nginx, "2020-04", OLD);
    expect_link(&nginx, "2020-03-01", OLD);
    expect_link(&nginx, "2020-03-01T12:00:00z", OLD);
    expect_link(&nginx, "2020-03-01t12:00:00", OLD);
    expect_link(&nginx, "2020-03-01 13:00:00+01:00", OLD);
    expect_link(&nginx, "2020-03-01T13:00+0100", OLD);
    expect_link(&nginx, "2020-03-01T11:59:59Z", NULL);
    expect_link(&nginx, "2020-02-30", NULL);
    expect_link(&nginx, "2019", NULL);
    expect_link(&nginx, "1000", NULL);
    expect_link(&nginx, "9999", NEW);
    expect_link(&nginx, "Latest", NULL);
    expect_link(&library, "latest", NULL); /* no namespace is called so */
    expect_link(&library, "2020", NULL);
    expect_link(&at, "latest", NULL);

    /* One instant, one link. */
    utc = call_walk(&client, &nginx, "2020-04-01T00:00:00Z");
    zone = call_walk(&client, &nginx, "2020-04-01T02:00:00+02:00");
    assert_true(same(&utc, &zone));
}

static void mounting_follows_these_links_only(void **state)
{
    struct fh mounted, root = root_of(half), old = root_of(again);
    char path[1024];
    (void)state;

    assert_int_equal(call_mount(&mounted, &client, "/at/docker.io/library/nginx/latest"), OK);
    assert_true(same(&mounted, &root));
    assert_int_equal(call_mount(&mounted, &client, "/at/docker.io/library/nginx/2020-03-11/"), OK);
    assert_true(same(&mounted, &old));
    assert_int_equal(call_mount(&mounted, &client, "/at/docker.io/library/nginx/2020-03-01T13:30:00+01:00/."), OK);
    assert_true(same(&mounted, &old));
    assert_int_equal(call_mount(&mounted, &client, "/at/docker.io/library/nginx"), OK);
    assert_int_equal(call_mount(&mounted, &client, "/at/docker.io/library/nginx/2019"), NOENT);
    assert_int_equal(call_mount(&mounted, &client, "/at/docker.io/library/latest"), NOENT);

    /* A link of a snapshot is the client's to follow. */
    const char *id = fixture_publish(store_path);
    snprintf(path, sizeof path, "/snap/%s/linked/s", id);
    assert_int_equal(call_mount(&mounted, &client, path), NOTDIR);
    memset(path, 'x', sizeof path);
    memcpy(path, "/at/", 4);
    path[1000] = '\0';
    assert_int_equal(call_mount(&mounted, &client, path), NAMETOOLONG);
}

struct item {
    char name[256];
    uint64_t cookie, fileid;
    bool has_handle, has_attr;
};

static struct item items[LISTED_MAX];
static size_t item_count;

/* One READDIRPLUS; false: it was the last. */
static bool list_more(const struct fh *directory, uint64_t cookie, uint32_t size)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};
    struct attr attr;
    struct fh fh;
    uint32_t name_size;

    buffer_add_be64(&args, cookie);
    buffer_add_be64(&args, 0);
    buffer_add_be32(&args, size);
    buffer_add_be32(&args, size);
    assert_int_equal(call_nfs(&client, READDIRPLUS, directory, &args), OK);
    read_post_op(&attr, &client);
    client_u64(&client);
    while (client_u32(&client)) {
        assert_true(item_count < LISTED_MAX);
        struct item *item = &items[item_count++];

        memset(item, 0, sizeof *item);
        item->fileid = client_u64(&client);
        const uint8_t *name = client_opaque(&name_size, &client);
        assert_in_range(name_size, 1, 255);
        memcpy(item->name, name, name_size);
        item->cookie = client_u64(&client);
        read_post_op(&attr, &client);
        item->has_attr = attr.there;
        assert_true(!attr.there || attr.fileid == item->fileid);
        item->has_handle = client_u32(&client);
        if (item->has_handle)
            read_handle(&fh, &client);
    }
    bool more = !client_u32(&client);
    client_done(&client);
    return more;
}

static void list_all(const struct fh *directory, uint32_t size)
{
    uint64_t cookie = 0;

    item_count = 0;
    while (list_more(directory, cookie, size)) {
        assert_true(item_count > 0 && items[item_count - 1].cookie > cookie);
        cookie = items[item_count - 1].cookie;
    }
}

static void expect_listed(const struct fh *directory, const char *const *names, size_t count)
{
    list_all(directory, 8192);
    assert_int_equal(item_count, count + 2);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(items[i + 2].name, names[i]);
}

static void listings_have_versions_and_prefixes(void **state)
{
    struct fh nginx = call_walk(&client, &at, "docker.io/library/nginx");
    char revision[64];
    const char *const names[] = {"latest", revision, "2020-03-01T12:00:00Z", "2020-05-01T00:00:00.5Z", "alpine"};
    (void)state;

    snprintf(revision, sizeof revision, "%s", older("2020-03-01T12:00:00Z", first));
    expect_listed(&nginx, names, 5);
    for (size_t i = 2; i < item_count; i++) {
        bool of_this = strcmp(items[i].name, "latest") == 0 || strcmp(items[i].name, "alpine") == 0;

        assert_true(items[i].has_handle == of_this && items[i].has_attr == of_this);
    }
    /* From each entry on, as small a reply as can be. */
    for (size_t from = 0; from < 7; from++) {
        list_all(&nginx, 8192);
        uint64_t cookie = items[from].cookie;
        item_count = 0;
        list_more(&nginx, cookie, 8192);
        assert_int_equal(item_count, 7 - from - 1);
    }
    item_count = 0;
    assert_false(list_more(&nginx, UINT64_MAX, 8192));
    assert_int_equal(item_count, 0);
}

static void namespaces_cannot_pass_for_versions(void **state)
{
    static const char *const tilde[] = {"~~home", "~2017", "~latest", "~2020-03-01T12:00:00Z.0123abcd", "plain"};
    char id[SNAPSHOT_ID_HEX_SIZE], name[300], space[400];
    struct fh odd, fh;
    struct attr attr;
    (void)state;

    publish(id, "odd", "2020-03-01T12:00:00Z", 0700);
    for (size_t i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "odd/%s", tilde[i] + (tilde[i][0] == '~'));
        publish(id, name, "2020-03-01T12:00:00Z", 0710);
    }
    /* 255 bytes and a '~' are too many: this one has no name, and nobody else loses his for it. */
    memset(name, 'a', sizeof name);
    name[0] = '~';
    name[255] = '\0';
    snprintf(space, sizeof space, "odd/%s", name);
    publish(id, space, "2020-03-01T12:00:00Z", 0711);
    odd = call_walk(&client, &at, "odd");
    list_all(&odd, 8192);
    assert_int_equal(item_count, 2 + 2 + 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(items[4 + i].name, tilde[i]);
        fh = call_walk(&client, &odd, tilde[i]);
        snprintf(name, sizeof name, "%s/..", tilde[i]);
        fh = call_walk(&client, &odd, name);
        assert_true(same(&fh, &odd));
    }
    expect_link(&odd, "latest", "2020-03-01T12:00:00Z");
    expect_link(&odd, "2020", "2020-03-01T12:00:00Z");
    expect_link(&odd, "2017", NULL);
    expect_link(&odd, "~plain", NULL); /* one spelling */
    expect_link(&odd, "~home", NULL);
    expect_link(&odd, "~", NULL);
    expect_link(&odd, "~2020", NULL);
    publish(id, "2020-01-01/x", "2020-03-01T12:00:00Z", 0711);
    fh = call_walk(&client, &at, "~2020-01-01/x/2020-03-01T12:00:00Z");
    assert_int_equal(call_lookup(&fh, &attr, &client, &at, "2020-01-01", 10), NOENT);
}

static void hostile_names_are_not_there(void **state)
{
    struct fh nginx = call_walk(&client, &at, "docker.io/library/nginx"), fh;
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};
    static char name[4096];
    struct attr attr;
    (void)state;

    assert_int_equal(call_lookup(&fh, &attr, &client, &nginx, "", 0), NOENT);
    assert_int_equal(call_lookup(&fh, &attr, &client, &nginx, "/", 1), NOENT);
    assert_int_equal(call_lookup(&fh, &attr, &client, &at, "docker.io/library", 17), NOENT);
    assert_int_equal(call_lookup(&fh, &attr, &client, &nginx, "latest\0", 7), NOENT);
    assert_int_equal(call_lookup(&fh, &attr, &client, &nginx, "2020\0Z", 6), NOENT);
    assert_int_equal(call_lookup(&fh, &attr, &client, &nginx, "\xff\xfe", 2), NOENT);
    memset(name, '2', sizeof name);
    assert_int_equal(call_lookup(&fh, &attr, &client, &nginx, name, 255), NOENT);
    assert_int_equal(call_lookup(&fh, &attr, &client, &nginx, name, 256), NAMETOOLONG);
    add_opaque(&args, nginx.bytes, nginx.size);
    add_opaque(&args, name, sizeof name); /* more than any name: it is not even decoded */
    assert_int_equal(client_call(&client, NFS_PROGRAM, 3, LOOKUP, &args), CLIENT_GARBAGE);
    snprintf(name, sizeof name, "2020-03-01T12:00:00.%0230dZ", 0); /* zeros do not make it another instant */
    assert_int_equal(call_lookup(&fh, &attr, &client, &nginx, name, strlen(name)), OK);
    expect_target(&fh, "2020-03-01T12:00:00Z");
    /* A link is no directory, and has no content. */
    fh = call_walk(&client, &nginx, "latest");
    assert_int_equal(call_lookup(&fh, &attr, &client, &fh, "x", 1), NOTDIR);
    fh = call_walk(&client, &nginx, "latest");
    assert_int_equal(call_read(NULL, NULL, NULL, &client, &fh, 0, 10), INVAL);
}

static void handles_outlive_the_server_and_imports(void **state)
{
    char id[SNAPSHOT_ID_HEX_SIZE], newer[SNAPSHOT_ID_HEX_SIZE];
    struct fh directory, link, version, now;
    struct attr before, after;
    uint64_t cookie;
    (void)state;

    publish(id, "lasting/one", "2020-03-01T12:00:00Z", 0700);
    directory = call_walk(&client, &at, "lasting/one");
    link = call_walk(&client, &directory, "latest");
    version = call_walk(&client, &directory, "2020-03-01T12:00:00Z");
    list_all(&directory, 8192);
    cookie = items[3].cookie;
    assert_int_equal(call_getattr(&before, &client, &link), OK);
    stop();
    publish(newer, "lasting/one", "2020-03-01T12:00:00Z", 0701);
    start();

    /* The link leads on, its time moved; what was mounted is what it was. */
    expect_target(&link, "2020-03-01T12:00:00Z");
    assert_int_equal(call_getattr(&after, &client, &link), OK);
    assert_true(after.ctime > before.ctime && after.fileid == before.fileid && after.fsid == before.fsid);
    now = call_walk(&client, &directory, "latest");
    assert_true(same(&now, &link));
    now = root_of(id);
    assert_true(same(&now, &version));
    expect_version(&directory, "2020-03-01T12:00:00Z", newer);
    expect_version(&directory, older("2020-03-01T12:00:00Z", id), id);
    item_count = 0;
    list_more(&directory, cookie, 8192); /* goes on behind the old one */
    assert_int_equal(item_count, 1);
    assert_string_equal(items[0].name, "2020-03-01T12:00:00Z");

    /* A later one, while the server runs: its names are there at once. */
    publish(id, "lasting/one", "2021-01-01T00:00:00Z", 0702);
    expect_target(&link, "2021-01-01T00:00:00Z");
    expect_version(&directory, "2021-01-01T00:00:00Z", id);
}

static void forgotten_ones_go(void **state)
{
    char id[SNAPSHOT_ID_HEX_SIZE], later[SNAPSHOT_ID_HEX_SIZE];
    struct fh directory, above, link, old;
    struct attr before, after;
    (void)state;

    publish(id, "going/gone", "2020-03-01T12:00:00Z", 0700);
    publish(later, "going/gone", "2020-03-02T12:00:00Z", 0701);
    above = call_walk(&client, &at, "going");
    directory = call_walk(&client, &above, "gone");
    link = call_walk(&client, &directory, "latest");
    old = call_walk(&client, &directory, "2020-03-01");
    assert_int_equal(call_getattr(&before, &client, &directory), OK);
    fixture_forget(store_path, later);
    expect_target(&link, "2020-03-01T12:00:00Z");
    expect_link(&directory, "2020-03-02T12:00:00Z", "2020-03-01T12:00:00Z");
    assert_int_equal(call_getattr(&after, &client, &directory), OK);
    assert_true(after.mtime > before.mtime && after.ctime == after.mtime);
    fixture_forget(store_path, id);
    assert_int_equal(call_getattr(&after, &client, &directory), STALE);
    assert_int_equal(call_getattr(&after, &client, &above), STALE);
    assert_int_equal(call_getattr(&after, &client, &link), STALE);
    assert_int_equal(call_getattr(&after, &client, &old), STALE);
    assert_int_equal(call_lookup(&directory, &after, &client, &at, "going", 5), NOENT);
}

static void long_histories_are_paged(void **state)
{
    char id[SNAPSHOT_ID_HEX_SIZE], name[TIMESTAMP_TEXT_SIZE];
    const uint64_t begin = 1600000000 * NANOSECONDS;
    struct store *store;
    (void)state;

    ok(store_open(&store, store_path, STORE_CREATE, &err));
    for (unsigned i = 0; i < MANY; i++)
        publish_into(store, id, "many", begin + i * NANOSECONDS, 0700 + i % 64);
    store_close(store);
    struct fh many = call_walk(&client, &at, "many");
    list_all(&many, 65536);
    assert_int_equal(item_count, MANY + 3);
    for (unsigned i = 0; i < MANY; i++) {
        timestamp_format(name, begin + i * NANOSECONDS);
        assert_string_equal(items[i + 3].name, name);
    }
    /* From the middle, and while more come. */
    uint64_t cookie = items[MANY / 2].cookie;
    item_count = 0;
    assert_true(list_more(&many, cookie, 1024));
    size_t some = item_count;
    cookie = items[some - 1].cookie;
    publish(id, "many", "2030-01-01T00:00:00Z", 0700);
    item_count = 0;
    while (list_more(&many, cookie, 32768))
        cookie = items[item_count - 1].cookie;
    assert_int_equal(some + item_count, MANY - MANY / 2 + 2 + 1);
    expect_link(&many, "2020-09-14", "2020-09-13T15:13:19Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_roots_of_snapshots),
        cmocka_unit_test(other_times_are_links),
        cmocka_unit_test(mounting_follows_these_links_only),
        cmocka_unit_test(listings_have_versions_and_prefixes),
        cmocka_unit_test(namespaces_cannot_pass_for_versions),
        cmocka_unit_test(hostile_names_are_not_there),
        cmocka_unit_test(handles_outlive_the_server_and_imports),
        cmocka_unit_test(forgotten_ones_go),
        cmocka_unit_test(long_histories_are_paged),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
