/* devices.c - /dev as every container has it, and the file that says that it is one. */
#include "import/veneer/render.h"

#include <string.h>

/* The kernel's devices.txt, and what runtimes add (OCI runtime specification, "Default Devices"). */
static const struct {
    const char *path;
    uint32_t mode, major, minor;
    const char *target;
} nodes[] = {
    {"/dev/null", S_IFCHR | 0666, 1, 3, NULL},
    {"/dev/zero", S_IFCHR | 0666, 1, 5, NULL},
    {"/dev/full", S_IFCHR | 0666, 1, 7, NULL},
    {"/dev/random", S_IFCHR | 0666, 1, 8, NULL},
    {"/dev/urandom", S_IFCHR | 0666, 1, 9, NULL},
    {"/dev/tty", S_IFCHR | 0666, 5, 0, NULL},
    {"/dev/pts", S_IFDIR | 0755, 0, 0, NULL},
    {"/dev/shm", S_IFDIR | 01777, 0, 0, NULL},
    {"/dev/ptmx", S_IFLNK | 0777, 0, 0, "pts/ptmx"},
    {"/dev/fd", S_IFLNK | 0777, 0, 0, "/proc/self/fd"},
    {"/dev/stdin", S_IFLNK | 0777, 0, 0, "/proc/self/fd/0"},
    {"/dev/stdout", S_IFLNK | 0777, 0, 0, "/proc/self/fd/1"},
    {"/dev/stderr", S_IFLNK | 0777, 0, 0, "/proc/self/fd/2"},
};

static int render_nodes(struct veneer *v, struct error *err)
{
    int rc = 0;

    if (builder_says(v->frame->builder, "/dev", strlen("/dev")))
        return 0; /* it was crawled: what is missing is not there */
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes && rc == 0; i++)
        rc = veneer_put(v,
                        &(struct made){.path = nodes[i].path,
                                       .mode = nodes[i].mode,
                                       .mtime = v->boot,
                                       .major = nodes[i].major,
                                       .minor = nodes[i].minor,
                                       .target = nodes[i].target,
                                       .target_size = nodes[i].target ? strlen(nodes[i].target) : 0},
                        err);
    return rc;
}

int render_devices(struct veneer *v, struct error *err)
{
    bool is_docker = fact_is(facts_one(&v->facts, FACT_METADATA, METADATA_SYSTEM), "container") &&
                     (facts_one(&v->facts, FACT_METADATA, METADATA_IMAGE).text ||
                      facts_one(&v->facts, FACT_METADATA, METADATA_LONG_NAME).text);
    int rc = render_nodes(v, err);

    return rc < 0 || !is_docker
               ? rc
               : veneer_put(v, &(struct made){.path = "/.dockerenv", .mode = S_IFREG | 0755, .mtime = v->boot}, err);
}
