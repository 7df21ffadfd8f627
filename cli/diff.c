/* diff.c - `confuse diff A B`: what changed, for people and for scripts. tree/changes.c finds it; here it is shown. */
#include "base/cleanup.h"
#include "base/quote.h"
#include "cli/change_look.h"
#include "cli/pager.h"
#include "cli/unified.h"
#include "cli/view.h"
#include "db/image.h"
#include "db/layer.h"
#include "tree/changes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool stat_form, name_only, name_status, packages, unified, made, measured, drift, mount_path, no_renames,
    no_pager;

static const struct option_spec OPTIONS[] = {
    {"stat", 0, OPTION_FLAG, &stat_form, NULL, "how many of each"},
    {"name-only", 0, OPTION_FLAG, &name_only, NULL, "paths of files, nothing else"},
    {"name-status", 0, OPTION_FLAG, &name_status, NULL, "a letter and the path of each file"},
    {"packages", 0, OPTION_FLAG, &packages, NULL, "packages only"},
    {"unified", 'u', OPTION_FLAG, &unified, NULL, "the lines that differ, too, of contents that are text"},
    {"drift", 0, OPTION_FLAG, &drift, NULL, "one SNAP: against its own image"},
    {"made", 0, OPTION_FLAG, &made, NULL, "files that were made of features, too"},
    {"measured", 0, OPTION_FLAG, &measured, NULL, "what every capture measures anew, too: loads, counters, uptime"},
    {"no-renames", 0, OPTION_FLAG, &no_renames, NULL, "renamed and copied files are removed and added"},
    {"mount-path", 0, OPTION_FLAG, &mount_path, NULL, "print where the difference can be mounted"},
    {"no-pager", 0, OPTION_FLAG, &no_pager, NULL, "do not show it through $PAGER"},
    {0},
};

#define VALUE_SHOWN_MAX 60u /* bytes of a record's value */
#define MEMBERS_SHOWN_MAX 8 /* of one record */

/* --- What is compared --------------------------------------------------------------------------------------------- */

struct side {
    struct capture capture;
    bool is_snapshot;
    uint8_t id[SNAPSHOT_ID_SIZE];
    int64_t image;
};

/* Trees that are no snapshots go by the paths that they are exported under. */
static const struct {
    const char *prefix;
    enum layer_kind kind;
} LAYERS[] = {{"/layer/", LAYER_ALONE}, {"/chain/", LAYER_CHAIN}};

static int find_layer(struct side *side, struct store *store, enum layer_kind kind, const char *argument,
                      const char *digits, struct error *err)
{
    struct digest digest;
    struct layer layer;

    if (!hex_decode(digest.bytes, DIGEST_SIZE, digits, strlen(digits)))
        return error_input(err, "%.80s: 64 hex digits are needed behind the last /", argument);
    int result = layer_find(&layer, store, kind, &digest, err);
    if (result == -ENOENT)
        return error_input(err, "%s is not in the store", argument);
    side->capture = capture_of_layer(&layer);
    return result;
}

static int find_side(struct side *side, struct store *store, const char *argument, struct error *err)
{
    struct snapshot snapshot;

    *side = (struct side){0};
    for (size_t i = 0; i < sizeof LAYERS / sizeof *LAYERS; i++)
        if (strncmp(argument, LAYERS[i].prefix, strlen(LAYERS[i].prefix)) == 0)
            return find_layer(side, store, LAYERS[i].kind, argument, argument + strlen(LAYERS[i].prefix), err);
    int result = snapshot_resolve(&snapshot, store, argument, err);
    if (result < 0)
        return result;
    side->capture = capture_of_snapshot(&snapshot);
    side->is_snapshot = true;
    side->image = snapshot.image;
    memcpy(side->id, snapshot.id, sizeof side->id);
    return 0;
}

/* The last chain of the image that a snapshot was joined with, or is. */
static int find_image(struct side *side, struct store *store, const struct side *of, const char *argument,
                      struct error *err)
{
    struct image image;
    struct layer chain;
    int result = of->image ? image_find_number(&image, store, of->image, err) : -ENOENT;

    if (result == 0)
        result = layer_find(&chain, store, LAYER_CHAIN, &image.chain, err);
    if (result == -ENOENT)
        return error_input(err, "%s: its image is not known here; import that, or give two snapshots", argument);
    *side = (struct side){0};
    if (result == 0)
        side->capture = capture_of_layer(&chain);
    return result;
}

static int find_sides(struct side *a, struct side *b, struct store *store, char **argv, struct error *err)
{
    int result = find_side(drift ? b : a, store, argv[0], err);

    if (result == 0)
        result = drift ? find_image(a, store, b, argv[0], err) : find_side(b, store, argv[1], err);
    return result;
}

/* --- How it is shown ---------------------------------------------------------------------------------------------- */

static const struct {
    char letter;
    enum colour colour;
} FEATURE_LOOKS[] = {
    [FEATURE_ADDED] = {'A', COLOUR_GREEN},
    [FEATURE_REMOVED] = {'D', COLOUR_RED},
    [FEATURE_MODIFIED] = {'M', COLOUR_YELLOW},
    [FEATURE_UPGRADED] = {'U', COLOUR_CYAN},
};

#define FILE_CHANGES (DIFF_COPIED + 1)
#define FEATURE_CHANGES (sizeof FEATURE_LOOKS / sizeof *FEATURE_LOOKS)
#define TYPES_COUNTED 64 /* types of records that are counted one by one */
#define TYPE_SHOWN_MAX 32

struct type_count {
    char name[TYPE_SHOWN_MAX + 1];
    uint64_t counts[FEATURE_CHANGES];
};

struct showing {
    struct view *view;
    uint64_t files[FILE_CHANGES], links, bytes_added, bytes_removed, features;
    struct type_count types[TYPES_COUNTED];
    size_t type_count;
    size_t members; /* of the record at hand */
    struct error *err;
};

static void count_file(struct showing *s, const struct diff_step *step)
{
    s->files[step->change]++;
    if (step->b && S_ISREG(step->b->mode) && (!step->a || step->changed & DIFF_CONTENT))
        s->bytes_added += step->b->size;
    if (step->a && S_ISREG(step->a->mode) && (!step->b || step->changed & DIFF_CONTENT))
        s->bytes_removed += step->a->size;
}

static void print_path(const struct diff_step *step)
{
    if (step->from) {
        print_text(step->from, step->from_size);
        fputs(name_status ? "\t" : " -> ", stdout);
    }
    print_text(step->path, step->size);
}

static void print_directory_mark(const struct diff_step *step)
{
    if (S_ISDIR((step->b ? step->b : step->a)->mode) && step->size > 1)
        putchar('/');
}

static int64_t text_of(const struct entry *entry)
{
    return entry && S_ISREG(entry->mode) ? entry->content : 0;
}

/* "a/etc/passwd", or "/dev/null" for what is not there, as patch(1) reads it. */
static void add_label(struct buffer *label, const char *side, const struct entry *entry, const char *path, size_t size)
{
    buffer_add_text(label, entry ? side : "/dev/null");
    if (entry)
        quote_text(label, path, size);
    buffer_add_byte(label, '\0');
}

static int print_lines(struct showing *s, const struct diff_step *step)
{
    struct buffer label_a cleanup_buffer = {0}, label_b cleanup_buffer = {0};
    struct unified_side a = {.content = text_of(step->a)}, b = {.content = text_of(step->b)};

    if (a.content == b.content || (step->a && S_ISREG(step->a->mode) && step->a->flags & ENTRY_ABSENT) ||
        (step->b && S_ISREG(step->b->mode) && step->b->flags & ENTRY_ABSENT))
        return 0;
    add_label(&label_a, "a", step->a, step->from ? step->from : step->path, step->from ? step->from_size : step->size);
    add_label(&label_b, "b", step->b, step->path, step->size);
    if (label_a.failed || label_b.failed)
        return error_system(s->err, ENOMEM, "cannot compare contents");
    a.label = (const char *)label_a.bytes;
    b.label = (const char *)label_b.bytes;
    return unified_print(s->view->store, &a, &b, s->err);
}

static int show_file(void *arg, const struct diff_step *step)
{
    struct showing *s = arg;

    count_file(s, step);
    if (stat_form)
        return 0;
    if (!name_only) {
        print_change_letter(step->change);
        putchar(name_status ? '\t' : ' ');
    }
    if (name_only)
        print_text(step->path, step->size);
    else
        print_path(step);
    if (!name_only && !name_status) {
        print_directory_mark(step);
        if (step->a && step->b)
            print_changed(step->changed);
    }
    putchar('\n');
    return unified ? print_lines(s, step) : 0;
}

/* --- Hard links --------------------------------------------------------------------------------------------------- */

static int print_joined(void *arg, const char *path)
{
    (void)arg;
    printf(" %s+%s/", colour(COLOUR_GREEN), colour(COLOUR_NONE));
    print_text(path, strlen(path));
    return 0;
}

static int print_left(void *arg, const char *path)
{
    (void)arg;
    printf(" %s-%s/", colour(COLOUR_RED), colour(COLOUR_NONE));
    print_text(path, strlen(path));
    return 0;
}

static int show_links(void *arg, const struct link_step *step)
{
    struct showing *s = arg;

    s->links++;
    if (stat_form)
        return 0;
    print_letter('L', COLOUR_BLUE);
    fputs(" /", stdout);
    print_text(step->path, strlen(step->path));
    printf("%s  hard links:%s", colour(COLOUR_DIM), colour(COLOUR_NONE));
    if (step->a)
        link_names_only_in(step->a, step->b, print_left, NULL);
    if (step->b)
        link_names_only_in(step->b, step->a, print_joined, NULL);
    putchar('\n');
    return 0;
}

/* --- Features ----------------------------------------------------------------------------------------------------- */

static void count_feature(struct showing *s, const struct feature *record, enum feature_change change)
{
    size_t size = record->type_size < TYPE_SHOWN_MAX ? record->type_size : TYPE_SHOWN_MAX;
    struct type_count *last = s->type_count ? &s->types[s->type_count - 1] : NULL;

    /* They come type by type; the last of those that can be counted is all others. */
    if (s->type_count < TYPES_COUNTED &&
        (!last || strlen(last->name) != size || memcmp(last->name, record->type, size) != 0)) {
        last = &s->types[s->type_count++];
        memcpy(last->name, record->type, size);
        if (s->type_count == TYPES_COUNTED)
            snprintf(last->name, sizeof last->name, "other types");
    }
    last->counts[change]++;
    s->features++;
}

static void print_value(struct json_text value)
{
    size_t size = value.size < VALUE_SHOWN_MAX ? value.size : VALUE_SHOWN_MAX;

    while (size < value.size && size > 0 && ((uint8_t)value.text[size] & 0xc0) == 0x80)
        size--; /* not in the middle of a character */
    print_text(value.text, size);
    if (size < value.size)
        fputs("…", stdout);
}

static void print_version(const struct feature *record)
{
    struct json_text version = feature_version(record);

    if (version.size >= 2 && version.text[0] == '"') {
        version.text++;
        version.size -= 2;
    }
    if (version.text)
        print_value(version);
    else
        putchar('?');
}

static int print_member(void *arg, struct json_text at, struct json_text a, struct json_text b)
{
    struct showing *s = arg;

    if (s->members++ >= MEMBERS_SHOWN_MAX)
        return 0;
    printf("\n    %s", colour(COLOUR_DIM));
    print_text(at.text, at.size);
    printf("%s ", colour(COLOUR_NONE));
    if (a.text)
        print_value(a);
    fputs(a.text ? " -> " : "+ ", stdout);
    if (b.text)
        print_value(b);
    else
        fputs("none", stdout);
    return 0;
}

/* What tells most of a record: the version of a package, the command of a process. */
static void print_gist(const struct feature *record)
{
    struct json_text value = {record->value, record->value_size}, command = member_find(value, "cmd");

    if (feature_is_package(record)) {
        putchar(' ');
        print_version(record);
    } else if (command.text) {
        printf("  %s", colour(COLOUR_DIM));
        print_value(command);
        fputs(colour(COLOUR_NONE), stdout);
    }
}

static int print_change(struct showing *s, const struct feature_step *step)
{
    int result;

    if (step->change == FEATURE_UPGRADED) {
        putchar(' ');
        print_version(step->a);
        fputs(" -> ", stdout);
        print_version(step->b);
        return 0;
    }
    if (step->change != FEATURE_MODIFIED) {
        print_gist(step->a ? step->a : step->b);
        return 0;
    }
    s->members = 0;
    result = features_compare(step->a, step->b, measured, print_member, s, s->err);
    if (s->members > MEMBERS_SHOWN_MAX)
        printf("\n    and %zu more", s->members - MEMBERS_SHOWN_MAX);
    return result;
}

static int show_feature(void *arg, const struct feature_step *step)
{
    const struct feature *record = step->b ? step->b : step->a;
    struct showing *s = arg;

    if (packages && !feature_is_package(record))
        return 0;
    count_feature(s, record, step->change);
    if (stat_form)
        return 0;
    print_letter(FEATURE_LOOKS[step->change].letter, FEATURE_LOOKS[step->change].colour);
    putchar(' ');
    print_text(record->type, record->type_size);
    putchar(' ');
    print_text(record->key, record->key_size);
    int result = print_change(s, step);
    putchar('\n');
    return result;
}

/* --- In all ------------------------------------------------------------------------------------------------------- */

static void print_count(const char **between, uint64_t count, const char *what)
{
    if (!count)
        return;
    printf("%s%llu %s", *between, (unsigned long long)count, what);
    *between = ", ";
}

static void print_file_counts(const struct showing *s)
{
    char added[SIZE_TEXT_SIZE], removed[SIZE_TEXT_SIZE];
    const char *between = "";

    printf("%s%-16s%s ", colour(COLOUR_BOLD), "files", colour(COLOUR_NONE));
    for (size_t i = 0; i < FILE_CHANGES; i++)
        print_count(&between, s->files[i], diff_change_name((enum diff_change)i));
    size_format(added, s->bytes_added);
    size_format(removed, s->bytes_removed);
    printf("%s (+%s, -%s)\n", *between ? "" : "none", added, removed);
}

static void print_stat(const struct showing *s)
{
    if (!packages)
        print_file_counts(s);
    if (s->links)
        printf("%s%-16s%s %llu groups changed\n", colour(COLOUR_BOLD), "hard links", colour(COLOUR_NONE),
               (unsigned long long)s->links);
    for (size_t i = 0; i < s->type_count; i++) {
        const char *between = "";

        fputs(colour(COLOUR_BOLD), stdout);
        print_text(s->types[i].name, strlen(s->types[i].name));
        printf("%s%*s ", colour(COLOUR_NONE), (int)(strlen(s->types[i].name) < 16 ? 16 - strlen(s->types[i].name) : 0),
               "");
        for (size_t j = 0; j < FEATURE_CHANGES; j++)
            print_count(&between, s->types[i].counts[j], feature_change_name((enum feature_change)j));
        putchar('\n');
    }
}

static uint64_t count_all(const struct showing *s)
{
    uint64_t all = s->links + s->features;

    for (size_t i = 0; i < FILE_CHANGES; i++)
        all += s->files[i];
    return all;
}

static int show(uint64_t *count, bool *too_many, struct view *view, const struct side *a, const struct side *b,
                const struct change_options *options, struct error *err)
{
    cleanup_free struct showing *s = calloc(1, sizeof *s);
    const struct change_visitor visitor = {
        .file = packages ? NULL : show_file,
        .links = packages || name_only || name_status ? NULL : show_links,
        .feature = name_only || name_status ? NULL : show_feature,
        .arg = s,
    };

    if (!s)
        return error_system(err, ENOMEM, "cannot compare");
    s->view = view;
    s->err = err;
    int result = changes_visit(too_many, view->reader, &a->capture, &b->capture, options, &visitor, err);
    *count = count_all(s);
    if (result == 0 && stat_form && *count)
        print_stat(s);
    return result;
}

static int compare(struct view *view, bool json, const struct side *a, const struct side *b, struct error *err)
{
    const struct change_options options = {{.made = made, .renames = !no_renames}, measured};
    bool too_many = false;
    uint64_t count = 0;
    struct pager pager = {0};
    int result;

    if (json) {
        result =
            changes_write(&count, &too_many, view->reader, &a->capture, &b->capture, &options, view_print, NULL, err);
    } else {
        if (!no_pager)
            pager_begin(&pager);
        result = show(&count, &too_many, view, a, b, &options, err);
        pager_end(&pager);
    }
    if (result == 0 && too_many)
        fprintf(stderr,
                "confuse diff: warning: more than %u files were added or removed: renames were not looked for\n",
                DIFF_CANDIDATES_MAX);
    return result < 0 ? result : count ? EXIT_NEGATIVE : EXIT_DONE;
}

static int print_mount_path(const struct side *a, const struct side *b, struct error *err)
{
    char id_a[SNAPSHOT_ID_HEX_SIZE], id_b[SNAPSHOT_ID_HEX_SIZE];

    if (!a->is_snapshot || !b->is_snapshot)
        return error_usage(err, "--mount-path needs two snapshots");
    hex_encode(id_a, a->id, SNAPSHOT_ID_SIZE);
    hex_encode(id_b, b->id, SNAPSHOT_ID_SIZE);
    printf("/diff/%s..%s\n", id_a, id_b);
    return EXIT_DONE;
}

static int check_options(const struct invocation *invocation, int argc, struct error *err)
{
    if (argc != (drift ? 1 : 2))
        return drift ? error_usage(err, "--drift needs one snapshot")
                     : error_usage(err, "two snapshots are needed: ids, prefixes of them, NAMESPACE@latest, "
                                        "NAMESPACE@TIME or NAMESPACE:TAG");
    if (stat_form + name_only + name_status + unified + mount_path > 1)
        return error_usage(err, "--stat, --name-only, --name-status, --unified and --mount-path exclude one another");
    if (packages && (name_only || name_status || unified || mount_path))
        return error_usage(err, "--packages tells of no files");
    if (invocation->json && (stat_form || name_only || name_status || unified || packages))
        return error_usage(err, "--json has a form of its own; jq selects from it");
    return 0;
}

static int run(const struct invocation *invocation, int argc, char **argv, struct error *err)
{
    struct view view cleanup_view = {0};
    struct side a, b;
    int result = check_options(invocation, argc, err);

    if (result == 0)
        result = view_open_store(&view, invocation, err);
    if (result == 0)
        result = find_sides(&a, &b, view.store, argv, err);
    if (result < 0)
        return result;
    return mount_path ? print_mount_path(&a, &b, err) : compare(&view, invocation->json, &a, &b, err);
}

const struct command command_diff = {
    .name = "diff",
    .arguments = "A B | --drift SNAP",
    .summary = "Show what changed between two snapshots, or a container and its image",
    .help =
        "A and B are snapshots, of one namespace or of two, or /layer/DIFFID and /chain/CHAINID as they are exported.\n"
        "Files are A added, D removed, M modified, R renamed, C copied (by content), with what differs of them; L are\n"
        "groups of hard links; features (processes, connections, packages, settings) follow, U is another version.\n"
        "Exit 1 when there is a difference, 0 when there is none.\n\n"
        "    confuse diff prod/web-1@2026-03-01 prod/web-1@latest\n"
        "    confuse diff --packages nginx:1.25 nginx:1.26\n"
        "    confuse diff --drift prod/web-1@latest\n"
        "    confuse --json diff A B | jq -r 'select(.change == \"added\" and .path) | .path'\n"
        "    mount -t nfs HOST:$(confuse diff --mount-path A B)/new /mnt     scan what is new, and nothing else\n",
    .options = OPTIONS,
    .run = run,
};
