/* process_links.c - the links below /proc/PID: cwd, exe, root, fd/N, ns/NAME. */
#include "import/veneer/process.h"

#include <stdio.h>
#include <string.h>

#define FIRST_FD 3u       /* where no numbers are told: whoever reads 0 to 2 expects a terminal */
#define FDS_MAX 65536u    /* of one process */
#define FD_MAX INT32_MAX  /* the highest number */
#define NAMESPACES_MAX 16 /* of one process: the kernel has ten */
#define NAMESPACE_NAME_MAX 16
#define UNKNOWN "unknown" /* what crawlers say of the directory of what has ended */

static int put_link(struct veneer *v, const struct process *p, const char *name, struct fact target, struct error *err)
{
    const struct made link = {.mode = S_IFLNK | 0777, .target = target.text, .target_size = target.size};

    return process_put(v, p, &link, name, err);
}

static bool is_target(struct fact target)
{
    return target.text && target.size > 0 && target.size <= ENTRY_TARGET_MAX && !memchr(target.text, '\0', target.size);
}

/* --- Open files --------------------------------------------------------------------------------------------------- */

/* What is open while its links are put. */
struct opening {
    struct veneer *v;
    const struct process *p;
    struct error *err;
    uint32_t count;
};

static int put_fd(struct opening *o, uint64_t number, struct fact target)
{
    char name[32];

    if (!is_target(target) || number > FD_MAX || o->count >= FDS_MAX) {
        o->v->fds_left_out++;
        return 0;
    }
    o->count++;
    snprintf(name, sizeof name, "/fd/%llu", (unsigned long long)number);
    return put_link(o->v, o->p, name, target, o->err);
}

/* As crawlers tell of files: which number each has, they do not. */
static int put_file(void *arg, const char *text, size_t size)
{
    struct opening *o = arg;

    return put_fd(o, FIRST_FD + o->count, (struct fact){text, size});
}

static int put_numbered(void *arg, struct fact name, struct fact target)
{
    uint64_t number;

    return put_fd(arg, fact_number(&number, name) ? number : UINT64_MAX, target);
}

static int put_sockets(struct opening *o)
{
    size_t count;
    const struct numbered *list = numbering_find(&count, &o->v->connections, o->p->pid);
    int rc = 0;

    for (size_t i = 0; i < count && rc == 0; i++) {
        struct socket socket;
        char target[32];

        if (!socket_of(&socket, o->v, list[i].row))
            continue;
        int size = snprintf(target, sizeof target, "socket:[%llu]", (unsigned long long)socket.inode);
        rc = put_file(o, target, (size_t)size);
    }
    return rc;
}

static int render_fds(struct veneer *v, const struct process *p, struct error *err)
{
    static const struct made directory = {.mode = S_IFDIR | 0500};
    struct opening opening = {v, p, err, 0};
    struct fact told = process_own(v, p, PROCESS_FDS);
    int rc = process_put(v, p, &directory, "/fd", err);

    if (rc == 0 && fact_is_object(told))
        return fact_visit_members(told, put_numbered, &opening);
    if (rc == 0)
        rc = fact_visit_list(process_own(v, p, PROCESS_FILES), put_file, &opening);
    return rc < 0 ? rc : put_sockets(&opening);
}

/* --- Namespaces --------------------------------------------------------------------------------------------------- */

static bool is_name(struct fact name)
{
    for (size_t i = 0; i < name.size; i++)
        if ((name.text[i] < 'a' || name.text[i] > 'z') && name.text[i] != '_')
            return false;
    return name.size > 0 && name.size <= NAMESPACE_NAME_MAX;
}

static int put_namespace(void *arg, struct fact name, struct fact number)
{
    struct opening *o = arg;
    char path[4 + NAMESPACE_NAME_MAX + 1], target[NAMESPACE_NAME_MAX + 24];
    uint64_t inode;

    if (!is_name(name) || !fact_number(&inode, number) || o->count++ >= NAMESPACES_MAX)
        return 0;
    snprintf(path, sizeof path, "/ns/%.*s", (int)name.size, name.text);
    int size = snprintf(target, sizeof target, "%.*s:[%llu]", (int)name.size, name.text, (unsigned long long)inode);
    return put_link(o->v, o->p, path, (struct fact){target, (size_t)size}, o->err);
}

static int render_namespaces(struct veneer *v, const struct process *p, struct error *err)
{
    static const struct made directory = {.mode = S_IFDIR | 0511};
    struct opening opening = {v, p, err, 0};
    struct fact told = process_own(v, p, PROCESS_NAMESPACES);
    int rc = fact_is_object(told) ? process_put(v, p, &directory, "/ns", err) : 0;

    return rc < 0 ? rc : fact_visit_members(told, put_namespace, &opening);
}

int process_render_links(struct veneer *v, const struct process *p, struct error *err)
{
    static const struct {
        const char *name;
        unsigned field;
    } links[] = {{"/cwd", PROCESS_DIRECTORY}, {"/exe", PROCESS_EXE}, {"/root", PROCESS_ROOT}};
    int rc = 0;

    for (size_t i = 0; i < sizeof links / sizeof *links && rc == 0; i++) {
        struct fact target = process_own(v, p, links[i].field);

        if (is_target(target) && !fact_is(target, UNKNOWN))
            rc = put_link(v, p, links[i].name, target, err);
    }
    if (rc == 0)
        rc = render_namespaces(v, p, err);
    return rc < 0 ? rc : render_fds(v, p, err);
}
