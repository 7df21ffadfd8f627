/* check.h - does the store hold what its names say? Everything is read and hashed again. */
#ifndef DB_CHECK_H
#define DB_CHECK_H

#include "base/error.h"
#include "db/store.h"

#include <stdint.h>

#define CHECK_THREADS_MAX 8    /* that hash; a disk seldom feeds more */
#define CHECK_BROKEN_MAX 65536 /* objects that one run repairs */

struct check {
    uint64_t blobs, nodes, frames, snapshots, layers, chains, images; /* looked at */
    uint64_t bytes;                                                   /* hashed */
    uint64_t bad;
    uint64_t repaired; /* objects that were dropped, for they are not what their names say */
    uint64_t lost;     /* contents that are told to be lost, those of earlier repairs included */
    /* Told of each thing that is not what its name says; one line of text. One call at a time. */
    void (*report)(void *arg, const char *text);
    /* Told now and then, one call at a time; may be NULL. */
    void (*progress)(void *arg, const struct check *check);
    void *arg;
};

/* Check SQLite's own structure, blobs, nodes, frames and snapshots, and what refers to these; by as many threads as
 * there are processors, at most CHECK_THREADS_MAX. What goes meanwhile (collect.h) is not bad. 0 also when things are
 * bad: check->bad counts them.
 */
int store_check(struct check *check, struct store *store, struct error *err);

/* The same, and then what is not what its name says goes, so that what remains is true:
 *
 * - a content: it is lost from here on. Who reads it gets an error; what refers to it stays. The snapshots that hold it
 *   are reported. Who imports it again heals it.
 * - a frame as received, or a chunk of it: the snapshots stay, without it.
 * - a node: it, all above it, and the snapshots, layers, chains and images of these, which are reported. Importing them
 *   again brings them back, under their ids.
 *
 * What SQLite itself finds damaged nobody repairs. */
int store_repair(struct check *check, struct store *store, struct error *err);

/* In check_images.c: layers, chains, images, tags and what waits. */
int check_images(struct check *check, struct store *store, struct error *err);

/* Inside db: report one thing. */
void check_bad(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* In repair.c: drop an object of a kind (blob, node, chunk or frame). */
int repair_object(struct check *check, struct store *store, int kind, int64_t id, struct error *err);

/* In repair.c, after the last one: what refers to rows that are not there. */
int repair_references(struct check *check, struct store *store, struct error *err);

#endif
