/* dialect.h - from the lines of a frame to its records, in each dialect that crawlers write.
 *
 * Each line says by itself what it is, so a stream may hold frames of several dialects:
 *
 *     type TAB "key" TAB {value}                              csv (csv_row.h: also the quoting of version 0.1)
 *     {"…":…, "feature_type":"…", "namespace":"…"}            json: the key is dropped, record_key.h makes it again
 *     {"feature_type":…, "feature_key":…, "feature_val":…}    what is sent to fluentd
 *     {"file":{…}, …, "metadata":{…}}                         logstash: a whole frame (logstash.h)
 *     {…} with values that are no objects                     json: the metadata
 */
#ifndef IMPORT_DIALECT_H
#define IMPORT_DIALECT_H

#include "import/record.h"

struct dialect;

struct dialect *dialect_new(void); /* NULL: out of memory */
void dialect_free(struct dialect *dialect);

/* Hand the records of one line (with or without its end) to `sink`. RECORD_BROKEN, or what the sink returned. */
int dialect_read(struct dialect *dialect, const char *line, size_t size, record_sink sink, void *arg,
                 struct error *err);

/* The same record from its `text`; valid until the next call. */
int dialect_read_again(struct record *record, struct dialect *dialect, const char *text, size_t size,
                       struct error *err);

#endif
