/* scan_verdict.h - a verdict as the cache holds it: a line of JSON, and behind it a line with its signature, if there
 * is a key (doc/FORMAT.md, "Verdicts").
 */
#ifndef CLI_SCAN_VERDICT_H
#define CLI_SCAN_VERDICT_H

#include "cli/scan_adapter.h"
#include "cli/scan_place.h"

#define SCAN_OUTPUT_KEPT 4096 /* bytes of what was said of a file, in its verdict */

/* The document of a judgement. Error (-EFBIG): it is too large, which an inventory can be. */
int scan_verdict_write(struct buffer *document, const struct scan_scanner *scanner, const char *name,
                       const struct scan_judgement *judgement, const struct scan_process *process, struct error *err);

/* Take the document of an entry: its state, and its findings (or the inventory's bytes) into `text`. False: it is none
 * of ours, or not signed by our key, or broken. */
bool scan_verdict_read(enum scan_state *state, struct buffer *text, const struct scan_scanner *scanner, const char *key,
                       const char *name, const struct buffer *document);

#endif
