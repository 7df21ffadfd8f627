/* readdir.c - READDIR and READDIRPLUS: listings, encoded entry by entry while the directory is walked.
 *
 * Cookies are positions that never move (export.h), the same for both procedures, since Linux mixes them in one
 * listing.
 */
#include "base/bytes.h"
#include "nfsd/permission.h"
#include "nfsd/procedures.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Sizes on the wire, in bytes. */
enum {
    WORD = 4,
    FATTR3_SIZE = 84,
    ENTRY_NAMES_MAX = WORD + 8 + WORD + ENTRY_NAME_MAX + 1 + 8, /* "one follows", fileid, name, cookie */
    ENTRY_SIZE_MAX = ENTRY_NAMES_MAX + WORD + FATTR3_SIZE + WORD + WORD + HANDLE_SIZE_MAX,
    LIST_END_SIZE = 2 * WORD, /* "none follows", eof */
};

/* Nothing here is ever renumbered, so one verifier serves for ever. Zeros, which a first call has and which Solaris
 * always sends, are taken too. */
static const char no_verifier[NFS3_COOKIEVERFSIZE];
static const char our_verifier[NFS3_COOKIEVERFSIZE] = {'c', 'o', 'n', 'f', 'u', 's', 'e', '1'};

static bool known_verifier(const char *verifier)
{
    return memcmp(verifier, no_verifier, sizeof no_verifier) == 0 ||
           memcmp(verifier, our_verifier, sizeof our_verifier) == 0;
}

static void begin(struct readdir_result *out, struct rpc_call *call, const nfs_fh3 *handle, uint64_t cookie,
                  const char *verifier)
{
    out->worker = call->worker;
    out->cookie = cookie;
    out->status = nfs3_object(&out->directory, &out->attributes, call, handle);
    if (out->status != NFS3_OK)
        return;
    if (!S_ISDIR(object_mode(&out->directory)))
        out->status = NFS3ERR_NOTDIR;
    else if (!(object_permits(&out->directory, &call->credential) & PERMIT_READ))
        out->status = NFS3ERR_ACCES;
    else if (!known_verifier(verifier))
        out->status = NFS3ERR_BAD_COOKIE;
}

static uint32_t at_most(uint32_t size, uint32_t limit)
{
    return size < limit ? size : limit;
}

/* Request: a directory, a cookie to go on from, and how many bytes the reply may have (RFC 1813, 3.3.16).
 * Reply: fileids, names and cookies of as many entries as fit; TOOSMALL if not even one does.
 * Bound: READDIR_SIZE_MAX bytes of reply, one descent or one query to its start. */
enum accept_stat nfs3_readdir(struct rpc_call *call, const void *args, void *result)
{
    const READDIR3args *in = args;
    struct readdir_result *out = result;

    begin(out, call, &in->dir, in->cookie, in->cookieverf);
    out->size_max = at_most(in->count, READDIR_SIZE_MAX);
    out->names_max = UINT32_MAX;
    return SUCCESS;
}

/* Request: as READDIR, and how many bytes names may have of these (RFC 1813, 3.3.17).
 * Reply: as READDIR, with attributes and handles; without them to those who may list but not search the directory, and
 *   for entries of another file system (whose roots' attributes would be a query each).
 * Bound: READDIR_SIZE_MAX bytes of reply, one descent or one query to its start. */
enum accept_stat nfs3_readdirplus(struct rpc_call *call, const void *args, void *result)
{
    const READDIRPLUS3args *in = args;
    struct readdir_result *out = result;

    begin(out, call, &in->dir, in->cookie, in->cookieverf);
    out->size_max = at_most(in->maxcount, READDIR_SIZE_MAX);
    out->names_max = in->dircount;
    out->plus = true;
    out->attached =
        out->status == NFS3_OK && (object_permits(&out->directory, &call->credential) & PERMIT_EXECUTE) != 0;
    return SUCCESS;
}

/* One reply while it is being made. */
struct listing {
    XDR *xdrs;
    const struct readdir_result *result;
    uint32_t size, names; /* bytes so far, of all and of the names */
    bool any;
};

static uint8_t *put32(uint8_t *p, uint32_t value)
{
    put_be32(p, value);
    return p + 4;
}

static uint8_t *put64(uint8_t *p, uint64_t value)
{
    put_be64(p, value);
    return p + 8;
}

static uint8_t *put_opaque(uint8_t *p, const void *bytes, uint32_t size)
{
    uint32_t padded = (size + 3) & ~3u;

    p = put32(p, size);
    memcpy(p, bytes, size);
    memset(p + size, 0, padded - size);
    return p + padded;
}

/* struct fattr3; by hand since XDR takes five times as long, and a listing has hundreds of them. */
static uint8_t *put_fattr3(uint8_t *p, const fattr3 *a)
{
    p = put32(p, a->type);
    p = put32(p, a->mode);
    p = put32(p, a->nlink);
    p = put32(p, a->uid);
    p = put32(p, a->gid);
    p = put64(p, a->size);
    p = put64(p, a->used);
    p = put32(p, a->rdev.specdata1);
    p = put32(p, a->rdev.specdata2);
    p = put64(p, a->fsid);
    p = put64(p, a->fileid);
    p = put32(p, a->atime.seconds);
    p = put32(p, a->atime.nseconds);
    p = put32(p, a->mtime.seconds);
    p = put32(p, a->mtime.nseconds);
    p = put32(p, a->ctime.seconds);
    return put32(p, a->ctime.nseconds);
}

/* name_attributes and name_handle of an entryplus3. */
static uint8_t *put_object(uint8_t *p, const struct readdir_result *result, const struct object *object)
{
    uint8_t handle[HANDLE_SIZE_MAX];
    fattr3 attributes;

    if (!object || !result->attached)
        return put32(put32(p, FALSE), FALSE);
    fattr3_fill(&attributes, object);
    p = put_fattr3(put32(p, TRUE), &attributes);
    return put_opaque(put32(p, TRUE), handle, (uint32_t)object_handle(handle, result->worker, object));
}

/* A listing_visit: 1 when the reply is full. A first entry goes in whatever dircount says: it is the client's wish for
 * the size of names, and a listing must go on. */
static int put_entry(void *arg, const struct listing_entry *entry)
{
    struct listing *listing = arg;
    uint8_t bytes[ENTRY_SIZE_MAX], *p = bytes;

    p = put64(put32(p, TRUE), entry->fileid);
    p = put64(put_opaque(p, entry->name, (uint32_t)entry->size), entry->cookie);
    uint32_t names = (uint32_t)(p - bytes);
    if (listing->any && listing->names + names > listing->result->names_max)
        return 1;
    if (listing->result->plus)
        p = put_object(p, listing->result, entry->object);
    uint32_t size = (uint32_t)(p - bytes);
    if (size > listing->result->size_max - listing->size || !XDR_PUTBYTES(listing->xdrs, (char *)bytes, size))
        return 1;
    listing->size += size;
    listing->names += names;
    listing->any = true;
    return 0;
}

static bool_t encode_head(XDR *xdrs, nfsstat3 status, struct readdir_result *result)
{
    return xdr_nfsstat3(xdrs, &status) && xdr_post_op_attr(xdrs, &result->attributes);
}

/* The list: NFS3_OK and all is encoded, or why not. */
static nfsstat3 encode_list(XDR *xdrs, struct readdir_result *result)
{
    uint32_t start = xdr_getpos(xdrs);
    struct listing listing = {.xdrs = xdrs, .result = result};
    bool_t none = FALSE, eof;

    if (!encode_head(xdrs, NFS3_OK, result) || !XDR_PUTBYTES(xdrs, our_verifier, sizeof our_verifier))
        return NFS3ERR_TOOSMALL;
    listing.size = xdr_getpos(xdrs) - start - WORD + LIST_END_SIZE; /* counts do not include the status */
    if (listing.size > result->size_max)
        return NFS3ERR_TOOSMALL;
    int ended = object_list(result->worker, &result->directory, result->cookie, put_entry, &listing);
    if (ended < 0)
        return ended == -ENOENT ? NFS3ERR_STALE : nfs3_status(result->worker, ended);
    if (ended > 0 && !listing.any)
        return NFS3ERR_TOOSMALL;
    eof = ended == 0;
    return xdr_bool(xdrs, &none) && xdr_bool(xdrs, &eof) ? NFS3_OK : NFS3ERR_TOOSMALL;
}

/* RFC 1813, 3.3.16 and 3.3.17: READDIR3res, READDIRPLUS3res. */
bool_t readdir_result_encode(XDR *xdrs, struct readdir_result *result)
{
    uint32_t start = xdr_getpos(xdrs);

    if (xdrs->x_op != XDR_ENCODE)
        return TRUE; /* nothing in it was allocated */
    if (result->status == NFS3_OK)
        result->status = encode_list(xdrs, result);
    if (result->status == NFS3_OK)
        return TRUE;
    return xdr_setpos(xdrs, start) && encode_head(xdrs, result->status, result);
}
