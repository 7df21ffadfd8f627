/* capture.h - frames for tests: as big as is asked for, the same in each run. */
#ifndef TESTS_E2E_CAPTURE_H
#define TESTS_E2E_CAPTURE_H

#include <stdio.h>

struct capture {
    const char *namespace;
    unsigned version;  /* another version differs in a few files only */
    unsigned files;    /* file records, 100 a directory */
    unsigned contents; /* of these, with content: small ones … */
    unsigned
        large_each; /* … and each so many a large one, of 70 to 200 KiB, which becomes a file of the store; 0: none */
};

/* Write a csv frame. Returns the bytes written. */
size_t capture_write(FILE *out, const struct capture *capture);

#endif
