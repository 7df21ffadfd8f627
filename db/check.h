/* check.h - does the store hold what its names say? Everything is read and hashed again. */
#ifndef DB_CHECK_H
#define DB_CHECK_H

#include "base/error.h"
#include "db/store.h"

#include <stdint.h>

struct check {
    uint64_t blobs, nodes, frames, snapshots, layers, chains, images; /* looked at */
    uint64_t bytes;                                                   /* hashed */
    uint64_t bad;
    /* Told of each thing that is not what its name says; one line of text. */
    void (*report)(void *arg, const char *text);
    /* Told now and then; may be NULL. */
    void (*progress)(void *arg, const struct check *check);
    void *arg;
};

/* Check SQLite's own structure, blobs, nodes, frames and snapshots, and what refers to these. 0 also when things are
 * bad: check->bad counts them.
 */
int store_check(struct check *check, struct store *store, struct error *err);

/* In check_images.c: layers, chains, images, tags and what waits. */
int check_images(struct check *check, struct store *store, struct error *err);

/* Inside db: report one thing. */
void check_bad(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
