/* scratch.h - a directory of a test's own, gone when the test ends, and what tests put into a store there. */
#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

#include "base/digest.h"
#include "db/snapshot.h"
#include "db/store.h"
#include "import/builder.h"

#include <stdint.h>

/* Make the directory; returns its path (one per process). */
const char *scratch_make(void);

/* Remove it and all that is in it. */
void scratch_remove(void);

/* The same, as a group's teardown. */
int scratch_tear_down(void **state);

/* A store in it, made if it is not there; fails the test when it cannot be opened. */
struct store *scratch_store(enum store_access access);

/* Run one SQL statement on that store's confuse.db, as a stranger would; the integer of its first row, 0 without one.
 */
int64_t scratch_sql(const char *sql);

/* What was added to a builder at a path gets content, and the size of it; the content's digest. */
struct digest scratch_set_content(struct builder *builder, struct store *store, const char *path, const void *bytes,
                                  size_t size);

/* Make that store what an older confuse made: of this user_version. Nobody has it open. */
void scratch_downgrade(int version);

/* Skip the test where there is no openat2(2): valgrind 3.19 has none. */
void scratch_need_openat2(void);

/* A tree of one root directory, whose mode tells trees apart. */
void scratch_root(struct node_ref *root, struct store *store, unsigned mode);

/* In ns since 1970; fails the test when it is none. */
uint64_t scratch_time(const char *text);

/* Trees of a snapshot: that root, no links, no features. */
void scratch_snapshot(struct snapshot *snapshot, struct store *store, unsigned mode);

#endif
