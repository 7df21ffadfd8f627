/* record.h - one record of a frame, whatever dialect it came in. */
#ifndef IMPORT_RECORD_H
#define IMPORT_RECORD_H

#include "base/error.h"
#include "import/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* A type is a word ("file", "package"); the longest real one has 14 bytes. It becomes a file's name elsewhere. */
#define RECORD_TYPE_MAX 255

struct record {
    const char *type, *key; /* their bytes, decoded; borrowed */
    size_t type_size, key_size;
    struct json_span value; /* JSON text, not checked yet */
    struct json_span text;  /* the part of the line from which record_again() makes the same record */
    bool enveloped;         /* the value is an object with members (record_envelope) that are no part of it */
};

/* Members that the json dialect adds to each feature's own; ended by NULL. */
extern const char *const record_envelope[];

/* Takes one record; a negative value ends the reading. */
typedef int (*record_sink)(void *arg, const struct record *record, struct error *err);

/* What a broken record gives: the text in *err says what is wrong, and whoever knows the file and the line adds them.
 */
#define RECORD_BROKEN (-EILSEQ)

/* *err from a cursor that failed in a part ("key", "value") of a record. */
int record_broken(struct error *err, const char *part, const struct json *json);

static inline bool record_is(const struct record *record, const char *type)
{
    return record->type_size == strlen(type) && memcmp(record->type, type, record->type_size) == 0;
}

#endif
