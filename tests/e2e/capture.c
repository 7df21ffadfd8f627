/* capture.c - see capture.h. */
#include "tests/e2e/capture.h"

#include <stdint.h>

#define LARGE_MIN 71680u /* bytes: more than what the store keeps in rows */
#define LARGE_STEPS 8u
#define LARGE_STEP 16384u
#define SMALL_MAX 2048u
#define VERSION_EACH 97u /* one file in so many differs between versions */

/* Letters that do not repeat, so that neither compression nor sharing hides the work. */
static size_t put_letters(FILE *out, uint64_t seed, size_t size)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15ULL | 1;

    for (size_t i = 0; i < size; i++) {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        putc((int)('a' + (state * 0x2545f4914f6cdd1dULL >> 40) % 26), out);
    }
    return size;
}

static size_t content_size(const struct capture *c, unsigned i)
{
    if (c->large_each && i % c->large_each == 0)
        return LARGE_MIN + i / c->large_each % LARGE_STEPS * LARGE_STEP;
    return i * 131 % SMALL_MAX;
}

static size_t put_file(FILE *out, const struct capture *c, unsigned i)
{
    size_t size = i < c->contents ? content_size(c, i) : i;
    unsigned seconds = i % VERSION_EACH ? 0 : c->version;

    return (size_t)fprintf(out,
                           "file\t\"/d%u/f%u\"\t{\"atime\":1.5,\"ctime\":1.5,\"gid\":0,\"linksto\":null,\"mode\":33188,"
                           "\"mtime\":%u.25,\"name\":\"f%u\",\"path\":\"/d%u/f%u\",\"size\":%zu,\"type\":\"file\","
                           "\"uid\":0}\n",
                           i / 100, i, 1500000000 + seconds, i, i / 100, i, size);
}

static size_t put_content(FILE *out, const struct capture *c, unsigned i)
{
    uint64_t seed = i % VERSION_EACH ? i : i + ((uint64_t)c->version << 32);
    size_t written = (size_t)fprintf(
        out, "config\t\"/d%u/f%u\"\t{\"name\":\"f%u\",\"path\":\"/d%u/f%u\",\"content\":\"", i / 100, i, i, i / 100, i);

    written += put_letters(out, seed, content_size(c, i));
    return written + (size_t)fprintf(out, "\"}\n");
}

size_t capture_write(FILE *out, const struct capture *c)
{
    size_t written =
        (size_t)fprintf(out,
                        "metadata\t\"metadata\"\t{\"namespace\":\"%s\",\"timestamp\":"
                        "\"2026-11-21T16:43:%02u+0000\",\"system_type\":\"container\",\"features\":\"file\"}\n",
                        c->namespace, c->version % 60);

    for (unsigned i = 0; i < c->files; i++)
        written += put_file(out, c, i);
    for (unsigned i = 0; i < c->contents; i++)
        written += put_content(out, c, i);
    for (unsigned i = 0; i < c->files / 10; i++)
        written += (size_t)fprintf(out, "process\t\"p/%u\"\t{\"cmd\":\"sleep %u\",\"pid\":%u}\n", i, i, i);
    return written;
}
