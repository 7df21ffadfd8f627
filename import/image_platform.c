/* image_platform.c - one way to write each platform, so that equal ones are equal. */
#include "import/image_platform.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

/* What the same architecture is called elsewhere. */
static const struct {
    const char *from, *to;
} ARCHITECTURES[] = {
    {"x86_64", "amd64"}, {"x86-64", "amd64"}, {"aarch64", "arm64"},       {"i386", "386"},   {"i486", "386"},
    {"i586", "386"},     {"i686", "386"},     {"armv6l", "arm"},          {"armv7l", "arm"}, {"armhf", "arm"},
    {"armel", "arm"},    {"armv8l", "arm"},   {"loongarch64", "loong64"},
};

/* The variant that an architecture without one is (containerd's platforms package). */
static const struct {
    const char *architecture, *variant;
} USUAL_VARIANTS[] = {{"amd64", "v1"}, {"arm64", "v8"}, {"arm", "v7"}};

static bool set_word(char out[PLATFORM_WORD_MAX + 1], const char *word, size_t size)
{
    if (size > PLATFORM_WORD_MAX)
        return false;
    for (size_t i = 0; i < size; i++)
        out[i] = (char)tolower((unsigned char)word[i]);
    out[size] = '\0';
    return true;
}

static void normalise(struct image_platform *platform)
{
    for (size_t i = 0; i < sizeof ARCHITECTURES / sizeof *ARCHITECTURES; i++)
        if (strcmp(platform->architecture, ARCHITECTURES[i].from) == 0)
            strcpy(platform->architecture, ARCHITECTURES[i].to);
}

static const char *variant_of(const struct image_platform *platform)
{
    for (size_t i = 0; i < sizeof USUAL_VARIANTS / sizeof *USUAL_VARIANTS && !platform->variant[0]; i++)
        if (strcmp(platform->architecture, USUAL_VARIANTS[i].architecture) == 0)
            return USUAL_VARIANTS[i].variant;
    return platform->variant;
}

bool platform_set(struct image_platform *platform, const char *os, const char *architecture, const char *variant)
{
    const char *words[] = {os ? os : "", architecture ? architecture : "", variant ? variant : ""};

    if (!set_word(platform->os, words[0], strlen(words[0])) ||
        !set_word(platform->architecture, words[1], strlen(words[1])) ||
        !set_word(platform->variant, words[2], strlen(words[2])))
        return false;
    normalise(platform);
    return true;
}

bool platform_parse(struct image_platform *platform, const char *text)
{
    char *const words[] = {platform->os, platform->architecture, platform->variant};
    size_t count = 0;

    *platform = (struct image_platform){0};
    for (;; text++) {
        size_t size = strcspn(text, "/");

        if (count == 3 || size == 0 || !set_word(words[count++], text, size))
            return false;
        text += size;
        if (!*text)
            break;
    }
    normalise(platform);
    return count >= 2;
}

void platform_format(char out[PLATFORM_TEXT_SIZE], const struct image_platform *platform)
{
    snprintf(out, PLATFORM_TEXT_SIZE, "%s/%s%s%s", platform->os[0] ? platform->os : "?",
             platform->architecture[0] ? platform->architecture : "?", platform->variant[0] ? "/" : "",
             platform->variant);
}

void platform_of_machine(struct image_platform *platform)
{
    struct utsname name;

    if (uname(&name) < 0 || !platform_set(platform, name.sysname, name.machine, NULL))
        platform_set(platform, "linux", "amd64", NULL);
}

static bool same_machine(const struct image_platform *a, const struct image_platform *b)
{
    return strcmp(a->os, b->os) == 0 && strcmp(a->architecture, b->architecture) == 0;
}

bool platform_equal(const struct image_platform *a, const struct image_platform *b)
{
    return same_machine(a, b) && strcmp(variant_of(a), variant_of(b)) == 0;
}

bool platform_serves(const struct image_platform *offered, const struct image_platform *wanted)
{
    return wanted->variant[0] ? platform_equal(offered, wanted) : same_machine(offered, wanted);
}

bool platform_is_unknown(const struct image_platform *platform)
{
    return strcmp(platform->os, "unknown") == 0 && strcmp(platform->architecture, "unknown") == 0;
}
