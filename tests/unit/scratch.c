/* scratch.c - see scratch.h. */
#include "tests/unit/scratch.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static char directory[] = "/tmp/confuse-test-XXXXXX";
static int made;

const char *scratch_make(void)
{
    if (!made)
        assert_non_null(mkdtemp(directory));
    made = 1;
    return directory;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status, (void)type, (void)ftw;
    return remove(path);
}

void scratch_remove(void)
{
    if (made)
        nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

struct store *scratch_store(enum store_access access)
{
    char path[sizeof directory + 8];
    struct store *store = NULL;
    struct error err;

    snprintf(path, sizeof path, "%s/store", scratch_make());
    if (store_open(&store, path, access, &err) < 0)
        fail_msg("%s", err.text);
    return store;
}
