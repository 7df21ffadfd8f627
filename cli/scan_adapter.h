/* scan_adapter.h - what a scanner's output says of each of the files that it was given.
 *
 * An adapter is a row of a table. Output is judged strictly: a file of which nothing (or something unknown) was said
 * has no verdict. Never is silence taken for "clean" where the scanner would have spoken.
 */
#ifndef CLI_SCAN_ADAPTER_H
#define CLI_SCAN_ADAPTER_H

#include "cli/scan.h"
#include "cli/scan_process.h"

#include <limits.h>

#define SCAN_FINDINGS_MAX 64      /* of one content; the rest is counted by one more */
#define SCAN_FINDING_SIZE_MAX 256 /* bytes of one */

/* What a run said of one file. */
struct scan_judgement {
    char path[PATH_MAX];    /* as the command was given it */
    enum scan_state state;  /* SCAN_UNKNOWN: nothing that counts */
    struct buffer findings; /* one a line, bytes of any kind */
    size_t finding_count;
    struct buffer output; /* what was said of it */
};

struct scan_adapter {
    const char *name; /* of the program as well, which it is the default for */
    void (*judge)(struct scan_judgement *files, size_t count, const struct scan_process *process, int findings_exit);
};

/* Append one to `findings`: cut, and without what would end it. */
void scan_finding_add(struct buffer *findings, const void *bytes, size_t size);

/* By --adapter's name; NULL: there is none. */
const struct scan_adapter *scan_adapter_find(const char *name);

/* For a program, by its path: its own, or the one that goes by the exit status. */
const struct scan_adapter *scan_adapter_for(const char *program);

/* May a file of this path share a run with others? Else its name could be read as something about another one. */
bool scan_adapter_plain(const char *path);

#endif
