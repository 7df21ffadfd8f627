/* source.c - text from an input, as it is or behind gzip. Lines are found in one block of memory that grows with the
 * longest of them. */
#include "import/source.h"

#include "import/gunzip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SOURCE_BLOCK INPUT_BLOCK /* bytes of text made at once */

struct source {
    struct input *input;
    char *bytes;           /* [first, last) of it are read and not yet given out */
    size_t room;           /* of bytes */
    size_t first, last;    /* offsets into bytes */
    uint64_t lines;        /* given out */
    struct gunzip *gunzip; /* NULL: the text is plain */
    bool known;            /* which of the two */
    bool at_end;
};

int source_open(struct source **source, struct input *input, struct error *err)
{
    struct source *s = calloc(1, sizeof *s);

    if (s) {
        s->input = input;
        s->room = SOURCE_BLOCK;
        s->bytes = malloc(s->room);
    }
    if (s && s->bytes) {
        *source = s;
        return 0;
    }
    error_system(err, ENOMEM, "%s", input_name(input));
    free(s);
    input_close(input);
    return -ENOMEM;
}

void source_close(struct source *source)
{
    if (!source)
        return;
    gunzip_free(source->gunzip);
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
    return source->gunzip && gunzip_is_cut_short(source->gunzip);
}

uint64_t source_position(const struct source *source)
{
    return input_position(source->input);
}

uint64_t source_size(const struct source *source)
{
    return input_size(source->input);
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

static int find_form(struct source *s, struct error *err)
{
    const uint8_t *bytes;
    ssize_t got = input_peek(&bytes, s->input, 2, err);

    if (got < 0)
        return (int)got;
    s->known = true;
    if (!gunzip_likes(bytes, (size_t)got))
        return 0;
    s->gunzip = gunzip_new(s->input);
    return s->gunzip ? 0 : error_system(err, ENOMEM, "%s", source_name(s));
}

static ssize_t take_plain(char *out, struct source *s, struct error *err)
{
    const uint8_t *bytes;
    ssize_t got = input_peek(&bytes, s->input, 1, err);

    if (got <= 0)
        return got;
    if (got > SOURCE_BLOCK)
        got = SOURCE_BLOCK;
    memcpy(out, bytes, (size_t)got);
    input_skip(s->input, (size_t)got);
    return got;
}

static ssize_t take_gzip(char *out, struct source *s, struct error *err)
{
    const char *why = NULL;
    ssize_t got = gunzip_read(out, &why, s->gunzip, SOURCE_BLOCK, err);

    return got < 0 && why
               ? error_input(err, "%s:%llu: broken gzip, %s", source_name(s), (unsigned long long)s->lines + 1, why)
               : got;
}

static int read_block(struct source *s, struct error *err)
{
    int rc = make_room(s, err);

    if (rc == 0 && !s->known)
        rc = find_form(s, err);
    if (rc < 0)
        return rc;
    ssize_t got = s->gunzip ? take_gzip(s->bytes + s->last, s, err) : take_plain(s->bytes + s->last, s, err);
    if (got < 0)
        return (int)got;
    s->last += (size_t)got;
    s->at_end = got == 0;
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
