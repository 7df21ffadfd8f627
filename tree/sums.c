/* sums.c - lines of GNU coreutils' sha256sum. */
#include "tree/sums.h"

#include "base/buffer.h"
#include "db/blob.h"

#include <errno.h>
#include <string.h>

struct writing {
    struct tree_reader *reader;
    struct buffer line;
    int (*sink)(void *arg, const void *bytes, size_t size);
    void *arg;
    struct error *err;
};

/* A line whose name has one of these begins with a backslash, and they are written as two characters (coreutils 9). */
static const char *escape(char c)
{
    return c == '\\' ? "\\\\" : c == '\n' ? "\\n" : c == '\r' ? "\\r" : NULL;
}

static bool needs_escape(const char *path, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (escape(path[i]))
            return true;
    return false;
}

static void add_path(struct buffer *line, const char *path, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const char *escaped = escape(path[i]);

        if (escaped)
            buffer_add_text(line, escaped);
        else
            buffer_add_byte(line, (uint8_t)path[i]);
    }
}

static int write_sum(void *arg, const struct tree_step *step)
{
    struct writing *w = arg;
    char hex[DIGEST_HEX_SIZE];
    struct blob blob;

    if (!S_ISREG(step->place.entry->mode) || !step->place.entry->content)
        return 0;
    int result = tree_content(&blob, w->reader, step->place.entry, w->err);
    if (result < 0)
        return result == -ENOENT ? error_system(w->err, EIO, "the content of %s is not in the store", step->path)
                                 : result;
    hex_encode(hex, blob.digest.bytes, DIGEST_SIZE);
    buffer_clear(&w->line);
    buffer_add_format(&w->line, "%s%s  .", needs_escape(step->path, step->size) ? "\\" : "", hex);
    add_path(&w->line, step->path, step->size);
    buffer_add_byte(&w->line, '\n');
    if (w->line.failed)
        return error_system(w->err, ENOMEM, "cannot write sums");
    return w->sink(w->arg, w->line.bytes, w->line.size);
}

int sums_write(struct tree_reader *reader, const struct snapshot *snapshot,
               int (*sink)(void *arg, const void *bytes, size_t size), void *arg, struct error *err)
{
    struct writing w = {.reader = reader, .sink = sink, .arg = arg, .err = err};
    int result = tree_visit_all(reader, tree_of_snapshot(snapshot), write_sum, &w, err);

    buffer_free(&w.line);
    return result;
}
