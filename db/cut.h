/* cut.h - writing a directory (or a set of features, or the groups of links): items come in rising order, are cut into
 * nodes by the content of their keys, and lists of nodes are cut in the same way until one node is left.
 *
 * Where to cut is decided by SHA-256 of a node's first key, so that a change in one place moves no cut elsewhere; and
 * in any case after 64 items, since names are chosen by attackers. Memory: the unfinished node of each level.
 */
#ifndef DB_CUT_H
#define DB_CUT_H

#include "db/node.h"

struct cutter;

int cutter_new(struct cutter **cutter, struct store *store, enum node_kind kind, struct error *err);
void cutter_free(struct cutter *cutter);

/* Add one item; keys must rise (names strictly). What is pointed to is copied. */
int cutter_add_entry(struct cutter *cutter, const struct entry *entry, const struct entry_digests *digests,
                     struct error *err);
int cutter_add_feature(struct cutter *cutter, const struct feature *feature, struct error *err);
int cutter_add_group(struct cutter *cutter, const struct link_group *group, struct error *err);

/* Write what is left; *out is the whole. The cutter is empty afterwards and may be used again. */
int cutter_finish(struct node_ref *out, struct cutter *cutter, struct error *err);

#endif
