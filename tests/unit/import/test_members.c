/* Members of directories and of tars: found by any way of writing their names, read where they lie, and never anything
 * outside.
 */
#include "import/members.h"

#include "base/buffer.h"
#include "tests/unit/scratch.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SPARSE_SIZE 100000
#define BEFORE 777 /* bytes in the file before the tar */

static struct error err;
static struct members *members;

/* --- Making them -------------------------------------------------------------------------------------------------- */

struct member {
    const char *name;
    mode_t type; /* 0: a hard link to target */
    const char *content, *target;
    bool sparse;
};

static void write_member(struct archive *archive, const struct member *m)
{
    static const char zeros[SPARSE_SIZE];
    struct archive_entry *entry = archive_entry_new();
    size_t size = m->content ? strlen(m->content) : 0;

    archive_entry_set_pathname(entry, m->name);
    archive_entry_set_filetype(entry, m->type ? m->type : AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)size);
    if (m->type == AE_IFLNK)
        archive_entry_set_symlink(entry, m->target);
    if (!m->type)
        archive_entry_set_hardlink(entry, m->target);
    if (m->sparse) {
        archive_entry_set_size(entry, SPARSE_SIZE);
        archive_entry_sparse_add_entry(entry, SPARSE_SIZE / 2, (la_int64_t)size);
    }
    assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
    if (m->sparse) /* holes and all: libarchive leaves them out */
        assert_int_equal(archive_write_data(archive, zeros, SPARSE_SIZE), SPARSE_SIZE);
    else if (size > 0)
        assert_int_equal(archive_write_data(archive, m->content, size), (la_ssize_t)size);
    archive_entry_free(entry);
}

/* A tar behind some other bytes; its fd and size. */
static int make_tar(uint64_t *size, const struct member *list, size_t count, int format)
{
    int fd = memfd_create("tar", MFD_CLOEXEC);
    struct archive *archive = archive_write_new();
    char before[BEFORE] = {0};

    assert_int_equal(write(fd, before, BEFORE), BEFORE);
    archive_write_set_format(archive, format);
    assert_int_equal(archive_write_open_fd(archive, fd), ARCHIVE_OK);
    for (size_t i = 0; i < count; i++)
        write_member(archive, &list[i]);
    archive_write_close(archive);
    archive_write_free(archive);
    *size = (uint64_t)lseek(fd, 0, SEEK_END) - BEFORE;
    return fd;
}

static void open_tar(const struct member *list, size_t count, int format)
{
    uint64_t size;
    int fd = make_tar(&size, list, count, format);

    if (members_open_tar(&members, fd, BEFORE, size, "some.tar", &err) < 0)
        fail_msg("%s", err.text);
}

/* --- What is found ------------------------------------------------------------------------------------------------ */

static void expect(const char *name, const char *content)
{
    struct input *input;
    const uint8_t *bytes;
    uint64_t size;

    if (members_input(&input, &size, members, name, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(size, strlen(content));
    assert_int_equal(input_peek(&bytes, input, size + 1, &err), (ssize_t)size);
    assert_memory_equal(bytes, content, size);
    input_close(input);
}

static void expect_none(const char *name)
{
    struct extent extent;

    assert_int_equal(members_find(&extent, members, name, &err), -ENOENT);
    assert_false(members_have(members, name));
}

static void expect_refused(const char *name, const char *text)
{
    struct extent extent;

    assert_int_equal(members_find(&extent, members, name, &err), -EBADMSG);
    assert_string_equal(err.text, text);
    assert_false(members_have(members, name));
}

/* --- Tests -------------------------------------------------------------------------------------------------------- */

static void names_stay_below_the_top(void **state)
{
    static const struct {
        const char *base, *name, *out; /* NULL: it is none */
    } cases[] = {
        {"", "a", "a"},     {"", "./a//b/.", "a/b"}, {"", "/a", "a"},  {"", "a/../b", "b"},   {"d", "a", "d/a"},
        {"d", "../a", "a"}, {"d/e", "../../a", "a"}, {"d", "/a", "a"}, {"d", "...", "d/..."}, {"d", "../../a", NULL},
        {"", "..", NULL},   {"", "a/..", NULL},      {"", "", NULL},   {"", "./", NULL},      {"", "/", NULL},
    };
    char out[MEMBER_NAME_MAX + 1], name[MEMBER_NAME_MAX + 2];
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool is = member_name_read(out, cases[i].base, strlen(cases[i].base), cases[i].name);

        if (is != (cases[i].out != NULL))
            fail_msg("%s: %s", cases[i].name, is ? out : "none");
        if (is)
            assert_string_equal(out, cases[i].out);
    }
    memset(name, 'x', sizeof name);
    name[MEMBER_NAME_MAX + 1] = '\0';
    assert_false(member_name_read(out, "", 0, name));
    name[MEMBER_NAME_MAX - 1] = '\0';
    assert_true(member_name_read(out, "", 0, name));
    assert_false(member_name_read(out, "dd", 2, name));
}

static void contents_are_where_libarchive_says(void **state)
{
    static const int formats[] = {ARCHIVE_FORMAT_TAR_USTAR, ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE,
                                  ARCHIVE_FORMAT_TAR_GNUTAR};
    char big[70001], longer[151];
    (void)state;

    memset(big, 'b', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    memset(longer, 'n', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    const struct member list[] = {
        {"./", AE_IFDIR, NULL, NULL, false},       {"./one", AE_IFREG, "first", NULL, false},
        {"empty", AE_IFREG, NULL, NULL, false},    {"d/big", AE_IFREG, big, NULL, false},
        {"two", AE_IFREG, "second", NULL, false},  {longer, AE_IFREG, "long", NULL, false},
        {"three", AE_IFREG, "third", NULL, false}, {"/one", AE_IFREG, "the last one", NULL, false},
    };
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        bool has_long = formats[i] != ARCHIVE_FORMAT_TAR_USTAR;

        open_tar(list, has_long ? sizeof list / sizeof *list : 5, formats[i]);
        expect("two", "second");
        expect("d//big", big);
        expect("empty", "");
        if (has_long) {
            expect(longer, "long");
            expect("./three", "third");
        }
        expect("one", has_long ? "the last one" : "first");
        expect_none("nothing");
        expect_none("d/one");
        members_close(members);
    }
}

static void links_are_followed_inside(void **state)
{
    static const struct member list[] = {
        {"base/layer.tar", AE_IFREG, "layer", NULL, false},
        {"a/layer.tar", AE_IFLNK, NULL, "../base/layer.tar", false},
        {"b/layer.tar", AE_IFLNK, NULL, "../a/layer.tar", false},
        {"c", 0, NULL, "base/layer.tar", false},
        {"absolute", AE_IFLNK, NULL, "/c", false},
        {"climbs", AE_IFLNK, NULL, "../../etc/passwd", false},
        {"gone", AE_IFLNK, NULL, "nowhere", false},
        {"x", AE_IFLNK, NULL, "y", false},
        {"y", AE_IFLNK, NULL, "x", false},
        {"self", AE_IFLNK, NULL, "self", false},
        {"dir", AE_IFDIR, NULL, NULL, false},
        {"to-dir", AE_IFLNK, NULL, "dir", false},
        {"fifo", AE_IFIFO, NULL, NULL, false},
        {"sparse", AE_IFREG, "data", NULL, true},
    };
    (void)state;

    open_tar(list, sizeof list / sizeof *list, ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE);
    expect("a/layer.tar", "layer");
    expect("b/layer.tar", "layer");
    expect("c", "layer");
    expect("absolute", "layer");
    expect_refused("climbs", "some.tar: climbs: a link to what is not there");
    expect_refused("gone", "some.tar: gone: a link to what is not there");
    expect_refused("x", "some.tar: x: too many links");
    expect_refused("self", "some.tar: self: too many links");
    expect_refused("to-dir", "some.tar: to-dir: not a regular file");
    expect_refused("fifo", "some.tar: fifo: not a regular file");
    expect_refused("sparse", "some.tar: sparse: a sparse file");
    expect_refused("../x\n", "some.tar: ../x\\x0a: no name that a member can have");
    members_close(members);
}

static void broken_tars_are_refused(void **state)
{
    static const struct member list[] = {{"a", AE_IFREG, "content", NULL, false}, {"b", AE_IFREG, "more", NULL, false}};
    uint64_t size;
    (void)state;

    for (uint64_t cut = 1; cut < 1536; cut += 100) {
        int fd = make_tar(&size, list, 2, ARCHIVE_FORMAT_TAR_USTAR);

        assert_int_equal(members_open_tar(&members, fd, BEFORE, cut, "cut.tar", &err), -EBADMSG);
        assert_non_null(strstr(err.text, "cut.tar: "));
    }
    int fd = make_tar(&size, list, 2, ARCHIVE_FORMAT_TAR_USTAR);
    assert_int_equal(pwrite(fd, "x", 1, BEFORE + 1024), 1);
    assert_int_equal(members_open_tar(&members, fd, BEFORE, size, "flipped.tar", &err), -EBADMSG);
}

static void too_many_members_are_refused(void **state)
{
    struct member *list = calloc(MEMBERS_MAX + 1, sizeof *list);
    uint64_t size;
    (void)state;

    for (size_t i = 0; i <= MEMBERS_MAX; i++)
        list[i] = (struct member){"d", AE_IFDIR, NULL, NULL, false};
    int fd = make_tar(&size, list, MEMBERS_MAX + 1, ARCHIVE_FORMAT_TAR_USTAR);
    assert_int_equal(members_open_tar(&members, fd, BEFORE, size, "many.tar", &err), -EBADMSG);
    assert_string_equal(err.text, "many.tar: more than 65536 members, which no image has");
    free(list);
}

static void put(const char *path, const char *content)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static void directories_are_not_left(void **state)
{
    (void)state;

    assert_int_equal(chdir(scratch_make()), 0);
    assert_int_equal(mkdir("outside", 0755), 0);
    put("outside/secret", "secret");
    assert_int_equal(mkdir("layout", 0755), 0);
    assert_int_equal(mkdir("layout/blobs", 0755), 0);
    put("layout/blobs/x", "blob");
    assert_int_equal(symlink("blobs/x", "layout/link"), 0);
    assert_int_equal(symlink("../outside", "layout/out"), 0);
    assert_int_equal(mkfifo("layout/fifo", 0644), 0);
    assert_int_equal(members_open_dir(&members, "layout", &err), 0);
    expect("blobs/x", "blob");
    expect("./blobs/../blobs//x", "blob");
    expect_none("blobs/y");
    expect_none("nothing/x");
    expect_refused("../outside/secret", "layout: ../outside/secret: no name that a member can have");
    expect_refused("out/secret", "layout: out/secret: a link, or below something that is no directory");
    expect_refused("link", "layout: link: a link, or below something that is no directory");
    expect_refused("blobs/x/y", "layout: blobs/x/y: a link, or below something that is no directory");
    expect_refused("blobs", "layout: blobs: not a regular file");
    expect_refused("fifo", "layout: fifo: not a regular file");
    expect_none(
        "blobs/"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    members_close(members);
    assert_int_equal(members_open_dir(&members, "layout/link", &err), -ENOTDIR);
}

/* --- Inputs on parts of files ------------------------------------------------------------------------------------- */

static void parts_of_files_are_hashed_while_they_are_read(void **state)
{
    size_t size = 3 * INPUT_BLOCK + 5;
    uint8_t *bytes = malloc(size);
    const uint8_t *got;
    struct digest expected, digest;
    struct sha256 *sha = sha256_new();
    struct input *input;
    uint64_t offset, left;
    int fd = memfd_create("part", MFD_CLOEXEC), same;
    (void)state;

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i * 31 + i / 255);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    sha256_of(&expected, sha, bytes + 3, size - 10);
    assert_int_equal(input_open_extent(&input, fd, 3, size - 10, "part", &err), 0);
    assert_int_equal(input_hash(input, &err), 0);
    assert_true(input_peek(&got, input, INPUT_BLOCK + 1, &err) > (ssize_t)INPUT_BLOCK);
    assert_memory_equal(got, bytes + 3, INPUT_BLOCK + 1);
    input_skip(input, 100);
    assert_true(input_extent(&same, &offset, &left, input));
    assert_int_equal(offset, 103);
    assert_int_equal(left, size - 110);
    assert_int_equal(input_digest(&digest, input, &err), 0);
    assert_true(digest_equal(&digest, &expected));
    assert_int_equal(input_position(input), size - 10);
    input_restart(input, fcntl(fd, F_DUPFD_CLOEXEC, 3), size - 3, 3);
    assert_int_equal(input_peek(&got, input, 100, &err), 3);
    assert_memory_equal(got, bytes + size - 3, 3);
    input_close(input);
    fd = memfd_create("short", MFD_CLOEXEC);
    assert_int_equal(input_open_extent(&input, fd, 0, 10, "short", &err), 0);
    assert_int_equal(input_peek(&got, input, 1, &err), -EBADMSG);
    assert_string_equal(err.text, "short: the file became shorter while it was read");
    input_close(input);
    sha256_free(sha);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_stay_below_the_top),
        cmocka_unit_test(contents_are_where_libarchive_says),
        cmocka_unit_test(links_are_followed_inside),
        cmocka_unit_test(broken_tars_are_refused),
        cmocka_unit_test(too_many_members_are_refused),
        cmocka_unit_test(directories_are_not_left),
        cmocka_unit_test(parts_of_files_are_hashed_while_they_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, scratch_tear_down);
}
