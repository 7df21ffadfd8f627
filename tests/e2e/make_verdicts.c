/* make_verdicts.c - `make_verdicts PORT COUNT`: verdicts in /cache of a server on this machine, one call at a time:
 * COUNT of one stable WRITE each, and as many of an unstable one and COMMIT; the latter are renamed, and the former
 * removed. */
#include "tests/e2e/cache_calls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void make_verdict(struct client *client, const struct fh *scanner, const char *name, uint32_t stable)
{
    uint64_t verifier;
    struct fh fh;

    assert_int_equal(call_create(&fh, NULL, client, scanner, name, GUARDED, 0, NULL), OK);
    assert_int_equal(call_write(NULL, NULL, NULL, client, &fh, 0, "clean", 5, stable), OK);
    if (stable == UNSTABLE)
        assert_int_equal(call_commit(&verifier, client, &fh), OK);
}

int main(int argc, char **argv)
{
    char name[VERDICT_TEXT], aside[VERDICT_TEXT];
    struct client client;
    struct fh cache, scanner;

    if (argc != 3) {
        fputs("usage: make_verdicts PORT COUNT\n", stderr);
        return 2;
    }
    client_connect(&client, (uint16_t)atoi(argv[1]), true);
    assert_int_equal(call_mount(&cache, &client, "/cache"), OK);
    assert_int_equal(call_mkdir(&scanner, &client, &cache, "made-1"), OK);
    for (int i = 0; i < atoi(argv[2]); i++) {
        verdict_text(name, (unsigned)i, "");
        verdict_text(aside, (unsigned)i, ".tmp");
        make_verdict(&client, &scanner, name, FILE_SYNC);
        assert_int_equal(call_remove(&client, &scanner, name), OK);
        make_verdict(&client, &scanner, aside, UNSTABLE);
        assert_int_equal(call_rename(&client, &scanner, aside, &scanner, name), OK);
    }
    client_close(&client);
    return 0;
}
