/* publish.h - inside db: the one durable transaction that makes something visible. */
#ifndef DB_PUBLISH_H
#define DB_PUBLISH_H

#include "db/layer.h"
#include "db/snapshot.h"

/* What goes with a snapshot, in its transaction. Either function may be NULL. */
struct publication {
    int (*before)(void *arg, struct snapshot *snapshot, struct store *store,
                  struct error *err); /* it refers to these */
    int (*after)(void *arg, const struct snapshot *snapshot, struct store *store, struct error *err); /* these to it */
    void *arg;
};

/* snapshot_publish() with what goes with it. */
int publish(bool *is_new, struct snapshot *snapshot, const struct publication *with, struct store *store,
            struct error *err);

/* A child of a virtual directory ("/snap") was added at this time, ns: its own moves. */
int publish_touch(struct store *store, const char *directory, uint64_t time, struct error *err);

/* In layer.c: layers or chains get their rows, where they have none yet; fills their numbers. */
int publish_layers(struct layer *layers, size_t count, enum layer_kind kind, struct store *store, struct error *err);

/* The same for chains, bottom first, each of which is the one before (the first: `below`, a number, 0: nothing) with
 * one more of the layers, which have their rows. */
int publish_chains(struct layer *chains, const struct layer *alone, size_t count, int64_t below, struct store *store,
                   struct error *err);

#endif
