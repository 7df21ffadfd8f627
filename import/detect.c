/* detect.c - a tar begins with a header of 512 bytes that sums itself up; before that, compression is undone as far as
 * needed. The name of its first member tells whether images may be in it. */
#include "import/detect.h"

#include "import/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#define TAR_BLOCK 512
#define LOOK_SIZE (16 * TAR_BLOCK) /* "./", and a name with all that may stand before it */

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

/* --- Images ------------------------------------------------------------------------------------------------------- */

#define HEX_DIGITS "0123456789abcdef"
#define HEX_SIZE 64

/* What docker names by digest: <hex>/, <hex>.json, <hex>.tar; others write sha256:<hex>. */
static bool is_by_digest(const char *name)
{
    static const char *const behind[] = {"", "/", ".json", ".tar", ".tar.gz"};

    if (strncmp(name, "sha256:", strlen("sha256:")) == 0)
        name += strlen("sha256:");
    if (strspn(name, HEX_DIGITS) != HEX_SIZE)
        return false;
    for (size_t i = 0; i < sizeof behind / sizeof *behind; i++)
        if (strcmp(name + HEX_SIZE, behind[i]) == 0)
            return true;
    return name[HEX_SIZE] == '/';
}

static bool is_of_image(const char *name)
{
    static const char *const names[] = {"blobs",         "blobs/",       "oci-layout", "index.json",
                                        "manifest.json", "repositories", "config.json"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return strncmp(name, "blobs/sha256/", strlen("blobs/sha256/")) == 0 || is_by_digest(name);
}

/* The first name but "./". */
static bool may_hold_images(const uint8_t *bytes, size_t size)
{
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    bool is = false;

    if (!archive)
        return false;
    archive_read_support_format_tar(archive);
    int status = archive_read_open_memory(archive, bytes, size);
    while (status == ARCHIVE_OK && (status = archive_read_next_header(archive, &entry)) == ARCHIVE_OK) {
        const char *name = archive_entry_pathname(entry);

        if (!name)
            break;
        while (strncmp(name, "./", 2) == 0)
            name += 2;
        is = is_of_image(name);
        if (*name && strcmp(name, ".") != 0)
            break;
    }
    archive_read_free(archive);
    return is;
}

int detect(enum source_format *format, struct input *input, struct error *err)
{
    uint8_t look[LOOK_SIZE];
    bool is_packed = false;
    ssize_t got = unpack_peek(look, &is_packed, input, LOOK_SIZE, err);

    if (got < 0)
        return (int)got;
    bool holds_tar = got >= TAR_BLOCK && is_tar(look);
    *format = is_packed || holds_tar ? SOURCE_TAR : SOURCE_FRAME;
    if (holds_tar && may_hold_images(look, (size_t)got))
        *format = SOURCE_IMAGE;
    return 0;
}
