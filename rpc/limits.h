/* limits.h - every number that bounds or tunes the transport, once, with its unit and its reason. */
#ifndef RPC_LIMITS_H
#define RPC_LIMITS_H

/* Bytes of a record, either way: the largest READ or WRITE (1 MiB) and what stands around its data. */
#define RPC_RECORD_MAX (1048576u + 65536u)

/* Empty fragments in one record. They are legal and carry nothing, so a peer could send them for ever. */
#define RPC_EMPTY_FRAGMENTS_MAX 1024u

/* Bytes that one wake-up of a connection reads: a full socket buffer of small calls, or a quarter of a large one. */
#define RPC_READ_SIZE 262144u

/* Bytes of the first buffer of a connection that has part of a record; it doubles as bytes really arrive. */
#define RPC_INPUT_FIRST 4096u

/* Bytes of replies that one wake-up of a connection queues before it must send; one more reply may pass it. While any
 * of them wait for a peer that does not read, nothing more is read from that peer. */
#define RPC_OUTPUT_MAX 2097152u

/* Bytes of replies that the kernel takes of a connection before it has sent them (it counts twice as many, for its own
 * records, and /proc/sys/net/core/wmem_max may be less). Left to itself it takes megabytes, and the peer then reads
 * from memory what it could have read from a processor's cache; half a megabyte is what a network of 4 Gbit/s and 1 ms
 * has on its way. */
#define RPC_SEND_BUFFER 524288

/* Pieces of other memory in those replies: as many as calls, and what sendmsg(2) takes in one go is far above. */
#define RPC_PIECES_MAX 64u

/* Calls that one wake-up of a connection answers before its neighbours have their turn: some milliseconds at most. */
#define RPC_CALLS_PER_WAKE 64u

/* Calls of one connection that wait to be finished, and bytes that these hold (the last one may pass it): more in
 * flight than any client has, and some WRITEs of the largest size. Nothing more is read from it meanwhile. */
#define RPC_PARKED_CALLS_MAX 128u
#define RPC_PARKED_BYTES_MAX 4194304u

/* Connections of the whole server. An idle one costs about 400 bytes here and some kilobytes in the kernel. */
#define RPC_CONNECTIONS_MAX 4096u

/* Connections accepted by one wake-up, so that a flood of them does not starve worker 0's own connections. */
#define RPC_ACCEPTS_PER_WAKE 64u

/* Bytes that all connections together hold in parts of records, calls that wait and replies not read, some megabytes
 * each at worst. Who would take more is closed; an honest client connects anew and asks again. */
#define RPC_HELD_MAX 268435456u

/* Connections that the kernel completes ahead of us, per listener. */
#define RPC_BACKLOG 1024

/* Listening sockets: some addresses, two transports, two ports. */
#define RPC_LISTENERS_MAX 64u

/* Tries to find a port number that is free for TCP and UDP alike. */
#define RPC_PORT_TRIES 32u

/* Worker threads; more than any machine has use for. */
#define RPC_THREADS_MAX 256u

/* Events taken by one epoll_wait. */
#define RPC_EVENTS_MAX 64

/* Seconds from the first byte of a record to its last. */
#define RPC_HALF_RECORD_SECONDS 30u

/* Seconds in which a peer takes not one byte of its replies. */
#define RPC_UNREAD_SECONDS 60u

/* Seconds that flushing may take after rpc_server_stop(): service managers kill after some tens. */
#define RPC_DRAIN_SECONDS 5u

/* Milliseconds between looks at the two time limits above, while there is anything to look at. */
#define RPC_TICK_MS 1000u

/* Milliseconds in which nothing is accepted after descriptors or memory ran out. */
#define RPC_ACCEPT_PAUSE_MS 100u

/* Bytes that one call may take for its arguments, its result and what the handler builds: a READDIRPLUS reply of 1 MiB
 * and its names, several times over. Address space only, until touched. */
#define RPC_ARENA_MAX 8388608u

/* Bytes of arena and of reply space that a worker keeps resident while it idles; the rest goes back. */
#define RPC_IDLE_KEEP 65536u

/* Bytes of a credential's or a verifier's body (RFC 5531, section 8.2), and of the machine name inside (appendix A). */
#define RPC_AUTH_BODY_MAX 400u
#define RPC_MACHINE_NAME_MAX 255u

/* Ports below it are root's to bind. */
#define RPC_RESERVED_PORTS 1024u

/* Bytes of a call by datagram: a MNT with its longest path and a full credential is below 2 KiB. */
#define RPC_DATAGRAM_MAX 4096u

/* Bytes of a reply by datagram (one unfragmented packet everywhere), and how many times longer than the call it may be.
 * Whatever is larger is dropped without a word: the address it would go to can be a lie. */
#define RPC_DATAGRAM_REPLY_MAX 1400u
#define RPC_DATAGRAM_FACTOR 8u

/* Datagrams answered by one wake-up of a socket. */
#define RPC_DATAGRAMS_PER_WAKE 32u

/* Refused peers that are logged, each second and worker. */
#define RPC_REFUSALS_PER_SECOND 10u

/* Seconds of silence before the kernel probes a peer, between probes, and how many of them fail before it is gone. */
#define RPC_KEEPALIVE_IDLE 60
#define RPC_KEEPALIVE_INTERVAL 15
#define RPC_KEEPALIVE_PROBES 4

/* Seconds for everything that is asked of rpcbind in one go: starting must not hang on it. */
#define RPCBIND_WAIT_SECONDS 2u

#endif
