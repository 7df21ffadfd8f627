/* members_tar.c - libarchive reads the headers; where a content begins is what it has consumed by then. */
#include "import/members_tar.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "import/members.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 65536u /* bytes read at once: between two contents stand some hundred */

enum member_kind {
    MEMBER_FILE,
    MEMBER_SPARSE,
    MEMBER_LINK,
    MEMBER_OTHER, /* a directory, a device */
};

struct tar_member {
    size_t name, target; /* offsets into the texts; a target is a clean name */
    uint64_t offset, size;
    uint32_t ordinal;
    enum member_kind kind;
};

struct tar_table {
    struct buffer texts; /* each ended by NUL */
    struct tar_member *members;
    size_t count, room;
};

/* --- Reading ------------------------------------------------------------------------------------------------------ */

struct reading {
    int fd;
    uint64_t offset, position, size; /* of the extent; in it; of it */
    uint8_t block[BLOCK];
};

static la_ssize_t read_more(struct archive *archive, void *arg, const void **bytes)
{
    struct reading *r = arg;
    uint64_t left = r->size - r->position;
    ssize_t got;

    do
        got = pread(r->fd, r->block, left < BLOCK ? (size_t)left : BLOCK, (off_t)(r->offset + r->position));
    while (got < 0 && errno == EINTR);
    if (got < 0) {
        archive_set_error(archive, errno, "%s", strerror(errno));
        return ARCHIVE_FATAL;
    }
    r->position += (uint64_t)got;
    *bytes = r->block;
    return got;
}

/* Fewer than asked for at the end, which libarchive then finds by reading. */
static la_int64_t skip(struct archive *archive, void *arg, la_int64_t request)
{
    struct reading *r = arg;
    uint64_t left = r->size - r->position;
    (void)archive;

    if (request <= 0)
        return 0;
    if ((uint64_t)request < left)
        left = (uint64_t)request;
    r->position += left;
    return (la_int64_t)left;
}

static int add_text(size_t *at, struct tar_table *table, const char *text)
{
    *at = table->texts.size;
    buffer_add(&table->texts, text, strlen(text) + 1);
    return table->texts.failed ? -ENOMEM : 0;
}

/* A symbolic link's target is relative to where the link is, a hard link's to the top. */
static int read_link(struct tar_member *member, struct tar_table *table, const char *name, struct archive_entry *entry)
{
    const char *hard = archive_entry_hardlink(entry), *target = hard ? hard : archive_entry_symlink(entry);
    const char *slash = strrchr(name, '/');
    char clean[MEMBER_NAME_MAX + 1];

    member->kind = MEMBER_LINK;
    if (!target || !member_name_read(clean, name, hard || !slash ? 0 : (size_t)(slash - name), target))
        clean[0] = '\0'; /* leads nowhere */
    return add_text(&member->target, table, clean);
}

static int read_member(struct tar_member *member, struct tar_table *table, const char *name,
                       struct archive_entry *entry, uint64_t at, const struct reading *r)
{
    int64_t size = archive_entry_size(entry);

    if (archive_entry_hardlink(entry) || archive_entry_filetype(entry) == AE_IFLNK)
        return read_link(member, table, name, entry);
    /* What ends behind the tar's end is found by skipping it, and is an error then. */
    bool fits = size >= 0 && at <= r->size && (uint64_t)size <= r->size - at;
    member->kind = archive_entry_filetype(entry) == AE_IFREG && fits ? MEMBER_FILE : MEMBER_OTHER;
    if (archive_entry_sparse_count(entry) > 0)
        member->kind = MEMBER_SPARSE;
    member->offset = r->offset + at;
    member->size = (uint64_t)size;
    return 0;
}

static int make_room(struct tar_table *table)
{
    size_t room = table->room ? 2 * table->room : 64;

    if (table->count < table->room)
        return 0;
    struct tar_member *members = reallocarray(table->members, room, sizeof *members);
    if (!members)
        return -ENOMEM;
    table->members = members;
    table->room = room;
    return 0;
}

/* Names that nothing of an image can have are passed over, as are those that climb. */
static int add_member(struct tar_table *table, struct archive *archive, struct archive_entry *entry,
                      const struct reading *r)
{
    const char *name = archive_entry_pathname(entry);
    struct tar_member member = {.ordinal = (uint32_t)table->count};
    char clean[MEMBER_NAME_MAX + 1];

    if (!name || !member_name_read(clean, "", 0, name))
        return 0;
    int rc = make_room(table);
    if (rc == 0)
        rc = read_member(&member, table, clean, entry, (uint64_t)archive_filter_bytes(archive, 0), r);
    if (rc == 0)
        rc = add_text(&member.name, table, clean);
    if (rc == 0)
        table->members[table->count++] = member;
    return rc;
}

static int archive_failed(struct archive *archive, const char *name, struct error *err)
{
    const char *text = archive_error_string(archive);

    if (archive_errno(archive) == ENOMEM || archive_errno(archive) == EIO)
        return error_system(err, archive_errno(archive), "%s", name);
    return error_input(err, "%s: %s", name, text ? text : "the archive is broken");
}

/* ARCHIVE_WARN: a name is not in the locale's characters, and comes as the bytes it is. */
static int read_headers(struct tar_table *table, struct archive *archive, const struct reading *r, const char *name,
                        struct error *err)
{
    struct archive_entry *entry;
    unsigned seen = 0;
    int status;

    while ((status = archive_read_next_header(archive, &entry)) == ARCHIVE_OK || status == ARCHIVE_WARN) {
        if (++seen > MEMBERS_MAX)
            return error_input(err, "%s: more than %d members, which no image has", name, MEMBERS_MAX);
        if (add_member(table, archive, entry, r) < 0)
            return error_system(err, ENOMEM, "%s", name);
    }
    return status == ARCHIVE_EOF ? 0 : archive_failed(archive, name, err);
}

static int open_and_read(struct tar_table *table, struct reading *r, const char *name, struct error *err)
{
    struct archive *archive = archive_read_new();

    if (!archive)
        return error_system(err, ENOMEM, "%s", name);
    archive_read_support_format_tar(archive);
    int rc = archive_read_open2(archive, r, NULL, read_more, skip, NULL) == ARCHIVE_OK
                 ? read_headers(table, archive, r, name, err)
                 : archive_failed(archive, name, err);
    archive_read_free(archive);
    return rc;
}

/* By name; of one name the last one first. */
static int compare(const void *left, const void *right, void *texts)
{
    const struct tar_member *a = left, *b = right;
    int order = strcmp((char *)texts + a->name, (char *)texts + b->name);

    return order ? order : (a->ordinal < b->ordinal) - (a->ordinal > b->ordinal);
}

int tar_table_read(struct tar_table **table, int fd, uint64_t offset, uint64_t size, const char *name,
                   struct error *err)
{
    cleanup_free struct reading *r = malloc(sizeof *r);
    struct tar_table *t = calloc(1, sizeof *t);

    if (!r || !t) {
        free(t);
        return error_system(err, ENOMEM, "%s", name);
    }
    r->fd = fd;
    r->offset = offset;
    r->position = 0;
    r->size = size;
    int rc = open_and_read(t, r, name, err);
    if (rc < 0) {
        tar_table_free(t);
        return rc;
    }
    if (t->count > 0)
        qsort_r(t->members, t->count, sizeof *t->members, compare, t->texts.bytes);
    *table = t;
    return 0;
}

void tar_table_free(struct tar_table *table)
{
    if (!table)
        return;
    buffer_free(&table->texts);
    free(table->members);
    free(table);
}

/* --- Finding ------------------------------------------------------------------------------------------------------ */

/* The last one of that name, which is the first one here. */
static const struct tar_member *find(const struct tar_table *table, const char *name)
{
    size_t low = 0, high = table->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp((char *)table->texts.bytes + table->members[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < table->count && strcmp((char *)table->texts.bytes + table->members[low].name, name) == 0;
    return found ? &table->members[low] : NULL;
}

int tar_table_find(uint64_t *offset, uint64_t *size, const char **why, const struct tar_table *table, const char *name)
{
    const struct tar_member *member = find(table, name);

    if (!member)
        return -ENOENT;
    for (int links = 0; member && member->kind == MEMBER_LINK; links++) {
        if (links == MEMBER_LINKS_MAX) {
            *why = "too many links";
            return -EBADMSG;
        }
        member = find(table, (char *)table->texts.bytes + member->target);
    }
    if (!member)
        *why = "a link to what is not there";
    else if (member->kind == MEMBER_SPARSE)
        *why = "a sparse file";
    else if (member->kind != MEMBER_FILE)
        *why = "not a regular file";
    if (*why)
        return -EBADMSG;
    *offset = member->offset;
    *size = member->size;
    return 0;
}
