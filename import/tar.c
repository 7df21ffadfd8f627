/* tar.c - reading an archive to its end, and publishing what came of it. */
#include "import/tar.h"

#include "base/quote.h"
#include "import/notes.h"
#include "import/prefix.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRESS_STEP (1u << 20) /* bytes of the input between two reports */
#define BLOCK 512u               /* of a tar */

/* --- libarchive --------------------------------------------------------------------------------------------------- */

/* Who does not close a tar leaves its last block as long as what is in it (umoci insert does). */
static ssize_t fill_last_block(const void **bytes, struct tar *tar)
{
    static const uint8_t zeros[BLOCK];
    size_t used = plain_size(tar->plain) % BLOCK;

    if (!tar->is_named || tar->is_filled || used == 0)
        return 0;
    tar->is_filled = true;
    *bytes = zeros;
    return (ssize_t)(BLOCK - used);
}

/* What was filled up was the room behind the last content, and not a part of it. */
static int check_filled(const struct tar *tar, struct error *err)
{
    if (!tar->is_filled || tar->content_size % BLOCK == plain_size(tar->plain) % BLOCK)
        return 0;
    return error_input(err, "%s: the archive is cut short", input_name(tar->input));
}

static la_ssize_t feed(struct archive *archive, void *arg, const void **bytes)
{
    struct tar *tar = arg;
    ssize_t got = plain_next(bytes, tar->plain, tar->err);

    if (got == 0)
        return fill_last_block(bytes, tar);
    if (got < 0) {
        tar->failed = (int)got;
        archive_set_error(archive, (int)-got, "cannot read");
    }
    return got < 0 ? ARCHIVE_FATAL : got;
}

int tar_failed(struct tar *tar, struct error *err)
{
    const char *text = archive_error_string(tar->archive);

    tar->broken = true;
    if (tar->failed)
        return tar->failed;
    if (archive_errno(tar->archive) == ENOMEM)
        return error_system(err, ENOMEM, "%s", input_name(tar->input));
    return error_input(err, "%s: %s", input_name(tar->input), text ? text : "the archive is broken");
}

static int open_archive(struct tar *tar, struct error *err)
{
    tar->err = err;
    tar->archive = archive_read_new();
    if (!tar->archive)
        return error_system(err, ENOMEM, "%s", input_name(tar->input));
    archive_read_support_format_tar(tar->archive);
    if (archive_read_open(tar->archive, tar, NULL, feed, NULL) == ARCHIVE_OK)
        return 0;
    if (!tar->failed && plain_size(tar->plain) == 0)
        return error_input(err, "%s: empty, where an archive was expected", input_name(tar->input));
    return tar_failed(tar, err);
}

/* Nobody should wait for the store's lock while bytes are waited for. */
static int end_batch(void *store, struct error *err)
{
    return store_flush(store, err);
}

struct record_set tar_notes(const struct tar *tar)
{
    return (struct record_set){.values = tar->values, .size_max = TAR_NOTES_MAX, .source = input_name(tar->input)};
}

static int into_journal(void *journal, const struct journal_record *record, struct error *err)
{
    uint64_t item;

    return journal_add(&item, journal, record, err);
}

int tar_new(struct tar **tar, const struct import_options *options, struct input *input, struct error *err)
{
    struct tar *t = calloc(1, sizeof *t);
    int rc = -ENOMEM;

    if (t) {
        t->options = options;
        t->input = input;
        t->input_size = input_size(input);
        t->journal = journal_new(store_directory(options->store));
        t->values = spool_new(store_directory(options->store));
        t->notes = tar_notes(t);
    }
    if (!t || !t->journal || !t->values)
        error_system(err, ENOMEM, "%s", input_name(input));
    else
        rc = options->strip_prefix ? prefix_check(&t->prefix_size, "--strip-prefix", options->strip_prefix, err) : 0;
    if (rc == 0)
        rc = blob_writer_new(&t->writer, options->store, err);
    if (rc == 0 && !(t->arrivals = arrivals_new(t->writer, into_journal, t->journal)))
        rc = error_system(err, ENOMEM, "%s", input_name(input));
    if (rc == 0)
        rc = plain_open(&t->plain, input, options->size_max, err);
    if (rc == 0)
        plain_before_wait(t->plain, end_batch, options->store);
    if (rc == 0)
        rc = open_archive(t, err);
    if (rc < 0)
        tar_free(t);
    else
        *tar = t;
    return rc;
}

void tar_free(struct tar *tar)
{
    if (!tar)
        return;
    if (tar->archive)
        archive_read_free(tar->archive);
    plain_close(tar->plain);
    arrivals_free(tar->arrivals);
    blob_writer_free(tar->writer);
    xattrs_free(&tar->xattrs);
    record_set_free(&tar->notes);
    spool_free(tar->values);
    journal_free(tar->journal);
    free(tar);
}

/* --- What is left out --------------------------------------------------------------------------------------------- */

int tar_leave_out(struct tar *tar, const char *name, size_t size, const char *why, struct error *err)
{
    struct buffer text cleanup_buffer = {0};

    quote_text(&text, name, size);
    buffer_add_byte(&text, '\0');
    if (text.failed)
        return error_system(err, ENOMEM, "%s", input_name(tar->input));
    if (tar->options->strict)
        return error_input(err, "%s: %.512s: an entry that no tree can hold, %s", input_name(tar->input),
                           (const char *)text.bytes, why);
    if (tar->left_out++ == 0)
        snprintf(tar->first_why, sizeof tar->first_why, "%.256s: %s", (const char *)text.bytes, why);
    return note_left_out(&tar->notes, (struct noted){name, size}, TAR_ENTRY, why, err);
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

/* libarchive warns of names that are not in the locale's characters; they come as the bytes they are, which is what is
 * wanted. What else it warns of makes an entry that is not what the archive says. */
static bool is_about_characters(struct archive *archive)
{
    const char *text = archive_error_string(archive);

    return text && strstr(text, "can't be converted");
}

static void report_progress(struct tar *tar)
{
    const struct import_options *options = tar->options;
    uint64_t position = plain_position(tar->plain);

    if (!options->progress || position - tar->reported < PROGRESS_STEP)
        return;
    tar->reported = position;
    const struct import_progress progress = {
        .bytes = position,
        .size = tar->input_size,
        .records = tar->entries,
        .part = options->part,
        .parts = options->parts,
    };
    options->progress(options->arg, &progress);
}

static int read_entries(struct tar *tar, struct error *err)
{
    struct archive_entry *entry;
    int rc, result = 0;

    while (result == 0) {
        tar->err = err;
        rc = archive_read_next_header(tar->archive, &entry);
        if (rc == ARCHIVE_EOF)
            return 0;
        if (rc != ARCHIVE_OK && (rc != ARCHIVE_WARN || !is_about_characters(tar->archive)))
            return tar_failed(tar, err);
        tar->entries++;
        tar->content_size = (uint64_t)archive_entry_size(entry);
        result = tar_take(tar, entry, err);
        report_progress(tar);
    }
    return result;
}

/* What stands behind the end of the archive is a part of the source. */
static int read_rest(struct tar *tar, struct error *err)
{
    const void *bytes;
    ssize_t got;

    do
        got = plain_next(&bytes, tar->plain, err);
    while (got > 0);
    return (int)got;
}

/* Two blocks of zeros end an archive. Without them it may have been cut short between two entries. */
static int check_end(struct tar *tar, struct error *err)
{
    if (tar->partial || tar->is_named || plain_ends_in_zeros(tar->plain))
        return 0;
    if (!tar->options->partial)
        return error_input(err, "%s: the archive has no end, so it may be cut short; --partial takes what is there",
                           input_name(tar->input));
    tar->partial = true;
    return 0;
}

int tar_read(struct tar *tar, struct error *err)
{
    int rc = read_entries(tar, err);

    if (rc == -EBADMSG && tar->broken && tar->options->partial && plain_at_end(tar->plain)) {
        tar->partial = true;
        rc = 0;
    } else if (rc == 0) {
        bool found_end = !plain_is_done(tar->plain);

        rc = read_rest(tar, err);
        if (rc == 0)
            rc = check_filled(tar, err);
        if (rc == 0 && !found_end)
            rc = check_end(tar, err);
    }
    if (rc == 0 && tar->entries == 0 && !tar->is_named)
        rc = error_input(err, "%s: the archive has no entries", input_name(tar->input));
    if (rc == 0 && tar->prefix_size && tar->placed == 0)
        rc = error_input(err, "%s: no entry lies below the prefix %s", input_name(tar->input),
                         tar->options->strip_prefix);
    if (rc == 0 && tar->partial)
        rc = note_partial(&tar->notes, "the archive is cut short", err);
    if (rc == 0)
        rc = arrivals_settle(tar->arrivals, err);
    tar->journal_end = journal_end(tar->journal);
    return rc < 0 ? rc : store_flush(tar->options->store, err);
}

/* --- Building ----------------------------------------------------------------------------------------------------- */

struct building {
    struct tar *tar;
    struct tar_build *build;
};

static int leave_out_conflict(void *arg, enum builder_conflict conflict, const char *path, size_t size, uint64_t tag,
                              struct error *err)
{
    static const char *const why[BUILDER_CONFLICTS] = {
        [BUILDER_BELOW_NON_DIR] = "something above it is no directory",
        [BUILDER_ROOT_NON_DIR] = "it is the root, and no directory",
        [BUILDER_DANGLING] = "what it is a hard link to is not there",
        [BUILDER_TOO_LONG] = "its path leads through too many links, or is too long behind them",
        [BUILDER_BAD_WHITEOUT] = "it takes nothing away that has a name",
    };
    const struct building *building = arg;
    struct record_set *notes = building->build->notes;
    (void)tag;

    if (notes == &building->tar->notes)
        return tar_leave_out(building->tar, path, size, why[conflict], err);
    return note_left_out(notes, (struct noted){path, size}, TAR_ENTRY, why[conflict], err);
}

/* The builder does not know what it builds from. */
static int name_source(struct error *err, int rc, const struct tar *tar)
{
    struct error why;

    if (rc != -EBADMSG || !err)
        return rc;
    why = *err;
    return error_input(err, "%s: %s", input_name(tar->input), why.text);
}

int tar_build(struct tar_build *build, struct tar *tar, struct error *err)
{
    struct store *store = tar->options->store;
    struct builder *builder = builder_new(build->rule, store_directory(store));
    struct building building = {tar, build};
    int rc = builder ? 0 : error_system(err, ENOMEM, "%s", input_name(tar->input));

    if (rc == 0 && build->base)
        rc = builder_over(builder, build->base, err);
    if (rc == 0)
        rc = name_source(err, builder_play(builder, tar->journal, tar->journal_end, err), tar);
    if (rc == 0)
        rc = builder_settle(builder, leave_out_conflict, &building, err);
    build->has_dangling = builder && builder_dangling(builder) > 0;
    if (rc == 0)
        rc = name_source(err, builder_write(&build->root, &build->links, builder, store, err), tar);
    builder_free(builder);
    return rc;
}
