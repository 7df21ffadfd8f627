/* workloads.h - what is asked for, and whether the replies are right: a row of functions for each kind of work. */
#ifndef BENCH_WORKLOADS_H
#define BENCH_WORKLOADS_H

#include "bench/pipeline.h"

/* What a workload chooses from, and how far it is. Who begins one fills in the tree, the generator's state, `small`,
 * `exact` and `verify`. */
struct choice {
    const struct tree *tree;
    const struct node **nodes;
    size_t count, at;
    uint32_t read_size;
    uint64_t offset;
    uint64_t state; /* of the generator */
    uint64_t small; /* bytes up to which a file is small */
    uint64_t hash;  /* of all data, in any order, if they are verified */
    bool whole;     /* each node to its end, then the next one in a new random order */
    bool exact;     /* the tree was learned from this very server */
    bool verify;    /* one round only */
    uint64_t made;  /* verdicts that are durable */
};

enum which_nodes { ALL_NODES, NOT_LARGEST, LARGEST_ALONE, NOT_ROOT };

struct workload {
    const char *name;
    uint32_t procedure, then; /* then: of the second call of a pair */
    bool (*takes)(const struct node *node, const struct choice *choice);
    uint8_t *(*make)(uint8_t *p, struct about *about, void *choice);
    uint64_t (*check)(const uint8_t *result, size_t size, struct about *about, void *choice);
    uint32_t read_size;
    enum which_nodes which;
    bool whole;
};

const struct workload *workload_find(const char *name);

/* Gather its nodes and put them in order; who began frees choice->nodes. Ends the program if there are none. */
void workload_begin(struct choice *choice, const struct workload *workload);

#endif
