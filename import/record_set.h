/* record_set.h - the records that a snapshot keeps as records: sorted by type, key and value, each once.
 *
 * Their values wait in a spool; in memory is what sorting needs, some 40 bytes and the key of each.
 */
#ifndef IMPORT_RECORD_SET_H
#define IMPORT_RECORD_SET_H

#include "base/buffer.h"
#include "base/error.h"
#include "db/node.h"
#include "db/store.h"
#include "import/spool.h"

/* All zero but the spool (borrowed) is a set without records. */
struct record_set {
    struct spool *values;
    size_t size_max;    /* bytes of memory, 0: any; more is an error (-EBADMSG) */
    const char *source; /* for the message of that */
    struct buffer names, list;
    size_t type, type_size; /* of the record added last, in names: types come in runs */
};

void record_set_free(struct record_set *set);

/* The value is canonical JSON. What is pointed to is copied. */
int record_set_add(struct record_set *set, const struct feature *feature, struct error *err);

/* Visit all of them in order, after sorting them; exact duplicates come once. A non-zero value ends the visit. */
int record_set_visit(struct record_set *set, int (*visit)(void *arg, const struct feature *feature, struct error *err),
                     void *arg, struct error *err);

/* Write them into the store; *out is the whole set. */
int record_set_write(struct node_ref *out, struct record_set *set, struct store *store, struct error *err);

#endif
