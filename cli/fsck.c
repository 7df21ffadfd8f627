/* fsck.c - `confuse fsck`: hash everything in the store again. */
#include "base/jsonl.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "db/check.h"

#include <stdio.h>

static struct {
    bool repair;
} given;

static const struct option_spec OPTIONS[] = {
    {"repair", 0, OPTION_FLAG, &given.repair, NULL, "drop what is broken, so that what remains is true"},
    {0},
};

static void report(void *arg, const char *text)
{
    (void)arg;
    progress_clear();
    fprintf(stderr, "confuse fsck: %s\n", text);
}

static void progress(void *arg, const struct check *check)
{
    char size[SIZE_TEXT_SIZE];

    (void)arg;
    if (!progress_due())
        return;
    size_format(size, check->bytes);
    progress_show("checked %llu blobs, %llu nodes, %llu frames, %s", (unsigned long long)check->blobs,
                  (unsigned long long)check->nodes, (unsigned long long)check->frames, size);
}

static void print_plain(const struct check *check)
{
    printf("%llu snapshots, %llu images, %llu layers, %llu chains, %llu blobs, %llu nodes, %llu frames; "
           "%llu bytes hashed; %llu bad\n",
           (unsigned long long)check->snapshots, (unsigned long long)check->images, (unsigned long long)check->layers,
           (unsigned long long)check->chains, (unsigned long long)check->blobs, (unsigned long long)check->nodes,
           (unsigned long long)check->frames, (unsigned long long)check->bytes, (unsigned long long)check->bad);
    if (given.repair)
        printf("%llu dropped; %llu contents are lost until they are imported again\n",
               (unsigned long long)check->repaired, (unsigned long long)check->lost);
}

static void print_json(const struct check *check)
{
    struct buffer line cleanup_buffer = {0};

    jsonl_begin(&line);
    jsonl_number(&line, "snapshots", check->snapshots);
    jsonl_number(&line, "images", check->images);
    jsonl_number(&line, "layers", check->layers);
    jsonl_number(&line, "chains", check->chains);
    jsonl_number(&line, "blobs", check->blobs);
    jsonl_number(&line, "nodes", check->nodes);
    jsonl_number(&line, "frames", check->frames);
    jsonl_number(&line, "bytes", check->bytes);
    jsonl_number(&line, "bad", check->bad);
    jsonl_number(&line, "lost", check->lost);
    jsonl_number(&line, "repaired", check->repaired);
    jsonl_end(&line);
    print_json_lines(line.bytes, line.size);
}

static int run(const struct invocation *invocation, int argc, char **argv, struct error *err)
{
    struct check check = {.report = report, .progress = progress};
    struct store *store;

    (void)argv;
    if (argc)
        return error_usage(err, "there is nothing to name; --store says which store");
    int result = store_open(&store, invocation->store, given.repair ? STORE_WRITE : STORE_READ, err);
    if (result < 0)
        return result;
    result = (given.repair ? store_repair : store_check)(&check, store, err);
    store_close(store);
    if (result < 0)
        return result;
    progress_clear();
    (invocation->json ? print_json : print_plain)(&check);
    return check.bad ? EXIT_NEGATIVE : EXIT_DONE;
}

const struct command command_fsck = {
    .name = "fsck",
    .arguments = "",
    .summary = "Check that everything in the store is what its digest says",
    .help =
        "Reads and hashes every blob, node, frame and snapshot, and looks whether all that refers to them is\n"
        "sound. Exit 1 when something is not, or was not, what it should be.\n\n"
        "With --repair, a broken content is lost: reading it is an error, the snapshots that hold it are named, and\n"
        "importing it again heals them. A frame as received that is broken goes, its snapshot stays. Of a broken\n"
        "directory or other node all snapshots, layers and images go that hold it, and are named.\n\n"
        "    confuse fsck\n"
        "    confuse fsck --repair && confuse gc\n",
    .options = OPTIONS,
    .run = run,
};
