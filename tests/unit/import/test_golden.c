/* Named frames and what they become: tests/golden/frame/NAME.frame gives NAME.txt, to the byte; and
 * tests/should-fail/frame/NAME.frame gives the error in NAME.txt, and leaves nothing in the store.
 *
 * CONFUSE_WRITE_GOLDEN=1 writes the texts instead of comparing; they are read by a person before they are committed.
 */
#include "tests/unit/import/frame_harness.h"
#include "tests/unit/scratch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct named {
    const char *name, *strip_prefix;
    bool partial, strict;
};

static const struct named golden[] = {
    {"config-by-name", NULL, false, false},
    {"config-name-with-slash", NULL, false, false},
    {"configs", NULL, false, false},
    {"contents-without-record", NULL, false, false},
    {"duplicates", NULL, false, false},
    {"escaped-values", NULL, false, false},
    {"features", NULL, false, false},
    {"fluentd", NULL, false, false},
    {"hostile-names", NULL, false, false},
    {"hostile-root", NULL, false, false},
    {"json", NULL, false, false},
    {"links", NULL, false, false},
    {"logstash", NULL, false, false},
    {"no-files", NULL, false, false},
    {"no-final-newline", NULL, false, true},
    {"numbers", NULL, false, false},
    {"numbers-exact", NULL, false, false},
    {"partial", NULL, true, false},
    {"prefix", NULL, false, false},
    {"quoted-prefix", NULL, false, false},
    {"records-before-metadata", NULL, false, false},
    {"strip-prefix", "/mnt/target/", false, false},
    {"types", NULL, false, false},
    {"uncrawled", NULL, false, false},
    {"v01", NULL, false, false},
};

static const struct named should_fail[] = {
    {"bad-timestamp", NULL, false, false},
    {"blank", NULL, false, false},
    {"broken-in-the-middle", NULL, true, false},
    {"config-no-object", NULL, false, false},
    {"control-character", NULL, false, false},
    {"cut-short-in-key", NULL, false, false},
    {"cut-short-in-type", NULL, false, false},
    {"cut-short-in-value", NULL, false, false},
    {"cut-short-then-blank", NULL, false, false},
    {"empty", NULL, false, false},
    {"empty-quoted-field", NULL, false, false},
    {"empty-quoted-type", NULL, false, false},
    {"file-no-object", NULL, false, false},
    {"graphite", NULL, false, false},
    {"logstash-broken", NULL, false, false},
    {"logstash-cut-short", NULL, true, false},
    {"logstash-no-metadata", NULL, false, false},
    {"metadata-no-object", NULL, false, false},
    {"namespace-dotdot", NULL, false, false},
    {"namespace-empty", NULL, false, false},
    {"namespace-nul", NULL, false, false},
    {"namespace-number", NULL, false, false},
    {"no-metadata", NULL, false, false},
    {"no-namespace", NULL, false, false},
    {"no-timestamp", NULL, false, false},
    {"not-a-frame", NULL, false, false},
    {"not-a-frame-binary", NULL, false, false},
    {"not-a-frame-json", NULL, false, false},
    {"one-line-garbage", NULL, true, false},
    {"prefix-of-nothing", "/mnt/target", false, false},
    {"strict", NULL, false, true},
    {"strict-config", NULL, false, true},
    {"strict-dotdot", NULL, false, true},
    {"too-deep", NULL, false, false},
    {"trailing-garbage", NULL, false, false},
    {"two-frames-glued", NULL, true, false},
};

static struct error err;
static struct store *store;

static void file_path(char path[4096], const char *folder, const char *name, const char *suffix)
{
    snprintf(path, 4096, "%s/tests/%s/frame/%s%s", getenv("srcdir") ? getenv("srcdir") : ".", folder, name, suffix);
}

static int import_named(struct outcome *outcome, const char *folder, const struct named *named)
{
    char path[4096];
    size_t size;
    struct import_options options = {
        .store = store,
        .strip_prefix = named->strip_prefix,
        .partial = named->partial,
        .strict = named->strict,
    };

    file_path(path, folder, named->name, ".frame");
    char *bytes = harness_read_file(&size, path);
    if (!bytes)
        fail_msg("%s is not there", path);
    int rc = harness_import(outcome, &options, bytes, size, &err);
    free(bytes);
    return rc;
}

static void compare(const char *folder, const char *name, const char *text, size_t size)
{
    char path[4096];
    size_t expected_size;

    file_path(path, folder, name, ".txt");
    if (getenv("CONFUSE_WRITE_GOLDEN")) {
        FILE *file = fopen(path, "we");

        assert_non_null(file);
        fwrite(text, 1, size, file);
        fclose(file);
        return;
    }
    char *expected = harness_read_file(&expected_size, path);
    if (!expected || expected_size != size || memcmp(expected, text, size) != 0)
        fail_msg("%s differs; it is now:\n%.*s", path, (int)size, text);
    free(expected);
}

static void named_frames_become_what_they_did(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        struct outcome outcome = {.dumping = true};

        if (import_named(&outcome, "golden", &golden[i]) != 0)
            fail_msg("%s: %s", golden[i].name, err.text);
        compare("golden", golden[i].name, (const char *)outcome.dump.bytes, outcome.dump.size);
        outcome_free(&outcome);
    }
}

static void bad_frames_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof should_fail / sizeof *should_fail; i++) {
        struct outcome outcome = {0};

        memset(&err, 0, sizeof err);
        if (import_named(&outcome, "should-fail", &should_fail[i]) != -EBADMSG || err.code != EXIT_INPUT)
            fail_msg("%s: %d %s", should_fail[i].name, err.code, err.text);
        assert_int_equal(outcome.snapshots, 0);
        strcat(err.text, "\n");
        compare("should-fail", should_fail[i].name, err.text, strlen(err.text));
        outcome_free(&outcome);
    }
    assert_true(harness_store_is_empty(store));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_frames_are_refused), /* first, while the store is empty */
        cmocka_unit_test(named_frames_become_what_they_did),
    };

    store = scratch_store(STORE_CREATE);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    store_close(store);
    scratch_remove();
    return failed;
}
