/* export.c - `confuse export SNAP [FILE]`: a snapshot's files as a tar, or as an image. */
#include "cli/export_oci.h"
#include "cli/export_tar.h"
#include "cli/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct {
    const char *form;
    bool made;
} given;

static const struct option_spec OPTIONS[] = {
    {"output", 'o', OPTION_TEXT, &given.form, "FORM", "tar, or oci: an image layout of one layer, in a tar"},
    {"made", 0, OPTION_FLAG, &given.made, NULL, "what nobody captured but tools expect, too"},
    {0},
};

static int write_to(void *arg, const void *bytes, size_t size, struct error *err)
{
    const uint8_t *from = bytes;
    int fd = *(const int *)arg;

    while (size) {
        ssize_t put = write(fd, from, size);

        if (put < 0 && errno != EINTR)
            return error_system(err, errno, "cannot write the tar");
        if (put > 0) {
            from += put;
            size -= (size_t)put;
        }
    }
    return 0;
}

static int export_plain(struct export_count *count, struct view *view, const struct export_options *options, int fd,
                        struct error *err)
{
    return export_tar(count, view, options, write_to, &fd, err);
}

static const struct form {
    const char *name;
    int (*export)(struct export_count *count, struct view *view, const struct export_options *options, int fd,
                  struct error *err);
} FORMS[] = {{"tar", export_plain}, {"oci", export_oci}};

static const struct form *find_form(const char *name)
{
    for (size_t i = 0; i < sizeof FORMS / sizeof *FORMS; i++)
        if (strcmp(FORMS[i].name, name) == 0)
            return &FORMS[i];
    return NULL;
}

/* One line of what is not as it was. Is the tree whole, but for what was made? */
static bool tell(const struct export_count *count)
{
    static const char *const whats[] = {"absent", "made", "that a tar cannot hold"};
    const uint64_t counts[] = {count->absent, count->made, count->unfit};
    bool any = false;

    progress_clear();
    for (size_t i = 0; i < sizeof whats / sizeof *whats; i++) {
        if (counts[i])
            fprintf(stderr, "%s%llu %s", any ? ", " : "confuse export: left out: ", (unsigned long long)counts[i],
                    whats[i]);
        any = any || counts[i];
    }
    if (count->lossy)
        fprintf(stderr, "%s%llu lossy, as they are", any ? "; " : "confuse export: ", (unsigned long long)count->lossy);
    if (any || count->lossy)
        fputc('\n', stderr);
    return !count->absent && !count->unfit && !count->lossy;
}

static int write_file(struct export_count *count, struct view *view, const struct form *form, const char *name,
                      struct error *err)
{
    const struct export_options options = {.made = given.made};
    struct stat st;
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

    if (fd < 0)
        return error_system(err, errno, "%s", name);
    int result = form->export(count, view, &options, fd, err);
    bool is_file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    if (close(fd) < 0 && result == 0)
        result = error_system(err, errno, "%s", name);
    if (result < 0 && is_file)
        unlink(name); /* half a tar looks like one; never a device */
    return result;
}

static int run(const struct invocation *invocation, int argc, char **argv, struct error *err)
{
    const struct form *form = find_form(given.form ? given.form : "tar");
    const struct export_options options = {.made = given.made};
    struct view view cleanup_view = {0};
    struct export_count count = {0};
    bool to_file = argc == 2 && strcmp(argv[1], "-") != 0;

    if (!form)
        return error_usage(err, "--output is tar or oci, not %s", given.form);
    if (argc > 2)
        return error_usage(err, "one snapshot and one file at most");
    if (!to_file && isatty(STDOUT_FILENO))
        return error_usage(err, "a terminal is no place for a tar: name a file, or send it somewhere");
    int result = view_open(&view, invocation, argc ? 1 : 0, argv, err);
    if (result == 0 && strcmp(view.path, "/") != 0)
        return error_usage(err, "a whole snapshot is exported, not %s of it", view.path);
    if (result == 0)
        result = to_file ? write_file(&count, &view, form, argv[1], err)
                         : form->export(&count, &view, &options, STDOUT_FILENO, err);
    if (result < 0)
        return result;
    return tell(&count) ? EXIT_DONE : EXIT_NEGATIVE;
}

const struct command command_export = {
    .name = "export",
    .arguments = "SNAP [FILE]",
    .summary = "Write a snapshot's files as a tar, or as an image",
    .help =
        "A tar is of pax form, with hard links, devices, extended attributes and times to the nanosecond; importing\n"
        "it gives the tree that was exported, under the same digest. An image has that tar for its one layer, and\n"
        "the config of the snapshot's image, if it has one. Without FILE it goes to standard output.\n"
        "Files whose content was never captured cannot be in it, and what was made is not unless --made asks for\n"
        "it. Exit 1 when something captured is missing or lossy in what was written, which one line tells.\n\n"
        "    confuse export prod/web-1@latest web-1.tar\n"
        "    confuse export 75d86b01 | tar -tv\n"
        "    confuse export -o oci 75d86b01 | skopeo copy oci-archive:/dev/stdin docker://registry/web-1:seen\n",
    .options = OPTIONS,
    .run = run,
};
