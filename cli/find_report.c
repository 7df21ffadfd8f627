/* find_report.c - what was found, as spans of history: a thing is there from one version on, in so many of them, up to
 * another one, and may come back. */
#include "base/cleanup.h"
#include "base/jsonl.h"
#include "base/timestamp.h"
#include "cli/find.h"
#include "cli/terminal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct version {
    int64_t number;
    uint8_t id[SNAPSHOT_ID_SIZE];
    uint64_t time;
    struct digest source;
    bool has_source;
    bool superseded; /* by a newer revision of the same capture */
    bool there;      /* what is shown is in it */
};

/* A namespace's versions, oldest first, and their places by commit number. */
struct history {
    char name[NAMESPACE_SIZE_MAX + 1];
    struct version *versions;
    size_t count, room;
    size_t *by_number;
};

static void history_free(struct history *history)
{
    free(history->versions);
    free(history->by_number);
}
#define cleanup_history __attribute__((cleanup(history_free)))

static bool same_capture(const struct version *a, const struct version *b)
{
    return a->time == b->time && a->has_source && b->has_source && digest_equal(&a->source, &b->source);
}

static int add_version(void *arg, const struct snapshot *s)
{
    struct history *history = arg;

    if (history->count == history->room) {
        size_t room = history->room ? 2 * history->room : 64;
        struct version *versions = realloc(history->versions, room * sizeof *versions);

        if (!versions)
            return -ENOMEM;
        history->versions = versions;
        history->room = room;
    }
    if (history->count == 0)
        snprintf(history->name, sizeof history->name, "%s", s->namespace);
    struct version *version = &history->versions[history->count++];
    *version = (struct version){.number = s->number, .time = s->time, .source = s->source, .has_source = s->has_source};
    memcpy(version->id, s->id, sizeof version->id);
    for (struct version *older = version; older > history->versions && older[-1].time == version->time; older--)
        older[-1].superseded = older[-1].superseded || same_capture(&older[-1], version);
    return 0;
}

static int compare_numbers(const void *a, const void *b, void *versions_of)
{
    const struct version *versions = versions_of;
    int64_t x = versions[*(const size_t *)a].number, y = versions[*(const size_t *)b].number;

    return (x > y) - (x < y);
}

static int load(struct history *history, struct store *store, int64_t namespace, struct error *err)
{
    int result = occurrence_visit_history(store, namespace, add_version, history, err);

    if (result == 0 && history->count) {
        history->by_number = calloc(history->count, sizeof *history->by_number);
        if (!history->by_number)
            result = -ENOMEM;
    }
    if (result < 0)
        return result == -ENOMEM ? error_system(err, ENOMEM, "a history of %zu versions", history->count) : result;
    for (size_t i = 0; i < history->count; i++)
        history->by_number[i] = i;
    if (history->count)
        qsort_r(history->by_number, history->count, sizeof *history->by_number, compare_numbers, history->versions);
    return 0;
}

/* NULL: it has been forgotten since. */
static struct version *find_version(const struct history *history, int64_t number)
{
    size_t low = 0, high = history->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (history->versions[history->by_number[middle]].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    struct version *version = low < history->count ? &history->versions[history->by_number[low]] : NULL;
    return version && version->number == number ? version : NULL;
}

/* --- Showing -------------------------------------------------------------------------------------------------------
 */

/* A thing under one name in one namespace, and one span of the time that it is there. */
struct span {
    const struct find_report *report;
    const struct history *history;
    const struct buffer *name;
    bool made;
    const struct version *first, *last;
    size_t versions;
    bool newest; /* the namespace's newest version has it */
};

static void show_json(const struct span *span)
{
    struct buffer line cleanup_buffer = {0};

    jsonl_begin(&line);
    jsonl_string(&line, "namespace", span->history->name);
    jsonl_text(&line, span->report->files ? "path" : "package", span->name->bytes, span->name->size);
    jsonl_time(&line, "first", span->first->time);
    jsonl_hex(&line, "first_id", span->first->id, SNAPSHOT_ID_SIZE);
    jsonl_time(&line, "last", span->last->time);
    jsonl_hex(&line, "last_id", span->last->id, SNAPSHOT_ID_SIZE);
    jsonl_number(&line, "versions", span->versions);
    jsonl_bool(&line, "newest", span->newest);
    jsonl_bool(&line, "made", span->made);
    jsonl_end(&line);
    print_json_lines(line.bytes, line.size);
}

static void show_row(const struct span *span)
{
    char first[TIMESTAMP_TEXT_SIZE], last[TIMESTAMP_TEXT_SIZE];

    timestamp_format_seconds(first, span->first->time);
    timestamp_format_seconds(last, span->last->time);
    if (span->report->shown == 0)
        printf("%s%-20s  %-20s  %8s  %s%s\n", colour(COLOUR_BOLD), "FIRST", "LAST", "VERSIONS", "WHERE",
               colour(COLOUR_NONE));
    printf("%-20s  %s%-20s%s  %8zu  %s", first, span->newest ? colour(COLOUR_RED) : "", last, colour(COLOUR_NONE),
           span->versions, colour(COLOUR_CYAN));
    print_text(span->history->name, strlen(span->history->name));
    printf("%s:", colour(COLOUR_NONE));
    print_text(span->name->bytes, span->name->size);
    printf("%s%s\n", span->newest ? " (still there)" : "", span->made ? " (made)" : "");
}

/* The spans of the versions that are marked, which unmarks them. */
static void show_spans(struct find_report *report, struct span *span, struct history *history)
{
    for (size_t i = 0; i < history->count; i++) {
        struct version *version = &history->versions[i];

        if (version->superseded)
            continue;
        if (version->there) {
            span->first = span->versions++ ? span->first : version;
            span->last = version;
            span->newest = true;
            version->there = false;
            continue;
        }
        span->newest = false;
        if (span->versions)
            (report->json ? show_json : show_row)(span), report->shown++;
        span->versions = 0;
    }
    if (span->versions)
        (report->json ? show_json : show_row)(span), report->shown++;
    span->versions = 0;
}

static int compare_found(const void *a, const void *b)
{
    const struct climbed *x = a, *y = b;

    if (x->namespace != y->namespace)
        return x->namespace < y->namespace ? -1 : 1;
    return (x->path > y->path) - (x->path < y->path);
}

/* All of one namespace. */
static int show_namespace(struct find_report *report, const struct climbed *found, size_t count, struct error *err)
{
    struct history history cleanup_history = {.count = 0};
    struct buffer name cleanup_buffer = {0};
    int result = load(&history, report->store, found->namespace, err);

    for (size_t i = 0; result == 0 && i < count;) {
        struct span span = {.report = report, .history = &history, .name = &name, .made = found[i].made};
        uint32_t path = found[i].path;

        for (; i < count && found[i].path == path; i++) {
            struct version *version = find_version(&history, found[i].snapshot);

            if (version)
                version->there = true;
        }
        buffer_clear(&name);
        if (report->files)
            buffer_add_byte(&name, '/');
        climb_path(&name, report->climb, path);
        if (name.failed)
            return error_system(err, ENOMEM, "a path");
        show_spans(report, &span, &history);
    }
    return result;
}

int find_report(struct find_report *report, struct error *err)
{
    size_t count;
    const struct climbed *found = climb_found(&count, report->climb);
    cleanup_free struct climbed *sorted = malloc(count * sizeof *sorted + 1);
    int result = 0;

    if (!sorted)
        return error_system(err, ENOMEM, "%zu places", count);
    if (count)
        memcpy(sorted, found, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_found);
    for (size_t i = 0, next; result == 0 && i < count; i = next) {
        for (next = i + 1; next < count && sorted[next].namespace == sorted[i].namespace; next++)
            ;
        result = show_namespace(report, sorted + i, next - i, err);
    }
    return result;
}
