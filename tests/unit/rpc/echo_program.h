/* echo_program.h - a small program for tests of the transport and for its fuzz target. */
#ifndef TESTS_ECHO_PROGRAM_H
#define TESTS_ECHO_PROGRAM_H

#include "rpc/server.h"

#define ECHO_PROGRAM 0x20000001u   /* versions 2 and 3, streams and datagrams */
#define STREAM_PROGRAM 0x20000002u /* version 1, streams only */

enum echo_procedure {
    ECHO_NULL,
    ECHO_OPAQUE, /* opaque<ECHO_MAX> -> the same; decoded into the arena */
    ECHO_WHO,    /* -> uid, gid, groups<> */
    ECHO_FILE,   /* unsigned n -> opaque<> of n bytes, out of a file */
    ECHO_BIG,    /* unsigned n -> opaque<> of n zeros */
    ECHO_NONE,   /* no handler */
    ECHO_STRING, /* string<255> -> the same up to a NUL; decoded by XDR's malloc */
    ECHO_FAIL,   /* unsigned stat -> that accept_stat, after asking for a file */
    ECHO_LATER,  /* -> 4711, when echo_release() was called; streams only */
    ECHO_PROCEDURES,
};

#define ECHO_MAX 1048576u

extern const struct rpc_program *const echo_programs[];
extern const size_t echo_program_count;

/* How many ECHO_LATER wait, and let all of them be answered. */
unsigned echo_waiting(void);
void echo_release(void);

/* The file that ECHO_FILE sends from; byte i of it is i % 251. */
void echo_file_open(void);
void echo_file_close(void);

#endif
