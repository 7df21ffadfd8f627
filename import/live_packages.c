/* live_packages.c - installed packages, as the container's own databases have them: dpkg's status and its lists of
 * files, apk's installed.
 */
#include "import/live.h"

#include "base/jsonl.h"
#include "base/quote.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What is wanted of a package; the last is whether it is installed, where the database has others, too. */
enum field { FIELD_NAME, FIELD_VERSION, FIELD_ARCHITECTURE, FIELD_SIZE, FIELD_STATUS, FIELDS };

struct database {
    const char *path;
    const char *names[FIELDS]; /* of its lines, with the colon; NULL: it has none */
    const char *lists;         /* a directory of NAME.list, or NAME:ARCHITECTURE.list; NULL: it has none */
};

static const struct database DATABASES[] = {
    {"/var/lib/dpkg/status",
     {"Package:", "Version:", "Architecture:", "Installed-Size:", "Status:"},
     "/var/lib/dpkg/info"},
    {"/lib/apk/db/installed", {"P:", "V:", "A:", "I:", NULL}, NULL},
};

static bool is_installed(const struct live_span *status)
{
    static const char installed[] = " installed"; /* "install ok installed": the last word */
    size_t size = sizeof installed - 1;

    return status->size >= size && memcmp(status->text + status->size - size, installed, size) == 0;
}

#define LIST_MAX ((size_t)1 << 20) /* bytes of a package's list, and of it as JSON: half of what a veneer takes */

/* Into live->path. -EINVAL: the package's name is no part of a path. */
static int read_list(struct live *live, const char *directory, const struct live_span *name,
                     const struct live_span *architecture, size_t max)
{
    char path[PATH_MAX];

    if (memchr(name->text, '/', name->size) || memchr(architecture->text, '/', architecture->size) ||
        strlen(directory) + name->size + architecture->size + sizeof "/:.list" > sizeof path)
        return -EINVAL;
    buffer_clear(&live->path);
    snprintf(path, sizeof path, "%s/%.*s.list", directory, (int)name->size, name->text);
    int result = live_read_inside(&live->path, live, path, max);
    if (result != -ENOENT)
        return result;
    snprintf(path, sizeof path, "%s/%.*s:%.*s.list", directory, (int)name->size, name->text, (int)architecture->size,
             architecture->text);
    return live_read_inside(&live->path, live, path, max);
}

/* Absolute paths, in the list's order. -EFBIG: they are too long, and left out. */
static int add_list(struct live *live)
{
    struct buffer *value = &live->value;
    const size_t before = value->size;
    struct live_span line;
    const char *comma = "";

    jsonl_raw(value, "pkgfiles", "[", 1);
    for (size_t at = 0; live_next_line(&line, &at, (const char *)live->path.bytes, live->path.size);) {
        if (line.size == 0)
            continue;
        buffer_add_text(value, comma);
        quote_json(value, line.text, line.size);
        comma = ",";
    }
    buffer_add_byte(value, ']');
    if (value->size - before <= LIST_MAX)
        return 0;
    value->size = before;
    return -EFBIG;
}

/* Add the files of a package; *left: bytes that may yet be read of lists. 0, or a negative errno: none was added. */
static int add_files(struct live *live, const struct database *database, const struct live_span fields[FIELDS],
                     size_t *left)
{
    if (!database->lists)
        return 0;
    int result = read_list(live, database->lists, &fields[FIELD_NAME], &fields[FIELD_ARCHITECTURE],
                           *left < LIST_MAX ? *left : LIST_MAX);
    if (result < 0)
        return result == -ENOENT || result == -ENOTDIR ? 0 : result;
    *left -= live->path.size;
    return add_list(live);
}

static int produce_package(struct live *live, const struct database *database, const struct live_span fields[FIELDS],
                           size_t *lists_left, struct error *err)
{
    if (fields[FIELD_NAME].size == 0 || (database->names[FIELD_STATUS] && !is_installed(&fields[FIELD_STATUS])))
        return 0;
    live_begin(live);
    live_null(live, "installed");
    live_span(live, "pkgname", &fields[FIELD_NAME]);
    live_span(live, "pkgsize", &fields[FIELD_SIZE]);
    live_span(live, "pkgversion", &fields[FIELD_VERSION]);
    live_span(live, "pkgarchitecture", &fields[FIELD_ARCHITECTURE]);
    int failed = add_files(live, database, fields, lists_left);
    int result = live_record(live, "package", fields[FIELD_NAME].text, fields[FIELD_NAME].size, err);
    return result == 0 && failed ? live_note(live, database->lists, "unreadable", strerror(-failed), err) : result;
}

static void take_line(struct live_span fields[FIELDS], const struct database *database, const struct live_span *line)
{
    for (enum field field = 0; field < FIELDS; field++) {
        const char *name = database->names[field];
        size_t size = name ? strlen(name) : 0;

        if (!name || line->size < size || memcmp(line->text, name, size) != 0)
            continue;
        while (size < line->size && line->text[size] == ' ')
            size++;
        fields[field] = (struct live_span){line->text + size, line->size - size};
    }
}

/* Packages are paragraphs, an empty line between them. */
static int produce_database(struct live *live, const struct database *database, struct error *err)
{
    struct live_span fields[FIELDS] = {{"", 0}, {"", 0}, {"", 0}, {"", 0}, {"", 0}}, line;
    size_t lists_left = LIVE_DATABASE_MAX;
    int result = 0;

    for (size_t at = 0; live_next_line(&line, &at, (const char *)live->text.bytes, live->text.size) && result == 0;) {
        if (line.size > 0) {
            take_line(fields, database, &line);
            continue;
        }
        result = produce_package(live, database, fields, &lists_left, err);
        for (enum field field = 0; field < FIELDS; field++)
            fields[field] = (struct live_span){"", 0};
    }
    return result < 0 ? result : produce_package(live, database, fields, &lists_left, err);
}

int live_packages(struct live *live, struct error *err)
{
    for (size_t i = 0; i < sizeof DATABASES / sizeof *DATABASES; i++) {
        buffer_clear(&live->text);
        int result = live_read_inside(&live->text, live, DATABASES[i].path, LIVE_DATABASE_MAX);

        if (result == 0)
            result = produce_database(live, &DATABASES[i], err);
        else if (result == -ENOENT || result == -ENOTDIR)
            result = 0;
        else
            result = live_note(live, DATABASES[i].path, "unreadable", strerror(-result), err);
        if (result < 0)
            return result;
    }
    return 0;
}
