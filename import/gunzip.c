/* gunzip.c - member after member. */
#include "import/gunzip.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#define WINDOW (15 + 16)    /* zlib: the largest window, and gzip's header */
#define ONCE_MAX (1u << 30) /* zlib counts in unsigned int */

struct gunzip {
    struct input *input;
    z_stream stream;
    bool ended, cut_short;
};

bool gunzip_likes(const uint8_t *bytes, size_t size)
{
    return size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

struct gunzip *gunzip_new(struct input *input)
{
    struct gunzip *gunzip = calloc(1, sizeof *gunzip);

    if (gunzip && inflateInit2(&gunzip->stream, WINDOW) != Z_OK) {
        free(gunzip);
        return NULL;
    }
    if (gunzip)
        gunzip->input = input;
    return gunzip;
}

void gunzip_free(struct gunzip *gunzip)
{
    if (!gunzip)
        return;
    inflateEnd(&gunzip->stream);
    free(gunzip);
}

/* Behind a member: only another one counts. */
static int next_member(struct gunzip *gunzip, struct error *err)
{
    const uint8_t *bytes;
    ssize_t got = input_peek(&bytes, gunzip->input, 2, err);

    if (got < 0)
        return (int)got;
    gunzip->ended = !gunzip_likes(bytes, (size_t)got);
    return inflateReset(&gunzip->stream) == Z_OK ? 0 : error_system(err, EIO, "zlib");
}

/* zlib only reads what comes in. */
static int inflate_some(z_stream *z, const uint8_t *bytes, size_t size)
{
    z->next_in = (Bytef *)(uintptr_t)bytes;
    z->avail_in = (uInt)(size < ONCE_MAX ? size : ONCE_MAX);
    return inflate(z, Z_NO_FLUSH);
}

ssize_t gunzip_read(void *out, const char **why, struct gunzip *gunzip, size_t size, struct error *err)
{
    z_stream *z = &gunzip->stream;
    uInt room = (uInt)(size < ONCE_MAX ? size : ONCE_MAX);
    const uint8_t *bytes;

    z->next_out = out;
    z->avail_out = room;
    while (!gunzip->ended && z->avail_out == room) {
        ssize_t got = input_peek(&bytes, gunzip->input, 1, err);
        if (got < 0)
            return got;
        gunzip->ended = gunzip->cut_short = got == 0;
        if (got == 0)
            break;
        int problem = inflate_some(z, bytes, (size_t)got), rc = 0;
        input_skip(gunzip->input, (size_t)(z->next_in - bytes));
        if (problem == Z_STREAM_END)
            rc = next_member(gunzip, err);
        else if (problem == Z_MEM_ERROR)
            rc = error_system(err, ENOMEM, "%s", input_name(gunzip->input));
        else if (problem != Z_OK && problem != Z_BUF_ERROR) {
            *why = z->msg ? z->msg : "it needs a dictionary";
            return -EBADMSG;
        }
        if (rc < 0)
            return rc;
    }
    return (ssize_t)(room - z->avail_out);
}

bool gunzip_is_cut_short(const struct gunzip *gunzip)
{
    return gunzip->cut_short;
}

size_t gunzip_begin(uint8_t *out, size_t size, const uint8_t *bytes, size_t bytes_size)
{
    z_stream z = {.next_out = out, .avail_out = (uInt)size};

    if (inflateInit2(&z, WINDOW) != Z_OK)
        return 0;
    inflate_some(&z, bytes, bytes_size);
    inflateEnd(&z);
    return size - z.avail_out;
}
