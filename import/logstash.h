/* logstash.h - a whole frame as one object: {"file":{key:{…},…},…,"metadata":{…}}. */
#ifndef IMPORT_LOGSTASH_H
#define IMPORT_LOGSTASH_H

#include "import/record.h"

/* Members of an object, each name once, in the order of their names. All zero at first, used again. */
struct members {
    struct buffer names, list;
};

struct logstash {
    struct members types, records;
};

void logstash_free(struct logstash *logstash);

/* The metadata first, then types and keys in order. Of members with one name the last counts, as everywhere in JSON. */
int logstash_read(struct logstash *logstash, const char *text, size_t size, record_sink sink, void *arg,
                  struct error *err);

/* A file record again, from the member `"path": {…}` that it was. */
int logstash_read_again(struct record *record, struct logstash *logstash, const char *text, size_t size,
                        struct error *err);

#endif
