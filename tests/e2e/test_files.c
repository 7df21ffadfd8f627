/* Files over the wire: attributes, names, permissions, contents, and that nothing can be changed. */
#include "tests/e2e/fixture.h"
#include "tests/e2e/nfs_calls.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct server server;
static struct client client;
static char store[256], id[33], root_path[64];
static struct fh slash, root; /* "/" and the snapshot's */

static int set_up(void **state)
{
    (void)state;
    snprintf(store, sizeof store, "%s", fixture_path("files"));
    snprintf(id, sizeof id, "%s", fixture_publish(store));
    snprintf(root_path, sizeof root_path, "/snap/%s", id);
    server_start(&server, store);
    client_connect(&client, server.port, true);
    assert_int_equal(call_mount(&slash, &client, "/"), OK);
    assert_int_equal(call_mount(&root, &client, root_path), OK);
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

static void as(uint32_t uid, uint32_t gid)
{
    client.uid = uid;
    client.gid = gid;
}

static int as_root_again(void **state)
{
    (void)state;
    as(0, 0);
    return 0;
}

static struct fh at(const char *path)
{
    return call_walk(&client, &root, path);
}

static void attributes_are_as_captured(void **state)
{
    static const struct {
        const char *path;
        uint32_t type, mode, nlink, uid, gid;
        uint64_t size, used;
        uint32_t major, minor;
    } files[] = {
        {"", 2, 0755, 2 + 8, 0, 0, 4096, 4096, 0, 0},         {"absent", 1, 0755, 1, 0, 0, FIXTURE_ABSENT, 0, 0, 0},
        {"big", 1, 0644, 1, 0, 0, FIXTURE_BIG, 303104, 0, 0}, {"dev/fifo", 7, 0600, 1, 0, 0, 0, 0, 0, 0},
        {"dev/null", 4, 0666, 1, 0, 0, 0, 0, 1, 3},           {"dev/sda", 3, 0660, 1, 0, 6, 0, 0, 8, 0},
        {"dev/sock", 6, 0755, 1, 0, 0, 0, 0, 0, 0},           {"empty", 2, 0755, 2, 0, 0, 4096, 4096, 0, 0},
        {"etc/nothing", 1, 0644, 1, 0, 0, 0, 0, 0, 0},        {"etc/shadow", 1, 0640, 1, 0, 42, 15, 4096, 0, 0},
        {"home/mine", 1, 0200, 1, 1000, 1000, 4, 4096, 0, 0}, {"link", 5, 0777, 1, 0, 0, 10, 4096, 0, 0},
        {"program", 1, 04711, 1, 0, 0, 2, 4096, 0, 0},
    };
    struct attr top, a;
    (void)state;

    assert_int_equal(call_getattr(&top, &client, &root), OK);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct fh fh = at(files[i].path);

        assert_int_equal(call_getattr(&a, &client, &fh), OK);
        assert_int_equal(a.type, files[i].type);
        assert_int_equal(a.mode, files[i].mode);
        assert_int_equal(a.nlink, files[i].nlink);
        assert_int_equal(a.uid, files[i].uid);
        assert_int_equal(a.gid, files[i].gid);
        assert_int_equal(a.size, files[i].size);
        assert_int_equal(a.used, files[i].used);
        assert_int_equal(a.major, files[i].major);
        assert_int_equal(a.minor, files[i].minor);
        assert_true(a.fsid == top.fsid);
        assert_true(a.mtime == FIXTURE_MTIME && a.atime == a.mtime && a.ctime == a.mtime);
        assert_true(i == 0 ? a.fileid >= 0x80000000 && a.fileid <= 0xffffffff : a.fileid < FIXTURE_NODES);
    }
}

static void the_ways_in_are_one_file_system(void **state)
{
    struct attr a, b, c;
    struct fh snap, again;
    (void)state;

    assert_int_equal(call_lookup(&snap, &a, &client, &slash, "snap", 4), OK);
    assert_int_equal(call_getattr(&b, &client, &slash), OK);
    assert_true(a.fsid == b.fsid && a.fileid != b.fileid);
    assert_int_equal(b.mode, 0555);
    assert_true(a.mtime > 0 && a.mtime == a.ctime);
    assert_int_equal(call_lookup(&again, &c, &client, &snap, id, 32), OK);
    assert_true(c.fsid != a.fsid);
    assert_memory_equal(&again, &root, sizeof root);
    /* Up again: from "/snap" to "/", which is above itself; the snapshot's root is above itself, too. */
    assert_int_equal(call_lookup(&again, NULL, &client, &snap, "..", 2), OK);
    assert_memory_equal(&again, &slash, sizeof slash);
    assert_int_equal(call_lookup(&again, NULL, &client, &slash, "..", 2), OK);
    assert_memory_equal(&again, &slash, sizeof slash);
    assert_int_equal(call_lookup(&again, NULL, &client, &root, "..", 2), OK);
    assert_memory_equal(&again, &root, sizeof root);
}

static void names_are_found_or_not(void **state)
{
    char name[1100];
    struct fh etc = at("etc"), passwd = at("etc/passwd"), found;
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};
    (void)state;

    memset(name, 'n', sizeof name);
    assert_int_equal(call_lookup(NULL, NULL, &client, &root, name, 255), OK);
    assert_int_equal(call_lookup(NULL, NULL, &client, &root, name, 254), NOENT);
    assert_int_equal(call_lookup(NULL, NULL, &client, &root, name, 256), NAMETOOLONG);
    assert_int_equal(call_lookup(NULL, NULL, &client, &root, name, 1024), NAMETOOLONG);
    assert_int_equal(call_lookup(NULL, NULL, &client, &root, "", 0), NOENT);
    assert_int_equal(call_lookup(NULL, NULL, &client, &root, "etc/passwd", 10), NOENT);
    assert_int_equal(call_lookup(NULL, NULL, &client, &root, "etc\0x", 5), NOENT);
    assert_int_equal(call_lookup(NULL, NULL, &client, &root, "et", 2), NOENT);
    assert_int_equal(call_lookup(NULL, NULL, &client, &passwd, "x", 1), NOTDIR);
    assert_int_equal(call_lookup(&found, NULL, &client, &etc, ".", 1), OK);
    assert_memory_equal(&found, &etc, sizeof etc);
    assert_int_equal(call_lookup(&found, NULL, &client, &etc, "..", 2), OK);
    assert_memory_equal(&found, &root, sizeof root);
    /* A name longer than any is a malformed argument. */
    add_opaque(&args, root.bytes, root.size);
    add_opaque(&args, name, sizeof name);
    assert_int_equal(client_call(&client, NFS_PROGRAM, 3, LOOKUP, &args), CLIENT_GARBAGE);
}

static void snapshots_have_one_name(void **state)
{
    struct fh snap = call_walk(&client, &slash, "snap");
    char name[33];
    (void)state;

    snprintf(name, sizeof name, "%s", id);
    assert_int_equal(call_lookup(NULL, NULL, &client, &snap, name, 31), NOENT);
    for (char *p = name; *p; p++)
        *p = (char)(*p >= 'a' && *p <= 'f' ? *p - 32 : *p);
    assert_int_equal(call_lookup(NULL, NULL, &client, &snap, name, 32), strcmp(name, id) == 0 ? OK : NOENT);
    memset(name, '0', 32);
    assert_int_equal(call_lookup(NULL, NULL, &client, &snap, name, 32), NOENT);
    memset(name, 'g', 32);
    assert_int_equal(call_lookup(NULL, NULL, &client, &snap, name, 32), NOENT);
}

static void handles_are_checked(void **state)
{
    struct fh fh = root, none = {0}, longest = {.size = 64};
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};
    (void)state;

    fh.bytes[9] ^= 1;
    assert_int_equal(call_getattr(NULL, &client, &fh), BADHANDLE);
    assert_int_equal(call_lookup(NULL, NULL, &client, &fh, "etc", 3), BADHANDLE);
    assert_int_equal(call_getattr(NULL, &client, &none), BADHANDLE);
    assert_int_equal(call_getattr(NULL, &client, &longest), BADHANDLE);
    for (uint32_t claimed = 0xffffffff; claimed > 64; claimed /= 2) {
        buffer_clear(&args);
        buffer_add_be32(&args, claimed);
        buffer_add(&args, root.bytes, root.size);
        assert_int_equal(client_call(&client, NFS_PROGRAM, 3, GETATTR, &args), CLIENT_GARBAGE);
    }
    for (size_t size = 0; size < 4 + root.size; size += 4) { /* cut short */
        buffer_clear(&args);
        add_opaque(&args, root.bytes, root.size);
        args.size = size;
        assert_int_equal(client_call(&client, NFS_PROGRAM, 3, GETATTR, &args), CLIENT_GARBAGE);
    }
}

/* Every procedure tells a bad handle as such, and gives no attributes with it. */
static void bad_handles_are_bad_everywhere(void **state)
{
    static const uint32_t procedures[] = {ACCESS, READLINK, READ, READDIR, READDIRPLUS, FSSTAT, FSINFO, PATHCONF};
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};
    struct fh bad = root;
    struct attr a;
    (void)state;

    bad.bytes[bad.size - 1] ^= 1;
    for (int i = 0; i < 4; i++)
        buffer_add_be64(&args, 0);
    for (size_t i = 0; i < sizeof procedures / sizeof *procedures; i++) {
        assert_int_equal(call_nfs(&client, procedures[i], &bad, &args), BADHANDLE);
        read_post_op(&a, &client);
        assert_false(a.there);
        client_done(&client);
    }
}

enum { A_READ = 1, A_LOOKUP = 2, A_CHANGE = 4 | 8 | 16, A_EXECUTE = 32, A_ALL = 63 };

static void access_follows_modes(void **state)
{
    enum { USER = FIXTURE_USER, OTHER = 7, DIR_ALL = A_READ | A_LOOKUP | A_EXECUTE };
    static const struct {
        const char *path;
        uint32_t uid, gid, granted;
    } cases[] = {
        {"", 0, 0, DIR_ALL},
        {"", OTHER, OTHER, DIR_ALL},
        {"home", 0, 0, DIR_ALL},
        {"home", USER, OTHER, DIR_ALL},
        {"home", OTHER, USER, 0},
        {"listed", OTHER, OTHER, A_READ},
        {"searched", OTHER, OTHER, A_LOOKUP | A_EXECUTE},
        {"etc/passwd", OTHER, OTHER, A_READ},
        {"etc/shadow", OTHER, OTHER, 0},
        {"etc/shadow", OTHER, 42, A_READ},
        {"etc/shadow", 0, 0, A_READ},
        {"program", OTHER, OTHER, A_EXECUTE},
        {"program", 0, 0, A_READ | A_EXECUTE},
        {"absent", 0, 0, 0},
        {"absent", OTHER, OTHER, 0},
        {"link", OTHER, OTHER, A_READ | A_EXECUTE},
        {"absent-link", 0, 0, 0},
    };
    uint32_t granted;
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        as(0, 0);
        struct fh fh = at(cases[i].path);
        as(cases[i].uid, cases[i].gid);
        assert_int_equal(call_access(&granted, &client, &fh, A_ALL), OK);
        assert_int_equal(granted, cases[i].granted);
        assert_int_equal(call_access(&granted, &client, &fh, A_CHANGE), OK);
        assert_int_equal(granted, 0);
    }
}

/* NFSACL: what GETACL of a file has for a mask; the list of its mode, which is what there is. */
static void expect_acl(const struct fh *fh, uint32_t mask, const struct attr *expected)
{
    const uint32_t entries[][3] = {
        {1, expected->uid, expected->mode >> 6 & 7},
        {4, expected->gid, expected->mode >> 3 & 7},
        {0x10, 0, expected->mode >> 3 & 7},
        {0x20, 0, expected->mode & 7},
    };
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};
    struct attr a;

    add_opaque(&args, fh->bytes, fh->size);
    buffer_add_be32(&args, mask);
    assert_int_equal(client_call(&client, NFSACL_PROGRAM, 3, 1, &args), CLIENT_SUCCESS);
    assert_int_equal(client_u32(&client), OK);
    read_post_op(&a, &client);
    assert_int_equal(a.mode, expected->mode);
    assert_int_equal(client_u32(&client), mask & 15);
    assert_int_equal(client_u32(&client), 4);
    assert_int_equal(client_u32(&client), mask & 1 ? 4 : 0);
    for (size_t i = 0; mask & 1 && i < 4; i++)
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(client_u32(&client), entries[i][k]);
    assert_int_equal(client_u32(&client), 0); /* none that a directory hands down */
    assert_int_equal(client_u32(&client), 0);
    client_done(&client);
}

static void access_lists_are_the_modes(void **state)
{
    static const char *const paths[] = {"", "etc/shadow", "home/mine", "program", "dev/sda", "link", "absent"};
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};
    struct fh gone = root;
    struct attr a;
    (void)state;

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct fh fh = at(paths[i]);

        assert_int_equal(call_getattr(&a, &client, &fh), OK);
        expect_acl(&fh, 1, &a);
        expect_acl(&fh, 0, &a);
        expect_acl(&fh, UINT32_MAX, &a);
    }
    gone.bytes[gone.size - 1] ^= 1;
    add_opaque(&args, gone.bytes, gone.size);
    buffer_add_be32(&args, 1);
    assert_int_equal(client_call(&client, NFSACL_PROGRAM, 3, 1, &args), CLIENT_SUCCESS);
    assert_int_equal(client_u32(&client), BADHANDLE);
    assert_int_equal(client_u32(&client), 0);
    client_done(&client);
    buffer_clear(&args);
    add_opaque(&args, root.bytes, root.size);
    assert_int_equal(client_call(&client, NFSACL_PROGRAM, 3, 2, &args), CLIENT_SUCCESS); /* SETACL */
    assert_int_equal(client_u32(&client), ROFS);
    read_post_op(&a, &client);
    client_done(&client);
}

static void lookups_need_x(void **state)
{
    struct fh home = at("home"), listed = at("listed"), searched = at("searched");
    (void)state;

    as(7, 7);
    assert_int_equal(call_lookup(NULL, NULL, &client, &home, "mine", 4), ACCES);
    assert_int_equal(call_lookup(NULL, NULL, &client, &listed, "inside", 6), ACCES);
    assert_int_equal(call_lookup(NULL, NULL, &client, &searched, "inside", 6), OK);
    as(FIXTURE_USER, 7);
    assert_int_equal(call_lookup(NULL, NULL, &client, &home, "mine", 4), OK);
}

static uint32_t read_status(const char *path, uint32_t uid)
{
    const uint8_t *data;
    uint32_t count;
    bool eof;

    as(0, 0);
    struct fh fh = at(path);
    as(uid, uid);
    return call_read(&data, &count, &eof, &client, &fh, 0, 100);
}

static void reads_need_permission_and_content(void **state)
{
    (void)state;

    assert_int_equal(read_status("etc/passwd", 7), OK);
    assert_int_equal(read_status("etc/shadow", 7), ACCES);
    assert_int_equal(read_status("etc/shadow", 42), OK);
    assert_int_equal(read_status("etc/shadow", 0), OK);
    assert_int_equal(read_status("home/mine", FIXTURE_USER), OK); /* 0200, but its own: it may be open */
    assert_int_equal(read_status("home/mine", 7), ACCES);
    assert_int_equal(read_status("program", 7), OK); /* running it reads it */
    assert_int_equal(read_status("absent", 0), ACCES);
    assert_int_equal(read_status("absent", 7), ACCES);
    assert_int_equal(read_status("etc", 0), ISDIR);
    assert_int_equal(read_status("link", 0), INVAL);
    assert_int_equal(read_status("dev/null", 0), INVAL);
    assert_int_equal(read_status("dev/fifo", 0), INVAL);
}

/* Offsets and counts around every edge, of a row, of a file that is copied and of one that is sent. */
static void contents_are_whole(void **state)
{
    static const struct {
        const char *path;
        uint64_t size;
    } files[] = {{"big", FIXTURE_BIG}, {"small", FIXTURE_SMALL}, {"etc/nothing", 0}};
    static const uint32_t counts[] = {0, 1, 3, 4096, 65535, 65536, 65537, 300000, 1048576, 0xffffffff};
    (void)state;

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        uint64_t size = files[i].size;
        const uint64_t offsets[] = {0,    1,        4095,       4096,      16383, size / 2, size ? size - 1 : 0,
                                    size, size + 1, 1ull << 40, UINT64_MAX};
        struct fh fh = at(files[i].path);

        for (size_t j = 0; j < sizeof offsets / sizeof *offsets; j++)
            for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
                uint64_t left = offsets[j] < size ? size - offsets[j] : 0;
                const uint8_t *data;
                uint32_t count;
                bool eof;

                assert_int_equal(call_read(&data, &count, &eof, &client, &fh, offsets[j], counts[k]), OK);
                assert_int_equal(count, left < counts[k] ? left : counts[k]);
                assert_int_equal(eof, count == left);
                for (uint32_t n = 0; n < count; n++)
                    if (data[n] != fixture_byte(offsets[j] + n))
                        fail_msg("%s: byte %llu", files[i].path, (unsigned long long)offsets[j] + n);
            }
    }
}

static void links_are_read(void **state)
{
    struct fh link = at("link"), absent = at("absent-link"), passwd = at("etc/passwd");
    struct attr a;
    uint32_t size;
    (void)state;

    assert_int_equal(call_nfs(&client, READLINK, &link, NULL), OK);
    read_post_op(&a, &client);
    const uint8_t *target = client_opaque(&size, &client);
    assert_int_equal(size, 10);
    assert_memory_equal(target, "etc/passwd", 10);
    client_done(&client);
    assert_int_equal(call_nfs(&client, READLINK, &absent, NULL), ACCES);
    read_post_op(&a, &client);
    assert_true(a.there);
    assert_int_equal(call_nfs(&client, READLINK, &passwd, NULL), INVAL);
}

static void file_systems_are_described(void **state)
{
    struct fh any = at("etc/passwd");
    struct attr a;
    (void)state;

    assert_int_equal(call_nfs(&client, FSINFO, &any, NULL), OK);
    read_post_op(&a, &client);
    assert_int_equal(client_u32(&client), 1048576); /* rtmax, rtpref, rtmult */
    assert_int_equal(client_u32(&client), 1048576);
    assert_int_equal(client_u32(&client), 4096);
    for (int i = 0; i < 3; i++)
        assert_true(client_u32(&client) > 0); /* wtmax, wtpref, wtmult */
    assert_int_equal(client_u32(&client), 65536);
    assert_true(client_u64(&client) == INT64_MAX);
    assert_int_equal(client_u32(&client), 0);
    assert_int_equal(client_u32(&client), 1);
    assert_int_equal(client_u32(&client), 1 | 2 | 8);
    client_done(&client);

    assert_int_equal(call_nfs(&client, FSSTAT, &any, NULL), OK);
    read_post_op(&a, &client);
    for (int i = 0; i < 3; i++)
        assert_true(client_u64(&client) == 0);
    assert_int_equal(client_u64(&client), FIXTURE_NODES);
    client_bytes(&client, 8 + 8 + 4);
    client_done(&client);

    assert_int_equal(call_nfs(&client, FSSTAT, &slash, NULL), OK);
    read_post_op(&a, &client);
    client_bytes(&client, 3 * 8);
    assert_int_equal(client_u64(&client), 7); /* "/", "/snap", "/layer", "/chain", "/diff", "/at", "/cache" */

    assert_int_equal(call_nfs(&client, PATHCONF, &any, NULL), OK);
    read_post_op(&a, &client);
    assert_int_equal(client_u32(&client), 32000);
    assert_int_equal(client_u32(&client), 255);
    client_bytes(&client, 4 * 4);
    client_done(&client);
}

/* Every procedure that changes something, with arguments that would be right, on a writable file system. */
static void nothing_can_be_changed(void **state)
{
    static const uint32_t of_one[] = {SETATTR, WRITE, CREATE, MKDIR, SYMLINK, MKNOD, REMOVE, RMDIR, COMMIT};
    struct fh etc = at("etc"), bad = etc;
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};
    struct attr a;
    (void)state;

    bad.bytes[31] ^= 1;
    add_text(&args, "name");
    for (int i = 0; i < 8; i++)
        buffer_add_be64(&args, 0);
    for (size_t i = 0; i < sizeof of_one / sizeof *of_one; i++) {
        assert_int_equal(call_nfs(&client, of_one[i], &etc, &args), ROFS);
        read_wcc(&a, &client);
        assert_true(a.there && a.type == 2);
        client_done(&client);
        assert_int_equal(call_nfs(&client, of_one[i], &bad, &args), BADHANDLE);
        read_wcc(&a, &client);
        client_done(&client);
    }
    buffer_clear(&args);
    add_text(&args, "passwd");
    add_opaque(&args, root.bytes, root.size);
    add_text(&args, "moved");
    assert_int_equal(call_nfs(&client, RENAME, &etc, &args), ROFS);
    read_wcc(&a, &client);
    read_wcc(&a, &client);
    assert_true(a.there);
    client_done(&client);
    buffer_clear(&args);
    add_opaque(&args, root.bytes, root.size);
    add_text(&args, "linked");
    assert_int_equal(call_nfs(&client, LINK, &etc, &args), ROFS);
    read_post_op(&a, &client);
    read_wcc(&a, &client);
    assert_true(a.there);
    client_done(&client);
}

int main(void)
{
#define AS_ROOT(test) cmocka_unit_test_teardown(test, as_root_again)
    const struct CMUnitTest tests[] = {
        AS_ROOT(attributes_are_as_captured),
        AS_ROOT(the_ways_in_are_one_file_system),
        AS_ROOT(names_are_found_or_not),
        AS_ROOT(snapshots_have_one_name),
        AS_ROOT(handles_are_checked),
        AS_ROOT(bad_handles_are_bad_everywhere),
        AS_ROOT(access_follows_modes),
        AS_ROOT(access_lists_are_the_modes),
        AS_ROOT(lookups_need_x),
        AS_ROOT(reads_need_permission_and_content),
        AS_ROOT(contents_are_whole),
        AS_ROOT(links_are_read),
        AS_ROOT(file_systems_are_described),
        AS_ROOT(nothing_can_be_changed),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
