/* jsonl.h - writing one JSON object a line, as --json and the .jsonl files have it.
 *
 *     jsonl_begin(&line);
 *     jsonl_text(&line, "path", path, size);
 *     jsonl_number(&line, "size", 42);
 *     jsonl_end(&line);                       {"path":"/etc","size":42} and a newline
 */
#ifndef BASE_JSONL_H
#define BASE_JSONL_H

#include "base/buffer.h"

void jsonl_begin(struct buffer *line);
void jsonl_end(struct buffer *line);

/* A key of any origin and its colon; the value follows. */
void jsonl_key(struct buffer *line, const void *bytes, size_t size);

/* Members. Names are ours: plain ASCII, nothing to escape. */
void jsonl_text(struct buffer *line, const char *name, const void *bytes, size_t size);
void jsonl_string(struct buffer *line, const char *name, const char *text);
void jsonl_number(struct buffer *line, const char *name, uint64_t value);
void jsonl_bool(struct buffer *line, const char *name, bool value);
void jsonl_hex(struct buffer *line, const char *name, const void *bytes, size_t size);
void jsonl_time(struct buffer *line, const char *name, uint64_t ns);                  /* RFC 3339 */
void jsonl_raw(struct buffer *line, const char *name, const void *json, size_t size); /* is JSON already */

/* A member that is a list of strings: begun, its items, ended. */
void jsonl_list(struct buffer *line, const char *name);
void jsonl_item(struct buffer *line, const void *bytes, size_t size);
void jsonl_list_end(struct buffer *line);

#endif
