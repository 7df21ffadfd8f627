/* live_files.c - files as a crawler tells of them: file records of everything, config records of what is asked for. */
#include "import/live.h"

#include "base/cleanup.h"
#include "base/jsonl.h"
#include "base/quote.h"
#include "import/dir.h"

#include <errno.h>
#include <string.h>

/* --- file --------------------------------------------------------------------------------------------------------- */

struct files {
    struct dir dir; /* first: what the walk hands back is this */
    struct live *live;
};

/* A socket is a "file" for crawlers, too; its mode tells. */
static const char *type_name(mode_t mode)
{
    static const char *const names[16] = {
        [S_IFREG >> 12] = "file",  [S_IFDIR >> 12] = "dir",  [S_IFLNK >> 12] = "link",
        [S_IFBLK >> 12] = "block", [S_IFCHR >> 12] = "char", [S_IFIFO >> 12] = "pipe",
    };
    const char *name = names[(mode & S_IFMT) >> 12];

    return name ? name : "file";
}

static void add_time(struct live *live, const char *name, const struct timespec *time)
{
    char text[64];
    int size = snprintf(text, sizeof text, "%lld.%09ld", (long long)time->tv_sec, time->tv_nsec);

    jsonl_raw(&live->value, name, text, (size_t)size);
}

static void add_target(struct live *live, int parent, const char *name, const struct stat *st)
{
    char target[PATH_MAX];
    ssize_t size = S_ISLNK(st->st_mode) && name ? readlinkat(parent, name, target, sizeof target) : -1;

    if (size < 0)
        live_null(live, "linksto");
    else
        jsonl_text(&live->value, "linksto", target, (size_t)size);
}

static int add_file(struct dir *dir, int parent, const char *name, const struct stat *st, struct error *err)
{
    struct live *live = ((struct files *)dir)->live;
    const char *base = strrchr(dir->path, '/') + 1;
    struct stat owned = *st;

    live_own(live, &owned);
    live_begin(live);
    add_time(live, "atime", &st->st_atim);
    add_time(live, "ctime", &st->st_ctim);
    jsonl_number(&live->value, "gid", owned.st_gid);
    add_target(live, parent, name, st);
    jsonl_number(&live->value, "mode", st->st_mode);
    add_time(live, "mtime", &st->st_mtim);
    jsonl_string(&live->value, "name", base);
    jsonl_string(&live->value, "path", dir->path);
    jsonl_number(&live->value, "size", (uint64_t)st->st_size);
    jsonl_string(&live->value, "type", type_name(st->st_mode));
    jsonl_number(&live->value, "uid", owned.st_uid);
    return live_record(live, "file", dir->path, dir->path_size, err);
}

static int note_file(struct dir *dir, const char *what, const char *why, struct error *err)
{
    return live_note(((struct files *)dir)->live, dir->path, what, why, err);
}

static int add_bare_file(struct dir *dir, const struct stat *st, const char *what, const char *why, struct error *err)
{
    int result = note_file(dir, what, why, err);

    return result < 0 ? result : add_file(dir, -1, NULL, st, err);
}

int live_files(struct live *live, bool cross_mounts, struct error *err)
{
    static const struct dir_taker taker = {add_file, add_bare_file, note_file};
    const struct import_options options = {.cross_mounts = cross_mounts};
    struct files files = {.dir = {.options = &options, .taker = &taker}, .live = live};

    return dir_walk(&files.dir, live->root, err);
}

/* --- config ------------------------------------------------------------------------------------------------------- */

/* What the crawler takes by default. mtab is a link into the container's /proc, which is not here: what the process
 * would read there is. */
static const struct config {
    const char *path;
    const char *instead; /* in /proc/PID */
} CONFIGS[] = {
    {"/etc/passwd", NULL},         {"/etc/group", NULL},           {"/etc/hosts", NULL},   {"/etc/hostname", NULL},
    {"/etc/mtab", "mounts"},       {"/etc/fstab", NULL},           {"/etc/aliases", NULL}, {"/etc/sudoers", NULL},
    {"/etc/ssh/ssh_config", NULL}, {"/etc/ssh/sshd_config", NULL},
};

static bool is_missing(int result)
{
    return result == -ENOENT || result == -ENOTDIR;
}

static int produce_config(struct live *live, const struct config *config, bool asked_for, struct error *err)
{
    buffer_clear(&live->text);
    int result = live_read_inside(&live->text, live, config->path, LIVE_CONFIG_MAX);
    if (result < 0 && config->instead && live->process >= 0 && !is_missing(live_has(live, config->path)))
        result = live_read(&live->text, live->process, config->instead, LIVE_CONFIG_MAX);
    if (is_missing(result) && !asked_for)
        return 0;
    if (result != 0)
        return live_note(live, config->path, "unreadable", strerror(result < 0 ? -result : EFBIG), err);
    live_begin(live);
    jsonl_string(&live->value, "name", strrchr(config->path, '/') + 1);
    jsonl_text(&live->value, "content", live->text.bytes, live->text.size);
    jsonl_string(&live->value, "path", config->path);
    return live_record(live, "config", config->path, strlen(config->path), err);
}

static bool is_default(const char *path)
{
    for (size_t i = 0; i < sizeof CONFIGS / sizeof *CONFIGS; i++)
        if (strcmp(CONFIGS[i].path, path) == 0)
            return true;
    return false;
}

int live_configs(struct live *live, const char *const *more, size_t count, struct error *err)
{
    int result = 0;

    for (size_t i = 0; i < sizeof CONFIGS / sizeof *CONFIGS && result == 0; i++)
        result = produce_config(live, &CONFIGS[i], false, err);
    for (size_t i = 0; i < count && result == 0; i++)
        if (!is_default(more[i]))
            result = produce_config(live, &(struct config){more[i], NULL}, true, err);
    return result;
}
