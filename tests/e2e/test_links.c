/* Hard links over the wire: by whichever name and procedure a client comes, it finds one file: the same handle, fileid
 * and link count, on every run of the server. */
#include "tests/e2e/fixture.h"
#include "tests/e2e/nfs_calls.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* All that the fixture has below "/linked", as the file that it is. */
static const struct {
    const char *directory, *name;
    int file;
    uint32_t nlink;
} names[] = {
    {"linked", "a", 0, 3}, {"linked", "b", 0, 3}, {"linked/sub", "c", 0, 3},
    {"linked", "s", 1, 2}, {"linked", "t", 1, 2}, {"linked", "alone", 2, 1},
};
#define NAMES (sizeof names / sizeof *names)

static struct server server;
static struct client client;
static char store[256], path[64];
static struct fh root;

static void start(void)
{
    server_start(&server, store);
    client_connect(&client, server.port, true);
    assert_int_equal(call_mount(&root, &client, path), OK);
}

static void stop(void)
{
    client_close(&client);
    server_stop(&server);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(store, sizeof store, "%s", fixture_path("links"));
    snprintf(path, sizeof path, "/snap/%s", fixture_publish(store));
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

/* What a listing says of one name. */
struct listed {
    uint64_t fileid;
    struct attr attr; /* READDIRPLUS */
    struct fh fh;
};

static struct listed find_listed(const struct fh *directory, const char *wanted, bool plus)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};
    struct listed item, found = {0};
    struct attr attr;

    buffer_add_be64(&args, 0);
    buffer_add_be64(&args, 0);
    buffer_add_be32(&args, 8192);
    if (plus)
        buffer_add_be32(&args, 8192);
    assert_int_equal(call_nfs(&client, plus ? READDIRPLUS : READDIR, directory, &args), OK);
    read_post_op(&attr, &client);
    client_u64(&client);
    while (client_u32(&client)) {
        uint32_t size;

        item = (struct listed){.fileid = client_u64(&client)};
        const uint8_t *name = client_opaque(&size, &client);
        bool is_it = size == strlen(wanted) && memcmp(name, wanted, size) == 0;
        client_u64(&client);
        if (plus)
            read_post_op(&item.attr, &client);
        if (plus && client_u32(&client))
            read_handle(&item.fh, &client);
        if (is_it)
            found = item;
    }
    assert_int_equal(client_u32(&client), 1);
    client_done(&client);
    return found;
}

static void same(const struct attr *a, const struct attr *b)
{
    assert_true(a->there && b->there);
    assert_true(a->type == b->type && a->mode == b->mode && a->nlink == b->nlink && a->size == b->size);
    assert_true(a->fsid == b->fsid && a->fileid == b->fileid && a->mtime == b->mtime);
}

/* The handle of a name, after every procedure has said the same of it. */
static struct fh handle_of(size_t i, struct attr *attr)
{
    struct fh directory = call_walk(&client, &root, names[i].directory), fh;
    struct attr again;

    assert_int_equal(call_lookup(&fh, attr, &client, &directory, names[i].name, strlen(names[i].name)), OK);
    assert_int_equal(attr->nlink, names[i].nlink);
    assert_int_equal(call_getattr(&again, &client, &fh), OK);
    same(attr, &again);
    struct listed plain = find_listed(&directory, names[i].name, false);
    struct listed plus = find_listed(&directory, names[i].name, true);
    assert_true(plain.fileid == attr->fileid && plus.fileid == attr->fileid);
    assert_memory_equal(&plus.fh, &fh, sizeof fh);
    same(attr, &plus.attr);
    return fh;
}

static void all_names_lead_to_one_file(void **state)
{
    struct fh handles[NAMES];
    struct attr attrs[NAMES];
    (void)state;

    for (size_t i = 0; i < NAMES; i++)
        handles[i] = handle_of(i, &attrs[i]);
    for (size_t i = 0; i < NAMES; i++)
        for (size_t j = 0; j < NAMES; j++) {
            bool one = names[i].file == names[j].file;

            assert_int_equal(memcmp(&handles[i], &handles[j], sizeof *handles) == 0, one);
            assert_int_equal(attrs[i].fileid == attrs[j].fileid, one);
        }
}

static void directories_are_as_ever(void **state)
{
    struct fh linked = call_walk(&client, &root, "linked"), sub = call_walk(&client, &root, "linked/sub"), up;
    struct attr attr, again;
    (void)state;

    assert_int_equal(call_getattr(&attr, &client, &linked), OK);
    assert_int_equal(attr.nlink, 3);
    assert_int_equal(call_lookup(&up, &again, &client, &sub, "..", 2), OK);
    assert_memory_equal(&up, &linked, sizeof up);
    same(&attr, &again);
    assert_true(find_listed(&sub, "..", false).fileid == attr.fileid);
}

static void the_content_is_there_by_every_name(void **state)
{
    const uint8_t *data;
    struct attr attr;
    uint32_t count;
    bool eof;
    (void)state;

    for (size_t i = 0; i < NAMES; i++) {
        struct fh fh = handle_of(i, &attr);

        if (attr.type != 1)
            continue;
        assert_int_equal(call_read(&data, &count, &eof, &client, &fh, 0, 100), OK);
        assert_int_equal(count, 6);
        assert_memory_equal(data, "linked", 6);
    }
}

static void a_restart_changes_nothing(void **state)
{
    struct fh handles[NAMES];
    struct attr attrs[NAMES], attr;
    (void)state;

    for (size_t i = 0; i < NAMES; i++)
        handles[i] = handle_of(i, &attrs[i]);
    stop();
    start();
    for (size_t i = NAMES; i-- > 0;) {
        assert_int_equal(call_getattr(&attr, &client, &handles[i]), OK);
        same(&attr, &attrs[i]);
        struct fh fh = handle_of(i, &attr);
        assert_memory_equal(&fh, &handles[i], sizeof fh);
        same(&attr, &attrs[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_names_lead_to_one_file),
        cmocka_unit_test(directories_are_as_ever),
        cmocka_unit_test(the_content_is_there_by_every_name),
        cmocka_unit_test(a_restart_changes_nothing),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
