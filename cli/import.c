/* import.c - `confuse import SOURCE…`: captured state into snapshots. */
#include "import/import.h"

#include "base/jsonl.h"
#include "base/timestamp.h"
#include "cli/command.h"
#include "cli/import_line.h"
#include "cli/terminal.h"
#include "import/detect.h"
#include "import/image_platform.h"
#include "import/prefix.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static struct {
    const char *namespace, *time, *format, *strip_prefix, *max_size, *ref, *platform;
    struct text_list excluded;
    bool partial, strict, cross_mounts, no_veneer, render;
} given;

static const struct option_spec OPTIONS[] = {
    {"namespace", 0, OPTION_TEXT, &given.namespace, "NS", "name of the history, instead of the source's own"},
    {"time", 0, OPTION_TEXT, &given.time, "T", "when it was captured (RFC 3339), instead of the source's own"},
    {"format", 0, OPTION_TEXT, &given.format, "F", "auto (told by content), frame, oci, docker, tar, dir or live"},
    {"strip-prefix", 0, OPTION_TEXT, &given.strip_prefix, "P", "the directory P becomes the root"},
    {"excluded", 0, OPTION_TEXTS, &given.excluded, "P", "the crawler left out P, too: there a frame is as its image"},
    {"ref", 0, OPTION_TEXT, &given.ref, "NAME", "of several images those of this name or tag"},
    {"platform", 0, OPTION_TEXT, &given.platform, "P", "of an image for several: OS/ARCH[/VARIANT], or all"},
    {"max-size", 0, OPTION_TEXT, &given.max_size, "BYTES", "at most, uncompressed (1T; K, M, G, T behind a number)"},
    {"partial", 0, OPTION_FLAG, &given.partial, NULL, "take what is whole of a source that is cut short"},
    {"strict", 0, OPTION_FLAG, &given.strict, NULL, "what a tree cannot hold is an error, not a note"},
    {"cross-mounts", 0, OPTION_FLAG, &given.cross_mounts, NULL, "what is mounted inside a directory belongs to it"},
    {"no-veneer", 0, OPTION_FLAG, &given.no_veneer, NULL, "make no files from features"},
    {"render", 0, OPTION_FLAG, &given.render, NULL, "make them anew where an older confuse made them"},
    {0},
};

struct importing {
    const struct invocation *invocation;
    bool detects; /* format is told by content, for each source */
    enum source_format format;
    const char *name; /* of the source */
    struct import_line line;
};

static void warn(void *arg, const char *text)
{
    (void)arg;
    progress_clear();
    fprintf(stderr, "confuse import: warning: %s\n", text);
}

static void progress(void *arg, const struct import_progress *progress)
{
    struct importing *i = arg;

    import_line_show(&i->line, progress);
}

static void print_json(const struct snapshot *s, bool is_new)
{
    struct buffer line cleanup_buffer = {0};

    jsonl_begin(&line);
    jsonl_hex(&line, "id", s->id, SNAPSHOT_ID_SIZE);
    jsonl_string(&line, "namespace", s->namespace);
    jsonl_time(&line, "time", s->time);
    jsonl_bool(&line, "new", is_new);
    jsonl_end(&line);
    fwrite(line.bytes, 1, line.size, stdout);
}

/* The id is shown only here, after the durable commit; flushed at once, since somebody may wait for it. */
static int imported(void *arg, const struct snapshot *s, bool is_new)
{
    const struct importing *i = arg;
    char id[SNAPSHOT_ID_HEX_SIZE], time[TIMESTAMP_TEXT_SIZE];

    progress_clear();
    if (i->invocation->json) {
        print_json(s, is_new);
    } else {
        hex_encode(id, s->id, SNAPSHOT_ID_SIZE);
        timestamp_format(time, s->time);
        printf("%s%s%s ", colour(COLOUR_YELLOW), id, colour(COLOUR_NONE));
        print_text(s->namespace, strlen(s->namespace));
        printf(" %s\n", time);
    }
    fflush(stdout);
    return 0;
}

static int check_options(struct import_options *options, struct error *err)
{
    struct image_platform platform;

    if (given.namespace && namespace_check(given.namespace, strlen(given.namespace), err) < 0) {
        err->code = EXIT_USAGE;
        return -EINVAL;
    }
    if (given.time && !timestamp_parse(&options->time, given.time, strlen(given.time)))
        return error_usage(err, "--time %s is no time such as 2017-03-11T17:04:42Z", given.time);
    if (given.max_size && (!option_size(&options->size_max, given.max_size) || !options->size_max))
        return error_usage(err, "--max-size %s is no size such as 20G", given.max_size);
    if (given.platform && strcmp(given.platform, "all") != 0 && !platform_parse(&platform, given.platform))
        return error_usage(err, "--platform %s is no platform such as linux/arm64, nor all", given.platform);
    for (size_t i = 0, size; i < given.excluded.count; i++)
        if (prefix_check(&size, "--excluded", given.excluded.texts[i], err) < 0)
            return -EINVAL;
    options->has_time = given.time;
    options->namespace = given.namespace;
    options->strip_prefix = given.strip_prefix;
    options->partial = given.partial;
    options->strict = given.strict;
    options->veneer = !given.no_veneer;
    options->render = given.render;
    options->cross_mounts = given.cross_mounts;
    options->excluded = given.excluded.texts;
    options->excluded_count = given.excluded.count;
    options->ref = given.ref;
    options->platform = given.platform;
    return 0;
}

/* Each takes the input over. */
static int from_frames(const struct import_options *options, struct input *input, struct error *err)
{
    struct source *source;
    int result = source_open(&source, input, err);

    if (result < 0)
        return result;
    result = import_frame(options, source, err);
    source_close(source);
    return result;
}

static int from_tar(const struct import_options *options, struct input *input, struct error *err)
{
    int result = import_tar(options, input, err);

    input_close(input);
    return result;
}

static int from_image(const struct import_options *options, enum image_format format, struct input *input,
                      struct error *err)
{
    int result = import_image(options, format, input, err);

    input_close(input);
    return result;
}

static int from_any_image(const struct import_options *options, struct input *input, struct error *err)
{
    return from_image(options, IMAGE_ANY, input, err);
}

static int from_oci(const struct import_options *options, struct input *input, struct error *err)
{
    return from_image(options, IMAGE_OCI, input, err);
}

static int from_docker(const struct import_options *options, struct input *input, struct error *err)
{
    return from_image(options, IMAGE_DOCKER, input, err);
}

static int from_dir(const struct import_options *options, const char *name, struct error *err)
{
    if (options->strip_prefix || options->partial)
        return error_usage(err, "%s: --strip-prefix and --partial are not for directories", name);
    return import_dir(options, name, err);
}

static int from_live(const struct import_options *options, const char *name, struct error *err)
{
    if (options->strip_prefix || options->partial)
        return error_usage(err, "%s: --strip-prefix and --partial are not for what runs", name);
    return import_live(options, name, err);
}

static int from_oci_dir(const struct import_options *options, const char *name, struct error *err)
{
    return import_image_dir(options, IMAGE_OCI, name, err);
}

static int from_docker_dir(const struct import_options *options, const char *name, struct error *err)
{
    return import_image_dir(options, IMAGE_DOCKER, name, err);
}

static const struct {
    const char *name;  /* NULL: nobody says so */
    const char *units; /* for progress */
    bool is_image;     /* --ref and --platform are for it */
    int (*import)(const struct import_options *options, struct input *input, struct error *err); /* NULL: no stream */
    int (*import_dir)(const struct import_options *options, const char *name, struct error *err);
} FORMATS[] = {
    [SOURCE_FRAME] = {"frame", "records", false, from_frames, NULL},
    [SOURCE_TAR] = {"tar", "entries", false, from_tar, NULL},
    [SOURCE_IMAGE] = {NULL, "entries", true, from_any_image, NULL},
    [SOURCE_DIR] = {"dir", "files", false, NULL, from_dir},
    [SOURCE_OCI] = {"oci", "entries", true, from_oci, from_oci_dir},
    [SOURCE_DOCKER] = {"docker", "entries", true, from_docker, from_docker_dir},
    [SOURCE_LIVE] = {"live", "files", false, NULL, from_live},
};
#define FORMAT_COUNT (sizeof FORMATS / sizeof *FORMATS)

static int check_format(struct importing *i, struct error *err)
{
    i->detects = !given.format || strcmp(given.format, "auto") == 0;
    for (size_t f = 0; f < FORMAT_COUNT && !i->detects; f++)
        if (FORMATS[f].name && strcmp(given.format, FORMATS[f].name) == 0) {
            i->format = (enum source_format)f;
            return 0;
        }
    return i->detects
               ? 0
               : error_usage(err, "--format is auto, frame, oci, docker, tar, dir or live, not %s", given.format);
}

static bool is_directory(const char *name)
{
    struct stat st;

    return strcmp(name, "-") != 0 && stat(name, &st) == 0 && S_ISDIR(st.st_mode);
}

/* What is chosen among images must not be forgotten where there are none. */
static int check_choice(const struct importing *i, const struct import_options *options, struct error *err)
{
    if (i->format != SOURCE_FRAME && options->excluded_count)
        return error_usage(err, "%s: --excluded is for frames, which this is not", i->name);
    if (FORMATS[i->format].is_image || (!options->ref && !options->platform))
        return 0;
    return error_usage(err, "%s: --ref and --platform are for images, which this is not", i->name);
}

static int import_stream(const struct import_options *options, const char *name, struct error *err)
{
    struct importing *i = options->arg;
    struct input *input;
    int result = input_open(&input, name, err);

    if (result < 0)
        return result;
    if (i->detects)
        result = detect(&i->format, input, err);
    if (result == 0)
        result = check_choice(i, options, err);
    i->line.units = FORMATS[i->format].units;
    if (result == 0)
        return FORMATS[i->format].import(options, input, err);
    input_close(input);
    return result;
}

static int import_directory(const struct import_options *options, const char *name, struct error *err)
{
    struct importing *i = options->arg;

    if (i->detects)
        i->format = image_is_layout(name) ? SOURCE_OCI : SOURCE_DIR;
    i->line.units = FORMATS[i->format].units;
    int result = check_choice(i, options, err);
    return result < 0 ? result : FORMATS[i->format].import_dir(options, name, err);
}

static int import_source(struct import_options *options, const char *name, struct error *err)
{
    struct importing *i = options->arg;
    bool takes_dir = i->detects || FORMATS[i->format].import_dir,
         takes_stream = i->detects || FORMATS[i->format].import;

    i->name = name;
    import_line_begin(&i->line, options->store, name);
    return takes_dir && (is_directory(name) || !takes_stream) ? import_directory(options, name, err)
                                                              : import_stream(options, name, err);
}

static int run(const struct invocation *invocation, int argc, char **argv, struct error *err)
{
    struct importing importing = {.invocation = invocation};
    struct import_options options = {
        .warn = warn, .imported = imported, .progress = progress_enabled() ? progress : NULL, .arg = &importing};

    if (argc == 0)
        return error_usage(err, "nothing to import; name files, or - for standard input");
    int result = check_format(&importing, err);
    if (result == 0)
        result = check_options(&options, err);
    if (result == 0)
        result = store_open(&options.store, invocation->store, STORE_CREATE, err);
    for (int i = 0; i < argc && result == 0; i++)
        result = import_source(&options, argv[i], err);
    store_close(options.store);
    return result;
}

const struct command command_import = {
    .name = "import",
    .arguments = "SOURCE…|-",
    .summary = "Put captured state into the store as snapshots, and print their ids",
    .help =
        "A SOURCE is a frame of agentless-system-crawler: csv, json, logstash or fluentd form, plain or gzip, one or\n"
        "more of them; images: an OCI image layout (a directory, or a tar of one) or what docker save writes; a tar;\n"
        "or a directory. They are told apart by content; tars may be compressed; - is standard input. With --format\n"
        "live it is the number of a process: what runs in its container, and the files there. Prints\n"
        "`ID NAMESPACE TIME` for each, once it is durable. The same source again gives the same id and adds nothing.\n"
        "Content that a frame does not hold is its image's, where the file agrees with the image; an image that comes\n"
        "later completes the frames before it. Else it is known to be absent, never made up. Of a directory all is\n"
        "taken that is in it, but for what is mounted inside. Of images all are taken, each for the machine's own\n"
        "platform if there are several; layers that are in the store are not read again.\n\n"
        "    confuse import frame.csv.gz\n"
        "    confuse import --namespace web-1 /srv/web-1/rootfs\n"
        "    confuse import --format live 4711\n"
        "    zcat crawl/*.gz | confuse import -\n"
        "    docker save nginx:1.25 | confuse import -\n"
        "    confuse import --ref v2 --platform linux/arm64 layout/\n"
        "    docker export web-1 | confuse import --namespace prod/web-1 -\n"
        "    confuse import --strip-prefix /mnt/target host-crawl.csv\n",
    .options = OPTIONS,
    .run = run,
};
