/* follow.c - a path is eaten component by component; a link puts its target before what is left. */
#include "tree/follow.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define LINKS_FOLLOWED_MAX 40 /* as the Linux kernel's MAXSYMLINKS */

struct follow {
    follow_probe probe;
    void *arg;
    char *done; /* resolved so far: no '/' at its end, the root is empty */
    size_t done_size;
    char rest[FOLLOW_PATH_MAX + 1];
    size_t rest_size;
    unsigned links;
};

static const struct entry *probe(const struct follow *f)
{
    return f->done_size ? f->probe(f->arg, f->done, f->done_size) : f->probe(f->arg, "/", 1);
}

/* Move the next component to the end of what is done, with a '/' before it: 1, 0 when the rest is empty, or
 * -ENAMETOOLONG. */
static int take_component(struct follow *f)
{
    const char *at = f->rest, *end = f->rest + f->rest_size;

    while (at < end && *at == '/')
        at++;
    const char *slash = memchr(at, '/', (size_t)(end - at));
    size_t size = (size_t)((slash ? slash : end) - at), used = (size_t)(at - f->rest) + size;
    if (size == 0)
        return 0;
    if (f->done_size + 1 + size > FOLLOW_PATH_MAX)
        return -ENAMETOOLONG;
    f->done[f->done_size] = '/';
    memcpy(f->done + f->done_size + 1, at, size);
    f->done_size += 1 + size;
    f->rest_size -= used;
    memmove(f->rest, f->rest + used, f->rest_size);
    return 1;
}

static void drop_component(struct follow *f)
{
    const char *slash = memrchr(f->done, '/', f->done_size);

    f->done_size = slash ? (size_t)(slash - f->done) : 0;
}

/* "." or "..", which are not looked up: what is done ends before them. */
static bool take_dots(struct follow *f)
{
    const char *slash = memrchr(f->done, '/', f->done_size);
    size_t size = (size_t)(f->done + f->done_size - slash) - 1;

    if (size > 2 || memcmp(slash + 1, "..", size) != 0)
        return false;
    drop_component(f);
    if (size == 2)
        drop_component(f);
    return true;
}

/* The link's own name is done away with; its target goes before the rest. */
static int take_link(struct follow *f, const struct entry *link)
{
    size_t size = link->target_size;

    if (++f->links > LINKS_FOLLOWED_MAX || size == 0)
        return -ELOOP;
    if (size + 1 + f->rest_size > FOLLOW_PATH_MAX)
        return -ENAMETOOLONG;
    memmove(f->rest + size + 1, f->rest, f->rest_size);
    memcpy(f->rest, link->target, size);
    f->rest[size] = '/';
    f->rest_size += size + 1;
    drop_component(f);
    if (link->target[0] == '/')
        f->done_size = 0;
    return 0;
}

int follow_path(char *resolved, const char *path, size_t size, follow_probe probe_path, void *arg)
{
    struct follow f = {.probe = probe_path, .arg = arg, .done = resolved, .rest_size = size};
    const struct entry *entry = probe(&f);
    int result;

    if (size > FOLLOW_PATH_MAX || memchr(path, '\0', size))
        return -ENAMETOOLONG;
    memcpy(f.rest, path, size);
    while ((result = take_component(&f)) == 1) {
        if (entry && !S_ISDIR(entry->mode))
            return -ENOTDIR;
        if (!take_dots(&f)) {
            entry = probe(&f);
            if (!entry || !S_ISLNK(entry->mode))
                continue;
            result = take_link(&f, entry);
            if (result < 0)
                return result;
        }
        entry = probe(&f);
    }
    if (result < 0)
        return result;
    if (f.done_size == 0)
        resolved[f.done_size++] = '/';
    resolved[f.done_size] = '\0';
    return entry ? 1 : 0;
}
