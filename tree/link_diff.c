/* link_diff.c - a merge of two links objects, and of the names of two groups. */
#include "tree/link_diff.h"

#include "tree/merge.h"
#include "tree/node.h"

#include <string.h>

int links_diff(struct tree_reader *reader, struct tree a, struct tree b,
               int (*visit)(void *arg, const struct link_step *step), void *arg, struct error *err)
{
    struct merge_pair pair;
    struct merge merge;
    int result;

    merge_begin(&merge, reader, NODE_LINKS, a.links, b.links);
    while ((result = merge_next(&pair, &merge, err)) > 0) {
        const struct link_step step = {
            .path = (pair.has_a ? pair.a : pair.b).key,
            .a = pair.has_a ? pair.a.group : NULL,
            .b = pair.has_b ? pair.b.group : NULL,
        };

        result = visit(arg, &step);
        if (result != 0)
            break;
    }
    merge_end(&merge);
    return result;
}

int link_names_only_in(const struct link_group *own, const struct link_group *other,
                       int (*visit)(void *arg, const char *path), void *arg)
{
    const char *beside = other ? other->paths : NULL, *end = other ? other->paths + other->size : NULL;
    int result = 0;

    for (const char *path = own->paths; path < own->paths + own->size && result == 0; path += strlen(path) + 1) {
        int order = 1;

        while (beside < end && (order = path_compare(beside, strlen(beside), path, strlen(path))) < 0)
            beside += strlen(beside) + 1;
        if (beside == end || order != 0)
            result = visit(arg, path);
    }
    return result;
}
