/* ls.c - `confuse ls [-lR] SNAP[:PATH]`: names, or with -l everything that lstat would tell, and how it is known. */
#include "base/jsonl.h"
#include "base/timestamp.h"
#include "cli/terminal.h"
#include "cli/view.h"
#include "tree/known.h"
#include "tree/manifest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool long_form, recursive;

static const struct option_spec OPTIONS[] = {
    {"long", 'l', OPTION_FLAG, &long_form, NULL, "mode, links, owner, size, time and how it is known"},
    {"recursive", 'R', OPTION_FLAG, &recursive, NULL, "all that is below, too"},
    {0},
};

/* Columns that the words of known.h need, with those of images and without. */
#define KNOWN_WIDTH_IMAGE 14
#define KNOWN_WIDTH 8

struct listing {
    struct view *view;
    size_t base; /* bytes of the listed directory's own path, as far as names are shown without it */
    struct buffer line;
    struct known *known;
    struct error *err;
};

/* "drwxr-xr-t" */
static void format_mode(char out[11], uint32_t mode)
{
    static const char types[16] = {
        [S_IFREG >> 12] = '-', [S_IFDIR >> 12] = 'd', [S_IFLNK >> 12] = 'l',  [S_IFCHR >> 12] = 'c',
        [S_IFBLK >> 12] = 'b', [S_IFIFO >> 12] = 'p', [S_IFSOCK >> 12] = 's',
    };
    static const char letters[] = "rwxrwxrwx";
    static const struct {
        uint32_t bit;
        int place;
        char with, without; /* execute permission */
    } special[] = {{S_ISUID, 3, 's', 'S'}, {S_ISGID, 6, 's', 'S'}, {S_ISVTX, 9, 't', 'T'}};

    out[0] = types[mode >> 12 & 15] ? types[mode >> 12 & 15] : '?';
    for (int i = 0; i < 9; i++)
        out[i + 1] = mode & (0400u >> i) ? letters[i] : '-';
    for (int i = 0; i < 3; i++)
        if (mode & special[i].bit)
            out[special[i].place] = out[special[i].place] == 'x' ? special[i].with : special[i].without;
    out[10] = '\0';
}

static enum colour colour_of(const struct entry *entry)
{
    if (S_ISDIR(entry->mode))
        return COLOUR_BLUE;
    if (S_ISLNK(entry->mode))
        return COLOUR_CYAN;
    return entry->flags & ENTRY_ABSENT ? COLOUR_DIM : COLOUR_NONE;
}

static void print_long(const struct tree_place *place, const char *known, int width)
{
    const struct entry *entry = place->entry;
    char mode[11], time[TIMESTAMP_TEXT_SIZE], size[32];

    format_mode(mode, entry->mode);
    timestamp_format_seconds(time, entry->mtime);
    if (S_ISCHR(entry->mode) || S_ISBLK(entry->mode))
        snprintf(size, sizeof size, "%u,%u", entry->rdev_major, entry->rdev_minor);
    else
        snprintf(size, sizeof size, "%llu", (unsigned long long)entry->size);
    printf("%s %3u %5u %5u %10s %s %-*s ", mode, place->nlink, entry->uid, entry->gid, size, time, width, known);
}

static int show_json(struct listing *l, const struct tree_step *step, const char *known)
{
    buffer_clear(&l->line);
    jsonl_begin(&l->line);
    int result = manifest_members(&l->line, l->view->reader, step, known, l->err);
    jsonl_end(&l->line);
    return result < 0 ? result : view_print(NULL, l->line.bytes, l->line.size);
}

static int show_line(void *arg, const struct tree_step *step)
{
    struct listing *l = arg;
    const struct entry *entry = step->place.entry;
    const char *known;
    int result = known_of(&known, l->known, step, l->err);

    if (result < 0 || step->size <= l->base) /* the listed directory itself */
        return result;
    if (long_form)
        print_long(&step->place, known, l->view->snapshot.image ? KNOWN_WIDTH_IMAGE : KNOWN_WIDTH);
    fputs(colour(colour_of(entry)), stdout);
    print_text(step->path + l->base, step->size - l->base);
    fputs(colour(COLOUR_NONE), stdout);
    if (long_form && entry->target) {
        fputs(" -> ", stdout);
        print_text(entry->target, entry->target_size);
    }
    putchar('\n');
    return 0;
}

static int show_json_line(void *arg, const struct tree_step *step)
{
    struct listing *l = arg;
    const char *known;
    int result = known_of(&known, l->known, step, l->err);

    return result < 0 || step->size <= l->base ? result : show_json(l, step, known);
}

static int run(const struct invocation *invocation, int argc, char **argv, struct error *err)
{
    struct view view cleanup_view = {0};
    struct listing listing = {.view = &view, .err = err};
    struct tree_place place;
    int result = view_open(&view, invocation, argc, argv, err);

    if (result == 0)
        result = view_find(&place, &view, err);
    if (result < 0)
        return result;
    /* Names are shown below the directory that was asked for; a single file by its whole path. */
    size_t size = strlen(view.path);
    if (S_ISDIR(place.entry->mode))
        listing.base = size > 1 ? size + 1 : 1;
    result = known_new(&listing.known, view.reader, &view.snapshot, err);
    if (result == 0)
        result = tree_visit(view.reader, &place, view.path, recursive, invocation->json ? show_json_line : show_line,
                            &listing, err);
    known_free(listing.known);
    buffer_free(&listing.line);
    return result;
}

const struct command command_ls = {
    .name = "ls",
    .arguments = "SNAP[:PATH]",
    .summary = "List a directory of a snapshot",
    .help = "With -R each line is a path below PATH. The last column of -l but the name tells how the file is known:\n"
            "captured, image, image-unproven, made, lossy or absent (nobody has its content; reading it over NFS is\n"
            "refused).\n\n"
            "    confuse ls -l 0ef2e08e:/etc\n"
            "    confuse ls -lR prod/web-1@latest | grep rwsr\n",
    .options = OPTIONS,
    .run = run,
};
