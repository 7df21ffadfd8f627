/* detect.c - a tar begins with a header of 512 bytes that sums itself up; before that, compression is undone as far as
 * needed. */
#include "import/detect.h"

#include "import/plain.h"

#include <string.h>

#define TAR_BLOCK 512

/* Where things are in a header (POSIX.1-1988, and before). */
enum { TAR_CHECKSUM = 148, TAR_CHECKSUM_SIZE = 8, TAR_MAGIC = 257 };

/* Octal digits, with spaces before and a space or NUL behind; -1: they are not. */
static long parse_octal(const uint8_t *at, size_t size)
{
    long value = 0;
    size_t i = 0;

    while (i < size && at[i] == ' ')
        i++;
    size_t first = i;
    for (; i < size && at[i] >= '0' && at[i] <= '7'; i++)
        value = value * 8 + (at[i] - '0');
    return i > first && (i == size || at[i] == ' ' || at[i] == '\0') ? value : -1;
}

/* The sum of all bytes, its own field as spaces. Some writers took bytes as signed. */
static bool checksum_holds(const uint8_t *header)
{
    long plain = 0, with_sign = 0;

    for (size_t i = 0; i < TAR_BLOCK; i++) {
        uint8_t byte = i - TAR_CHECKSUM < TAR_CHECKSUM_SIZE ? ' ' : header[i];

        plain += byte;
        with_sign += (int8_t)byte;
    }
    long told = parse_octal(header + TAR_CHECKSUM, TAR_CHECKSUM_SIZE);
    return told == plain || told == with_sign;
}

/* No text has a NUL, so no frame is taken for a tar: an archive without entries begins with its end, a block of them.
 */
static bool is_tar(const uint8_t *header)
{
    static const uint8_t end[TAR_BLOCK];

    return memcmp(header + TAR_MAGIC, "ustar", 6) == 0 || memcmp(header + TAR_MAGIC, "ustar  ", 8) == 0 ||
           checksum_holds(header) || memcmp(header, end, TAR_BLOCK) == 0;
}

int detect(enum source_format *format, struct input *input, struct error *err)
{
    uint8_t header[TAR_BLOCK];
    bool is_packed = false;
    ssize_t got = plain_peek(header, &is_packed, input, TAR_BLOCK, err);

    if (got < 0)
        return (int)got;
    *format = is_packed || (got == TAR_BLOCK && is_tar(header)) ? SOURCE_TAR : SOURCE_FRAME;
    return 0;
}
