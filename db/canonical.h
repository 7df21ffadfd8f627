/* canonical.h - the canonical bytes of nodes and their items, and of a snapshot's id: what digests are taken of.
 *
 * doc/FORMAT.md describes the same bytes for a second implementation; tests/golden holds examples of both.
 */
#ifndef DB_CANONICAL_H
#define DB_CANONICAL_H

#include "base/buffer.h"
#include "db/node.h"
#include "db/snapshot.h"

/* Bytes before a node's items. The count of items is known last, so the header is written by canonical_node_header()
 * over room that canonical_node_begin() left. */
#define CANONICAL_NODE_HEADER 8

void canonical_node_begin(struct buffer *out);
void canonical_node_header(struct buffer *out, enum node_kind kind, unsigned level, unsigned count);

void canonical_child(struct buffer *out, const struct node_child *child);
void canonical_entry(struct buffer *out, const struct entry *entry, const struct entry_digests *digests);
void canonical_feature(struct buffer *out, const struct feature *feature, const struct digest *value);
void canonical_group(struct buffer *out, const struct link_group *group);

void canonical_snapshot(struct buffer *out, const struct snapshot *snapshot);

#endif
