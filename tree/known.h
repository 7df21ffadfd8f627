/* known.h - how the content of a snapshot's files is known. Trees do not hold where content came from: it is found by
 * comparing with the image's chain, and the rest stands in notes, which the import made of the frame alone.
 *
 *     captured         it is what was captured
 *     image            the image's, and nothing happened to the file since its container was created
 *     image-unproven   the image's; type, size and mtime agree, which can be forged, or nothing at all tells of the
 * file made             nobody captured it, tools expect it lossy            captured, but some bytes were lost on the
 * way absent           it is there, and its content is not known
 *
 * One question costs a look into a directory of the chain, and none where a directory is the image's with all below it.
 */
#ifndef TREE_KNOWN_H
#define TREE_KNOWN_H

#include "db/snapshot.h"
#include "tree/walk.h"

/* What notes say ("what"). */
#define KNOWN_CAPTURED "captured"             /* a record held the content */
#define KNOWN_CHANGED "changed-after-created" /* the file's ctime is later than the container, or not told */
#define KNOWN_CREATED "created"               /* about all: when the container was created is told */
#define KNOWN_NO_RECORD "no-record"           /* content without a file record, so the attributes are made up */
#define KNOWN_NOT_CRAWLED "not-crawled"       /* nothing is told of this path and what is below it */

/* Notes that are held for one snapshot, and bytes of their paths. With more of them, none counts: nothing is proven.
 * Real frames have some hundred. */
#define KNOWN_NOTES_MAX (1u << 18)
#define KNOWN_TEXT_MAX (32u << 20)

struct known;

/* The reader is borrowed. Costs the notes of a snapshot that has an image. */
int known_new(struct known **known, struct tree_reader *reader, const struct snapshot *snapshot, struct error *err);
void known_free(struct known *known);

/* The word for an entry of the snapshot. Steps come in the order of a walk, which may begin anywhere. */
int known_of(const char **word, struct known *known, const struct tree_step *step, struct error *err);

#endif
