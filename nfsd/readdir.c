/* readdir.c - READDIR and READDIRPLUS: listings, encoded entry by entry while the directory is walked.
 *
 * Cookies are positions that never move (export.h), the same for both procedures, since Linux mixes them in one
 * listing.
 */
#include "nfsd/permission.h"
#include "nfsd/procedures.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Sizes on the wire, in bytes. */
enum {
    VERIFIER_SIZE = 8,
    /* "one follows", fileid, name, cookie */
    ENTRY_NAMES_MAX = WORD_SIZE + 8 + WORD_SIZE + ENTRY_NAME_MAX + 1 + 8,
    ENTRY_SIZE_MAX = ENTRY_NAMES_MAX + POST_OP_SIZE + WORD_SIZE + WORD_SIZE + HANDLE_SIZE_MAX,
    LIST_END_SIZE = 2 * WORD_SIZE, /* "none follows", eof */
};

/* Nothing here is ever renumbered, so one verifier serves for ever. Zeros, which a first call has and which Solaris
 * always sends, are taken too. */
static const uint8_t no_verifier[VERIFIER_SIZE];
static const uint8_t our_verifier[VERIFIER_SIZE] = {'c', 'o', 'n', 'f', 'u', 's', 'e', '1'};

static bool known_verifier(const uint8_t *verifier)
{
    return memcmp(verifier, no_verifier, sizeof no_verifier) == 0 ||
           memcmp(verifier, our_verifier, sizeof our_verifier) == 0;
}

/* What is asked for, and the reply while it is being made. */
struct listing {
    struct nfsd_worker *worker;
    struct named directory;
    nfsstat3 status;
    uint64_t cookie;
    uint32_t size_max;  /* bytes of READDIR3resok or READDIRPLUS3resok */
    uint32_t names_max; /* bytes of fileids, names and cookies: READDIRPLUS's dircount */
    bool plus;          /* the form of READDIRPLUS */
    bool attached;      /* with attributes and handles */
    uint8_t *at;
    uint32_t size, names; /* bytes so far, of all and of the names */
    bool any;
};

static nfsstat3 check(const struct named *directory, const uint8_t *verifier, const struct rpc_credential *who)
{
    if (directory->status != NFS3_OK)
        return directory->status;
    if (!S_ISDIR(object_mode(&directory->object)))
        return NFS3ERR_NOTDIR;
    if (!(object_permits(&directory->object, who) & PERMIT_READ))
        return NFS3ERR_ACCES;
    return known_verifier(verifier) ? NFS3_OK : NFS3ERR_BAD_COOKIE;
}

/* The arguments that both have. */
static bool begin(struct listing *listing, struct rpc_call *call, struct words *args)
{
    const uint8_t *verifier;

    listing->worker = call->worker;
    if (!nfs3_take_object(&listing->directory, call, args) || !words_take64(&listing->cookie, args))
        return false;
    verifier = args->at;
    if (args->end - args->at < VERIFIER_SIZE)
        return false;
    args->at += VERIFIER_SIZE;
    listing->status = check(&listing->directory, verifier, &call->credential);
    return true;
}

static uint32_t at_most(uint32_t size, uint32_t limit)
{
    return size < limit ? size : limit;
}

/* name_attributes and name_handle of an entryplus3. */
static uint8_t *put_object(uint8_t *p, const struct listing *listing, const struct object *object)
{
    uint8_t handle[HANDLE_SIZE_MAX];

    if (!object || !listing->attached)
        return put_word(put_word(p, FALSE), FALSE);
    p = put_word(put_post_op_attr(p, object), TRUE);
    return put_opaque(p, handle, (uint32_t)object_handle(handle, listing->worker, object));
}

/* A listing_visit: 1 when the reply is full. A first entry goes in whatever dircount says: it is the client's wish for
 * the size of names, and a listing must go on. One that does not fit is written too, into room that a reply has beyond
 * READDIR_SIZE_MAX, and overwritten. */
static int put_entry(void *arg, const struct listing_entry *entry)
{
    struct listing *listing = arg;
    uint8_t *p = put_word64(put_word(listing->at, TRUE), entry->fileid);

    p = put_word64(put_opaque(p, entry->name, (uint32_t)entry->size), entry->cookie);
    uint32_t names = (uint32_t)(p - listing->at);
    if (listing->any && listing->names + names > listing->names_max)
        return 1;
    if (listing->plus)
        p = put_object(p, listing, entry->object);
    uint32_t size = (uint32_t)(p - listing->at);
    if (size > listing->size_max - listing->size)
        return 1;
    listing->at = p;
    listing->size += size;
    listing->names += names;
    listing->any = true;
    return 0;
}

_Static_assert(READDIR_SIZE_MAX + ENTRY_SIZE_MAX < READ_SIZE_MAX, "an entry too much has room in a reply");

/* The list behind the status: NFS3_OK, or why it cannot be. */
static nfsstat3 put_list(struct listing *listing, uint8_t *p)
{
    listing->at = put_post_op_attr(p, &listing->directory.object);
    memcpy(listing->at, our_verifier, VERIFIER_SIZE);
    listing->at += VERIFIER_SIZE;
    listing->size = (uint32_t)(listing->at - p) + LIST_END_SIZE;
    if (listing->size > listing->size_max)
        return NFS3ERR_TOOSMALL;
    int ended = object_list(listing->worker, &listing->directory.object, listing->cookie, put_entry, listing);
    if (ended < 0)
        return ended == -ENOENT ? NFS3ERR_STALE : nfs3_status(listing->worker, ended);
    if (ended > 0 && !listing->any)
        return NFS3ERR_TOOSMALL;
    listing->at = put_word(put_word(listing->at, FALSE), ended == 0);
    return NFS3_OK;
}

/* RFC 1813, 3.3.16 and 3.3.17: READDIR3res, READDIRPLUS3res. */
static uint8_t *put_result(uint8_t *p, struct listing *listing)
{
    if (listing->status == NFS3_OK)
        listing->status = put_list(listing, p + WORD_SIZE);
    put_word(p, listing->status);
    if (listing->status == NFS3_OK)
        return listing->at;
    return put_post_op_attr(p + WORD_SIZE, named_object(&listing->directory));
}

/* Request: a directory, a cookie to go on from, and how many bytes the reply may have (RFC 1813, 3.3.16).
 * Reply: fileids, names and cookies of as many entries as fit; TOOSMALL if not even one does.
 * Bound: READDIR_SIZE_MAX bytes of reply, one descent or one query to its start. */
enum accept_stat nfs3_readdir(struct rpc_call *call, struct words *args, uint8_t **result)
{
    struct listing listing = {.names_max = UINT32_MAX};
    uint32_t count;

    if (!begin(&listing, call, args) || !words_take(&count, args))
        return GARBAGE_ARGS;
    listing.size_max = at_most(count, READDIR_SIZE_MAX);
    *result = put_result(*result, &listing);
    return SUCCESS;
}

/* Request: as READDIR, and how many bytes names may have of these (RFC 1813, 3.3.17).
 * Reply: as READDIR, with attributes and handles; without them to those who may list but not search the directory, and
 *   for entries of another file system (whose roots' attributes would be a query each).
 * Bound: READDIR_SIZE_MAX bytes of reply, one descent or one query to its start. */
enum accept_stat nfs3_readdirplus(struct rpc_call *call, struct words *args, uint8_t **result)
{
    struct listing listing = {.plus = true};
    uint32_t count;

    if (!begin(&listing, call, args) || !words_take(&listing.names_max, args) || !words_take(&count, args))
        return GARBAGE_ARGS;
    listing.size_max = at_most(count, READDIR_SIZE_MAX);
    listing.attached = listing.status == NFS3_OK &&
                       (object_permits(&listing.directory.object, &call->credential) & PERMIT_EXECUTE) != 0;
    *result = put_result(*result, &listing);
    return SUCCESS;
}
