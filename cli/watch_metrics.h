/* watch_metrics.h - what `confuse watch` counted, as a text file for Prometheus (text exposition format 0.0.4). */
#ifndef CLI_WATCH_METRICS_H
#define CLI_WATCH_METRICS_H

#include "base/error.h"

#include <stdint.h>

/* Since the start. */
struct watch_metrics {
    uint64_t files;     /* imported */
    uint64_t snapshots; /* of them, that were new */
    uint64_t bytes;     /* of the files, as they lay there */
    uint64_t rejected;  /* files that were bad */
    uint64_t failures;  /* of the store or the system; such a file is tried again */
    uint64_t import_ns; /* spent importing */
    uint64_t pending;   /* files that wait now */
    uint64_t newest;    /* ns: the newest time of a capture; 0: none yet */
    uint64_t last;      /* ns: when a file was imported last; 0: not yet */
};

/* Write them beside the file and rename that: who reads it sees one state or the next. */
int watch_metrics_write(const struct watch_metrics *metrics, const char *path, struct error *err);

#endif
