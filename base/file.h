/* file.h - files without a name, and writes that are whole. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>
#include <stdint.h>

/* An empty file on the disk that `directory` is on, to read and write, gone when it is closed; the fd or a negative
 * errno. */
int file_open_unnamed(const char *directory);

/* All bytes, at this offset (the file's position is neither used nor moved): 0 or a negative errno. */
int file_write_all(int fd, const void *bytes, size_t size, uint64_t offset);

#endif
