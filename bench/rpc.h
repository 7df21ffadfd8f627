/* rpc.h - what the benchmark's programs know of ONC RPC, NFS 3 and XDR (RFC 5531, 1813, 4506): numbers, and words in
 * and out of a buffer. The server under test shares no line of it. */
#ifndef BENCH_RPC_H
#define BENCH_RPC_H

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

enum {
    NFS_PROGRAM = 100003,
    MOUNT_PROGRAM = 100005,
    MOUNT_MNT = 1,
    NFS_NULL = 0,
    NFS_GETATTR = 1,
    NFS_LOOKUP = 3,
    NFS_ACCESS = 4,
    NFS_READLINK = 5,
    NFS_READ = 6,
    NFS_WRITE = 7,
    NFS_CREATE = 8,
    NFS_MKDIR = 9,
    NFS_READDIRPLUS = 17,
    NFS_FSINFO = 19,
};

enum { CREATE_GUARDED = 1, WRITE_FILE_SYNC = 2 };

enum { TYPE_FILE = 1, TYPE_DIRECTORY = 2, TYPE_LINK = 5 };

enum {
    HANDLE_MAX = 64,
    FATTR_SIZE = 84,
    READ_MAX = 1 << 20,            /* bytes of one READ */
    RECORD_MAX = READ_MAX + 65536, /* a reply and what stands around its data */
    REPLY_HEAD = 24, /* xid, REPLY, MSG_ACCEPTED, an AUTH_NONE verifier, SUCCESS: what every reply here begins with */
};

#define LAST_FRAGMENT 0x80000000u

static inline uint32_t padded(uint32_t size)
{
    return (size + 3u) & ~3u;
}

static inline uint8_t *put32(uint8_t *p, uint32_t value)
{
    value = htonl(value);
    memcpy(p, &value, 4);
    return p + 4;
}

static inline uint8_t *put64(uint8_t *p, uint64_t value)
{
    return put32(put32(p, (uint32_t)(value >> 32)), (uint32_t)value);
}

static inline uint8_t *put_opaque(uint8_t *p, const void *bytes, uint32_t size)
{
    p = put32(p, size);
    memset(p + padded(size) - 4, 0, 4);
    memcpy(p, bytes, size);
    return p + padded(size);
}

static inline uint32_t get32(const uint8_t *p)
{
    uint32_t value;

    memcpy(&value, p, 4);
    return ntohl(value);
}

static inline uint64_t get64(const uint8_t *p)
{
    return (uint64_t)get32(p) << 32 | get32(p + 4);
}

#endif
