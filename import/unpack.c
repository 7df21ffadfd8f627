/* unpack.c - libarchive's filters undo compression, with its "raw" format behind them, which is no format at all. gzip
 * is zlib's (gunzip.h), and what is not compressed goes past both. */
#include "import/unpack.h"

#include "import/gunzip.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Compressed bytes that are looked at to see the first bytes behind them. bzip2 gives nothing out before a whole block,
 * of 900 kB that may not have become fewer. */
#define PEEK_MAX (1u << 20)

struct unpack {
    struct input *input;
    struct gunzip *gunzip;   /* gzip: this one */
    struct archive *archive; /* zstd, xz, bzip2 */
    struct error *err;       /* of the call that is being answered, while libarchive asks for bytes */
    int failed;              /* what reading the input said */
    size_t given;            /* bytes of the input that libarchive is using */
    const uint8_t *block;    /* what it gave out, and has not been read yet */
    size_t left;             /* bytes of that */
    bool at_end;
};

/* --- Compression -------------------------------------------------------------------------------------------------- */

/* By what libarchive undoes. */
static bool is_packed_by_others(const uint8_t *bytes, size_t size)
{
    static const struct {
        const char *bytes;
        size_t size;
    } magics[] = {{"\x28\xb5\x2f\xfd", 4}, {"\xfd\x37zXZ\0", 6}, {"BZh", 3}};

    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if (size >= magics[i].size && memcmp(bytes, magics[i].bytes, magics[i].size) == 0)
            return true;
    return false;
}

static struct archive *new_filters(void)
{
    struct archive *archive = archive_read_new();

    if (!archive)
        return NULL;
    archive_read_support_filter_zstd(archive);
    archive_read_support_filter_xz(archive);
    archive_read_support_filter_bzip2(archive);
    archive_read_support_format_raw(archive);
    archive_read_support_format_empty(archive);
    return archive;
}

/* --- Opening ------------------------------------------------------------------------------------------------------ */

static la_ssize_t feed(struct archive *archive, void *arg, const void **bytes)
{
    struct unpack *unpack = arg;
    const uint8_t *next = NULL;

    input_skip(unpack->input, unpack->given);
    unpack->given = 0;
    ssize_t got = input_peek(&next, unpack->input, 1, unpack->err);
    if (got < 0) {
        unpack->failed = (int)got;
        archive_set_error(archive, (int)-got, "cannot read");
        return ARCHIVE_FATAL;
    }
    unpack->given = (size_t)got;
    unpack->at_end = got == 0;
    *bytes = next;
    return got;
}

/* What libarchive found: broken bytes, unless the input or memory failed. */
static int archive_failed(struct unpack *unpack, struct error *err)
{
    const char *text = archive_error_string(unpack->archive);

    if (unpack->failed)
        return unpack->failed;
    if (archive_errno(unpack->archive) == ENOMEM)
        return error_system(err, ENOMEM, "%s", input_name(unpack->input));
    return error_input(err, "%s: %s%s", input_name(unpack->input),
                       unpack->at_end ? "the compressed data is cut short: " : "",
                       text ? text : "it cannot be uncompressed");
}

/* The bytes at the input's beginning tell which way they go. */
static int choose_way(struct unpack *unpack, struct error *err)
{
    const uint8_t *bytes;
    struct archive_entry *entry;
    ssize_t got = input_peek(&bytes, unpack->input, 6, err);

    if (got < 0)
        return (int)got;
    if (gunzip_likes(bytes, (size_t)got)) {
        unpack->gunzip = gunzip_new(unpack->input);
        return unpack->gunzip ? 0 : error_system(err, ENOMEM, "%s", input_name(unpack->input));
    }
    if (!is_packed_by_others(bytes, (size_t)got))
        return 0;
    unpack->archive = new_filters();
    if (!unpack->archive)
        return error_system(err, ENOMEM, "%s", input_name(unpack->input));
    unpack->err = err;
    if (archive_read_open(unpack->archive, unpack, NULL, feed, NULL) == ARCHIVE_OK &&
        archive_read_next_header(unpack->archive, &entry) == ARCHIVE_OK)
        return 0;
    return archive_failed(unpack, err);
}

int unpack_open(struct unpack **unpack, struct input *input, struct error *err)
{
    struct unpack *u = calloc(1, sizeof *u);

    if (!u)
        return error_system(err, ENOMEM, "%s", input_name(input));
    u->input = input;
    int rc = choose_way(u, err);
    if (rc < 0)
        unpack_close(u);
    else
        *unpack = u;
    return rc;
}

void unpack_close(struct unpack *unpack)
{
    if (!unpack)
        return;
    if (unpack->archive)
        archive_read_free(unpack->archive);
    gunzip_free(unpack->gunzip);
    free(unpack);
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

/* Block by block, for what stands before broken bytes is good. */
static ssize_t read_archive(void *out, struct unpack *unpack, size_t size, struct error *err)
{
    la_int64_t offset;
    const void *block;
    int rc = ARCHIVE_OK;

    unpack->err = err;
    while (rc == ARCHIVE_OK && unpack->left == 0) {
        rc = archive_read_data_block(unpack->archive, &block, &unpack->left, &offset);
        unpack->block = block;
    }
    if (rc != ARCHIVE_OK) {
        unpack->left = 0;
        return rc == ARCHIVE_EOF ? 0 : archive_failed(unpack, err);
    }
    if (size > unpack->left)
        size = unpack->left;
    memcpy(out, unpack->block, size);
    unpack->block += size;
    unpack->left -= size;
    return (ssize_t)size;
}

static ssize_t read_gzip(void *out, struct unpack *unpack, size_t size, struct error *err)
{
    const char *why = NULL;
    ssize_t got = gunzip_read(out, &why, unpack->gunzip, size, err);

    if (got < 0)
        return why ? error_input(err, "%s: broken gzip, %s", input_name(unpack->input), why) : got;
    unpack->at_end = got == 0;
    if (got == 0 && gunzip_is_cut_short(unpack->gunzip))
        return error_input(err, "%s: the gzip data is cut short", input_name(unpack->input));
    return got;
}

static ssize_t read_plain(void *out, struct unpack *unpack, size_t size, struct error *err)
{
    const uint8_t *bytes;
    ssize_t got = input_peek(&bytes, unpack->input, 1, err);

    if (got > 0 && (size_t)got > size)
        got = (ssize_t)size;
    if (got > 0) {
        memcpy(out, bytes, (size_t)got);
        input_skip(unpack->input, (size_t)got);
    }
    unpack->at_end = got == 0;
    return got;
}

ssize_t unpack_read(void *out, struct unpack *unpack, size_t size, struct error *err)
{
    if (unpack->archive)
        return read_archive(out, unpack, size, err);
    return unpack->gunzip ? read_gzip(out, unpack, size, err) : read_plain(out, unpack, size, err);
}

bool unpack_at_end(const struct unpack *unpack)
{
    return unpack->at_end;
}

/* --- Looking ahead ------------------------------------------------------------------------------------------------ */

/* The input's bytes so far, asked for again with more of them as long as those are not enough. */
struct look {
    struct input *input;
    size_t given;
    struct error *err;
    int failed;
};

static la_ssize_t feed_look(struct archive *archive, void *arg, const void **bytes)
{
    struct look *look = arg;
    const uint8_t *all = NULL;
    ssize_t got = look->given < PEEK_MAX ? input_peek(&all, look->input, look->given + 1, look->err) : 0;

    if (got < 0) {
        look->failed = (int)got;
        archive_set_error(archive, (int)-got, "cannot read");
        return ARCHIVE_FATAL;
    }
    if ((size_t)got <= look->given)
        return 0;
    size_t size = (size_t)got - look->given;
    *bytes = all + look->given;
    look->given += size;
    return (la_ssize_t)size;
}

static ssize_t peek_archive(uint8_t *out, struct look *look, size_t size, struct error *err)
{
    struct archive *archive = new_filters();
    struct archive_entry *entry;
    la_ssize_t got = 0;

    if (!archive)
        return error_system(err, ENOMEM, "%s", input_name(look->input));
    if (archive_read_open(archive, look, NULL, feed_look, NULL) == ARCHIVE_OK &&
        archive_read_next_header(archive, &entry) == ARCHIVE_OK)
        got = archive_read_data(archive, out, size);
    archive_read_free(archive);
    if (look->failed)
        return look->failed;
    return got > 0 ? got : 0;
}

/* As much of the input as is needed. */
static ssize_t peek_gzip(uint8_t *out, struct input *input, size_t size, struct error *err)
{
    const uint8_t *bytes;
    size_t before = 0, got = 0;

    for (;;) {
        ssize_t there = before < PEEK_MAX ? input_peek(&bytes, input, before + 1, err) : 0;
        if (there < 0)
            return there;
        if ((size_t)there <= before || got == size)
            return (ssize_t)got;
        before = (size_t)there;
        got = gunzip_begin(out, size, bytes, before);
    }
}

ssize_t unpack_peek(uint8_t *out, bool *is_packed, struct input *input, size_t size, struct error *err)
{
    struct look look = {.input = input, .err = err};
    const uint8_t *bytes;
    ssize_t got = input_peek(&bytes, input, size, err);

    if (got < 0)
        return got;
    *is_packed = is_packed_by_others(bytes, (size_t)got);
    if (*is_packed)
        return peek_archive(out, &look, size, err);
    if (gunzip_likes(bytes, (size_t)got))
        return peek_gzip(out, input, size, err);
    if ((size_t)got > size)
        got = (ssize_t)size;
    memcpy(out, bytes, (size_t)got);
    return got;
}
