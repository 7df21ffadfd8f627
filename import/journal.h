/* journal.h - what a source said of a tree's files, entry by entry, in the order of coming.
 *
 * It lies in a spool, so that memory does not grow with the number of files; whoever needs an entry again has its
 * offset. Where entries are asked for in the order of coming, or nearly so, a system call brings many of them.
 */
#ifndef IMPORT_JOURNAL_H
#define IMPORT_JOURNAL_H

#include "base/error.h"
#include "db/entry.h"

#include <stdbool.h>

struct journal;

struct journal_record {
    const char *path; /* absolute, of the tree; not NUL-terminated, as are both texts */
    const char *link; /* what it is a hard link to, as a path of the tree; NULL: it is none */
    uint16_t path_size, link_size;
    uint64_t tag;                 /* the source's own */
    struct entry entry;           /* without a name; of a hard link what the source says of it */
    struct entry_digests digests; /* of content and xattrs, where entry has them */
};

/* `directory` is where the spool may lie; borrowed. NULL: out of memory. */
struct journal *journal_new(const char *directory);
void journal_free(struct journal *journal);

/* Append; *offset is where. */
int journal_add(uint64_t *offset, struct journal *journal, const struct journal_record *record, struct error *err);

/* Read the record at an offset. Its texts are borrowed until the next call; *next (may be NULL) is where the record
 * behind it stands. */
int journal_read(struct journal_record *record, uint64_t *next, struct journal *journal, uint64_t offset,
                 struct error *err);

/* Where the next record will stand: behind the last one. */
uint64_t journal_end(const struct journal *journal);

#endif
