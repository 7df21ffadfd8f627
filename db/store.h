/* store.h - the store: a directory with `confuse.db` (SQLite) and `blobs/`, mode 0700.
 *
 * A struct store is one connection and belongs to one thread. Objects (blobs, nodes, frames) are immutable, named by
 * digest, and known inside one store by AUTOINCREMENT ids: an id that was seen once never means other bytes.
 *
 * Writing: content goes in by batches, transactions of at most 4 MiB or 50 ms, so that nobody waits for the lock;
 * nothing refers to it until one small transaction publishes a snapshot, durably (snapshot.h).
 *
 * Nothing is put from inside a visit, or behind a blob_read() without blob_rest(): both are open read transactions, and
 * SQLite refuses at once (-EBUSY, whatever the timeout) to write in one that somebody's commit has made old.
 */
#ifndef DB_STORE_H
#define DB_STORE_H

#include "base/error.h"
#include "base/siphash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

enum store_access {
    STORE_READ,   /* it must be there; nothing is ever written */
    STORE_WRITE,  /* it must be there */
    STORE_CREATE, /* made if it is not there */
};

/* Open the store in a directory. Errors: not there, made by a newer confuse, on a network file system, not a store. */
int store_open(struct store **store, const char *directory, enum store_access access, struct error *err);
void store_close(struct store *store);

const char *store_directory(const struct store *store);

/* The key of file handles and fsids: made with the store, and copied with it. */
const struct siphash_key *store_key(const struct store *store);

/* Use another key on this connection: replicas that are no copies of one store can share one. */
void store_use_key(struct store *store, const struct siphash_key *key);

/* From now on, until store_rest(), all that is read is of one moment, and costs less: it is a transaction, not one for
 * each statement with its system calls to take locks and let them go. What others write meanwhile stays in the log, so
 * this is for stretches of work in which nothing waits, and is called again now and then. On a connection that writes
 * nothing happens. */
int store_hold(struct store *store, struct error *err);
void store_rest(struct store *store);

/* Has another connection committed since the last call? One PRAGMA data_version, no I/O. */
int store_changed(bool *changed, struct store *store, struct error *err);

/* End the open batch, if any: commit what was put since. Not yet durable; publishing makes it so. */
int store_flush(struct store *store, struct error *err);

/* Between writes, while something else takes its time: end the open batch if it is old. */
int store_yield(struct store *store, struct error *err);

/* End the open batch, if any, by taking it back. */
void store_rollback(struct store *store);

/* When a child of a virtual directory ("/", "/snap") was last added or removed; ns, 0 for a directory never touched. */
int store_directory_mtime(uint64_t *mtime, struct store *store, const char *path, struct error *err);

#endif
