/* log.c - `confuse log [NAMESPACE]`: snapshots, newest first. */
#include "base/jsonl.h"
#include "base/timestamp.h"
#include "cli/terminal.h"
#include "cli/view.h"

#include <stdio.h>
#include <string.h>

struct log {
    bool json;
    size_t shown;
};

static void show_json(const struct snapshot *s)
{
    struct buffer line cleanup_buffer = {0};

    jsonl_begin(&line);
    view_snapshot_members(&line, s);
    jsonl_number(&line, "files", s->root.counts.nodes);
    jsonl_number(&line, "features", s->features.counts.entries);
    jsonl_end(&line);
    fwrite(line.bytes, 1, line.size, stdout);
}

static int show(void *arg, const struct snapshot *s)
{
    struct log *log = arg;
    char id[SNAPSHOT_ID_HEX_SIZE], time[TIMESTAMP_TEXT_SIZE];

    if (log->json) {
        show_json(s);
        return 0;
    }
    if (log->shown++ == 0)
        printf("%s%-32s  %-20s  %9s  %s%s\n", colour(COLOUR_BOLD), "ID", "TIME", "FILES", "NAMESPACE",
               colour(COLOUR_NONE));
    hex_encode(id, s->id, SNAPSHOT_ID_SIZE);
    timestamp_format(time, s->time);
    printf("%s%s%s  %-20s  %9u  ", colour(COLOUR_YELLOW), id, colour(COLOUR_NONE), time, s->root.counts.nodes);
    print_text(s->namespace, strlen(s->namespace));
    printf("%s\n", s->partial ? " (partial)" : "");
    return 0;
}

static int run(const struct invocation *invocation, int argc, char **argv, struct error *err)
{
    struct log log = {.json = invocation->json};
    struct store *store;

    if (argc > 1)
        return error_usage(err, "one namespace at most");
    int result = store_open(&store, invocation->store, STORE_READ, err);
    if (result < 0)
        return result;
    result = snapshot_visit_history(store, argc ? argv[0] : NULL, show, &log, err);
    store_close(store);
    return result;
}

const struct command command_log = {
    .name = "log",
    .arguments = "[NAMESPACE]",
    .summary = "List snapshots, newest first",
    .help = "The history of one namespace, or of all.\n\n"
            "    confuse log prod/web-1\n"
            "    confuse --json log | jq -r .id\n",
    .run = run,
};
