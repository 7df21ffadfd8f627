/* file_record.h - from the value of a `file` record to the entry it stands for. */
#ifndef IMPORT_FILE_RECORD_H
#define IMPORT_FILE_RECORD_H

#include "db/entry.h"
#include "import/record.h"

/* The fields that make the entry. atime and ctime are no part of a tree, the path is the record's key. */
enum file_field {
    FILE_GID,
    FILE_LINKSTO,
    FILE_MODE,
    FILE_MTIME,
    FILE_SIZE,
    FILE_TYPE,
    FILE_UID,
    FILE_FIELDS,
};

const char *file_field_name(enum file_field field);

/* Owner and group of what has none that can be told: "nobody", as NFS servers use it. */
#define FILE_ID_UNKNOWN 65534u

#define FILE_CTIME_UNKNOWN UINT64_MAX

struct file_record {
    struct entry entry; /* no name; the target is borrowed from the record's text or from `strings` */
    unsigned unknown;   /* bit 1 << field: missing, no number, not finite, or out of range */
    uint64_t size;      /* as recorded */
    uint64_t ctime;     /* ns */
    struct buffer strings;
};

/* Fill everything but `strings`, which holds what has escapes (all zero at first, used again, freed by the caller).
 * RECORD_BROKEN: the value is no JSON, or no object. */
int file_record_read(struct file_record *file, const struct json_span *value, struct error *err);

/* A number's text that is an integer from 0 to 2^63 - 1; a fraction is cut off. */
bool file_number_parse(uint64_t *number, const char *text, size_t size);

#endif
