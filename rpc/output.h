/* output.h - replies on their way out: a byte string with pieces of files between its bytes.
 *
 * Each worker has one, in a region, where all replies of a wake-up of a connection gather and leave by one send(2).
 * What the socket does not take moves to a small one of the connection's own, and goes first next time.
 */
#ifndef RPC_OUTPUT_H
#define RPC_OUTPUT_H

#include "rpc/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct output_file {
    size_t at; /* goes out before the byte string's byte `at` */
    int fd;    /* ours */
    off_t offset;
    uint32_t left;
};

struct output {
    uint8_t *bytes;
    size_t sent, size;
    struct output_file files[RPC_FILES_MAX];
    unsigned file_first, file_count; /* files[file_first .. file_count) are to be sent */
    size_t file_bytes;               /* what they hold together */
};

/* Memory and file bytes not yet sent. */
size_t output_waiting(const struct output *output);

/* Must it be sent before another reply is made? */
bool output_is_full(const struct output *output);

/* A piece of a file after the bytes that are there now, and zeros that pad it to four. The fd is taken over. */
void output_add_file(struct output *output, int fd, uint64_t offset, uint32_t length);

/* Send what the socket takes: 1 when that was all, 0 when it is full, or a negative errno. */
int output_send(struct output *output, int socket);

/* Move what is not sent into a new one; `output` is empty then. NULL when memory is out (and nothing was moved). */
struct output *output_keep(struct output *output);

/* Forget what is not sent. */
void output_clear(struct output *output);

/* For those that output_keep() made. */
void output_free(struct output *output);

#endif
