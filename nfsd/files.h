/* files.h - the blob files that one worker has open, so that a large file is opened once and not at each READ.
 *
 * Blob ids are never used twice, so an open file never turns into other bytes. Direct-mapped and small: it serves those
 * files that are being read now.
 */
#ifndef NFSD_FILES_H
#define NFSD_FILES_H

#include <stdint.h>

#define OPEN_FILES 32 /* descriptors a worker keeps; a power of two */

struct open_file {
    int64_t blob; /* id; 0: none */
    uint64_t size;
    int fd;
};

struct open_files {
    struct open_file slots[OPEN_FILES];
};

/* The open file of a blob, or NULL. */
const struct open_file *files_find(const struct open_files *files, int64_t blob);

/* Keep an fd (taken over) in place of what has its slot. */
const struct open_file *files_keep(struct open_files *files, int64_t blob, uint64_t size, int fd);

/* Close all: a file that was removed from the store gives its space back only when nobody has it open. */
void files_close(struct open_files *files);

#endif
