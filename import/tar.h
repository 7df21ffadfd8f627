/* tar.h - one tar while it is read: private to the import room.
 *
 *     tar_new()
 *     tar_read()      entry by entry: contents into the store as they come, since they may be larger than any memory;
 *                     what else they say into a journal
 *     tar_build()     trees and links, in one way (import_tar.c) or in two (layer.c)
 *
 * What a broken archive leaves in the store are contents that nothing refers to.
 */
#ifndef IMPORT_TAR_H
#define IMPORT_TAR_H

#include "base/buffer.h"
#include "db/blob_writer.h"
#include "import/arrivals.h"
#include "import/builder.h"
#include "import/import.h"
#include "import/journal.h"
#include "import/member_path.h"
#include "import/plain.h"
#include "import/record_set.h"
#include "import/spool.h"
#include "import/xattrs.h"

#include <archive.h>
#include <archive_entry.h>

#define TAR_ENTRY "entry" /* what notes call the record that they are about */
/* Bytes of memory for notes, of a tar and of the layers below it: a million and more, which is what a prefix can leave
 * out. */
#define TAR_NOTES_MAX (128u << 20)

struct tar {
    const struct import_options *options;
    struct input *input;
    struct plain *plain;
    struct archive *archive;
    struct blob_writer *writer;
    struct arrivals *arrivals; /* on their way to the journal */
    struct journal *journal;
    uint64_t journal_end; /* behind what the archive said */
    struct spool *values; /* of the notes */
    struct record_set notes;
    struct xattrs xattrs;
    struct member_path path, target;
    size_t prefix_size; /* of options->strip_prefix */
    uint64_t entries, placed, reported;
    uint64_t content_size; /* the last entry's */
    uint64_t input_size;   /* 0: nobody knows */
    uint64_t holes;        /* bytes of them written so far */
    uint64_t whiteouts;    /* entries that would be */
    uint64_t left_out;
    char first_why[512]; /* name and reason of the first that was left out */
    bool partial;
    bool is_named;     /* its digest is known beforehand: its end need not be looked for, and it may be empty */
    bool is_filled;    /* its last block was not whole, and is */
    bool broken;       /* the archive is, whatever else may be wrong */
    struct error *err; /* of the call that is being answered, while libarchive asks for bytes */
    int failed;        /* what reading the input said */
};

/* The input is borrowed. */
int tar_new(struct tar **tar, const struct import_options *options, struct input *input, struct error *err);
void tar_free(struct tar *tar);

/* A set for notes on it, empty. */
struct record_set tar_notes(const struct tar *tar);

int tar_read(struct tar *tar, struct error *err);

/* What a tree is built from, and what of it. */
struct tar_build {
    enum builder_rule rule;
    const struct builder_base *base; /* NULL: over nothing */
    struct record_set *notes;        /* what could not stand is added; tar->notes: and counted, or an error if strict */
    bool has_dangling;               /* out: some hard link leads to nothing */
    struct node_ref root, links;     /* out */
};

int tar_build(struct tar_build *build, struct tar *tar, struct error *err);

/* Put the entry that was just read (its content is next) into the journal. */
int tar_take(struct tar *tar, struct archive_entry *entry, struct error *err);

/* Leave an entry out, with its note; an error where options->strict. The name is as the archive has it, or a path. */
int tar_leave_out(struct tar *tar, const char *name, size_t size, const char *why, struct error *err);

/* What libarchive found: a broken archive, unless the input, the store or memory failed. */
int tar_failed(struct tar *tar, struct error *err);

#endif
