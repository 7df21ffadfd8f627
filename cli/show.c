/* show.c - `confuse show SNAP`: where a snapshot came from, and what is in it. */
#include "base/cleanup.h"
#include "base/jsonl.h"
#include "base/timestamp.h"
#include "cli/terminal.h"
#include "cli/view.h"
#include "db/blob.h"
#include "db/image.h"
#include "import/json.h"
#include "import/veneer/veneer.h"
#include "tree/features.h"
#include "tree/known.h"
#include "tree/manifest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define KNOWN_WORDS 6               /* known.h has so many */
#define TYPES_MAX 256               /* distinct types of records that are counted one by one */
#define TYPE_SIZE_MAX 64            /* of a type's name, as shown */
#define LAYERS_SIZE_MAX (64u << 20) /* bytes of a layers.json; real ones have some kilobytes */

struct counted {
    char name[TYPE_SIZE_MAX];
    uint64_t count;
};

struct summary {
    struct counted types[8];           /* by type of file */
    struct counted known[KNOWN_WORDS]; /* regular files, by how their content is known */
    struct counted records[TYPES_MAX];
    size_t type_count, known_count, record_count;
    uint64_t names, linked; /* that are hard links, and of how many files */
    uint64_t held;          /* bytes of content that the snapshot has; of a file with several names once */
    struct image image;     /* where the snapshot has one */
    uint64_t layers;
    uint64_t veneer;    /* its version, */
    bool has_veneer;    /* where it has one */
    struct buffer tags; /* as text */
    struct known *reading;
    struct error *err;
};

static void count(struct counted *list, size_t *used, size_t room, const char *name, size_t size)
{
    size_t i = 0;

    if (size >= TYPE_SIZE_MAX)
        size = TYPE_SIZE_MAX - 1;
    while (i < *used && (strlen(list[i].name) != size || memcmp(list[i].name, name, size) != 0))
        i++;
    if (i == room)
        return;
    if (i == *used) {
        memcpy(list[i].name, name, size);
        list[i].name[size] = '\0';
        ++*used;
    }
    list[i].count++;
}

static int count_entry(void *arg, const struct tree_step *step)
{
    struct summary *s = arg;
    const struct tree_place *place = &step->place;
    const struct entry *entry = place->entry;
    const char *type = manifest_type(entry->mode), *known;
    int result = known_of(&known, s->reading, step, s->err);

    if (result < 0)
        return result;
    count(s->types, &s->type_count, 8, type, strlen(type));
    if (!S_ISDIR(entry->mode) && place->nlink > 1) {
        s->names++;
        s->linked += place->file == place->rank;
    }
    if (!S_ISREG(entry->mode))
        return 0;
    count(s->known, &s->known_count, KNOWN_WORDS, known, strlen(known));
    if (entry->content && place->file == place->rank)
        s->held += entry->size;
    return 0;
}

static int count_record(void *arg, const struct feature *feature)
{
    struct summary *s = arg;

    count(s->records, &s->record_count, TYPES_MAX, feature->type, feature->type_size);
    return 0;
}

/* --- Its image ---------------------------------------------------------------------------------------------------- */

static int read_blob(char **text, size_t *size, struct store *store, int64_t id, struct error *err)
{
    struct blob blob;
    int result = blob_find(&blob, store, id, err);

    if (result < 0)
        return result == -ENOENT ? error_system(err, EIO, "layers.json is not in the store") : result;
    if (blob.size > LAYERS_SIZE_MAX)
        return error_system(err, EFBIG, "layers.json");
    *size = (size_t)blob.size;
    *text = malloc(*size + 1);
    if (!*text)
        return error_system(err, ENOMEM, "layers.json");
    for (size_t at = 0; at < *size;) {
        ssize_t got = blob_read(*text + at, store, &blob, at, *size - at, err);
        if (got <= 0)
            return got < 0 ? (int)got : error_system(err, EIO, "layers.json ends early");
        at += (size_t)got;
    }
    return 0;
}

/* How many elements the array in layers.json has. */
static int count_layers(uint64_t *layers, struct store *store, int64_t blob, struct error *err)
{
    cleanup_free char *text = NULL;
    struct json json;
    size_t size = 0;
    int result = read_blob(&text, &size, store, blob, err), more;

    if (result < 0)
        return result;
    json_begin(&json, text, size);
    more = json_enter_array(&json);
    while (more >= 0 && (more = json_element(&json)) > 0) {
        ++*layers;
        more = json_skip(NULL, &json);
    }
    return more < 0 ? error_system(err, EIO, "layers.json: %s", json.why) : 0;
}

static int find_image(struct summary *summary, struct view *view, struct error *err)
{
    int result = view_tags(&summary->tags, view->store, &view->snapshot, err);

    if (result < 0 || !view->snapshot.image)
        return result;
    result = image_find_number(&summary->image, view->store, view->snapshot.image, err);
    if (result == -ENOENT)
        return error_system(err, EIO, "the snapshot's image is not in the store");
    return result < 0 ? result : count_layers(&summary->layers, view->store, summary->image.layers_blob, err);
}

/* --- Showing ------------------------------------------------------------------------------------------------------ */

static void label(const char *name)
{
    printf("%s%-10s%s ", colour(COLOUR_BOLD), name, colour(COLOUR_NONE));
}

static void print_counts(const char *name, const struct counted *list, size_t used)
{
    label(name);
    for (size_t i = 0; i < used; i++) {
        printf("%s%llu ", i ? ", " : "", (unsigned long long)list[i].count);
        print_text(list[i].name, strlen(list[i].name));
    }
    printf("%s\n", used ? "" : "none");
}

static void print_links(const struct summary *summary)
{
    label("links");
    if (summary->names)
        printf("%llu names of %llu files\n", (unsigned long long)summary->names, (unsigned long long)summary->linked);
    else
        printf("none\n");
}

static void print_image(const struct summary *summary)
{
    char digest[DIGEST_HEX_SIZE];

    if (summary->tags.size)
        label("tags"), printf("%.*s\n", (int)summary->tags.size, (const char *)summary->tags.bytes);
    if (!summary->image.number)
        return;
    hex_encode(digest, summary->image.config.bytes, DIGEST_SIZE);
    label("image"), printf("sha256:%s, %llu layers\n", digest, (unsigned long long)summary->layers);
}

static void print_plain(const struct view *view, const struct summary *summary)
{
    const struct snapshot *s = &view->snapshot;
    char id[SNAPSHOT_ID_HEX_SIZE], digest[DIGEST_HEX_SIZE], time[TIMESTAMP_TEXT_SIZE], size[SIZE_TEXT_SIZE];

    hex_encode(id, s->id, SNAPSHOT_ID_SIZE);
    label("id"), printf("%s%s%s\n", colour(COLOUR_YELLOW), id, colour(COLOUR_NONE));
    label("namespace"), print_text(s->namespace, strlen(s->namespace)), putchar('\n');
    timestamp_format(time, s->time);
    label("time"), printf("%s\n", time);
    timestamp_format(time, s->imported);
    label("imported"), printf("%s\n", time);
    label("format"), printf("%s%s\n", s->format, s->partial ? ", partial: its source was cut short" : "");
    hex_encode(digest, s->source.bytes, DIGEST_SIZE);
    label("source"), printf("%s%s\n", s->has_source ? "sha256:" : "none", s->has_source ? digest : "");
    hex_encode(digest, s->root.digest.bytes, DIGEST_SIZE);
    label("root"), printf("sha256:%s\n", digest);
    print_image(summary);
    print_counts("files", summary->types, summary->type_count);
    print_counts("content", summary->known, summary->known_count);
    print_links(summary);
    size_format(size, summary->held);
    label("held"), printf("%s\n", size);
    print_counts("features", summary->records, summary->record_count);
    if (summary->has_veneer)
        label("veneer"), printf("version %llu\n", (unsigned long long)summary->veneer);
    label("mount"), printf("mount -t nfs HOST:/snap/%s /mnt -o ro,nolock,nodev,nosuid,noexec\n", id);
}

static void json_counts(struct buffer *line, const char *name, const struct counted *list, size_t used)
{
    struct buffer object cleanup_buffer = {0};

    jsonl_begin(&object);
    for (size_t i = 0; i < used; i++) {
        if (i)
            buffer_add_byte(&object, ',');
        jsonl_key(&object, list[i].name, strlen(list[i].name));
        buffer_add_format(&object, "%llu", (unsigned long long)list[i].count);
    }
    buffer_add_byte(&object, '}');
    jsonl_raw(line, name, object.bytes, object.size);
}

static int print_json(struct view *view, const struct summary *summary, struct error *err)
{
    struct buffer line cleanup_buffer = {0};
    const struct snapshot *s = &view->snapshot;

    jsonl_begin(&line);
    int result = view_snapshot_members(&line, view->store, s, err);
    if (s->image)
        jsonl_number(&line, "layers", summary->layers);
    if (s->has_source)
        jsonl_hex(&line, "source", s->source.bytes, DIGEST_SIZE);
    jsonl_hex(&line, "root", s->root.digest.bytes, DIGEST_SIZE);
    json_counts(&line, "files", summary->types, summary->type_count);
    json_counts(&line, "content", summary->known, summary->known_count);
    jsonl_number(&line, "linked_names", summary->names);
    jsonl_number(&line, "linked_files", summary->linked);
    jsonl_number(&line, "held", summary->held);
    json_counts(&line, "features", summary->records, summary->record_count);
    if (summary->has_veneer)
        jsonl_number(&line, "veneer", summary->veneer);
    jsonl_end(&line);
    if (result == 0)
        print_json_lines(line.bytes, line.size);
    return result;
}

static int find_veneer(struct summary *summary, struct view *view, struct error *err)
{
    int result = veneer_version(&summary->veneer, view->store, view->snapshot.features.id, err);

    summary->has_veneer = result == 0;
    return result == -ENOENT ? 0 : result;
}

static int show(struct summary *summary, struct view *view, bool json, struct error *err)
{
    int result = known_new(&summary->reading, view->reader, &view->snapshot, err);

    summary->err = err;
    if (result == 0)
        result = tree_visit_all(view->reader, tree_of_snapshot(&view->snapshot), count_entry, summary, err);
    known_free(summary->reading);
    if (result == 0)
        result = features_visit(view->store, view->snapshot.features.id, NULL, count_record, summary, err);
    if (result == 0)
        result = find_veneer(summary, view, err);
    if (result == 0)
        result = find_image(summary, view, err);
    if (result == 0 && json)
        return print_json(view, summary, err);
    if (result == 0)
        print_plain(view, summary);
    return result;
}

static int run(const struct invocation *invocation, int argc, char **argv, struct error *err)
{
    struct view view cleanup_view = {0};
    struct summary summary = {0};
    int result = view_open(&view, invocation, argc, argv, err);

    if (result == 0)
        result = show(&summary, &view, invocation->json, err);
    buffer_free(&summary.tags);
    return result < 0 ? result : EXIT_DONE;
}

const struct command command_show = {
    .name = "show",
    .arguments = "SNAP",
    .summary = "Show where a snapshot came from and what is in it",
    .help =
        "\"content\" counts regular files by how their content is known: captured, image (of the image that the\n"
        "frame was joined with), image-unproven (the same, but a hostile container may have changed it), made, lossy,\n"
        "absent.\n"
        "\"links\" are names of files that have several (hard links); \"held\" counts the content of these once.\n"
        "\"image\" is what it is, or what a frame was joined with; \"veneer\" which version of it made the made "
        "files.\n\n"
        "    confuse show prod/web-1@latest\n"
        "    confuse show docker.io/library/nginx:1.25\n"
        "    confuse show prod/web-1@2017-03      the newest one of March 2017 or before\n",
    .run = run,
};
