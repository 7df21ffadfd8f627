/* Mode checks: the POSIX matrix of owner, group and others, what root may, and what absent content does to all. */
#include "nfsd/permission.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { OWNER = 1000, GROUP = 2000 };

static const struct rpc_credential root = {.uid = 0};
static const struct rpc_credential owner = {.uid = OWNER, .gid = 1};
static const struct rpc_credential owner_in_group = {.uid = OWNER, .gid = GROUP};
static const struct rpc_credential member = {.uid = 1, .gid = GROUP};
static const struct rpc_credential member_by_list = {.uid = 1, .gid = 1, .group_count = 2, .groups = {5, GROUP}};
static const struct rpc_credential other = {.uid = 1, .gid = 1, .group_count = 1, .groups = {5, GROUP}};

/* The first class that matches decides, also when a later one would permit more (POSIX.1-2017, XBD 4.5). */
static void every_mode_is_read_by_class(void **state)
{
    (void)state;

    for (uint32_t mode = 0; mode <= 0777; mode++)
        for (int directory = 0; directory < 2; directory++) {
            uint32_t full = mode | (directory ? S_IFDIR : S_IFREG) | S_ISUID;

            assert_int_equal(mode_permits(full, OWNER, GROUP, &owner), mode >> 6);
            assert_int_equal(mode_permits(full, OWNER, GROUP, &owner_in_group), mode >> 6);
            assert_int_equal(mode_permits(full, OWNER, GROUP, &member), mode >> 3 & 7);
            assert_int_equal(mode_permits(full, OWNER, GROUP, &member_by_list), mode >> 3 & 7);
            assert_int_equal(mode_permits(full, OWNER, GROUP, &other), mode & 7);
            assert_int_equal(mode_permits(full, OWNER, GROUP, &root), directory || (mode & 0111) ? 7 : 6);
        }
}

static struct object file_of(const struct entry *entry)
{
    return (struct object){.kind = HANDLE_SNAPSHOT, .place.entry = entry};
}

static void absent_content_is_for_nobody(void **state)
{
    const struct entry file = {.mode = S_IFREG | 0777, .uid = OWNER, .gid = GROUP, .flags = ENTRY_ABSENT};
    const struct entry link = {.mode = S_IFLNK | 0777, .flags = ENTRY_ABSENT};
    const struct entry directory = {.mode = S_IFDIR | 0755, .flags = ENTRY_ABSENT};
    struct object object = file_of(&file);
    (void)state;

    assert_int_equal(object_permits(&object, &root), PERMIT_WRITE);
    assert_int_equal(object_permits(&object, &owner), PERMIT_WRITE);
    assert_false(object_readable(&object, &root));
    assert_false(object_readable(&object, &owner));
    object = file_of(&link);
    assert_int_equal(object_permits(&object, &root) & (PERMIT_READ | PERMIT_EXECUTE), 0);
    object = file_of(&directory);
    assert_int_equal(object_permits(&object, &other), 5);
}

static void open_files_stay_readable(void **state)
{
    const struct entry program = {.mode = S_IFREG | 0011, .uid = OWNER, .gid = GROUP};
    const struct entry secret = {.mode = S_IFREG | 0200, .uid = OWNER, .gid = GROUP};
    struct object object = file_of(&program);
    (void)state;

    assert_true(object_readable(&object, &owner));
    assert_true(object_readable(&object, &member));
    assert_true(object_readable(&object, &other));
    assert_int_equal(object_permits(&object, &owner), 0);
    object = file_of(&secret);
    assert_true(object_readable(&object, &owner));
    assert_true(object_readable(&object, &root));
    assert_false(object_readable(&object, &member));
    assert_false(object_readable(&object, &other));
}

static void virtual_directories_are_everybodys(void **state)
{
    const struct object object = {.kind = HANDLE_VIRTUAL, .own.mode = S_IFDIR | 0555};
    (void)state;

    assert_int_equal(object_permits(&object, &other), PERMIT_READ | PERMIT_EXECUTE);
    assert_false(object_is_absent(&object));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mode_is_read_by_class),
        cmocka_unit_test(absent_content_is_for_nobody),
        cmocka_unit_test(open_files_stay_readable),
        cmocka_unit_test(virtual_directories_are_everybodys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
