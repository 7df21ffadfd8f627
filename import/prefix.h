/* prefix.h - frames crawled from outside, where every path begins with the mount point of the system that was crawled.
 */
#ifndef IMPORT_PREFIX_H
#define IMPORT_PREFIX_H

#include "base/error.h"
#include "import/builder.h"

#include <stdbool.h>

/* What all paths of file records begin with. */
struct common_prefix {
    bool any, has_root; /* a path was added; "/" was one of them */
    size_t size;
    char path[BUILDER_PATH_MAX + 1];
};

/* An absolute path without problems that is not "/", or usage error of that option; *size is without trailing slashes.
 */
int prefix_check(size_t *size, const char *option, const char *prefix, struct error *err);

/* Take a prefix away: the path of the prefix itself becomes "/". False: the path does not lie there. */
bool prefix_strip(const char **path, size_t *path_size, const char *prefix, size_t size);

/* Add a path that has no problem. */
void prefix_add(struct common_prefix *common, const char *path, size_t size);

/* After settling: the deepest directory with a record of its own and all other records below it, where that is not the
 * root. Gives its size as a part of common->path, 0: there is none. */
size_t prefix_find(const struct common_prefix *common, struct builder *builder);

#endif
