/* live_details.c - what crawlers do not tell of a process: its environment, limits, control groups, memory, namespaces
 * and threads, in members of its process and metric records. doc/VENEER.md has the names.
 */
#include "import/live.h"

#include "base/cleanup.h"
#include "base/jsonl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define LOGIN_NOBODY UINT32_MAX /* loginuid of who never logged in */

static struct live_span text_of(const struct live *live)
{
    return (struct live_span){(const char *)live->text.bytes, live->text.size};
}

/* --- Files -------------------------------------------------------------------------------------------------------- */

static void add_ids(struct live *live, const char *name, const uint64_t ids[LIVE_ID_KINDS])
{
    char text[LIVE_ID_KINDS * 24];
    int size = 0;

    for (size_t i = 0; i < LIVE_ID_KINDS; i++)
        size += snprintf(text + size, sizeof text - (size_t)size, "%c%llu", i ? ',' : '[', (unsigned long long)ids[i]);
    text[size++] = ']';
    jsonl_raw(&live->value, name, text, (size_t)size);
}

static void add_link(struct live *live, int at, const char *name)
{
    buffer_clear(&live->path);
    if (live_read_link(&live->path, live, at, name) == 0)
        jsonl_text(&live->value, name, live->path.bytes, live->path.size);
}

static int add_environment(struct live *live, const struct live_process *process, struct error *err)
{
    buffer_clear(&live->text);
    int result = live_memory(&live->text, live, process->outer, LIVE_ENVIRON);

    if (result >= 0)
        live_strings(live, "environ", &live->text);
    return live_note_process(live, process, "environ", result, err);
}

/* As somebody inside reads it: who has no id there is nobody. */
static int add_login(struct live *live, int at, const struct live_process *process, struct error *err)
{
    uint64_t id;

    buffer_clear(&live->text);
    int result = live_read(&live->text, at, "loginuid", LIVE_PROC_MAX);
    const struct live_span text = text_of(live);
    if (result == 0 && live_number(&id, &text)) {
        uint64_t inside = id < LOGIN_NOBODY ? live_id_inside(&live->uid_map, id) : id;
        jsonl_number(&live->value, "loginuid",
                     live->uid_map.size && inside == LIVE_ID_OVERFLOW ? LOGIN_NOBODY : inside);
    }
    return live_note_process(live, process, "loginuid", result, err);
}

static int add_lines(struct live *live, int at, const struct live_process *process, const char *name, struct error *err)
{
    buffer_clear(&live->text);
    int result = live_read(&live->text, at, name, LIVE_PROC_MAX);

    if (result >= 0)
        live_lines(live, name, &live->text);
    return live_note_process(live, process, name, result, err);
}

/* Paths are those below the container's root, as in links. */
static bool next_map(struct live_map *map, size_t *at, const struct live *live)
{
    size_t top = strlen(live->top);
    struct live_span line, *path = &map->path;

    do
        if (!live_next_line(&line, at, (const char *)live->text.bytes, live->text.size))
            return false;
    while (!live_parse_map(map, line.text, line.size));
    if (path->size > top && top > 0 && memcmp(path->text, live->top, top) == 0 && path->text[top] == '/')
        *path = (struct live_span){path->text + top, path->size - top};
    return true;
}

static void add_map_lines(struct live *live)
{
    struct live_map map;

    jsonl_list(&live->value, "maps");
    for (size_t at = 0; next_map(&map, &at, live);) {
        buffer_clear(&live->path);
        buffer_add(&live->path, map.head.text, map.head.size);
        buffer_add(&live->path, map.path.text, map.path.size);
        live->value.failed |= live->path.failed;
        jsonl_item(&live->value, live->path.bytes, live->path.size);
    }
    jsonl_list_end(&live->value);
}

/* As crawlers tell it: files only. A file's lines follow one another. */
static void add_mapped_files(struct live *live)
{
    struct live_span last = {0};
    struct live_map map;

    jsonl_list(&live->value, "mmapfiles");
    for (size_t at = 0; next_map(&map, &at, live);) {
        bool again = last.size > 0 && map.path.size == last.size && memcmp(map.path.text, last.text, last.size) == 0;

        if (!again && map.path.size && map.path.text[0] == '/')
            jsonl_item(&live->value, map.path.text, map.path.size);
        last = map.path;
    }
    jsonl_list_end(&live->value);
}

/* The kernel's own threads have none. */
static int add_maps(struct live *live, const struct live_process *process, struct error *err)
{
    buffer_clear(&live->text);
    int result = live_memory(&live->text, live, process->outer, LIVE_MAPS);
    const char *end = result == 1 ? memrchr(live->text.bytes, '\n', live->text.size) : NULL;
    if (end)
        live->text.size = (size_t)(end - (const char *)live->text.bytes); /* a line that was cut is none */
    if (result >= 0 && live->text.size) {
        add_map_lines(live);
        add_mapped_files(live);
    }
    return live_note_process(live, process, "maps", result, err);
}

static void add_namespaces(struct live *live, int at)
{
    static const char *const names[] = {"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"};
    struct stat st;
    char path[16];

    buffer_clear(&live->list);
    jsonl_begin(&live->list);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "ns/%s", names[i]);
        if (fstatat(at, path, &st, 0) == 0)
            jsonl_number(&live->list, names[i], st.st_ino);
    }
    buffer_add_byte(&live->list, '}');
    live->value.failed |= live->list.failed;
    jsonl_raw(&live->value, "namespaces", live->list.bytes, live->list.size);
}

int live_details(struct live *live, int at, const struct live_process *process, struct error *err)
{
    bool ended = process->stat.state == 'Z'; /* its memory, files and root are gone */

    add_ids(live, "uids", process->uids);
    add_ids(live, "gids", process->gids);
    add_namespaces(live, at);
    if (!ended) {
        add_link(live, at, "exe");
        add_link(live, at, "root");
    }
    int result = add_lines(live, at, process, "cgroup", err);
    if (result == 0)
        result = add_lines(live, at, process, "limits", err);
    if (result == 0)
        result = add_login(live, at, process, err);
    if (result == 0 && !ended)
        result = add_environment(live, process, err);
    return result == 0 && !ended ? add_maps(live, process, err) : result;
}

/* --- Threads ------------------------------------------------------------------------------------------------------ */

/* "PID":"STATE STARTTIME UTIME STIME NAME" into live->list, as stat has them. One that has ended by now is none. */
static void add_task(struct live *live, int tasks, const char *name, size_t depth)
{
    cleanup_close int at = openat(tasks, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct live_status status;
    struct live_stat stat;
    char pid[24];

    buffer_clear(&live->text);
    if (at < 0 || live_read(&live->text, at, "status", LIVE_PROC_MAX) != 0 ||
        !live_parse_status(&status, (const char *)live->text.bytes, live->text.size) || status.depth < depth)
        return;
    buffer_clear(&live->text);
    if (live_read(&live->text, at, "stat", LIVE_PROC_MAX) != 0 ||
        !live_parse_stat(&stat, (const char *)live->text.bytes, live->text.size))
        return;
    snprintf(pid, sizeof pid, "%llu", (unsigned long long)status.pids[depth - 1]);
    buffer_clear(&live->text);
    buffer_add_format(&live->text, "%c %lld %lld %lld ", stat.state, (long long)stat.fields[STAT_START],
                      (long long)stat.fields[STAT_UTIME], (long long)stat.fields[STAT_STIME]);
    buffer_add(&live->text, stat.comm, stat.comm_size);
    live->list.failed |= live->text.failed;
    jsonl_text(&live->list, pid, live->text.bytes, live->text.size);
}

int live_tasks(struct live *live, int at, const struct live_process *process, struct error *err)
{
    if (process->stat.fields[STAT_THREADS] <= 1)
        return 0;
    int tasks = openat(at, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = tasks < 0 ? NULL : fdopendir(tasks);
    const struct dirent *found;
    size_t count = 0;

    if (!listing) {
        int result = -errno;
        if (tasks >= 0)
            close(tasks);
        return live_note_process(live, process, "task", result, err);
    }
    buffer_clear(&live->list);
    jsonl_begin(&live->list);
    while (count < LIVE_TASKS_MAX && (found = readdir(listing)))
        if (live_is_pid(found->d_name)) {
            add_task(live, tasks, found->d_name, process->depth);
            count++;
        }
    closedir(listing);
    buffer_add_byte(&live->list, '}');
    live->value.failed |= live->list.failed;
    jsonl_raw(&live->value, "tasks", live->list.bytes, live->list.size);
    return live_note_process(live, process, "task", count >= LIVE_TASKS_MAX, err);
}
