/* packages.c - the databases of dpkg (deb-control(5), /var/lib/dpkg/status) and apk (installed) from package features.
 *
 * Which files belong to a package no feature tells, so there are no lists of them.
 */
#include "import/veneer/render.h"

#include <ctype.h>
#include <string.h>

#define UNKNOWN "unknown (made by confuse; no feature tells)"

struct manager {
    const char *systems[12]; /* what `os` may be, in lower case; ended by NULL */
    const char *directory;   /* where one was captured, it is this one's system */
    const char *path;
    const char *directories[3]; /* what the tools want beside it */
    bool (*add)(struct veneer *v, uint32_t row);
};

static struct fact own(const struct veneer *v, uint32_t row, unsigned field)
{
    return facts_get(&v->facts, FACT_PACKAGE, row, field);
}

static bool consists_of(struct fact fact, const char *others)
{
    for (size_t i = 0; i < fact.size; i++)
        if (!isalnum((unsigned char)fact.text[i]) && (fact.text[i] == '\0' || !strchr(others, fact.text[i])))
            return false;
    return fact.text && fact.size > 0;
}

static bool same(struct fact a, struct fact b)
{
    return a.text && b.text && a.size == b.size && memcmp(a.text, b.text, a.size) == 0;
}

static void add_line(struct buffer *out, const char *name, struct fact fact)
{
    buffer_add_text(out, name);
    buffer_add(out, fact.text, fact.size);
    buffer_add_byte(out, '\n');
}

/* --- dpkg --------------------------------------------------------------------------------------------------------- */

/* As dpkg's own parser: a version begins with a digit, an epoch is a number, and no revision is empty. */
static bool is_deb_version(struct fact version)
{
    const char *colon = version.text ? memchr(version.text, ':', version.size) : NULL;

    if (!consists_of(version, ".+-~:"))
        return false;
    for (const char *at = version.text; colon && at < colon; at++)
        if (!isdigit((unsigned char)*at) || at - version.text > 8)
            return false;
    size_t begin = colon ? (size_t)(colon + 1 - version.text) : 0;
    return begin < version.size && isdigit((unsigned char)version.text[begin]) &&
           version.text[version.size - 1] != '-' && version.text[version.size - 1] != ':' && colon != version.text;
}

/* Rows of one name come one after the other, for the key is the name: is there one of this architecture before, or any
 * other? */
static bool has_name(const struct veneer *v, uint32_t row, struct fact name)
{
    return row < facts_count(&v->facts, FACT_PACKAGE) && same(own(v, row, PKG_NAME), name);
}

#define INSTANCES_MAX 64u /* of one name: more than there are architectures */

static bool is_repeated(const struct veneer *v, uint32_t row, struct fact name, struct fact architecture)
{
    for (uint32_t back = 1; back <= row && back <= INSTANCES_MAX && has_name(v, row - back, name); back++)
        if (same(own(v, row - back, PKG_ARCHITECTURE), architecture))
            return true;
    return false;
}

static bool add_deb(struct veneer *v, uint32_t row)
{
    struct fact name = own(v, row, PKG_NAME), version = own(v, row, PKG_VERSION);
    struct fact architecture = own(v, row, PKG_ARCHITECTURE);
    uint64_t size;

    if (!consists_of(name, "+-.") || !is_deb_version(version) || !consists_of(architecture, "-") ||
        !isalnum((unsigned char)name.text[0]) || name.size < 2 || !isalnum((unsigned char)architecture.text[0]) ||
        is_repeated(v, row, name, architecture))
        return false;
    add_line(&v->text, "Package: ", name);
    buffer_add_text(&v->text, "Status: install ok installed\n");
    if (fact_number(&size, own(v, row, PKG_SIZE)))
        buffer_add_format(&v->text, "Installed-Size: %llu\n", (unsigned long long)size);
    buffer_add_text(&v->text, "Maintainer: " UNKNOWN " <unknown@invalid>\n");
    add_line(&v->text, "Architecture: ", architecture);
    /* Two of one name are only installed together if they are this. */
    if (has_name(v, row + 1, name) || (row > 0 && has_name(v, row - 1, name)))
        buffer_add_text(&v->text, "Multi-Arch: same\n");
    add_line(&v->text, "Version: ", version);
    buffer_add_text(&v->text, "Description: " UNKNOWN "\n\n");
    return true;
}

/* --- apk ---------------------------------------------------------------------------------------------------------- */

static bool add_apk(struct veneer *v, uint32_t row)
{
    struct fact name = own(v, row, PKG_NAME), version = own(v, row, PKG_VERSION);
    struct fact architecture = own(v, row, PKG_ARCHITECTURE);
    uint64_t size;

    if (!consists_of(name, "+-._") || !consists_of(version, "._-") || (row > 0 && has_name(v, row - 1, name)))
        return false;
    add_line(&v->text, "P:", name);
    add_line(&v->text, "V:", version);
    if (consists_of(architecture, "-_"))
        add_line(&v->text, "A:", architecture);
    if (fact_number(&size, own(v, row, PKG_SIZE)))
        buffer_add_format(&v->text, "I:%llu\n", (unsigned long long)size);
    buffer_add_text(&v->text, "T:" UNKNOWN "\n\n");
    return true;
}

/* --- Which -------------------------------------------------------------------------------------------------------- */

static const struct manager managers[] = {
    {{"debian", "ubuntu", "linuxmint", "raspbian", "devuan", "kali", NULL},
     "/var/lib/dpkg",
     "/var/lib/dpkg/status",
     {"/var/lib/dpkg/info", "/var/lib/dpkg/updates", NULL},
     add_deb},
    {{"alpine", "postmarketos", NULL}, "/lib/apk", "/lib/apk/db/installed", {NULL}, add_apk},
};

static bool is_system(const struct manager *manager, struct fact name)
{
    for (const char *const *each = manager->systems; *each; each++)
        if (name.text && name.size == strlen(*each) && strncasecmp(name.text, *each, name.size) == 0)
            return true;
    return false;
}

/* By the system's name; else by what was captured. NULL: nothing tells. */
static const struct manager *find_manager(const struct veneer *v)
{
    struct fact name = facts_one(&v->facts, FACT_OS, OS_NAME);
    const size_t count = sizeof managers / sizeof *managers;

    if (!name.text)
        name = facts_one(&v->facts, FACT_OS, OS_DISTRO);
    for (size_t i = 0; i < count; i++)
        if (is_system(&managers[i], name))
            return &managers[i];
    for (size_t i = 0; i < count; i++)
        if (builder_says(v->frame->builder, managers[i].directory, strlen(managers[i].directory)))
            return &managers[i];
    return NULL;
}

/* The database and what is beside it; directories have no text. */
static int put_database(struct veneer *v, const struct manager *manager, struct error *err)
{
    const struct made status = {.path = manager->path, .mode = S_IFREG | 0644, .mtime = v->boot};
    int rc = veneer_put(v, &status, err);

    for (const char *const *each = manager->directories; *each && rc == 0; each++)
        rc = veneer_put(v, &(struct made){.path = *each, .mode = S_IFDIR | 0755, .mtime = v->boot}, err);
    return rc;
}

/* Every command of dpkg ends if these are there and cannot be read. What was in them nothing tells. */
static const char *const unreadable[] = {
    "/var/lib/dpkg/diversions",
    "/var/lib/dpkg/triggers/File",
    "/var/lib/dpkg/triggers/Unincorp",
};

static int fill_unreadable(struct veneer *v, const struct manager *manager, struct error *err)
{
    int rc = 0;

    for (size_t i = 0; i < sizeof unreadable / sizeof *unreadable && rc == 0; i++) {
        const char *path = unreadable[i];
        if (strncmp(path, manager->directory, strlen(manager->directory)) == 0 &&
            builder_says(v->frame->builder, path, strlen(path)))
            rc = veneer_put(v, &(struct made){.path = path, .mode = S_IFREG | 0644, .mtime = v->boot}, err);
    }
    return rc;
}

int render_packages(struct veneer *v, struct error *err)
{
    const struct manager *manager = find_manager(v);
    uint32_t count = facts_count(&v->facts, FACT_PACKAGE);
    uint64_t left_out = 0;

    if (!manager || !count)
        return veneer_left_out(v, "package", "nothing tells of a package manager whose database can be made", count,
                               err);
    for (uint32_t row = 0; row < count; row++)
        left_out += !manager->add(v, row);
    bool any = v->text.size > 0;
    int rc = any ? put_database(v, manager, err) : 0;
    if (rc == 0 && any)
        rc = fill_unreadable(v, manager, err);
    return rc < 0 ? rc
                  : veneer_left_out(v, "package", "its name, version or architecture is none, or was there before",
                                    left_out, err);
}
