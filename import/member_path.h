/* member_path.h - names in archives as paths of a tree. */
#ifndef IMPORT_MEMBER_PATH_H
#define IMPORT_MEMBER_PATH_H

#include "import/builder.h"

struct member_path {
    size_t size;
    char bytes[BUILDER_PATH_MAX + 2];
};

/* "./usr//bin/", "/usr/bin" and "../usr/lib/../bin" are "/usr/bin"; "./" and "/" are the root: as in unpackers of
 * images, ".." takes away the component before it, if there is one, whatever that is. Returns why a name cannot be in a
 * tree, as a short text for people, or NULL if it can. */
const char *member_path_read(struct member_path *path, const char *name);

#endif
