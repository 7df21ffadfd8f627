/* cache_calls.h - the calls that change something, as a test speaks them. */
#ifndef TESTS_E2E_CACHE_CALLS_H
#define TESTS_E2E_CACHE_CALLS_H

#include "tests/e2e/nfs_calls.h"

enum { UNCHECKED, GUARDED, EXCLUSIVE };
enum { UNSTABLE, DATA_SYNC, FILE_SYNC };

#define UNSET UINT64_MAX

/* sattr3: what is not UNSET; mtime in ns, 1: the server's. */
struct sattr {
    uint64_t mode, uid, gid, size, mtime;
};
extern const struct sattr nothing_set;

/* wcc_data: what it was before (a.there) and is after; before has size, mtime and ctime only. */
struct wcc {
    struct attr before, after;
};

void read_wcc_data(struct wcc *wcc, struct client *client);

/* Each gives the status and reads the reply to its end. Outputs may be NULL; `verifier` is that of an EXCLUSIVE one. */
uint32_t call_create(struct fh *fh, struct wcc *wcc, struct client *client, const struct fh *directory,
                     const char *name, uint32_t how, uint64_t verifier, const struct sattr *attributes);
uint32_t call_mkdir(struct fh *fh, struct client *client, const struct fh *directory, const char *name);
uint32_t call_write(uint32_t *committed, uint64_t *verifier, struct wcc *wcc, struct client *client,
                    const struct fh *fh, uint64_t offset, const void *bytes, uint32_t size, uint32_t stable);
uint32_t call_commit(uint64_t *verifier, struct client *client, const struct fh *fh);
uint32_t call_setattr(struct wcc *wcc, struct client *client, const struct fh *fh, const struct sattr *attributes,
                      uint64_t guard);
uint32_t call_remove(struct client *client, const struct fh *directory, const char *name);
uint32_t call_rmdir(struct client *client, const struct fh *directory, const char *name);
uint32_t call_rename(struct client *client, const struct fh *from, const char *name, const struct fh *to,
                     const char *new_name);

/* Names: the 64 digits of a number, and what follows them. */
#define VERDICT_TEXT 80
const char *verdict_text(char out[VERDICT_TEXT], unsigned number, const char *suffix);

#endif
