/* cat.c - `confuse cat SNAP:PATH`: the bytes of one file. */
#include "cli/view.h"

#include "base/cleanup.h"
#include "db/blob.h"

#include <errno.h>
#include <stdio.h>

#define READ_SIZE (1u << 18) /* bytes at once */

static int print_blob(struct view *view, const struct blob *blob, struct error *err)
{
    cleanup_free char *bytes = malloc(READ_SIZE);
    ssize_t got;

    if (!bytes)
        return error_system(err, ENOMEM, "cannot read %s", view->path);
    for (uint64_t at = 0; at < blob->size; at += (uint64_t)got) {
        got = blob_read(bytes, view->store, blob, at, READ_SIZE, err);
        if (got < 0)
            return (int)got;
        if (got == 0)
            return error_system(err, EIO, "%s ends too early in the store; `confuse fsck` tells more", view->path);
        if (fwrite(bytes, 1, (size_t)got, stdout) != (size_t)got)
            return error_system(err, errno, "cannot write to standard output");
    }
    return EXIT_DONE;
}

static int run(const struct invocation *invocation, int argc, char **argv, struct error *err)
{
    struct view view cleanup_view = {0};
    struct tree_place place;
    struct blob blob;
    int result = view_open(&view, invocation, argc, argv, err);

    if (result == 0)
        result = view_find(&place, &view, err);
    if (result < 0)
        return result;
    if (!S_ISREG(place.entry->mode))
        return error_input(err, "%s is no regular file", view.path);
    result = tree_content(&blob, view.reader, place.entry, err);
    if (result == -EACCES)
        return error_negative(err, "%s: its content was not captured (%llu bytes)", view.path,
                              (unsigned long long)place.entry->size);
    if (result == -ENOENT)
        return error_system(err, EIO, "the content of %s is not in the store", view.path);
    return result < 0 ? result : print_blob(&view, &blob, err);
}

const struct command command_cat = {
    .name = "cat",
    .arguments = "SNAP:PATH",
    .summary = "Write the content of a file of a snapshot to standard output",
    .help = "Symbolic links are followed inside the snapshot. Content that was never captured is no error of yours: "
            "exit 1.\n\n"
            "    confuse cat 0ef2e08e:/etc/passwd\n"
            "    confuse cat prod/web-1@latest:/etc/os-release\n",
    .run = run,
};
