/* frame.h - one frame while it is read: private to the import room.
 *
 *     frames_read()                                        for each frame of a source:
 *         frame_take() each record, frame_add_raw() each line  no lock on the store, contents go to spools
 *         frame_arrange()                                      a tree, and what could not become part of it
 *         frame_store()                                        into the store, and published
 *
 * In memory are the tree's entries (builder.h), the keys of other records, and 32 bytes a file record.
 */
#ifndef IMPORT_FRAME_H
#define IMPORT_FRAME_H

#include "db/snapshot.h"
#include "import/builder.h"
#include "import/configs.h"
#include "import/dialect.h"
#include "import/file_record.h"
#include "import/import.h"
#include "import/join.h"
#include "import/prefix.h"
#include "import/record_set.h"
#include "import/spool.h"

#define FRAME_FILE "file" /* the two types of records that become part of the tree */
#define FRAME_CONFIG "config"

/* Where a file record came from, to read it again when it turns out that the tree cannot hold it. */
struct file_ref {
    uint64_t offset; /* of its text among the frame's bytes */
    uint64_t line;
    uint64_t ctime; /* ns, FILE_CTIME_UNKNOWN; 0: of what an image gives no content to */
    size_t size;
};

/* What a frame tells of its image and its container (frame_origin.c). */
struct origin {
    bool tells_image;           /* its metadata has something to say of it */
    char image[JOIN_NAME_SIZE]; /* "": it says nothing that can be an image */
    struct buffer container;    /* container_long_id */
    struct buffer inspected;    /* of each dockerinspect record: its key and when the container was created */
    struct buffer keys;
};

/* What the tree cannot hold, for the one warning at the end. */
struct left_out {
    uint64_t count, first_line;
    char first_why[256];
};

struct frame {
    const struct import_options *options;
    const char *name;      /* of the source, for messages */
    size_t prefix_size;    /* of options->strip_prefix */
    struct spool *raw;     /* the frame as received */
    struct spool *values;  /* canonical values, and contents */
    struct sha256 *sha;    /* of contents */
    struct dialect *again; /* the reader's own is in use while a frame is arranged */
    struct builder *builder;
    struct record_set features;
    struct configs configs;
    struct origin origin;
    struct common_prefix common;
    struct file_record file; /* the one being read */
    struct json_scratch scratch;
    struct buffer canonical, text;
    struct buffer files; /* struct file_ref; builder's tags are indexes */
    uint64_t line;       /* being read */
    uint64_t records;
    bool has_metadata, has_time, partial;
    bool has_files; /* a file record became part of the tree */
    uint64_t time;
    char *namespace; /* the metadata's, with bytes that may be no namespace; NULL: it has none */
    size_t namespace_size;
    struct left_out left_out;
};

/* `directory` is for spools, `name` for messages; both are borrowed. */
int frame_new(struct frame **frame, const struct import_options *options, const char *directory, const char *name,
              struct error *err);
void frame_free(struct frame *frame);

/* Takes a frame that was read; `cut_short` (NULL: it was not) is why it is partial. Non-zero ends the reading. */
typedef int (*frame_finish)(void *arg, struct frame *frame, const char *cut_short, struct error *err);

/* Read a source to its end, frame after frame. */
int frames_read(const struct import_options *options, const char *directory, struct source *source, frame_finish finish,
                void *arg, struct error *err);

/* One record, whose text begins `offset` bytes into the line that is being read. RECORD_BROKEN: its value is. */
int frame_take(struct frame *frame, const struct record *record, size_t offset, struct error *err);

/* The bytes of a line, after its records. */
int frame_add_raw(struct frame *frame, const char *bytes, size_t size, struct error *err);

/* Everything was read: settle the tree, find where contents belong. `cut_short` (NULL: it was not) is why the frame is
 * partial. Nothing of the store is used. */
int frame_arrange(struct frame *frame, const char *cut_short, struct error *err);

/* Write and publish. */
int frame_store(struct snapshot *snapshot, bool *is_new, struct frame *frame, struct error *err);

/* --- frame_origin.c ----------------------------------------------------------------------------------------------- */

/* What metadata and dockerinspect records tell of the image and the container. The records are sound. */
int frame_take_image(struct frame *frame, const struct record *metadata, struct error *err);
int frame_take_inspect(struct frame *frame, const struct record *record, struct error *err);

/* Notes that a join goes by, of the settled tree. They are the same whether the image is here or not, since they are
 * part of the snapshot's id. */
int frame_note_origin(struct frame *frame, struct error *err);

/* Each path of the tree that the frame, or who imports it, says nothing of: what is there is unknown. */
int frame_visit_unknown(struct frame *frame,
                        int (*visit)(struct frame *frame, const char *path, size_t size, struct error *err),
                        struct error *err);

void origin_free(struct origin *origin);

/* --- frame.c ------------------------------------------------------------------------------------------------------ */

/* Read a record again that came before. Valid until the next one is. */
int frame_read_again(struct record *record, struct frame *frame, const struct file_ref *ref, struct error *err);

/* For those who assemble: the canonical text of a record's value in frame->canonical. */
int frame_canonical(struct frame *frame, const struct record *record, struct error *err);

/* A member of a record's value that is a string, decoded into frame->text, a NUL behind it. 1, or 0: there is none. */
int frame_find_text(struct frame *frame, const struct record *record, const char *name, bool *lone, struct error *err);

/* Keep the record whose canonical value is in frame->canonical among the features. */
int frame_keep(struct frame *frame, const char *type, size_t type_size, const char *key, size_t key_size,
               struct error *err);

/* The same, with the note and the count (or the error) of a record that the tree cannot hold. */
int frame_leave_out(struct frame *frame, const char *type, const char *key, size_t key_size, uint64_t line,
                    const char *why, struct error *err);

/* Is a record's path one that the tree can hold? *path and *size are then the path in the tree; else why not. */
const char *frame_path_problem(const char **path, size_t *size, const struct frame *frame);

#endif
