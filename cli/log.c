/* log.c - `confuse log [NAMESPACE]`: snapshots, newest first, and what changed from each to the next. */
#include "cli/log.h"

#include "base/jsonl.h"
#include "base/timestamp.h"
#include "cli/terminal.h"
#include "cli/view.h"
#include "tree/changes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool with_changes, follow;

static const struct option_spec OPTIONS[] = {
    {"follow", 0, OPTION_FLAG, &follow, NULL, "NAMESPACE:PATH: the versions in which one file came, changed or went"},
    {"stat", 0, OPTION_FLAG, &with_changes, NULL, "what changed since the version before, of all namespaces, too"},
    {0},
};

/* Changes that are counted of one version. Versions of one container have few; those of two systems under one name
 * would each cost a walk. */
#define LOG_CHANGES_MAX 10000

struct log {
    struct view *view;
    bool json;
    size_t shown;
    struct error *err;
};

/* --- What changed ------------------------------------------------------------------------------------------------- */

struct tally {
    bool has_before;
    uint8_t before[SNAPSHOT_ID_SIZE];
    uint64_t since; /* ns: the time of the version before */
    uint64_t added, removed, modified, features, all;
};

static int counted(struct tally *counts)
{
    return ++counts->all == LOG_CHANGES_MAX;
}

static int count_file(void *arg, const struct diff_step *step)
{
    struct tally *counts = arg;
    uint64_t *const kinds[] = {
        [DIFF_ADDED] = &counts->added, [DIFF_REMOVED] = &counts->removed, [DIFF_MODIFIED] = &counts->modified};

    ++*kinds[step->change];
    return counted(counts);
}

static int count_feature(void *arg, const struct feature_step *step)
{
    struct tally *counts = arg;

    (void)step;
    counts->features++;
    return counted(counts);
}

static int count_changes(struct tally *counts, struct log *log, const struct snapshot *s)
{
    static const struct change_options plain = {{false, false}, false};
    const struct change_visitor visitor = {.file = count_file, .feature = count_feature, .arg = counts};
    const struct capture now = capture_of_snapshot(s);
    struct snapshot before;

    *counts = (struct tally){0};
    int result = snapshot_find_before(&before, log->view->store, s, log->err);
    if (result < 0)
        return result == -ENOENT ? 0 : result;
    const struct capture then = capture_of_snapshot(&before);
    counts->has_before = true;
    counts->since = before.time;
    memcpy(counts->before, before.id, sizeof counts->before);
    result = changes_visit(NULL, log->view->reader, &then, &now, &plain, &visitor, log->err);
    tree_reader_rest(log->view->reader);
    return result < 0 ? result : 0;
}

static void print_changes(const struct tally *c)
{
    char since[TIMESTAMP_TEXT_SIZE];

    if (!c->has_before)
        return;
    timestamp_format_seconds(since, c->since);
    printf("    %ssince %s:%s ", colour(COLOUR_DIM), since, colour(COLOUR_NONE));
    if (c->all)
        printf("%s+%llu%s %s-%llu%s %s~%llu%s files, %llu features%s\n", colour(COLOUR_GREEN),
               (unsigned long long)c->added, colour(COLOUR_NONE), colour(COLOUR_RED), (unsigned long long)c->removed,
               colour(COLOUR_NONE), colour(COLOUR_YELLOW), (unsigned long long)c->modified, colour(COLOUR_NONE),
               (unsigned long long)c->features, c->all == LOG_CHANGES_MAX ? " or more" : "");
    else
        printf("nothing changed\n");
}

static void add_changes(struct buffer *line, const struct tally *c)
{
    struct buffer object cleanup_buffer = {0};

    if (!c->has_before)
        return;
    jsonl_begin(&object);
    jsonl_hex(&object, "since", c->before, SNAPSHOT_ID_SIZE);
    jsonl_time(&object, "since_time", c->since);
    jsonl_number(&object, "added", c->added);
    jsonl_number(&object, "removed", c->removed);
    jsonl_number(&object, "modified", c->modified);
    jsonl_number(&object, "features", c->features);
    jsonl_bool(&object, "more", c->all == LOG_CHANGES_MAX);
    buffer_add_byte(&object, '}');
    jsonl_raw(line, "changes", object.bytes, object.size);
}

/* --- Snapshots ---------------------------------------------------------------------------------------------------- */

static int show_json(const struct log *log, const struct snapshot *s, const struct tally *changes)
{
    struct buffer line cleanup_buffer = {0};

    jsonl_begin(&line);
    int result = view_snapshot_members(&line, log->view->store, s, log->err);
    jsonl_number(&line, "files", s->root.counts.nodes);
    jsonl_number(&line, "features", s->features.counts.entries);
    add_changes(&line, changes);
    jsonl_end(&line);
    if (result == 0)
        print_json_lines(line.bytes, line.size);
    return result;
}

static int show_row(const struct log *log, const struct snapshot *s, const struct tally *changes)
{
    char id[SNAPSHOT_ID_HEX_SIZE], time[TIMESTAMP_TEXT_SIZE];
    struct buffer tags cleanup_buffer = {0};
    int result = view_tags(&tags, log->view->store, s, log->err);

    hex_encode(id, s->id, SNAPSHOT_ID_SIZE);
    timestamp_format_seconds(time, s->time);
    printf("%s%s%s  %-20s  %9u  ", colour(COLOUR_YELLOW), id, colour(COLOUR_NONE), time, s->root.counts.nodes);
    print_text(s->namespace, strlen(s->namespace));
    if (tags.size)
        printf(" %s(%.*s)%s", colour(COLOUR_CYAN), (int)tags.size, (const char *)tags.bytes, colour(COLOUR_NONE));
    printf("%s%s\n", s->partial ? " (partial)" : "", s->pinned ? " (pinned)" : "");
    print_changes(changes);
    return result;
}

static int show(void *arg, const struct snapshot *s)
{
    struct log *log = arg;
    struct tally changes = {0};
    int result = with_changes ? count_changes(&changes, log, s) : 0;

    if (result < 0)
        return result;
    bool first = log->shown++ == 0;
    if (log->json)
        return show_json(log, s, &changes);
    if (first)
        printf("%s%-32s  %-20s  %9s  %s%s\n", colour(COLOUR_BOLD), "ID", "TIME", "FILES", "NAMESPACE",
               colour(COLOUR_NONE));
    return show_row(log, s, &changes);
}

static int run(const struct invocation *invocation, int argc, char **argv, struct error *err)
{
    struct view view cleanup_view = {0};
    struct log log = {.view = &view, .json = invocation->json, .err = err};

    if (argc > 1)
        return error_usage(err, "one namespace at most");
    if (follow && (argc == 0 || with_changes))
        return error_usage(err, argc ? "--follow and --stat exclude one another" : "--follow takes NAMESPACE:PATH");
    if (follow)
        return log_follow(invocation, argv[0], err);
    with_changes |= argc == 1;
    int result = argc ? namespace_check(argv[0], strlen(argv[0]), err) : 0;
    if (result == 0)
        result = view_open_store(&view, invocation, err);
    if (result < 0)
        return result;
    result = snapshot_visit_history(view.store, argc ? argv[0] : NULL, show, &log, err);
    if (result == 0 && argc && log.shown == 0)
        return error_input(err, "nothing of \"%s\" is here; `confuse log` lists all", argv[0]);
    return result;
}

const struct command command_log = {
    .name = "log",
    .arguments = "[NAMESPACE] | --follow NAMESPACE:PATH",
    .summary = "List snapshots, newest first",
    .help =
        "The history of one namespace, with what changed since the version before, or of all. Tags stand behind\n"
        "the namespace that they are of: NAMESPACE:TAG names the snapshot.\n\n"
        "--follow tells of one path, newest first: A it came, M it changed and in what, D it went. Links on the way\n"
        "are not followed, and a directory is itself, not what is in it. Exit 1 when it never was there.\n\n"
        "    confuse log prod/web-1\n"
        "    confuse log --follow prod/web-1:/etc/passwd\n"
        "    confuse --json log | jq -r .id\n",
    .options = OPTIONS,
    .run = run,
};
