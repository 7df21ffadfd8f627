/* racer.h - one of those who race for claims: a connection of libnfs, a client of somebody else's making.
 *
 * A call waits for its answer, whatever becomes of the server meanwhile: one that is back is asked again, byte for
 * byte. Whatever else goes wrong ends the test.
 */
#ifndef TESTS_E2E_RACER_H
#define TESTS_E2E_RACER_H

#include <stddef.h>
#include <stdint.h>

struct fh; /* tests/e2e/nfs_calls.h */
struct racer;

/* To 127.0.0.1, as soon as somebody listens there. Its calls are numbered from `xid` on. */
struct racer *racer_connect(uint16_t port, uint32_t xid);
void racer_close(struct racer *racer);

/* Exclusive creation: NFS's status; 0: it is ours. */
uint32_t racer_claim(struct racer *racer, const struct fh *directory, const char *name, uint64_t verifier);

/* Guarded creation of what must not be there. */
void racer_create(struct fh *fh, struct racer *racer, const struct fh *directory, const char *name);

/* All that a file is to hold, stable when it returns: by one FILE_SYNC WRITE; by an unstable one and COMMIT, both again
 * while the verifiers say that the server was another one. */
void racer_write(struct racer *racer, const struct fh *fh, const char *text, size_t size);
void racer_write_and_commit(struct racer *racer, const struct fh *fh, const char *text, size_t size);

void racer_rename(struct racer *racer, const struct fh *directory, const char *from, const char *to);

#endif
