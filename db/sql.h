/* sql.h - inside db: the connection, its prepared statements, and batches. Nothing outside this room includes it.
 *
 *     cleanup_reset sqlite3_stmt *find = sql_statement(store, FIND_BLOB, err);
 *     if (!find)
 *         return -EIO;
 *
 * SQL stands in `static const char` texts at the top of each file; the text's address is what its prepared statement is
 * found by, so a text is prepared once per connection.
 */
#ifndef DB_SQL_H
#define DB_SQL_H

#include "base/digest.h"
#include "db/blob.h"
#include "db/snapshot.h"
#include "db/store.h"

#include <sqlite3.h>
#include <sys/types.h>

#define BUSY_TIMEOUT_MS 20000  /* how long to wait for others' batches: 400 of them */
#define SQL_STATEMENTS_MAX 256 /* distinct texts; a power of two, at most half full */

struct store {
    sqlite3 *db;
    char *directory;
    int directory_fd;
    struct siphash_key key;
    struct sha256 *sha;
    sqlite3_blob *open_blob; /* blob_read's; an open read transaction */
    uint32_t data_version;
    bool writable;
    struct blob_tally tally;
    /* lease.c's. */
    int leases_fd;
    int64_t lease; /* 0: none, and nothing protects what is found */
    int64_t lease_epoch;
    uint64_t lease_renewed; /* ns, monotonic */
    bool stamps;            /* gc sweeps: what is found has to be told */
    bool began_files;       /* blobs/00 to blobs/ff are durable, and files of killed writers were looked for */
    /* The open batch. */
    bool in_batch;
    size_t batch_bytes;
    uint64_t batch_began; /* ns, monotonic */
    int wal_pages;        /* after this connection's last commit … */
    int checkpoint_at;    /* … and how many of them make it checkpoint */
    /* Texts of the snapshot that was looked up last. */
    char kept_namespace[NAMESPACE_SIZE_MAX + 1], kept_format[SNAPSHOT_FORMAT_SIZE];
    struct {
        const char *text;
        sqlite3_stmt *statement;
    } statements[SQL_STATEMENTS_MAX];
};

/* The prepared statement of a text, with nothing bound; NULL when it cannot be prepared (err is filled). */
sqlite3_stmt *sql_statement(struct store *store, const char *text, struct error *err);

/* Step: 1 a row, 0 done, or a negative errno with err filled ("the store: …"). */
int sql_step(struct store *store, sqlite3_stmt *statement, struct error *err);

/* Step a statement that gives no rows, once. */
int sql_run(struct store *store, const char *text, struct error *err);

/* The one integer that a PRAGMA answers. */
int sql_integer(int64_t *value, struct store *store, const char *text, struct error *err);

/* A connection that is yet to be made: its directory and its statements. store_close() frees it at any stage. */
int sql_new(struct store **store, const char *directory, bool writable, struct error *err);

/* What SQLite just refused, as an error. */
int sql_error(struct store *store, struct error *err);

/* Before a row is written: open a batch if none is open. Returns 1 when it was opened by this call (what was looked up
 * before may have changed since), else 0. */
int sql_batch_begin(struct store *store, struct error *err);

/* The row of an id, by a text that takes it: 0 and *row stands on it, -ENOENT (err not filled) when there is none. *row
 * is the caller's to reset in any case (cleanup_reset, NULL before). */
int sql_find_row(sqlite3_stmt **row, struct store *store, const char *find, int64_t id, struct error *err);

/* What gc may drop; rows of `seen` have these numbers. */
enum object_kind {
    OBJECT_BLOB = 1,
    OBJECT_NODE,
    OBJECT_CHUNK,
    OBJECT_FRAME,
    OBJECT_LAYER,
    OBJECT_CHAIN,
    OBJECT_IMAGE,
};

/* Is there an object of this kind and digest? 1: there is, *id, and this connection's lease keeps it (lease.h); else 0.
 * While gc sweeps this may open a batch; an open one that is old ends when something was found. */
int sql_find_digest(int64_t *id, struct store *store, enum object_kind kind, const struct digest *digest,
                    struct error *err);

/* The same; but when it gives 0, a batch is open to write the object in, so nobody else will meanwhile. */
int sql_find_or_begin(int64_t *id, struct store *store, enum object_kind kind, const struct digest *digest,
                      struct error *err);

/* A row that was found in another way: may it be counted on? -ENOENT (err not filled): it went meanwhile. No statement
 * may stand on a row. */
int sql_saw(struct store *store, enum object_kind kind, int64_t id, struct error *err);

/* ns on the monotonic clock. */
uint64_t sql_monotonic_ns(void);

/* All that was committed until now is on the disk. */
int sql_sync(struct store *store, struct error *err);

/* After rows were written: count their bytes, end the batch when it is full or old. */
int sql_batch_wrote(struct store *store, size_t bytes, struct error *err);

/* Have others waited long enough, or does it hold enough? */
bool sql_batch_is_full(const struct store *store);

/* Copy what the WAL has into the database, as far as others let that be. */
void sql_checkpoint(struct store *store);

/* When a connection was opened: have its commits keep the WAL small. */
void sql_watch_wal(struct store *store);

/* In lease.c. */

/* Inside a batch: is the lease still there? Renews it when that is due. */
int lease_hold(struct store *store, struct error *err);

/* Outside a batch: renew it, when that is due. */
int lease_renew(struct store *store, struct error *err);

/* Inside a batch: an object that is there must be left by the collection that sweeps. */
int lease_tell(struct store *store, enum object_kind kind, int64_t id, struct error *err);

/* gc: be the one that collects, until lease_collected(). -EBUSY: another is. */
int lease_collect(struct store *store, struct error *err);
void lease_collected(struct store *store);

/* Does a collection sweep now? (Or may have been killed while it did.) */
int lease_is_collecting(bool *collecting, struct store *store, struct error *err);

/* How many leases are older than an epoch; those whose owners are dead, or silent for LEASE_SECONDS, are taken away. */
int lease_count_older(uint64_t *count, struct store *store, int64_t epoch, struct error *err);

static inline void cleanup_reset_fn(sqlite3_stmt **statement)
{
    if (*statement) {
        sqlite3_reset(*statement);
        sqlite3_clear_bindings(*statement);
    }
}
#define cleanup_reset __attribute__((cleanup(cleanup_reset_fn)))

static inline void sql_bind_digest(sqlite3_stmt *statement, int column, const struct digest *digest)
{
    sqlite3_bind_blob(statement, column, digest->bytes, DIGEST_SIZE, SQLITE_STATIC);
}

/* 0 stands for "none" in memory and NULL in rows. */
static inline void sql_bind_id(sqlite3_stmt *statement, int column, int64_t id)
{
    if (id)
        sqlite3_bind_int64(statement, column, id);
    else
        sqlite3_bind_null(statement, column);
}

/* False: the column does not hold a digest. */
bool sql_column_digest(struct digest *digest, sqlite3_stmt *statement, int column);

/* The columns of a node as others refer to it: its id, and SQL_NODE(table) of the joined row. */
#define SQL_NODE(table) table ".digest, " table ".entries, " table ".dirs, " table ".nodes"
#define SQL_NODE_COLUMNS 4
bool sql_column_node(struct node_ref *node, sqlite3_stmt *statement, int id_column, int column);

#endif
