/* mounts.c - /proc/mounts and what else the disk features tell of: filesystems, partitions; and diskstats. */
#include "import/veneer/render.h"

#include <errno.h>
#include <string.h>

#define MOUNT_ESCAPED " \t\n\\#" /* as the kernel escapes them */
#define DEVICES "/dev/"
#define DEVICE_MAX 64 /* bytes of a block device's name: BDEVNAME_SIZE is 32 */

static void add_field(struct buffer *out, struct fact fact, const char *otherwise)
{
    if (fact.text && fact.size)
        veneer_add_escaped(out, fact.text, fact.size, MOUNT_ESCAPED);
    else
        buffer_add_text(out, otherwise);
}

static void add_mounts(struct buffer *out, const struct veneer *v)
{
    for (uint32_t row = 0; row < facts_count(&v->facts, FACT_DISK); row++) {
        struct fact point = facts_get(&v->facts, FACT_DISK, row, DISK_POINT);

        if (!point.text)
            point = facts_get(&v->facts, FACT_DISK, row, FACT_KEY);
        add_field(out, facts_get(&v->facts, FACT_DISK, row, DISK_PARTITION), "none");
        buffer_add_byte(out, ' ');
        add_field(out, point, "unknown");
        buffer_add_byte(out, ' ');
        add_field(out, facts_get(&v->facts, FACT_DISK, row, DISK_TYPE), "unknown");
        buffer_add_byte(out, ' ');
        add_field(out, facts_get(&v->facts, FACT_DISK, row, DISK_OPTIONS), "defaults");
        buffer_add_text(out, " 0 0\n");
    }
}

static bool is_device(struct fact partition)
{
    return partition.size > strlen(DEVICES) && memcmp(partition.text, DEVICES, strlen(DEVICES)) == 0;
}

static bool same(struct fact a, struct fact b)
{
    return a.text && b.text && a.size == b.size && memcmp(a.text, b.text, a.size) == 0;
}

/* Did a row before have the same? Of file systems there are few; rows have a limit, so this ends. */
#define LOOKED_BACK_MAX 4096u

static bool came_before(const struct veneer *v, uint32_t row, unsigned field)
{
    struct fact own = facts_get(&v->facts, FACT_DISK, row, field);

    for (uint32_t i = 0; i < row && i < LOOKED_BACK_MAX; i++)
        if (same(own, facts_get(&v->facts, FACT_DISK, i, field)))
            return true;
    return false;
}

/* A type whose file systems lie on no device is "nodev". */
static int render_filesystems(struct veneer *v, struct error *err)
{
    for (uint32_t row = 0; row < facts_count(&v->facts, FACT_DISK) && row < LOOKED_BACK_MAX; row++) {
        struct fact type = facts_get(&v->facts, FACT_DISK, row, DISK_TYPE);

        if (!veneer_is_line(type) || came_before(v, row, DISK_TYPE))
            continue;
        buffer_add_text(&v->text, is_device(facts_get(&v->facts, FACT_DISK, row, DISK_PARTITION)) ? "\t" : "nodev\t");
        buffer_add(&v->text, type.text, type.size);
        buffer_add_byte(&v->text, '\n');
    }
    return v->text.size ? veneer_put_file(v, "/proc/filesystems", err) : 0;
}

/* --- What the kernel told ----------------------------------------------------------------------------------------- */

#define OWN "mounts"    /* the key of those that the container's own process sees */
#define TABLES_MAX 256u /* that are looked at: as many as a capture has at most */

struct fact mounts_own(const struct veneer *v, unsigned field)
{
    bool told = facts_count(&v->facts, FACT_MOUNTS) && fact_is(facts_get(&v->facts, FACT_MOUNTS, 0, FACT_KEY), OWN);

    return told ? facts_get(&v->facts, FACT_MOUNTS, 0, field) : (struct fact){0};
}

struct fact mounts_seen(const struct veneer *v, struct fact namespace, struct fact root, unsigned field)
{
    for (uint32_t row = 0; row < facts_count(&v->facts, FACT_MOUNTS) && row < TABLES_MAX; row++)
        if (same(namespace, facts_get(&v->facts, FACT_MOUNTS, row, MOUNTS_NAMESPACE)) &&
            same(root, facts_get(&v->facts, FACT_MOUNTS, row, MOUNTS_ROOT)))
            return facts_get(&v->facts, FACT_MOUNTS, row, field);
    return (struct fact){0};
}

/* As the kernel told them, or from disks. */
static void add_own_mounts(struct veneer *v)
{
    struct fact told = mounts_own(v, MOUNTS_MOUNTS);

    if (fact_is_list(told))
        veneer_add_lines(v, told);
    else
        add_mounts(&v->text, v);
}

static int render_mountinfo(struct veneer *v, struct error *err)
{
    struct fact told = mounts_own(v, MOUNTS_MOUNTINFO);

    if (!fact_is_list(told))
        return 0;
    veneer_add_lines(v, told);
    return veneer_put_file(v, "/proc/self/mountinfo", err);
}

int render_mounts(struct veneer *v, struct error *err)
{
    if (!facts_count(&v->facts, FACT_DISK) && !fact_is_list(mounts_own(v, MOUNTS_MOUNTS)))
        return 0;
    add_own_mounts(v);
    int rc = veneer_put_file(v, "/proc/self/mounts", err);
    if (rc == 0)
        rc = render_mountinfo(v, err);
    if (rc == 0)
        rc = veneer_put_link(v, "/proc/mounts", "self/mounts", err);
    if (rc == 0)
        rc = render_filesystems(v, err);
    if (rc < 0)
        return rc;
    /* Where a record of it stands, but no content, it is filled; else it is what systemd makes it. */
    add_own_mounts(v);
    struct entry there;
    rc = builder_find(&there, v->frame->builder, "/etc/mtab", strlen("/etc/mtab"), err);
    if (rc == -ENOENT) {
        buffer_clear(&v->text);
        return veneer_put_link(v, "/etc/mtab", "../proc/self/mounts", err);
    }
    return rc < 0 ? rc : veneer_put_file(v, "/etc/mtab", err);
}

/* --- Devices ------------------------------------------------------------------------------------------------------ */

/* One column of /proc/partitions or diskstats, so nothing that would be two. */
static bool is_name(struct fact name)
{
    return veneer_is_line(name) && name.size <= DEVICE_MAX && !memchr(name.text, ' ', name.size);
}

int render_partitions(struct veneer *v, struct error *err)
{
    bool any = false;

    buffer_add_text(&v->text, "major minor  #blocks  name\n\n");
    for (uint32_t row = 0; row < facts_count(&v->facts, FACT_DISK) && row < LOOKED_BACK_MAX; row++) {
        struct fact name = facts_get(&v->facts, FACT_DISK, row, DISK_PARTITION);
        uint64_t size;

        if (!is_device(name) || came_before(v, row, DISK_PARTITION) ||
            !fact_number(&size, facts_get(&v->facts, FACT_DISK, row, DISK_SIZE)))
            continue;
        name = (struct fact){name.text + strlen(DEVICES), name.size - strlen(DEVICES)};
        if (!is_name(name))
            continue;
        any = true;
        buffer_add_format(&v->text, "   0        0 %10llu %.*s\n", (unsigned long long)(size / 1024), (int)name.size,
                          name.text);
    }
    if (any)
        return veneer_put_file(v, "/proc/partitions", err);
    buffer_clear(&v->text);
    return 0;
}

#define DISKIO "diskio-"

int render_diskstats(struct veneer *v, struct error *err)
{
    for (uint32_t row = 0; row < facts_count(&v->facts, FACT_DISKIO); row++) {
        struct fact key = facts_get(&v->facts, FACT_DISKIO, row, FACT_KEY);

        if (key.size <= strlen(DISKIO) || memcmp(key.text, DISKIO, strlen(DISKIO)) != 0)
            continue;
        key = (struct fact){key.text + strlen(DISKIO), key.size - strlen(DISKIO)};
        if (is_name(key))
            buffer_add_format(&v->text, "   0       0 %.*s 0 0 0 0 0 0 0 0 0 0 0\n", (int)key.size, key.text);
    }
    return v->text.size ? veneer_put_file(v, "/proc/diskstats", err) : 0;
}
