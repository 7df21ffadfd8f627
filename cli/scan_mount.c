/* scan_mount.c - a server's `/`, mounted at a directory: /snap, /meta, /blob and /cache by plain POSIX calls.
 *
 * Nothing here takes a path from a snapshot further than below that snapshot, where no component is a link: it comes
 * from the manifest, which names what stands there and cannot change.
 */
#include "base/cleanup.h"
#include "base/file.h"
#include "cli/nfs_mount.h"
#include "cli/run_root.h"
#include "cli/scan_place.h"
#include "import/json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_SIZE_MAX (256u << 20) /* bytes: a note, whose value can have 64 MiB, escaped */
#define PART_SIZE 65536
#define NAMES_SIZE 128 /* bytes of the longest name below a scanner key */
/* Verdicts of others are seen within seconds; what is not there is asked for each time. */
#define SERVER_OPTIONS "lookupcache=positive,actimeo=3"

struct scan_place {
    const struct scan_where *where;
    uint64_t writer; /* random: names what is written aside */
    char path[PATH_MAX];
};

static const char *path_of(struct scan_place *place, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Below the mount; NULL: too long. */
static const char *path_of(struct scan_place *place, const char *format, ...)
{
    va_list args;
    size_t used = (size_t)snprintf(place->path, sizeof place->path, "%s/", place->where->directory);

    va_start(args, format);
    int more = used < sizeof place->path ? vsnprintf(place->path + used, sizeof place->path - used, format, args) : 0;
    va_end(args);
    return used + (size_t)more < sizeof place->path ? place->path : NULL;
}

static int open_place(struct scan_place **place, const struct scan_where *where, struct error *err)
{
    *place = calloc(1, sizeof **place);
    if (!*place)
        return error_system(err, ENOMEM, "cannot open %s", where->directory);
    (*place)->where = where;
    if (getrandom(&(*place)->writer, sizeof(*place)->writer, 0) < 0)
        return error_system(err, errno, "no random bytes");
    if (!path_of(*place, "cache/%s/%*s", where->key, NAMES_SIZE, ""))
        return error_system(err, ENAMETOOLONG, "%s", where->directory);
    const char *path = path_of(*place, "cache/%s", where->key);
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return error_system(err, errno, "%s", path);
    return 0;
}

static void close_place(struct scan_place *place)
{
    free(place);
}

/* --- Snapshots ---------------------------------------------------------------------------------------------------- */

static int resolve(char id[SNAPSHOT_ID_HEX_SIZE], struct scan_place *place, const char *snap, struct error *err)
{
    size_t size = strlen(snap);
    unsigned found = 0;

    if (size < SNAPSHOT_PREFIX_MIN || size >= SNAPSHOT_ID_HEX_SIZE || strspn(snap, "0123456789abcdef") != size)
        return error_input(err, "%s: of a mounted server an id is needed, or its first digits (%d or more)", snap,
                           SNAPSHOT_PREFIX_MIN);
    const char *path = path_of(place, "snap/%s", size == SNAPSHOT_ID_HEX_SIZE - 1 ? snap : "");
    if (size == SNAPSHOT_ID_HEX_SIZE - 1) {
        memcpy(id, snap, SNAPSHOT_ID_HEX_SIZE);
        return access(path, F_OK) == 0 ? 0 : error_input(err, "%s: the server has no such snapshot", snap);
    }
    DIR *directory = opendir(path);
    if (!directory)
        return error_system(err, errno, "%s", path);
    for (struct dirent *entry; (entry = readdir(directory));)
        if (strlen(entry->d_name) == SNAPSHOT_ID_HEX_SIZE - 1 && strncmp(entry->d_name, snap, size) == 0) {
            memcpy(id, entry->d_name, SNAPSHOT_ID_HEX_SIZE);
            found++;
        }
    closedir(directory);
    if (found == 0)
        return error_input(err, "%s: the server has no such snapshot", snap);
    return found == 1 ? 0 : error_input(err, "%s: %u snapshots begin so", snap, found);
}

struct manifest_line {
    struct json_string path, type, digest, mode;
    uint64_t uid, gid;
    bool is_path;
};

static bool read_number(uint64_t *number, struct json *json)
{
    struct json_span span;
    char text[24];

    if (json_next(json) != JSON_NUMBER || json_skip(&span, json) < 0 || span.size >= sizeof text)
        return false;
    memcpy(text, span.text, span.size);
    text[span.size] = '\0';
    *number = strtoull(text, NULL, 10);
    return true;
}

static bool read_member(struct manifest_line *line, const struct json_string *key, struct json *json)
{
    const struct {
        const char *name;
        struct json_string *string;
        uint64_t *number;
    } members[] = {
        {"path", &line->path, NULL}, {"type", &line->type, NULL}, {"sha256", &line->digest, NULL},
        {"mode", &line->mode, NULL}, {"uid", NULL, &line->uid},   {"gid", NULL, &line->gid},
    };

    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (json_string_is(key, members[i].name))
            return members[i].number ? read_number(members[i].number, json)
                                     : json_read_string(members[i].string, json) == 0;
    return json_skip(NULL, json) == 0;
}

/* False: it is no line of a manifest. */
static bool read_line(struct manifest_line *line, const char *text, size_t size)
{
    struct json json;
    struct json_string key;
    int more;

    *line = (struct manifest_line){0};
    json_begin(&json, text, size);
    if (json_next(&json) != JSON_OBJECT || json_enter_object(&json) < 0)
        return false;
    while ((more = json_member(&key, &json)) == 1)
        if (!read_member(line, &key, &json))
            return false;
    return more == 0 && line->path.text;
}

/* The next line, with its end: 1, 0 behind the last one, or a negative errno. */
static int next_line(struct buffer *line, FILE *file)
{
    char part[PART_SIZE];

    for (buffer_clear(line); fgets(part, sizeof part, file);) {
        buffer_add_text(line, part);
        if (line->failed)
            return -ENOMEM;
        if (line->size && line->bytes[line->size - 1] == '\n')
            return 1;
        if (line->size > LINE_SIZE_MAX)
            return -EPROTO;
    }
    return ferror(file) ? -EIO : line->size ? -EPROTO : 0;
}

/* The path may not lead out of the snapshot, whoever wrote the manifest. */
static bool is_inside(const char *path, size_t size)
{
    if (size == 0 || *path != '/' || memchr(path, '\0', size))
        return false;
    for (const char *at = path; (at = strstr(at, "/.")); at += 2)
        if (at[2] == '/' || !at[2] || (at[2] == '.' && (at[3] == '/' || !at[3])))
            return false;
    return true;
}

static int take_line(const char *text, size_t size, struct buffer *path, scan_visit visit, void *arg)
{
    struct manifest_line line;
    struct scan_file file = {0};
    char mode[8] = "";

    if (!read_line(&line, text, size))
        return -EPROTO;
    if (!line.type.text || !json_string_is(&line.type, "file"))
        return 0;
    buffer_clear(path);
    json_decode(path, &line.path, NULL);
    buffer_add_byte(path, '\0');
    if (path->failed)
        return -ENOMEM;
    file.path = (const char *)path->bytes;
    file.path_size = path->size - 1;
    if (!is_inside(file.path, file.path_size))
        return -EPROTO;
    file.absent = !line.digest.text;
    if (!file.absent && !hex_decode(file.content.bytes, DIGEST_SIZE, line.digest.text, line.digest.size))
        return -EPROTO;
    memcpy(mode, line.mode.text ? line.mode.text : "", line.mode.size < sizeof mode ? line.mode.size : 0);
    file.mode = S_IFREG | (uint32_t)strtoul(mode, NULL, 8);
    file.uid = (uint32_t)line.uid;
    file.gid = (uint32_t)line.gid;
    return visit(arg, &file);
}

static int visit(struct scan_place *place, const char *id, scan_visit visitor, void *arg, struct error *err)
{
    struct buffer path cleanup_buffer = {0}, line cleanup_buffer = {0};
    const char *name = path_of(place, "meta/%s/manifest.jsonl", id);
    cleanup_fclose FILE *file = fopen(name, "re");
    int result = 0;

    if (!file)
        return error_system(err, errno, "%s", name);
    while (result == 0 && (result = next_line(&line, file)) == 1)
        result = take_line((const char *)line.bytes, line.size, &path, visitor, arg);
    switch (result) {
    case -EPROTO:
        return error_input(err, "%s: no manifest", name);
    case -ENOMEM:
    case -EIO:
        return error_system(err, -result, "%s", name);
    default:
        return result;
    }
}

/* --- Contents ----------------------------------------------------------------------------------------------------- */

static int content(char path[PATH_MAX], struct scan_place *place, const struct scan_item *item, const char *id,
                   struct error *err)
{
    char hex[DIGEST_HEX_SIZE];
    const char *found;

    hex_encode(hex, item->content.bytes, DIGEST_SIZE);
    found = item->path ? path_of(place, "snap/%s%s", id, item->path) : path_of(place, "blob/%.2s/%s", hex, hex);
    if (!found)
        return error_refused(err, ENAMETOOLONG, "its path is too long for a command");
    memcpy(path, found, strlen(found) + 1);
    return 0;
}

static void release(struct scan_place *place, const char *path)
{
    (void)place;
    (void)path;
}

/* --- Verdicts ----------------------------------------------------------------------------------------------------- */

static int fetch(struct buffer *out, struct scan_place *place, const char *key, const char *name, struct error *err)
{
    const char *path = path_of(place, "cache/%s/%s", key, name);
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t got = 1;

    if (fd < 0 && (errno == ENOENT || errno == ESTALE))
        return -ENOENT;
    for (; fd >= 0 && got > 0 && out->size <= SCAN_DOCUMENT_MAX; out->size += got > 0 ? (size_t)got : 0) {
        uint8_t *room = buffer_reserve(out, PART_SIZE);
        if (!room)
            return error_system(err, ENOMEM, "%s", path);
        got = read(fd, room, PART_SIZE);
    }
    if (fd >= 0 && got >= 0)
        return 0;
    return errno == ESTALE ? -ENOENT : error_system(err, errno, "%s", path);
}

static int write_whole(const char *path, int flags, const void *bytes, size_t size, struct error *err)
{
    cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | flags, 0644);
    int result = fd < 0 ? -errno : file_write_all(fd, bytes, size, 0);

    if (result == 0 && fsync(fd) < 0)
        result = -errno;
    return result < 0 ? error_system(err, -result, "%s", path) : 0;
}

static int claim(bool *won, struct scan_place *place, const char (*names)[SCAN_NAME_SIZE], size_t count,
                 const char *text, struct error *err)
{
    int result = 0;

    for (size_t i = 0; i < count && result == 0; i++) {
        const char *path = path_of(place, "cache/%s/%s" SCAN_CLAIM, place->where->key, names[i]);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

        won[i] = fd >= 0;
        if (fd < 0 && errno != EEXIST)
            return error_system(err, errno, "%s", path);
        if (fd >= 0)
            result = file_write_all(fd, text, strlen(text), 0);
        if (fd >= 0 && close(fd) < 0 && result == 0)
            result = -errno;
        if (result < 0)
            error_system(err, -result, "%s", path);
    }
    return result;
}

static int hold(struct scan_place *place, const char *name, const char *text, struct error *err)
{
    const char *path = path_of(place, "cache/%s/%s" SCAN_CLAIM, place->where->key, name);

    return write_whole(path, O_TRUNC, text, strlen(text), err);
}

static int publish(struct scan_place *place, const char (*names)[SCAN_NAME_SIZE], const struct buffer *documents,
                   size_t count, struct error *err)
{
    char aside[PATH_MAX];
    int result = 0;

    for (size_t i = 0; i < count && result == 0; i++) {
        /* Two may publish one entry, if a claim expired: each aside under a name of its own. */
        path_of(place, "cache/%s/%s.%016llx.tmp", place->where->key, names[i], (unsigned long long)place->writer);
        memcpy(aside, place->path, sizeof aside);
        result = write_whole(aside, O_CREAT | O_TRUNC, documents[i].bytes, documents[i].size, err);
        const char *path = path_of(place, "cache/%s/%s", place->where->key, names[i]);
        if (result == 0 && rename(aside, path) < 0)
            result = error_system(err, errno, "%s", path);
    }
    return result;
}

const struct scan_way scan_way_mount = {open_place, close_place, resolve, visit, content,
                                        release,    fetch,       claim,   hold,  publish};

int scan_server_mount(const char *text, const char *at, struct error *err)
{
    struct run_server server;
    int result = run_server_find(&server, text, err);

    if (result == 0)
        result = run_root_separate(err);
    return result < 0 ? result : nfs_mount(&server, "/", at, MS_NOSUID | MS_NODEV | MS_NOEXEC, SERVER_OPTIONS, err);
}
