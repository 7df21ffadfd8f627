/* lease.h - how a connection that writes keeps gc from what it has found: ids of objects that nothing refers to yet.
 *
 * Whoever may hold such ids has a lease: a row, which tells the newest collection (run of gc) at its beginning, and a
 * lock on the byte of that number in the file `leases`, which ends with its process, however that ends. A collection
 * first waits for the leases that are older than itself. Younger ones know of it: while it sweeps, what they find they
 * tell (`seen`), in a transaction in which it is still there. gc.c has the other side; doc/ARCHITECTURE.md why this is
 * enough.
 *
 * Each batch looks whether its lease is still there. One that was silent for LEASE_SECONDS may be taken away by gc:
 * then the next batch, and so publishing, fails.
 */
#ifndef DB_LEASE_H
#define DB_LEASE_H

#include "base/error.h"
#include "db/store.h"

#define LEASE_SECONDS 900 /* between two signs of life; longer than any pause of bytes that is none of an accident */
#define LEASE_RENEW_SECONDS 30 /* a sign of life is written at most this often */

/* From here on: what is found stays. The caller holds no id from before. Without a change of collection this writes
 * nothing. */
int lease_begin(struct store *store, struct error *err);

/* This connection looks for nothing that it needs. */
int lease_end(struct store *store, struct error *err);

#endif
