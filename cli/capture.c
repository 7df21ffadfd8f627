/* capture.c - `confuse capture PID|DIR`: what runs, or lies in a directory, as a frame that any confuse imports. */
#include "base/cleanup.h"
#include "base/quote.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "db/snapshot.h"
#include "import/live.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define SHOWN_MAX 256 /* bytes of a path in the warning */

static struct {
    const char *namespace, *output;
    struct text_list configs;
    bool cross_mounts;
} given;

static const struct option_spec OPTIONS[] = {
    {"namespace", 0, OPTION_TEXT, &given.namespace, "NS", "name of the history, instead of HOST/CONTAINER or DIR's"},
    {"output", 'o', OPTION_TEXT, &given.output, "FILE", "write there once all is captured, not to standard output"},
    {"config", 0, OPTION_TEXTS, &given.configs, "PATH", "take the content of PATH, too"},
    {"cross-mounts", 0, OPTION_FLAG, &given.cross_mounts, NULL, "what is mounted inside belongs to it"},
    {0},
};

struct capture {
    FILE *out;
    struct buffer line;
    uint64_t notes;
    char first_note[SHOWN_MAX + 128];
};

/* The csv dialect: TYPE, KEY, VALUE, the last two JSON. */
static int write_record(void *arg, const char *type, const char *key, size_t key_size, const struct buffer *value,
                        struct error *err)
{
    struct capture *capture = arg;
    struct buffer *line = &capture->line;

    buffer_clear(line);
    buffer_add_format(line, "%s\t", type);
    quote_json(line, key, key_size);
    buffer_add_byte(line, '\t');
    buffer_add(line, value->bytes, value->size);
    buffer_add_byte(line, '\n');
    if (line->failed)
        return error_system(err, ENOMEM, "a %s record", type);
    if (fwrite(line->bytes, 1, line->size, capture->out) == line->size)
        return 0;
    return error_system(err, errno, "%s", given.output ? given.output : "standard output");
}

/* A frame has no place for what could not be taken; people are told. That there are mounts inside is the rule. */
static int count_note(void *arg, const char *path, size_t size, const char *what, const char *why, struct error *err)
{
    struct capture *capture = arg;
    (void)err;

    if (strcmp(what, "not-entered") != 0 && capture->notes++ == 0) {
        cleanup_buffer struct buffer shown = {0};
        quote_text(&shown, path, size);
        snprintf(capture->first_note, sizeof capture->first_note, "%.*s: %s%s%s",
                 shown.size < SHOWN_MAX ? (int)shown.size : SHOWN_MAX, (const char *)shown.bytes, what, why ? ", " : "",
                 why ? why : "");
    }
    return 0;
}

static void warn_notes(const struct capture *capture)
{
    if (capture->notes > 0)
        fprintf(stderr, "confuse capture: warning: %llu %s not be taken as found (first: %s)\n",
                (unsigned long long)capture->notes, capture->notes == 1 ? "file could" : "files could",
                capture->first_note);
}

static int write_frame(struct live *live, struct error *err)
{
    static const char *const features[] = {LIVE_FEATURES_OF_DIR ",file,config", LIVE_FEATURES ",file,config"};
    cleanup_free char *own = NULL;
    int result = given.namespace ? 0 : live_namespace(&own, live, err);
    const char *namespace = own ? own : given.namespace;

    if (result == 0)
        result = namespace_check(namespace, strlen(namespace), err);
    if (result == 0)
        result = live_produce(live, namespace, features[live->process >= 0], err);
    if (result == 0)
        result = live_files(live, given.cross_mounts, err);
    return result == 0 ? live_configs(live, given.configs.texts, given.configs.count, err) : result;
}

/* Under another name until it is whole: a frame that is cut short is none. Captured content is for its owner. */
static int write_file(struct capture *capture, struct live *live, struct error *err)
{
    cleanup_free char *aside = NULL;

    if (asprintf(&aside, "%s.XXXXXX", given.output) < 0) {
        aside = NULL;
        return error_system(err, ENOMEM, "%s", given.output);
    }
    int fd = mkostemp(aside, O_CLOEXEC);
    capture->out = fd < 0 ? NULL : fdopen(fd, "w");
    if (!capture->out) {
        if (fd >= 0)
            close(fd);
        return error_system(err, errno, "%s", given.output);
    }
    int result = write_frame(live, err);
    if (result == 0 && (fflush(capture->out) != 0 || fsync(fd) < 0))
        result = error_system(err, errno, "%s", given.output);
    if (fclose(capture->out) != 0 && result == 0)
        result = error_system(err, errno, "%s", given.output);
    if (result == 0 && rename(aside, given.output) < 0)
        result = error_system(err, errno, "%s", given.output);
    if (result < 0)
        unlink(aside);
    return result;
}

static int check_options(int argc, struct error *err)
{
    struct error why;

    if (argc != 1)
        return error_usage(err, "one process or one directory is captured");
    if (given.namespace && namespace_check(given.namespace, strlen(given.namespace), &why) < 0)
        return error_usage(err, "%s", why.text);
    for (size_t i = 0; i < given.configs.count; i++)
        if (given.configs.texts[i][0] != '/')
            return error_usage(err, "--config %s is no absolute path", given.configs.texts[i]);
    return 0;
}

static int run(const struct invocation *invocation, int argc, char **argv, struct error *err)
{
    struct capture capture = {.out = stdout};
    const struct live_sink sink = {write_record, count_note, &capture};
    struct live *live = NULL;
    int result = check_options(argc, err);
    (void)invocation;

    if (result == 0)
        result = live_open(&live, argv[0], &sink, err);
    if (result == 0)
        result = given.output ? write_file(&capture, live, err) : write_frame(live, err);
    if (result == 0)
        warn_notes(&capture);
    live_close(live);
    buffer_free(&capture.line);
    return result;
}

const struct command command_capture = {
    .name = "capture",
    .arguments = "PID|DIR",
    .summary = "Write what runs in a process's container, or lies in a directory, as a frame",
    .help =
        "A PID is that of any process of the container, as this machine has it; its root, its processes, their open\n"
        "files and connections, mounts, interfaces and packages are told from outside, and nothing of it is run or\n"
        "entered. Environments of processes are taken, too, and often hold passwords. Of a DIR (an unpacked root)\n"
        "files, packages and the system's name are told. The content of files is taken where crawlers take it\n"
        "(/etc/passwd, group, hosts, hostname, mtab, fstab, aliases, sudoers, ssh's configuration) and where --config\n"
        "says. Other mounts are not crossed.\n\n"
        "    confuse capture 4711 -o web-1.frame\n"
        "    confuse capture --config /etc/shadow 4711 | ssh store confuse import -\n",
    .options = OPTIONS,
    .run = run,
};
