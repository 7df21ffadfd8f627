/* import.c - `confuse import SOURCE…`: captured state into snapshots. */
#include "cli/command.h"
#include "cli/importing.h"

static const struct option_spec OPTIONS[] = {
    IMPORTING_OPTIONS,
    {"time", 0, OPTION_TEXT, &importing_given.time, "T",
     "when it was captured (RFC 3339), instead of the source's own"},
    {"format", 0, OPTION_TEXT, &importing_given.format, "F",
     "auto (told by content), frame, oci, docker, tar, dir or live"},
    {"cross-mounts", 0, OPTION_FLAG, &importing_given.cross_mounts, NULL,
     "what is mounted inside a directory belongs to it"},
    {"render", 0, OPTION_FLAG, &importing_given.render, NULL,
     "make the files of features anew where an older confuse made them"},
    {0},
};

static int run(const struct invocation *invocation, int argc, char **argv, struct error *err)
{
    struct importing importing = {.command = "import", .json = invocation->json};

    if (argc == 0)
        return error_usage(err, "nothing to import; name files, or - for standard input");
    int result = importing_begin(&importing, err);
    if (result == 0)
        result = store_open(&importing.options.store, invocation->store, STORE_CREATE, err);
    for (int i = 0; i < argc && result == 0; i++)
        result = importing_source(&importing, argv[i], err);
    store_close(importing.options.store);
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
