/* veneer.h - the veneer: what a frame's features tell as the files that a running system would have shown
 * (doc/VENEER.md). What was captured wins over what is made, and so does an image's file.
 *
 *     veneer_make()   features to made files, in a journal, and notes on what they were made from: of the frame alone
 *     veneer_lay()    the journal over a tree, wherever that has nothing, or a file without content
 *
 * A frame's tree is first written without the veneer, joined with its image where that is here, and then laid over. So
 * both ways to a join (join.h) end at the same tree.
 */
#ifndef IMPORT_VENEER_VENEER_H
#define IMPORT_VENEER_VENEER_H

#include "db/node.h"
#include "import/journal.h"

/* What is made changes with this number, and only with it. */
#define VENEER_VERSION 2u

struct frame;

/* Add made files to the journal; their contents go into the store. The frame's contents are stored, its features are
 * not. */
int veneer_make(struct journal *journal, struct frame *frame, struct error *err);

/* Lay what a journal holds over a tree; *root and *links are the result's. A file without content gets the made one and
 * keeps its mode, owner and time. */
int veneer_lay(struct node_ref *root, struct node_ref *links, struct journal *journal, struct store *store,
               struct error *err);

/* The version that a snapshot's veneer was made by. -ENOENT (err not filled): it has none. */
int veneer_version(uint64_t *version, struct store *store, int64_t features, struct error *err);

#endif
