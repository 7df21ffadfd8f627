#include "tests/e2e/cache_calls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SECOND 1000000000ull

const struct sattr nothing_set = {UNSET, UNSET, UNSET, UNSET, UNSET};

static void add_word_if(struct buffer *args, uint64_t value)
{
    buffer_add_be32(args, value != UNSET);
    if (value != UNSET)
        buffer_add_be32(args, (uint32_t)value);
}

static void add_sattr(struct buffer *args, const struct sattr *sattr)
{
    add_word_if(args, sattr->mode);
    add_word_if(args, sattr->uid);
    add_word_if(args, sattr->gid);
    buffer_add_be32(args, sattr->size != UNSET);
    if (sattr->size != UNSET)
        buffer_add_be64(args, sattr->size);
    buffer_add_be32(args, 0); /* atime */
    buffer_add_be32(args, sattr->mtime == UNSET ? 0 : sattr->mtime == 1 ? 1 : 2);
    if (sattr->mtime != UNSET && sattr->mtime != 1) {
        buffer_add_be32(args, (uint32_t)(sattr->mtime / SECOND));
        buffer_add_be32(args, (uint32_t)(sattr->mtime % SECOND));
    }
}

static uint64_t read_time(struct client *client)
{
    uint64_t seconds = client_u32(client);

    return seconds * SECOND + client_u32(client);
}

void read_wcc_data(struct wcc *wcc, struct client *client)
{
    struct wcc ignored;

    wcc = wcc ? wcc : &ignored;
    *wcc = (struct wcc){0};
    wcc->before.there = client_u32(client);
    if (wcc->before.there) {
        wcc->before.size = client_u64(client);
        wcc->before.mtime = read_time(client);
        wcc->before.ctime = read_time(client);
    }
    read_post_op(&wcc->after, client);
}

/* Behind the status of a CREATE or MKDIR. */
static uint32_t read_new(struct fh *fh, struct wcc *wcc, struct client *client, uint32_t status)
{
    struct fh ignored;
    struct attr attr;

    if (status == OK) {
        assert_int_equal(client_u32(client), 1);
        read_handle(fh ? fh : &ignored, client);
        read_post_op(&attr, client);
    }
    read_wcc_data(wcc, client);
    client_done(client);
    return status;
}

uint32_t call_create(struct fh *fh, struct wcc *wcc, struct client *client, const struct fh *directory,
                     const char *name, uint32_t how, uint64_t verifier, const struct sattr *attributes)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};

    add_text(&args, name);
    buffer_add_be32(&args, how);
    if (how == EXCLUSIVE)
        buffer_add_be64(&args, verifier);
    else
        add_sattr(&args, attributes ? attributes : &nothing_set);
    return read_new(fh, wcc, client, call_nfs(client, CREATE, directory, &args));
}

uint32_t call_mkdir(struct fh *fh, struct client *client, const struct fh *directory, const char *name)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};
    struct sattr sattr = nothing_set;

    sattr.mode = 0755;
    add_text(&args, name);
    add_sattr(&args, &sattr);
    return read_new(fh, NULL, client, call_nfs(client, MKDIR, directory, &args));
}

uint32_t call_write(uint32_t *committed, uint64_t *verifier, struct wcc *wcc, struct client *client,
                    const struct fh *fh, uint64_t offset, const void *bytes, uint32_t size, uint32_t stable)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};
    uint32_t ignored_committed;
    uint64_t ignored_verifier;

    buffer_add_be64(&args, offset);
    buffer_add_be32(&args, size);
    buffer_add_be32(&args, stable);
    add_opaque(&args, bytes, size);
    uint32_t status = call_nfs(client, WRITE, fh, &args);
    read_wcc_data(wcc, client);
    if (status == OK) {
        assert_int_equal(client_u32(client), size);
        *(committed ? committed : &ignored_committed) = client_u32(client);
        *(verifier ? verifier : &ignored_verifier) = client_u64(client);
    }
    client_done(client);
    return status;
}

uint32_t call_commit(uint64_t *verifier, struct client *client, const struct fh *fh)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};
    uint64_t ignored_verifier;

    buffer_add_be64(&args, 0);
    buffer_add_be32(&args, 0);
    uint32_t status = call_nfs(client, COMMIT, fh, &args);
    read_wcc_data(NULL, client);
    if (status == OK)
        *(verifier ? verifier : &ignored_verifier) = client_u64(client);
    client_done(client);
    return status;
}

uint32_t call_setattr(struct wcc *wcc, struct client *client, const struct fh *fh, const struct sattr *attributes,
                      uint64_t guard)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};

    add_sattr(&args, attributes);
    buffer_add_be32(&args, guard != 0);
    if (guard) {
        buffer_add_be32(&args, (uint32_t)(guard / SECOND));
        buffer_add_be32(&args, (uint32_t)(guard % SECOND));
    }
    uint32_t status = call_nfs(client, SETATTR, fh, &args);
    read_wcc_data(wcc, client);
    client_done(client);
    return status;
}

static uint32_t call_name(struct client *client, uint32_t procedure, const struct fh *directory, const char *name)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};

    add_text(&args, name);
    uint32_t status = call_nfs(client, procedure, directory, &args);
    read_wcc_data(NULL, client);
    client_done(client);
    return status;
}

uint32_t call_remove(struct client *client, const struct fh *directory, const char *name)
{
    return call_name(client, REMOVE, directory, name);
}

uint32_t call_rmdir(struct client *client, const struct fh *directory, const char *name)
{
    return call_name(client, RMDIR, directory, name);
}

uint32_t call_rename(struct client *client, const struct fh *from, const char *name, const struct fh *to,
                     const char *new_name)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};

    add_text(&args, name);
    add_opaque(&args, to->bytes, to->size);
    add_text(&args, new_name);
    uint32_t status = call_nfs(client, RENAME, from, &args);
    read_wcc_data(NULL, client);
    read_wcc_data(NULL, client);
    client_done(client);
    return status;
}

const char *verdict_text(char out[VERDICT_TEXT], unsigned number, const char *suffix)
{
    snprintf(out, VERDICT_TEXT, "%064x%s", number, suffix);
    return out;
}
