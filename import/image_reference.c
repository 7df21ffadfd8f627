/* image_reference.c - the grammar of github.com/distribution/reference, and how docker completes short names. */
#include "import/image_reference.h"

#include <stdio.h>
#include <string.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define ALL_DIGITS_SIZE 64 /* a name of so many hexadecimal digits is an image id */

static bool consists_of(const char *text, size_t size, const char *set)
{
    return strspn(text, set) >= size;
}

/* [a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127} */
static bool is_tag(const char *text, size_t size)
{
    return size > 0 && size <= REFERENCE_TAG_MAX && text[0] != '.' && text[0] != '-' &&
           consists_of(text, size, LOWER UPPER DIGITS "_.-");
}

/* algorithm:hex, of 32 digits or more. */
static bool is_digest(const char *text)
{
    size_t algorithm = strspn(text, LOWER UPPER DIGITS "+._-");
    const char *hex = text + algorithm + 1;

    return algorithm > 0 && text[algorithm] == ':' && strlen(hex) >= 32 &&
           consists_of(hex, strlen(hex), DIGITS "abcdefABCDEF");
}

/* Letters and digits, with one of ". _ __ -…" between them. */
static bool is_path_component(const char *text, size_t size)
{
    size_t at = 0;

    for (;;) {
        size_t word = strspn(text + at, LOWER DIGITS);
        if (word == 0 || at + word > size)
            return false;
        at += word;
        if (at == size)
            return true;
        size_t dashes = strspn(text + at, "-"), lows = strspn(text + at, "_");
        if (dashes == 0 && lows != 1 && lows != 2 && text[at] != '.')
            return false;
        at += dashes ? dashes : lows ? lows : 1;
    }
}

static bool is_path(const char *text, size_t size)
{
    for (size_t at = 0;; at++) {
        const char *slash = memchr(text + at, '/', size - at);
        size_t length = slash ? (size_t)(slash - text) - at : size - at;

        if (!is_path_component(text + at, length))
            return false;
        at += length;
        if (!slash)
            return true;
    }
}

/* A name or an address, [IPv6] too, and maybe a port. */
static bool is_host(const char *text, size_t size)
{
    const char *close = text[0] == '[' ? memchr(text, ']', size) : NULL;
    size_t host = close ? (size_t)(close - text) + 1 : strcspn(text, ":/");

    if (close ? !consists_of(text + 1, host - 2, DIGITS ":abcdefABCDEF") || host <= 2
              : !consists_of(text, host, LOWER UPPER DIGITS ".-") || host == 0)
        return false;
    if (!close && (strchr(".-", text[0]) || strchr(".-", text[host - 1])))
        return false;
    return host == size ||
           (text[host] == ':' && size > host + 1 && consists_of(text + host + 1, size - host - 1, DIGITS));
}

/* Is what stands before the first slash a registry's host? Else all of it is a path on docker.io. */
static bool names_host(const char *text, size_t size)
{
    if (size == strlen("localhost") && memcmp(text, "localhost", size) == 0)
        return true;
    return strcspn(text, ".:" UPPER) < size;
}

static bool parse_name(struct image_reference *reference, const char *text, size_t size)
{
    const char *slash = memchr(text, '/', size), *host = "docker.io";
    size_t host_size = strlen(host);

    if (size == ALL_DIGITS_SIZE && consists_of(text, size, DIGITS "abcdef"))
        return false;
    if (slash && names_host(text, (size_t)(slash - text))) {
        host = text;
        host_size = (size_t)(slash - text);
        size -= host_size + 1;
        text = slash + 1;
    }
    if (size == 0 || size > REFERENCE_NAME_MAX || host_size > REFERENCE_NAME_MAX || !is_host(host, host_size) ||
        !is_path(text, size))
        return false;
    if (host_size == strlen("index.docker.io") && memcmp(host, "index.docker.io", host_size) == 0) {
        host = "docker.io";
        host_size = strlen(host);
    }
    bool is_official =
        host_size == strlen("docker.io") && memcmp(host, "docker.io", host_size) == 0 && !memchr(text, '/', size);
    return (size_t)snprintf(reference->name, sizeof reference->name, "%.*s/%s%.*s", (int)host_size, host,
                            is_official ? "library/" : "", (int)size, text) < sizeof reference->name;
}

bool reference_parse(struct image_reference *reference, const char *text)
{
    const char *at = strchr(text, '@');
    size_t size = at ? (size_t)(at - text) : strlen(text), name = size;

    while (name > 0 && text[name - 1] != ':' && text[name - 1] != '/')
        name--;
    bool has_tag = name > 0 && text[name - 1] == ':';
    *reference = (struct image_reference){0};
    if ((at && !is_digest(at + 1)) || (has_tag && !is_tag(text + name, size - name)))
        return false;
    if (has_tag) {
        memcpy(reference->tag, text + name, size - name);
        size = name - 1;
    }
    return parse_name(reference, text, size);
}

bool reference_parse_ref_name(struct image_reference *reference, const char *text)
{
    size_t size = strlen(text);

    if (!is_tag(text, size))
        return reference_parse(reference, text);
    *reference = (struct image_reference){0};
    memcpy(reference->tag, text, size);
    return true;
}
