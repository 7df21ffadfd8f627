/* source_name.c - see source_name.h. */
#include "import/source_name.h"

#include "base/cleanup.h"
#include "db/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What a file's name loses to become the name of a history. */
static const char *const SUFFIXES[] = {".tar",    ".tar.gz", ".tgz",     ".tar.zst", ".tzst",
                                       ".tar.xz", ".txz",    ".tar.bz2", ".tbz2",    ".tbz"};

int source_name_of_file(char **namespace, const struct input *input, const char *what, struct error *err)
{
    const char *path = input_name(input), *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t size = strlen(name), cut = size;
    struct error why;

    for (size_t i = 0; i < sizeof SUFFIXES / sizeof *SUFFIXES; i++) {
        size_t suffix = strlen(SUFFIXES[i]);

        if (suffix < size && strcasecmp(name + size - suffix, SUFFIXES[i]) == 0)
            cut = size - suffix;
    }
    if (input_is_stdin(input))
        return error_input(err, "%s: %s has no name of its own, --namespace is needed", path, what);
    if (namespace_check(name, cut, &why) < 0)
        return error_input(err, "%s: %s, --namespace is needed", path, why.text);
    *namespace = strndup(name, cut);
    return *namespace ? 0 : error_system(err, ENOMEM, "%s", path);
}

int source_name_of_dir(char **namespace, const char *path, struct error *err)
{
    cleanup_free char *real = realpath(path, NULL);

    if (!real)
        return error_system(err, errno, "%s", path);
    const char *name = strrchr(real, '/') + 1;
    if (!*name)
        return error_usage(err, "%s has no name to go by; say one with --namespace", path);
    int rc = namespace_check(name, strlen(name), err);
    if (rc < 0)
        return rc;
    *namespace = strdup(name);
    return *namespace ? 0 : error_system(err, ENOMEM, "%s", path);
}
