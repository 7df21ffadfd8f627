/* handle.c - handles to bytes and back. The layout is in handle.h; no other file knows it. */
#include "nfsd/handle.h"

#include "base/bytes.h"

#include <string.h>

enum {
    FORMAT_VERSION = 1,
    PREFIX_SIZE = 8, /* version, kind, two zeros, number */
    CHECK_SIZE = 8,
};

static const uint8_t id_sizes[] = {
    [HANDLE_VIRTUAL] = 16,  [HANDLE_SNAPSHOT] = 16, [HANDLE_BLOBS] = 16, [HANDLE_BLOB] = 32,
    [HANDLE_META] = 16,     [HANDLE_LAYER] = 32,    [HANDLE_CHAIN] = 32, [HANDLE_DIFF] = 32,
    [HANDLE_DIFF_OLD] = 32, [HANDLE_DIFF_NEW] = 32, [HANDLE_AT] = 16,    [HANDLE_AT_TIME] = 24,
    [HANDLE_VERDICT] = 24,
};

_Static_assert(PREFIX_SIZE + HANDLE_ID_MAX + CHECK_SIZE <= HANDLE_SIZE_MAX, "the longest id fits");

size_t handle_id_size(unsigned kind)
{
    return kind < sizeof id_sizes ? id_sizes[kind] : 0;
}

size_t handle_encode(uint8_t out[HANDLE_SIZE_MAX], const struct siphash_key *key, const struct handle *handle)
{
    size_t checked = PREFIX_SIZE + handle_id_size(handle->kind);

    out[0] = FORMAT_VERSION;
    out[1] = (uint8_t)handle->kind;
    out[2] = out[3] = 0;
    put_be32(out + 4, handle->number);
    memcpy(out + PREFIX_SIZE, handle->id, checked - PREFIX_SIZE);
    put_be64(out + checked, siphash(key, out, checked));
    return checked + CHECK_SIZE;
}

bool handle_peek(struct handle *handle, const void *bytes, size_t size)
{
    const uint8_t *p = bytes;

    if (size < PREFIX_SIZE || p[0] != FORMAT_VERSION || p[2] != 0 || p[3] != 0)
        return false;
    size_t checked = PREFIX_SIZE + handle_id_size(p[1]);
    if (checked == PREFIX_SIZE || size != checked + CHECK_SIZE)
        return false;
    *handle = (struct handle){.kind = p[1], .number = get_be32(p + 4)};
    memcpy(handle->id, p + PREFIX_SIZE, checked - PREFIX_SIZE);
    return true;
}

bool handle_decode(struct handle *handle, const struct siphash_key *key, const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    size_t checked = size - CHECK_SIZE;

    /* One comparison of whole words: how long it takes tells nothing about the check's bytes. */
    return handle_peek(handle, bytes, size) && siphash(key, p, checked) == get_be64(p + checked);
}

uint64_t handle_fsid(const struct siphash_key *key, enum handle_kind kind, const uint8_t *id)
{
    uint8_t identity[5 + HANDLE_ID_MAX] = {'f', 's', 'i', 'd', (uint8_t)kind};

    memcpy(identity + 5, id, handle_id_size(kind));
    return siphash(key, identity, 5 + handle_id_size(kind));
}
