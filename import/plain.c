/* plain.c - libarchive's filters undo compression, with its "raw" format behind them, which is no format at all. gzip
 * is zlib's (gunzip.h), and what is not compressed goes past both. */
#include "import/plain.h"

#include "import/gunzip.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Compressed bytes that are looked at to see the first bytes behind them. bzip2 gives nothing out before a whole block,
 * of 900 kB that may not have become fewer. */
#define PEEK_MAX (1u << 20)
#define TAIL_SIZE 512 /* bytes kept of the end */

struct plain {
    struct input *input;
    struct gunzip *gunzip;   /* gzip: this one, and its bytes */
    uint8_t *block;          /* of INPUT_BLOCK bytes */
    struct archive *archive; /* zstd, xz, bzip2 */
    struct sha256 *sha;
    struct error *err; /* of the call that is being answered, while libarchive asks for bytes */
    int failed;        /* what reading the input said */
    size_t given;      /* bytes of the input that are being used */
    uint64_t size, size_max;
    uint8_t tail[TAIL_SIZE];
    bool at_end, is_done;
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

/* --- Reading ------------------------------------------------------------------------------------------------------ */

static ssize_t next_input(const uint8_t **bytes, struct plain *plain, struct error *err)
{
    input_skip(plain->input, plain->given);
    plain->given = 0;
    ssize_t got = input_peek(bytes, plain->input, 1, err);
    if (got < 0)
        return got;
    plain->given = (size_t)got;
    plain->at_end = got == 0;
    return got;
}

static la_ssize_t feed(struct archive *archive, void *arg, const void **bytes)
{
    struct plain *plain = arg;
    const uint8_t *next = NULL;
    ssize_t got = next_input(&next, plain, plain->err);

    if (got < 0) {
        plain->failed = (int)got;
        archive_set_error(archive, (int)-got, "cannot read");
    }
    *bytes = next;
    return got < 0 ? ARCHIVE_FATAL : got;
}

/* What libarchive found: broken bytes, unless the input or memory failed. */
static int archive_failed(struct plain *plain, struct error *err)
{
    const char *text = archive_error_string(plain->archive);

    if (plain->failed)
        return plain->failed;
    if (archive_errno(plain->archive) == ENOMEM)
        return error_system(err, ENOMEM, "%s", input_name(plain->input));
    return error_input(err, "%s: %s%s", input_name(plain->input),
                       plain->at_end ? "the compressed data is cut short: " : "",
                       text ? text : "it cannot be uncompressed");
}

/* The bytes at the input's beginning tell which way they go. */
static int choose_way(struct plain *plain, struct error *err)
{
    const uint8_t *bytes;
    struct archive_entry *entry;
    ssize_t got = input_peek(&bytes, plain->input, 6, err);

    if (got < 0)
        return (int)got;
    if (gunzip_likes(bytes, (size_t)got)) {
        plain->gunzip = gunzip_new(plain->input);
        plain->block = malloc(INPUT_BLOCK);
        return plain->gunzip && plain->block ? 0 : error_system(err, ENOMEM, "%s", input_name(plain->input));
    }
    if (!is_packed_by_others(bytes, (size_t)got))
        return 0;
    plain->archive = new_filters();
    if (!plain->archive)
        return error_system(err, ENOMEM, "%s", input_name(plain->input));
    plain->err = err;
    if (archive_read_open(plain->archive, plain, NULL, feed, NULL) == ARCHIVE_OK &&
        archive_read_next_header(plain->archive, &entry) == ARCHIVE_OK)
        return 0;
    return archive_failed(plain, err);
}

int plain_open(struct plain **plain, struct input *input, uint64_t size_max, struct error *err)
{
    struct plain *p = calloc(1, sizeof *p);

    if (p)
        p->sha = sha256_new();
    if (!p || !p->sha) {
        plain_close(p);
        return error_system(err, ENOMEM, "%s", input_name(input));
    }
    p->input = input;
    p->size_max = size_max;
    int rc = choose_way(p, err);
    if (rc < 0)
        plain_close(p);
    else
        *plain = p;
    return rc;
}

void plain_close(struct plain *plain)
{
    if (!plain)
        return;
    if (plain->archive)
        archive_read_free(plain->archive);
    gunzip_free(plain->gunzip);
    free(plain->block);
    sha256_free(plain->sha);
    free(plain);
}

static ssize_t next_unpacked(const void **bytes, struct plain *plain, struct error *err)
{
    la_int64_t offset;
    size_t size;
    int rc;

    plain->err = err;
    do
        rc = archive_read_data_block(plain->archive, bytes, &size, &offset);
    while (rc == ARCHIVE_OK && size == 0);
    if (rc == ARCHIVE_EOF)
        return 0;
    return rc == ARCHIVE_OK ? (ssize_t)size : archive_failed(plain, err);
}

static ssize_t next_gzip(const void **bytes, struct plain *plain, struct error *err)
{
    const char *why = NULL;
    ssize_t got = gunzip_read(plain->block, &why, plain->gunzip, INPUT_BLOCK, err);

    *bytes = plain->block;
    if (got < 0)
        return why ? error_input(err, "%s: broken gzip, %s", input_name(plain->input), why) : got;
    plain->at_end = got == 0;
    if (got == 0 && gunzip_is_cut_short(plain->gunzip))
        return error_input(err, "%s: the gzip data is cut short", input_name(plain->input));
    return got;
}

static void keep_tail(struct plain *plain, const uint8_t *bytes, size_t size)
{
    size_t fresh = size < TAIL_SIZE ? size : TAIL_SIZE;

    memmove(plain->tail, plain->tail + fresh, TAIL_SIZE - fresh);
    memcpy(plain->tail + TAIL_SIZE - fresh, bytes + size - fresh, fresh);
}

ssize_t plain_next(const void **bytes, struct plain *plain, struct error *err)
{
    const uint8_t *next = NULL;
    ssize_t got;

    if (plain->archive) {
        got = next_unpacked(bytes, plain, err);
    } else if (plain->gunzip) {
        got = next_gzip(bytes, plain, err);
    } else {
        got = next_input(&next, plain, err);
        *bytes = next;
    }
    plain->is_done = got == 0;
    if (got <= 0)
        return got;
    plain->size += (uint64_t)got;
    if (plain->size > plain->size_max)
        return error_input(err, "%s: more than %llu bytes uncompressed; --max-size allows more",
                           input_name(plain->input), (unsigned long long)plain->size_max);
    sha256_add(plain->sha, *bytes, (size_t)got);
    keep_tail(plain, *bytes, (size_t)got);
    return got;
}

void plain_digest(struct digest *digest, struct plain *plain)
{
    sha256_final(digest, plain->sha);
}

uint64_t plain_size(const struct plain *plain)
{
    return plain->size;
}

bool plain_ends_in_zeros(const struct plain *plain)
{
    static const uint8_t zeros[TAIL_SIZE];

    return plain->size >= TAIL_SIZE && memcmp(plain->tail, zeros, TAIL_SIZE) == 0;
}

bool plain_is_done(const struct plain *plain)
{
    return plain->is_done;
}

bool plain_at_end(const struct plain *plain)
{
    return plain->at_end;
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

static ssize_t peek_unpacked(uint8_t *out, struct look *look, size_t size, struct error *err)
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

ssize_t plain_peek(uint8_t *out, bool *is_packed, struct input *input, size_t size, struct error *err)
{
    struct look look = {.input = input, .err = err};
    const uint8_t *bytes;
    ssize_t got = input_peek(&bytes, input, size, err);

    if (got < 0)
        return got;
    *is_packed = is_packed_by_others(bytes, (size_t)got);
    if (*is_packed)
        return peek_unpacked(out, &look, size, err);
    if (gunzip_likes(bytes, (size_t)got))
        return peek_gzip(out, input, size, err);
    if ((size_t)got > size)
        got = (ssize_t)size;
    memcpy(out, bytes, (size_t)got);
    return got;
}
