/* builder.h - from entries that come in any order, by path, to a tree in the store; alone, or over another tree.
 *
 * What a source says goes to a journal (journal.h); in memory is where each path stands (builder_places.h: some 60
 * bytes and the name). Settling says what could not stand; writing goes along the names in order once, merges them with
 * the tree below, and keeps only the open directories.
 */
#ifndef IMPORT_BUILDER_H
#define IMPORT_BUILDER_H

#include "base/error.h"
#include "db/entry.h"
#include "db/node.h"
#include "db/store.h"
#include "import/journal.h"
#include "tree/reader.h"

#include <stdbool.h>
#include <stddef.h>

/* Links followed for the contents of one frame, which real ones need a few of; hostile ones cost some seconds. */
#define BUILDER_LINKS_MAX 10000
#define BUILDER_PATH_MAX 4095 /* bytes of a path: PATH_MAX without its NUL */

struct builder;

enum builder_rule {
    /* Of one path the first entry counts: what a frame says it says of one moment, in any order. */
    BUILDER_RECORDS,
    /* The last one counts, as when an archive is unpacked: a non-directory takes away what came below its path before.
     * What comes below a symbolic link goes where that leads, inside the tree. */
    BUILDER_ARCHIVE,
    /* The same for an image's layer by itself: a hard link whose target it lacks is a file with absent content. */
    BUILDER_LAYER,
    /* The same over the chain below it: ".wh.NAME" takes NAME of the chain away, ".wh..wh..opq" all the chain has in
     * its directory; both are no files. */
    BUILDER_CHAIN,
};

/* `directory`: where the journal may lie; borrowed. NULL: out of memory. */
struct builder *builder_new(enum builder_rule rule, const char *directory);
void builder_free(struct builder *builder);

/* Why a path cannot be in a tree, as a short text for people ("a component is \"..\""), or NULL if it can. The path is
 * absolute ("/" is the root); it may hold any bytes. */
const char *builder_path_problem(const char *path, size_t size);

/* --- Over another tree -------------------------------------------------------------------------------------------- */

/* The tree below. All of it is borrowed. */
struct builder_base {
    struct tree_reader *reader; /* BUILDER_CHAIN */
    struct tree tree;
    bool keep; /* what nothing is said of stays (an image's layers); else it is taken as deleted (a frame) */
    /* BUILDER_RECORDS: an entry stands here and there; *entry, which was added with `tag`, may be changed to what shall
     * stand. True: it has become the one below, and stays in that one's group of hard links. NULL: none ever does. Of
     * directories that were made, or that nobody mentioned, nobody is asked: the one below stands for them. */
    bool (*agree)(uint64_t tag, struct entry *entry, struct entry_digests *digests, const struct entry *below,
                  const struct entry_digests *below_digests);
};

/* Before anything is added; with BUILDER_RECORDS, before it is written. */
int builder_over(struct builder *builder, const struct builder_base *base, struct error *err);

/* BUILDER_RECORDS, settled: where nothing is said of this path and of nothing below it, it is as in the tree below,
 * with all that is there. The path has no problem. */
int builder_unknown(struct builder *builder, const char *path, size_t size, struct error *err);

/* --- Adding ------------------------------------------------------------------------------------------------------- */

/* Add what stands at a path that has no problem. `entry`: its name is ignored, its target is copied, a directory's size
 * and counts are ignored; content and xattrs are ids with their `digests` (NULL: it has neither); a regular file
 * without content that is not absent is empty. `tag` comes back in what settling reports (a line number, say). */
int builder_add(struct builder *builder, const char *path, size_t size, const struct entry *entry,
                const struct entry_digests *digests, uint64_t tag, struct error *err);

/* Not BUILDER_RECORDS: add a hard link. The path takes all that stands at `target` now, and they are one file until one
 * of them is written again or taken away. Both paths have no problem. */
int builder_link(struct builder *builder, const char *path, size_t size, const char *target, size_t target_size,
                 uint64_t tag, struct error *err);

/* Add all that a journal holds before `end`; instead of the calls above. The journal is borrowed as long as the builder
 * lives, and what the builder itself has to say is appended to it. */
int builder_play(struct builder *builder, struct journal *journal, uint64_t end, struct error *err);

/* What settling leaves out. */
enum builder_conflict {
    BUILDER_SAME = 1,      /* not reported: the path was there before, with the same attributes */
    BUILDER_DUPLICATE,     /* BUILDER_RECORDS: the path was there before, with other attributes */
    BUILDER_BELOW_NON_DIR, /* something above it is no directory */
    BUILDER_ROOT_NON_DIR,  /* it is the root, and no directory */
    BUILDER_DANGLING,      /* a hard link to a directory, or to nothing */
    BUILDER_TOO_LONG,      /* where links lead it has too long a path, or through too many of them */
    BUILDER_BAD_WHITEOUT,  /* ".wh." of no name */
    BUILDER_CONFLICTS,     /* how many, and one */
};

typedef int (*builder_report)(void *arg, enum builder_conflict conflict, const char *path, size_t size, uint64_t tag,
                              struct error *err);

/* Each conflict is reported, once (two equal records are none). More may be added afterwards. Parents that nobody
 * mentioned are made: 0755, root, mtime 0, marked made. */
int builder_settle(struct builder *builder, builder_report report, void *arg, struct error *err);

/* --- After settling ----------------------------------------------------------------------------------------------- */

/* What stands at a path, of what was added or made. Name and target are borrowed until the next call. -ENOENT (err not
 * filled): nothing. */
int builder_find(struct entry *entry, struct builder *builder, const char *path, size_t size, struct error *err);

/* Something else that stands there from now on; it is of the same type. */
int builder_replace(struct builder *builder, const char *path, size_t size, const struct entry *entry,
                    const struct entry_digests *digests, uint64_t tag, struct error *err);

/* BUILDER_RECORDS: does anything stand at a path or below it that was not made? */
bool builder_says(const struct builder *builder, const char *path, size_t size);

/* follow_path() in the builder's tree; all calls together follow at most BUILDER_LINKS_MAX links. */
int builder_resolve(char *resolved, struct builder *builder, const char *path, size_t size);

/* How many entries were added so far, whatever became of them; BUILDER_LAYER: how many are hard links to what the layer
 * lacks. */
uint64_t builder_added(const struct builder *builder);
uint64_t builder_dangling(const struct builder *builder);

/* Write the tree and the groups of hard links into the store (batches); *root is the leaf that holds the root's entry
 * alone. */
int builder_write(struct node_ref *root, struct node_ref *links, struct builder *builder, struct store *store,
                  struct error *err);

/* BUILDER_RECORDS, written: is the tree certainly another one than without the tree below? */
bool builder_differs(const struct builder *builder);

#endif
