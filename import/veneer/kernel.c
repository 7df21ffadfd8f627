/* kernel.c - /proc/version and /proc/sys/kernel. */
#include "import/veneer/render.h"

#include <string.h>

#define SYSTEM "Linux-"
#define WITH "-with-"
#define HOSTNAME_MAX 64 /* bytes: __NEW_UTS_LEN */

static const char *find(const char *text, size_t size, const char *what)
{
    return size ? memmem(text, size, what, strlen(what)) : NULL;
}

/* Python's platform.platform(): system, release, machine, and behind "-with-" the distribution. */
struct fact veneer_release(const struct veneer *v)
{
    struct fact older = facts_one(&v->facts, FACT_OS, OS_RELEASE);
    struct fact kernel = facts_one(&v->facts, FACT_OS, OS_KERNEL);
    struct fact machine = facts_one(&v->facts, FACT_OS, OS_ARCHITECTURE);

    if (veneer_is_line(older))
        return older;
    if (!veneer_is_line(kernel) || kernel.size <= strlen(SYSTEM) || strncmp(kernel.text, SYSTEM, strlen(SYSTEM)) != 0)
        return (struct fact){0};
    struct fact release = {kernel.text + strlen(SYSTEM), kernel.size - strlen(SYSTEM)};
    const char *with = find(release.text, release.size, WITH);
    if (with)
        release.size = (size_t)(with - release.text);
    if (machine.text && release.size > machine.size + 1 &&
        memcmp(release.text + release.size - machine.size, machine.text, machine.size) == 0 &&
        release.text[release.size - machine.size - 1] == '-')
        release.size -= machine.size + 1;
    return release;
}

static int put_line(struct veneer *v, const char *path, struct fact fact, struct error *err)
{
    if (!veneer_is_line(fact))
        return 0;
    buffer_add(&v->text, fact.text, fact.size);
    buffer_add_byte(&v->text, '\n');
    return veneer_put_file(v, path, err);
}

/* What the captured /etc/hostname holds. */
int render_hostname(struct veneer *v, struct error *err)
{
    struct buffer text = {0};

    v->from[0] = "config";
    v->from[1] = NULL;
    int rc = veneer_read_captured(&text, v, "/etc/hostname", HOSTNAME_MAX + 1, err);

    while (text.size && text.bytes[text.size - 1] == '\n')
        text.size--;
    if (rc == 0)
        rc = put_line(v, "/proc/sys/kernel/hostname", (struct fact){(const char *)text.bytes, text.size}, err);
    buffer_free(&text);
    return rc;
}

int render_kernel(struct veneer *v, struct error *err)
{
    struct fact release = veneer_release(v), version = facts_one(&v->facts, FACT_OS, OS_KERNEL_VERSION);

    if (!release.text)
        return 0;
    if (!veneer_is_line(version))
        version = (struct fact){0};
    buffer_add_text(&v->text, "Linux version ");
    buffer_add(&v->text, release.text, release.size);
    buffer_add_text(&v->text, " (unknown@unknown) (unknown) ");
    buffer_add(&v->text, version.text ? version.text : "unknown", version.text ? version.size : strlen("unknown"));
    buffer_add_byte(&v->text, '\n');
    int rc = veneer_put_file(v, "/proc/version", err);
    if (rc == 0)
        rc = put_line(v, "/proc/sys/kernel/ostype", (struct fact){"Linux", strlen("Linux")}, err);
    if (rc == 0)
        rc = put_line(v, "/proc/sys/kernel/osrelease", release, err);
    return rc == 0 ? put_line(v, "/proc/sys/kernel/version", version, err) : rc;
}
