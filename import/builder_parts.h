/* builder_parts.h - what the builder's files share. Private to builder*.c.
 *
 *     builder.c         the calls of builder.h
 *     builder_put.c     what stands where, entry by entry
 *     builder_below.c   the tree below
 *     builder_write.c   the tree into the store
 *     builder_links.c   the groups of hard links into the store
 */
#ifndef IMPORT_BUILDER_PARTS_H
#define IMPORT_BUILDER_PARTS_H

#include "base/buffer.h"
#include "import/builder.h"
#include "import/places.h"

/* Components that are passed because links lead through them, for all entries together: some seconds. Real layers have
 * some thousands of entries below links, such as /lib. */
#define BUILDER_STEPS_MAX (1u << 27)
#define BUILDER_LINK_STEPS 16      /* what following a link costs as much as: its target is read */
#define BUILDER_WALK_LINKS_MAX 255 /* in one path */

/* Directories that entries lead through and none tells of, which cost some 80 bytes each: a path can have 2,047, and
 * most archives list all of theirs. */
#define BUILDER_IMPLIED_MAX (1u << 20)

#define BUILDER_MADE_MODE (S_IFDIR | 0755)

struct refusal {
    uint64_t item; /* in the journal */
    enum builder_conflict conflict;
};

/* Where what the tree below had got another name, and the group of its new names. */
struct origin {
    uint32_t place, links;
};

struct builder {
    enum builder_rule rule;
    struct journal *journal;
    bool owns_journal;
    struct places *places;
    struct builder_base base; /* without a root there is none */
    struct buffer refusals;   /* struct refusal: not reported yet */
    struct buffer origins;    /* struct origin */
    uint64_t added, dangling;
    bool differs;         /* builder_differs() */
    uint32_t going;       /* a place where a hard link is about to stand: nothing is seen there, or through it */
    uint32_t link_groups; /* numbers given to groups of hard links */
    uint32_t steps_left;
    unsigned links_left; /* that builder_resolve() may still follow */
    struct entry probed; /* builder_resolve()'s */
};

int builder_no_memory(struct error *err);

/* --- builder_put.c ------------------------------------------------------------------------------------------------ */

/* Let the record at `item` stand. 0, an enum builder_conflict, or a negative errno. */
int builder_put(struct builder *builder, uint64_t item, const struct journal_record *record, struct error *err);

/* The directory that a path (of directories, without a last name) leads to; what is not there is made, untouched.
 * As above. */
int builder_walk(uint32_t *directory, struct builder *builder, const char *path, size_t size, struct error *err);

/* The place of a path that is there as it is, without following anything; 0: none. */
uint32_t builder_place(const struct builder *builder, const char *path, size_t size);

/* Do two entries of one name differ in nothing but what is below them? */
bool builder_same(const struct entry *a, const struct entry *b);

/* The path of a place into BUILDER_PATH_MAX + 1 bytes; returns its size. */
size_t builder_path(char *path, const struct builder *builder, uint32_t place);

/* --- builder_below.c ---------------------------------------------------------------------------------------------- */

/* The entry of a name in a directory of the tree below (id of its node; 0: -ENOENT). Valid until the reader rests.
 * -ENOENT (err not filled): there is none. */
int below_find(const struct entry **entry, const struct builder *builder, int64_t directory, const char *name,
               size_t size, struct error *err);

/* Append what the tree below has to the journal. */
int below_copy(uint64_t *item, const struct builder *builder, const struct entry *entry, struct error *err);

/* Along the entries of a directory below, with digests; or along the groups of a links object. Nothing is read while
 * the caller writes. NULL id: nothing comes. */
struct below_cursor;

struct below_entry {
    struct entry entry;
    struct entry_digests digests;
};

int below_cursor_new(struct below_cursor **cursor, struct store *store, int64_t node, struct error *err);
void below_cursor_free(struct below_cursor *cursor);

/* The next one, borrowed until the next call: 1, or 0 at the end. */
int below_next_entry(const struct below_entry **entry, struct below_cursor *cursor, struct error *err);
int below_next_group(struct link_group *group, struct below_cursor *cursor, struct error *err);

/* --- builder_links.c ---------------------------------------------------------------------------------------------- */

/* A name of a group, in the order of the walk. */
struct link_name {
    uint32_t group, place;
};

int builder_write_links(struct node_ref *links, struct builder *builder, struct store *store,
                        const struct link_name *names, size_t count, struct error *err);

#endif
