/* find.c - `confuse find`: in which snapshots a thing is, where, and from when to when. */
#include "cli/find.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "cli/command.h"
#include "db/blob.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PACKAGE_NAME_MAX 1024 /* bytes of NAME in NAME=VERSION */

static struct {
    const char *sha256, *name, *package, *text;
} given;

static const struct option_spec OPTIONS[] = {
    {"sha256", 0, OPTION_TEXT, &given.sha256, "DIGEST", "files with this content"},
    {"name", 0, OPTION_TEXT, &given.name, "GLOB", "what is called so: *, ? and [...] stand for others"},
    {"package", 0, OPTION_TEXT, &given.package, "NAME[=VERSION]", "packages that a capture tells of"},
    {"text", 0, OPTION_TEXT, &given.text, "STRING", "files whose content holds these bytes; reads every content once"},
    {0},
};

static int from_digest(struct climb *climb, struct store *store, struct error *err)
{
    const char *text = strncmp(given.sha256, "sha256:", 7) == 0 ? given.sha256 + 7 : given.sha256;
    struct digest digest;
    struct blob blob;

    if (!hex_decode(digest.bytes, DIGEST_SIZE, text, strlen(text)))
        return error_usage(err, "--sha256 takes 64 hexadecimal digits");
    int result = blob_find_digest(&blob, store, &digest, err);
    if (result == -ENOENT)
        return 0;
    return result < 0 ? result : occurrence_visit_blob(store, blob.id, climb_from, climb, err);
}

static int from_name(struct climb *climb, struct store *store, struct error *err)
{
    if (!*given.name || strchr(given.name, '/'))
        return error_usage(err, "--name takes the name of a file, not a path");
    return occurrence_visit_name(store, given.name, climb_from, climb, err);
}

static int from_package(struct climb *climb, struct store *store, struct error *err)
{
    const char *equals = strchr(given.package, '=');
    size_t size = equals ? (size_t)(equals - given.package) : strlen(given.package);
    char name[PACKAGE_NAME_MAX + 1];

    if (size == 0 || size > PACKAGE_NAME_MAX || (equals && !equals[1]))
        return error_usage(err, "--package takes NAME or NAME=VERSION");
    memcpy(name, given.package, size);
    name[size] = '\0';
    return occurrence_visit_package(store, name, equals ? equals + 1 : NULL, climb_from, climb, err);
}

static int from_contents(struct climb *climb, struct store *store, const int64_t *blobs, size_t count,
                         struct error *err)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < count; i++)
        result = occurrence_visit_blob(store, blobs[i], climb_from, climb, err);
    return result;
}

static int from_text(struct climb *climb, struct store *store, struct error *err)
{
    cleanup_free int64_t *blobs = NULL;
    size_t count = 0;

    if (!*given.text)
        return error_usage(err, "--text takes at least one byte");
    int result = find_text(&blobs, &count, store_directory(store), given.text, err);
    return result < 0 ? result : from_contents(climb, store, blobs, count, err);
}

static const struct way {
    const char *const *argument;
    int (*begin)(struct climb *climb, struct store *store, struct error *err);
    bool files;
} ways[] = {
    {&given.sha256, from_digest, true},
    {&given.name, from_name, true},
    {&given.package, from_package, false},
    {&given.text, from_text, true},
};

static const struct way *chosen_way(void)
{
    const struct way *chosen = NULL;

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (!*ways[i].argument)
            continue;
        if (chosen)
            return NULL;
        chosen = &ways[i];
    }
    return chosen;
}

static int find(struct find_report *report, const struct way *way, struct error *err)
{
    struct climb *climb;
    int result = climb_new(&climb, report->store, err);

    if (result < 0)
        return result;
    report->climb = climb;
    result = way->begin(climb, report->store, err);
    if (result == 0)
        result = climb_run(climb);
    if (result == 0)
        result = find_report(report, err);
    climb_free(climb);
    return result;
}

static int run(const struct invocation *invocation, int argc, char **argv, struct error *err)
{
    const struct way *way = chosen_way();
    struct find_report report = {.json = invocation->json};

    (void)argv;
    if (argc || !way)
        return error_usage(err, "one of --sha256, --name, --package and --text says what to find");
    report.files = way->files;
    int result = store_open(&report.store, invocation->store, STORE_READ, err);
    if (result < 0)
        return result;
    result = find(&report, way, err);
    store_close(report.store);
    if (result < 0)
        return result;
    return report.shown ? EXIT_DONE : EXIT_NEGATIVE;
}

const struct command command_find = {
    .name = "find",
    .arguments = "--sha256 DIGEST | --name GLOB | --package NAME[=VERSION] | --text STRING",
    .summary = "Where was this ever: in which snapshots, at which path, from when to when",
    .help =
        "Looks in all versions of everything. A line is a span of a namespace's history: the thing is in each version\n"
        "from the first to the last one. Exit 1 when it is nowhere.\n\n"
        "    confuse find --sha256 $(sha256sum < suspect)\n"
        "    confuse find --name 'authorized_keys'\n"
        "    confuse find --package openssl=1.0.2g-1ubuntu4.6\n"
        "    confuse --json find --text 'BEGIN RSA PRIVATE KEY' | jq -r .path\n",
    .options = OPTIONS,
    .run = run,
};
