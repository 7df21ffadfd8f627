/* worker.h - what one worker thread of the server has for itself, and what all of them share.
 *
 * The transport makes one by nfsd_worker_begin() for each thread and hands it to every handler as call->worker. Nothing
 * in it is shared but the node cache, read without a lock, and the renderings and the writer of
 * verdicts, which only "/meta" and "/cache" take locks for.
 */
#ifndef NFSD_WORKER_H
#define NFSD_WORKER_H

#include "base/error.h"
#include "nfsd/mappings.h"
#include "nfsd/renderings.h"
#include "nfsd/served_trees.h"
#include "nfsd/verdicts.h"
#include "rpc/server.h"
#include "tree/features.h"
#include "tree/reader.h"

/* A worker looks for changes of the store at most this often; so late a new or a forgotten snapshot may show. */
#define WORKER_LOOK_MS 100

/* Failures of the store are logged once in this time by each worker: a broken disk must not fill another one. */
#define WORKER_REPORT_MS 1000

/* Mounts that a worker logs a second. Anybody may ask for them, in datagrams under anybody's address, and a line can
 * have 6 KB: without a limit they fill the disk. */
#define WORKER_MOUNTS_LOGGED 50

/* What is served where, for those who ask the portmap program. */
struct served {
    const struct rpc_program *const *programs;
    size_t program_count;
    uint16_t tcp_port, udp_port; /* 0: not by this transport */
};

/* The server as its workers see it: rpc_config's `app`. Everything is borrowed and must outlive the workers. */
struct nfsd_app {
    const char *store_directory;
    struct tree_cache *cache;
    struct renderings *renderings;
    struct verdict_writer *verdict_writer;
    const struct siphash_key *key; /* of handles; NULL: the store's own */
    struct served served;          /* set before rpc_server_run() */
};

#define VIRTUAL_COUNT 9 /* directories that no tree holds; virtual.c has their table */

/* A directory of a diff, and how far its listing from a cookie on has shown nothing (diffs.c). So many are remembered,
 * a power of two: who pushes another one out makes it begin again. */
#define DIFF_LISTINGS 64

struct diff_listing {
    int64_t own, other; /* nodes; 0: there is none */
    uint64_t cookie, reached;
};

struct nfsd_worker {
    const struct nfsd_app *app;
    struct store *store; /* read only */
    struct tree_reader *reader;
    struct served_table trees;
    struct mappings mappings;
    struct verdict_reader *verdicts;
    uint64_t virtual_fsid;                 /* of "/" and what is no tree below it */
    uint64_t virtual_mtime[VIRTUAL_COUNT]; /* ns; UINT64_MAX: not asked yet */
    uint64_t looked, reported;             /* ms on the monotonic clock */
    uint64_t mounts_second;                /* s on the monotonic clock, in which mounts_logged were logged */
    unsigned mounts_logged;
    struct diff_listing diffs[DIFF_LISTINGS]; /* where those that found nothing to show for long go on */
    bool awake;                               /* it has looked at the clock since it rested */
    unsigned options;                         /* of the rule for the peer of the call at hand */
    struct feature_types types;               /* of the features that were listed last */
    struct error err;                         /* of the call at hand; here since 4.6 KiB need not be on every stack */
};

/* For struct rpc_config. */
int nfsd_worker_begin(void **worker, void *app, struct error *err);
void nfsd_worker_ahead(void *worker, const struct rpc_ahead *calls, unsigned count); /* ahead.c */
void nfsd_worker_rest(void *worker);
bool nfsd_worker_tick(void *worker);
void nfsd_worker_end(void *worker);

/* Forget what may have changed, if another connection has committed and the last look is WORKER_LOOK_MS ago; once a
 * wake-up, which is shorter than that. */
void nfsd_worker_look(struct nfsd_worker *worker);

/* The same, but at once: something that should be there is not. */
void nfsd_worker_forget(struct nfsd_worker *worker);

/* Log worker->err. */
void nfsd_worker_report(struct nfsd_worker *worker);

/* May one more mount be logged in this second? The first that may not is told of in its stead. */
bool nfsd_worker_logs_mount(struct nfsd_worker *worker);

#endif
