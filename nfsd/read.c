/* read.c - READ and READLINK: contents.
 *
 * Small contents are rows and are copied into the reply. Large ones are files: small pieces of them are copied too, so
 * that the replies of one wake-up leave in one write, and large pieces go from the page cache by sendfile. A frame as
 * received is unpacked, as much of it as is asked for.
 */
#include "db/blob.h"
#include "nfsd/permission.h"
#include "nfsd/procedures.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes up to which a piece of a file is copied. Eight READs in flight cost 2.5 us each at 16 KiB and 7 at 64 KiB when
 * copied, 6.5 and 10 when sent; at 128 KiB both are alike (server's CPU, loopback, 2 cores). */
#define COPY_MAX 65536u

/* Request: a symbolic link's handle (RFC 1813, 3.3.5).
 * Reply: its target; ACCES when the target was not captured.
 * Bound: one descent in a tree, one copy of at most 4095 bytes. */
enum accept_stat nfs3_readlink(struct rpc_call *call, const void *args, void *result)
{
    const GETATTR3args *in = args;
    READLINK3res *out = result;
    struct object link;
    post_op_attr attributes;

    out->status = nfs3_object(&link, &attributes, call, &in->object);
    if (out->status == NFS3_OK && !S_ISLNK(object_mode(&link)))
        out->status = NFS3ERR_INVAL;
    else if (out->status == NFS3_OK && object_is_absent(&link))
        out->status = NFS3ERR_ACCES;
    if (out->status != NFS3_OK) {
        out->READLINK3res_u.resfail.symlink_attributes = attributes;
        return SUCCESS;
    }
    const struct entry *entry = link.place.entry;
    char *target = rpc_call_alloc(call, entry->target_size);
    if (!target)
        return SYSTEM_ERR;
    memcpy(target, entry->target, entry->target_size);
    out->READLINK3res_u.resok = (READLINK3resok){
        .symlink_attributes = attributes,
        .data.nfspath3_val = target,
        .data.nfspath3_len = entry->target_size,
    };
    return SUCCESS;
}

/* May these bytes be served at all? */
static nfsstat3 check(const struct object *file, const struct rpc_credential *who)
{
    uint32_t mode = object_mode(file);

    if (S_ISDIR(mode))
        return NFS3ERR_ISDIR;
    if (!S_ISREG(mode))
        return NFS3ERR_INVAL;
    return object_readable(file, who) ? NFS3_OK : NFS3ERR_ACCES;
}

/* How many bytes of a content a call gets, and whether they are its last. */
static uint32_t clip(bool *eof, uint64_t size, uint64_t offset, uint32_t count)
{
    uint64_t left = offset < size ? size - offset : 0;

    if (count > READ_SIZE_MAX)
        count = READ_SIZE_MAX;
    *eof = count >= left;
    return *eof ? (uint32_t)left : count;
}

static int copy_file(struct read_result *out, const struct content *content, uint64_t offset)
{
    for (uint32_t done = 0; done < out->count;) {
        ssize_t n = pread(content->fd, out->data + done, out->count - done, (off_t)(offset + done));

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return -ENOENT; /* shorter than its row says: this is not the blob any more */
        done += n > 0 ? (uint32_t)n : 0;
    }
    return 0;
}

static int read_content(struct read_result *out, struct rpc_call *call, const struct content *content, uint64_t offset,
                        uint32_t count)
{
    out->count = clip(&out->eof, content->size, offset, count);
    if (content->fd >= 0 && out->count > COPY_MAX && call->stream) {
        int sent = rpc_call_send_file(call, content->fd, offset, out->count);

        if (sent != -EMFILE && sent != -ENFILE)
            return sent; /* else no descriptor is left for it, and it is copied */
    }
    out->data = rpc_call_alloc(call, out->count);
    if (!out->data)
        return -ENOMEM;
    if (content->fd >= 0)
        return copy_file(out, content, offset);
    if (out->count == 0)
        return 0;
    ssize_t n = content->read(out->data, call->worker, content, offset, out->count);
    if (n < 0)
        return (int)n;
    return (uint32_t)n == out->count ? 0 : -ENOENT;
}

static int read_object(struct read_result *out, struct rpc_call *call, const struct object *file, uint64_t offset,
                       uint32_t count)
{
    struct content content;
    int result = object_open(&content, call->worker, file);

    if (result < 0)
        return result;
    result = read_content(out, call, &content, offset, count);
    if (content.close_fd)
        close(content.fd);
    return result;
}

/* Content that should be there cannot be read: because its snapshot was removed meanwhile, or the store is damaged. */
static nfsstat3 why_unreadable(struct nfsd_worker *worker, const struct object *file, int error)
{
    if (!object_still_exported(worker, file))
        return NFS3ERR_STALE;
    if (error == -ENOENT)
        error = error_system(&worker->err, EIO, "content %lld is missing",
                             (long long)(file->place.entry ? file->place.entry->content : file->own.row));
    return nfs3_status(worker, error);
}

/* Request: a regular file's handle, an offset and a count (RFC 1813, 3.3.6).
 * Reply: the bytes, at most READ_SIZE_MAX, and whether they are the last; ACCES when they were not captured.
 * Bound: one descent in a tree; one query for what is no open file; one copy of at most 64 KiB, or sendfile; of a
 *   frame, unpacking at most READ_SIZE_MAX and two chunks. */
enum accept_stat nfs3_read(struct rpc_call *call, const void *args, void *result)
{
    const READ3args *in = args;
    struct read_result *out = result;
    struct object file;
    int error;

    out->status = nfs3_object(&file, &out->attributes, call, &in->file);
    if (out->status == NFS3_OK)
        out->status = check(&file, &call->credential);
    if (out->status != NFS3_OK)
        return SUCCESS;
    error = read_object(out, call, &file, in->offset, in->count);
    if (error < 0)
        out->status = why_unreadable(call->worker, &file, error);
    return SUCCESS;
}

/* RFC 1813, 3.3.6: READ3res. */
bool_t read_result_encode(XDR *xdrs, struct read_result *result)
{
    bool_t eof = result->eof;

    if (!xdr_nfsstat3(xdrs, &result->status) || !xdr_post_op_attr(xdrs, &result->attributes))
        return FALSE;
    if (result->status != NFS3_OK)
        return TRUE;
    return xdr_u_int(xdrs, &result->count) && xdr_bool(xdrs, &eof) && xdr_u_int(xdrs, &result->count) &&
           (!result->data || xdr_opaque(xdrs, result->data, result->count));
}
