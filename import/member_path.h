/* member_path.h - names in archives as paths of a tree. */
#ifndef IMPORT_MEMBER_PATH_H
#define IMPORT_MEMBER_PATH_H

#include "import/builder.h"

struct member_path {
    size_t size;
    char bytes[BUILDER_PATH_MAX + 2];
};

/* "./usr//bin/", "/usr/bin" and "usr/bin" are "/usr/bin"; "./" and "/" are the root. Returns why a name cannot be in a
 * tree, as a short text for people, or NULL if it can: ".." is never followed, since where it leads depends on links.
 */
const char *member_path_read(struct member_path *path, const char *name);

#endif
