/* manifest.c - entries and notes as lines. */
#include "tree/manifest.h"

#include "base/jsonl.h"
#include "db/blob.h"
#include "tree/features.h"
#include "tree/known.h"

#include <errno.h>
#include <stdio.h>

const char *manifest_type(uint32_t mode)
{
    static const char *const names[16] = {
        [S_IFREG >> 12] = "file",  [S_IFDIR >> 12] = "dir",  [S_IFLNK >> 12] = "link",    [S_IFCHR >> 12] = "char",
        [S_IFBLK >> 12] = "block", [S_IFIFO >> 12] = "pipe", [S_IFSOCK >> 12] = "socket",
    };
    const char *name = names[mode >> 12 & 15];

    return name ? name : "unknown";
}

void manifest_attributes(struct buffer *line, const struct entry *entry)
{
    char mode[8];

    snprintf(mode, sizeof mode, "%04o", (unsigned)(entry->mode & 07777));
    jsonl_string(line, "type", manifest_type(entry->mode));
    jsonl_string(line, "mode", mode);
    jsonl_number(line, "uid", entry->uid);
    jsonl_number(line, "gid", entry->gid);
    jsonl_number(line, "size", entry->size);
    jsonl_time(line, "mtime", entry->mtime);
    if (entry->target)
        jsonl_text(line, "target", entry->target, entry->target_size);
    if (S_ISCHR(entry->mode) || S_ISBLK(entry->mode)) {
        jsonl_number(line, "major", entry->rdev_major);
        jsonl_number(line, "minor", entry->rdev_minor);
    }
}

int manifest_members(struct buffer *line, struct tree_reader *reader, const struct tree_step *step, const char *known,
                     struct error *err)
{
    const struct entry *entry = step->place.entry;

    jsonl_text(line, "path", step->path, step->size);
    manifest_attributes(line, entry);
    if (step->place.nlink > 1 && !S_ISDIR(entry->mode))
        jsonl_number(line, "nlink", step->place.nlink);
    jsonl_string(line, "known", known);
    if (entry->content) {
        struct blob blob;
        int result = tree_content(&blob, reader, entry, err);

        if (result < 0)
            return result == -ENOENT ? error_system(err, EIO, "the content of %s is not in the store", step->path)
                                     : result;
        jsonl_hex(line, "sha256", blob.digest.bytes, DIGEST_SIZE);
    }
    return 0;
}

struct writing {
    struct tree_reader *reader;
    struct known *known;
    struct buffer line;
    int (*sink)(void *arg, const void *bytes, size_t size);
    void *arg;
    struct error *err;
};

static int flush_line(struct writing *w)
{
    jsonl_end(&w->line);
    if (w->line.failed)
        return error_system(w->err, ENOMEM, "cannot write a manifest");
    int result = w->sink(w->arg, w->line.bytes, w->line.size);
    buffer_clear(&w->line);
    return result;
}

static int write_entry(void *arg, const struct tree_step *step)
{
    struct writing *w = arg;
    const char *known;
    int result = known_of(&known, w->known, step, w->err);

    jsonl_begin(&w->line);
    if (result == 0)
        result = manifest_members(&w->line, w->reader, step, known, w->err);
    return result < 0 ? result : flush_line(w);
}

static int write_note(void *arg, const struct feature *feature)
{
    struct writing *w = arg;

    jsonl_begin(&w->line);
    jsonl_text(&w->line, "path", feature->key, feature->key_size);
    jsonl_raw(&w->line, "note", feature->value, feature->value_size);
    return flush_line(w);
}

int manifest_write(struct tree_reader *reader, const struct snapshot *snapshot,
                   int (*sink)(void *arg, const void *bytes, size_t size), void *arg, struct error *err)
{
    struct writing w = {.reader = reader, .sink = sink, .arg = arg, .err = err};
    int result = known_new(&w.known, reader, snapshot, err);

    if (result == 0)
        result = tree_visit_all(reader, tree_of_snapshot(snapshot), write_entry, &w, err);

    if (result == 0)
        result = features_visit(tree_reader_store(reader), snapshot->features.id, FEATURE_NOTE, write_note, &w, err);
    known_free(w.known);
    buffer_free(&w.line);
    return result;
}
