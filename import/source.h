/* source.h - the text of an input, plain or gzip, as lines.
 *
 * What is gzip is told by its content (gunzip.h).
 */
#ifndef IMPORT_SOURCE_H
#define IMPORT_SOURCE_H

#include "base/error.h"
#include "import/input.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A longer line is an error. The longest real ones are dockerinspect and logstash frames, of a few MiB. */
#define SOURCE_LINE_MAX ((size_t)64 << 20) /* bytes, with the line's end */

struct source;

struct line {
    const char *bytes; /* borrowed until the next call */
    size_t size;       /* with the newline, if it has one */
    uint64_t number;   /* from 1 */
};

/* The input is the source's from now on (also when this fails). */
int source_open(struct source **source, struct input *input, struct error *err);

void source_close(struct source *source);

/* For messages. */
const char *source_name(const struct source *source);

/* The next line: 1, or 0 at the end. */
int source_next_line(struct line *line, struct source *source, struct error *err);

/* At the end: did it come in the middle of a gzip member? */
bool source_is_cut_short(const struct source *source);

/* Bytes consumed so far, of the file: so it may be set against its size. */
uint64_t source_position(const struct source *source);

/* Of that file; 0: it is none, and nobody knows. */
uint64_t source_size(const struct source *source);

#endif
