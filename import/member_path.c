/* member_path.c - component by component. */
#include "import/member_path.h"

#include <string.h>

static void drop_component(struct member_path *path)
{
    const char *slash = memrchr(path->bytes, '/', path->size);

    path->size = slash ? (size_t)(slash - path->bytes) : 0;
}

const char *member_path_read(struct member_path *path, const char *name)
{
    if (!*name)
        return "the path is empty";
    path->size = 0;
    while (*name) {
        size_t size = strcspn(name, "/");

        if (size > ENTRY_NAME_MAX)
            return "a component of the path is longer than 255 bytes";
        if (size == 2 && name[0] == '.' && name[1] == '.') {
            drop_component(path);
        } else if (size > 0 && !(size == 1 && name[0] == '.')) {
            if (path->size + 1 + size > BUILDER_PATH_MAX)
                return "the path is longer than 4095 bytes";
            path->bytes[path->size] = '/';
            memcpy(path->bytes + path->size + 1, name, size);
            path->size += 1 + size;
        }
        name += size + (name[size] == '/');
    }
    if (path->size == 0)
        path->bytes[path->size++] = '/';
    path->bytes[path->size] = '\0';
    return NULL;
}
