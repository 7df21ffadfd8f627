/* spool.c - see spool.h. */
#include "import/spool.h"

#include "base/cleanup.h"
#include "base/file.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define SPOOL_BUFFER 262144u /* bytes gathered for one write; most frames' contents fit */

struct spool {
    const char *directory;
    int fd;           /* -1 until the buffer was full for the first time */
    uint64_t in_file; /* bytes in the file; the buffer follows them */
    size_t used;      /* of the buffer */
    uint8_t *view;    /* the file's first bytes, mapped; NULL: none are */
    size_t view_size;
    uint8_t buffer[SPOOL_BUFFER];
};

struct spool *spool_new(const char *directory)
{
    struct spool *spool = malloc(sizeof *spool);

    if (!spool)
        return NULL;
    spool->directory = directory;
    spool->fd = -1;
    spool->in_file = 0;
    spool->used = 0;
    spool->view = NULL;
    spool->view_size = 0;
    return spool;
}

static void end_view(struct spool *spool)
{
    if (spool->view)
        munmap(spool->view, spool->view_size);
    spool->view = NULL;
    spool->view_size = 0;
}

void spool_free(struct spool *spool)
{
    if (!spool)
        return;
    end_view(spool);
    if (spool->fd >= 0)
        close(spool->fd);
    free(spool);
}

uint64_t spool_size(const struct spool *spool)
{
    return spool->in_file + spool->used;
}

static int fail(const struct spool *spool, int errnum, struct error *err)
{
    return error_system(err, errnum, "a temporary file in %s", spool->directory);
}

static int write_out(struct spool *spool, const uint8_t *bytes, size_t size, struct error *err)
{
    if (spool->fd < 0) {
        int fd = file_open_unnamed(spool->directory);
        if (fd < 0)
            return fail(spool, -fd, err);
        spool->fd = fd;
    }
    int result = file_write_all(spool->fd, bytes, size, spool->in_file);
    if (result < 0)
        return fail(spool, -result, err);
    spool->in_file += size;
    return 0;
}

int spool_add(struct spool *spool, const void *bytes, size_t size, struct error *err)
{
    if (size > SPOOL_BUFFER - spool->used) {
        size_t used = spool->used;

        spool->used = 0;
        int rc = write_out(spool, spool->buffer, used, err);
        if (rc < 0)
            return rc;
        if (size >= SPOOL_BUFFER)
            return write_out(spool, bytes, size, err);
    }
    if (size > 0)
        memcpy(spool->buffer + spool->used, bytes, size);
    spool->used += size;
    return 0;
}

int spool_read(void *out, struct spool *spool, uint64_t offset, size_t size, struct error *err)
{
    uint8_t *to = out;

    while (size > 0 && offset < spool->in_file) {
        uint64_t left = spool->in_file - offset;
        ssize_t n = pread(spool->fd, to, left < size ? (size_t)left : size, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail(spool, n < 0 ? errno : EIO, err);
        to += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    if (size == 0)
        return 0;
    if (offset + size > spool_size(spool))
        return fail(spool, EIO, err);
    memcpy(to, spool->buffer + (offset - spool->in_file), size);
    return 0;
}

/* Everything that was written is in the file and mapped. */
static int begin_view(struct spool *spool, struct error *err)
{
    size_t used = spool->used;

    spool->used = 0;
    int rc = write_out(spool, spool->buffer, used, err);
    if (rc < 0)
        return rc;
    end_view(spool);
    uint8_t *view = mmap(NULL, (size_t)spool->in_file, PROT_READ, MAP_SHARED, spool->fd, 0);
    if (view == MAP_FAILED)
        return fail(spool, errno, err);
    spool->view = view;
    spool->view_size = (size_t)spool->in_file;
    return 0;
}

const uint8_t *spool_view(struct spool *spool, uint64_t offset, size_t size, struct error *err)
{
    if (offset + size > spool_size(spool)) {
        fail(spool, EIO, err);
        return NULL;
    }
    if (offset >= spool->in_file)
        return spool->buffer + (offset - spool->in_file);
    if ((!spool->view || offset + size > spool->view_size) && begin_view(spool, err) < 0)
        return NULL;
    return spool->view + offset;
}

int spool_clear(struct spool *spool, struct error *err)
{
    end_view(spool);
    spool->used = 0;
    spool->in_file = 0;
    if (spool->fd >= 0 && ftruncate(spool->fd, 0) < 0)
        return fail(spool, errno, err);
    return 0;
}
