/* read.c - READ and READLINK: contents.
 *
 * Data that are in memory (small contents in the cache of the trees, large ones mapped) are sent from there. A frame as
 * received is unpacked into the reply, as much of it as is asked for, and renderings are read into it.
 */
#include "nfsd/permission.h"
#include "nfsd/procedures.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes up to which data are copied into the reply: what one piece more costs sendmsg(2) is about what copying them
 * does. */
#define COPY_MAX 2048u

/* Before a READ's data: status, attributes, count, eof, and the count again. */
enum { READ_HEAD_SIZE = WORD_SIZE + POST_OP_SIZE + 3 * WORD_SIZE };

/* Request: a symbolic link's handle (RFC 1813, 3.3.5).
 * Reply: its target; ACCES when the target was not captured.
 * Bound: one descent in a tree, or two queries; one copy of at most 4095 bytes. */
enum accept_stat nfs3_readlink(struct rpc_call *call, struct words *args, uint8_t **result)
{
    char room[TIMESTAMP_TEXT_SIZE];
    const char *target;
    struct named link;

    if (!nfs3_take_object(&link, call, args))
        return GARBAGE_ARGS;
    const struct object *object = named_object(&link);
    if (object && !S_ISLNK(object_mode(object)))
        link.status = NFS3ERR_INVAL;
    else if (object && object_is_absent(object))
        link.status = NFS3ERR_ACCES;
    *result = put_post_op_attr(put_word(*result, link.status), object);
    if (link.status == NFS3_OK) {
        uint32_t size = (uint32_t)object_target(&target, room, object);
        *result = put_opaque(*result, target, size);
    }
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

/* A READ while it is answered. */
struct reading {
    uint64_t offset;
    uint32_t count;
    bool eof;
    uint8_t *data, *end; /* where data go if they are no piece of their own, and how far they went */
};

static int copy(struct reading *reading, struct nfsd_worker *worker, const struct content *content)
{
    ssize_t n = reading->count;

    if (content->bytes)
        memcpy(reading->data, content->bytes, reading->count);
    else if (n > 0)
        n = content->read(reading->data, worker, content, reading->offset, reading->count);
    if (n < 0)
        return (int)n;
    reading->end = put_padding(reading->data + n, reading->count);
    return (uint32_t)n == reading->count ? 0 : -ENOENT; /* shorter than its row says: this is not the blob any more */
}

static int read_object(struct reading *reading, struct rpc_call *call, const struct object *file, uint32_t count)
{
    struct content content;
    int result = object_open(&content, call->worker, file, reading->offset);

    if (result < 0)
        return result;
    reading->count = clip(&reading->eof, content.size, reading->offset, count);
    if (content.bytes && (reading->count > COPY_MAX || content.hold))
        result = rpc_call_send(call, content.bytes, reading->count, content.hold);
    else
        result = copy(reading, call->worker, &content);
    if (content.fd >= 0)
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
 * Bound: one descent in a tree; two queries, or a mapping made, for what is not in memory; of a frame, unpacking at
 *   most READ_SIZE_MAX and two chunks. */
enum accept_stat nfs3_read(struct rpc_call *call, struct words *args, uint8_t **result)
{
    uint8_t *p = *result;
    struct reading reading = {.data = p + READ_HEAD_SIZE, .end = p + READ_HEAD_SIZE};
    struct named file;
    uint32_t count;

    if (!nfs3_take_object(&file, call, args) || !words_take64(&reading.offset, args) || !words_take(&count, args))
        return GARBAGE_ARGS;
    const struct object *object = named_object(&file);
    if (object)
        file.status = check(object, &call->credential);
    int error = file.status == NFS3_OK ? read_object(&reading, call, object, count) : 0;
    if (error < 0)
        file.status = why_unreadable(call->worker, object, error);
    p = put_post_op_attr(put_word(p, file.status), object);
    if (file.status == NFS3_OK) {
        put_word(put_word(put_word(p, reading.count), reading.eof), reading.count);
        p = reading.end;
    }
    *result = p;
    return SUCCESS;
}
