/* source.c - zlib's gz layer reads both plain and gzip; lines are found in one block of memory that grows with the
 * longest of them. */
#include "import/source.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <zlib.h>

#define SOURCE_BLOCK 262144u /* bytes read at once: fits the second-level cache */

struct source {
    char *name;
    gzFile file;
    char *bytes;        /* [first, last) of it are read and not yet given out */
    size_t room;        /* of bytes */
    size_t first, last; /* offsets into bytes */
    uint64_t total;     /* bytes of text read */
    uint64_t lines;     /* given out */
    bool at_end, cut_short, seekable;
};

int source_open_fd(struct source **source, int fd, const char *name, struct error *err)
{
    struct source *s = calloc(1, sizeof *s);

    if (s) {
        s->seekable = lseek(fd, 0, SEEK_CUR) >= 0;
        s->name = strdup(name);
        s->file = gzdopen(fd, "rb");
        s->room = SOURCE_BLOCK;
        s->bytes = malloc(s->room);
    }
    if (!s || !s->file)
        close(fd);
    if (!s || !s->file || !s->name || !s->bytes || gzbuffer(s->file, SOURCE_BLOCK) != 0) {
        source_close(s);
        return error_system(err, ENOMEM, "%s", name);
    }
    *source = s;
    return 0;
}

int source_open(struct source **source, const char *path, struct error *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return error_system(err, errno, "%s", is_stdin ? "<stdin>" : path);
    return source_open_fd(source, fd, is_stdin ? "<stdin>" : path, err);
}

void source_close(struct source *source)
{
    if (!source)
        return;
    if (source->file)
        gzclose_r(source->file);
    free(source->bytes);
    free(source->name);
    free(source);
}

const char *source_name(const struct source *source)
{
    return source->name;
}

bool source_is_cut_short(const struct source *source)
{
    return source->cut_short;
}

uint64_t source_position(const struct source *source)
{
    z_off_t offset = source->seekable ? gzoffset(source->file) : -1;

    return offset >= 0 ? (uint64_t)offset : source->total;
}

/* Room for one more block behind what is there: by moving it to the front, or by growing. */
static int make_room(struct source *s, struct error *err)
{
    if (s->room - s->last >= SOURCE_BLOCK)
        return 0;
    memmove(s->bytes, s->bytes + s->first, s->last - s->first);
    s->last -= s->first;
    s->first = 0;
    if (s->room - s->last >= SOURCE_BLOCK)
        return 0;
    char *bytes = realloc(s->bytes, 2 * s->room);
    if (!bytes)
        return error_system(err, ENOMEM, "%s", s->name);
    s->bytes = bytes;
    s->room *= 2;
    return 0;
}

static int read_block(struct source *s, struct error *err)
{
    int rc = make_room(s, err);

    if (rc < 0)
        return rc;
    errno = 0;
    int n = gzread(s->file, s->bytes + s->last, SOURCE_BLOCK);
    if (n > 0) {
        s->last += (size_t)n;
        s->total += (uint64_t)n;
        return 0;
    }
    int problem;
    const char *why = gzerror(s->file, &problem);
    if (problem == Z_ERRNO)
        return error_system(err, errno ? errno : EIO, "%s", s->name);
    if (n < 0 && problem != Z_BUF_ERROR) {
        const char *reason = strstr(why, ": "); /* zlib's own name of the file stands before it */

        return error_input(err, "%s:%llu: broken gzip, %s", s->name, (unsigned long long)s->lines + 1,
                           reason ? reason + 2 : why);
    }
    s->at_end = true;
    s->cut_short = problem == Z_BUF_ERROR;
    return 0;
}

int source_next_line(struct line *line, struct source *s, struct error *err)
{
    size_t searched = 0; /* bytes from `first` on that hold no newline */

    for (;;) {
        const char *start = s->bytes + s->first;
        size_t left = s->last - s->first;
        const char *newline = left > searched ? memchr(start + searched, '\n', left - searched) : NULL;
        size_t size = newline ? (size_t)(newline - start) + 1 : left;

        if (size > SOURCE_LINE_MAX)
            return error_input(err, "%s:%llu: a line of more than %zu MiB", s->name, (unsigned long long)s->lines + 1,
                               SOURCE_LINE_MAX >> 20);
        if (newline || (s->at_end && size > 0)) {
            *line = (struct line){start, size, ++s->lines};
            s->first += size;
            return 1;
        }
        if (s->at_end)
            return 0;
        searched = left;
        int rc = read_block(s, err);
        if (rc < 0)
            return rc;
    }
}
