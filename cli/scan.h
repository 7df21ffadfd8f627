/* scan.h - what the parts of `confuse scan` share: the scanner, the distinct contents, and what is known of each.
 *
 * The flow: cli/scan.c reads the command line, cli/scan_items.c collects the distinct contents of the snapshots,
 * workers (cli/scan_work.c) look each up in the cache, claim what is not there and run the command
 * (cli/scan_process.c), whose output an adapter takes apart (cli/scan_adapter.c); verdicts are documents
 * (cli/scan_verdict.c). Where snapshots and verdicts are is one of the ways of cli/scan_place.h. cli/scan_report.c
 * tells of it per snapshot and path.
 */
#ifndef CLI_SCAN_H
#define CLI_SCAN_H

#include "base/buffer.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/siphash.h"
#include "db/snapshot.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SCAN_JOBS_MAX 64
#define SCAN_BATCH_MAX 64         /* files of one command: what is lost when it hangs */
#define SCAN_ITEMS_MAX (1u << 24) /* distinct contents of one scan: some 2 GB of memory */
#define SCAN_SECRET_MIN 16        /* bytes of --key-file */
#define SCAN_SECRET_MAX 4096
#define SCAN_TIMEOUT_SECONDS 300       /* for one command */
#define SCAN_WAIT_SECONDS 900          /* for others' claims: longer than these live */
#define SCAN_HOLD_SECONDS 60           /* claims are renewed so often: ten times in their life */
#define SCAN_NAME_SIZE DIGEST_HEX_SIZE /* of an entry of the cache, with NUL */
#define SCAN_KEY_SIZE 129              /* a scanner key (doc/FORMAT.md), with NUL */

/* Which metadata a verdict depends on, beside the bytes. */
struct scan_kind {
    const char *name;   /* "content+name" */
    const char *suffix; /* of the scanner key */
    bool has_name, has_owner;
};

/* By its name; NULL: there is none. */
const struct scan_kind *scan_kind_find(const char *name);

struct scan_adapter;

/* What is run, and under which name its verdicts stand. */
struct scan_scanner {
    const char *name, *version;
    char key[SCAN_KEY_SIZE]; /* directory of /cache */
    const char *from;        /* directory of the inventories that it reads; NULL: it reads files */
    const struct scan_kind *kind;
    const struct scan_adapter *adapter;
    char **command; /* ends with NULL */
    bool batches;   /* the command takes many files, */
    bool lists;     /* as a list of their paths, one a line */
    bool inventory; /* its output is kept, nothing is judged */
    int findings_exit;
    uint8_t secret[SCAN_SECRET_MAX];
    size_t secret_size;        /* 0: verdicts are neither signed nor checked */
    unsigned timeout, waiting; /* s */
};

/* A regular file of a snapshot. */
struct scan_file {
    const char *path; /* from the snapshot's root, NUL-terminated */
    size_t path_size;
    bool absent; /* its content is not captured */
    struct digest content;
    uint32_t mode, uid, gid;
};

enum scan_state {
    SCAN_UNKNOWN,
    SCAN_CLEAN,
    SCAN_FOUND,
    SCAN_INVENTORY,
    SCAN_FAILED, /* no verdict: `text` says why */
};

/* Who found it out. */
enum scan_origin {
    SCAN_KNOWN,   /* it was in the cache */
    SCAN_SCANNED, /* we */
    SCAN_SHARED,  /* another node meanwhile */
};

/* A distinct content, with the metadata that counts. */
struct scan_item {
    struct digest entry; /* its name in the cache */
    struct digest content;
    uint32_t mode, uid, gid;
    uint32_t snapshot; /* where a file has it: index, … */
    char *path;        /* … and path; only where the name counts */
    enum scan_state state;
    enum scan_origin origin;
    char *text; /* findings, one a line; or why it failed. NULL: nothing */
};

struct scan_items {
    struct scan_item *items;
    size_t count, room;
    uint32_t *slots; /* index + 1 by hash, 0: free */
    size_t slot_count;
    struct siphash_key hash;
    struct sha256 *sha;
};

int scan_items_init(struct scan_items *items, struct error *err);
void scan_items_free(struct scan_items *items);

/* The item of a file, made if it is new (then *item has all but a state). */
int scan_items_add(struct scan_items *items, const struct scan_kind *kind, const struct scan_file *file,
                   uint32_t snapshot, struct error *err);

/* The item of a file that was added. */
const struct scan_item *scan_items_find(const struct scan_items *items, const struct scan_kind *kind,
                                        const struct scan_file *file);

/* What a scan is of. */
struct scan {
    const struct scan_way *way;
    const struct scan_where *where;
    struct scan_scanner *scanner;
    char (*ids)[SNAPSHOT_ID_HEX_SIZE]; /* of the snapshots */
    size_t id_count;
    struct scan_items items;
    unsigned jobs;
};

/* How many items ended how. */
struct scan_tally {
    size_t known, scanned, shared, found, failed;
};

/* Look up, claim, run and publish until every item has a state. `interrupted` ends it: -EINTR. */
int scan_work(struct scan *scan, struct error *err);
extern atomic_bool scan_interrupted;

void scan_count(struct scan_tally *tally, const struct scan_items *items);

enum scan_form {
    SCAN_TABLE,
    SCAN_JSON,
    SCAN_SARIF,
};

struct scan_place;

/* Findings and failures (`all`: everything) per snapshot and path, on standard output. */
int scan_report(const struct scan *scan, struct scan_place *place, enum scan_form form, bool all, struct error *err);

#endif
