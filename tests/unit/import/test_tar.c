/* Tars, header by header: what a tree takes from them, and what it says of the rest. */
#include "tests/unit/import/frame_harness.h"
#include "tests/unit/scratch.h"

#include "import/detect.h"
#include "import/notes.h"
#include "import/tar.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static struct store *store;
static struct error err;
static struct buffer tar; /* being made */

/* --- Making them -------------------------------------------------------------------------------------------------- */

/* One header, ustar unless `v7`, with its content padded to blocks. */
static void member_of(bool v7, char type, const char *name, const char *link, const char *content, size_t size)
{
    char header[513] = {0};
    unsigned sum = 0;

    strncpy(header, name, 100);
    strcpy(header + 100, "0000640");
    strcpy(header + 108, "0001750");
    strcpy(header + 116, "0000144");
    snprintf(header + 124, 12, "%011zo", size);
    strcpy(header + 136, "00000000005");
    memset(header + 148, ' ', 8);
    header[156] = type;
    strncpy(header + 157, link ? link : "", 100);
    if (!v7)
        memcpy(header + 257, "ustar\00000", 8);
    if (type == '3' || type == '4') {
        strcpy(header + 329, "0000403");
        strcpy(header + 337, "0001007");
    }
    for (int i = 0; i < 512; i++)
        sum += (unsigned char)header[i];
    snprintf(header + 148, 8, "%06o", sum);
    buffer_add(&tar, header, 512);
    buffer_add(&tar, content, size);
    while (tar.size % 512)
        buffer_add_byte(&tar, 0);
}

static void member(char type, const char *name, const char *link, const char *content)
{
    member_of(false, type, name, link, content, content ? strlen(content) : 0);
}

/* A pax header from records without their lengths, each "key=value". */
static void pax(const char *const *records, const size_t *sizes)
{
    struct buffer body = {0};

    for (; *records; records++, sizes++) {
        size_t size = *sizes + 3, length = size;

        do
            length = size + (size_t)snprintf(NULL, 0, "%zu", length) - 1;
        while (length != size + (size_t)snprintf(NULL, 0, "%zu", length) - 1);
        buffer_add_format(&body, "%zu ", length);
        buffer_add(&body, *records, *sizes);
        buffer_add_byte(&body, '\n');
    }
    member_of(false, 'x', "pax", NULL, (char *)body.bytes, body.size);
    buffer_free(&body);
}

static void pax_text(const char *record)
{
    size_t size = strlen(record);

    pax((const char *const[]){record, NULL}, &size);
}

static void end(void)
{
    static const char zeros[1024];

    buffer_add(&tar, zeros, sizeof zeros);
}

/* --- Reading them ------------------------------------------------------------------------------------------------- */

static struct outcome outcome;

static void import(struct import_options options)
{
    options.store = store;
    options.has_time = true;
    outcome_free(&outcome);
    outcome = (struct outcome){.dumping = true};
    if (harness_import_tar(&outcome, &options, tar.bytes, tar.size, "dir/some.tar", &err) < 0)
        fail_msg("%s", err.text);
    buffer_add_byte(&outcome.dump, 0);
    buffer_clear(&tar);
}

static void refused(struct import_options options, const char *why)
{
    options.store = store;
    outcome_free(&outcome);
    outcome = (struct outcome){0};
    assert_int_equal(harness_import_tar(&outcome, &options, tar.bytes, tar.size, "some.tar", &err), -EBADMSG);
    assert_int_equal(err.code, EXIT_INPUT);
    assert_string_equal(err.text, why);
    assert_int_equal(outcome.snapshots, 0);
    buffer_clear(&tar);
}

static void expect(const char *text)
{
    if (!strstr((char *)outcome.dump.bytes, text))
        fail_msg("no %s in\n%s", text, (char *)outcome.dump.bytes);
}

static void expect_not(const char *text)
{
    if (strstr((char *)outcome.dump.bytes, text))
        fail_msg("%s in\n%s", text, (char *)outcome.dump.bytes);
}

/* --- Tests -------------------------------------------------------------------------------------------------------- */

static void every_type_has_its_place(void **state)
{
    (void)state;
    member('5', "./", NULL, NULL);
    member('0', "./file", NULL, "abc");
    member('7', "contiguous", NULL, "x");
    member('5', "/abs/dir//", NULL, NULL);
    member('2', "abs/./link", "../file", NULL);
    member('1', "z", "/file", NULL);
    member('3', "char", NULL, NULL);
    member('4', "block", NULL, NULL);
    member('6', "fifo", NULL, NULL);
    end();
    import((struct import_options){0});
    expect(" some 1970-01-01T00:00:00Z\n");
    expect("{\"path\":\"/\",\"type\":\"dir\",\"mode\":\"0640\",\"uid\":1000,\"gid\":100,\"size\":4096,"
           "\"mtime\":\"1970-01-01T00:00:05Z\",\"known\":\"captured\"}");
    expect("{\"path\":\"/abs\",\"type\":\"dir\",\"mode\":\"0755\",\"uid\":0,\"gid\":0,\"size\":4096,"
           "\"mtime\":\"1970-01-01T00:00:00Z\",\"known\":\"made\"}");
    expect("\"path\":\"/abs/dir\",\"type\":\"dir\",\"mode\":\"0640\"");
    expect("\"path\":\"/abs/link\",\"type\":\"link\",\"mode\":\"0777\"");
    expect("\"target\":\"../file\"");
    expect("\"path\":\"/block\",\"type\":\"block\"");
    expect("\"major\":259,\"minor\":519");
    expect("\"path\":\"/fifo\",\"type\":\"pipe\"");
    expect("\"path\":\"/contiguous\",\"type\":\"file\"");
    expect("\"path\":\"/file\",\"type\":\"file\",\"mode\":\"0640\",\"uid\":1000,\"gid\":100,\"size\":3,"
           "\"mtime\":\"1970-01-01T00:00:05Z\",\"nlink\":2");
    expect("\"path\":\"/z\",\"type\":\"file\"");
    expect_not("left out");
}

static void v7_is_a_tar_too(void **state)
{
    (void)state;
    member_of(true, '\0', "f", NULL, "abc", 3);
    member_of(true, '\0', "d/", NULL, NULL, 0);
    member_of(true, '1', "h", "f", NULL, 0);
    end();
    import((struct import_options){0});
    expect("\"path\":\"/d\",\"type\":\"dir\"");
    expect("\"path\":\"/h\",\"type\":\"file\"");
}

static void pax_tells_what_headers_cannot(void **state)
{
    static const char *const records[] = {"path=caf\xc3\xa9/cafe\xcc\x81", "mtime=1234567890.123456789",
                                          "uid=3000000000", "gid=4294967295", NULL};
    static const size_t sizes[] = {17, 26, 14, 14};
    char name[300] = "path=";
    (void)state;

    pax(records, sizes);
    member('0', "short", NULL, "abc");
    pax_text("path=raw\xff\xfe");
    member('0', "short", NULL, "abc");
    memset(name + 5, 'n', 255);
    pax_text(name);
    member('0', "short", NULL, "abc");
    pax_text("mtime=-5.25");
    member('0', "old", NULL, "abc");
    pax_text("uid=4294967296");
    member('0', "large", NULL, "abc");
    end();
    import((struct import_options){0});
    expect("\"path\":\"/caf\xc3\xa9/cafe\xcc\x81\",\"type\":\"file\",\"mode\":\"0640\",\"uid\":3000000000,"
           "\"gid\":4294967295,\"size\":3,\"mtime\":\"2009-02-13T23:31:30.123456789Z\"");
    expect("\"path\":\"/raw\\udcff\\udcfe\",\"type\"");
    expect("nnnnnnnn\",\"type\":\"file\"");
    expect("{\"path\":\"/old\",\"note\":{\"fields\":[\"mtime\"],\"what\":\"unknown\"}}");
    expect("{\"path\":\"/large\",\"note\":{\"fields\":[\"uid\"],\"what\":\"unknown\"}}");
    expect_not("left out");
}

static void extended_attributes_are_held(void **state)
{
    static const char *const records[] = {"SCHILY.xattr.user.b=1\0\xff", "SCHILY.xattr.user.a=first",
                                          "SCHILY.xattr.user.a=last",    "LIBARCHIVE.xattr.user.c%2f=aGVsbG8",
                                          "RHT.security.selinux=ctx",    NULL};
    static const size_t sizes[] = {23, 25, 24, 34, 24};
    (void)state;

    pax(records, sizes);
    member('0', "f", NULL, "abc");
    member('0', "g", NULL, "abc");
    end();
    import((struct import_options){0});
    expect_not("left out");
    assert_int_equal(scratch_sql("SELECT count(*) FROM entry WHERE xattrs IS NOT NULL"), 1);
    assert_int_equal(scratch_sql("SELECT count(*) FROM entry JOIN blob ON blob.id = entry.xattrs WHERE hex(data) = "
                                 "'00000004'"
                                 "||'00000010'||'73656375726974792E73656C696E7578'||'00000003'||'637478'"
                                 "||'00000006'||'757365722E61'||'00000004'||'6C617374'"
                                 "||'00000006'||'757365722E62'||'00000003'||'3100FF'"
                                 "||'00000007'||'757365722E632F'||'00000005'||'68656C6C6F'"),
                     1);
}

static void access_lists_are_extended_attributes(void **state)
{
    (void)state;
    pax_text("SCHILY.acl.access=user::rw-,user:joe:r--:1000,group::r--,mask::r--,other::---");
    member('0', "f", NULL, "abc");
    pax_text("SCHILY.acl.default=user::rw-,user:nobody-knows:r--,group::r--,mask::r--,other::---");
    member('5', "d", NULL, NULL);
    end();
    import((struct import_options){.namespace = "acl"});
    assert_int_equal(scratch_sql("SELECT count(*) FROM entry JOIN blob ON blob.id = entry.xattrs WHERE hex(data) = "
                                 "'00000001'||'00000017'||hex('system.posix_acl_access')||'0000002C'||'02000000'"
                                 "||'01000600FFFFFFFF'||'02000400E8030000'||'04000400FFFFFFFF'||'10000400FFFFFFFF'"
                                 "||'20000000FFFFFFFF'"),
                     1);
    expect("{\"path\":\"/d\",\"note\":{\"record\":\"acl\",\"what\":\"left-out\"");
}

static void what_no_tree_holds_is_noted(void **state)
{
    char deep[300];
    (void)state;

    memset(deep, 'd', sizeof deep);
    memcpy(deep, "path=", 5);
    deep[5 + 256] = '\0';
    member('0', "ok", NULL, "abc");
    member('0', "../up", NULL, "abc");
    member('0', "a/../b", NULL, "abc");
    pax_text(deep);
    member('0', "short", NULL, "abc");
    member('0', "ok/below", NULL, "abc");
    member('2', "./", "root", NULL);
    member('1', "dangling", "nothing", NULL);
    member('1', "climbing", "../ok", NULL);
    member('1', "loop", "loop", NULL);
    end();
    import((struct import_options){0});
    expect("{\"path\":\"/up\",\"type\":\"file\"");
    expect("{\"path\":\"/b\",\"type\":\"file\"");
    expect("\"why\":\"a component of the path is longer than 255 bytes\"");
    expect(
        "{\"path\":\"/ok/below\",\"note\":{\"record\":\"entry\",\"what\":\"left-out\",\"why\":\"something above it is "
        "no directory\"}}");
    expect("{\"path\":\"/dangling\",\"note\":{\"record\":\"entry\",\"what\":\"left-out\",\"why\":\"what it is a hard "
           "link to is not there\"}}");
    expect("{\"path\":\"/climbing\",\"type\":\"file\",\"mode\":\"0640\",\"uid\":1000,\"gid\":100,\"size\":3,");
    expect("{\"path\":\"/loop\",\"note\":");
    expect("\"why\":\"it is the root, and no directory\"");
    expect("5 entries left out (first: dir/some.tar: ");
    expect(": a component of the path is longer than 255 bytes); see confuse manifest ");
}

static void the_last_one_wins(void **state)
{
    (void)state;
    member('0', "f", NULL, "first");
    member('1', "l", "f", NULL);
    member('1', "m", "f", NULL);
    member('0', "f", NULL, "second!");
    member('0', "d/x", NULL, "gone");
    member('2', "d", "f", NULL);
    member('0', "e", NULL, "gone");
    member('5', "e", NULL, NULL);
    member('0', "e/x", NULL, "there");
    end();
    import((struct import_options){0});
    expect("\"path\":\"/f\",\"type\":\"file\",\"mode\":\"0640\",\"uid\":1000,\"gid\":100,\"size\":7,"
           "\"mtime\":\"1970-01-01T00:00:05Z\",\"known\"");
    expect("\"path\":\"/l\",\"type\":\"file\",\"mode\":\"0640\",\"uid\":1000,\"gid\":100,\"size\":5,"
           "\"mtime\":\"1970-01-01T00:00:05Z\",\"nlink\":2");
    expect("\"path\":\"/d\",\"type\":\"link\"");
    expect("\"path\":\"/e/x\"");
    expect_not("\"/d/x\"");
    expect_not("left out");
}

/* What a sparse file of petabytes in a few blocks does: it is there, its content is not. */
static void holes_are_not_written_without_end(void **state)
{
    static const char map[] = "1\n0\n512\n";
    static const char *const records[] = {"GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=big",
                                          "GNU.sparse.realsize=1099511627776", NULL};
    static const size_t sizes[] = {18, 18, 19, 33};
    char body[1024] = {0};
    (void)state;

    memcpy(body, map, sizeof map - 1);
    memset(body + 512, 'x', 512);
    pax(records, sizes);
    member_of(false, '0', "GNUSparseFile.0/big", NULL, body, sizeof body);
    member('0', "next", NULL, "abc");
    end();
    import((struct import_options){0});
    expect("\"path\":\"/big\",\"type\":\"file\",\"mode\":\"0640\",\"uid\":1000,\"gid\":100,\"size\":1099511627776,"
           "\"mtime\":\"1970-01-01T00:00:05Z\",\"known\":\"absent\"");
    expect("its holes are too large");
    expect("\"path\":\"/next\",\"type\":\"file\"");
}

static void the_source_is_all_bytes(void **state)
{
    uint8_t first[SNAPSHOT_ID_SIZE];
    (void)state;

    for (int i = 0; i < 3; i++) {
        member('0', "f", NULL, "abc");
        end();
        if (i == 2)
            buffer_add_text(&tar, "behind the end");
        import((struct import_options){.namespace = "all"});
        assert_int_equal(outcome.new_ones, i != 1);
        if (i == 0)
            memcpy(first, outcome.last.id, sizeof first);
        assert_int_equal(memcmp(first, outcome.last.id, sizeof first) == 0, i != 2);
    }
}

static void bad_ones_are_refused(void **state)
{
    (void)state;
    member('0', "f", NULL, "abc");
    refused((struct import_options){0},
            "some.tar: the archive has no end, so it may be cut short; --partial takes what "
            "is there");
    member('0', "f", NULL, "abc");
    import((struct import_options){.partial = true});
    expect(" partial\n");
    expect("{\"path\":\"\",\"note\":{\"what\":\"partial\",\"why\":\"the archive is cut short\"}}");
    member('0', "f", NULL, "abc");
    end();
    refused((struct import_options){.size_max = 1024},
            "some.tar: more than 1024 bytes uncompressed; --max-size allows more");
    member('1', "l", "../f", NULL);
    end();
    refused((struct import_options){.strict = true},
            "some.tar: /l: an entry that no tree can hold, what it is a hard link to is not there");
    member('1', "l", "../f", NULL);
    refused((struct import_options){.strict = true, .partial = true},
            "some.tar: /l: an entry that no tree can hold, what it is a hard link to is not there");
    member('0', "a/f", NULL, "abc");
    end();
    refused((struct import_options){.strip_prefix = "/b"}, "some.tar: no entry lies below the prefix /b");
    end();
    refused((struct import_options){0}, "some.tar: the archive has no entries");
}

static enum source_format detected(const void *bytes, size_t size)
{
    enum source_format format;
    struct input *input;
    int fd = memfd_create("it", MFD_CLOEXEC);

    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    lseek(fd, 0, SEEK_SET);
    assert_int_equal(input_open_fd(&input, fd, "it", &err), 0);
    assert_int_equal(detect(&format, input, &err), 0);
    assert_int_equal(input_position(input), 0);
    input_close(input);
    return format;
}

/* What costs much memory for few bytes. */
static void limits_are_kept(void **state)
{
    struct spool *values = spool_new("/tmp");
    struct record_set notes = {.values = values, .size_max = 1 << 20, .source = "some.tar"};
    char name[6 + 4090] = "path=";
    int rc = 0;
    (void)state;

    for (int i = 0; i < 4090; i++)
        name[5 + i] = i % 2 ? '/' : 'a';
    name[5 + 4089] = '\0';
    for (int i = 0; i < 600; i++) {
        memcpy(name + 5, (const char[]){(char)('0' + i % 64), '/', (char)('0' + i / 64)}, 3);
        pax_text(name);
        member('0', "short", NULL, NULL);
    }
    end();
    refused((struct import_options){0}, "some.tar: more than 1048576 directories that no entry tells of");

    for (int i = 0; i < 1000 && rc == 0; i++)
        rc = note_left_out(&notes, (struct noted){name, strlen(name)}, TAR_ENTRY, "it is so", &err);
    assert_int_equal(rc, -EBADMSG);
    assert_string_equal(err.text, "some.tar: what there is to say of its entries fills more than 1 MiB");
    record_set_free(&notes);
    spool_free(values);
}

static void formats_are_told_by_content(void **state)
{
    char text[1024];
    (void)state;

    member_of(true, '\0', "f", NULL, "abc", 3);
    assert_int_equal(detected(tar.bytes, 512), SOURCE_TAR);
    assert_int_equal(detected(tar.bytes, 511), SOURCE_FRAME);
    tar.bytes[0] ^= 1;
    assert_int_equal(detected(tar.bytes, tar.size), SOURCE_FRAME);
    buffer_clear(&tar);
    memset(text, 'x', sizeof text);
    memcpy(text + 257, "ustar", 5);
    assert_int_equal(detected(text, sizeof text), SOURCE_FRAME);
    assert_int_equal(detected("", 0), SOURCE_FRAME);
    assert_int_equal(detected("\x1f\x8b", 2), SOURCE_FRAME);
    assert_int_equal(detected("\x28\xb5\x2f\xfd", 4), SOURCE_TAR);
}

static int set_up(void **state)
{
    (void)state;
    store = scratch_store(STORE_CREATE);
    return 0;
}

static int tear_down(void **state)
{
    outcome_free(&outcome);
    buffer_free(&tar);
    store_close(store);
    return scratch_tear_down(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_has_its_place),
        cmocka_unit_test(v7_is_a_tar_too),
        cmocka_unit_test(pax_tells_what_headers_cannot),
        cmocka_unit_test(extended_attributes_are_held),
        cmocka_unit_test(access_lists_are_extended_attributes),
        cmocka_unit_test(what_no_tree_holds_is_noted),
        cmocka_unit_test(the_last_one_wins),
        cmocka_unit_test(holes_are_not_written_without_end),
        cmocka_unit_test(the_source_is_all_bytes),
        cmocka_unit_test(bad_ones_are_refused),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(formats_are_told_by_content),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
