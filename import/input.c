/* input.c - one block of memory; what is looked at from afar makes it grow. */
#include "import/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct input {
    char *name;
    int fd;
    uint8_t *bytes;     /* [first, last) of it are read and not yet skipped */
    size_t room;        /* of bytes */
    size_t first, last; /* offsets into bytes */
    uint64_t skipped;
    int (*hook)(void *arg, struct error *err); /* before waiting; may be NULL */
    void *hook_arg;
    bool at_end, is_stdin;
};

int input_open_fd(struct input **input, int fd, const char *name, struct error *err)
{
    struct input *in = calloc(1, sizeof *in);

    if (!in) {
        close(fd);
        return error_system(err, ENOMEM, "%s", name);
    }
    in->fd = fd;
    in->name = strdup(name);
    in->room = INPUT_BLOCK;
    in->bytes = malloc(in->room);
    if (!in->name || !in->bytes) {
        input_close(in);
        return error_system(err, ENOMEM, "%s", name);
    }
    *input = in;
    return 0;
}

int input_open(struct input **input, const char *path, struct error *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return error_system(err, errno, "%s", is_stdin ? "<stdin>" : path);
    int rc = input_open_fd(input, fd, is_stdin ? "<stdin>" : path, err);
    if (rc == 0)
        (*input)->is_stdin = is_stdin;
    return rc;
}

void input_close(struct input *input)
{
    if (!input)
        return;
    close(input->fd);
    free(input->bytes);
    free(input->name);
    free(input);
}

const char *input_name(const struct input *input)
{
    return input->name;
}

bool input_is_stdin(const struct input *input)
{
    return input->is_stdin;
}

/* Room for one more block behind what is there: by moving it to the front, or by growing. */
static int make_room(struct input *in, struct error *err)
{
    if (in->first > 0) {
        memmove(in->bytes, in->bytes + in->first, in->last - in->first);
        in->last -= in->first;
        in->first = 0;
    }
    if (in->room - in->last >= INPUT_BLOCK)
        return 0;
    uint8_t *bytes = realloc(in->bytes, in->last + INPUT_BLOCK);
    if (!bytes)
        return error_system(err, ENOMEM, "%s", in->name);
    in->bytes = bytes;
    in->room = in->last + INPUT_BLOCK;
    return 0;
}

static bool must_wait(const struct input *in)
{
    struct pollfd pollfd = {.fd = in->fd, .events = POLLIN};

    return poll(&pollfd, 1, 0) == 0;
}

static int read_block(struct input *in, struct error *err)
{
    int rc = make_room(in, err);
    ssize_t got;

    if (rc == 0 && in->hook && must_wait(in))
        rc = in->hook(in->hook_arg, err);
    if (rc < 0)
        return rc;
    do
        got = read(in->fd, in->bytes + in->last, INPUT_BLOCK);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return error_system(err, errno, "%s", in->name);
    in->last += (size_t)got;
    in->at_end = got == 0;
    return 0;
}

ssize_t input_peek(const uint8_t **bytes, struct input *input, size_t size, struct error *err)
{
    while (input->last - input->first < size && !input->at_end) {
        int rc = read_block(input, err);
        if (rc < 0)
            return rc;
    }
    *bytes = input->bytes + input->first;
    return (ssize_t)(input->last - input->first);
}

void input_skip(struct input *input, size_t size)
{
    input->first += size;
    input->skipped += size;
}

void input_before_wait(struct input *input, int (*hook)(void *arg, struct error *err), void *arg)
{
    input->hook = hook;
    input->hook_arg = arg;
}

uint64_t input_position(const struct input *input)
{
    return input->skipped;
}
