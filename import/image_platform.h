/* image_platform.h - OS/ARCH[/VARIANT], as indexes and configs have it and as people choose it. */
#ifndef IMPORT_IMAGE_PLATFORM_H
#define IMPORT_IMAGE_PLATFORM_H

#include <stdbool.h>

#define PLATFORM_WORD_MAX 31                             /* bytes; the longest known word has 8 */
#define PLATFORM_TEXT_SIZE (3 * (PLATFORM_WORD_MAX + 1)) /* "linux/arm/v7" and NUL */

/* In the words of Go's GOOS and GOARCH. */
struct image_platform {
    char os[PLATFORM_WORD_MAX + 1]; /* "": not told */
    char architecture[PLATFORM_WORD_MAX + 1];
    char variant[PLATFORM_WORD_MAX + 1]; /* "": none, or the usual one of the architecture */
};

/* From words that may be missing (NULL); what uname(2) calls x86_64 is amd64. False: one is too long. */
bool platform_set(struct image_platform *platform, const char *os, const char *architecture, const char *variant);

/* "linux/arm64/v8". False: it is none. */
bool platform_parse(struct image_platform *platform, const char *text);

void platform_format(char out[PLATFORM_TEXT_SIZE], const struct image_platform *platform);

/* That of the machine. */
void platform_of_machine(struct image_platform *platform);

/* Does one that is offered serve one that is wanted? Who wants no variant takes any. */
bool platform_serves(const struct image_platform *offered, const struct image_platform *wanted);

bool platform_equal(const struct image_platform *a, const struct image_platform *b);

/* Is it "unknown/unknown", as what is no image has it (attestations)? */
bool platform_is_unknown(const struct image_platform *platform);

#endif
