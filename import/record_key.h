/* record_key.h - the key of a record in the json dialect, which drops it: made again from the record's fields. */
#ifndef IMPORT_RECORD_KEY_H
#define IMPORT_RECORD_KEY_H

#include "import/json.h"

/* Append the key of a record of a type. `ordinal`: how many records of this type came before (for "cpu-N"). Where the
 * fields do not hold what the key was made of (interface, diskio, unknown types) it stays empty. */
void record_key_rebuild(struct buffer *key, const struct json_string *type, const struct json_span *value,
                        unsigned ordinal);

/* Does the key of this type depend on the ordinal? */
bool record_key_counts(const struct json_string *type);

#endif
