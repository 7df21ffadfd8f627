/* The scan cache's own file system: names, files, quotas, claims by a clock that the test moves, replies. */
#include "db/verdicts.h"

#include "base/timestamp.h"
#include "tests/unit/scratch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define HOUR (3600 * NANOSECONDS)

static const char *directory, *program;
static struct verdicts *v;
static struct error err;
static uint64_t now = 1000 * NANOSECONDS;
static int64_t scanner;
static char digest[65], claim[72];

static uint64_t our_clock(void *arg)
{
    (void)arg;
    return now;
}

static void open_with(const struct verdict_limits *limits)
{
    verdicts_close(v);
    if (verdicts_open(&v, directory, VERDICTS_CREATE, limits, &err) < 0)
        fail_msg("%s", err.text);
    verdicts_use_clock(v, our_clock, NULL);
}

static const struct verdict_new plain = {.mode = 0644}, exclusive = {.how = VERDICT_EXCLUSIVE, .verifier = "1234567"};

static int set_up(void **state)
{
    struct verdict_file file;
    (void)state;

    snprintf(digest, sizeof digest, "%064x", 0xabc);
    snprintf(claim, sizeof claim, "%s.claim", digest);
    directory = scratch_make();
    open_with(NULL);
    assert_int_equal(verdicts_begin(v, &err), 0);
    assert_int_equal(verdict_make_scanner(&file, v, "clamav-1", 8, &plain, &err), 0);
    scanner = file.row;
    return 0;
}

static void remove_database(void)
{
    static const char *const names[] = {"verdicts.db", "verdicts.db-wal", "verdicts.db-shm"};
    char path[512];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        unlink(path);
    }
}

static int tear_down(void **state)
{
    (void)state;
    verdicts_rollback(v);
    verdicts_close(v);
    v = NULL;
    remove_database();
    return 0;
}

static int create_as(struct verdict_file *file, const char *name, const struct verdict_new *as)
{
    struct verdict_file ignored;
    bool made;

    return verdict_create(file ? file : &ignored, &made, v, scanner, name, strlen(name), as, &err);
}

static int find(struct verdict_file *file, const char *name)
{
    return verdict_lookup(file, v, scanner, name, strlen(name), &err);
}

static int rename_to(const char *from, const char *to)
{
    return verdict_rename(v, &(struct verdict_name_at){scanner, from, strlen(from)},
                          &(struct verdict_name_at){scanner, to, strlen(to)}, &err);
}

static void names_are_told_apart(void **state)
{
    (void)state;
    assert_int_equal(verdict_name(digest, 64), VERDICT_NAME_VERDICT);
    assert_int_equal(verdict_name(claim, 70), VERDICT_NAME_CLAIM);
    assert_int_equal(verdict_name("x.tmp", 5), VERDICT_NAME_TEMPORARY);
    assert_int_equal(verdict_name(".nfs00", 6), VERDICT_NAME_TEMPORARY);
    assert_int_equal(verdict_name("..", 2), VERDICT_NAME_NONE);
    assert_int_equal(verdict_name(digest, 63), VERDICT_NAME_NONE);
    assert_int_equal(verdict_name("a/.tmp", 6), VERDICT_NAME_NONE);
    assert_int_equal(verdict_name("a\0.tmp", 6), VERDICT_NAME_NONE);
    assert_true(verdict_scanner_name("clamav-1.4.3-db27500", 20));
    assert_false(verdict_scanner_name(".x", 2) || verdict_scanner_name("", 0) || verdict_scanner_name("a b", 3) ||
                 verdict_scanner_name("a\0", 2));
}

static void what_is_committed_is_there_again(void **state)
{
    struct verdict_file file, found;
    char bytes[8];
    size_t read;
    (void)state;

    assert_int_equal(create_as(&file, digest, &plain), 0);
    verdict_touch(&file, v, true);
    assert_int_equal(verdict_write(&file, v, "clean", 5, &err), 0);
    assert_int_equal(verdicts_commit(v, &err), 0);
    assert_int_equal(verdicts_begin(v, &err), 0);
    assert_int_equal(create_as(NULL, "x.tmp", &plain), 0);
    open_with(NULL); /* without a commit */
    assert_int_equal(verdicts_begin(v, &err), 0);
    assert_int_equal(find(&found, digest), 0);
    assert_memory_equal(found.id, file.id, sizeof file.id);
    assert_true(found.mtime == file.mtime && found.size == 5);
    assert_int_equal(verdict_read(bytes, &read, v, found.row, 1, sizeof bytes, &err), 0);
    assert_int_equal(read, 4);
    assert_memory_equal(bytes, "lean", 4);
    assert_int_equal(find(&found, "x.tmp"), -ENOENT);
}

/* What another process does: this program with a directory (SQLite knows a child that was merely forked by its locks).
 */
static int be_another_process(const char *at)
{
    struct verdicts *theirs = NULL;
    struct verdict_file file;
    bool read = verdicts_open(&theirs, at, VERDICTS_CREATE, NULL, &err) == 0 &&
                verdict_lookup(&file, theirs, VERDICTS_ROOT, "clamav-1", 8, &err) == 0;

    verdicts_close(theirs);
    return read ? 0 : 1;
}

/* A connection more in this process must not let go of what holds the WAL: another process, which ends meanwhile, would
 * take itself for the last and remove it. */
static void other_connections_leave_the_wal(void **state)
{
    struct verdicts *another;
    char path[512];
    int status;
    (void)state;

    snprintf(path, sizeof path, "%s/verdicts.db-wal", directory);
    assert_int_equal(verdicts_commit(v, &err), 0);
    assert_int_equal(verdicts_open(&another, directory, VERDICTS_CREATE, NULL, &err), 0);
    pid_t pid = fork();
    if (pid == 0) {
        execl(program, program, directory, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(access(path, F_OK), 0);
    verdicts_close(another);
    assert_int_equal(verdicts_begin(v, &err), 0);
}

static void times_rise_though_the_clock_stands(void **state)
{
    struct verdict_file before, after, file;
    (void)state;

    assert_int_equal(verdict_find(&before, v, scanner, &err), 0);
    assert_int_equal(create_as(&file, digest, &plain), 0);
    assert_int_equal(verdict_find(&after, v, scanner, &err), 0);
    assert_true(after.mtime > before.mtime && after.ctime > before.ctime);
    now -= 100; /* … or goes back */
    uint64_t mtime = file.mtime;
    verdict_touch(&file, v, true);
    assert_true(file.mtime > mtime);
    now += 100;
}

static void a_claim_is_won_once_and_expires(void **state)
{
    struct verdict_new other = exclusive;
    struct verdict_file file, again, before, after;
    uint64_t next;
    (void)state;

    other.verifier[0]++;
    assert_int_equal(create_as(&file, claim, &exclusive), 0);
    assert_int_equal(create_as(NULL, claim, &exclusive), 0);
    assert_int_equal(create_as(NULL, claim, &other), -EEXIST);
    assert_int_equal(verdict_remove(v, scanner, claim, strlen(claim), &err), -EACCES);
    assert_int_equal(rename_to(claim, "x.tmp"), -EACCES);
    assert_int_equal(verdict_find(&before, v, scanner, &err), 0);
    now += VERDICT_CLAIM_SECONDS * NANOSECONDS - 1;
    assert_int_equal(find(&again, claim), 0);
    verdict_touch(&file, v, true);
    assert_int_equal(verdict_set(&file, v, &err), 0); /* touched: it lives on */
    now += VERDICT_CLAIM_SECONDS * NANOSECONDS - 1;
    assert_int_equal(find(&again, claim), 0);
    now++;
    assert_int_equal(find(&again, claim), -ENOENT);
    assert_int_equal(verdict_find(&again, v, file.row, &err), -ENOENT);
    assert_int_equal(create_as(&again, claim, &other), 0);
    assert_memory_not_equal(again.id, file.id, sizeof file.id);
    now += VERDICT_CLAIM_SECONDS * NANOSECONDS;
    assert_int_equal(verdicts_sweep(&next, v, &err), 0);
    assert_true(next == UINT64_MAX);
    assert_int_equal(verdict_find(&after, v, scanner, &err), 0);
    assert_true(after.mtime > before.mtime && after.files == 0);
}

static void temporaries_live_a_day(void **state)
{
    struct verdict_file file;
    uint64_t next;
    (void)state;

    assert_int_equal(create_as(&file, ".x", &plain), 0);
    now += 23 * HOUR;
    assert_int_equal(verdicts_sweep(&next, v, &err), 0);
    assert_true(next == file.expires);
    assert_int_equal(find(&file, ".x"), 0);
    now += HOUR;
    assert_int_equal(verdicts_sweep(&next, v, &err), 0);
    assert_int_equal(find(&file, ".x"), -ENOENT);
}

static void publishing_takes_the_claim(void **state)
{
    struct verdict_file file, found;
    (void)state;

    assert_int_equal(create_as(NULL, claim, &exclusive), 0);
    assert_int_equal(create_as(&file, digest, &plain), 0);
    assert_int_equal(verdict_write(&file, v, "", 0, &err), 0);
    assert_int_equal(find(&found, claim), 0);
    assert_int_equal(verdict_write(&file, v, "bad", 3, &err), 0);
    assert_int_equal(find(&found, claim), -ENOENT);
    assert_int_equal(create_as(NULL, claim, &exclusive), 0);
    assert_int_equal(create_as(&file, "x.tmp", &plain), 0);
    assert_int_equal(rename_to("x.tmp", digest), 0);
    assert_int_equal(find(&found, claim), -ENOENT);
    assert_int_equal(find(&found, digest), 0);
    assert_true(found.row == file.row && found.expires == 0);
    assert_int_equal(verdict_find(&found, v, scanner, &err), 0);
    assert_true(found.files == 1 && found.bytes == 0);
}

static void quotas_count_all(void **state)
{
    const struct verdict_limits small = {.files = 3, .bytes = 10, .scanners = 2, .claim_ns = NANOSECONDS};
    struct verdict_file file, other, above;
    (void)state;

    assert_int_equal(verdicts_commit(v, &err), 0);
    open_with(&small);
    assert_int_equal(verdicts_begin(v, &err), 0);
    assert_int_equal(create_as(&file, digest, &plain), 0);
    assert_int_equal(create_as(NULL, claim, &exclusive), 0);
    assert_int_equal(create_as(&other, ".t", &plain), 0);
    assert_int_equal(create_as(NULL, ".u", &plain), -EDQUOT);
    assert_int_equal(verdict_write(&file, v, "0123456789", 10, &err), 0);
    assert_int_equal(verdict_write(&other, v, "x", 1, &err), -EDQUOT);
    assert_int_equal(verdict_write(&file, v, "012345678", 9, &err), 0);
    assert_int_equal(verdict_write(&other, v, "x", 1, &err), 0);
    assert_int_equal(rename_to(".t", digest), 0); /* replaces nine bytes */
    assert_int_equal(verdict_find(&above, v, scanner, &err), 0);
    assert_true(above.files == 1 && above.bytes == 1);
    assert_int_equal(verdict_write(&file, v, "x", 1, &err), -ENOENT);
    assert_int_equal(verdict_make_scanner(&file, v, "b", 1, &plain, &err), 0);
    assert_int_equal(verdict_make_scanner(&file, v, "c", 1, &plain, &err), -EDQUOT);
    assert_int_equal(verdict_remove_scanner(v, "clamav-1", 8, &err), -ENOTEMPTY);
}

static int count_file(void *arg, const struct verdict_file *file, const char *name, size_t size)
{
    int64_t *last = arg;
    (void)name;

    assert_true(file->row > *last && size == 64);
    *last = file->row;
    return 0;
}

static void a_listing_goes_by_rows(void **state)
{
    char name[65];
    int64_t last = 0, half;
    (void)state;

    for (unsigned i = 100; i > 0; i--) {
        snprintf(name, sizeof name, "%064x", i);
        assert_int_equal(create_as(NULL, name, &plain), 0);
    }
    assert_int_equal(verdict_list(v, scanner, 0, count_file, &last, &err), 0);
    half = last - 50;
    assert_int_equal(verdict_list(v, scanner, half, count_file, &half, &err), 0);
    assert_true(half == last);
    last = 0;
    assert_int_equal(verdict_list(v, VERDICTS_ROOT, last + INT64_MAX, count_file, &last, &err), 0);
}

static void a_step_that_is_not_kept_has_changed_nothing(void **state)
{
    struct verdict_file file;
    (void)state;

    assert_int_equal(verdicts_step(v, &err), 0);
    assert_int_equal(create_as(&file, digest, &plain), 0);
    assert_int_equal(verdicts_step_end(v, false, &err), 0);
    assert_int_equal(find(&file, digest), -ENOENT);
    assert_int_equal(verdict_find(&file, v, scanner, &err), 0);
    assert_true(file.files == 0);
}

static void the_last_replies_of_each_peer_are_kept(void **state)
{
    struct verdict_call call = {.peer = {1}, .check = UINT64_MAX};
    struct verdict_reply reply = {.row = 7, .id = {9}}, found;
    (void)state;

    for (call.xid = 0; call.xid <= VERDICT_REPLIES_MAX; call.xid++)
        assert_int_equal(verdict_reply_keep(v, &call, &reply, &err), 0);
    call.xid = 0;
    assert_int_equal(verdict_reply_find(&found, v, &call, &err), -ENOENT);
    call.xid = 1;
    assert_int_equal(verdict_reply_find(&found, v, &call, &err), 0);
    assert_true(found.row == reply.row && memcmp(found.id, reply.id, sizeof found.id) == 0);
    call.check--;
    assert_int_equal(verdict_reply_find(&found, v, &call, &err), -ENOENT);
    call.check++;
    call.peer[0] = 2;
    assert_int_equal(verdict_reply_find(&found, v, &call, &err), -ENOENT);
}

static void others_databases_are_refused(void **state)
{
    char path[512];
    (void)state;

    assert_int_equal(verdicts_commit(v, &err), 0);
    verdicts_close(v);
    v = NULL;
    snprintf(path, sizeof path, "%s/verdicts.db", directory);
    remove_database();
    assert_int_equal(verdicts_open(&v, directory, VERDICTS_READ, NULL, &err), -ENOENT);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 4096; i++)
        fputc('x', file);
    fclose(file);
    assert_true(verdicts_open(&v, directory, VERDICTS_CREATE, NULL, &err) < 0);
    assert_non_null(strstr(err.text, directory));
    assert_int_equal(unlink(path), 0);
    open_with(NULL);
    assert_int_equal(verdicts_begin(v, &err), 0);
}

#define ON_A_CACHE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        ON_A_CACHE(names_are_told_apart),
        ON_A_CACHE(what_is_committed_is_there_again),
        ON_A_CACHE(other_connections_leave_the_wal),
        ON_A_CACHE(times_rise_though_the_clock_stands),
        ON_A_CACHE(a_claim_is_won_once_and_expires),
        ON_A_CACHE(temporaries_live_a_day),
        ON_A_CACHE(publishing_takes_the_claim),
        ON_A_CACHE(quotas_count_all),
        ON_A_CACHE(a_listing_goes_by_rows),
        ON_A_CACHE(a_step_that_is_not_kept_has_changed_nothing),
        ON_A_CACHE(the_last_replies_of_each_peer_are_kept),
        ON_A_CACHE(others_databases_are_refused),
    };

    program = argv[0];
    if (argc == 2)
        return be_another_process(argv[1]);
    return cmocka_run_group_tests(tests, NULL, scratch_tear_down);
}
