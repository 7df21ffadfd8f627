/* pipeline.h - many calls in flight: some connections with some calls each, all driven by one thread.
 *
 * What a wake-up brings is read at once, and the calls that come after it leave together, as kernel clients do.
 */
#ifndef BENCH_PIPELINE_H
#define BENCH_PIPELINE_H

#include "bench/tree.h"

#include <stdbool.h>

/* What one call is about, from the time it is made until its reply is checked. */
struct about {
    const struct node *node;
    uint64_t offset;
    uint32_t count;
    bool follows;         /* it is the second of a pair */
    struct handle handle; /* what the first of a pair brought for the second */
};

/* Where the calls come from, and where their replies go. */
struct traffic {
    uint32_t procedure;
    uint32_t then; /* of a second call that follows each one in its slot; 0: none */
    /* The next call's arguments at p; returns their end, or NULL when no more are to be made. */
    uint8_t *(*make)(uint8_t *p, struct about *about, void *arg);
    /* Its result, from the status on; returns bytes of data that it had. Ends the program if it is not as it should be.
     */
    uint64_t (*check)(const uint8_t *result, size_t size, struct about *about, void *arg);
    void *arg;
};

struct pipeline_options {
    uint16_t port;
    unsigned connections, depth;
    unsigned silent; /* more connections, which ask for all that `traffic` asks for and read nothing */
    double seconds;  /* how long new calls are made */
    bool latencies;
};

struct pipeline_result {
    uint64_t calls, data, wall_ns;
    uint64_t p50_ns, p99_ns, max_ns; /* from sending a call to reading its reply; 0 if not asked for */
};

struct pipeline;

/* Connect. */
struct pipeline *pipeline_open(const struct pipeline_options *options);
void pipeline_close(struct pipeline *pipeline);

/* Run until the time is over or no calls are left, and all replies are there. */
struct pipeline_result pipeline_run(struct pipeline *pipeline, const struct traffic *traffic);

uint64_t now_ns(void);

#endif
