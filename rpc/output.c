/* output.c - sending replies and the pieces of files in them. */
#include "rpc/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

size_t output_waiting(const struct output *output)
{
    return output->size - output->sent + output->file_bytes;
}

bool output_is_full(const struct output *output)
{
    return output_waiting(output) >= RPC_OUTPUT_MAX || output->file_count == RPC_FILES_MAX;
}

void output_add_file(struct output *output, int fd, uint64_t offset, uint32_t length)
{
    size_t pad = (4 - length % 4) % 4;

    output->files[output->file_count++] =
        (struct output_file){.at = output->size, .fd = fd, .offset = (off_t)offset, .left = length};
    output->file_bytes += length;
    memset(output->bytes + output->size, 0, pad);
    output->size += pad;
}

static int send_bytes(struct output *output, int socket, size_t until, bool more)
{
    ssize_t n = send(socket, output->bytes + output->sent, until - output->sent, MSG_NOSIGNAL | (more ? MSG_MORE : 0));

    if (n < 0)
        return -errno;
    output->sent += (size_t)n;
    return 0;
}

/* sendfile(2) has no MSG_NOSIGNAL: rpc_server_run() has SIGPIPE ignored. */
static int send_file(struct output *output, int socket, struct output_file *file)
{
    ssize_t n = sendfile(socket, file->fd, &file->offset, file->left);

    if (n < 0)
        return -errno;
    if (n == 0)
        return -EIO; /* the file is shorter than the reply says: this record cannot be finished */
    file->left -= (uint32_t)n;
    output->file_bytes -= (size_t)n;
    if (file->left == 0) {
        close(file->fd);
        output->file_first++;
    }
    return 0;
}

int output_send(struct output *output, int socket)
{
    for (;;) {
        struct output_file *file = output->file_first < output->file_count ? &output->files[output->file_first] : NULL;
        size_t until = file ? file->at : output->size;
        int r;

        if (output->sent < until)
            r = send_bytes(output, socket, until, file != NULL);
        else if (file)
            r = send_file(output, socket, file);
        else
            return 1;
        if (r == -EAGAIN || r == -EWOULDBLOCK)
            return 0;
        if (r < 0 && r != -EINTR)
            return r;
    }
}

struct output *output_keep(struct output *output)
{
    size_t size = output->size - output->sent;
    struct output *kept = malloc(sizeof *kept + size);

    if (!kept)
        return NULL;
    *kept = (struct output){.bytes = (uint8_t *)(kept + 1), .size = size, .file_bytes = output->file_bytes};
    memcpy(kept->bytes, output->bytes + output->sent, size);
    for (unsigned i = output->file_first; i < output->file_count; i++) {
        kept->files[kept->file_count] = output->files[i];
        kept->files[kept->file_count++].at -= output->sent;
    }
    output->file_first = output->file_count; /* their descriptors moved */
    output_clear(output);
    return kept;
}

void output_clear(struct output *output)
{
    for (unsigned i = output->file_first; i < output->file_count; i++)
        close(output->files[i].fd);
    output->sent = output->size = output->file_bytes = 0;
    output->file_first = output->file_count = 0;
}

void output_free(struct output *output)
{
    if (!output)
        return;
    output_clear(output);
    free(output);
}
