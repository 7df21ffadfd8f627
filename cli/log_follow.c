/* log_follow.c - `confuse log --follow NAMESPACE:PATH`: the versions in which one file came, changed or went. */
#include "cli/log.h"

#include "base/jsonl.h"
#include "base/timestamp.h"
#include "cli/change_look.h"
#include "cli/view.h"
#include "tree/changes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct following {
    struct view *view;
    bool json;
    const char *namespace;
    struct snapshot newer; /* the version that was visited before; what it changed is known with the one before it */
    char format[SNAPSHOT_FORMAT_SIZE];
    uint64_t versions, shown;
    struct error *err;
};

static int show_json(const struct following *f, const struct diff_step *step)
{
    struct buffer line cleanup_buffer = {0};

    jsonl_begin(&line);
    int result = view_snapshot_members(&line, f->view->store, &f->newer, f->err);
    if (result == 0)
        result = changes_add_file(&line, f->view->reader, step, f->err);
    jsonl_end(&line);
    if (result == 0 && line.failed)
        result = error_system(f->err, ENOMEM, "cannot tell of a version");
    if (result == 0)
        print_json_lines(line.bytes, line.size);
    return result;
}

static void show_row(const struct following *f, const struct diff_step *step)
{
    char id[SNAPSHOT_ID_HEX_SIZE], time[TIMESTAMP_TEXT_SIZE];

    if (f->shown == 0)
        printf("%s%-32s  %-20s  %s%s\n", colour(COLOUR_BOLD), "ID", "TIME", "CHANGE", colour(COLOUR_NONE));
    hex_encode(id, f->newer.id, SNAPSHOT_ID_SIZE);
    timestamp_format_seconds(time, f->newer.time);
    printf("%s%s%s  %-20s  ", colour(COLOUR_YELLOW), id, colour(COLOUR_NONE), time);
    print_change_letter(step->change);
    if (step->changed)
        print_changed(step->changed);
    putchar('\n');
}

/* What the newer version made of the path since `before`, a tree or none. */
static int show_change(struct following *f, struct tree before)
{
    struct diff_step step;
    int result = diff_path(&step, f->view->reader, before, tree_of_snapshot(&f->newer), f->view->path,
                           strlen(f->view->path), f->err);

    if (result == 1) {
        result = 0;
        if (f->json)
            result = show_json(f, &step);
        else
            show_row(f, &step);
        f->shown++;
    }
    tree_reader_rest(f->view->reader);
    return result;
}

static int visit(void *arg, const struct snapshot *s)
{
    struct following *f = arg;
    int result = f->versions++ ? show_change(f, tree_of_snapshot(s)) : 0;

    snprintf(f->format, sizeof f->format, "%s", s->format);
    f->newer = *s;
    f->newer.namespace = f->namespace;
    f->newer.format = f->format;
    return result;
}

/* diff_path() goes down only. */
static int check_path(const char *path, struct error *err)
{
    for (const char *at = path; (at = strstr(at, "/..")); at += 3)
        if (at[3] == '/' || at[3] == '\0')
            return error_input(err, "%.80s: \"..\" cannot be followed through time", path);
    return 0;
}

int log_follow(const struct invocation *invocation, const char *argument, struct error *err)
{
    char namespace[NAMESPACE_SIZE_MAX + 1];
    struct view view cleanup_view = {0};
    struct following f = {.view = &view, .json = invocation->json, .namespace = namespace, .err = err};

    if (!strstr(argument, ":/"))
        return error_usage(err, "--follow takes NAMESPACE:PATH, with a path that begins with /");
    int result = view_split(namespace, sizeof namespace, &view, argument, err);
    if (result == 0)
        result = namespace_check(namespace, strlen(namespace), err);
    if (result == 0)
        result = check_path(view.path, err);
    if (result == 0)
        result = view_open_store(&view, invocation, err);
    if (result == 0)
        result = snapshot_visit_history(view.store, namespace, visit, &f, err);
    if (result == 0 && f.versions == 0)
        return error_input(err, "nothing of \"%s\" is here", namespace);
    if (result == 0)
        result = show_change(&f, (struct tree){0});
    if (result < 0)
        return result;
    return f.shown ? EXIT_DONE : EXIT_NEGATIVE;
}
