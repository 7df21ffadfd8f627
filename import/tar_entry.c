/* tar_entry.c - one entry of a tar: attributes, extended attributes, content. */
#include "import/tar.h"

#include "base/timestamp.h"
#include "import/acl.h"
#include "import/notes.h"
#include "import/prefix.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Holes are written as zeros, and a header of 512 bytes can tell of exabytes. What is above, in all of an archive's
 * files, is absent, with a note: /var/log/lastlog has a TiB of holes where somebody has a large uid. */
#define HOLES_MAX (4ull << 30)
#define UNKNOWN_ID 65534u

/* --- Attributes --------------------------------------------------------------------------------------------------- */

static uint32_t read_id(int64_t id, const char *name, const char **unknown, size_t *count)
{
    if (id >= 0 && id <= UINT32_MAX)
        return (uint32_t)id;
    unknown[(*count)++] = name;
    return UNKNOWN_ID;
}

static uint64_t read_mtime(struct archive_entry *e, const char **unknown, size_t *count)
{
    int64_t seconds = archive_entry_mtime(e);
    long ns = archive_entry_mtime_nsec(e);

    if (seconds >= 0 && (uint64_t)seconds <= TIMESTAMP_MAX / NANOSECONDS && ns >= 0 && ns < (long)NANOSECONDS)
        return (uint64_t)seconds * NANOSECONDS + (uint64_t)ns;
    unknown[(*count)++] = "mtime";
    return seconds < 0 ? 0 : TIMESTAMP_MAX;
}

/* Type, owner, times, device; `unknown`: what is out of range, ended by NULL. */
static void read_attributes(struct entry *entry, const char *unknown[4], struct archive_entry *e)
{
    size_t count = 0;

    *entry = (struct entry){.mode = archive_entry_filetype(e) | (archive_entry_perm(e) & 07777)};
    entry->gid = read_id(archive_entry_gid(e), "gid", unknown, &count);
    entry->mtime = read_mtime(e, unknown, &count);
    entry->uid = read_id(archive_entry_uid(e), "uid", unknown, &count);
    if (S_ISCHR(entry->mode) || S_ISBLK(entry->mode)) {
        entry->rdev_major = (uint32_t)archive_entry_rdevmajor(e);
        entry->rdev_minor = (uint32_t)archive_entry_rdevminor(e);
    }
    unknown[count] = NULL;
}

/* A link's target; one that cannot be held is absent. Links have all permissions on Linux, whatever the archive says.
 */
static void read_target(struct entry *entry, struct archive_entry *e)
{
    const char *target = archive_entry_symlink(e);
    size_t size = target ? strlen(target) : 0;

    entry->mode |= 0777;
    if (size == 0 || size > ENTRY_TARGET_MAX) {
        entry->flags |= ENTRY_ABSENT;
        return;
    }
    entry->target = target;
    entry->target_size = (uint16_t)size;
    entry->size = size;
}

/* --- Extended attributes ------------------------------------------------------------------------------------------ */

struct found_xattr {
    const char *name;
    const void *value;
    size_t size;
};

/* libarchive hands them out from the last to the first, and of equal ones the last of the archive counts. */
static int add_xattrs(struct tar *tar, struct archive_entry *e, struct error *err)
{
    int count = archive_entry_xattr_reset(e), result = 0;
    struct found_xattr found;

    if (count <= 0)
        return 0;
    struct found_xattr *list = calloc((size_t)count, sizeof *list);
    if (!list)
        return error_system(err, ENOMEM, "extended attributes");
    int left = count;
    while (left > 0 && archive_entry_xattr_next(e, &found.name, &found.value, &found.size) == ARCHIVE_OK)
        list[--left] = found;
    for (int i = left; i < count && result == 0; i++) {
        size_t size = strlen(list[i].name);
        const char *problem = xattrs_problem(&tar->xattrs, list[i].name, size, list[i].size);

        if (problem)
            result = note_left_out(&tar->notes, (struct noted){tar->path.bytes, tar->path.size}, "xattr", problem, err);
        else
            xattrs_add(&tar->xattrs, list[i].name, size, list[i].value, list[i].size);
    }
    free(list);
    return result;
}

static int read_xattrs(struct entry *entry, struct entry_digests *digests, struct tar *tar, struct archive_entry *e,
                       struct error *err)
{
    int result = 0;

    xattrs_clear(&tar->xattrs);
    if (!acl_add(&tar->xattrs, e))
        result = note_left_out(&tar->notes, (struct noted){tar->path.bytes, tar->path.size}, "acl",
                               "somebody in it has no number, or it is too long", err);
    if (result == 0)
        result = add_xattrs(tar, e, err);
    return result < 0 ? result : xattrs_put(&entry->xattrs, &digests->xattrs, &tar->xattrs, tar->options->store, err);
}

/* --- Content ------------------------------------------------------------------------------------------------------ */

/* Holes of a sparse file, as its map tells them before the content comes. */
static uint64_t count_holes(struct archive_entry *e)
{
    la_int64_t offset, length;
    uint64_t size = (uint64_t)archive_entry_size(e), data = 0;

    if (archive_entry_sparse_reset(e) == 0)
        return 0;
    while (archive_entry_sparse_next(e, &offset, &length) == ARCHIVE_OK)
        data += (uint64_t)length;
    return data < size ? size - data : 0;
}

static int write_zeros(struct tar *tar, uint64_t size, struct error *err)
{
    static const uint8_t zeros[65536];
    int result = 0;

    for (uint64_t piece; size > 0 && result == 0; size -= piece) {
        piece = size < sizeof zeros ? size : sizeof zeros;
        result = blob_writer_add(tar->writer, zeros, piece, err);
    }
    return result;
}

/* Blocks with their offsets, holes between and behind them. */
static int write_content(struct tar *tar, uint64_t size, struct error *err)
{
    uint64_t at = 0;
    const void *bytes;
    size_t got;
    la_int64_t offset;
    int result = 0, rc = ARCHIVE_OK;

    while (result == 0 && (rc = archive_read_data_block(tar->archive, &bytes, &got, &offset)) == ARCHIVE_OK) {
        if (offset < 0 || (uint64_t)offset < at || (uint64_t)offset > size || got > size - (uint64_t)offset)
            return error_input(err, "%s: %s: its blocks are in no order", input_name(tar->input), tar->path.bytes);
        result = write_zeros(tar, (uint64_t)offset - at, err);
        if (result == 0)
            result = blob_writer_add(tar->writer, bytes, got, err);
        at = (uint64_t)offset + got;
    }
    if (result < 0)
        return result;
    return rc == ARCHIVE_EOF ? write_zeros(tar, size - at, err) : tar_failed(tar, err);
}

static int read_content(struct entry *entry, struct entry_digests *digests, struct tar *tar, struct archive_entry *e,
                        struct error *err)
{
    uint64_t holes = count_holes(e);

    if (!archive_entry_size_is_set(e) || archive_entry_size(e) < 0)
        return error_input(err, "%s: %s: it has no size", input_name(tar->input), tar->path.bytes);
    entry->size = (uint64_t)archive_entry_size(e);
    if (holes > HOLES_MAX - tar->holes) {
        entry->flags |= ENTRY_ABSENT;
        return note_left_out(&tar->notes, (struct noted){tar->path.bytes, tar->path.size}, "content",
                             "it is sparse, and its holes are too large", err);
    }
    tar->holes += holes;
    int result = write_content(tar, entry->size, err);
    if (result < 0) {
        blob_writer_drop(tar->writer);
        return result;
    }
    return blob_writer_finish(&entry->content, &digests->content, &entry->size, tar->writer, err);
}

/* --- Entries ------------------------------------------------------------------------------------------------------ */

/* A name as a path of the tree; or why it is none. */
static const char *place(struct member_path *path, const struct tar *tar, const char *name)
{
    const char *problem = member_path_read(path, name), *at = path->bytes;

    if (problem || !tar->prefix_size)
        return problem;
    if (!prefix_strip(&at, &path->size, tar->options->strip_prefix, tar->prefix_size))
        return "it does not lie below the prefix";
    memmove(path->bytes, at, path->size);
    path->bytes[path->size] = '\0';
    return NULL;
}

static int add(struct tar *tar, struct journal_record *record, struct error *err)
{
    record->path = tar->path.bytes;
    record->path_size = (uint16_t)tar->path.size;
    record->tag = tar->entries;
    return arrivals_add(tar->arrivals, record, err);
}

/* Its own attributes count only where what it is a link to is not there. */
static int take_link(struct tar *tar, const char *target, struct archive_entry *e, struct error *err)
{
    const char *problem = place(&tar->target, tar, target), *unknown[4];
    struct journal_record record = {.link = tar->target.bytes, .link_size = (uint16_t)tar->target.size};

    if (problem)
        return tar_leave_out(tar, tar->path.bytes, tar->path.size, "what it is a hard link to cannot be in the tree",
                             err);
    read_attributes(&record.entry, unknown, e);
    return add(tar, &record, err);
}

static bool is_whiteout(const struct member_path *path)
{
    return strncmp(strrchr(path->bytes, '/'), "/.wh.", strlen("/.wh.")) == 0;
}

int tar_take(struct tar *tar, struct archive_entry *e, struct error *err)
{
    const char *name = archive_entry_pathname(e), *hardlink = archive_entry_hardlink(e);
    const char *problem = place(&tar->path, tar, name ? name : "");
    struct journal_record record = {0};
    struct entry *entry = &record.entry;
    const char *unknown[4];

    if (problem)
        return tar_leave_out(tar, name ? name : "", name ? strlen(name) : 0, problem, err);
    tar->placed++;
    tar->whiteouts += is_whiteout(&tar->path);
    if (hardlink)
        return take_link(tar, hardlink, e, err);
    if (!archive_entry_filetype(e))
        return tar_leave_out(tar, tar->path.bytes, tar->path.size, "it is of no type that a file has", err);
    read_attributes(entry, unknown, e);
    int result =
        unknown[0] ? note_unknown(&tar->notes, (struct noted){tar->path.bytes, tar->path.size}, unknown, err) : 0;
    if (result == 0)
        result = read_xattrs(entry, &record.digests, tar, e, err);
    if (result == 0 && S_ISLNK(entry->mode))
        read_target(entry, e);
    if (result == 0 && S_ISREG(entry->mode))
        result = read_content(entry, &record.digests, tar, e, err);
    return result < 0 ? result : add(tar, &record, err);
}
