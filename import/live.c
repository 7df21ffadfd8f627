/* live.c - a container that runs, or the directory of one: opened, and all that is told of it but its files. */
#include "import/live.h"

#include "base/cleanup.h"
#include "base/jsonl.h"
#include "base/timestamp.h"
#include "import/source_name.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#define FIRST_PID_NAMESPACE 0xEFFFFFFCu /* its inode, in every kernel (include/linux/proc_ns.h) */
#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC)

/* --- Opening ------------------------------------------------------------------------------------------------------ */

bool live_is_pid(const char *name)
{
    size_t size = strlen(name);

    return size > 0 && size < 11 && strspn(name, "0123456789") == size;
}

/* That of the first user namespace maps all to themselves, and needs no looking up. */
static void read_map(struct buffer *map, const struct live *live, const char *name)
{
    uint64_t range[3] = {0};
    struct live_span word;

    if (live->process < 0 || live_read(map, live->process, name, LIVE_PROC_MAX) != 0)
        return;
    struct live_span rest = {(const char *)map->bytes, map->size};
    for (size_t i = 0; i < 3 && live_next_word(&word, &rest); i++) {
        if (i == 2 && memchr(word.text, '\n', word.size))
            word.size = (size_t)((const char *)memchr(word.text, '\n', word.size) - word.text);
        live_number(&range[i], &word);
    }
    if (range[0] == 0 && range[1] == 0 && range[2] == UINT32_MAX)
        buffer_clear(map);
}

/* Without this uids and names of the container cannot be told: they are numbers then. */
static void read_users(struct live *live)
{
    struct live_span line;

    read_map(&live->uid_map, live, "uid_map");
    read_map(&live->gid_map, live, "gid_map");
    live_read_inside(&live->passwd, live, "/etc/passwd", LIVE_CONFIG_MAX);
    const char *text = (const char *)live->passwd.bytes;
    for (size_t at = 0, number = 0; live_next_line(&line, &at, text, live->passwd.size); number++) {
        const char *name = memchr(line.text, ':', line.size);
        const char *end = line.text + line.size,
                   *password = name ? memchr(name + 1, ':', (size_t)(end - name) - 1) : NULL,
                   *uid = password ? memchr(password + 1, ':', (size_t)(end - password) - 1) : NULL;
        if (!uid || name == line.text)
            continue;
        struct live_user user = {.line = number, .name = {line.text, (size_t)(name - line.text)}};
        struct live_span digits = {password + 1, (size_t)(uid - password) - 1};
        if (live_number(&user.uid, &digits))
            buffer_add(&live->users, &user, sizeof user);
    }
}

static int compare_users(const void *a, const void *b)
{
    const struct live_user *x = a, *y = b;

    if (x->uid != y->uid)
        return x->uid > y->uid ? 1 : -1;
    return (x->line > y->line) - (x->line < y->line);
}

static void read_id(struct live *live)
{
    struct live_span id;

    buffer_clear(&live->text);
    live_read(&live->text, live->process, "cgroup", LIVE_PROC_MAX);
    if (live->text.bytes && live_find_container_id(&id, (const char *)live->text.bytes, live->text.size))
        memcpy(live->id, id.text, id.size);
}

static int open_process(struct live *live, struct error *err)
{
    char path[sizeof "/proc/" + 11];
    struct stat pid_namespace;

    snprintf(path, sizeof path, "/proc/%s", live->name);
    live->process = open(path, DIRECTORY_FLAGS);
    if (live->process < 0)
        return error_input(err, "%s: %s", live->name, errno == ENOENT ? "there is no such process" : strerror(errno));
    live->root = openat(live->process, "root", DIRECTORY_FLAGS);
    if (live->root < 0 || fstatat(live->process, "ns/pid", &pid_namespace, 0) < 0)
        return error_system(err, errno, "%s: its root directory cannot be opened", live->name);
    ssize_t size = readlinkat(live->process, "root", live->top, sizeof live->top - 1);
    live->top[size > 1 ? size : 0] = '\0';
    live->is_host = pid_namespace.st_ino == FIRST_PID_NAMESPACE;
    read_id(live);
    int result = live_read(&live->mountinfo, live->process, "mountinfo", LIVE_TABLE_MAX);
    return result < 0 ? error_system(err, -result, "%s: its mounts cannot be read", live->name) : 0;
}

int live_open(struct live **out, const char *name, const struct live_sink *sink, struct error *err)
{
    struct live *live = calloc(1, sizeof *live);
    int result = 0;

    if (!live)
        return error_system(err, ENOMEM, "%s", name);
    *live = (struct live){.name = name, .sink = sink, .process = -1, .root = -1, .time = timestamp_now()};
    if (live_is_pid(name))
        result = open_process(live, err);
    else if ((live->root = open(name, DIRECTORY_FLAGS)) < 0)
        result = error_system(err, errno, "%s", name);
    if (result < 0) {
        live_close(live);
        return result;
    }
    read_users(live);
    if (live->users.size)
        qsort(live->users.bytes, live->users.size / sizeof(struct live_user), sizeof(struct live_user), compare_users);
    *out = live;
    return 0;
}

void live_close(struct live *live)
{
    if (!live)
        return;
    live_memory_end(live);
    if (live->process >= 0)
        close(live->process);
    if (live->root >= 0)
        close(live->root);
    struct buffer *const buffers[] = {&live->mountinfo, &live->passwd,    &live->uid_map, &live->gid_map,
                                      &live->users,     &live->processes, &live->owners,  &live->value,
                                      &live->text,      &live->path,      &live->list,    &live->mount_tables};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        buffer_free(buffers[i]);
    free(live);
}

int live_namespace(char **name, const struct live *live, struct error *err)
{
    char host[HOST_NAME_MAX + 1] = "localhost";

    if (live->process < 0)
        return source_name_of_dir(name, live->name, err);
    gethostname(host, sizeof host);
    host[HOST_NAME_MAX] = '\0';
    const char *which = live->id[0] ? live->id : live->is_host ? "" : live->name;
    if (asprintf(name, "%s%s%s", host, *which ? "/" : "", which) < 0) {
        *name = NULL;
        return error_system(err, ENOMEM, "%s", live->name);
    }
    return 0;
}

/* --- Users -------------------------------------------------------------------------------------------------------- */

/* A line of a map: the first id inside, the first outside, how many. What has none is the kernel's overflow id. */
uint64_t live_id_inside(const struct buffer *map, uint64_t id)
{
    struct live_span line, word;

    for (size_t at = 0; live_next_line(&line, &at, (const char *)map->bytes, map->size);) {
        uint64_t range[3];
        size_t count = 0;
        while (count < 3 && live_next_word(&word, &line) && live_number(&range[count], &word))
            count++;
        if (count == 3 && id >= range[1] && id - range[1] < range[2])
            return range[0] + (id - range[1]);
    }
    return map->size ? LIVE_ID_OVERFLOW : id;
}

void live_own(const struct live *live, struct stat *st)
{
    st->st_uid = (uid_t)live_id_inside(&live->uid_map, st->st_uid);
    st->st_gid = (gid_t)live_id_inside(&live->gid_map, st->st_gid);
}

void live_user(struct live *live, const char *name, uint64_t uid)
{
    const struct live_user *users = (const struct live_user *)(const void *)live->users.bytes;
    size_t low = 0, high = live->users.size / sizeof *users, count = high;
    char number[24];

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (users[middle].uid < uid)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < count && users[low].uid == uid) {
        live_span(live, name, &users[low].name);
        return;
    }
    snprintf(number, sizeof number, "%llu", (unsigned long long)uid);
    jsonl_string(&live->value, name, number);
}

/* --- Records ------------------------------------------------------------------------------------------------------ */

void live_begin(struct live *live)
{
    buffer_clear(&live->value);
    jsonl_begin(&live->value);
}

int live_record(struct live *live, const char *type, const char *key, size_t key_size, struct error *err)
{
    buffer_add_byte(&live->value, '}');
    if (live->value.failed)
        return error_system(err, ENOMEM, "%s: a %s record", live->name, type);
    return live->sink->record(live->sink->arg, type, key, key_size, &live->value, err);
}

void live_decimal(struct live *live, const char *name, double value, int digits)
{
    char text[64];
    int size = snprintf(text, sizeof text, "%.*f", digits, value);

    jsonl_raw(&live->value, name, text, (size_t)size);
}

void live_span(struct live *live, const char *name, const struct live_span *value)
{
    jsonl_text(&live->value, name, value->text, value->size);
}

void live_lines(struct live *live, const char *name, const struct buffer *text)
{
    struct live_span line;

    jsonl_list(&live->value, name);
    for (size_t at = 0; live_next_line(&line, &at, (const char *)text->bytes, text->size);)
        jsonl_item(&live->value, line.text, line.size);
    jsonl_list_end(&live->value);
    live->value.failed |= text->failed;
}

void live_strings(struct live *live, const char *name, const struct buffer *text)
{
    const char *at = (const char *)text->bytes, *end = at + text->size;

    jsonl_list(&live->value, name);
    while (text->size && at < end) {
        size_t size = strnlen(at, (size_t)(end - at));

        jsonl_item(&live->value, at, size);
        at += size + 1;
    }
    jsonl_list_end(&live->value);
    live->value.failed |= text->failed;
}

void live_null(struct live *live, const char *name)
{
    jsonl_raw(&live->value, name, "null", 4);
}

int live_note(struct live *live, const char *path, const char *what, const char *why, struct error *err)
{
    return live->sink->note(live->sink->arg, path, strlen(path), what, why, err);
}

int live_note_process(struct live *live, const struct live_process *process, const char *file, int result,
                      struct error *err)
{
    char path[64];

    if (result == 0 || result == -ENOENT || result == -ESRCH)
        return 0;
    snprintf(path, sizeof path, "/proc/%llu/%s", (unsigned long long)process->pid, file);
    return live_note(live, path, result > 0 ? "left-out" : "unreadable",
                     result > 0 ? "there is more of it than is kept" : strerror(-result), err);
}

/* --- Producing ---------------------------------------------------------------------------------------------------- */

/* A random one (RFC 9562, version 4): it tells two captures of one second apart. */
static void add_uuid(struct live *live)
{
    uint8_t bytes[16];
    char text[64];

    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return;
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    snprintf(text, sizeof text, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", bytes[0],
             bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7], bytes[8], bytes[9], bytes[10],
             bytes[11], bytes[12], bytes[13], bytes[14], bytes[15]);
    jsonl_string(&live->value, "uuid", text);
}

static int produce_metadata(struct live *live, const char *name_space, const char *features, struct error *err)
{
    time_t seconds = (time_t)(live->time / NANOSECONDS);
    char text[TIMESTAMP_TEXT_SIZE];
    struct tm tm;

    live_begin(live);
    if (live->id[0]) {
        jsonl_string(&live->value, "container_long_id", live->id);
        jsonl_text(&live->value, "container_short_id", live->id, 12);
    }
    jsonl_string(&live->value, "features", features);
    jsonl_string(&live->value, "namespace", name_space);
    jsonl_string(&live->value, "system_type", live->is_host && !live->id[0] ? "host" : "container");
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S+0000", gmtime_r(&seconds, &tm));
    jsonl_string(&live->value, "timestamp", text);
    add_uuid(live);
    return live_record(live, "metadata", "metadata", strlen("metadata"), err);
}

int live_produce(struct live *live, const char *name_space, const char *features, struct error *err)
{
    static const struct {
        int (*produce)(struct live *live, struct error *err);
        bool of_process;
    } parts[] = {
        {live_system, false},   {live_texts, true},   {live_packages, false}, {live_rpm, false},
        {live_processes, true}, {live_network, true}, {live_rates, true},
    };
    int result = produce_metadata(live, name_space, features, err);

    for (size_t i = 0; i < sizeof parts / sizeof *parts && result == 0; i++)
        if (live->process >= 0 || !parts[i].of_process)
            result = parts[i].produce(live, err);
    return result;
}
