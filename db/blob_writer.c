/* blob_writer.c - gathering a content until it is known to be small or large. */
#include "db/blob_writer.h"

#include "db/blob.h"
#include "db/blob_file.h"
#include "db/sql.h"

#include <errno.h>
#include <stdlib.h>

/* What is gathered of a large content is written when so much has come: few calls, and whole blocks. */
#define GATHER_MAX BLOB_INLINE_MAX
_Static_assert(GATHER_MAX % BLOB_FILE_BLOCK == 0, "holes are found block by block");

struct blob_writer {
    struct store *store;
    struct sha256 *sha;
    struct blob_file file; /* of a large content */
    size_t gathered;
    uint8_t bytes[GATHER_MAX];
};

int blob_writer_new(struct blob_writer **out, struct store *store, struct error *err)
{
    struct blob_writer *writer = malloc(sizeof *writer);
    struct sha256 *sha = sha256_new();

    if (!writer || !sha) {
        free(writer);
        sha256_free(sha);
        return error_system(err, ENOMEM, "cannot write a blob");
    }
    writer->store = store;
    writer->sha = sha;
    writer->file.fd = -1;
    writer->gathered = 0;
    *out = writer;
    return 0;
}

void blob_writer_drop(struct blob_writer *writer)
{
    struct digest unused;

    if (writer->file.fd >= 0)
        sha256_final(&unused, writer->sha);
    blob_file_drop(&writer->file);
    writer->gathered = 0;
}

void blob_writer_free(struct blob_writer *writer)
{
    if (!writer)
        return;
    blob_writer_drop(writer);
    sha256_free(writer->sha);
    free(writer);
}

/* Bytes of a content that is large. */
static int write_out(struct blob_writer *writer, const void *bytes, size_t size, struct error *err)
{
    int result = writer->file.fd < 0 ? blob_file_begin(&writer->file, writer->store, err) : 0;

    if (result < 0)
        return result;
    sha256_add(writer->sha, bytes, size);
    return blob_file_write(&writer->file, bytes, size, err);
}

static int spill(struct blob_writer *writer, struct error *err)
{
    size_t size = writer->gathered;

    writer->gathered = 0;
    return size ? write_out(writer, writer->bytes, size, err) : 0;
}

int blob_writer_add(struct blob_writer *writer, const void *bytes, size_t size, struct error *err)
{
    const uint8_t *from = bytes;
    int result = 0;

    while (size && result == 0) {
        size_t taken = size < GATHER_MAX - writer->gathered ? size : GATHER_MAX - writer->gathered;

        if (writer->gathered == GATHER_MAX) {
            result = spill(writer, err);
        } else if (writer->gathered == 0 && size > GATHER_MAX) {
            taken = size - size % GATHER_MAX;
            result = write_out(writer, from, taken, err);
        } else {
            memcpy(writer->bytes + writer->gathered, from, taken);
            writer->gathered += taken;
        }
        from += taken;
        size -= taken;
    }
    return result;
}

int blob_writer_finish(int64_t *id, struct digest *digest, uint64_t *size, struct blob_writer *writer,
                       struct error *err)
{
    int result;

    if (writer->file.fd < 0) {
        *size = writer->gathered;
        result = blob_put(id, digest, writer->store, writer->bytes, writer->gathered, err);
    } else {
        result = spill(writer, err);
        *size = writer->file.size;
        if (result == 0) {
            sha256_final(digest, writer->sha);
            result = blob_adopt(id, writer->store, digest, &writer->file, err);
        }
    }
    blob_writer_drop(writer);
    return result;
}
