/* live_rpm.c - installed packages as rpm's database has them.
 *
 * It is read as a file and never opened as a database: that would write beside it. What a running rpm has committed to
 * its log is read with it, and both once more if the log grew or went meanwhile.
 */
#include "import/live.h"

#include "base/jsonl.h"
#include "import/rpm_header.h"
#include "import/rpmdb.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define TRIES_MAX 3u /* a transaction of rpm takes longer than reading what it wrote */

#define DIRECTORY "/var/lib/rpm"
#define DIRECTORY_SINCE_FEDORA_36 "/usr/lib/sysimage/rpm"

static const struct {
    const char *file, *log, *journal;
} DATABASES[] = {
#define DATABASE(directory)                                                                                            \
    {                                                                                                                  \
        directory "/rpmdb.sqlite", directory "/rpmdb.sqlite-wal", directory "/rpmdb.sqlite-journal"                    \
    }
    DATABASE(DIRECTORY),
    DATABASE(DIRECTORY_SINCE_FEDORA_36),
};

/* Databases of other kinds, which say nothing here. */
static const struct {
    const char *path, *why;
} OTHERS[] = {
    {DIRECTORY "/Packages", "a Berkeley DB of rpm; packages are read from its SQLite database only"},
    {DIRECTORY "/Packages.db", "an ndb database of rpm; packages are read from its SQLite database only"},
    {DIRECTORY_SINCE_FEDORA_36 "/Packages.db",
     "an ndb database of rpm; packages are read from its SQLite database only"},
};

struct producing {
    struct live *live;
    struct error *err;
    int result;
    unsigned malformed;
};

/* --- Records ------------------------------------------------------------------------------------------------------ */

static void add_text(struct live *live, const char *name, const char *text, size_t size)
{
    live_span(live, name, &(struct live_span){text, size});
}

static void add_number(struct live *live, const char *name, bool is_known, uint64_t value)
{
    char text[24];

    if (!is_known) {
        live_null(live, name);
        return;
    }
    add_text(live, name, text, (size_t)snprintf(text, sizeof text, "%" PRIu64, value));
}

/* [EPOCH:]VERSION-RELEASE */
static void add_version(struct live *live, const struct rpm_package *package)
{
    buffer_clear(&live->path);
    if (package->has_epoch)
        buffer_add_format(&live->path, "%" PRIu32 ":", package->epoch);
    buffer_add(&live->path, package->version.text, package->version.size);
    buffer_add_byte(&live->path, '-');
    buffer_add(&live->path, package->release.text, package->release.size);
    add_text(live, "pkgversion", (const char *)live->path.bytes, live->path.size);
}

static int produce_package(void *arg, const void *header, size_t size)
{
    struct producing *producing = arg;
    struct live *live = producing->live;
    struct rpm_package package;

    if (!rpm_header_read(&package, header, size) || !package.version.text || !package.release.text) {
        producing->malformed++;
        return 0;
    }
    live_begin(live);
    add_number(live, "installed", package.has_time, package.time);
    add_text(live, "pkgname", package.name.text, package.name.size);
    add_number(live, "pkgsize", package.has_size, package.size);
    add_version(live, &package);
    if (package.architecture.text)
        add_text(live, "pkgarchitecture", package.architecture.text, package.architecture.size);
    else
        live_null(live, "pkgarchitecture");
    producing->result = live_record(live, "package", package.name.text, package.name.size, producing->err);
    return producing->result != 0;
}

/* --- The file ----------------------------------------------------------------------------------------------------- */

static int read_log(struct buffer *log, const struct live *live, const char *path)
{
    buffer_clear(log);
    int result = live_read_inside(log, live, path, LIVE_DATABASE_MAX);
    return result == -ENOENT ? 0 : result;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size &&
           memcmp(&a->st_mtim, &b->st_mtim, sizeof a->st_mtim) == 0;
}

/* A commit changes the log, and what is put from there into the file, the file's time, too. So what was read while the
 * log stayed as it was is of one moment; where the log has pages that just came into the file, it has the same ones. */
static int read_once(struct buffer *file, struct buffer *log, const struct live *live, size_t which)
{
    struct buffer again = {0};
    struct stat before, after;

    buffer_clear(file);
    int result = live_stat_inside(&before, live, DATABASES[which].file);
    if (result == 0)
        result = read_log(log, live, DATABASES[which].log);
    if (result == 0)
        result = live_read_inside(file, live, DATABASES[which].file, LIVE_RPMDB_MAX);
    if (result == 0)
        result = read_log(&again, live, DATABASES[which].log);
    if (result == 0)
        result = live_stat_inside(&after, live, DATABASES[which].file);
    bool same_log = again.size == log->size && (log->size == 0 || memcmp(again.bytes, log->bytes, log->size) == 0);
    if (result == 0 && (!same_log || (log->size == 0 && !is_same(&before, &after))))
        result = -EAGAIN;
    if (result == 0 && live_read_inside(&again, live, DATABASES[which].journal, 0) == -EFBIG)
        result = -EBUSY;
    buffer_free(&again);
    return result;
}

static const char *reason(int result)
{
    switch (result) {
    case -EAGAIN:
        return "it is being written";
    case -EBUSY:
        return "it has the journal of a transaction that did not end";
    case -EBADMSG:
        return "no rpm database, or a damaged one";
    default:
        return strerror(-result);
    }
}

/* 0; -ENOENT (err not filled): there is none; or what the sink said. */
static int produce_database(struct live *live, size_t which, struct error *err)
{
    struct producing producing = {.live = live, .err = err};
    struct buffer log = {0};
    int result = -EAGAIN;

    for (unsigned tries = 0; tries < TRIES_MAX && result == -EAGAIN; tries++)
        result = read_once(&live->text, &log, live, which);
    if (result == 0)
        result = rpmdb_visit(&live->text, &log, LIVE_RPMDB_MAX, produce_package, &producing);
    buffer_free(&log);
    if (producing.result != 0)
        return producing.result;
    if (result == -ENOENT || result == -ENOTDIR)
        return -ENOENT;
    if (result == 0 && producing.malformed)
        return live_note(live, DATABASES[which].file, "unreadable", "some of its headers are malformed", err);
    return result < 0 ? live_note(live, DATABASES[which].file, "unreadable", reason(result), err) : 0;
}

static int note_others(struct live *live, struct error *err)
{
    int result = 0;

    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS && result == 0; i++)
        if (live_has(live, OTHERS[i].path) == 0)
            result = live_note(live, OTHERS[i].path, "unreadable", OTHERS[i].why, err);
    return result;
}

int live_rpm(struct live *live, struct error *err)
{
    int result = -ENOENT;

    for (size_t i = 0; i < sizeof DATABASES / sizeof *DATABASES && result == -ENOENT; i++)
        result = produce_database(live, i, err);
    return result == -ENOENT ? note_others(live, err) : result;
}
