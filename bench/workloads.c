/* workloads.c - calls on nodes that a seeded generator chooses, and the checks of their replies. */
#include "bench/workloads.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define VERDICT_BYTES 200u

/* SplitMix64: reproducible everywhere. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

/* --- Making calls ------------------------------------------------------------------------------------------------- */

static const struct node *choose(struct choice *choice)
{
    return choice->nodes[(next_random(&choice->state) >> 32) * choice->count >> 32];
}

static uint8_t *put_handle(uint8_t *p, const struct handle *handle)
{
    return put_opaque(p, handle->bytes, handle->size);
}

static uint8_t *make_null(uint8_t *p, struct about *about, void *arg)
{
    (void)about;
    (void)arg;
    return p;
}

static uint8_t *make_of_node(uint8_t *p, struct about *about, void *arg)
{
    about->node = choose(arg);
    return put_handle(p, &about->node->handle);
}

static uint8_t *make_access(uint8_t *p, struct about *about, void *arg)
{
    return put32(make_of_node(p, about, arg), 0x3f);
}

static uint8_t *make_lookup(uint8_t *p, struct about *about, void *arg)
{
    struct choice *choice = arg;
    const struct tree *tree = choice->tree;

    about->node = choose(choice);
    p = put_handle(p, &tree->nodes[about->node->parent].handle);
    return put_opaque(p, tree->names + about->node->name, about->node->name_size);
}

static void shuffle(struct choice *choice)
{
    for (size_t i = choice->count; i > 1; i--) {
        size_t j = (next_random(&choice->state) >> 32) * i >> 32;
        const struct node *node = choice->nodes[i - 1];

        choice->nodes[i - 1] = choice->nodes[j];
        choice->nodes[j] = node;
    }
}

/* On to the next file, or the next round; false at the end of a --verify. */
static bool advance(struct choice *choice)
{
    choice->offset = 0;
    if (++choice->at < choice->count)
        return true;
    if (choice->verify)
        return false;
    choice->at = 0;
    if (choice->whole)
        shuffle(choice);
    return true;
}

/* A READ asks for what there is, so that a server that looks nothing up can answer it. */
static uint8_t *make_read(uint8_t *p, struct about *about, void *arg)
{
    struct choice *choice = arg;

    if (choice->at == choice->count)
        return NULL;
    about->node = choice->nodes[choice->at];
    about->offset = choice->offset;
    uint64_t left = node_size(about->node) - choice->offset;
    about->count = left < choice->read_size ? (uint32_t)left : choice->read_size;
    choice->offset += about->count;
    if (choice->offset == node_size(about->node) && !advance(choice))
        choice->at = choice->count;
    return put32(put64(put_handle(p, &about->node->handle), about->offset), about->count);
}

/* A new verdict's name: 64 digits, of the generator. */
static uint8_t *put_digest(uint8_t *p, struct choice *choice)
{
    char name[65];

    for (int i = 0; i < 4; i++)
        snprintf(name + 16 * i, sizeof name - 16 * (size_t)i, "%016" PRIx64, next_random(&choice->state));
    return put_opaque(p, name, 64);
}

/* A guarded CREATE of it in the export itself, mode 0644; then all of its bytes, stable. */
static uint8_t *make_verdict(uint8_t *p, struct about *about, void *arg)
{
    static const uint8_t text[VERDICT_BYTES] = "clean";
    struct choice *choice = arg;

    if (about->follows)
        return put_opaque(put32(put32(put64(put_handle(p, &about->handle), 0), sizeof text), WRITE_FILE_SYNC), text,
                          sizeof text);
    p = put_digest(put_handle(p, &choice->tree->nodes[0].handle), choice);
    p = put32(put32(put32(p, CREATE_GUARDED), 1), 0644);
    return put64(put64(put32(p, 0), 0), 0); /* owner, group, size, times: as they come */
}

/* --- Checking replies --------------------------------------------------------------------------------------------- */

static void need(bool right, const char *what)
{
    if (!right)
        die("%s: a wrong reply", what);
}

/* All attributes but nlink, used and times: a server on a live file system may answer other ones in a listing. */
static void check_attributes(const uint8_t *attributes, const struct node *node, const struct choice *choice)
{
    if (choice->exact)
        need(get32(attributes) == node_type(node) && get64(attributes + 20) == node_size(node) &&
                 memcmp(attributes + 52, node->attributes + 52, 8) == 0,
             "attributes");
}

static uint64_t check_null(const uint8_t *result, size_t size, struct about *about, void *arg)
{
    (void)result;
    (void)about;
    (void)arg;
    need(size == 0, "NULL");
    return 0;
}

static uint64_t check_getattr(const uint8_t *result, size_t size, struct about *about, void *arg)
{
    need(size == 4 + FATTR_SIZE && get32(result) == 0, "GETATTR");
    check_attributes(result + 4, about->node, arg);
    return 0;
}

static uint64_t check_access(const uint8_t *result, size_t size, struct about *about, void *arg)
{
    need(size == 12 + FATTR_SIZE && get32(result) == 0 && get32(result + 4) == 1, "ACCESS");
    check_attributes(result + 8, about->node, arg);
    return 0;
}

static uint64_t check_lookup(const uint8_t *result, size_t size, struct about *about, void *arg)
{
    const struct choice *choice = arg;
    uint32_t handle = size < 8 ? HANDLE_MAX : get32(result + 4);

    need(size == 16 + padded(handle) + 2 * FATTR_SIZE && get32(result) == 0, "LOOKUP");
    need(!choice->exact ||
             (handle == about->node->handle.size && memcmp(result + 8, about->node->handle.bytes, handle) == 0),
         "LOOKUP");
    check_attributes(result + 12 + padded(handle), about->node, choice);
    return 0;
}

static uint64_t check_readlink(const uint8_t *result, size_t size, struct about *about, void *arg)
{
    const struct choice *choice = arg;

    need(size >= 12 + FATTR_SIZE && get32(result) == 0 && get32(result + 4) == 1, "READLINK");
    uint32_t target = get32(result + 8 + FATTR_SIZE);
    need(size == 12 + FATTR_SIZE + padded(target) && (!choice->exact || target == node_size(about->node)), "READLINK");
    return target;
}

static uint64_t check_read(const uint8_t *result, size_t size, struct about *about, void *arg)
{
    struct choice *choice = arg;
    const uint8_t *p = result + 8 + FATTR_SIZE;

    need(size >= 20 + FATTR_SIZE && get32(result) == 0 && get32(result + 4) == 1, "READ");
    need(get32(p) == about->count && get32(p + 8) == about->count && size == 20 + FATTR_SIZE + padded(about->count),
         "READ");
    need(!choice->exact || get32(p + 4) == (about->offset + about->count == node_size(about->node)), "READ");
    if (choice->verify)
        choice->hash += hash_more(about->node->path_hash + about->offset, p + 12, about->count);
    return about->count;
}

static uint64_t check_verdict(const uint8_t *result, size_t size, struct about *about, void *arg)
{
    struct choice *choice = arg;

    need(size >= 12 && get32(result) == 0, about->follows ? "WRITE" : "CREATE");
    if (about->follows) {
        const uint8_t *count = result + size - 16; /* count, committed, verifier */
        need(size >= 24 && get32(count) == VERDICT_BYTES && get32(count + 4) == WRITE_FILE_SYNC, "WRITE");
        choice->made++;
        return VERDICT_BYTES;
    }
    about->handle.size = get32(result + 8);
    need(get32(result + 4) == 1 && about->handle.size <= HANDLE_MAX && size >= 12 + padded(about->handle.size),
         "CREATE");
    memcpy(about->handle.bytes, result + 12, about->handle.size);
    return 0;
}

/* --- Workloads ---------------------------------------------------------------------------------------------------- */

static bool is_any(const struct node *node, const struct choice *choice)
{
    (void)node;
    (void)choice;
    return true;
}

static bool is_link(const struct node *node, const struct choice *choice)
{
    (void)choice;
    return node_type(node) == TYPE_LINK;
}

static bool is_file(const struct node *node, const struct choice *choice)
{
    (void)choice;
    return node_type(node) == TYPE_FILE && node_size(node) > 0;
}

static bool is_small(const struct node *node, const struct choice *choice)
{
    return is_file(node, choice) && node_size(node) <= choice->small;
}

static const struct workload workloads[] = {
    {.name = "null", .procedure = NFS_NULL, .takes = is_any, .make = make_null, .check = check_null},
    {.name = "getattr", .procedure = NFS_GETATTR, .takes = is_any, .make = make_of_node, .check = check_getattr},
    {.name = "lookup",
     .procedure = NFS_LOOKUP,
     .takes = is_any,
     .make = make_lookup,
     .check = check_lookup,
     .which = NOT_ROOT},
    {.name = "access", .procedure = NFS_ACCESS, .takes = is_any, .make = make_access, .check = check_access},
    {.name = "readlink", .procedure = NFS_READLINK, .takes = is_link, .make = make_of_node, .check = check_readlink},
    {.name = "read64k",
     .procedure = NFS_READ,
     .takes = is_file,
     .make = make_read,
     .check = check_read,
     .read_size = 65536,
     .which = LARGEST_ALONE},
    {.name = "read1m",
     .procedure = NFS_READ,
     .takes = is_file,
     .make = make_read,
     .check = check_read,
     .read_size = READ_MAX,
     .which = LARGEST_ALONE},
    {.name = "small",
     .procedure = NFS_READ,
     .takes = is_small,
     .make = make_read,
     .check = check_read,
     .read_size = READ_MAX,
     .whole = true},
    {.name = "whole",
     .procedure = NFS_READ,
     .takes = is_file,
     .make = make_read,
     .check = check_read,
     .read_size = READ_MAX,
     .which = NOT_LARGEST,
     .whole = true},
    {.name = "verdicts",
     .procedure = NFS_CREATE,
     .then = NFS_WRITE,
     .takes = is_any,
     .make = make_verdict,
     .check = check_verdict},
};

const struct workload *workload_find(const char *name)
{
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++)
        if (strcmp(workloads[i].name, name) == 0)
            return &workloads[i];
    die("there is no workload %s", name);
}

static const struct node *largest_file(const struct tree *tree)
{
    const struct node *largest = NULL;

    for (size_t i = 0; i < tree->count; i++)
        if (is_file(&tree->nodes[i], NULL) && (!largest || node_size(&tree->nodes[i]) > node_size(largest)))
            largest = &tree->nodes[i];
    return largest;
}

void workload_begin(struct choice *choice, const struct workload *workload)
{
    const struct tree *tree = choice->tree;
    const struct node *largest = largest_file(tree);

    choice->nodes = calloc(tree->count, sizeof *choice->nodes);
    if (!choice->nodes)
        die("out of memory");
    for (size_t i = workload->which == NOT_ROOT; i < tree->count; i++) {
        const struct node *node = &tree->nodes[i];
        bool wanted =
            workload->which == LARGEST_ALONE ? node == largest : workload->which != NOT_LARGEST || node != largest;

        if (wanted && workload->takes(node, choice))
            choice->nodes[choice->count++] = node;
    }
    if (choice->count == 0)
        die("%s: the export has nothing for it", workload->name);
    choice->read_size = workload->read_size;
    choice->whole = workload->whole;
    if (choice->whole)
        shuffle(choice);
}
