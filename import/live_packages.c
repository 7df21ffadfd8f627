/* live_packages.c - installed packages, as the container's own databases have them: dpkg's status, apk's installed. */
#include "import/live.h"

#include "base/jsonl.h"

#include <errno.h>
#include <string.h>

/* What is wanted of a package; the last is whether it is installed, where the database has others, too. */
enum field { FIELD_NAME, FIELD_VERSION, FIELD_ARCHITECTURE, FIELD_SIZE, FIELD_STATUS, FIELDS };

struct database {
    const char *path;
    const char *names[FIELDS]; /* of its lines, with the colon; NULL: it has none */
};

static const struct database DATABASES[] = {
    {"/var/lib/dpkg/status", {"Package:", "Version:", "Architecture:", "Installed-Size:", "Status:"}},
    {"/lib/apk/db/installed", {"P:", "V:", "A:", "I:", NULL}},
};

static bool is_installed(const struct live_span *status)
{
    static const char installed[] = " installed"; /* "install ok installed": the last word */
    size_t size = sizeof installed - 1;

    return status->size >= size && memcmp(status->text + status->size - size, installed, size) == 0;
}

static int produce_package(struct live *live, const struct database *database, const struct live_span fields[FIELDS],
                           struct error *err)
{
    if (fields[FIELD_NAME].size == 0 || (database->names[FIELD_STATUS] && !is_installed(&fields[FIELD_STATUS])))
        return 0;
    live_begin(live);
    live_null(live, "installed");
    live_span(live, "pkgname", &fields[FIELD_NAME]);
    live_span(live, "pkgsize", &fields[FIELD_SIZE]);
    live_span(live, "pkgversion", &fields[FIELD_VERSION]);
    live_span(live, "pkgarchitecture", &fields[FIELD_ARCHITECTURE]);
    return live_record(live, "package", fields[FIELD_NAME].text, fields[FIELD_NAME].size, err);
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
    int result = 0;

    for (size_t at = 0; live_next_line(&line, &at, (const char *)live->text.bytes, live->text.size) && result == 0;) {
        if (line.size > 0) {
            take_line(fields, database, &line);
            continue;
        }
        result = produce_package(live, database, fields, err);
        for (enum field field = 0; field < FIELDS; field++)
            fields[field] = (struct live_span){"", 0};
    }
    return result < 0 ? result : produce_package(live, database, fields, err);
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
