/* texts.c - files of /proc that the kernel's own text was told for, by proc records: what others make of less is not
 * made then. Which files these are is fixed here: a frame may name any.
 */
#include "import/veneer/render.h"

#include <errno.h>
#include <string.h>

#define LINE_ENDS "\n"

static const char *const paths[] = {
    "/proc/cmdline",
    "/proc/cpuinfo",
    "/proc/diskstats",
    "/proc/filesystems",
    "/proc/meminfo",
    "/proc/net/dev",
    "/proc/net/route",
    "/proc/net/unix",
    "/proc/partitions",
    "/proc/stat",
    "/proc/sys/kernel/osrelease",
    "/proc/sys/kernel/ostype",
    "/proc/sys/kernel/pid_max",
    "/proc/sys/kernel/random/boot_id",
    "/proc/sys/kernel/version",
    "/proc/uptime",
    "/proc/version",
};

#define PATHS (sizeof paths / sizeof *paths)

_Static_assert(PATHS <= 32, "there is a bit for each");

static int add_line(void *arg, const char *text, size_t size)
{
    struct buffer *out = arg;

    veneer_add_escaped(out, text, size, LINE_ENDS);
    buffer_add_byte(out, '\n');
    return 0;
}

void veneer_add_lines(struct veneer *v, struct fact list)
{
    v->text.failed |= fact_visit_list(list, add_line, &v->text) < 0;
}

static int add_string(void *arg, const char *text, size_t size)
{
    struct buffer *out = arg;

    buffer_add(out, text, size);
    buffer_add_byte(out, '\0');
    return 0;
}

void veneer_add_strings(struct veneer *v, struct fact list)
{
    v->text.failed |= fact_visit_list(list, add_string, &v->text) < 0;
}

bool veneer_has_text(const struct veneer *v, const char *path)
{
    for (unsigned i = 0; i < PATHS && v->texts; i++)
        if (v->texts & 1u << i && strcmp(paths[i], path) == 0)
            return true;
    return false;
}

/* PATHS: none of these files. */
static unsigned path_of(struct fact key)
{
    unsigned i = 0;

    while (i < PATHS && !fact_is(key, paths[i]))
        i++;
    return i;
}

int render_texts(struct veneer *v, struct error *err)
{
    uint64_t unknown = 0, repeated = 0;
    int rc = 0;

    for (uint32_t row = 0; row < facts_count(&v->facts, FACT_PROC) && rc == 0; row++) {
        struct fact lines = facts_get(&v->facts, FACT_PROC, row, PROC_LINES);
        unsigned path = path_of(facts_get(&v->facts, FACT_PROC, row, FACT_KEY));

        if (path == PATHS || !fact_is_list(lines)) {
            unknown++;
            continue;
        }
        if (v->texts & 1u << path) {
            repeated++;
            continue;
        }
        veneer_add_lines(v, lines);
        rc = veneer_put(v, &(struct made){.path = paths[path], .mode = S_IFREG | 0444, .mtime = v->boot}, err);
        v->texts |= 1u << path;
    }
    if (rc == 0)
        rc = veneer_left_out(v, "proc", "it is no text of a file that is made", unknown, err);
    return rc < 0 ? rc : veneer_left_out(v, "proc", "another record has its file", repeated, err);
}
