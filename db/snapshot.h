/* snapshot.h - snapshots: one version of one namespace each; the only mutable list of the store. */
#ifndef DB_SNAPSHOT_H
#define DB_SNAPSHOT_H

#include "base/digest.h"
#include "base/error.h"
#include "db/node.h"
#include "db/store.h"

#define SNAPSHOT_ID_SIZE 16
#define SNAPSHOT_ID_HEX_SIZE (2 * SNAPSHOT_ID_SIZE + 1)
#define SNAPSHOT_PREFIX_MIN 8   /* hex digits of an id that the command line takes */
#define NAMESPACE_SIZE_MAX 1000 /* bytes */
#define NAMESPACE_COMPONENT_MAX 255
#define SNAPSHOT_FORMAT_SIZE 16 /* with NUL */

struct snapshot {
    int64_t number; /* commit number: rises, never repeats */
    uint8_t id[SNAPSHOT_ID_SIZE];
    const char *namespace; /* borrowed, valid as the function that gave it says */
    uint64_t time;         /* ns: when the capture was taken */
    uint64_t imported;     /* ns: when it was published here; no part of the id */
    const char *format;    /* "frame", "oci", "docker", "tar", "dir", "live"; borrowed */
    bool has_source;
    bool partial;         /* made from a source that was cut short */
    struct digest source; /* of the source's own bytes */
    struct node_ref root; /* the leaf that holds the root's entry alone, named "" */
    struct node_ref links, features;
    int64_t frame; /* the frame as received, 0: none */
    bool pinned;   /* no policy forgets it */
    int64_t image; /* number of the image that it is, or that it was joined with; 0: none */
    /* For publishing only: the image that a frame lacks, "sha256:<hex>" or an image reference; NULL: none, borrowed. */
    const char *wants;
};

/* May this be a namespace? Error: what is wrong with it. */
int namespace_check(const char *name, size_t size, struct error *err);

/* The id that namespace, time, source, root, links and features have together (doc/FORMAT.md). */
void snapshot_compute_id(uint8_t id[SNAPSHOT_ID_SIZE], const struct snapshot *snapshot);

/* Publish: end the batch, then one durable transaction. Fills id, number and imported. Where the namespace already
 * holds the same source, root and links (without a source: if its newest does), fills them from there and changes
 * nothing of that snapshot: *is_new tells. It waits for `wants` in either case; where it is found and has an image, it
 * waits no longer, since that image brought it nothing. */
int snapshot_publish(bool *is_new, struct snapshot *snapshot, struct store *store, struct error *err);

/* By id. *snapshot borrows its texts from the store until the next snapshot_… call on it. -ENOENT (err not filled). */
int snapshot_find(struct snapshot *snapshot, struct store *store, const uint8_t id[SNAPSHOT_ID_SIZE],
                  struct error *err);

/* The newest of all that have the namespace, time and source of a capture. As snapshot_find(). */
int snapshot_find_capture(struct snapshot *newest, struct store *store, const struct snapshot *capture,
                          struct error *err);

/* The one that stands before another in the history of its namespace. As snapshot_find(). */
int snapshot_find_before(struct snapshot *before, struct store *store, const struct snapshot *of, struct error *err);

/* By SNAP as the command line has it: an id, a unique prefix of it (>= 8 digits), NS@latest, NS@TIME, NS:TAG. A
 * namespace may hold ':' and '@': a time behind the last '@' is a time; else a tag stands behind the last ':'.
 * Error (-EBADMSG): unknown, or ambiguous with the candidates listed. */
int snapshot_resolve(struct snapshot *snapshot, struct store *store, const char *text, struct error *err);

/* Visit snapshots by commit number, those after `after`; a visitor's non-zero value ends the visit. */
int snapshot_visit(struct store *store, int64_t after, int (*visit)(void *arg, const struct snapshot *snapshot),
                   void *arg, struct error *err);

/* The namespace whose name follows another one in byte order ("": the first). -ENOENT (err not filled): there is none.
 */
int namespace_next(char name[NAMESPACE_SIZE_MAX + 1], struct store *store, const char *after, struct error *err);

/* Visit the history of a namespace (NULL: of all), newest first by (time, commit number). */
int snapshot_visit_history(struct store *store, const char *namespace,
                           int (*visit)(void *arg, const struct snapshot *snapshot), void *arg, struct error *err);

#endif
