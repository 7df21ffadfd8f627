/* importing.c - see importing.h. */
#include "cli/importing.h"

#include "base/jsonl.h"
#include "base/timestamp.h"
#include "cli/terminal.h"
#include "import/image_platform.h"
#include "import/prefix.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct importing_given importing_given;

static void warn(void *arg, const char *text)
{
    const struct importing *i = arg;

    progress_clear();
    fprintf(stderr, "confuse %s: warning: %s\n", i->command, text);
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
    print_json_lines(line.bytes, line.size);
}

/* The id is shown only here, after the durable commit; flushed at once, since somebody may wait for it. */
static int imported(void *arg, const struct snapshot *s, bool is_new)
{
    const struct importing *i = arg;
    char id[SNAPSHOT_ID_HEX_SIZE], time[TIMESTAMP_TEXT_SIZE];

    progress_clear();
    if (i->json) {
        print_json(s, is_new);
    } else {
        hex_encode(id, s->id, SNAPSHOT_ID_SIZE);
        timestamp_format(time, s->time);
        printf("%s%s%s ", colour(COLOUR_YELLOW), id, colour(COLOUR_NONE));
        print_text(s->namespace, strlen(s->namespace));
        printf(" %s\n", time);
    }
    fflush(stdout);
    if (i->told)
        i->told(i->arg, s, is_new);
    return 0;
}

static int check_options(struct import_options *options, struct error *err)
{
    struct image_platform platform;

    if (importing_given.namespace &&
        namespace_check(importing_given.namespace, strlen(importing_given.namespace), err) < 0) {
        err->code = EXIT_USAGE;
        return -EINVAL;
    }
    if (importing_given.time && !timestamp_parse(&options->time, importing_given.time, strlen(importing_given.time)))
        return error_usage(err, "--time %s is no time such as 2017-03-11T17:04:42Z", importing_given.time);
    if (importing_given.max_size && (!option_size(&options->size_max, importing_given.max_size) || !options->size_max))
        return error_usage(err, "--max-size %s is no size such as 20G", importing_given.max_size);
    if (importing_given.platform && strcmp(importing_given.platform, "all") != 0 &&
        !platform_parse(&platform, importing_given.platform))
        return error_usage(err, "--platform %s is no platform such as linux/arm64, nor all", importing_given.platform);
    for (size_t i = 0, size; i < importing_given.excluded.count; i++)
        if (prefix_check(&size, "--excluded", importing_given.excluded.texts[i], err) < 0)
            return -EINVAL;
    options->has_time = importing_given.time;
    options->namespace = importing_given.namespace;
    options->strip_prefix = importing_given.strip_prefix;
    options->partial = importing_given.partial;
    options->strict = importing_given.strict;
    options->veneer = !importing_given.no_veneer;
    options->render = importing_given.render;
    options->cross_mounts = importing_given.cross_mounts;
    options->excluded = importing_given.excluded.texts;
    options->excluded_count = importing_given.excluded.count;
    options->ref = importing_given.ref;
    options->platform = importing_given.platform;
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
    i->detects = !importing_given.format || strcmp(importing_given.format, "auto") == 0;
    for (size_t f = 0; f < FORMAT_COUNT && !i->detects; f++)
        if (FORMATS[f].name && strcmp(importing_given.format, FORMATS[f].name) == 0) {
            i->format = (enum source_format)f;
            return 0;
        }
    return i->detects ? 0
                      : error_usage(err, "--format is auto, frame, oci, docker, tar, dir or live, not %s",
                                    importing_given.format);
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

int importing_begin(struct importing *i, struct error *err)
{
    i->options = (struct import_options){
        .warn = warn, .imported = imported, .progress = progress_enabled() ? progress : NULL, .arg = i};
    int result = check_format(i, err);

    return result < 0 ? result : check_options(&i->options, err);
}

int importing_source(struct importing *i, const char *name, struct error *err)
{
    const struct import_options *options = &i->options;
    bool takes_dir = i->detects || FORMATS[i->format].import_dir,
         takes_stream = i->detects || FORMATS[i->format].import;

    i->name = name;
    import_line_begin(&i->line, options->store, name);
    return takes_dir && (is_directory(name) || !takes_stream) ? import_directory(options, name, err)
                                                              : import_stream(options, name, err);
}
