/* builder.h - from entries that come in any order, by path, to a tree in the store.
 *
 * Every source adds what it has; settling sorts it, decides which of two wins, makes the parents that nobody mentioned;
 * writing goes along the sorted paths once and keeps only the open directories. Where the last one wins, entries are
 * followed as they come (builder_replay.c), since a hard link means what stands at its target at that moment.
 */
#ifndef IMPORT_BUILDER_H
#define IMPORT_BUILDER_H

#include "base/error.h"
#include "db/entry.h"
#include "db/node.h"
#include "db/store.h"

#include <stddef.h>

/* Links followed for the contents of one frame, which real ones need a few of; hostile ones cost some seconds. */
#define BUILDER_LINKS_MAX 10000
#define BUILDER_PATH_MAX 4095 /* bytes of a path: PATH_MAX without its NUL */

struct builder;

enum builder_winner {
    BUILDER_FIRST_WINS, /* of one path the first entry counts; what a frame says it says of one moment */
    /* The last one counts, as when an archive is unpacked: a non-directory takes away what came below its path before,
     * and what comes below it afterwards is left out. */
    BUILDER_LAST_WINS,
};

struct builder *builder_new(enum builder_winner winner); /* NULL: out of memory */
void builder_free(struct builder *builder);

/* Why a path cannot be in a tree, as a short text for people ("a component is \"..\""), or NULL if it can. The path is
 * absolute ("/" is the root); it may hold any bytes. */
const char *builder_path_problem(const char *path, size_t size);

/* Add what stands at a path that has no problem. `entry`: its name is ignored, its target is copied, a directory's size
 * and counts are ignored; content and xattrs are ids with their `digests` (NULL: it has neither); a regular file
 * without content that is not absent is empty, until builder_set_content(). `tag` comes back in what settling reports
 * (a line number, say). */
int builder_add(struct builder *builder, const char *path, size_t size, const struct entry *entry,
                const struct entry_digests *digests, uint64_t tag, struct error *err);

/* BUILDER_LAST_WINS: add a hard link. The path takes all that stands at `target` now, and they are one file until one
 * of them is written again or taken away. Both paths have no problem. */
int builder_link(struct builder *builder, const char *path, size_t size, const char *target, size_t target_size,
                 uint64_t tag, struct error *err);

/* What settling leaves out. */
enum builder_conflict {
    BUILDER_DUPLICATE,     /* BUILDER_FIRST_WINS: the path was there before, with other attributes */
    BUILDER_BELOW_NON_DIR, /* something above it is no directory */
    BUILDER_ROOT_NON_DIR,  /* it is the root, and no directory */
    BUILDER_DANGLING,      /* a hard link to a directory, or to nothing */
};

typedef int (*builder_report)(void *arg, enum builder_conflict conflict, const char *path, size_t size, uint64_t tag,
                              struct error *err);

/* Sort, resolve conflicts (each one is reported; two equal entries are none), make missing parents (0755, root, mtime
 * 0, marked made). May be called again after more was added. */
int builder_settle(struct builder *builder, builder_report report, void *arg, struct error *err);

/* After settling: the entry at a path, or NULL. Its attributes may be changed, but not its name or whether it is a
 * directory; valid until the next builder_add(). */
struct entry *builder_find(struct builder *builder, const char *path, size_t size);

/* After settling: follow_path() in the builder's tree; all calls together follow at most BUILDER_LINKS_MAX links. */
int builder_resolve(char *resolved, struct builder *builder, const char *path, size_t size);

/* Content for an entry of the builder (also clears absent). */
int builder_set_content(struct builder *builder, struct entry *entry, int64_t blob, const struct digest *digest,
                        struct error *err);

/* How many entries there are. */
size_t builder_size(const struct builder *builder);

/* After settling: write the tree and the groups of hard links into the store (batches); *root is the leaf that holds
 * the root's entry alone. */
int builder_write(struct node_ref *root, struct node_ref *links, struct builder *builder, struct store *store,
                  struct error *err);

#endif
