/* unified.c - contents go into files that live in memory only, which diff(1) opens by /proc/self/fd. */
#include "cli/unified.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "cli/terminal.h"
#include "db/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Lines that are shown at most of one file: past it nobody reads. */
#define UNIFIED_LINES_MAX 10000

/* What is to be compared, in memory. *is_text: it is small enough, and has no NUL. */
static int load(int *fd, bool *is_text, struct store *store, int64_t id, struct error *err)
{
    cleanup_free uint8_t *bytes = NULL;
    struct blob blob = {0};
    size_t at = 0;
    int result = id ? blob_find(&blob, store, id, err) : 0;

    if (result < 0)
        return result == -ENOENT ? error_system(err, EIO, "a content is not in the store") : result;
    *is_text = blob.size <= UNIFIED_SIZE_MAX;
    if (!*is_text)
        return 0;
    bytes = malloc((size_t)blob.size + 1);
    if (!bytes)
        return error_system(err, ENOMEM, "cannot compare contents");
    while (at < blob.size) {
        ssize_t got = blob_read(bytes + at, store, &blob, at, (size_t)blob.size - at, err);
        if (got <= 0)
            return got < 0 ? (int)got : error_system(err, EIO, "a content ends too early in the store");
        at += (size_t)got;
    }
    blob_rest(store);
    *is_text = !memchr(bytes, '\0', at);
    *fd = memfd_create("confuse", MFD_CLOEXEC);
    if (*fd < 0)
        return error_system(err, errno, "cannot compare contents");
    result = file_write_all(*fd, bytes, at, 0);
    return result < 0 ? error_system(err, -result, "cannot compare contents") : 0;
}

static void exec_diff(int a, int b, const char *label_a, const char *label_b, int output)
{
    char path_a[40], path_b[40];

    snprintf(path_a, sizeof path_a, "/proc/self/fd/%d", a);
    snprintf(path_b, sizeof path_b, "/proc/self/fd/%d", b);
    fcntl(a, F_SETFD, 0);
    fcntl(b, F_SETFD, 0);
    if (dup2(output, STDOUT_FILENO) >= 0)
        execlp("diff", "diff", "-u", "--label", label_a, "--label", label_b, "--", path_a, path_b, (char *)NULL);
    _exit(127);
}

static enum colour colour_of(const char *line)
{
    if (strncmp(line, "---", 3) == 0 || strncmp(line, "+++", 3) == 0)
        return COLOUR_BOLD;
    return *line == '+' ? COLOUR_GREEN : *line == '-' ? COLOUR_RED : *line == '@' ? COLOUR_CYAN : COLOUR_NONE;
}

/* Nothing that a content holds is let through to a terminal as it is, but tabs. */
static void print_line(const char *line, size_t size)
{
    size_t end = size && line[size - 1] == '\n' ? size - 1 : size;

    fputs(colour(colour_of(line)), stdout);
    for (size_t at = 0, tab; at <= end; at = tab + 1) {
        const char *found = memchr(line + at, '\t', end - at);

        tab = found ? (size_t)(found - line) : end;
        if (output_is_terminal())
            print_text(line + at, tab - at);
        else
            fwrite(line + at, 1, tab - at, stdout);
        if (found)
            putchar('\t');
    }
    fputs(colour(COLOUR_NONE), stdout);
    putchar('\n');
}

static int copy_output(int from, struct error *err)
{
    cleanup_fclose FILE *lines = fdopen(from, "r");
    cleanup_free char *line = NULL;
    size_t room = 0, count = 0;
    ssize_t size;

    if (!lines) {
        close(from);
        return error_system(err, errno, "cannot run diff");
    }
    while ((size = getline(&line, &room, lines)) > 0)
        if (count++ < UNIFIED_LINES_MAX)
            print_line(line, (size_t)size);
    if (count > UNIFIED_LINES_MAX)
        printf("(%zu more lines)\n", count - UNIFIED_LINES_MAX);
    return 0;
}

static int run_diff(int a, int b, const char *label_a, const char *label_b, struct error *err)
{
    int ends[2], status = 0;

    fflush(stdout);
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_system(err, errno, "cannot run diff");
    pid_t child = fork();
    if (child == 0)
        exec_diff(a, b, label_a, label_b, ends[1]);
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return error_system(err, errno, "cannot run diff");
    }
    int result = copy_output(ends[0], err);
    waitpid(child, &status, 0);
    if (result == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) > 1))
        return error_refused(err, EIO, "diff(1), which --unified needs, cannot be run or failed");
    return result;
}

int unified_print(struct store *store, const struct unified_side *a, const struct unified_side *b, struct error *err)
{
    cleanup_close int fd_a = -1;
    cleanup_close int fd_b = -1;
    bool is_text_a = false, is_text_b = false;
    int result = load(&fd_a, &is_text_a, store, a->content, err);

    if (result == 0 && is_text_a)
        result = load(&fd_b, &is_text_b, store, b->content, err);
    if (result < 0)
        return result;
    if (is_text_a && is_text_b)
        return run_diff(fd_a, fd_b, a->label, b->label, err);
    printf("%s(no text, or more than 1 MiB: not shown line by line)%s\n", colour(COLOUR_DIM), colour(COLOUR_NONE));
    return 0;
}
