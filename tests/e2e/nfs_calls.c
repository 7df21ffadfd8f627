/* nfs_calls.c - see nfs_calls.h. */
#include "tests/e2e/nfs_calls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

uint32_t call_mount(struct fh *fh, struct client *client, const char *path)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};

    add_text(&args, path);
    assert_int_equal(client_call(client, MOUNT_PROGRAM, 3, 1, &args), CLIENT_SUCCESS);
    uint32_t status = client_u32(client);
    if (status == OK) {
        read_handle(fh, client);
        assert_int_equal(client_u32(client), 2); /* flavours */
        assert_int_equal(client_u32(client), 1); /* AUTH_SYS first */
        assert_int_equal(client_u32(client), 0);
    }
    client_done(client);
    return status;
}

uint32_t call_nfs(struct client *client, uint32_t procedure, const struct fh *fh, const struct buffer *args)
{
    struct buffer all __attribute__((cleanup(buffer_free))) = {0};

    add_opaque(&all, fh->bytes, fh->size);
    if (args)
        buffer_add(&all, args->bytes, args->size);
    assert_int_equal(client_call(client, NFS_PROGRAM, 3, procedure, &all), CLIENT_SUCCESS);
    return client_u32(client);
}

static uint64_t read_time(struct client *client)
{
    uint64_t seconds = client_u32(client);
    uint32_t ns = client_u32(client);

    assert_true(ns < 1000000000);
    return seconds * 1000000000 + ns;
}

void read_attr(struct attr *a, struct client *client)
{
    a->there = true;
    a->type = client_u32(client);
    a->mode = client_u32(client);
    a->nlink = client_u32(client);
    a->uid = client_u32(client);
    a->gid = client_u32(client);
    a->size = client_u64(client);
    a->used = client_u64(client);
    a->major = client_u32(client);
    a->minor = client_u32(client);
    a->fsid = client_u64(client);
    a->fileid = client_u64(client);
    a->atime = read_time(client);
    a->mtime = read_time(client);
    a->ctime = read_time(client);
    assert_in_range(a->type, 1, 7);
    assert_true(a->nlink > 0 && a->fileid > 0);
}

void read_post_op(struct attr *attr, struct client *client)
{
    uint32_t follows = client_u32(client);

    assert_in_range(follows, 0, 1);
    attr->there = false;
    if (follows)
        read_attr(attr, client);
}

void read_wcc(struct attr *after, struct client *client)
{
    assert_int_equal(client_u32(client), 0);
    read_post_op(after, client);
}

void read_handle(struct fh *fh, struct client *client)
{
    const uint8_t *bytes = client_opaque(&fh->size, client);

    assert_in_range(fh->size, 1, 56);
    memset(fh->bytes, 0, sizeof fh->bytes);
    memcpy(fh->bytes, bytes, fh->size);
}

uint32_t call_getattr(struct attr *attr, struct client *client, const struct fh *fh)
{
    struct attr unused;
    uint32_t status = call_nfs(client, GETATTR, fh, NULL);

    if (status == OK)
        read_attr(attr ? attr : &unused, client);
    client_done(client);
    return status;
}

uint32_t call_lookup(struct fh *child, struct attr *attr, struct client *client, const struct fh *directory,
                     const char *name, size_t size)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};
    struct attr unused, of_directory;
    struct fh unused_handle;

    add_opaque(&args, name, size);
    uint32_t status = call_nfs(client, LOOKUP, directory, &args);
    if (status == OK) {
        read_handle(child ? child : &unused_handle, client);
        read_post_op(attr ? attr : &unused, client);
        assert_true(attr ? attr->there : unused.there);
    }
    read_post_op(&of_directory, client);
    /* What is forgotten while it is looked at is STALE, and its directory may have been found before. */
    assert_true(status == STALE || of_directory.there == (status != BADHANDLE));
    client_done(client);
    return status;
}

uint32_t call_access(uint32_t *granted, struct client *client, const struct fh *fh, uint32_t asked)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};
    struct attr attr;

    buffer_add_be32(&args, asked);
    uint32_t status = call_nfs(client, ACCESS, fh, &args);
    read_post_op(&attr, client);
    if (status == OK)
        *granted = client_u32(client);
    client_done(client);
    return status;
}

uint32_t call_read(const uint8_t **data, uint32_t *count, bool *eof, struct client *client, const struct fh *fh,
                   uint64_t offset, uint32_t asked)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};
    struct attr attr;
    uint32_t size;

    buffer_add_be64(&args, offset);
    buffer_add_be32(&args, asked);
    uint32_t status = call_nfs(client, READ, fh, &args);
    read_post_op(&attr, client);
    assert_true(attr.there || status == BADHANDLE || status == STALE);
    if (status == OK) {
        *count = client_u32(client);
        *eof = client_u32(client);
        *data = client_opaque(&size, client);
        assert_int_equal(size, *count);
    }
    client_done(client);
    return status;
}

struct fh call_walk(struct client *client, const struct fh *from, const char *path)
{
    struct fh fh = *from;

    while (*path) {
        size_t size = strcspn(path, "/");
        struct fh directory = fh;

        if (size)
            assert_int_equal(call_lookup(&fh, NULL, client, &directory, path, size), OK);
        path += size + (path[size] == '/');
    }
    return fh;
}
