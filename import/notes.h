/* notes.h - what an import has to say about a path: records of type "~note" among a snapshot's features.
 *
 * A note says nothing but what the frame itself holds (no line, no file name), since it is part of the snapshot's id.
 */
#ifndef IMPORT_NOTES_H
#define IMPORT_NOTES_H

#include "import/record_set.h"
#include "tree/features.h"
#include "tree/known.h"

#define NOTE_VENEER "veneer" /* about the whole frame: which version of the veneer it has */
#define NOTE_MADE "made"
#define NOTE_FILLED "filled" /* a file without content that got a made one */

/* Which record a note is about. */
struct noted {
    const char *path; /* NULL: about the whole frame */
    size_t size;
};

/* {"record":R,"what":"left-out","why":W}: a file or config record that the tree cannot show. */
int note_left_out(struct record_set *features, struct noted noted, const char *record, const char *why,
                  struct error *err);

/* {"record":R,"what":"duplicate"}: another record of this path came before and says something else. */
int note_duplicate(struct record_set *features, struct noted noted, const char *record, struct error *err);

/* {"fields":[F,…],"what":"unknown"}: missing, no number, not finite, or out of range. `fields`: names, ended by NULL.
 * One note a record, so that a small record cannot make many. */
int note_unknown(struct record_set *features, struct noted noted, const char *const *fields, struct error *err);

/* {"held":H,"size":S,"what":W}: content (or link target) of H bytes where the record says S. W: "lossy", "other-time",
 * "target-size", "filled". */
int note_size(struct record_set *features, struct noted noted, const char *what, uint64_t held, uint64_t size,
              struct error *err);

/* {"what":W}: what is to be known of a path when an image is laid below the frame (tree/known.h has the words). */
int note_join(struct record_set *features, struct noted noted, const char *what, struct error *err);

/* {"time":T,"what":"created"}: since when (ns) the container was there; about the whole frame. */
int note_created(struct record_set *features, uint64_t time, struct error *err);

/* {"from":[F,…],"what":"made"}: what stands here or below is made from records of these types, ended by NULL. */
int note_made(struct record_set *features, struct noted noted, const char *const *from, struct error *err);

/* {"count":N,"record":R,"what":"not-rendered","why":W}: so many records cannot be seen in made files. */
int note_not_rendered(struct record_set *features, const char *record, const char *why, uint64_t count,
                      struct error *err);

/* {"version":V,"what":"veneer"}; about the whole frame. */
int note_veneer(struct record_set *features, uint64_t version, struct error *err);

/* {"what":"partial","why":W}: the frame was cut short. */
int note_partial(struct record_set *features, const char *why, struct error *err);

/* {"what":W} or {"what":W,"why":Y} (NULL: none): what a directory could not give. W: "changed", "left-out",
 * "not-entered", "unreadable", "vanished", "xattr-unreadable". */
int note_capture(struct record_set *features, struct noted noted, const char *what, const char *why, struct error *err);

#endif
