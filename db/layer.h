/* layer.h - what images are made of: layers by themselves, by diffID, and chains (an image after some of its layers),
 * by chainID. Both are trees with their hard links; a chain is merged once, ever, and every image on it shares it.
 */
#ifndef DB_LAYER_H
#define DB_LAYER_H

#include "base/digest.h"
#include "base/error.h"
#include "db/node.h"
#include "db/store.h"

#include <stdbool.h>

enum layer_kind {
    LAYER_ALONE, /* digest: diffID, SHA-256 of its uncompressed tar; whiteouts are entries, named as in the tar */
    LAYER_CHAIN, /* digest: chainID (OCI image specification) */
};

struct layer {
    int64_t number; /* of its row: rises, never repeats; 0: not published */
    struct digest digest;
    struct node_ref root; /* the leaf that holds the root's entry alone, named "" */
    struct node_ref links;
    struct node_ref notes; /* features: what could not become part of it (of a chain: nor of those below) */
};

/* -ENOENT: it is not here (err not filled). */
int layer_find(struct layer *layer, struct store *store, enum layer_kind kind, const struct digest *digest,
               struct error *err);
int layer_find_number(struct layer *layer, struct store *store, enum layer_kind kind, int64_t number,
                      struct error *err);

/* Visit those of a kind by rising number, those after `after`; a visitor's non-zero value ends the visit. */
int layer_visit(struct store *store, enum layer_kind kind, int64_t after,
                int (*visit)(void *arg, const struct layer *layer), void *arg, struct error *err);

/* The chainID of a layer on top of a chain (NULL: of nothing, and the chainID is the diffID). False: out of memory. */
bool layer_chain_id(struct digest *chain, const struct digest *below, const struct digest *diffid);

#endif
