/* gc.c - `confuse gc`: drop what no snapshot, tag or image refers to any more, and give back the space. */
#include "base/jsonl.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "db/collect.h"

#include <stdio.h>

static void progress(void *arg, const struct collection *c)
{
    (void)arg;
    if (!progress_due())
        return;
    if (!c->step)
        progress_show("waiting for %llu %s that began before", (unsigned long long)c->waiting,
                      c->waiting == 1 ? "import" : "imports");
    else
        progress_show("%s: looked at %llu of %llu, dropped %llu nodes, %llu blobs, %llu files", c->step,
                      (unsigned long long)c->looked, (unsigned long long)c->expected, (unsigned long long)c->nodes,
                      (unsigned long long)c->blobs, (unsigned long long)c->files);
}

static void print_plain(const struct collection *c)
{
    char bytes[SIZE_TEXT_SIZE], freed[SIZE_TEXT_SIZE];

    size_format(bytes, c->bytes);
    size_format(freed, c->freed);
    printf("dropped %llu images, %llu chains, %llu layers, %llu frames, %llu chunks, %llu nodes, %llu blobs, %llu "
           "files; %s of content; the disk has %s back\n",
           (unsigned long long)c->images, (unsigned long long)c->chains, (unsigned long long)c->layers,
           (unsigned long long)c->frames, (unsigned long long)c->chunks, (unsigned long long)c->nodes,
           (unsigned long long)c->blobs, (unsigned long long)c->files, bytes, freed);
}

static void print_json(const struct collection *c)
{
    struct buffer line cleanup_buffer = {0};

    jsonl_begin(&line);
    jsonl_number(&line, "images", c->images);
    jsonl_number(&line, "chains", c->chains);
    jsonl_number(&line, "layers", c->layers);
    jsonl_number(&line, "frames", c->frames);
    jsonl_number(&line, "chunks", c->chunks);
    jsonl_number(&line, "nodes", c->nodes);
    jsonl_number(&line, "blobs", c->blobs);
    jsonl_number(&line, "files", c->files);
    jsonl_number(&line, "bytes", c->bytes);
    jsonl_number(&line, "freed", c->freed);
    jsonl_end(&line);
    print_json_lines(line.bytes, line.size);
}

static int run(const struct invocation *invocation, int argc, char **argv, struct error *err)
{
    struct collection collection = {.progress = progress};
    struct store *store;

    (void)argv;
    if (argc)
        return error_usage(err, "there is nothing to name; --store says which store");
    int result = store_open(&store, invocation->store, STORE_WRITE, err);
    if (result < 0)
        return result;
    result = store_collect(&collection, store, err);
    store_close(store);
    if (result < 0)
        return result;
    progress_clear();
    (invocation->json ? print_json : print_plain)(&collection);
    return EXIT_DONE;
}

const struct command command_gc = {
    .name = "gc",
    .arguments = "",
    .summary = "Drop what no snapshot refers to any more, and give back the space",
    .help = "Images, layers, frames, directories and contents that neither a snapshot nor a live import needs go, in\n"
            "small steps, beside servers and imports. Imports that began before are waited for. It may be stopped or\n"
            "killed at any time; the next one goes on. What to forget says `confuse forget`.\n\n"
            "    confuse forget --keep-daily 14 && confuse gc\n",
    .run = run,
};
