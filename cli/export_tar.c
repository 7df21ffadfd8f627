/* export_tar.c - walking the tree, an entry after the other into libarchive's pax writer. */
#include "cli/export_tar.h"

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/timestamp.h"
#include "cli/terminal.h"
#include "import/xattrs.h"
#include "tree/links.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>

#define PIECE_SIZE (1u << 18)                  /* bytes of a content at once */
#define XATTR_HEAD 8u                          /* bytes before a name and a value, together */
#define XATTRS_SIZE_MAX (8 * XATTRS_BYTES_MAX) /* of a canonical form: each has a byte at least */

/* The first name of a file that has several: the others are links to it. */
struct first_name {
    uint32_t file;
    size_t at; /* in texts */
};

struct exporting {
    struct export_count *count;
    struct view *view;
    const struct export_options *options;
    struct archive *archive;
    struct archive_entry *entry;
    int (*sink)(void *arg, const void *bytes, size_t size, struct error *err);
    void *arg;
    struct buffer names, texts; /* struct first_name, in rising order; their paths */
    struct buffer xattrs;
    uint8_t *piece;
    bool equals_sign; /* a name of an extended attribute holds one */
    int failed;       /* the sink's */
    struct error *err;
};

static int failed(const struct exporting *e)
{
    if (e->failed < 0)
        return e->failed;
    return error_system(e->err, archive_errno(e->archive) ? archive_errno(e->archive) : EIO, "cannot write a tar: %s",
                        archive_error_string(e->archive));
}

/* --- Extended attributes ------------------------------------------------------------------------------------------ */

static int read_xattrs(struct exporting *e, int64_t id)
{
    struct blob blob;
    int result = blob_find(&blob, e->view->store, id, e->err);

    buffer_clear(&e->xattrs);
    if (result < 0)
        return result == -ENOENT ? -ESTALE : result;
    if (blob.size > XATTRS_SIZE_MAX)
        return error_system(e->err, EIO, "the extended attributes of a file are damaged");
    while (e->xattrs.size < blob.size) {
        uint8_t *room = buffer_reserve(&e->xattrs, PIECE_SIZE);
        ssize_t got = room ? blob_read(room, e->view->store, &blob, e->xattrs.size, PIECE_SIZE, e->err)
                           : error_system(e->err, ENOMEM, "extended attributes");
        if (got <= 0)
            return got < 0 ? (int)got : error_system(e->err, EIO, "the extended attributes of a file are damaged");
        buffer_took(&e->xattrs, (size_t)got);
    }
    return 0;
}

static bool take_string(const uint8_t **bytes, uint32_t *size, const uint8_t **at, const uint8_t *end)
{
    if (end - *at < 4)
        return false;
    *size = get_be32(*at);
    *bytes = *at + 4;
    if ((size_t)(end - *bytes) < *size)
        return false;
    *at = *bytes + *size;
    return true;
}

static int visit_xattrs(struct exporting *e, int64_t id,
                        void (*visit)(struct exporting *e, const char *name, const void *value, size_t size))
{
    int result = read_xattrs(e, id);
    const uint8_t *at = e->xattrs.bytes, *end = at + e->xattrs.size, *name, *value;
    uint32_t name_size, size;

    if (result < 0)
        return result;
    if (e->xattrs.size < 4)
        return error_system(e->err, EIO, "the extended attributes of a file are damaged");
    for (at += 4; at < end;) {
        char text[XATTRS_NAME_MAX + 1];

        if (!take_string(&name, &name_size, &at, end) || !take_string(&value, &size, &at, end) ||
            name_size > XATTRS_NAME_MAX)
            return error_system(e->err, EIO, "the extended attributes of a file are damaged");
        memcpy(text, name, name_size);
        text[name_size] = '\0';
        visit(e, text, value, size);
    }
    return 0;
}

static void look_for_equals_sign(struct exporting *e, const char *name, const void *value, size_t size)
{
    (void)value, (void)size;
    e->equals_sign = e->equals_sign || strchr(name, '=');
}

static void add_xattr(struct exporting *e, const char *name, const void *value, size_t size)
{
    archive_entry_xattr_add_entry(e->entry, name, value, size);
}

/* SCHILY.xattr, which everybody reads, has the name before an equals sign; libarchive's own encodes it. One for all: it
 * has to be known before the first entry. */
static int look_at_xattrs(void *arg, const struct tree_step *step)
{
    struct exporting *e = arg;
    int64_t id = step->place.entry->xattrs;

    return id && !e->equals_sign ? visit_xattrs(e, id, look_for_equals_sign) : 0;
}

/* --- Hard links --------------------------------------------------------------------------------------------------- */

/* A member's path has no slash at its beginning; the root is "./". */
static const char *member_name(const char *path)
{
    return path[1] ? path + 1 : "./";
}

static int remember_name(struct exporting *e, const struct tree_step *step)
{
    const struct first_name name = {step->place.file, e->texts.size};

    buffer_add(&e->texts, member_name(step->path), step->size);
    buffer_add_byte(&e->texts, 0);
    buffer_add(&e->names, &name, sizeof name);
    return e->texts.failed || e->names.failed ? error_system(e->err, ENOMEM, "hard links") : 0;
}

/* NULL: the first one is not in the tar. */
static const char *find_name(const struct exporting *e, uint32_t file)
{
    const struct first_name *names = (const struct first_name *)(const void *)e->names.bytes;
    size_t low = 0, high = e->names.size / sizeof *names;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (names[middle].file == file)
            return (const char *)e->texts.bytes + names[middle].at;
        if (names[middle].file < file)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* --- Entries ------------------------------------------------------------------------------------------------------ */

static bool is_whiteout(const struct entry *entry)
{
    return entry->name_size >= 4 && memcmp(entry->name, ".wh.", 4) == 0;
}

/* What is left out, and counted. A directory that is, is there for what stands in it. */
static bool leave_out(const struct exporting *e, const struct entry *entry)
{
    if (entry->flags & ENTRY_MADE && !e->options->made)
        return ++e->count->made;
    if (entry->flags & ENTRY_ABSENT)
        return ++e->count->absent;
    if (S_ISSOCK(entry->mode) || (e->options->layer && is_whiteout(entry)))
        return ++e->count->unfit;
    return false;
}

static int fill(struct exporting *e, const struct tree_step *step)
{
    const struct entry *entry = step->place.entry;

    archive_entry_clear(e->entry);
    archive_entry_copy_pathname(e->entry, member_name(step->path));
    archive_entry_set_mode(e->entry, entry->mode);
    archive_entry_set_uid(e->entry, entry->uid);
    archive_entry_set_gid(e->entry, entry->gid);
    archive_entry_set_mtime(e->entry, (time_t)(entry->mtime / NANOSECONDS), (long)(entry->mtime % NANOSECONDS));
    archive_entry_set_size(e->entry, S_ISREG(entry->mode) ? (la_int64_t)entry->size : 0);
    if (S_ISCHR(entry->mode) || S_ISBLK(entry->mode)) {
        archive_entry_set_rdevmajor(e->entry, entry->rdev_major);
        archive_entry_set_rdevminor(e->entry, entry->rdev_minor);
    }
    if (S_ISLNK(entry->mode)) {
        cleanup_free char *target = strndup(entry->target, entry->target_size);
        if (!target)
            return error_system(e->err, ENOMEM, "a link");
        archive_entry_copy_symlink(e->entry, target);
    }
    return entry->xattrs ? visit_xattrs(e, entry->xattrs, add_xattr) : 0;
}

static int write_content(struct exporting *e, const struct entry *entry)
{
    struct blob blob;
    int result = blob_find(&blob, e->view->store, entry->content, e->err);
    ssize_t got;

    if (result < 0)
        return result == -ENOENT ? -ESTALE : result;
    for (uint64_t at = 0; at < blob.size; at += (uint64_t)got) {
        got = blob_read(e->piece, e->view->store, &blob, at, PIECE_SIZE, e->err);
        if (got <= 0)
            return got < 0
                       ? (int)got
                       : error_system(e->err, EIO, "a content ends too early in the store; `confuse fsck` tells more");
        if (archive_write_data(e->archive, e->piece, (size_t)got) != got)
            return failed(e);
        e->count->bytes += (uint64_t)got;
    }
    return 0;
}

/* It warns of names that are no ASCII, and then writes them as the bytes that they are. */
static int write_header(struct exporting *e)
{
    return archive_write_header(e->archive, e->entry) >= ARCHIVE_WARN ? 0 : failed(e);
}

static int write_link(struct exporting *e, const struct tree_step *step, const char *target)
{
    archive_entry_clear(e->entry);
    archive_entry_copy_pathname(e->entry, member_name(step->path));
    archive_entry_set_mode(e->entry, step->place.entry->mode);
    archive_entry_copy_hardlink(e->entry, target);
    return write_header(e);
}

static int write_file(struct exporting *e, const struct tree_step *step)
{
    const struct entry *entry = step->place.entry;
    int result = fill(e, step);

    if (result == 0)
        result = write_header(e);
    return result == 0 && entry->content ? write_content(e, entry) : result;
}

static int write_entry(void *arg, const struct tree_step *step)
{
    struct exporting *e = arg;
    const struct tree_place *place = &step->place;
    bool has_names = !S_ISDIR(place->entry->mode) && place->nlink > 1;
    const char *target = has_names ? find_name(e, place->file) : NULL;

    if (leave_out(e, place->entry))
        return 0;
    e->count->lossy += (place->entry->flags & ENTRY_LOSSY) != 0;
    e->count->files++;
    if (progress_due())
        progress_show("%llu of %u files", (unsigned long long)e->count->files, e->view->snapshot.root.counts.nodes);
    if (target)
        return write_link(e, step, target);
    int result = has_names ? remember_name(e, step) : 0;
    return result == 0 ? write_file(e, step) : result;
}

/* --- All of it ---------------------------------------------------------------------------------------------------- */

static la_ssize_t pass_on(struct archive *archive, void *arg, const void *bytes, size_t size)
{
    struct exporting *e = arg;

    e->failed = e->sink(e->arg, bytes, size, e->err);
    if (e->failed == 0)
        return (la_ssize_t)size;
    archive_set_error(archive, EIO, "it cannot be written");
    return -1;
}

/* What is handed on is not gathered to blocks of a tape. */
static int open_archive(struct exporting *e)
{
    const char *options = e->equals_sign ? "xattrheader=LIBARCHIVE" : "xattrheader=SCHILY";

    if (archive_write_set_format_pax(e->archive) != ARCHIVE_OK ||
        archive_write_set_options(e->archive, options) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(e->archive, 1) != ARCHIVE_OK ||
        archive_write_open(e->archive, e, NULL, pass_on, NULL) != ARCHIVE_OK)
        return failed(e);
    return 0;
}

static int write_all(struct exporting *e)
{
    struct tree tree = tree_of_snapshot(&e->view->snapshot);
    int result = tree_visit_all(e->view->reader, tree, look_at_xattrs, e, e->err);

    if (result == 0)
        result = open_archive(e);
    if (result == 0)
        result = tree_visit_all(e->view->reader, tree, write_entry, e, e->err);
    blob_rest(e->view->store);
    if (result == 0 && archive_write_close(e->archive) != ARCHIVE_OK)
        result = failed(e);
    return result;
}

int export_tar(struct export_count *count, struct view *view, const struct export_options *options,
               int (*sink)(void *arg, const void *bytes, size_t size, struct error *err), void *arg, struct error *err)
{
    struct exporting e = {.count = count,
                          .view = view,
                          .options = options,
                          .archive = archive_write_new(),
                          .entry = archive_entry_new(),
                          .sink = sink,
                          .arg = arg,
                          .piece = malloc(PIECE_SIZE),
                          .err = err};

    *count = (struct export_count){0};
    int result = e.archive && e.entry && e.piece ? write_all(&e) : error_system(err, ENOMEM, "cannot write a tar");
    archive_entry_free(e.entry);
    if (e.archive) {
        archive_write_fail(e.archive); /* nothing is written behind an error */
        archive_write_free(e.archive);
    }
    free(e.piece);
    buffer_free(&e.names);
    buffer_free(&e.texts);
    buffer_free(&e.xattrs);
    return result;
}
