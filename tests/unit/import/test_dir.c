/* A directory that changes while it is imported, by the progress report: it comes between looking at a file and opening
 * it, and after each piece that was read. And what a namespace of directories takes for the same. */
#include "base/cleanup.h"
#include "import/import.h"
#include "import/inodes.h"
#include "tests/unit/ok.h"
#include "tests/unit/scratch.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#define SIZE 300000 /* bytes of "f": two pieces */
#define PIECE 262144

/* What happens at which report. Reports: 1 the root, 2 "f", 3 and 4 its pieces, 5 "d" or "e". */
struct event {
    void (*happens)(void);
    unsigned at, reports;
    unsigned imported, new_ones, warnings;
    struct snapshot last;
};

static char *in_tree(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/tree/%s", scratch_make(), name);
    return path;
}

static void write_file(const char *name, size_t size)
{
    int fd = open(in_tree(name), O_WRONLY | O_CREAT | O_APPEND, 0640);

    assert_true(fd >= 0);
    for (; size; size--)
        assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st, (void)type, (void)where;
    return remove(path);
}

/* A new tree with "f", "d/x" and "e". */
static void make_tree(void)
{
    nftw(in_tree(""), remove_one, 16, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(mkdir(in_tree(""), 0755), 0);
    assert_int_equal(mkdir(in_tree("d"), 0755), 0);
    assert_int_equal(mkdir(in_tree("e"), 0755), 0);
    write_file("d/x", 5);
    write_file("f", 1);
    assert_int_equal(truncate(in_tree("f"), SIZE), 0);
}

/* --- Importing ---------------------------------------------------------------------------------------------------- */

static void progress(void *arg, const struct import_progress *progress)
{
    struct event *event = arg;
    (void)progress;

    if (++event->reports == event->at && event->happens)
        event->happens();
}

static int imported(void *arg, const struct snapshot *snapshot, bool is_new)
{
    struct event *event = arg;

    event->imported++;
    event->new_ones += is_new;
    event->last = *snapshot;
    return 0;
}

static void warn(void *arg, const char *text)
{
    struct event *event = arg;
    (void)text;

    event->warnings++;
}

static void import(struct event *event, struct store *store)
{
    struct import_options options = {
        .store = store, .progress = progress, .imported = imported, .warn = warn, .arg = event};

    ok(import_dir(&options, in_tree(""), &err));
    assert_int_equal(event->imported, 1);
}

/* Import a new tree in which this happens, into a new store: everything in it is of this import. */
static struct event import_while(void (*happens)(void), unsigned at)
{
    struct event event = {.happens = happens, .at = at};

    make_tree();
    struct store *store = scratch_store(STORE_CREATE);
    assert_int_equal(scratch_sql("DELETE FROM entry"), 0);
    assert_int_equal(scratch_sql("DELETE FROM feature"), 0);
    assert_int_equal(scratch_sql("DELETE FROM feature_values"), 0);
    assert_int_equal(scratch_sql("DELETE FROM snapshot"), 0);
    assert_int_equal(scratch_sql("DELETE FROM node"), 0);
    import(&event, store);
    assert_true(event.reports >= at);
    store_close(store);
    return event;
}

static int64_t notes_on(const char *path, const char *what)
{
    char sql[256];

    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM feature AS f JOIN feature_values AS v ON v.node = f.id >> 6 WHERE f.type = '~note'"
             " AND f.key = '%s' AND feature_value(v.data, f.id & 63) LIKE '%%\"what\":\"%s\"%%'",
             path, what);
    return scratch_sql(sql);
}

/* --- What happens ------------------------------------------------------------------------------------------------- */

static void vanish(void)
{
    remove(in_tree("f"));
}

static void become_a_fifo(void)
{
    vanish();
    assert_int_equal(mkfifo(in_tree("f"), 0600), 0);
}

static void become_a_link(void)
{
    vanish();
    assert_int_equal(symlink("/etc/passwd", in_tree("f")), 0);
}

static void become_a_directory(void)
{
    vanish();
    assert_int_equal(mkdir(in_tree("f"), 0700), 0);
}

static void grow(void)
{
    write_file("f", 7);
}

static void shrink(void)
{
    assert_int_equal(truncate(in_tree("f"), 100), 0);
}

static void lead_out(void)
{
    remove(in_tree("d/x"));
    remove(in_tree("d"));
    remove(in_tree("e"));
    assert_int_equal(symlink("/etc", in_tree("d")), 0);
    assert_int_equal(symlink("/etc", in_tree("e")), 0);
}

static void nothing_happens(void **state)
{
    struct event event = import_while(NULL, 0);
    (void)state;

    assert_int_equal(event.new_ones, 1);
    assert_int_equal(event.warnings, 0);
    assert_false(event.last.has_source);
    assert_string_equal(event.last.format, "dir");
    assert_int_equal(scratch_sql("SELECT count(*) FROM entry"), 5);
    assert_int_equal(scratch_sql("SELECT count(*) FROM feature"), 0);
    assert_int_equal(scratch_sql("SELECT size FROM entry WHERE name = 'f'"), SIZE);
    assert_int_equal(scratch_sql("SELECT mode FROM entry WHERE name = 'x'"), S_IFREG | 0640);
}

static void what_vanishes_is_noted(void **state)
{
    void (*const events[])(void) = {vanish, become_a_fifo, become_a_link, become_a_directory};
    (void)state;

    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        struct event event = import_while(events[i], 2);

        assert_int_equal(event.warnings, 1);
        assert_int_equal(scratch_sql("SELECT count(*) FROM entry"), 4);
        assert_int_equal(notes_on("/f", "vanished"), 1);
    }
}

static void what_changes_is_taken_as_it_was_read(void **state)
{
    (void)state;

    import_while(grow, 3);
    assert_int_equal(notes_on("/f", "changed"), 1);
    assert_int_equal(scratch_sql("SELECT size FROM entry WHERE name = 'f'"), SIZE);
    import_while(shrink, 3);
    assert_int_equal(notes_on("/f", "changed"), 1);
    assert_int_equal(scratch_sql("SELECT size FROM entry WHERE name = 'f'"), PIECE);
    assert_int_equal(scratch_sql("SELECT b.size FROM entry AS e JOIN blob AS b ON b.id = e.content WHERE name = 'f'"),
                     PIECE);
}

static void no_link_leads_out(void **state)
{
    (void)state;

    import_while(lead_out, 5);
    assert_int_equal(notes_on("/d", "vanished") + notes_on("/e", "vanished"), 1); /* the other one is open already */
    assert_int_equal(scratch_sql("SELECT count(*) FROM entry"), 3);
}

/* Without a source to be told by: what the newest is comes to nothing new, what an older one was does. */
static void only_the_newest_is_the_same(void **state)
{
    struct event first = import_while(NULL, 0), same = {0}, other = {0}, back = {0};
    struct store *store = scratch_store(STORE_WRITE);
    (void)state;

    import(&same, store);
    assert_int_equal(same.new_ones, 0);
    assert_memory_equal(same.last.id, first.last.id, SNAPSHOT_ID_SIZE);
    assert_int_equal(chmod(in_tree("d/x"), 0600), 0);
    import(&other, store);
    assert_int_equal(other.new_ones, 1);
    assert_int_equal(chmod(in_tree("d/x"), 0640), 0);
    import(&back, store);
    assert_int_equal(back.new_ones, 1);
    assert_true(digest_equal(&back.last.root.digest, &first.last.root.digest));
    assert_memory_not_equal(back.last.id, first.last.id, SNAPSHOT_ID_SIZE);
    store_close(store);
}

/* --- Parts -------------------------------------------------------------------------------------------------------- */

static void attributes_are_kept(void **state)
{
    struct event event = {0};
    (void)state;

    make_tree();
    if (setxattr(in_tree("f"), "user.test", "1", 1, 0) < 0)
        skip();
    struct store *store = scratch_store(STORE_CREATE);
    import(&event, store);
    assert_true(scratch_sql("SELECT count(*) FROM entry AS e JOIN blob AS b ON b.id = e.xattrs WHERE e.name = 'f'"
                            " AND hex(b.data) = '00000001000000' || '09' || hex('user.test') || '0000000131'") > 0);
    store_close(store);
}

static void inodes_are_found_again(void **state)
{
    struct inodes inodes = {0};
    char path[32];
    size_t size;
    (void)state;

    assert_null(inodes_find(&size, &inodes, 1, 1));
    for (unsigned i = 0; i < 10000; i++)
        assert_int_equal(inodes_put(&inodes, i % 3, i / 3, path, (size_t)snprintf(path, sizeof path, "/p%u", i)), 0);
    for (unsigned i = 0; i < 10000; i++) {
        const char *found = inodes_find(&size, &inodes, i % 3, i / 3);

        assert_non_null(found);
        assert_int_equal(size, snprintf(path, sizeof path, "/p%u", i));
        assert_memory_equal(found, path, size);
    }
    assert_null(inodes_find(&size, &inodes, 4, 1));
    inodes_free(&inodes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_happens),
        cmocka_unit_test(what_vanishes_is_noted),
        cmocka_unit_test(what_changes_is_taken_as_it_was_read),
        cmocka_unit_test(no_link_leads_out),
        cmocka_unit_test(only_the_newest_is_the_same),
        cmocka_unit_test(attributes_are_kept),
        cmocka_unit_test(inodes_are_found_again),
    };

    return cmocka_run_group_tests(tests, NULL, scratch_tear_down);
}
