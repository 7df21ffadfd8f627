/* verdicts.h - the scan cache: `verdicts.db` beside the store, what scanners said of contents.
 *
 * It is a small file system of its own. Under the root stand directories, one for each scanner key
 * ("clamav-1.4.3-db27500"), and in these files:
 *
 *     <sha256>        a verdict on a blob, a tree or a layer; 64 digits in lower case
 *     <sha256>.claim  somebody is making it. Who makes this file has the right to; nobody removes it by name. It goes
 *                     with the publishing of <sha256>, or expires when nobody has touched it for the time to live
 *     .…  ….tmp       temporary: counted in the quota, gone a day after it was last touched
 *
 * What has expired does not exist, for any function here. A file is 1 MiB at most, so it is read and written whole.
 *
 * Changes stand between verdicts_begin() and verdicts_commit(), which is durable when it returns: any number of them,
 * since it is the commit that takes time. A function that fails has changed nothing, and the transaction goes on,
 * except after -EIO, -ENOSPC and other failures of the system: then all of it is to be rolled back.
 *
 * Errors are negative errno, without a text where they are an answer: -ENOENT, -EEXIST, -ENOTDIR, -EISDIR, -EINVAL (no
 * such name can be), -EACCES (a claim), -EFBIG, -EDQUOT, -ENOTEMPTY. Others fill err.
 */
#ifndef DB_VERDICTS_H
#define DB_VERDICTS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VERDICT_SIZE_MAX 1048576u /* bytes of one */
#define VERDICT_NAME_MAX 255u     /* bytes of a name */
#define VERDICT_ID_SIZE 16        /* random bytes that a file gets when it is made: what its handle knows it by */
#define VERDICT_VERIFIER_SIZE 8   /* of an exclusive CREATE (RFC 1813, 3.3.8) */

#define VERDICTS_ROOT 1 /* row of the root */

/* What bounds one scanner key, and how long claims live. */
struct verdict_limits {
    uint64_t files;    /* in one directory, temporaries and claims too */
    uint64_t bytes;    /* that these hold together */
    uint64_t scanners; /* directories */
    uint64_t claim_ns; /* a claim lives so long after it was last touched */
};

#define VERDICT_FILES_MAX 10000000u        /* a fleet's distinct contents, several times over */
#define VERDICT_BYTES_MAX (16ull << 30)    /* of disk */
#define VERDICT_SCANNERS_MAX 1024u         /* versions of rules that anybody keeps */
#define VERDICT_CLAIM_SECONDS 600u         /* the longest that a scanner takes for one content */
#define VERDICT_TEMPORARY_SECONDS (86400u) /* who writes one renames it at once */

/* Those. */
extern const struct verdict_limits verdict_limits_default;

struct verdicts;

enum verdicts_access {
    VERDICTS_READ,   /* it must be there */
    VERDICTS_CREATE, /* made if it is not there; older ones are migrated */
};

/* Open the cache of the store in a directory. One connection, of one thread. NULL limits: the defaults. */
int verdicts_open(struct verdicts **verdicts, const char *directory, enum verdicts_access access,
                  const struct verdict_limits *limits, struct error *err);
void verdicts_close(struct verdicts *verdicts);

/* Go by another clock than CLOCK_REALTIME: ns since 1970. */
void verdicts_use_clock(struct verdicts *verdicts, uint64_t (*now)(void *arg), void *arg);
uint64_t verdicts_now(const struct verdicts *verdicts);

const struct verdict_limits *verdicts_limits(const struct verdicts *verdicts);

/* Has another connection committed since the last call? One PRAGMA data_version, no I/O. */
int verdicts_changed(bool *changed, struct verdicts *verdicts, struct error *err);

/* --- Names -------------------------------------------------------------------------------------------------------- */

enum verdict_name {
    VERDICT_NAME_NONE,      /* may not be */
    VERDICT_NAME_VERDICT,   /* <sha256> */
    VERDICT_NAME_CLAIM,     /* <sha256>.claim */
    VERDICT_NAME_TEMPORARY, /* .… and ….tmp */
};

/* What a file of this name is. */
enum verdict_name verdict_name(const char *name, size_t size);

/* May a scanner key be called so? Letters, digits and "._+=@,~-", 128 of them at most, the first a letter or a digit.
 */
#define VERDICT_SCANNER_NAME_MAX 128u
bool verdict_scanner_name(const char *name, size_t size);

/* --- Looking ------------------------------------------------------------------------------------------------------ */

struct verdict_file {
    int64_t row;       /* never used twice */
    int64_t directory; /* row of what it stands in; the root's is its own */
    uint8_t id[VERDICT_ID_SIZE];
    uint32_t mode; /* whole st_mode */
    uint32_t uid, gid;
    uint64_t size;          /* bytes */
    uint64_t mtime, ctime;  /* ns */
    uint64_t expires;       /* ns; 0: never */
    uint64_t files, bytes;  /* of a directory: what stands in it */
    enum verdict_name kind; /* what its name says; VERDICT_NAME_NONE: a directory */
};

/* The file of a row. */
int verdict_find(struct verdict_file *file, struct verdicts *verdicts, int64_t row, struct error *err);

/* The file of a name. */
int verdict_lookup(struct verdict_file *file, struct verdicts *verdicts, int64_t directory, const char *name,
                   size_t size, struct error *err);

/* The files of a directory behind a row, in the order of their rows. Ends with the first non-zero value. */
typedef int (*verdict_visit)(void *arg, const struct verdict_file *file, const char *name, size_t size);
int verdict_list(struct verdicts *verdicts, int64_t directory, int64_t after, verdict_visit visit, void *arg,
                 struct error *err);

/* Up to `size` bytes of a file from an offset on; *read is how many. */
int verdict_read(void *out, size_t *read, struct verdicts *verdicts, int64_t row, uint64_t offset, size_t size,
                 struct error *err);

/* --- Changing ----------------------------------------------------------------------------------------------------- */

/* Wait for the lock, and begin. */
int verdicts_begin(struct verdicts *verdicts, struct error *err);

/* Make it durable. When that fails everything is as before verdicts_begin(). */
int verdicts_commit(struct verdicts *verdicts, struct error *err);
void verdicts_rollback(struct verdicts *verdicts);

/* Within a transaction: begin a step, and end it; one that is not `kept` has changed nothing. */
int verdicts_step(struct verdicts *verdicts, struct error *err);
int verdicts_step_end(struct verdicts *verdicts, bool kept, struct error *err);

/* How a file that is there already is taken by verdict_create() (RFC 1813, 3.3.8). */
enum verdict_how {
    VERDICT_UNCHECKED, /* as it is */
    VERDICT_GUARDED,   /* -EEXIST */
    VERDICT_EXCLUSIVE, /* -EEXIST, unless it was made with the same verifier */
};

struct verdict_new {
    uint32_t mode; /* permissions */
    uint32_t uid, gid;
    enum verdict_how how;
    uint8_t verifier[VERDICT_VERIFIER_SIZE]; /* of VERDICT_EXCLUSIVE */
};

/* A file in a scanner's directory, empty when it is new. *made tells whether it is. */
int verdict_create(struct verdict_file *file, bool *made, struct verdicts *verdicts, int64_t directory,
                   const char *name, size_t size, const struct verdict_new *as, struct error *err);

/* A scanner's directory. `how` means nothing; -EEXIST. */
int verdict_make_scanner(struct verdict_file *file, struct verdicts *verdicts, const char *name, size_t size,
                         const struct verdict_new *as, struct error *err);

/* Now, but later than what it was: file->mtime (if `content`) and ctime. Writes nothing. */
void verdict_touch(struct verdict_file *file, const struct verdicts *verdicts, bool content);

/* Give a file this content and the attributes in *file (mode, owner, times; its expiry begins anew). A verdict that
 * gets bytes is published: its claim goes. */
int verdict_write(struct verdict_file *file, struct verdicts *verdicts, const void *bytes, size_t size,
                  struct error *err);

/* Write only its attributes. */
int verdict_set(struct verdict_file *file, struct verdicts *verdicts, struct error *err);

int verdict_remove(struct verdicts *verdicts, int64_t directory, const char *name, size_t size, struct error *err);

/* An empty scanner's directory. */
int verdict_remove_scanner(struct verdicts *verdicts, const char *name, size_t size, struct error *err);

/* The file keeps its row and id; what had the new name goes. Renamed to <sha256> a file is published: the claim on that
 * goes. Claims can neither be moved nor made so: -EACCES. */
struct verdict_name_at {
    int64_t directory;
    const char *name;
    size_t size;
};

int verdict_rename(struct verdicts *verdicts, const struct verdict_name_at *from, const struct verdict_name_at *to,
                   struct error *err);

/* Remove what has expired, at most VERDICT_SWEEP_MAX files (their directories' times move), and replies that are older
 * than VERDICT_REPLY_SECONDS. *next is when the next file expires (ns), UINT64_MAX: none will. */
#define VERDICT_SWEEP_MAX 1024
int verdicts_sweep(uint64_t *next, struct verdicts *verdicts, struct error *err);

/* Be told of each row that is changed from now on, before it is committed; with the name when that came or went, else
 * NULL. For who keeps what he has read. */
typedef void (*verdict_watcher)(void *arg, int64_t row, int64_t directory, const char *name, size_t size);
void verdicts_watch(struct verdicts *verdicts, verdict_watcher watcher, void *arg);

/* --- Replies ------------------------------------------------------------------------------------------------------ */

/* What was answered to a call that must not be done twice, kept with its effect. */
#define VERDICT_REPLIES_MAX 1024     /* of a peer */
#define VERDICT_REPLY_SECONDS 86400u /* nobody repeats a call for longer */
#define VERDICT_PEER_SIZE 16         /* IPv6, or IPv4 mapped into it */

struct verdict_call {
    uint8_t peer[VERDICT_PEER_SIZE];
    uint32_t xid;
    uint64_t check; /* of all its bytes */
};

struct verdict_reply {
    int32_t status; /* the protocol's */
    int64_t row;    /* of the file that it tells of, 0: none */
    uint8_t id[VERDICT_ID_SIZE];
};

/* -ENOENT: nobody has answered this call yet. */
int verdict_reply_find(struct verdict_reply *reply, struct verdicts *verdicts, const struct verdict_call *call,
                       struct error *err);
int verdict_reply_keep(struct verdicts *verdicts, const struct verdict_call *call, const struct verdict_reply *reply,
                       struct error *err);

#endif
