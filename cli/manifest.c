/* manifest.c - `confuse manifest SNAP`: every path, what it is, and how its content is known. */
#include "tree/manifest.h"

#include "cli/view.h"

static int run(const struct invocation *invocation, int argc, char **argv, struct error *err)
{
    struct view view cleanup_view = {0};
    int result = view_open(&view, invocation, argc, argv, err);

    return result < 0 ? result : manifest_write(view.reader, &view.snapshot, view_print, NULL, err);
}

const struct command command_manifest = {
    .name = "manifest",
    .arguments = "SNAP",
    .summary = "List every path of a snapshot as JSON lines, with digests and how its content is known",
    .help =
        "\"known\" is captured; image (the content is that of the frame's image, and the file was not changed since "
        "the\n"
        "container was created); image-unproven (the same, but a hostile container may have changed it, or nothing\n"
        "tells of it); made (nobody captured it, tools expect it); lossy (some bytes were lost on the way) or absent.\n"
        "\"nlink\" stands where a file has several names.\n"
        "Behind the paths come the notes of the import: what was left out and why, sizes that differed.\n\n"
        "    confuse manifest 0ef2e08e | jq -r 'select(.known == \"captured\") | .path'\n",
    .run = run,
};
