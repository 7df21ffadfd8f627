/* builder.h - from entries that come in any order, by path, to a tree in the store.
 *
 * Every source adds what it has; settling sorts it, decides which of two wins, makes the parents that nobody mentioned;
 * writing goes along the sorted paths once and keeps only the open directories.
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

struct builder *builder_new(void); /* NULL: out of memory */
void builder_free(struct builder *builder);

/* Why a path cannot be in a tree, as a short text for people ("a component is \"..\""), or NULL if it can. The path is
 * absolute ("/" is the root); it may hold any bytes. */
const char *builder_path_problem(const char *path, size_t size);

/* Add what stands at a path that has no problem. `entry`: its name is ignored, its target is copied, a directory's size
 * and counts are ignored; content is set by builder_set_content() or left 0, which means empty for a regular file that
 * is not absent. `tag` comes back in what settling reports (a line number, say). */
int builder_add(struct builder *builder, const char *path, size_t size, const struct entry *entry, uint64_t tag,
                struct error *err);

/* What settling leaves out. */
enum builder_conflict {
    BUILDER_DUPLICATE,     /* the path was there before, with other attributes: the first one stays */
    BUILDER_BELOW_NON_DIR, /* something above it is no directory */
    BUILDER_ROOT_NON_DIR,  /* it is the root, and no directory */
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

/* After settling: write the tree into the store (batches); *root is the leaf that holds the root's entry alone. */
int builder_write(struct node_ref *root, struct builder *builder, struct store *store, struct error *err);

#endif
