/* tag.c - `confuse tag`: names for snapshots, and pins. */
#include "cli/view.h"
#include "db/keep.h"

static struct {
    bool remove, pin, unpin;
} given;

static const struct option_spec OPTIONS[] = {
    {"delete", 'd', OPTION_FLAG, &given.remove, NULL, "take the tag NAMESPACE:NAME away; the snapshot stays"},
    {"pin", 0, OPTION_FLAG, &given.pin, NULL, "nothing forgets the snapshot"},
    {"unpin", 0, OPTION_FLAG, &given.unpin, NULL, "it is like any other again"},
    {0},
};

static int change(struct store *store, int argc, char **argv, struct error *err)
{
    struct snapshot snapshot;

    if (given.remove)
        return snapshot_untag(store, argv[0], err);
    int result = snapshot_resolve(&snapshot, store, argv[0], err);
    if (result < 0)
        return result;
    return argc == 2 ? snapshot_tag(store, &snapshot, argv[1], err) : snapshot_pin(store, &snapshot, given.pin, err);
}

static int run(const struct invocation *invocation, int argc, char **argv, struct error *err)
{
    int flags = given.remove + given.pin + given.unpin;
    struct store *store;

    if (flags > 1)
        return error_usage(err, "one of --delete, --pin and --unpin");
    if (flags ? argc != 1 : argc != 2)
        return error_usage(err, flags ? "one name is needed" : "a snapshot and a name are needed");
    int result = store_open(&store, invocation->store, STORE_WRITE, err);
    if (result < 0)
        return result;
    result = change(store, argc, argv, err);
    store_close(store);
    return result;
}

const struct command command_tag = {
    .name = "tag",
    .arguments = "SNAP NAME | --delete NAMESPACE:NAME | --pin SNAP | --unpin SNAP",
    .summary = "Give a snapshot a name, or pin it",
    .help =
        "NAMESPACE:NAME then names the snapshot, NAMESPACE being its own; a name that another one has moves. A name\n"
        "has 1 to 128 letters, digits, '_', '.' or '-'. Snapshots with a tag, and pinned ones, stay whatever the\n"
        "policy of `confuse forget` says; a pinned one cannot be forgotten by its name either.\n\n"
        "    confuse tag prod/web-1@latest before-the-incident\n"
        "    confuse show prod/web-1:before-the-incident\n"
        "    confuse tag --pin 75d86b01\n",
    .options = OPTIONS,
    .run = run,
};
