/* input.c - one block of memory; what is looked at from afar makes it grow. */
#include "import/input.h"

#include "base/hasher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
    bool is_extent; /* the next byte of the file is the one at `offset`, and `left` of them follow */
    uint64_t offset, left;
    struct hasher *hasher; /* at work on the block that was read last; NULL: no digest is taken */
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

int input_open_extent(struct input **input, int fd, uint64_t offset, uint64_t size, const char *name, struct error *err)
{
    int rc = input_open_fd(input, fd, name, err);

    if (rc < 0)
        return rc;
    (*input)->is_extent = true;
    (*input)->offset = offset;
    (*input)->left = size;
    return 0;
}

void input_restart(struct input *input, int fd, uint64_t offset, uint64_t size)
{
    close(input->fd);
    input->fd = fd;
    input->first = input->last = 0;
    input->skipped = 0;
    input->at_end = false;
    input->is_extent = true;
    input->offset = offset;
    input->left = size;
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
    hasher_free(input->hasher); /* first: it may be at work on what is let go */
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
    if (in->hasher)
        hasher_wait(in->hasher);
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

static ssize_t read_some(struct input *in, uint8_t *to)
{
    size_t size = in->is_extent && in->left < INPUT_BLOCK ? (size_t)in->left : INPUT_BLOCK;
    ssize_t got;

    do
        got = in->is_extent ? pread(in->fd, to, size, (off_t)in->offset) : read(in->fd, to, size);
    while (got < 0 && errno == EINTR);
    return got;
}

static int read_block(struct input *in, struct error *err)
{
    int rc = make_room(in, err);

    if (rc == 0 && in->hook && must_wait(in))
        rc = in->hook(in->hook_arg, err);
    if (rc < 0)
        return rc;
    ssize_t got = read_some(in, in->bytes + in->last);
    if (got < 0)
        return error_system(err, errno, "%s", in->name);
    if (got == 0 && in->is_extent && in->left > 0)
        return error_input(err, "%s: the file became shorter while it was read", in->name);
    if (in->is_extent) {
        in->offset += (uint64_t)got;
        in->left -= (uint64_t)got;
    }
    if (in->hasher && got > 0)
        hasher_add(in->hasher, in->bytes + in->last, (size_t)got);
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

int input_fd(const struct input *input)
{
    return input->fd;
}

uint64_t input_position(const struct input *input)
{
    return input->skipped;
}

bool input_extent(int *fd, uint64_t *offset, uint64_t *size, const struct input *input)
{
    uint64_t ahead = input->last - input->first;
    struct stat st;
    off_t at = input->is_extent ? (off_t)input->offset : lseek(input->fd, 0, SEEK_CUR);

    if (at < 0 || (uint64_t)at < ahead || fstat(input->fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < at)
        return false;
    *fd = input->fd;
    *offset = (uint64_t)at - ahead;
    *size = (input->is_extent ? input->left : (uint64_t)(st.st_size - at)) + ahead;
    return true;
}

uint64_t input_size(const struct input *input)
{
    uint64_t offset, size;
    int fd;

    return input_extent(&fd, &offset, &size, input) ? input->skipped + size : 0;
}

int input_hash(struct input *input, struct error *err)
{
    input->hasher = hasher_new();
    return input->hasher ? 0 : error_system(err, ENOMEM, "%s", input->name);
}

int input_digest(struct digest *digest, struct input *input, struct error *err)
{
    const uint8_t *bytes;
    ssize_t got;

    while ((got = input_peek(&bytes, input, 1, err)) > 0)
        input_skip(input, (size_t)got);
    if (got == 0)
        hasher_final(digest, input->hasher);
    return (int)got;
}
