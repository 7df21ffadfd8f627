/* quote.h - bytes of any origin as text that is safe to show and to parse. */
#ifndef BASE_QUOTE_H
#define BASE_QUOTE_H

#include "base/buffer.h"

/* A JSON string, quotes included. What is no valid UTF-8 becomes \udcXX a byte, as Python's surrogateescape has it, so
 * that every name of every file system survives; this is also the canonical form of doc/FORMAT.md. */
void quote_json(struct buffer *out, const void *bytes, size_t size);

/* Bytes of the character at p, of which `left` > 0 are left, if it can be shown as it is: 0 for control characters, for
 * those that turn the direction of the text around them ("exe.fdp" reads as another name) or break its line, and for
 * what is no valid UTF-8. */
size_t quote_shown(const uint8_t *p, size_t left);

/* JSON that may reach a terminal: of what cannot be shown, line ends aside, characters become \uXXXX; it stays the same
 * JSON. */
void quote_json_shown(struct buffer *out, const void *json, size_t size);

/* For people: the bytes of what cannot be shown become \xXX, a backslash \\. No quotes around it. */
void quote_text(struct buffer *out, const void *bytes, size_t size);

#endif
