/* quote.h - bytes of any origin as text that is safe to show and to parse. */
#ifndef BASE_QUOTE_H
#define BASE_QUOTE_H

#include "base/buffer.h"

/* A JSON string, quotes included. What is no valid UTF-8 becomes \udcXX a byte, as Python's surrogateescape has it, so
 * that every name of every file system survives; this is also the canonical form of doc/FORMAT.md. */
void quote_json(struct buffer *out, const void *bytes, size_t size);

/* For people: control characters and what is no valid UTF-8 become \xXX, a backslash \\. No quotes around it. */
void quote_text(struct buffer *out, const void *bytes, size_t size);

#endif
