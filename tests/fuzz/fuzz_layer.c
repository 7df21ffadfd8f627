/* fuzz_layer.c - any bytes as the layers of an image, one over the other: every LAYERS_CUT bytes say where one ends.
 * Sums of headers are made right first, or nothing would be read. The corpus is what tests/fuzz/layers.py makes.
 *
 * What must hold: no fault; a layer that is taken is a tree whose counts are true; every name of a group of hard links
 * is there, is no directory, stands behind the one before it and is what the first one is; nothing is in two groups.
 */
#include "import/layer.h"

#include "base/cleanup.h"
#include "db/node.h"
#include "tests/unit/scratch.h"
#include "tree/walk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LAYERS_MAX 6
#define LAYERS_CUT "----CUT HERE----"
#define BLOCK 512u

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static struct store *store;
static struct tree_cache *cache;
static struct tree_reader *reader;
static struct error err;

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* --- Tars --------------------------------------------------------------------------------------------------------- */

/* Make the sum of each header right, from one to the next. */
static void mend(uint8_t *tar, size_t size)
{
    for (size_t at = 0; at + BLOCK <= size;) {
        unsigned sum = 0;
        char text[13] = {0};

        memset(tar + at + 148, ' ', 8);
        for (size_t i = 0; i < BLOCK; i++)
            sum += tar[at + i];
        if (sum == 8 * ' ')
            memset(tar + at + 148, 0, 8); /* the end */
        else
            snprintf((char *)tar + at + 148, 8, "%06o", sum);
        memcpy(text, tar + at + 124, 12);
        unsigned long long content = strtoull(text, NULL, 8);
        if (content > size)
            return;
        at += BLOCK + (size_t)(content + BLOCK - 1) / BLOCK * BLOCK;
    }
}

/* --- What must hold ----------------------------------------------------------------------------------------------- */

static int count_node(void *arg, const struct tree_step *step)
{
    check(step->place.rank == *(uint32_t *)arg);
    ++*(uint32_t *)arg;
    return 0;
}

struct checking {
    struct tree tree;
    char last[BUILDER_PATH_MAX + 1]; /* the first path of the group before */
    unsigned names;
};

static int by_walk(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (*a == '/' ? 1 : 2 * (uint8_t)*a) - (*b == '/' ? 1 : 2 * (uint8_t)*b);
}

static bool same_file(const struct entry *a, const struct entry *b)
{
    return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid && a->mtime == b->mtime && a->size == b->size &&
           a->content == b->content && a->xattrs == b->xattrs && a->flags == b->flags &&
           a->target_size == b->target_size;
}

static int check_group(void *arg, const struct link_group *group)
{
    struct checking *c = arg;
    struct tree_place first = {0}, place;
    const char *path = group->paths, *before = NULL;

    check(group->count >= 2);
    check(by_walk(c->last, path) < 0);
    snprintf(c->last, sizeof c->last, "%s", path);
    for (uint32_t i = 0; i < group->count; i++) {
        check(tree_walk(&place, reader, c->tree, path, strlen(path), &err) == 0);
        check(!S_ISDIR(place.entry->mode));
        check(!before || by_walk(before, path) < 0);
        if (i == 0)
            first = place;
        check(same_file(first.entry, place.entry));
        c->names++;
        before = path;
        path += strlen(path) + 1;
    }
    return 0;
}

static int begin_node(void *arg, enum node_kind kind, unsigned level, unsigned count, const struct counts *counts)
{
    (void)arg, (void)level, (void)count, (void)counts;
    check(kind == NODE_LINKS);
    return 0;
}

static int check_links(void *arg, const struct node_child *child)
{
    const struct node_visitor visitor = {begin_node, check_links, NULL, NULL, check_group, arg};

    return node_visit(store, child->node.id, NODE_COUNTS, &visitor, &err);
}

/* How many names the tree itself says are one of several. */
static int count_name(void *arg, const struct tree_step *step)
{
    *(unsigned *)arg += !S_ISDIR(step->place.entry->mode) && step->place.nlink > 1;
    return 0;
}

static void check_layer(const struct layer *layer)
{
    struct checking c = {.tree = tree_of(&layer->root, &layer->links)};
    uint32_t nodes = 0;
    unsigned names = 0;

    check(tree_visit_all(reader, c.tree, count_node, &nodes, &err) == 0);
    check(nodes == layer->root.counts.nodes);
    check(check_links(&c, &(struct node_child){.node = layer->links}) == 0);
    tree_reader_rest(reader);
    check(tree_visit_all(reader, c.tree, count_name, &names, &err) == 0);
    check(names == c.names);
    tree_reader_rest(reader);
}

/* --- Layers ------------------------------------------------------------------------------------------------------- */

static int import(struct layer *alone, struct layer *chain, const uint8_t *tar, size_t size, const struct layer *below)
{
    const struct import_options options = {.store = store, .size_max = 64u << 20};
    struct layer_report report = {0};
    struct digest diffid;
    struct sha256 *sha = sha256_new();
    struct input *input;
    int fd = memfd_create("layer", MFD_CLOEXEC);

    check(sha && fd >= 0 && write(fd, tar, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
    sha256_of(&diffid, sha, tar, size);
    sha256_free(sha);
    check(input_open_fd(&input, fd, "layer", &err) == 0);
    int rc = layer_import(alone, chain, &report, &options, input, &diffid, below, reader, &err);
    input_close(input);
    check(rc == 0 || (rc == -EBADMSG && err.code == EXIT_INPUT && err.text[0]));
    return rc;
}

static void set_up(void)
{
    store = scratch_store(STORE_CREATE);
    check(tree_cache_new(&cache, 1 << 20, &err) == 0 && tree_reader_new(&reader, store, cache, &err) == 0);
    atexit(scratch_remove);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    cleanup_free uint8_t *copy = malloc(size + 1);
    struct layer alone, chains[LAYERS_MAX];
    int rc = 0;

    check(copy != NULL);
    memcpy(copy, bytes, size);
    if (!store)
        set_up();
    for (int i = 0; i < LAYERS_MAX && size > 0 && rc == 0; i++) {
        const uint8_t *cut = memmem(copy, size, LAYERS_CUT, strlen(LAYERS_CUT));
        size_t tar = cut ? (size_t)(cut - copy) : size, skip = cut ? strlen(LAYERS_CUT) : 0;

        mend(copy, tar);
        rc = import(&alone, &chains[i], copy, tar, i ? &chains[i - 1] : NULL);
        if (rc == 0) {
            check_layer(&alone);
            check_layer(&chains[i]);
        }
        size -= tar + skip;
        memmove(copy, copy + tar + skip, size);
    }
    tree_reader_rest(reader);
    check(store_flush(store, &err) == 0); /* taken back, ids would come again, and mean something else */
    return 0;
}
