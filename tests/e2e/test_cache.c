/* "/cache", the one place that takes writes: names, creation in all three ways, data of all stabilities, attributes,
 * renaming and removing, quotas, claims that expire; what a client sees of it, and what is left after kill -9. */
#include "db/verdicts.h"
#include "tests/e2e/cache_calls.h"
#include "tests/e2e/fixture.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WRITER "insecure,cache=rw"
#define FILES_MAX 12u
#define BYTES_MAX (3u << 20)
#define SECOND 1000000000ull

static const struct verdict_limits limits = {
    .files = FILES_MAX, .bytes = BYTES_MAX, .scanners = 8, .claim_ns = 2 * SECOND};
static const char *store;
static struct server server;
static struct client client;
static struct fh slash, cache, scanner;
static uint8_t megabyte[VERDICT_SIZE_MAX + 1];

static void begin(const char *options)
{
    server_start_with(&server, store, options, 1 << 20);
    client_connect(&client, server.port, true);
}

static void restart(const char *options)
{
    uint32_t xid = client.xid;

    client_close(&client);
    server_kill(&server);
    begin(options);
    client.xid = xid;
}

static int set_up(void **state)
{
    (void)state;
    store = fixture_path("cache");
    fixture_publish_empty(store, 1);
    server_limit_verdicts(&limits);
    begin(WRITER);
    assert_int_equal(call_mount(&slash, &client, "/"), OK);
    cache = call_walk(&client, &slash, "cache");
    for (size_t i = 0; i < sizeof megabyte; i++)
        megabyte[i] = fixture_byte(i);
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

/* Each test has a directory of its own. */
static char scanner_name[16];

static int new_scanner(void **state)
{
    static unsigned count;
    (void)state;

    snprintf(scanner_name, sizeof scanner_name, "s-%u", count++);
    assert_int_equal(call_mkdir(&scanner, &client, &cache, scanner_name), OK);
    return 0;
}

static int empty_scanner(void **state)
{
    char file[VERDICT_TEXT];
    (void)state;

    client.uid = client.gid = 0;
    for (unsigned i = 0; i < 40; i++) {
        call_remove(&client, &scanner, verdict_text(file, i, ""));
        call_remove(&client, &scanner, verdict_text(file, i, ".tmp"));
    }
    call_rmdir(&client, &cache, scanner_name); /* unless claims are left */
    return 0;
}

static void assert_content(const struct fh *fh, const void *bytes, size_t size)
{
    const uint8_t *data;
    uint32_t count;
    bool eof;

    assert_int_equal(call_read(&data, &count, &eof, &client, fh, 0, VERDICT_SIZE_MAX), OK);
    assert_int_equal(count, size);
    assert_true(eof);
    assert_memory_equal(data, bytes, size);
}

static bool exists(const char *name)
{
    uint32_t status = call_lookup(NULL, NULL, &client, &scanner, name, strlen(name));

    assert_true(status == OK || status == NOENT);
    return status == OK;
}

static void names_are_digests_claims_and_temporaries(void **state)
{
    static const char *const bad[] = {"verdict",
                                      "",
                                      "x.claim",
                                      "..",
                                      ".",
                                      "a/.tmp",
                                      "00000000000000000000000000000000000000000000000000000000000000AB",
                                      "000000000000000000000000000000000000000000000000000000000000000"};
    static const char *const good[] = {".nfs0001", "x.tmp", ".a"};
    char name[VERDICT_TEXT], long_name[300];
    (void)state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(call_create(NULL, NULL, &client, &scanner, bad[i], UNCHECKED, 0, NULL), INVAL);
    memset(long_name, '.', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_int_equal(call_create(NULL, NULL, &client, &scanner, long_name, UNCHECKED, 0, NULL), NAMETOOLONG);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(call_create(NULL, NULL, &client, &scanner, good[i], UNCHECKED, 0, NULL), OK);
        assert_int_equal(call_rename(&client, &scanner, good[i], &scanner, "verdict"), INVAL);
        assert_int_equal(call_remove(&client, &scanner, good[i]), OK);
    }
    assert_int_equal(call_create(NULL, NULL, &client, &scanner, verdict_text(name, 1, ""), UNCHECKED, 0, NULL), OK);
    assert_int_equal(call_create(NULL, NULL, &client, &cache, verdict_text(name, 1, ""), UNCHECKED, 0, NULL), ACCES);
    assert_int_equal(call_mkdir(NULL, &client, &scanner, "below"), ACCES);
    assert_int_equal(call_mkdir(NULL, &client, &cache, ".hidden"), INVAL);
}

static void three_ways_to_create(void **state)
{
    char name[VERDICT_TEXT];
    struct fh first, again;
    struct wcc wcc;
    (void)state;

    verdict_text(name, 1, "");
    assert_int_equal(call_create(&first, &wcc, &client, &scanner, name, UNCHECKED, 0, NULL), OK);
    assert_true(wcc.before.there && wcc.after.there && wcc.after.mtime > wcc.before.mtime &&
                wcc.after.ctime > wcc.before.ctime);
    assert_int_equal(call_write(NULL, NULL, NULL, &client, &first, 0, "clean", 5, FILE_SYNC), OK);
    assert_int_equal(call_create(&again, NULL, &client, &scanner, name, UNCHECKED, 0, NULL), OK);
    assert_memory_equal(&first, &again, sizeof first);
    assert_content(&again, "clean", 5);
    struct sattr cut = nothing_set;
    cut.size = 0;
    assert_int_equal(call_create(&again, NULL, &client, &scanner, name, UNCHECKED, 0, &cut), OK);
    assert_content(&again, "", 0);
    assert_int_equal(call_create(NULL, NULL, &client, &scanner, name, GUARDED, 0, NULL), EXIST);
    assert_int_equal(call_create(NULL, NULL, &client, &scanner, name, EXCLUSIVE, 7, NULL), EXIST);

    verdict_text(name, 2, "");
    assert_int_equal(call_create(&first, NULL, &client, &scanner, name, EXCLUSIVE, 7, NULL), OK);
    assert_int_equal(call_create(&again, NULL, &client, &scanner, name, EXCLUSIVE, 7, NULL), OK);
    assert_memory_equal(&first, &again, sizeof first);
    assert_int_equal(call_create(NULL, NULL, &client, &scanner, name, EXCLUSIVE, 8, NULL), EXIST);
}

/* Two machines may come upon the same verifier: it is each one's own. */
static void verifiers_are_of_one_client(void **state)
{
    char name[VERDICT_TEXT];
    struct client other;
    struct fh fh, again;
    (void)state;

    verdict_text(name, 1, ".claim");
    client_connect_from(&other, 0x7f000002, server.port);
    assert_int_equal(call_create(&fh, NULL, &client, &scanner, name, EXCLUSIVE, 7, NULL), OK);
    assert_int_equal(call_create(NULL, NULL, &other, &scanner, name, EXCLUSIVE, 7, NULL), EXIST);
    assert_int_equal(call_create(&again, NULL, &client, &scanner, name, EXCLUSIVE, 7, NULL), OK);
    assert_memory_equal(&fh, &again, sizeof fh);
    client_close(&other);
}

static void data_of_all_stabilities(void **state)
{
    uint64_t verifier, other;
    char name[VERDICT_TEXT];
    uint32_t committed;
    struct attr attr;
    struct wcc wcc;
    struct fh fh;
    (void)state;

    assert_int_equal(call_create(&fh, NULL, &client, &scanner, verdict_text(name, 1, ""), GUARDED, 0, NULL), OK);
    assert_int_equal(call_write(&committed, &verifier, &wcc, &client, &fh, 4, "cd", 2, UNSTABLE), OK);
    assert_int_equal(committed, UNSTABLE);
    assert_true(wcc.before.there && wcc.before.size == 0 && wcc.after.size == 6);
    assert_int_equal(call_getattr(&attr, &client, &fh), OK); /* the draft is the file */
    assert_true(attr.size == 6 && attr.mtime == wcc.after.mtime);
    assert_content(&fh, "\0\0\0\0cd", 6);
    assert_int_equal(call_write(&committed, &other, NULL, &client, &fh, 0, "ab", 2, UNSTABLE), OK);
    assert_true(other == verifier);
    assert_int_equal(call_commit(&other, &client, &fh), OK);
    assert_true(other == verifier);
    assert_content(&fh, "ab\0\0cd", 6);
    assert_int_equal(call_getattr(&attr, &client, &fh), OK);
    uint64_t mtime = attr.mtime;
    assert_int_equal(call_write(&committed, NULL, &wcc, &client, &fh, 1, "x", 1, DATA_SYNC), OK);
    assert_int_equal(committed, FILE_SYNC);
    assert_true(wcc.before.mtime == mtime && wcc.after.mtime > mtime);
    assert_content(&fh, "ax\0\0cd", 6);
    /* What was never committed is gone with the server, and the verifier tells. */
    assert_int_equal(call_write(NULL, NULL, NULL, &client, &fh, 0, "lost", 4, UNSTABLE), OK);
    restart(WRITER);
    assert_int_equal(call_commit(&other, &client, &fh), OK);
    assert_true(other != verifier);
    assert_content(&fh, "ax\0\0cd", 6);
}

static void a_megabyte_and_no_more(void **state)
{
    char name[VERDICT_TEXT];
    struct sattr set = nothing_set;
    struct fh fh;
    (void)state;

    assert_int_equal(call_create(&fh, NULL, &client, &scanner, verdict_text(name, 1, ""), GUARDED, 0, NULL), OK);
    assert_int_equal(call_write(NULL, NULL, NULL, &client, &fh, 0, megabyte, VERDICT_SIZE_MAX, FILE_SYNC), OK);
    assert_content(&fh, megabyte, VERDICT_SIZE_MAX);
    assert_int_equal(call_write(NULL, NULL, NULL, &client, &fh, VERDICT_SIZE_MAX, "x", 1, FILE_SYNC), FBIG);
    assert_int_equal(call_write(NULL, NULL, NULL, &client, &fh, 1, megabyte, VERDICT_SIZE_MAX, UNSTABLE), FBIG);
    assert_int_equal(call_write(NULL, NULL, NULL, &client, &fh, UINT64_MAX, "x", 1, UNSTABLE), FBIG);
    set.size = VERDICT_SIZE_MAX + 1;
    assert_int_equal(call_setattr(NULL, &client, &fh, &set, 0), FBIG);
    assert_content(&fh, megabyte, VERDICT_SIZE_MAX);
}

static void attributes_are_set(void **state)
{
    struct sattr set = nothing_set;
    char name[VERDICT_TEXT];
    struct attr attr;
    struct wcc wcc;
    struct fh fh;
    (void)state;

    assert_int_equal(call_create(&fh, NULL, &client, &scanner, verdict_text(name, 1, ""), GUARDED, 0, NULL), OK);
    assert_int_equal(call_write(NULL, NULL, NULL, &client, &fh, 0, "abcdef", 6, UNSTABLE), OK);
    set.mode = 0640;
    set.size = 3;
    set.mtime = 1700000000123456789ull;
    assert_int_equal(call_setattr(&wcc, &client, &fh, &set, 0), OK);
    assert_true(wcc.after.size == 3 && wcc.after.mode == 0640 && wcc.after.mtime == set.mtime);
    assert_true(wcc.after.ctime > wcc.before.ctime);
    assert_content(&fh, "abc", 3);
    set = nothing_set;
    set.size = 5;
    assert_int_equal(call_setattr(NULL, &client, &fh, &set, wcc.before.ctime), NOT_SYNC);
    assert_int_equal(call_setattr(NULL, &client, &fh, &set, wcc.after.ctime), OK);
    assert_content(&fh, "abc\0\0", 5);
    client.uid = client.gid = 1000; /* nobody's */
    assert_int_equal(call_setattr(NULL, &client, &fh, &set, 0), ACCES);
    set = nothing_set;
    set.mode = 0777;
    assert_int_equal(call_setattr(NULL, &client, &fh, &set, 0), PERM);
    assert_int_equal(call_write(NULL, NULL, NULL, &client, &fh, 0, "x", 1, FILE_SYNC), ACCES);
    assert_int_equal(call_remove(&client, &scanner, name), ACCES);
    assert_int_equal(call_create(NULL, NULL, &client, &scanner, "x.tmp", GUARDED, 0, NULL), ACCES);
    client.uid = client.gid = 0;
    assert_int_equal(call_getattr(&attr, &client, &fh), OK);
    assert_true(attr.mode == 0640 && attr.size == 5);
}

static void renaming_publishes(void **state)
{
    char name[VERDICT_TEXT], claim[VERDICT_TEXT], other[VERDICT_TEXT];
    struct fh fh, found, replaced;
    struct attr before, after;
    (void)state;

    verdict_text(name, 1, "");
    verdict_text(claim, 1, ".claim");
    verdict_text(other, 2, ".claim");
    assert_int_equal(call_create(NULL, NULL, &client, &scanner, claim, EXCLUSIVE, 1, NULL), OK);
    assert_int_equal(call_create(&replaced, NULL, &client, &scanner, name, GUARDED, 0, NULL), OK);
    assert_true(exists(claim)); /* an empty verdict is none yet */
    assert_int_equal(call_create(&fh, NULL, &client, &scanner, "x.tmp", GUARDED, 0, NULL), OK);
    assert_int_equal(call_write(NULL, NULL, NULL, &client, &fh, 0, "clean", 5, UNSTABLE), OK);
    assert_int_equal(call_getattr(&before, &client, &scanner), OK);
    assert_int_equal(call_rename(&client, &scanner, "x.tmp", &scanner, name), OK);
    assert_int_equal(call_getattr(&after, &client, &scanner), OK);
    assert_true(after.mtime > before.mtime && after.ctime > before.ctime);
    assert_int_equal(call_lookup(&found, NULL, &client, &scanner, name, strlen(name)), OK);
    assert_memory_equal(&found, &fh, sizeof fh);                       /* it kept its handle … */
    assert_int_equal(call_getattr(&after, &client, &replaced), STALE); /* … and took the other one's place */
    assert_false(exists("x.tmp"));
    assert_false(exists(claim));
    restart(WRITER); /* unstable data were written with it */
    assert_content(&fh, "clean", 5);

    assert_int_equal(call_create(NULL, NULL, &client, &scanner, other, GUARDED, 0, NULL), OK);
    assert_int_equal(call_remove(&client, &scanner, other), ACCES);
    assert_int_equal(call_rename(&client, &scanner, other, &scanner, "y.tmp"), ACCES);
    assert_int_equal(call_rename(&client, &scanner, name, &scanner, other), ACCES);
    assert_int_equal(call_rename(&client, &scanner, "none.tmp", &scanner, name), NOENT);
    assert_int_equal(call_rename(&client, &scanner, name, &scanner, name), OK);
    assert_int_equal(call_remove(&client, &scanner, name), OK);
    assert_int_equal(call_remove(&client, &scanner, name), NOENT);
    assert_int_equal(call_getattr(&after, &client, &fh), STALE);
}

static void writing_publishes(void **state)
{
    char name[VERDICT_TEXT], claim[VERDICT_TEXT];
    uint64_t verifier;
    struct fh fh;
    (void)state;

    for (unsigned i = 0; i < 2; i++) {
        verdict_text(name, 10 + i, "");
        verdict_text(claim, 10 + i, ".claim");
        assert_int_equal(call_create(NULL, NULL, &client, &scanner, claim, EXCLUSIVE, 1, NULL), OK);
        assert_int_equal(call_create(&fh, NULL, &client, &scanner, name, GUARDED, 0, NULL), OK);
        assert_int_equal(call_write(NULL, NULL, NULL, &client, &fh, 0, "bad", 3, i ? FILE_SYNC : UNSTABLE), OK);
        if (!i)
            assert_true(exists(claim));
        assert_int_equal(call_commit(&verifier, &client, &fh), OK);
        assert_false(exists(claim));
    }
}

static void claims_expire(void **state)
{
    struct attr before, after;
    char claim[VERDICT_TEXT];
    struct fh fh, again;
    (void)state;

    verdict_text(claim, 1, ".claim");
    assert_int_equal(call_create(&fh, NULL, &client, &scanner, claim, EXCLUSIVE, 1, NULL), OK);
    assert_int_equal(call_create(NULL, NULL, &client, &scanner, claim, EXCLUSIVE, 2, NULL), EXIST);
    assert_int_equal(call_getattr(&before, &client, &scanner), OK);
    usleep(1300000);
    struct sattr touch = nothing_set;
    touch.mtime = 1;
    assert_int_equal(call_setattr(NULL, &client, &fh, &touch, 0), OK);
    usleep(1300000);
    assert_true(exists(claim)); /* it was touched */
    usleep(2200000);
    assert_false(exists(claim));
    assert_int_equal(call_getattr(&after, &client, &fh), STALE);
    assert_int_equal(call_getattr(&after, &client, &scanner), OK);
    assert_true(after.mtime > before.mtime);
    assert_int_equal(call_create(&again, NULL, &client, &scanner, claim, EXCLUSIVE, 2, NULL), OK);
    assert_memory_not_equal(&again, &fh, sizeof fh);
}

/* It claimed a content, made its verdict, and wrote to another file what it never committed. */
static void a_client_that_dies_leaves_what_others_bear(void **state)
{
    char name[VERDICT_TEXT], claim[VERDICT_TEXT];
    struct fh fh, aside;
    struct client other;
    struct attr attr;
    (void)state;

    verdict_text(name, 1, "");
    verdict_text(claim, 1, ".claim");
    client_connect_from(&other, 0x7f000002, server.port);
    assert_int_equal(call_create(NULL, NULL, &other, &scanner, claim, EXCLUSIVE, 1, NULL), OK);
    assert_int_equal(call_create(&fh, NULL, &other, &scanner, name, GUARDED, 0, NULL), OK);
    assert_int_equal(call_create(&aside, NULL, &other, &scanner, "x.tmp", GUARDED, 0, NULL), OK);
    assert_int_equal(call_write(NULL, NULL, NULL, &other, &aside, 0, "ha", 2, UNSTABLE), OK);
    client_close(&other);
    assert_int_equal(call_create(NULL, NULL, &client, &scanner, claim, EXCLUSIVE, 2, NULL), EXIST);
    assert_content(&aside, "ha", 2);
    usleep(2300000);
    assert_int_equal(call_create(NULL, NULL, &client, &scanner, claim, EXCLUSIVE, 2, NULL), OK);
    assert_int_equal(call_create(&aside, NULL, &client, &scanner, "y.tmp", GUARDED, 0, NULL), OK);
    assert_int_equal(call_write(NULL, NULL, NULL, &client, &aside, 0, "clean", 5, FILE_SYNC), OK);
    assert_int_equal(call_rename(&client, &scanner, "y.tmp", &scanner, name), OK);
    assert_int_equal(call_getattr(&attr, &client, &fh), STALE);
    assert_content(&aside, "clean", 5);
    assert_false(exists(claim));
    assert_int_equal(call_remove(&client, &scanner, "x.tmp"), OK);
}

static void quotas_hold(void **state)
{
    char name[VERDICT_TEXT];
    struct fh fh[4];
    (void)state;

    for (unsigned i = 0; i < 4; i++) {
        verdict_text(name, i, i == 3 ? ".tmp" : "");
        assert_int_equal(call_create(&fh[i], NULL, &client, &scanner, name, GUARDED, 0, NULL), OK);
        assert_int_equal(call_write(NULL, NULL, NULL, &client, &fh[i], 0, megabyte, VERDICT_SIZE_MAX, FILE_SYNC),
                         i < 3 ? OK : DQUOT);
    }
    assert_int_equal(call_write(NULL, NULL, NULL, &client, &fh[3], 0, "x", 1, FILE_SYNC), DQUOT);
    for (unsigned i = 4; i <= FILES_MAX; i++)
        assert_int_equal(call_create(NULL, NULL, &client, &scanner, verdict_text(name, i, ""), GUARDED, 0, NULL),
                         i < FILES_MAX ? OK : DQUOT);
    assert_int_equal(call_remove(&client, &scanner, verdict_text(name, 0, "")), OK);
    assert_int_equal(call_write(NULL, NULL, NULL, &client, &fh[3], 0, "x", 1, FILE_SYNC), OK);
    assert_int_equal(call_nfs(&client, FSSTAT, &scanner, NULL), OK);
    struct attr attr;
    read_post_op(&attr, &client);
    assert_true(client_u64(&client) == BYTES_MAX && client_u64(&client) == BYTES_MAX - (2u << 20) - 1);
    client_u64(&client);
    assert_true(client_u64(&client) == FILES_MAX && client_u64(&client) == 1);
}

static void directories_come_and_go(void **state)
{
    struct fh fh, found;
    struct attr attr;
    char name[VERDICT_TEXT];
    (void)state;

    assert_int_equal(call_mkdir(&fh, &client, &cache, "clamav-1.4.3-db27500"), OK);
    assert_int_equal(call_mkdir(NULL, &client, &cache, "clamav-1.4.3-db27500"), EXIST);
    found = call_walk(&client, &slash, "cache/clamav-1.4.3-db27500");
    assert_memory_equal(&fh, &found, sizeof fh);
    assert_int_equal(call_create(NULL, NULL, &client, &fh, verdict_text(name, 1, ""), GUARDED, 0, NULL), OK);
    assert_int_equal(call_rmdir(&client, &cache, "clamav-1.4.3-db27500"), NOTEMPTY);
    assert_int_equal(call_remove(&client, &cache, "clamav-1.4.3-db27500"), ISDIR);
    assert_int_equal(call_rmdir(&client, &fh, name), NOTDIR);
    assert_int_equal(call_remove(&client, &fh, name), OK);
    assert_int_equal(call_rmdir(&client, &cache, "clamav-1.4.3-db27500"), OK);
    assert_int_equal(call_getattr(&attr, &client, &fh), STALE);
    assert_int_equal(call_create(NULL, NULL, &client, &fh, name, GUARDED, 0, NULL), STALE);
}

/* The same call again, byte for byte, to a server that was killed meanwhile. */
static void repeated_calls_are_answered_alike(void **state)
{
    char name[VERDICT_TEXT], new_name[VERDICT_TEXT];
    struct fh fh, again;
    uint32_t xid;
    (void)state;

    verdict_text(name, 1, "");
    verdict_text(new_name, 2, "");
    xid = client.xid;
    assert_int_equal(call_create(&fh, NULL, &client, &scanner, name, GUARDED, 0, NULL), OK);
    restart(WRITER);
    client.xid = xid;
    assert_int_equal(call_create(&again, NULL, &client, &scanner, name, GUARDED, 0, NULL), OK);
    assert_memory_equal(&fh, &again, sizeof fh);
    assert_int_equal(call_create(&again, NULL, &client, &scanner, name, GUARDED, 0, NULL), EXIST);
    xid = client.xid;
    assert_int_equal(call_rename(&client, &scanner, name, &scanner, new_name), OK);
    restart(WRITER);
    client.xid = xid;
    assert_int_equal(call_rename(&client, &scanner, name, &scanner, new_name), OK);
    assert_int_equal(call_rename(&client, &scanner, name, &scanner, new_name), NOENT);
    xid = client.xid;
    assert_int_equal(call_remove(&client, &scanner, new_name), OK);
    restart(WRITER);
    client.xid = xid;
    assert_int_equal(call_remove(&client, &scanner, new_name), OK);
    assert_int_equal(call_remove(&client, &scanner, new_name), NOENT);
}

static void without_the_option_nothing_is_written(void **state)
{
    char name[VERDICT_TEXT];
    uint32_t granted;
    struct fh fh;
    (void)state;

    verdict_text(name, 1, "");
    assert_int_equal(call_create(&fh, NULL, &client, &scanner, name, GUARDED, 0, NULL), OK);
    assert_int_equal(call_access(&granted, &client, &fh, 0x3f), OK);
    assert_int_equal(granted, 0x1 | 0x4 | 0x8);
    assert_int_equal(call_nfs(&client, SYMLINK, &scanner, NULL), PERM);
    restart("insecure");
    assert_int_equal(call_access(&granted, &client, &fh, 0x3f), OK);
    assert_int_equal(granted, 0x1);
    assert_content(&fh, "", 0);
    assert_int_equal(call_create(NULL, NULL, &client, &scanner, name, UNCHECKED, 0, NULL), ROFS);
    assert_int_equal(call_write(NULL, NULL, NULL, &client, &fh, 0, "x", 1, FILE_SYNC), ROFS);
    assert_int_equal(call_setattr(NULL, &client, &fh, &nothing_set, 0), ROFS);
    assert_int_equal(call_remove(&client, &scanner, name), ROFS);
    assert_int_equal(call_rename(&client, &scanner, name, &scanner, "x.tmp"), ROFS);
    assert_int_equal(call_mkdir(NULL, &client, &cache, "z"), ROFS);
    restart(WRITER);
    assert_int_equal(call_mkdir(NULL, &client, &slash, "z"), ROFS);
}

#define IN_A_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, new_scanner, empty_scanner)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_DIRECTORY(names_are_digests_claims_and_temporaries),
        IN_A_DIRECTORY(three_ways_to_create),
        IN_A_DIRECTORY(verifiers_are_of_one_client),
        IN_A_DIRECTORY(data_of_all_stabilities),
        IN_A_DIRECTORY(a_megabyte_and_no_more),
        IN_A_DIRECTORY(attributes_are_set),
        IN_A_DIRECTORY(renaming_publishes),
        IN_A_DIRECTORY(writing_publishes),
        IN_A_DIRECTORY(claims_expire),
        IN_A_DIRECTORY(a_client_that_dies_leaves_what_others_bear),
        IN_A_DIRECTORY(quotas_hold),
        IN_A_DIRECTORY(directories_come_and_go),
        IN_A_DIRECTORY(repeated_calls_are_answered_alike),
        IN_A_DIRECTORY(without_the_option_nothing_is_written),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
