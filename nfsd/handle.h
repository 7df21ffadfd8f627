/* handle.h - file handles: which object of which file system, and a keyed check that it was us who said so.
 *
 *     offset  size
 *          0     1  format version
 *          1     1  kind
 *          2     2  zero
 *          4     4  number, big-endian: in a tree the file's rank (the least of its names'), else which one of
 *                      its kind
 *          8     n  id of the file system; n is the kind's
 *      8 + n     8  SipHash-2-4 of all bytes before, big-endian, keyed by the store's key
 *
 * Nothing in it depends on the process, the time or the order of anything: a handle is valid for ever, on every replica
 * of the store. VMware's clients take at most 56 bytes, the oldest MOUNT versions exactly 32, which is the size of a
 * handle with a 16-byte id.
 */
#ifndef NFSD_HANDLE_H
#define NFSD_HANDLE_H

#include "base/siphash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HANDLE_SIZE_MAX 56
#define HANDLE_ID_MAX 32 /* two snapshot ids, or one SHA-256 */

/* What a handle's id names. The numbers are on the wire and in clients' memory: they never change. */
enum handle_kind {
    HANDLE_VIRTUAL = 1,   /* a directory that no tree holds ("/", "/snap"); its id is 16 zero bytes */
    HANDLE_SNAPSHOT = 2,  /* a snapshot, by its 16-byte id */
    HANDLE_BLOBS = 3,     /* "/blob/ab"; the number is the byte 0xab, its id 16 zero bytes */
    HANDLE_BLOB = 4,      /* a content, by its digest */
    HANDLE_META = 5,      /* "/meta/<id>" and what is below it; its id is the snapshot's */
    HANDLE_LAYER = 6,     /* a layer by itself, by its diffID */
    HANDLE_CHAIN = 7,     /* an image after some of its layers, by chainID */
    HANDLE_DIFF = 8,      /* "/diff/<a>..<b>" and its changes.jsonl; the ids of both snapshots */
    HANDLE_DIFF_OLD = 9,  /* "old" below it: the number is a rank in a */
    HANDLE_DIFF_NEW = 10, /* "new" below it: the number is a rank in b */
    HANDLE_AT = 11,       /* "/at/<prefix of namespaces>", by the first 16 bytes of its SHA-256 */
    HANDLE_AT_TIME = 12,  /* a link in it: those 16 bytes, and the last instant that is meant, big-endian ns */
    HANDLE_VERDICT = 13,  /* "/cache" and what is below it: its row (8 bytes) and its random id */
};

struct handle {
    enum handle_kind kind;
    uint32_t number;
    uint8_t id[HANDLE_ID_MAX]; /* zero behind the kind's size */
};

/* Bytes of a kind's ids; 0: there is no such kind. */
size_t handle_id_size(unsigned kind);

/* The bytes of a handle; returns how many. */
size_t handle_encode(uint8_t out[HANDLE_SIZE_MAX], const struct siphash_key *key, const struct handle *handle);

/* What a handle says, unchecked: good for a guess only. False: not of our shape (size, version, kind). */
bool handle_peek(struct handle *handle, const void *bytes, size_t size);

/* False: not a handle of ours (shape or check). */
bool handle_decode(struct handle *handle, const struct siphash_key *key, const void *bytes, size_t size);

/* The fsid of the file system that a kind and an id name: the same on every replica. */
uint64_t handle_fsid(const struct siphash_key *key, enum handle_kind kind, const uint8_t *id);

#endif
