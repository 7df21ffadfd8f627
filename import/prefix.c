/* prefix.c - see prefix.h. */
#include "import/prefix.h"

#include <string.h>

int prefix_check(size_t *size, const char *option, const char *prefix, struct error *err)
{
    size_t length = strlen(prefix);

    while (length > 1 && prefix[length - 1] == '/')
        length--;
    const char *problem = builder_path_problem(prefix, length);
    if (problem || length == 1)
        return error_usage(err, "%s %s: %s", option, prefix, problem ? problem : "that is the root already");
    *size = length;
    return 0;
}

bool prefix_strip(const char **path, size_t *path_size, const char *prefix, size_t size)
{
    if (*path_size < size || memcmp(*path, prefix, size) != 0)
        return false;
    if (*path_size == size) {
        *path = "/";
        *path_size = 1;
        return true;
    }
    if ((*path)[size] != '/')
        return false;
    *path += size;
    *path_size -= size;
    return true;
}

/* Shorten to what stands above the last component. */
static size_t parent_size(const char *path, size_t size)
{
    const char *slash = memrchr(path, '/', size);

    return slash ? (size_t)(slash - path) : 0;
}

void prefix_add(struct common_prefix *common, const char *path, size_t size)
{
    if (size == 1) {
        common->has_root = true;
        return;
    }
    if (!common->any) {
        common->any = true;
        common->size = size;
        memcpy(common->path, path, size);
        return;
    }
    while (common->size > 0 && (size < common->size || memcmp(path, common->path, common->size) != 0 ||
                                (size > common->size && path[common->size] != '/')))
        common->size = parent_size(common->path, common->size);
}

size_t prefix_find(const struct common_prefix *common, struct builder *builder)
{
    size_t size = common->has_root ? 0 : common->size;

    for (; size > 0; size = parent_size(common->path, size)) {
        struct entry entry;

        if (builder_find(&entry, builder, common->path, size, NULL) == 0 && S_ISDIR(entry.mode) &&
            !(entry.flags & ENTRY_MADE))
            return size;
    }
    return 0;
}
