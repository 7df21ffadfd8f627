/* packages.c - the databases of dpkg (deb-control(5), /var/lib/dpkg/status), apk (installed) and rpm (rpmdb.sqlite)
 * from package features.
 */
#include "import/veneer/render.h"

#include "import/rpm_header.h"
#include "import/rpmdb.h"
#include "tree/follow.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define UNKNOWN "unknown (made by confuse; no feature tells)"

struct manager {
    const char *const *systems; /* what `os` may be, in lower case; ended by NULL */
    const char *directory;      /* where one was captured, it is this one's system */
    const char *path;
    const char *directories[3]; /* what the tools want beside it */
    bool (*add)(struct veneer *v, uint32_t row);
    int (*finish)(struct veneer *v, struct error *err);     /* what was added is not the file yet; NULL: it is */
    int (*put_beside)(struct veneer *v, struct error *err); /* further files; NULL: none */
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

/* An empty file, where one was recorded without its content. */
static int fill_empty(struct veneer *v, const char *path, struct error *err)
{
    char resolved[FOLLOW_PATH_MAX + 1];

    if (builder_resolve(resolved, v->frame->builder, path, strlen(path)) != 1)
        return 0;
    return veneer_put(v, &(struct made){.path = path, .mode = S_IFREG | 0644, .mtime = v->boot}, err);
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

#define INSTANCES_MAX 64u /* of one name: more than there are architectures, or kernels that anybody keeps */

static bool is_repeated(const struct veneer *v, uint32_t row, struct fact name, bool by_version)
{
    for (uint32_t back = 1; back <= row && back <= INSTANCES_MAX && has_name(v, row - back, name); back++)
        if (same(own(v, row - back, PKG_ARCHITECTURE), own(v, row, PKG_ARCHITECTURE)) &&
            (!by_version || same(own(v, row - back, PKG_VERSION), own(v, row, PKG_VERSION))))
            return true;
    return false;
}

static bool is_deb(const struct veneer *v, uint32_t row)
{
    struct fact name = own(v, row, PKG_NAME), architecture = own(v, row, PKG_ARCHITECTURE);

    return consists_of(name, "+-.") && is_deb_version(own(v, row, PKG_VERSION)) && consists_of(architecture, "-") &&
           isalnum((unsigned char)name.text[0]) && name.size >= 2 && isalnum((unsigned char)architecture.text[0]) &&
           !is_repeated(v, row, name, false);
}

#define DPKG_INFO "/var/lib/dpkg/info"

/* The list of a package's files, as dpkg calls it. False: no path is so long. */
static bool name_list(char path[VENEER_PATH_MAX], const struct veneer *v, uint32_t row, bool by_architecture)
{
    struct fact name = own(v, row, PKG_NAME), architecture = own(v, row, PKG_ARCHITECTURE);
    const size_t size = by_architecture ? architecture.size : 0;

    if (sizeof DPKG_INFO "/:.list" + name.size + size > VENEER_PATH_MAX)
        return false;
    snprintf(path, VENEER_PATH_MAX, DPKG_INFO "/%.*s%s%.*s.list", (int)name.size, name.text, size ? ":" : "", (int)size,
             architecture.text);
    return true;
}

/* Two of one name are only installed together if they are this; and only then a list is called by architecture. */
static bool is_multiarch(const struct veneer *v, uint32_t row, struct fact name)
{
    char path[VENEER_PATH_MAX];

    return has_name(v, row + 1, name) || (row > 0 && has_name(v, row - 1, name)) ||
           (name_list(path, v, row, true) && builder_says(v->frame->builder, path, strlen(path)));
}

static bool add_deb(struct veneer *v, uint32_t row)
{
    struct fact name = own(v, row, PKG_NAME);
    uint64_t size;

    if (!is_deb(v, row))
        return false;
    add_line(&v->text, "Package: ", name);
    buffer_add_text(&v->text, "Status: install ok installed\n");
    if (fact_number(&size, own(v, row, PKG_SIZE)))
        buffer_add_format(&v->text, "Installed-Size: %llu\n", (unsigned long long)size);
    buffer_add_text(&v->text, "Maintainer: " UNKNOWN " <unknown@invalid>\n");
    add_line(&v->text, "Architecture: ", own(v, row, PKG_ARCHITECTURE));
    if (is_multiarch(v, row, name))
        buffer_add_text(&v->text, "Multi-Arch: same\n");
    add_line(&v->text, "Version: ", own(v, row, PKG_VERSION));
    buffer_add_text(&v->text, "Description: " UNKNOWN "\n\n");
    return true;
}

struct listing {
    struct veneer *v;
    uint64_t lists;
    uint64_t left_out; /* paths */
};

static int add_path(void *arg, const char *text, size_t size)
{
    struct listing *listing = arg;

    if (size > 0 && text[0] == '/' && veneer_is_line((struct fact){text, size}))
        add_line(&listing->v->text, "", (struct fact){text, size});
    else
        listing->left_out++;
    return 0;
}

static int put_list(struct listing *listing, uint32_t row, struct error *err)
{
    struct veneer *v = listing->v;
    struct fact files = own(v, row, PKG_FILES);
    char path[VENEER_PATH_MAX];

    if (files.size == 0 || files.text[0] != '[' || !is_deb(v, row))
        return 0;
    if (!name_list(path, v, row, is_multiarch(v, row, own(v, row, PKG_NAME)))) {
        listing->left_out++;
        return 0;
    }
    listing->lists++;
    fact_visit_list(files, add_path, listing);
    return veneer_put(v, &(struct made){.path = path, .mode = S_IFREG | 0644, .mtime = v->boot}, err);
}

/* Where lists are named by architecture, the directory says so by its format, 1. */
static int put_lists(struct veneer *v, struct error *err)
{
    const struct made format = {.path = DPKG_INFO "/format", .mode = S_IFREG | 0644, .mtime = v->boot};
    struct listing listing = {.v = v};
    int rc = 0;

    for (uint32_t row = 0; row < facts_count(&v->facts, FACT_PACKAGE) && rc == 0; row++)
        rc = put_list(&listing, row, err);
    if (rc == 0 && listing.lists) {
        buffer_add_text(&v->text, "1\n");
        rc = veneer_put(v, &format, err);
    }
    return rc < 0 ? rc
                  : veneer_left_out(v, "package", "a file of it is no path, or its name is too long for a list of them",
                                    listing.left_out, err);
}

/* Every command of dpkg ends if these are there and cannot be read. What was in them nothing tells. */
static int put_beside_status(struct veneer *v, struct error *err)
{
    static const char *const unreadable[] = {
        "/var/lib/dpkg/diversions",
        "/var/lib/dpkg/triggers/File",
        "/var/lib/dpkg/triggers/Unincorp",
    };
    int rc = put_lists(v, err);

    for (size_t i = 0; i < sizeof unreadable / sizeof *unreadable && rc == 0; i++)
        rc = fill_empty(v, unreadable[i], err);
    return rc;
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

/* --- rpm ---------------------------------------------------------------------------------------------------------- */

/* bytes: name, version and architecture are in a file's name where rpm gets packages from */
#define RPM_WORD_MAX 255u
#define RPM_NONE "(none)" /* as rpm prints what a package has not */

static struct rpm_text text_of(struct fact fact)
{
    return (struct rpm_text){fact.text, fact.size};
}

static bool is_rpm_word(struct rpm_text word, const char *others)
{
    return word.size <= RPM_WORD_MAX && consists_of((struct fact){word.text, word.size}, others);
}

/* [EPOCH:]VERSION[-RELEASE]: crawlers tell of no epoch, and old ones of no release. */
static bool split_version(struct rpm_package *package, struct fact told)
{
    const char *colon = told.text ? memchr(told.text, ':', told.size) : NULL;
    struct fact epoch = {told.text, colon ? (size_t)(colon - told.text) : 0};
    struct fact rest = colon ? (struct fact){colon + 1, told.size - epoch.size - 1} : told;
    const char *dash = rest.size ? memrchr(rest.text, '-', rest.size) : NULL;
    uint64_t number = 0;

    if (!rest.text || (colon && !fact_is(epoch, RPM_NONE) && (!fact_number(&number, epoch) || number > UINT32_MAX)))
        return false;
    package->has_epoch = colon && !fact_is(epoch, RPM_NONE);
    package->epoch = (uint32_t)number;
    package->version = (struct rpm_text){rest.text, dash ? (size_t)(dash - rest.text) : rest.size};
    package->release = dash ? (struct rpm_text){dash + 1, rest.size - package->version.size - 1}
                            : (struct rpm_text){"unknown", strlen("unknown")};
    return is_rpm_word(package->version, "._+~^") && is_rpm_word(package->release, "._+~^");
}

/* A key that was imported is a package without an architecture. */
static bool add_rpm(struct veneer *v, uint32_t row)
{
    struct fact name = own(v, row, PKG_NAME), architecture = own(v, row, PKG_ARCHITECTURE);
    struct rpm_package package = {.name = text_of(name)};
    uint64_t installed;

    if (!is_rpm_word(package.name, "+-._") || !split_version(&package, own(v, row, PKG_VERSION)) ||
        is_repeated(v, row, name, true))
        return false;
    if (architecture.text && architecture.size > 0 && !fact_is(architecture, RPM_NONE))
        package.architecture = text_of(architecture);
    if (package.architecture.text && !is_rpm_word(package.architecture, "_"))
        return false;
    package.has_size = fact_number(&package.size, own(v, row, PKG_SIZE));
    package.has_time = fact_number(&installed, own(v, row, PKG_INSTALLED)) && installed <= UINT32_MAX;
    package.time = package.has_time ? (uint32_t)installed : 0;
    rpm_header_add(&v->text, &package, UNKNOWN);
    return true;
}

#define RPMDB "/var/lib/rpm/rpmdb.sqlite"

/* Does a captured content stand at a path? */
static bool is_captured(struct veneer *v, const char *path)
{
    char resolved[FOLLOW_PATH_MAX + 1];
    struct entry entry;

    return builder_resolve(resolved, v->frame->builder, path, strlen(path)) == 1 &&
           builder_find(&entry, v->frame->builder, resolved, strlen(resolved), NULL) == 0 &&
           !(entry.flags & ENTRY_ABSENT);
}

/* A log that was recorded is of the database that was: beside a made one it has committed nothing. SQLite opens no
 * database whose log it cannot read. */
static int put_log(struct veneer *v, struct error *err)
{
    return is_captured(v, RPMDB) ? 0 : fill_empty(v, RPMDB "-wal", err);
}

static int finish_rpm(struct veneer *v, struct error *err)
{
    struct buffer headers = v->text;

    if (headers.failed)
        return error_system(err, ENOMEM, "a made rpm database");
    v->text = (struct buffer){0};
    int rc = rpmdb_make(&v->text, &headers, err);
    buffer_free(&headers);
    return rc;
}

/* --- Which -------------------------------------------------------------------------------------------------------- */

static const char *const DPKG_SYSTEMS[] = {"debian", "ubuntu", "linuxmint", "raspbian", "devuan", "kali", NULL};
static const char *const APK_SYSTEMS[] = {"alpine", "postmarketos", NULL};

/* By ID of os-release, and as crawlers without it called them. */
static const char *const RPM_SYSTEMS[] = {"almalinux",
                                          "amzn",
                                          "azurelinux",
                                          "centos",
                                          "centos linux",
                                          "fedora",
                                          "fedora linux",
                                          "mageia",
                                          "mariner",
                                          "ol",
                                          "opensuse",
                                          "opensuse leap",
                                          "opensuse-leap",
                                          "opensuse-tumbleweed",
                                          "oracle linux server",
                                          "photon",
                                          "red hat",
                                          "red hat enterprise linux",
                                          "red hat enterprise linux server",
                                          "redhat",
                                          "rhel",
                                          "rocky",
                                          "rocky linux",
                                          "scientific",
                                          "scientific linux",
                                          "sle_hpc",
                                          "sles",
                                          "suse",
                                          "suse linux enterprise server",
                                          NULL};

static const struct manager managers[] = {
    {DPKG_SYSTEMS,
     "/var/lib/dpkg",
     "/var/lib/dpkg/status",
     {DPKG_INFO, "/var/lib/dpkg/updates", NULL},
     add_deb,
     NULL,
     put_beside_status},
    {APK_SYSTEMS, "/lib/apk", "/lib/apk/db/installed", {NULL}, add_apk, NULL, NULL},
    {RPM_SYSTEMS, "/var/lib/rpm", RPMDB, {NULL}, add_rpm, finish_rpm, put_log},
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
    return rc == 0 && manager->put_beside ? manager->put_beside(v, err) : rc;
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
    int rc = v->text.size && manager->finish ? manager->finish(v, err) : 0;
    if (rc == 0 && v->text.size)
        rc = put_database(v, manager, err);
    return rc < 0 ? rc
                  : veneer_left_out(v, "package", "its name, version or architecture is none, or was there before",
                                    left_out, err);
}
