/* source.c - text from an input: as it is, or inflated by zlib, which gives out all that is whole of gzip data that is
 * cut short. Lines are found in one block of memory that grows with the longest of them. */
#include "import/source.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

#define SOURCE_BLOCK INPUT_BLOCK /* bytes of text made at once */
#define GZIP_WINDOW (15 + 16)    /* zlib: the largest window, and gzip's header */

enum form { UNKNOWN, PLAIN, GZIP, ENDED };

struct source {
    struct input *input;
    char *bytes;        /* [first, last) of it are read and not yet given out */
    size_t room;        /* of bytes */
    size_t first, last; /* offsets into bytes */
    uint64_t lines;     /* given out */
    z_stream gzip;
    enum form form;
    bool cut_short;
};

int source_open(struct source **source, struct input *input, struct error *err)
{
    struct source *s = calloc(1, sizeof *s);

    if (s) {
        s->input = input;
        s->room = SOURCE_BLOCK;
        s->bytes = malloc(s->room);
    }
    if (s && s->bytes && inflateInit2(&s->gzip, GZIP_WINDOW) == Z_OK) {
        *source = s;
        return 0;
    }
    error_system(err, ENOMEM, "%s", input_name(input));
    if (s)
        free(s->bytes);
    free(s);
    input_close(input);
    return -ENOMEM;
}

void source_close(struct source *source)
{
    if (!source)
        return;
    inflateEnd(&source->gzip);
    input_close(source->input);
    free(source->bytes);
    free(source);
}

const char *source_name(const struct source *source)
{
    return input_name(source->input);
}

bool source_is_cut_short(const struct source *source)
{
    return source->cut_short;
}

uint64_t source_position(const struct source *source)
{
    return input_position(source->input);
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
        return error_system(err, ENOMEM, "%s", source_name(s));
    s->bytes = bytes;
    s->room *= 2;
    return 0;
}

/* --- Text --------------------------------------------------------------------------------------------------------- */

/* At the beginning, and behind each gzip member: what comes now? Behind a member only another one counts. */
static int find_form(struct source *s, struct error *err)
{
    const uint8_t *bytes;
    ssize_t got = input_peek(&bytes, s->input, 2, err);

    if (got < 0)
        return (int)got;
    if (got >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b)
        s->form = GZIP;
    else
        s->form = s->form == UNKNOWN ? PLAIN : ENDED;
    return 0;
}

static void take_plain(struct source *s, const uint8_t *bytes, size_t size)
{
    if (size > SOURCE_BLOCK)
        size = SOURCE_BLOCK;
    memcpy(s->bytes + s->last, bytes, size);
    s->last += size;
    input_skip(s->input, size);
}

static int take_gzip(struct source *s, const uint8_t *bytes, size_t size, struct error *err)
{
    z_stream *z = &s->gzip;

    z->next_in = (Bytef *)(uintptr_t)bytes; /* zlib only reads it */
    z->avail_in = (uInt)(size < INPUT_BLOCK ? size : INPUT_BLOCK);
    z->next_out = (Bytef *)s->bytes + s->last;
    z->avail_out = SOURCE_BLOCK;
    int problem = inflate(z, Z_NO_FLUSH);
    s->last += SOURCE_BLOCK - z->avail_out;
    input_skip(s->input, (size_t)(z->next_in - bytes));
    if (problem == Z_STREAM_END)
        return inflateReset(z) == Z_OK ? find_form(s, err) : error_system(err, EIO, "%s", source_name(s));
    if (problem == Z_MEM_ERROR)
        return error_system(err, ENOMEM, "%s", source_name(s));
    if (problem == Z_OK || problem == Z_BUF_ERROR)
        return 0;
    return error_input(err, "%s:%llu: broken gzip, %s", source_name(s), (unsigned long long)s->lines + 1,
                       z->msg ? z->msg : "it needs a dictionary");
}

static int read_block(struct source *s, struct error *err)
{
    const uint8_t *bytes;
    int rc = make_room(s, err);

    if (rc == 0 && s->form == UNKNOWN)
        rc = find_form(s, err);
    if (rc < 0 || s->form == ENDED)
        return rc;
    ssize_t got = input_peek(&bytes, s->input, 1, err);
    if (got < 0)
        return (int)got;
    if (got == 0) {
        s->cut_short = s->form == GZIP;
        s->form = ENDED;
        return 0;
    }
    if (s->form == GZIP)
        return take_gzip(s, bytes, (size_t)got, err);
    take_plain(s, bytes, (size_t)got);
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
            return error_input(err, "%s:%llu: a line of more than %zu MiB", source_name(s),
                               (unsigned long long)s->lines + 1, SOURCE_LINE_MAX >> 20);
        if (newline || (s->form == ENDED && size > 0)) {
            *line = (struct line){start, size, ++s->lines};
            s->first += size;
            return 1;
        }
        if (s->form == ENDED)
            return 0;
        searched = left;
        int rc = read_block(s, err);
        if (rc < 0)
            return rc;
    }
}
