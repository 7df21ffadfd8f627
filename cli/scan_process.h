/* scan_process.h - one run of a scanner's command: bounded in output and time. */
#ifndef CLI_SCAN_PROCESS_H
#define CLI_SCAN_PROCESS_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define SCAN_OUTPUT_MAX (1u << 20) /* bytes of each stream that are kept; the rest is read and dropped */

struct scan_process {
    char **arguments;
    const void *input; /* on standard input; NULL: there is none */
    size_t input_size;
    unsigned timeout;        /* s */
    void (*tick)(void *arg); /* now and then meanwhile, at least once a second */
    void *arg;
    /* What became of it. */
    int status; /* exit status; -1: it was killed, and `why` says why */
    char why[64];
    bool truncated;
    uint64_t milliseconds;
    struct buffer output, errors;
};

/* Run it to its end. Error: it could not be started, or scan_interrupted (-EINTR). */
int scan_process_run(struct scan_process *process, struct error *err);
void scan_process_free(struct scan_process *process);

#endif
