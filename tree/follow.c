/* follow.c - a path is eaten component by component; a link puts its target before what is left. */
#include "tree/follow.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

struct follow {
    follow_probe probe;
    void *arg;
    char *done; /* resolved so far: no '/' at its end, the root is empty */
    size_t done_size;
    char path[FOLLOW_PATH_MAX]; /* what is left stands at its end, so that a target can be put before it */
    size_t left;                /* bytes */
    unsigned links;             /* that may still be followed */
};

static const struct entry *probe(const struct follow *f)
{
    return f->done_size ? f->probe(f->arg, f->done, f->done_size) : f->probe(f->arg, "/", 1);
}

/* Move the next component to the end of what is done, with a '/' before it: 1, 0 when nothing is left, or
 * -ENAMETOOLONG. */
static int take_component(struct follow *f)
{
    const char *end = f->path + sizeof f->path, *at = end - f->left;

    while (at < end && *at == '/')
        at++;
    const char *slash = memchr(at, '/', (size_t)(end - at));
    size_t size = (size_t)((slash ? slash : end) - at);
    f->left = (size_t)(end - at) - size;
    if (size == 0)
        return 0;
    if (f->done_size + 1 + size > FOLLOW_PATH_MAX)
        return -ENAMETOOLONG;
    f->done[f->done_size] = '/';
    memcpy(f->done + f->done_size + 1, at, size);
    f->done_size += 1 + size;
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

/* The link's own name is done away with; its target goes before what is left. */
static int take_link(struct follow *f, const struct entry *link)
{
    size_t size = link->target_size;

    if (f->links == 0 || size == 0)
        return -ELOOP;
    f->links--;
    if (size + 1 + f->left > sizeof f->path)
        return -ENAMETOOLONG;
    f->left += size + 1;
    char *at = f->path + sizeof f->path - f->left;
    memcpy(at, link->target, size);
    at[size] = '/';
    drop_component(f);
    if (link->target[0] == '/')
        f->done_size = 0;
    return 0;
}

/* All components: 0, or why not. */
static int follow_all(struct follow *f)
{
    bool is_directory = true; /* as far as is known: what does not exist may be one */
    int result;

    while ((result = take_component(f)) == 1) {
        if (!is_directory)
            return -ENOTDIR;
        if (take_dots(f))
            continue;
        const struct entry *entry = probe(f);
        if (entry && S_ISLNK(entry->mode)) {
            result = take_link(f, entry);
            if (result < 0)
                return result;
        } else {
            is_directory = !entry || S_ISDIR(entry->mode);
        }
    }
    return result;
}

int follow_path(char *resolved, unsigned *links_left, const char *path, size_t size, follow_probe probe_path, void *arg)
{
    unsigned links = *links_left < FOLLOW_LINKS_MAX ? *links_left : FOLLOW_LINKS_MAX;
    struct follow f = {.probe = probe_path, .arg = arg, .done = resolved, .left = size, .links = links};

    if (size > sizeof f.path || memchr(path, '\0', size))
        return -ENAMETOOLONG;
    memcpy(f.path + sizeof f.path - size, path, size);
    int result = follow_all(&f);
    *links_left -= links - f.links;
    if (result < 0)
        return result;
    if (f.done_size == 0)
        resolved[f.done_size++] = '/';
    resolved[f.done_size] = '\0';
    return f.probe(f.arg, resolved, f.done_size) ? 1 : 0;
}
