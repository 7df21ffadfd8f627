/* log.c - `confuse log [NAMESPACE]`: snapshots, newest first. */
#include "base/jsonl.h"
#include "base/timestamp.h"
#include "cli/terminal.h"
#include "cli/view.h"

#include <stdio.h>
#include <string.h>

struct log {
    struct store *store;
    bool json;
    size_t shown;
    struct error *err;
};

static int show_json(const struct log *log, const struct snapshot *s)
{
    struct buffer line cleanup_buffer = {0};

    jsonl_begin(&line);
    int result = view_snapshot_members(&line, log->store, s, log->err);
    jsonl_number(&line, "files", s->root.counts.nodes);
    jsonl_number(&line, "features", s->features.counts.entries);
    jsonl_end(&line);
    if (result == 0)
        fwrite(line.bytes, 1, line.size, stdout);
    return result;
}

static int show_row(const struct log *log, const struct snapshot *s)
{
    char id[SNAPSHOT_ID_HEX_SIZE], time[TIMESTAMP_TEXT_SIZE];
    struct buffer tags cleanup_buffer = {0};
    int result = view_tags(&tags, log->store, s, log->err);

    hex_encode(id, s->id, SNAPSHOT_ID_SIZE);
    timestamp_format(time, s->time);
    printf("%s%s%s  %-20s  %9u  ", colour(COLOUR_YELLOW), id, colour(COLOUR_NONE), time, s->root.counts.nodes);
    print_text(s->namespace, strlen(s->namespace));
    if (tags.size)
        printf(" %s(%.*s)%s", colour(COLOUR_CYAN), (int)tags.size, (const char *)tags.bytes, colour(COLOUR_NONE));
    printf("%s%s\n", s->partial ? " (partial)" : "", s->pinned ? " (pinned)" : "");
    return result;
}

static int show(void *arg, const struct snapshot *s)
{
    struct log *log = arg;

    if (log->json)
        return show_json(log, s);
    if (log->shown++ == 0)
        printf("%s%-32s  %-20s  %9s  %s%s\n", colour(COLOUR_BOLD), "ID", "TIME", "FILES", "NAMESPACE",
               colour(COLOUR_NONE));
    return show_row(log, s);
}

static int run(const struct invocation *invocation, int argc, char **argv, struct error *err)
{
    struct log log = {.json = invocation->json, .err = err};

    if (argc > 1)
        return error_usage(err, "one namespace at most");
    int result = store_open(&log.store, invocation->store, STORE_READ, err);
    if (result < 0)
        return result;
    result = snapshot_visit_history(log.store, argc ? argv[0] : NULL, show, &log, err);
    store_close(log.store);
    return result;
}

const struct command command_log = {
    .name = "log",
    .arguments = "[NAMESPACE]",
    .summary = "List snapshots, newest first",
    .help = "The history of one namespace, or of all. Tags stand behind the namespace that they are of: NAMESPACE:TAG\n"
            "names the snapshot.\n\n"
            "    confuse log prod/web-1\n"
            "    confuse --json log | jq -r .id\n",
    .run = run,
};
