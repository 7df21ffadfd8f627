/* forget.c - `confuse forget`: let snapshots go, by name or by a policy over the history of each namespace. */
#include "base/cleanup.h"
#include "base/jsonl.h"
#include "base/timestamp.h"
#include "cli/terminal.h"
#include "cli/view.h"
#include "db/image.h"
#include "db/keep.h"
#include "db/policy.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HISTORY_MAX 4000000u /* snapshots of one namespace: hourly ones of four centuries, 500 MB */
#define REVISIONS_MAX 64u    /* how far back a newer revision is looked for among snapshots of one time */
#define KEEP_MAX 1000000u    /* snapshots that a rule may keep */

static struct {
    const char *counts[POLICY_COUNTED];
    const char *within;
    struct text_list namespaces;
    bool dry_run;
} given;

static const struct option_spec OPTIONS[] = {
    {"keep-last", 'l', OPTION_TEXT, &given.counts[POLICY_LAST], "N", "keep the last N snapshots"},
    {"keep-hourly", 'H', OPTION_TEXT, &given.counts[POLICY_HOURLY], "N", "… the newest of each of the last N hours"},
    {"keep-daily", 'd', OPTION_TEXT, &given.counts[POLICY_DAILY], "N", "… days"},
    {"keep-weekly", 'w', OPTION_TEXT, &given.counts[POLICY_WEEKLY], "N", "… weeks"},
    {"keep-monthly", 'm', OPTION_TEXT, &given.counts[POLICY_MONTHLY], "N", "… months"},
    {"keep-yearly", 'y', OPTION_TEXT, &given.counts[POLICY_YEARLY], "N", "… years that have one"},
    {"keep-within", 0, OPTION_TEXT, &given.within, "DUR", "keep all of so long before the newest, as 1y6m14d12h"},
    {"namespace", 0, OPTION_TEXTS, &given.namespaces, "NS", "of these namespaces only"},
    {"dry-run", 'n', OPTION_FLAG, &given.dry_run, NULL, "only show what would go"},
    {0},
};

struct row {
    int64_t number;
    uint8_t id[SNAPSHOT_ID_SIZE];
    bool has_source;
    struct digest source;
};

struct forgetting {
    const struct invocation *invocation;
    struct store *store;
    struct policy policy;
    const char *namespace;
    struct buffer rows, snapshots; /* struct row, struct policy_snapshot: of the namespace */
    size_t kept, gone;
    struct error *err;
};

/* --- Policy ------------------------------------------------------------------------------------------------------- */

static int read_policy(struct policy *policy, struct error *err)
{
    for (size_t rule = 0; rule < POLICY_COUNTED; rule++) {
        const char *text = given.counts[rule];
        char *end = NULL;

        if (!text)
            continue;
        unsigned long count = isdigit((unsigned char)*text) ? strtoul(text, &end, 10) : 0;
        if (count == 0 || *end || count > KEEP_MAX)
            return error_usage(err, "--keep-%s %s is no number from 1 to %u", policy_names[rule], text, KEEP_MAX);
        policy->counts[rule] = (unsigned)count;
    }
    policy->has_within = given.within;
    if (given.within && !policy_parse_duration(&policy->within, given.within))
        return error_usage(err, "--keep-within %s is no duration such as 1y6m14d12h", given.within);
    return 0;
}

/* --- One namespace ------------------------------------------------------------------------------------------------ */

static int stop_at_first(void *arg, const char *tag)
{
    (void)arg, (void)tag;
    return 1;
}

/* The rows in memory; of the visit nothing stays. */
static struct row *rows_of(const struct forgetting *f)
{
    return (struct row *)(void *)f->rows.bytes;
}

static struct policy_snapshot *snapshots_of(const struct forgetting *f)
{
    return (struct policy_snapshot *)(void *)f->snapshots.bytes;
}

static size_t count_of(const struct forgetting *f)
{
    return f->rows.size / sizeof(struct row);
}

/* One more than the place of its newer revision, 0 if it has none. They have its time; few others do. */
static size_t find_newer(const struct forgetting *f, const struct snapshot *s)
{
    size_t count = count_of(f), lowest = count > REVISIONS_MAX ? count - REVISIONS_MAX : 0;

    for (size_t i = count; s->has_source && i-- > lowest && snapshots_of(f)[i].time == s->time;)
        if (rows_of(f)[i].has_source && digest_equal(&rows_of(f)[i].source, &s->source))
            return i + 1;
    return 0;
}

static int add(void *arg, const struct snapshot *s)
{
    struct forgetting *f = arg;
    struct row row = {.number = s->number, .has_source = s->has_source, .source = s->source};
    int tagged = image_visit_tags(f->store, s->number, stop_at_first, NULL, f->err);
    const struct policy_snapshot entry = {
        .time = s->time, .is_pinned = s->pinned, .is_tagged = tagged == 1, .newer = find_newer(f, s)};

    if (tagged < 0)
        return tagged;
    if (count_of(f) == HISTORY_MAX)
        return error_refused(f->err, E2BIG, "%s has more than %u snapshots", f->namespace, HISTORY_MAX);
    memcpy(row.id, s->id, SNAPSHOT_ID_SIZE);
    buffer_add(&f->rows, &row, sizeof row);
    buffer_add(&f->snapshots, &entry, sizeof entry);
    return f->rows.failed || f->snapshots.failed ? error_system(f->err, ENOMEM, "the history of %s", f->namespace) : 0;
}

static void reasons_text(struct buffer *out, unsigned reasons, const char *quote)
{
    for (unsigned rule = 0, any = 0; rule < POLICY_RULES; rule++)
        if (reasons & 1u << rule)
            buffer_add_format(out, "%s%s%s%s", any++ ? *quote ? "," : ", " : "", quote, policy_names[rule], quote);
}

static void show_json(const struct forgetting *f, const struct row *row, const struct policy_snapshot *s)
{
    struct buffer line cleanup_buffer = {0}, reasons cleanup_buffer = {0};

    buffer_add_byte(&reasons, '[');
    reasons_text(&reasons, s->reasons, "\"");
    buffer_add_byte(&reasons, ']');
    jsonl_begin(&line);
    jsonl_hex(&line, "id", row->id, SNAPSHOT_ID_SIZE);
    jsonl_string(&line, "namespace", f->namespace);
    jsonl_time(&line, "time", s->time);
    jsonl_bool(&line, "kept", s->reasons != 0);
    jsonl_raw(&line, "reasons", reasons.bytes, reasons.size);
    jsonl_end(&line);
    print_json_lines(line.bytes, line.size);
}

static void show_row(const struct row *row, const struct policy_snapshot *s)
{
    char id[SNAPSHOT_ID_HEX_SIZE], time[TIMESTAMP_TEXT_SIZE];
    struct buffer reasons cleanup_buffer = {0};

    hex_encode(id, row->id, SNAPSHOT_ID_SIZE);
    timestamp_format_seconds(time, s->time);
    reasons_text(&reasons, s->reasons, "");
    printf("%s%s%s  %-20s  %s%s%s%s%.*s\n", colour(COLOUR_YELLOW), id, colour(COLOUR_NONE), time,
           colour(s->reasons ? COLOUR_GREEN : COLOUR_RED), s->reasons ? "keep" : "forget", colour(COLOUR_NONE),
           s->reasons ? "    " : "", (int)reasons.size, (const char *)reasons.bytes);
}

static void show_all(struct forgetting *f)
{
    if (!f->invocation->json) {
        fputs(colour(COLOUR_BOLD), stdout);
        print_text(f->namespace, strlen(f->namespace));
        printf("%s\n", colour(COLOUR_NONE));
    }
    for (size_t i = 0; i < count_of(f); i++) {
        const struct policy_snapshot *s = &snapshots_of(f)[i];

        if (f->invocation->json)
            show_json(f, &rows_of(f)[i], s);
        else
            show_row(&rows_of(f)[i], s);
        *(s->reasons ? &f->kept : &f->gone) += 1;
    }
}

static int forget_unkept(struct forgetting *f)
{
    cleanup_free int64_t *numbers = calloc(count_of(f) + 1, sizeof *numbers);
    size_t count = 0, forgotten;

    if (!numbers)
        return error_system(f->err, ENOMEM, "the history of %s", f->namespace);
    for (size_t i = 0; i < count_of(f); i++)
        if (!snapshots_of(f)[i].reasons)
            numbers[count++] = rows_of(f)[i].number;
    return count ? snapshots_forget(&forgotten, f->store, numbers, count, false, f->err) : 0;
}

static int apply_to(struct forgetting *f, const char *namespace)
{
    buffer_clear(&f->rows);
    buffer_clear(&f->snapshots);
    f->namespace = namespace;
    int result = snapshot_visit_history(f->store, namespace, add, f, f->err);
    if (result < 0 || count_of(f) == 0)
        return result;
    policy_apply(snapshots_of(f), count_of(f), &f->policy);
    show_all(f);
    return given.dry_run ? 0 : forget_unkept(f);
}

static int apply_to_all(struct forgetting *f)
{
    char names[2][NAMESPACE_SIZE_MAX + 1] = {"", ""};
    int result = 0;

    for (size_t i = 0; i < given.namespaces.count && result == 0; i++)
        result = apply_to(f, given.namespaces.texts[i]);
    for (unsigned turn = 1; !given.namespaces.count && result == 0; turn ^= 1) {
        result = namespace_next(names[turn], f->store, names[!turn], f->err);
        if (result == 0)
            result = apply_to(f, names[turn]);
    }
    if (result < 0 && result != -ENOENT)
        return result;
    if (!f->invocation->json)
        printf("%zu kept, %zu %s\n", f->kept, f->gone, given.dry_run ? "would be forgotten" : "forgotten");
    return 0;
}

/* --- By name ------------------------------------------------------------------------------------------------------ */

static int forget_named(struct forgetting *f, const char *name)
{
    struct policy_snapshot entry = {0};
    struct snapshot s;
    size_t forgotten = 1;
    int result = snapshot_resolve(&s, f->store, name, f->err);

    if (result < 0)
        return result;
    if (s.pinned)
        return error_negative(f->err, "%s is pinned; `confuse tag --unpin %s` first", name, name);
    struct row row = {.number = s.number};
    memcpy(row.id, s.id, SNAPSHOT_ID_SIZE);
    entry.time = s.time;
    f->namespace = s.namespace;
    if (!given.dry_run)
        result = snapshots_forget(&forgotten, f->store, &s.number, 1, true, f->err);
    if (result < 0)
        return result;
    if (forgotten == 0)
        return error_negative(f->err, "%s was pinned, or forgotten, meanwhile", name);
    if (f->invocation->json)
        show_json(f, &row, &entry);
    else
        show_row(&row, &entry);
    return 0;
}

static int run_with(struct forgetting *f, int argc, char **argv)
{
    int result = 0;

    for (int i = 0; i < argc && result == 0; i++)
        result = forget_named(f, argv[i]);
    return argc ? result : apply_to_all(f);
}

static int run(const struct invocation *invocation, int argc, char **argv, struct error *err)
{
    struct forgetting f = {.invocation = invocation, .err = err};
    int result = read_policy(&f.policy, err);

    if (result < 0)
        return result;
    if (argc && (!policy_is_empty(&f.policy) || given.namespaces.count))
        return error_usage(err, "either snapshots by name, or --keep-…; not both");
    if (!argc && policy_is_empty(&f.policy))
        return error_usage(err, "nothing says what to keep: --keep-last, --keep-daily …, or name what to forget");
    result = store_open(&f.store, invocation->store, given.dry_run ? STORE_READ : STORE_WRITE, err);
    if (result < 0)
        return result;
    result = run_with(&f, argc, argv);
    store_close(f.store);
    buffer_free(&f.rows);
    buffer_free(&f.snapshots);
    return result;
}

const struct command command_forget = {
    .name = "forget",
    .arguments = "SNAP… | --keep-… N",
    .summary = "Let snapshots go, by name or by a policy",
    .help = "A policy goes over the history of each namespace by itself, newest first. A snapshot stays for each rule\n"
            "that keeps it; periods are UTC, and count only where there are snapshots. What is pinned or has a tag\n"
            "stays whatever the policy says. Older revisions of one capture go and stay with the newest. Space comes\n"
            "back by `confuse gc`; who has a forgotten snapshot mounted gets ESTALE.\n\n"
            "    confuse forget --keep-hourly 24 --keep-daily 14 --keep-monthly 12 --dry-run\n"
            "    confuse forget --namespace prod/web-1 --keep-last 10\n"
            "    confuse forget 75d86b01\n",
    .options = OPTIONS,
    .run = run,
};
